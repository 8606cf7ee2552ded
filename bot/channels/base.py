"""What every channel does, and the errors that answer one question: try again or not?

``ChannelError``
├── ``BadSignature``        the request does not come from the platform (HTTP 401)
├── ``MalformedPayload``    the request cannot be read (HTTP 400)
└── ``SendFailed``          the platform did not take a message
    ├── ``TryAgain``        a passing fault: back off, a few tries
    ├── ``WaitUntil``       throttled: nothing goes out on this account before ``until``
    ├── ``GiveUp``          this message can never be delivered: dead letter
    ├── ``PauseChannel``    nothing can be delivered until an operator acts (dead token, missing permission)
    ├── ``AlreadySent``     the platform answered with an error but did send the message
    └── ``OutcomeUnknown``  the call was cut off in flight: look for the echo before trying again
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from bot.channels.vocabulary import Activity, ChannelName, Event, OutboundMessage, QuickReply, ThreadControl


class ChannelError(Exception):
    """Base of every error raised by a channel."""


class BadSignature(ChannelError):
    """The request's signature is absent or wrong."""


class MalformedPayload(ChannelError):
    """The body is not what the platform sends."""


class SendFailed(ChannelError):
    """``code`` is the platform's own, e.g. ``190/460`` or ``http-503``; never message text or personal data."""

    def __init__(self, code: str, explanation: str) -> None:
        super().__init__(f"{code}: {explanation}")
        self.code = code
        self.explanation = explanation


class TryAgain(SendFailed):
    """A passing fault: back off and try again, a few times."""


class WaitUntil(SendFailed):
    """Throttled. ``until`` is in UTC seconds since the epoch; earlier calls would lengthen the wait."""

    def __init__(self, code: str, explanation: str, until: float) -> None:
        super().__init__(code, explanation)
        self.until = until


class GiveUp(SendFailed):
    """This message can never be delivered."""


class PauseChannel(SendFailed):
    """Nothing can be delivered on this account until an operator acts."""


class AlreadySent(SendFailed):
    """The platform answered with an error although the message went out."""


class OutcomeUnknown(SendFailed):
    """The call was cut off after the request may have reached the platform."""


class Handshake(msgspec.Struct, frozen=True):
    """The HTTP answer to a platform's verification request."""

    status: int
    body: str
    content_type: str = "text/plain"


class Allowance(msgspec.Struct, frozen=True):
    """What the platform's headers say may still be sent. ``resets_at`` is in UTC seconds since the epoch."""

    remaining: int
    resets_at: float


class Sent(msgspec.Struct, frozen=True):
    """The platform took the message. ``allowance`` is None where its headers do not say."""

    message_id: str
    allowance: Allowance | None = None


class WebhookState(msgspec.Struct, frozen=True):
    """What the platform says of our webhook. ``problem`` says what is wrong and what to do; None when all is well."""

    problem: str | None = None


class Channel(Protocol):
    """One account of the brand on one platform.

    ``answer_handshake``, ``verify``, ``parse`` and ``compose`` do no I/O.
    """

    @property
    def name(self) -> ChannelName: ...

    @property
    def account_id(self) -> str: ...

    @property
    def sends_per_second(self) -> float | None:
        """The platform's fixed limit for the account; None where only its headers tell."""
        ...

    def answer_handshake(self, query: Mapping[str, str]) -> Handshake:
        """Answer the platform's verification of the webhook's address."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises ``BadSignature`` unless the raw body carries a valid signature. ``headers`` ignores case."""
        ...

    def parse(self, body: bytes) -> list[Event]:
        """Read one webhook body. Raises ``MalformedPayload``."""
        ...

    def compose(
        self,
        user_id: str,
        reply_id: str,
        text: str,
        quick_replies: tuple[QuickReply, ...] = (),
        to_reply_at: float | None = None,
    ) -> list[OutboundMessage]:
        """Split one reply into messages within the platform's limits, ids ``<reply_id>.0``, ``<reply_id>.1``, …"""
        ...

    async def send(self, message: OutboundMessage) -> Sent:
        """Raises a subclass of ``SendFailed``."""
        ...

    async def show_activity(self, user_id: str, activity: Activity) -> None:
        """Show the customer that somebody is there; does nothing where the platform cannot. Raises ``SendFailed``."""
        ...

    async def control_thread(self, user_id: str, control: ThreadControl) -> None:
        """Take, release or pass the conversation among applications; does nothing where the platform has no such
        thing. Raises ``SendFailed``."""
        ...

    async def find_sent(self, message: OutboundMessage, started_at: float, known_ids: frozenset[str]) -> str | None:
        """Ask the platform whether ``message`` went out since ``started_at``; its id there, or None.

        ``known_ids`` are messages already accounted for. Where the platform offers no such question, None.
        """
        ...

    async def register(self, public_url: str) -> WebhookState:
        """Subscribe the account's webhook at ``public_url`` and verify it. Raises ``SendFailed``."""
        ...

    async def check(self, public_url: str) -> WebhookState:
        """Ask the platform whether our webhook is subscribed and valid. Raises ``SendFailed``."""
        ...

    async def poll(self, since: float) -> list[Event]:
        """Fetch events since ``since`` (UTC seconds) where the platform has a second way in, else an empty list."""
        ...

    async def close(self) -> None: ...
