"""The tables of accounts. A change here needs a migration beside it; a test compares the two."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.desk.models import COLUMN_TYPES, NAMING_CONVENTION


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = COLUMN_TYPES


class UserRow(Base):
    __tablename__ = "console_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True, comment="lower case")
    handle: Mapped[str] = mapped_column(String(64), unique=True, comment="what the desk knows an agent by")
    name: Mapped[str] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(8))
    roles: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str | None] = mapped_column(String(255), comment="argon2id")
    totp_secret: Mapped[str | None] = mapped_column(String(255), comment="encrypted with the console's key")
    totp_used_step: Mapped[int] = mapped_column(BigInteger, default=0, comment="a code is good once")
    oidc_subject: Mapped[str | None] = mapped_column(String(255), unique=True)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class SessionRow(Base):
    __tablename__ = "console_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the cookie's value")
    user_id: Mapped[int] = mapped_column(ForeignKey("console_users.id", ondelete="CASCADE"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class InvitationRow(Base):
    __tablename__ = "console_invitations"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of what the link carries")
    purpose: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("console_users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class ViewRow(Base):
    """A choice of tickets that somebody comes back to."""

    __tablename__ = "console_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("console_users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    chosen: Mapped[str] = mapped_column(String(500), comment="the query of the queue's address")

    __table_args__ = (UniqueConstraint("user_id", "name"),)


class AuditRow(Base):
    """Append-only: triggers refuse to change or delete a row."""

    __tablename__ = "console_audit_log"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(320), comment="e-mail of who did it, as it was then")
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(320), default="", comment="what it was done to: a reference, an e-mail")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="what changed, never a customer's data")
    address: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (Index(None, "at"), Index(None, "subject", "at"), Index(None, "actor", "at"))
