"""The gateway: receives webhooks, and answers before anything else happens."""
