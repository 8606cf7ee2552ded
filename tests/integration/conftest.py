"""Real databases: tests that ask for ``database_url`` run on SQLite and on PostgreSQL."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from benchmarks.postgresql import PostgreSql, find_postgresql
from bot.console.accounts import migrate_accounts
from bot.console.accounts.models import Base as AccountsBase
from bot.desk import Database, migrate
from bot.desk.models import Base

# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def make_postgresql() -> Iterator[PostgreSql]:
    programs = find_postgresql()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: neither on PATH nor in /usr/lib/postgresql")
    server = PostgreSql(programs)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    yield from make_postgresql()


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSql]:
    """One that the test alone uses, so that it may stop it."""
    yield from make_postgresql()


# --- databases --------------------------------------------------------------------------------------------------------


async def migrate_all(database_url: str) -> None:
    await migrate(database_url)
    await migrate_accounts(database_url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("desk") / "template.db"
    asyncio.run(migrate_all(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgreSql) -> str:
    asyncio.run(postgresql.execute("CREATE DATABASE desk"))
    asyncio.run(migrate_all(postgresql.address("desk")))
    return "desk"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    server: PostgreSql = request.getfixturevalue("postgresql")
    name = f"empty_{os.urandom(6).hex()}"
    asyncio.run(server.execute(f"CREATE DATABASE {name}"))
    return server.address(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The tables of the desk and of the accounts, empty."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "desk.db")
        return f"sqlite+aiosqlite:///{tmp_path / 'desk.db'}"
    server: PostgreSql = request.getfixturevalue("postgresql")
    name: str = request.getfixturevalue("migrated_postgresql")
    tables = ", ".join([*Base.metadata.tables, *AccountsBase.metadata.tables])
    asyncio.run(server.execute(f"TRUNCATE {tables} RESTART IDENTITY", name))
    return server.address(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()
