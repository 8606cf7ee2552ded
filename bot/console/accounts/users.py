"""People of the brand: made by an invitation, known by their e-mail address."""

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.accounts.audit import AuditLog, Entry
from bot.console.accounts.models import SessionRow, UserRow
from bot.console.accounts.passwords import hash_password, problem_of
from bot.console.accounts.rights import Right, Role, rights_of
from bot.desk.changes import Clock, utc_now
from bot.desk.database import Database

_NOT_IN_HANDLE = re.compile(r"[^a-z0-9._-]+")
_HANDLE_LENGTH = 56
# What the desk calls those whose names the platform's own inbox does not tell.
_RESERVED = frozenset({"inbox"})


class UnknownUser(Exception):
    pass


class EmailTaken(Exception):
    pass


class LastAdmin(Exception):
    """The change would leave nobody who can manage users."""


class WeakPassword(Exception):
    """``problem`` is ``short``, ``long`` or ``guessable``."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class User:
    id: int
    email: str
    handle: str
    """What the desk knows an agent by, as in ``members`` of routing.yml."""
    name: str
    language: str
    roles: frozenset[Role]
    active: bool
    has_password: bool
    has_totp: bool
    is_external: bool
    """Signs in with OpenID Connect."""
    created_at: datetime

    @property
    def rights(self) -> frozenset[Right]:
        return rights_of(self.roles) if self.active else frozenset()

    def may(self, right: Right) -> bool:
        return right in self.rights


class Users:
    """Every change is recorded in the audit log, in the same transaction. Methods raise ``DeskUnavailable``."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock = utc_now) -> None:
        self.database = database
        self.audit = audit
        self._now = clock

    async def exist(self) -> bool:
        async with self.database.reading() as session:
            return await session.scalar(select(UserRow.id).limit(1)) is not None

    async def all(self) -> Sequence[User]:
        async with self.database.reading() as session:
            rows = await session.scalars(select(UserRow).order_by(UserRow.active.desc(), UserRow.name))
            return [view(row) for row in rows]

    async def get(self, user_id: int) -> User:
        """Raises ``UnknownUser``."""
        async with self.database.reading() as session:
            return view(await self._row(session, user_id))

    async def find(self, email: str) -> User | None:
        async with self.database.reading() as session:
            row = await session.scalar(select(UserRow).where(UserRow.email == plain_email(email)))
        return None if row is None else view(row)

    async def create(
        self, email: str, name: str, roles: Collection[Role], language: str, *, by: str, address: str = ""
    ) -> User:
        """An account without a password: its owner chooses one by an invitation. Raises ``EmailTaken``."""
        try:
            async with self.database.writing() as session:
                row = await self.add_row(session, email, name, roles, language)
                detail = {"roles": row.roles}
                self.audit.add(session, Entry(by, "user_created", row.email, detail, address))
        except IntegrityError as error:
            raise EmailTaken(email) from error
        return view(row)

    async def add_row(
        self, session: AsyncSession, email: str, name: str, roles: Collection[Role], language: str
    ) -> UserRow:
        """In the transaction of what it is for. Raises ``IntegrityError`` when the address is taken."""
        now = self._now()
        row = UserRow(
            email=plain_email(email),
            handle=await self._free_handle(session, plain_email(email)),
            name=name.strip(),
            language=language,
            roles=sorted(roles),
            active=True,
            totp_used_step=0,
            created_at=now,
            changed_at=now,
        )
        session.add(row)
        await session.flush()
        return row

    async def _free_handle(self, session: AsyncSession, email: str) -> str:
        """What stands before the @, with a number where a namesake has it."""
        plain = _NOT_IN_HANDLE.sub("-", email.partition("@")[0]).lstrip("._-")[:_HANDLE_LENGTH] or "agent"
        taken = _RESERVED | set(await session.scalars(select(UserRow.handle).where(UserRow.handle.startswith(plain))))
        numbered = (f"{plain}-{number}" for number in itertools.count(2))
        return next(handle for handle in itertools.chain([plain], numbered) if handle not in taken)

    async def change(
        self, user_id: int, *, roles: Collection[Role], active: bool, name: str, by: str, address: str = ""
    ) -> User:
        """Who loses a right loses it at once: sessions are ended. Raises ``UnknownUser`` and ``LastAdmin``."""
        async with self.database.writing() as session:
            row = await self._row(session, user_id)
            before = {"roles": row.roles, "active": row.active, "name": row.name}
            after = {"roles": sorted(roles), "active": active, "name": name.strip()}
            changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
            if not changed:
                return view(row)
            row.roles, row.active, row.name, row.changed_at = sorted(roles), active, name.strip(), self._now()
            await session.flush()
            await self._refuse_to_lose_admins(session)
            if "roles" in changed or "active" in changed:
                await self.end_sessions(session, user_id)
            self.audit.add(session, Entry(by, "user_changed", row.email, changed, address))
            return view(row)

    async def set_language(self, user_id: int, language: str) -> None:
        async with self.database.writing() as session:
            (await self._row(session, user_id)).language = language

    async def set_password(self, user_id: int, password: str, *, by: str, address: str = "") -> None:
        """All other sessions of the account end. Raises ``UnknownUser`` and ``WeakPassword``."""
        user = await self.get(user_id)
        if problem := problem_of(password, user.email, user.name):
            raise WeakPassword(problem)
        hashed = await hash_password(password)
        async with self.database.writing() as session:
            row = await self._row(session, user_id)
            row.password_hash, row.changed_at = hashed, self._now()
            await self.end_sessions(session, user_id)
            self.audit.add(session, Entry(by, "password_set", row.email, address=address))

    async def set_totp(self, user_id: int, sealed_secret: str | None, *, by: str, address: str = "") -> None:
        """Switch the second factor on, or off with None. Raises ``UnknownUser``."""
        async with self.database.writing() as session:
            row = await self._row(session, user_id)
            row.totp_secret, row.changed_at = sealed_secret, self._now()
            action = "totp_removed" if sealed_secret is None else "totp_set"
            self.audit.add(session, Entry(by, action, row.email, address=address))

    async def end_sessions(self, session: AsyncSession, user_id: int) -> None:
        for row in await session.scalars(select(SessionRow).where(SessionRow.user_id == user_id)):
            await session.delete(row)

    async def _row(self, session: AsyncSession, user_id: int) -> UserRow:
        row = await session.get(UserRow, user_id)
        if row is None:
            raise UnknownUser(str(user_id))
        return row

    async def _refuse_to_lose_admins(self, session: AsyncSession) -> None:
        roles = await session.scalars(select(UserRow.roles).where(UserRow.active))
        if not any(Role.ADMIN in held for held in roles):
            raise LastAdmin


def plain_email(email: str) -> str:
    return email.strip().lower()


def view(row: UserRow) -> User:
    return User(
        id=row.id,
        email=row.email,
        handle=row.handle,
        name=row.name,
        language=row.language,
        roles=frozenset(Role(role) for role in row.roles),
        active=row.active,
        has_password=row.password_hash is not None,
        has_totp=row.totp_secret is not None,
        is_external=row.oidc_subject is not None,
        created_at=row.created_at,
    )
