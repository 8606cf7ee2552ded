"""Choices of tickets that people save under a name, each for themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.console.accounts.models import ViewRow
from bot.desk.database import Database


@dataclass(frozen=True)
class SavedView:
    """``chosen`` is the query of the queue's address."""

    id: int
    name: str
    chosen: str


class SavedViews:
    """Methods raise ``DeskUnavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_id: int) -> Sequence[SavedView]:
        query = select(ViewRow).where(ViewRow.user_id == user_id).order_by(ViewRow.name)
        async with self._database.reading() as session:
            return [SavedView(row.id, row.name, row.chosen) for row in await session.scalars(query)]

    async def save(self, user_id: int, name: str, chosen: str) -> None:
        """A name that the user has given already now means this."""
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        row = insert(ViewRow).values(user_id=user_id, name=name, chosen=chosen)
        async with self._database.writing() as session:
            await session.execute(
                row.on_conflict_do_update(index_elements=["user_id", "name"], set_={"chosen": chosen})
            )

    async def delete(self, user_id: int, view_id: int) -> None:
        async with self._database.writing() as session:
            await session.execute(delete(ViewRow).where(ViewRow.id == view_id, ViewRow.user_id == user_id))
