"""Who is signed in: a random cookie, known to the database by its hash, that ends when idle and in any case in time."""

import hmac
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from bot.console.accounts.models import SessionRow, UserRow
from bot.console.accounts.secrets import hash_token, new_token
from bot.console.accounts.users import User, view
from bot.desk.changes import Clock, utc_now
from bot.desk.database import Database

_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    user: User
    csrf_token: str
    token_hash: str

    def sent_by_our_page(self, csrf_token: str) -> bool:
        return hmac.compare_digest(self.csrf_token.encode(), csrf_token.encode())


class Sessions:
    """Methods raise ``DeskUnavailable``."""

    def __init__(self, database: Database, *, idle: timedelta, absolute: timedelta, clock: Clock = utc_now) -> None:
        self._database = database
        self._idle = idle
        self._absolute = absolute
        self._now = clock

    async def begin(self, user_id: int) -> str:
        """The cookie's value."""
        token, now = new_token(), self._now()
        async with self._database.writing() as session:
            session.add(
                SessionRow(
                    token_hash=hash_token(token), user_id=user_id, csrf_token=new_token(), created_at=now, seen_at=now
                )
            )
            await session.execute(delete(SessionRow).where(self._over()))
        return token

    async def resolve(self, token: str, *, by_hand: bool = True) -> SignedIn | None:
        """None when nobody is signed in by that cookie, or no longer. What a page does on its own, not ``by_hand``,
        does not keep a session from becoming idle."""
        query = (
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.token_hash == hash_token(token), UserRow.active)
        )
        async with self._database.reading() as session:
            found = (await session.execute(query)).first()
        if found is None:
            return None
        row, user = found
        now = self._now()
        if now - row.seen_at >= self._idle or now - row.created_at >= self._absolute:
            return None
        if by_hand and now - row.seen_at >= _SEEN_EVERY:
            await self._touch(row.token_hash)
        return SignedIn(view(user), row.csrf_token, row.token_hash)

    async def end(self, token_hash: str) -> None:
        async with self._database.writing() as session:
            await session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))

    async def _touch(self, token_hash: str) -> None:
        async with self._database.writing() as session:
            await session.execute(
                update(SessionRow).where(SessionRow.token_hash == token_hash).values(seen_at=self._now())
            )

    def _over(self) -> ColumnElement[bool]:
        now = self._now()
        return or_(SessionRow.seen_at <= now - self._idle, SessionRow.created_at <= now - self._absolute)
