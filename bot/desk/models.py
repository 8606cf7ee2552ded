"""The desk's tables. A change here needs a migration (``bot/desk/migrations``); a test compares the two."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy import text as sql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from bot.desk.tickets import (
    CUSTOMER,
    OPEN_STATUSES,
    Actor,
    Closing,
    Contact,
    ContactKind,
    Disposition,
    Priority,
    TicketStatus,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite keeps no time zone, so that it is taken off and put back here."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone cannot be stored")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EventKind(StrEnum):
    """What happened to a ticket."""

    OPENED = "opened"
    NOTED = "noted"
    """The customer wrote again about it."""
    RAISED = "raised"
    """The customer wrote again, and it is graver than it was."""
    CONTACT_GIVEN = "contact_given"
    CONTACT_CORRECTED = "contact_corrected"
    CONTACT_REFUSED = "contact_refused"
    CANCELLED = "cancelled"
    STATUS = "status"
    REOPENED = "reopened"
    """The customer wrote again after the team had answered or asked."""
    ASSIGNED = "assigned"
    MOVED = "moved"
    PRIORITISED = "prioritised"
    CATEGORISED = "categorised"
    LANGUAGE_SET = "language_set"
    NOTE = "note"
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    WATCHED = "watched"
    UNWATCHED = "unwatched"
    CONTACTED = "contacted"
    """An agent called or e-mailed the customer."""
    REPLIED = "replied"
    """An agent wrote to the customer in the conversation."""
    MERGED = "merged"
    """This ticket goes on in another."""
    ABSORBED = "absorbed"
    """Another ticket goes on in this one."""
    SPLIT_OFF = "split_off"
    """A part of this ticket goes on in another."""
    LINKED = "linked"
    ESCALATED = "escalated"
    """A promise is about to be missed: the team above is told."""
    DELAY_TOLD = "delay_told"
    """The customer was told that it takes longer than promised, before the promise was broken."""


class PromiseKind(StrEnum):
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"


class PromiseOutcome(StrEnum):
    PENDING = "pending"
    KEPT = "kept"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    """Nobody waits for it any more: cancelled, merged, dismissed or forgotten before it fell due."""


class NotificationStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """Given up; the reason is kept. An operator may put it back."""


class Direction(StrEnum):
    IN = "in"
    """The customer wrote."""
    OUT = "out"
    """The assistant wrote."""
    HUMAN = "human"
    """A person of the brand wrote."""


def _enum(kind: type[StrEnum]) -> Enum:
    """Kept as text without a CHECK, so that a new value needs no rewrite of the table on SQLite."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 -- read by SQLAlchemy when the class is made
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


_pending_only = f"outcome = '{PromiseOutcome.PENDING}'"
_open_only = f"status IN ({', '.join(repr(status.value) for status in OPEN_STATUSES)})"


class Ticket(Base):
    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    conversation_id: Mapped[str] = mapped_column(String(255))
    channel: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(128))
    opened_by: Mapped[str] = mapped_column(String(255), comment="id of the message that opened it")
    disposition: Mapped[Disposition] = mapped_column(_enum(Disposition))
    topic: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text, comment="the customer's words, masked")
    occurred_at: Mapped[datetime]
    status: Mapped[TicketStatus] = mapped_column(_enum(TicketStatus))
    priority: Mapped[Priority] = mapped_column(_enum(Priority))
    team: Mapped[str] = mapped_column(String(64))
    promised_hours: Mapped[float] = mapped_column(comment="business hours")
    contact_kind: Mapped[ContactKind | None] = mapped_column(_enum(ContactKind))
    contact_value: Mapped[str | None] = mapped_column(String(320))
    preferred_time: Mapped[str | None] = mapped_column(Text)
    contact_refused: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(
        server_default="1", comment="rises with every change that another agent must know of"
    )
    matter: Mapped[str] = mapped_column(
        String(64), default="", server_default=sql("''"), comment="empty, or the topic that was split off"
    )
    category: Mapped[str] = mapped_column(
        String(64), server_default=sql("''"), comment="the topic, until an agent files it elsewhere"
    )
    assignee: Mapped[str | None] = mapped_column(String(64), comment="an agent's sign-in name")
    assigned_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None] = mapped_column(comment="while the clock stands still")
    heard_up_to: Mapped[int | None] = mapped_column(
        BigInteger(), comment="last logged message when it began to wait or was solved; later ones reopen it"
    )
    solved_at: Mapped[datetime | None]
    closing: Mapped[Closing | None] = mapped_column(_enum(Closing))
    merged_into: Mapped[str | None] = mapped_column(String(16), comment="reference of the ticket in which it goes on")
    split_from: Mapped[str | None] = mapped_column(String(16), comment="reference of the ticket of which it was a part")

    __table_args__ = (
        # Two processes that handle the same message make one ticket,
        UniqueConstraint("conversation_id", "opened_by"),
        # and a conversation has one open ticket a matter at most; both hold without any lock.
        Index(
            "uq_tickets_one_open_per_matter",
            "conversation_id",
            "matter",
            unique=True,
            sqlite_where=_open_only,
            postgresql_where=_open_only,
        ),
        Index(None, "status", "due_at"),
        Index(None, "closed_at"),
        Index(None, "conversation_id"),
        Index(None, "assignee", "status"),
        Index(None, "contact_value"),
    )
    # An UPDATE names the version it read: one that lost a race changes nothing, and says so.
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- read by SQLAlchemy when the class is made

    @property
    def contact(self) -> Contact | None:
        if self.contact_kind is None or self.contact_value is None:
            return None
        return Contact(self.contact_kind, self.contact_value, self.preferred_time)


