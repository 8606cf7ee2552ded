"""Tickets, their history, their promises, and what hangs on them."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from bot.desk.models.base import Base, enum_column
from bot.desk.models.kinds import EventKind, PromiseKind, PromiseOutcome
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
    disposition: Mapped[Disposition] = mapped_column(enum_column(Disposition))
    topic: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text, comment="the customer's words, masked")
    mentioned: Mapped[dict[str, Any] | None] = mapped_column(
        default=dict, comment="values by kind, taken out of the words"
    )
    occurred_at: Mapped[datetime]
    status: Mapped[TicketStatus] = mapped_column(enum_column(TicketStatus))
    priority: Mapped[Priority] = mapped_column(enum_column(Priority))
    team: Mapped[str] = mapped_column(String(64))
    promised_hours: Mapped[float] = mapped_column(comment="business hours")
    contact_kind: Mapped[ContactKind | None] = mapped_column(enum_column(ContactKind))
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
    closing: Mapped[Closing | None] = mapped_column(enum_column(Closing))
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
        # Open tickets as the queue has them, and with all that they are counted by.
        Index("ix_tickets_queue", "due_at", "id", sqlite_where=_open_only, postgresql_where=_open_only),
        Index(
            "ix_tickets_open",
            "status",
            "team",
            "assignee",
            "waiting_since",
            "due_at",
            sqlite_where=_open_only,
            postgresql_where=_open_only,
        ),
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


IS_OPEN: Final = sql(f"tickets.{_open_only}")
"""As the indexes of open tickets say it: no database would know that they serve if the values were sent apart."""


class TicketEvent(Base):
    """One row of a ticket's history, written in the transaction that changed the ticket."""

    __tablename__ = "ticket_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    kind: Mapped[EventKind] = mapped_column(enum_column(EventKind))
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
    kind: Mapped[PromiseKind] = mapped_column(enum_column(PromiseKind))
    made_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(comment="moves while the clock stands still")
    escalate_at: Mapped[datetime]
    tell_at: Mapped[datetime] = mapped_column(comment="when the customer is told that it takes longer")
    stopped_at: Mapped[datetime | None] = mapped_column(comment="the clock stands still since")
    escalated_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    outcome: Mapped[PromiseOutcome] = mapped_column(enum_column(PromiseOutcome), default=PromiseOutcome.PENDING)
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


class TicketKey(Base):
    """What a ticket is found by beside its words; see ``bot.desk.sought.keys_of``."""

    __tablename__ = "ticket_keys"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    # By their bytes, so that keys with one beginning are neighbours whatever the database's language.
    key: Mapped[str] = mapped_column(
        String(320).with_variant(String(320, collation="C"), "postgresql"),
        primary_key=True,
        comment="as names, numbers and addresses are compared",
    )

    __table_args__ = (Index(None, "kind", "key", "ticket_id"),)


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
