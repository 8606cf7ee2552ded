"""Links that are good once: for the first admin, for somebody new, for a forgotten password."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.accounts.audit import Entry
from bot.console.accounts.models import InvitationRow, UserRow
from bot.console.accounts.passwords import hash_password, problem_of
from bot.console.accounts.rights import Role
from bot.console.accounts.secrets import hash_token, new_token
from bot.console.accounts.users import User, Users, WeakPassword, view
from bot.desk.changes import Clock, utc_now


class InvalidInvitation(Exception):
    """Used, too old, or never given."""


class Purpose(StrEnum):
    FIRST_ADMIN = "first_admin"
    CHOOSE_PASSWORD = "choose_password"  # noqa: S105 -- a purpose, not a password


_GOOD_FOR: Final = {Purpose.FIRST_ADMIN: timedelta(days=7), Purpose.CHOOSE_PASSWORD: timedelta(days=3)}


class Invitations:
    """Methods raise ``DeskUnavailable``."""

    def __init__(self, users: Users, clock: Clock = utc_now) -> None:
        self._users = users
        self._database = users.database
        self._now = clock

    async def for_first_admin(self) -> str | None:
        """What the link carries, in place of any given before; None when there is an account already."""
        if await self._users.exist():
            return None
        async with self._database.writing() as session:
            await session.execute(delete(InvitationRow).where(InvitationRow.purpose == Purpose.FIRST_ADMIN))
        return await self._give(Purpose.FIRST_ADMIN, None)

    async def for_user(self, user: User, *, by: str, address: str = "") -> str:
        """What the link carries; earlier links of the account no longer work."""
        async with self._database.writing() as session:
            await session.execute(delete(InvitationRow).where(InvitationRow.user_id == user.id))
            self._users.audit.add(session, Entry(by, "invitation_given", user.email, address=address))
        return await self._give(Purpose.CHOOSE_PASSWORD, user.id)

    async def purpose_of(self, token: str) -> tuple[Purpose, User | None]:
        """Without using it up. Raises ``InvalidInvitation``."""
        async with self._database.reading() as session:
            row = await session.get(InvitationRow, hash_token(token))
            if row is None or row.expires_at <= self._now():
                raise InvalidInvitation
            owner = await session.get(UserRow, row.user_id) if row.user_id is not None else None
            return Purpose(row.purpose), None if owner is None else view(owner)

    async def accept_as_first_admin(
        self, token: str, *, email: str, name: str, password: str, language: str, address: str
    ) -> User:
        """Raises ``InvalidInvitation`` and ``WeakPassword``; the link stays good after a weak password."""
        if problem := problem_of(password, email, name):
            raise WeakPassword(problem)
        hashed = await hash_password(password)
        async with self._database.writing() as session:
            await self._use_up(session, token, Purpose.FIRST_ADMIN)
            if await session.scalar(select(UserRow.id).limit(1)) is not None:
                raise InvalidInvitation
            row = await self._users.add_row(session, email, name, set(Role), language)
            row.password_hash = hashed
            self._users.audit.add(session, Entry(row.email, "first_admin_created", row.email, address=address))
        return view(row)

    async def accept(self, token: str, password: str, *, address: str) -> User:
        """Raises ``InvalidInvitation`` and ``WeakPassword``."""
        _, user = await self.purpose_of(token)
        if user is None or not user.active:
            raise InvalidInvitation
        if problem := problem_of(password, user.email, user.name):
            raise WeakPassword(problem)
        async with self._database.writing() as session:
            await self._use_up(session, token, Purpose.CHOOSE_PASSWORD)
        await self._users.set_password(user.id, password, by=user.email, address=address)
        return user

    async def _give(self, purpose: Purpose, user_id: int | None) -> str:
        token = new_token()
        async with self._database.writing() as session:
            session.add(
                InvitationRow(
                    token_hash=hash_token(token),
                    purpose=purpose,
                    user_id=user_id,
                    expires_at=self._now() + _GOOD_FOR[purpose],
                )
            )
        return token

    async def _use_up(self, session: AsyncSession, token: str, purpose: Purpose) -> None:
        used = await session.execute(
            delete(InvitationRow)
            .where(
                InvitationRow.token_hash == hash_token(token),
                InvitationRow.purpose == purpose,
                InvitationRow.expires_at > self._now(),
            )
            .returning(InvitationRow.token_hash)
        )
        if used.first() is None:
            raise InvalidInvitation
