"""Stands in for Messenger, X and the team's mailbox, with the platforms' own protocols.

It is its own process and knows nothing of the rest of the project: what passes here is what would pass on the internet.
"""
