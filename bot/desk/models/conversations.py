"""Both sides of every conversation, who has it, and which agents are there."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from bot.desk.models.base import Base, enum_column
from bot.desk.models.kinds import Direction

OWNED_BY_ASSISTANT = "bot"


class AgentPresence(Base):
    __tablename__ = "agent_presences"

    agent: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]
    away: Mapped[bool]


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


class Message(Base):
    """The message log: both sides of every conversation, masked."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(255))
    channel: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(128))
    message_id: Mapped[str] = mapped_column(String(255))
    direction: Mapped[Direction] = mapped_column(enum_column(Direction))
    text: Mapped[str] = mapped_column(Text, default="")
    attachments: Mapped[list[str]] = mapped_column(default=list, comment="kinds only")
    occurred_at: Mapped[datetime]
    standby: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="written while another application had the conversation"
    )

    __table_args__ = (
        UniqueConstraint("conversation_id", "message_id", "direction"),
        Index(None, "conversation_id", "occurred_at"),
        Index(None, "occurred_at"),
    )
