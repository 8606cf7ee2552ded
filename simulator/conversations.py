"""What both sides of every conversation have said, as the platform itself remembers it. Kept in memory, bounded."""

import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

ChannelName = Literal["messenger", "x"]
MAX_CONVERSATIONS = 2_000
MAX_MESSAGES = 500
TYPING_SECONDS = 20.0
"""Messenger drops the dots after 20 s (developers.facebook.com, Messenger Platform, sender actions)."""

_FIRST_NAMES = (
    "Camille", "Noé", "Inès", "Louis", "Jade", "Adam", "Léa", "Hugo", "Zoé", "Malik", "Chloé", "Sacha",
    "Emma", "Oscar", "Nora", "Jules", "Alice", "Ravi", "Lina", "Tom", "Sofia", "Arthur", "Maya", "Paul",
)  # fmt: skip


class Status(StrEnum):
    """Of a customer's message: has the brand's webhook taken it?"""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after minutes of tries."""
    UNSENT = "unsent"
    """No valid webhook is subscribed, so none was called."""


@dataclass(slots=True)
class Message:
    """``at`` and ``delivered_at`` are UTC seconds since the epoch.

    ``messaging_type`` and ``tag`` are those under which the brand's application sent it on Messenger.
    """

    id: str
    sender: Literal["user", "brand"]
    text: str | None
    at: float
    quick_replies: list[dict[str, str]] = field(default_factory=list)
    attachment: str | None = None
    payload: str | None = None
    origin: Literal["customer", "application", "inbox"] = "customer"
    metadata: str | None = None
    messaging_type: str | None = None
    tag: str | None = None
    status: Status | None = None
    delivered_at: float | None = None
    seen: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "from": self.sender,
            "text": self.text,
            "quick_replies": self.quick_replies,
            "at": self.at,
            "attachment": self.attachment,
            "payload": self.payload,
            "origin": self.origin,
            "metadata": self.metadata,
            "messaging_type": self.messaging_type,
            "tag": self.tag,
            "status": self.status,
            "delivered_at": self.delivered_at,
            "seen": self.seen,
        }


@dataclass(slots=True)
class Conversation:
    channel: ChannelName
    user: str
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES))
    typing_until: float = 0.0
    last_user_at: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.channel}:{self.user}"

    @property
    def name(self) -> str:
        digest = hashlib.sha256(self.user.encode()).digest()
        return _FIRST_NAMES[digest[0] % len(_FIRST_NAMES)]

    def find(self, message_id: str) -> Message | None:
        return next((message for message in self.messages if message.id == message_id), None)

    def offered_title(self, payload: str) -> str | None:
        """The title of the latest button that carries ``payload``."""
        for message in reversed(self.messages):
            for reply in message.quick_replies:
                if reply["payload"] == payload:
                    return reply["title"]
        return None

    def summary(self) -> dict[str, Any]:
        last = self.messages[-1] if self.messages else None
        return {
            "channel": self.channel,
            "user": self.user,
            "name": self.name,
            "count": len(self.messages),
            "last_at": last.at if last else None,
        }


Listener = Callable[[dict[str, Any]], None]


class Conversations:
    """All conversations of both platforms. Every change is told to the listeners, in order."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, Conversation] = OrderedDict()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def find(self, channel: ChannelName, user: str) -> Conversation | None:
        return self._by_key.get(f"{channel}:{user}")

    def open(self, channel: ChannelName, user: str) -> Conversation:
        """The conversation, created if need be; the one quiet for longest makes room."""
        key = f"{channel}:{user}"
        if key not in self._by_key:
            self._by_key[key] = Conversation(channel, user)
            if len(self._by_key) > MAX_CONVERSATIONS:
                self._by_key.popitem(last=False)
        self._by_key.move_to_end(key)
        return self._by_key[key]

    def of_channel(self, channel: ChannelName) -> Iterator[Conversation]:
        return (conversation for conversation in self._by_key.values() if conversation.channel == channel)

    def __iter__(self) -> Iterator[Conversation]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, conversation: Conversation, message: Message) -> None:
        conversation.messages.append(message)
        if message.sender == "user":
            conversation.last_user_at = message.at
        else:
            conversation.typing_until = 0.0
        self._tell(conversation, "message", message=message.as_json())

    def mark(self, conversation: Conversation, message: Message, status: Status) -> None:
        message.status = status
        if status is Status.DELIVERED:
            message.delivered_at = time.time()
        self._tell(conversation, "update", message=message.as_json())

    def show_typing(self, conversation: Conversation, on: bool) -> None:
        conversation.typing_until = time.time() + TYPING_SECONDS if on else 0.0
        self._tell(conversation, "typing", until=conversation.typing_until)

    def mark_seen(self, conversation: Conversation) -> None:
        for message in reversed(conversation.messages):
            if message.sender == "user" and not message.seen:
                message.seen = True
                self._tell(conversation, "update", message=message.as_json())

    def _tell(self, conversation: Conversation, kind: str, **facts: Any) -> None:
        event = {"type": kind, "channel": conversation.channel, "user": conversation.user, **facts}
        for listener in self._listeners:
            listener(event)
