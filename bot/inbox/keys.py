"""Names of everything that the inbox keeps in Redis.

Streams are sharded by conversation, so that one consumer at a time holds a shard and order is kept within a
conversation. The outbox has shards of its own for each channel: a throttled platform then delays only itself.
"""

from binascii import crc32
from dataclasses import dataclass

from bot.channels.vocabulary import ChannelName

WORKERS = "workers"
SENDERS = "senders"
MESSAGE_LOG = "message-log"

DEAD_LETTERS = "parvis:dead-letters"

OWNED = "parvis:owned"
"""Sorted set of the conversations that a person has, by the time in ms of the person's last sign."""

OWNERSHIP = "parvis:ownership"
"""Stream of what changes in the ownership of conversations, and of replies withheld because of it."""

DESK = "desk"


@dataclass(frozen=True)
class Layout:
    """How many shards each stream has. Every process of an installation must agree on it."""

    shards: int

    def shard_of(self, conversation_id: str) -> int:
        return crc32(conversation_id.encode()) % self.shards

    def inbox(self, conversation_id: str) -> str:
        return f"parvis:inbox:{self.shard_of(conversation_id)}"

    def outbox(self, channel: ChannelName, conversation_id: str) -> str:
        return f"parvis:outbox:{channel}:{self.shard_of(conversation_id)}"

    def inbox_streams(self) -> list[str]:
        return [f"parvis:inbox:{shard}" for shard in range(self.shards)]

    def outbox_streams(self, channel: ChannelName) -> list[str]:
        return [f"parvis:outbox:{channel}:{shard}" for shard in range(self.shards)]

    def groups(self) -> list[tuple[str, str]]:
        """Every (stream, consumer group) that must exist before anything is appended or trimmed."""
        inbox = [(stream, group) for stream in self.inbox_streams() for group in (WORKERS, MESSAGE_LOG)]
        outbox = [
            (stream, group)
            for channel in ChannelName
            for stream in self.outbox_streams(channel)
            for group in (SENDERS, MESSAGE_LOG)
        ]
        return [*inbox, *outbox, (OWNERSHIP, DESK)]


def seen(conversation_id: str, message_id: str) -> str:
    return f"parvis:seen:{conversation_id}:{message_id}"


def echo_of_reply(reply_id: str) -> str:
    """The platform's id of a reply whose echo came back with our own id."""
    return f"parvis:echo:{reply_id}"


def echoes_in(conversation_id: str) -> str:
    """Hash of the echoes that carry no id of ours: platform's message id → ``time|digest of the text``."""
    return f"parvis:echoes:{conversation_id}"


def sent(conversation_id: str) -> str:
    """Sorted set of the platform's ids of what we sent, by time."""
    return f"parvis:sent:{conversation_id}"


def expected(conversation_id: str) -> str:
    """Sorted set of the digests of texts that we sent or are sending, by time: an echo that matches is ours."""
    return f"parvis:expected:{conversation_id}"


def attempt(reply_id: str) -> str:
    return f"parvis:attempt:{reply_id}"


def said(reply_id: str) -> str:
    """Words of an agent or of the desk that are in the outbox, so that they enter it once."""
    return f"parvis:said:{reply_id}"


def lease(group: str, stream: str) -> str:
    return f"parvis:lease:{group}:{stream}"


def members(group: str, first_stream: str) -> str:
    """The living consumers that share a set of streams, which its first one names."""
    return f"parvis:members:{group}:{first_stream}"


def holding(conversation_id: str) -> str:
    return f"parvis:holding:{conversation_id}"


def human(conversation_id: str) -> str:
    """Who has the conversation, ``agent:name`` or ``inbox`` (``bot.inbox.owners``); absent while the assistant has."""
    return f"parvis:human:{conversation_id}"


def events(conversation_id: str) -> str:
    """The conversation as the assistant knows it. Rasa reads it."""
    return f"parvis:events:{conversation_id}"


def version(conversation_id: str) -> str:
    """Name of the state that ``events`` is in."""
    return f"parvis:version:{conversation_id}"


def memory(conversation_id: str) -> str:
    """Hash of what the worker remembers of a conversation: ``silent``, ``language``, ``choices`` last offered."""
    return f"parvis:memory:{conversation_id}"


def recalled(conversation_id: str) -> tuple[str, str, str]:
    """What the worker must know before a turn, in the order of ``memory.lua``."""
    return human(conversation_id), memory(conversation_id), version(conversation_id)


def allowance(channel: str, account_id: str) -> str:
    return f"parvis:allowance:{channel}:{account_id}"


def pause(channel: str, account_id: str) -> str:
    return f"parvis:pause:{channel}:{account_id}"


def webhook_state(channel: str, account_id: str) -> str:
    return f"parvis:webhook:{channel}:{account_id}"
