"""Real databases: tests that ask for ``database_url`` run on SQLite and on PostgreSQL."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from bot.console.accounts import migrate_accounts
from bot.console.accounts.models import Base as AccountsBase
from bot.desk import Database, migrate
from bot.desk.models import Base
from tests.conftest import free_port

# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def find_postgresql() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return installed[-1].parent if installed else None


class PostgreSql:
    """A throw-away cluster that a test may stop and start. It refuses to run as root, which lends it to ``nobody``."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="parvis-postgresql-"))
        if self._user:
            shutil.chown(self._folder, self._user)
        self.port = free_port()
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "parvis", "-A", "trust", "-E", "UTF8", "--no-sync")

    def address(self, database: str) -> str:
        return f"postgresql+asyncpg://parvis@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self._folder} -F"
        self._control("start", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _control(self, verb: str, *options: str) -> None:
        self._run("pg_ctl", verb, "-w", "-D", str(self._folder / "data"), *options)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def execute(self, statement: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(f"postgresql://parvis@127.0.0.1:{self.port}/{database}")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


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
