"""The SQL outboxes: words owed to customers, e-mails owed to teams."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.desk.models.base import Base, enum_column
from bot.desk.models.kinds import NotificationStatus


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
    status: Mapped[NotificationStatus] = mapped_column(enum_column(NotificationStatus))
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
