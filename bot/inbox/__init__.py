"""Durable streams between the platforms and the assistant: inbox, outbox, dead letters, and the loops over them."""
