"""Which agents are there, so that tickets go to somebody who sees them."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.changes import Clock, utc_now
from bot.desk.database import Database
from bot.desk.models import AgentPresence

LASTS: Final = timedelta(seconds=90)
"""Three times as long as pages let pass between two signs of life: one may get lost."""


class Presence:
    """Raises ``DeskUnavailable``."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._now = clock

    async def seen(self, agent: str, *, away: bool = False) -> None:
        """Their page is open; ``away``: they want no new tickets."""
        values = {"agent": agent, "seen_at": self._now(), "away": away}
        insert: Any = (postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert)(AgentPresence)
        async with self._database.writing() as session:
            statement = insert.values(values)
            await session.execute(statement.on_conflict_do_update(index_elements=["agent"], set_=values))

    async def present(self) -> list[str]:
        async with self._database.reading() as session:
            return await self.present_in(session)

    async def present_in(self, session: AsyncSession) -> list[str]:
        query = select(AgentPresence.agent).where(
            AgentPresence.seen_at > self._now() - LASTS, AgentPresence.away.is_(False)
        )
        return list((await session.scalars(query.order_by(AgentPresence.agent))).all())
