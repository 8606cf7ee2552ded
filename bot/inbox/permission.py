"""May a message go out now? The sender asks before each call, and the worker as it puts a reply in the outbox: a reply
that may go out at once is then on its way without another question. What decides is in ``scripts/permission.lua``.
"""

from bot.channels.base import Channel
from bot.channels.vocabulary import OutboundMessage
from bot.inbox import keys
from bot.inbox.echoes import digest


def permission_keys(channel: Channel, message: OutboundMessage) -> tuple[str, str, str, str]:
    """In the order of the script."""
    return (
        keys.pause(channel.name, channel.account_id),
        keys.allowance(channel.name, channel.account_id),
        keys.attempt(message.reply_id),
        keys.expected(message.conversation_id),
    )


def permission_arguments(channel: Channel, message: OutboundMessage) -> tuple[float, str]:
    """How many messages a second the channel may send (0: its headers alone tell), and the digest of the text."""
    return channel.sends_per_second or 0, digest(message.text)