class TicketEvent(Base):
    """One row of a ticket's history, written in the transaction that changed the ticket."""

    __tablename__ = "ticket_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    kind: Mapped[EventKind] = mapped_column(_enum(EventKind))
    message_id: Mapped[str | None] = mapped_column(String(255))
    at: Mapped[datetime]
    text: Mapped[str | None] = mapped_column(Text, comment="the customer's words, masked")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="what changed, never personal data")
    actor: Mapped[str] = mapped_column(String(80), default=str(CUSTOMER), server_default=str(CUSTOMER))
    before: Mapped[str | None] = mapped_column(String(255))
    after: Mapped[str | None] = mapped_column(String(255))
    why: Mapped[str | None] = mapped_column(Text, comment="in an agent's words, masked")

    __table_args__ = (UniqueConstraint("ticket_id", "message_id", "kind"), Index(None, "ticket_id", "id"))

    @property
    def by(self) -> Actor:
        return Actor.read(self.actor)


class Promise(Base):
    """What the customer was promised on a ticket, until it is kept, missed or withdrawn."""

    __tablename__ = "promises"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    kind: Mapped[PromiseKind] = mapped_column(_enum(PromiseKind))
    made_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(comment="moves while the clock stands still")
    escalate_at: Mapped[datetime]
    tell_at: Mapped[datetime] = mapped_column(comment="when the customer is told that it takes longer")
    stopped_at: Mapped[datetime | None] = mapped_column(comment="the clock stands still since")
    escalated_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    outcome: Mapped[PromiseOutcome] = mapped_column(_enum(PromiseOutcome), default=PromiseOutcome.PENDING)
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_promises_one_pending_per_kind",
            "ticket_id",
            "kind",
            unique=True,
            sqlite_where=_pending_only,
            postgresql_where=_pending_only,
        ),
        Index(None, "outcome", "escalate_at"),
        Index(None, "ticket_id"),
    )


class TicketTag(Base):
    __tablename__ = "ticket_tags"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(40), primary_key=True)

    __table_args__ = (Index(None, "tag"),)


class TicketWatcher(Base):
    __tablename__ = "ticket_watchers"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    agent: Mapped[str] = mapped_column(String(64), primary_key=True)

    __table_args__ = (Index(None, "agent"),)


class TicketConversation(Base):
    """The same customer elsewhere: what is written there is noted on this ticket."""

    __tablename__ = "ticket_conversations"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(255), primary_key=True)

    __table_args__ = (Index(None, "conversation_id"),)


class AgentPresence(Base):
    __tablename__ = "agent_presences"

    agent: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]
    away: Mapped[bool]


OWNED_BY_ASSISTANT = "bot"


class Conversation(Base):
    """Who has a conversation, mirrored from Redis, where it is decided."""

    __tablename__ = "conversations"

    conversation_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80), comment="bot, inbox, or agent:name")
    since: Mapped[datetime]

    __table_args__ = (Index(None, "owner"),)


class ConversationEvent(Base):
    """What happened to the ownership of a conversation; one row an entry of the stream it comes from."""

    __tablename__ = "conversation_events"

    stream_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(32), comment="taken_over, handed_back or withheld")
    actor: Mapped[str] = mapped_column(String(80))
    reply_id: Mapped[str | None] = mapped_column(String(255), comment="of a reply that was withheld")
    at: Mapped[datetime]

    __table_args__ = (Index(None, "conversation_id", "reply_id"),)


class CustomerMessage(Base):
    """The SQL outbox to customers: words owed to one, written in the transaction that changed the ticket."""

    __tablename__ = "customer_messages"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True, comment="the words of one key are said once")
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(128))
    author: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text, comment="emptied once it is in the outbox")
    created_at: Mapped[datetime]
    appended_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "appended_at"), Index(None, "ticket_id"))


class Notification(Base):
    """The SQL outbox: an e-mail owed to a team, written in the transaction that changed the ticket."""

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("ticket_events.id", ondelete="CASCADE"))
    team: Mapped[str] = mapped_column(String(64), comment="its address is looked up when the e-mail leaves")
    status: Mapped[NotificationStatus] = mapped_column(_enum(NotificationStatus))
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))

    __table_args__ = (
        UniqueConstraint("event_id", "team"),
        Index(None, "status", "next_attempt_at"),
        Index(None, "ticket_id", "status"),
    )


class Message(Base):
    """The message log: both sides of every conversation, masked."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(255))
    channel: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(128))
    message_id: Mapped[str] = mapped_column(String(255))
    direction: Mapped[Direction] = mapped_column(_enum(Direction))
    text: Mapped[str] = mapped_column(Text, default="")
    attachments: Mapped[list[str]] = mapped_column(default=list, comment="kinds only")
    occurred_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("conversation_id", "message_id", "direction"),
        Index(None, "conversation_id", "occurred_at"),
        Index(None, "occurred_at"),
    )
