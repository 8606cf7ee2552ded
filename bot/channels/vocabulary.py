"""The one vocabulary of every channel: what customers do, and what we send them.

Vendor payloads stay in their platform's folder; everything behind it speaks these types. They are stored in streams as
JSON (see ``encode`` and ``decode``), so a field may be added with a default but never renamed while streams hold it.
"""

from enum import StrEnum
from typing import Final

import msgspec


class ChannelName(StrEnum):
    MESSENGER = "messenger"
    X = "x"


class AttachmentKind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    STICKER = "sticker"
    LOCATION = "location"
    SHARE = "share"
    OTHER = "other"


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    kind: AttachmentKind
    url: str | None = None
    title: str | None = None


class Addressed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whatever passes between one customer and one account of the brand."""

    channel: ChannelName
    account_id: str
    user_id: str

    @property
    def conversation_id(self) -> str:
        return f"{self.channel}:{self.account_id}:{self.user_id}"


class _Event(Addressed, frozen=True, omit_defaults=True, tag_field="event"):
    """What happened between them. Times are UTC seconds since the epoch."""

    occurred_at: float


class InboundMessage(_Event, frozen=True, omit_defaults=True, tag="message"):
    """A customer wrote, tapped or sent something that deserves an answer.

    ``payload`` is the developer-defined value behind a quick reply or a postback button; ``text`` is then its title.
    """

    message_id: str
    text: str | None = None
    payload: str | None = None
    attachments: tuple[Attachment, ...] = ()


class EchoOrigin(StrEnum):
    OWN = "own"
    """This application sent it."""
    FOREIGN = "foreign"
    """A person in the platform's inbox, or another tool, answered the customer."""
    UNKNOWN = "unknown"
    """The event does not say (X Activity API); only what we sent can tell."""


class Echo(_Event, frozen=True, omit_defaults=True, tag="echo"):
    """The platform reports a message that the brand's account sent to ``user_id``."""

    message_id: str
    origin: EchoOrigin
    reply_id: str | None = None
    """Our own id of the reply, where the platform returns what we attached (Messenger ``metadata``)."""
    text: str | None = None


class NoticeKind(StrEnum):
    EDITED = "edited"
    READ = "read"
    DELIVERED = "delivered"
    REACTION = "reaction"
    REFERRAL = "referral"
    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"
    FEEDBACK = "feedback"
    THREAD_CONTROL = "thread_control"
    STANDBY = "standby"
    """Another application owns the conversation; what the customer wrote is for it, and only read along here."""
    TYPING = "typing"
    POLICY = "policy"
    """The platform warns, blocks or unblocks the account: alert an operator."""
    REVOKED = "revoked"
    """The account withdrew the application's permission: alert an operator."""
    PUBLIC_POST = "public_post"
    ENCRYPTED = "encrypted"
    REPLAY = "replay"


class Notice(_Event, frozen=True, omit_defaults=True, tag="notice"):
    """Something happened that is not for the assistant to answer. ``user_id`` is empty where the event names nobody."""

    kind: NoticeKind
    message_id: str | None = None
    """The message that the notice is about, where it is about one."""
    text: str | None = None
    """The new text of an edited message, what was written on standby, or the platform's reason for a policy notice."""
    ours: bool | None = None
    """Whether the conversation is now this application's to answer, where the notice tells."""
    attachments: tuple[Attachment, ...] = ()
    """Of a message on standby."""


class UnknownEvent(_Event, frozen=True, omit_defaults=True, tag="unknown"):
    """An event of a shape this version does not know; ``name`` is the vendor's key or event type, never its content."""

    name: str


Event = InboundMessage | Echo | Notice | UnknownEvent


class QuickReply(msgspec.Struct, frozen=True):
    title: str
    payload: str


class Author(StrEnum):
    """Who speaks for the brand."""

    ASSISTANT = "assistant"
    DESK = "desk"
    """Words of the desk itself: a delay, the return of the assistant."""
    AGENT = "agent"
    """A person typed it."""


class OutboundMessage(Addressed, frozen=True, omit_defaults=True):
    """One message to one customer: exactly one call of the platform's send endpoint.

    ``reply_id`` is ours, unique and stable across retries. ``to_reply_at`` is the ``occurred_at`` of the customer's
    message that it answers (UTC seconds), from which the platform's messaging window counts.
    """

    reply_id: str
    text: str
    quick_replies: tuple[QuickReply, ...] = ()
    to_reply_at: float | None = None
    author: Author = Author.ASSISTANT


class Activity(StrEnum):
    """Signs of life that some platforms show to the customer."""

    SEEN = "seen"
    TYPING = "typing"


class ThreadControl(StrEnum):
    """What may be asked of a platform that gives a conversation to one application at a time."""

    TAKE = "take"
    RELEASE = "release"
    TO_INBOX = "to_inbox"
    """To the people in the platform's own inbox."""


_encoder: Final = msgspec.json.Encoder()
_event_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)
_outbound_decoder: Final = msgspec.json.Decoder(OutboundMessage)
_address_decoder: Final = msgspec.json.Decoder(Addressed)


def encode(value: Event | OutboundMessage) -> bytes:
    return _encoder.encode(value)


def decode_event(raw: bytes) -> Event:
    """Raises ``msgspec.ValidationError`` on a shape that this version cannot read."""
    return _event_decoder.decode(raw)


def decode_outbound(raw: bytes) -> OutboundMessage:
    """Raises ``msgspec.ValidationError`` on a shape that this version cannot read."""
    return _outbound_decoder.decode(raw)


def decode_address(raw: bytes) -> Addressed:
    """Of an event or a reply, also one whose shape this version cannot read. Raises ``msgspec.DecodeError`` on what is
    neither."""
    return _address_decoder.decode(raw)
