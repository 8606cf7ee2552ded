"""The desk's connection to SQL: SQLite or PostgreSQL through the same code path."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from bot.desk.tickets import DeskUnavailable

SQLITE_BUSY_MILLISECONDS: Final = 30_000
_CONNECT_SECONDS: Final = 5
_COMMAND_SECONDS: Final = 20.0
_WRITES: Final = "desk_writes"

# A transaction that lost a race (serialization failure, deadlock) and a server that shuts down or is full
# (https://www.postgresql.org/docs/15/errcodes-appendix.html): the same call may succeed a moment later.
_PASSING_SQLSTATE_CLASSES: Final = ("08", "40", "53", "57")


def create_engine(database_url: str, command_seconds: float | None = _COMMAND_SECONDS) -> AsyncEngine:
    """An engine for ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…`` with a small pool.

    Parameters never appear in its errors, since they hold personal data. ``command_seconds`` is how long PostgreSQL
    may take over one statement; None: as long as it needs.
    """
    url = make_url(database_url)
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": 5, "max_overflow": 5, "pool_timeout": 20}
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(url, **options)
        _prepare_sqlite(engine)
        return engine
    timeouts = {"timeout": _CONNECT_SECONDS, "command_timeout": command_seconds}
    return create_async_engine(url, **options, pool_pre_ping=True, connect_args=timeouts)


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver would begin transactions on its own, and too late to choose their kind.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        # FULL: a ticket that the customer was told of survives a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for another writer: SQLite answers "database is
        # locked" at once, whatever the timeout. Writers therefore take the lock when they begin.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Database:
    """Short sessions on one engine. Never hold one across a network call other than the database's own."""

    def __init__(self, database_url: str, command_seconds: float | None = _COMMAND_SECONDS) -> None:
        self.engine = create_engine(database_url, command_seconds)
        self._writing_engine = self.engine.execution_options(**{_WRITES: True})

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session to read with. Raises ``DeskUnavailable``."""
        async with translate_outage(), AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end, rolled back on an error. Raises ``DeskUnavailable``."""
        async with (
            translate_outage(),
            AsyncSession(self._writing_engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def ping(self) -> None:
        """Raises ``DeskUnavailable`` when the database does not answer."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


@asynccontextmanager
async def translate_outage() -> AsyncIterator[None]:
    try:
        yield
    except (TimeoutError, OSError, PoolTimeout) as error:
        raise DeskUnavailable(_first_line(error)) from error
    except DBAPIError as error:
        if not _is_outage(error):
            raise
        raise DeskUnavailable(_first_line(error.orig or error)) from error


def _first_line(error: BaseException) -> str:
    """What operators need; the driver's words on an outage hold no values of a statement."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]


def _is_outage(error: DBAPIError) -> bool:
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is not None:
        return str(sqlstate).startswith(_PASSING_SQLSTATE_CLASSES)
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
