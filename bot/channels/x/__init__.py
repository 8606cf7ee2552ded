"""X: direct messages of the X API v2."""

from bot.channels.x.channel import XChannel

__all__ = ["XChannel"]
