"""What a ticket is: the values that callers hand in and get back, and the errors that the desk raises.

``DeskError``
├── ``DeskUnavailable``  the database did not answer: nothing was stored, try again
├── ``UnknownTicket``    no ticket of that reference, or not of that conversation
└── ``NotAllowed``       the ticket's state forbids the change
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class DeskError(Exception):
    """Base of every error raised by the desk."""


class DeskUnavailable(DeskError):
    """The database did not answer. Nothing was stored; the same call may simply be made again."""


class UnknownTicket(DeskError):
    """There is no such ticket, or it belongs to another conversation (callers cannot tell which)."""


class NotAllowed(DeskError):
    """The ticket's state forbids this change; the message says why."""


class Disposition(StrEnum):
    """What the assistant does with a message; read off the prefix of its intent."""

    ANSWER = "answer"
    OFF_TOPIC = "off_topic"
    HUMAN = "human"
    ESCALATE_PRIVATE = "escalate_private"
    ESCALATE_CONTENTIOUS = "escalate_contentious"

    @property
    def rank(self) -> int:
        """A ticket is only ever raised to a disposition of higher rank, in the order written here."""
        return list(Disposition).index(self)


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        return list(Priority).index(self)


class TicketStatus(StrEnum):
    NEW = "new"
    """Nobody of the team has taken it up."""
    OPEN = "open"
    """Somebody of the team works on it."""
    WAITING = "waiting_for_customer"
    """The team has asked the customer something; the clock of its promises stands still."""
    SOLVED = "solved"
    """Answered, as far as the team knows; the customer may still say otherwise."""
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        return self in OPEN_STATUSES


OPEN_STATUSES: Final = (TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.WAITING)


class Closing(StrEnum):
    """Why a ticket is closed."""

    SOLVED = "solved"
    CANCELLED = "cancelled"
    """The customer no longer needs it."""
    MERGED = "merged"
    """It goes on in another ticket."""
    DISMISSED = "dismissed"
    """An agent closed it without an answer: spam, a mistake."""
    FORGOTTEN = "forgotten"
    """Its customer asked to be forgotten."""


class Stage(StrEnum):
    """How far a ticket has come, as the customer is told."""

    NEW = "new"
    """Opened; how to reach the customer is not settled yet."""
    READY = "ready"
    """The customer gave a phone number or an e-mail address, or wants the answer in the conversation."""
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


class ContactKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"


# E.164 allows fifteen digits at most (ITU-T E.164, 6.1).
_CONTACT_SHAPE: Final = {
    ContactKind.PHONE: re.compile(r"\+[1-9]\d{5,14}"),
    ContactKind.EMAIL: re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+"),
}


@dataclass(frozen=True, slots=True)
class Contact:
    """How the customer wants to be reached.

    ``value`` is a phone number in E.164 (``+33612345678``) or a normalised e-mail address; ``preferred_time`` is in the
    customer's own words. Raises ``ValueError`` on a value of another shape (the value is not repeated in the error).
    """

    kind: ContactKind
    value: str
    preferred_time: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", ContactKind(self.kind))
        if not _CONTACT_SHAPE[self.kind].fullmatch(self.value):
            raise ValueError(f"not a {self.kind} in the desk's form")


class ActorKind(StrEnum):
    AGENT = "agent"
    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    DESK = "desk"
    """The desk itself: a routing rule, a promise, a rule of retention."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed something; ``name`` is an agent's sign-in name."""

    kind: ActorKind
    name: str = ""

    @classmethod
    def agent(cls, name: str) -> "Actor":
        return cls(ActorKind.AGENT, name)

    @classmethod
    def read(cls, written: str) -> "Actor":
        kind, _, name = written.partition(":")
        return cls(ActorKind(kind), name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


CUSTOMER: Final = Actor(ActorKind.CUSTOMER)
DESK: Final = Actor(ActorKind.DESK)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    """A customer's message that needs a person.

    ``topic`` is the intent without its prefix (``order_status``), ``text`` the customer's words (the desk masks
    personal data before it stores them), ``occurred_at`` the message's time in UTC seconds since the epoch, as in
    the channels' vocabulary. ``least_priority`` is how urgent the message is whatever its topic, if it is. ``signs``
    are the kinds of danger, law, press and their like that were seen in it (``injury``), ``severity`` how grave the
    gravest is (``high``, ``critical``).
    """

    conversation_id: str
    channel: str
    account_id: str
    user_id: str
    message_id: str
    disposition: Disposition
    topic: str
    language: str
    text: str
    occurred_at: float
    least_priority: Priority | None = None
    signs: frozenset[str] = frozenset()
    severity: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "disposition", Disposition(self.disposition))


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """A ticket as it stands. Times are aware datetimes in UTC; ``due_at`` is what the customer may be promised."""

    reference: str
    status: TicketStatus
    topic: str
    disposition: Disposition
    priority: Priority
    team: str
    opened_at: datetime
    due_at: datetime
    promised_hours: float
    """The promise in business hours, as the routing file states it."""
    contact: Contact | None = None
    contact_refused: bool = False
    """The customer gave no contact and is to be answered in the conversation."""
    closing: Closing | None = None
    is_new: bool = False
    """True for the call (and its repetitions) whose message opened the ticket."""

    @property
    def is_open(self) -> bool:
        return self.status.is_open

    @property
    def stage(self) -> Stage:
        if self.closing is Closing.CANCELLED:
            return Stage.CANCELLED
        if not self.status.is_open:
            return Stage.RESOLVED
        if self.status is not TicketStatus.NEW:
            return Stage.IN_PROGRESS
        return Stage.READY if self.contact or self.contact_refused else Stage.NEW
