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
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from bot.desk.tickets import OPEN_STATUSES, Contact, ContactKind, Disposition, Priority, TicketStatus


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
    RESOLVED = "resolved"


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

    __table_args__ = (
        # Two processes that handle the same message make one ticket,
        UniqueConstraint("conversation_id", "opened_by"),
        # and a conversation has one open ticket at most; both hold without any lock.
        Index(
            "uq_tickets_one_open_per_conversation",
            "conversation_id",
            unique=True,
            sqlite_where=_open_only,
            postgresql_where=_open_only,
        ),
        Index(None, "status", "due_at"),
        Index(None, "closed_at"),
    )

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

    __table_args__ = (UniqueConstraint("ticket_id", "message_id", "kind"),)


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
