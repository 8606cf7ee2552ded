"""Who read or changed what, and when. Rows are only ever added; the database itself refuses anything else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.accounts.models import AuditRow
from bot.desk.changes import Clock, utc_now
from bot.desk.database import Database


@dataclass(frozen=True)
class Entry:
    """``subject`` is what the action was done to: a ticket's reference, a user's e-mail. ``detail`` says what changed,
    without any customer's data."""

    actor: str
    action: str
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    at: datetime | None = None


class AuditLog:
    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._now = clock

    async def record(self, entry: Entry) -> None:
        """Raises ``DeskUnavailable``: what cannot be recorded must not be shown or done."""
        async with self._database.writing() as session:
            self.add(session, entry)

    def add(self, session: AsyncSession, entry: Entry) -> None:
        """In the transaction of what is recorded."""
        session.add(
            AuditRow(
                at=entry.at or self._now(),
                actor=entry.actor,
                action=entry.action,
                subject=entry.subject,
                detail=entry.detail,
                address=entry.address,
            )
        )

    async def newest(
        self, *, before: int | None = None, subject: str = "", actor: str = "", limit: int = 100
    ) -> Sequence[tuple[int, Entry]]:
        """Entries with their ids, newest first; ``before`` is the last id of the page before."""
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditRow.id < before)
        if subject:
            query = query.where(AuditRow.subject == subject)
        if actor:
            query = query.where(AuditRow.actor == actor)
        async with self._database.reading() as session:
            rows = (await session.scalars(query)).all()
        return [
            (row.id, Entry(row.actor, row.action, row.subject, dict(row.detail), row.address, row.at)) for row in rows
        ]
