"""Messenger, by Meta: the Messenger Platform of the Graph API."""

from bot.channels.messenger.channel import MessengerChannel

__all__ = ["MessengerChannel"]
