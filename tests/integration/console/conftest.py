"""Accounts on real databases and a real Valkey, and the console itself behind real requests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from bot.console.accounts import AuditLog, Invitations, Role, Sessions, SignIn, Throttle, User, Users
from bot.console.accounts.secrets import Vault
from bot.inbox.connection import open_redis

PASSWORD = "lavande soleil neuf"


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Accounts:
    clock: Clock
    users: Users
    audit: AuditLog
    invitations: Invitations
    sessions: Sessions
    sign_in: SignIn
    vault: Vault

    async def make(self, email: str = "lea@brand.example", *roles: Role) -> User:
        user = await self.users.create(email, "Léa Martin", roles or {Role.AGENT}, "fr", by="test")
        await self.users.set_password(user.id, PASSWORD, by="test")
        return await self.users.get(user.id)

    async def actions(self) -> list[str]:
        """Oldest first."""
        return [entry.action for _, entry in reversed(await self.audit.newest())]


@pytest.fixture
async def redis(valkey) -> AsyncIterator[Redis]:
    client = open_redis(valkey.address)
    yield client
    await client.aclose()


@pytest.fixture
def accounts(database, redis) -> Accounts:
    clock = Clock()
    audit = AuditLog(database, clock)
    users = Users(database, audit, clock)
    vault = Vault("k" * 32, clock)
    sessions = Sessions(database, idle=timedelta(minutes=60), absolute=timedelta(hours=12), clock=clock)
    throttle = Throttle(redis, per_account=3, per_address=6)
    return Accounts(
        clock, users, audit, Invitations(users, clock), sessions, SignIn(users, throttle, vault, clock), vault
    )
