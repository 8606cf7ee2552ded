"""What those who work on tickets get back: tickets as they stand, and what became of a command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.desk.models import Direction, EventKind, PromiseKind, PromiseOutcome
from bot.desk.tickets import OPEN_STATUSES, Actor, Closing, Contact, Disposition, Priority, TicketStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseView:
    """``stopped_at`` is set while the clock stands still, ``told_at`` once the customer was told of a delay."""

    kind: PromiseKind
    made_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    told_at: datetime | None
    outcome: PromiseOutcome
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A ticket in a list. ``version`` is what the next command takes as ``seen``."""

    reference: str
    status: TicketStatus
    priority: Priority
    team: str
    assignee: str | None
    topic: str
    category: str
    channel: str
    language: str
    conversation_id: str
    opened_at: datetime
    updated_at: datetime
    due_at: datetime
    contact: Contact | None
    text: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketDetail(QueueRow):
    """Everything on one ticket but its history and transcript. ``conversations`` are those linked to it, ``mentioned``
    what masking took out of its words, values by kind."""

    disposition: Disposition
    account_id: str
    user_id: str
    occurred_at: datetime
    contact_refused: bool
    closing: Closing | None
    solved_at: datetime | None
    closed_at: datetime | None
    waiting_since: datetime | None
    merged_into: str | None
    split_from: str | None
    tags: tuple[str, ...]
    watchers: tuple[str, ...]
    conversations: tuple[str, ...]
    promises: tuple[PromiseView, ...]
    mentioned: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Changed:
    """Done; the ticket as it stands now."""

    ticket: TicketDetail


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody was faster, and nothing was written: who, with what, when. ``seen`` is the version that was named."""

    ticket: TicketDetail
    seen: int
    by: Actor
    kind: EventKind
    at: datetime


Outcome = Changed | Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    at: datetime
    by: Actor
    kind: EventKind
    before: str | None
    after: str | None
    why: str | None
    text: str | None
    message_id: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptLine:
    """One message. ``withheld``: written by the assistant but not sent, because a person had the conversation.
    ``standby``: written by the customer while another application had it."""

    message_id: str
    direction: Direction
    text: str
    attachments: tuple[str, ...]
    at: datetime
    withheld: bool
    standby: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """What a list shows; None and False leave a facet open. ``late_at``: only what fell due before that moment."""

    statuses: tuple[TicketStatus, ...] = OPEN_STATUSES
    team: str | None = None
    assignee: str | None = None
    unassigned: bool = False
    priority: Priority | None = None
    channel: str | None = None
    language: str | None = None
    topic: str | None = None
    tag: str | None = None
    watched_by: str | None = None
    late_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """``next`` goes into the next call's ``after``; None on the last page."""

    rows: tuple[QueueRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Open tickets. ``by_team`` has every team that has any."""

    new: int
    mine: int
    unassigned: int
    waiting: int
    late: int
    by_team: dict[str, int]
