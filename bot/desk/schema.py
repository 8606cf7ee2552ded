"""Brings a database to the newest schema."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from bot.desk.database import Database, translate_outage

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).parent / "migrations"

# Any number that no other use of this PostgreSQL database takes; it must never change.
_ADVISORY_LOCK: Final = 7_206_417_239_001


async def migrate(
    database_url: str, migrations: Path | None = None, version_table: str = "alembic_version", to: str = "head"
) -> None:
    """Create or upgrade the desk's tables, or those of another room's ``migrations``, as far as revision ``to``.

    Safe when several processes call it at once: one works, the others wait. Raises ``DeskUnavailable`` when the
    database does not answer.
    """
    # A large table takes its time, and so does waiting for whoever migrates already.
    database = Database(database_url, command_seconds=None)
    try:
        async with translate_outage():
            if database.dialect == "sqlite":
                await _switch_to_wal(database)
            async with database.writing() as session:
                await (await session.connection()).run_sync(_upgrade, migrations or MIGRATIONS, version_table, to)
    finally:
        await database.close()


async def _switch_to_wal(database: Database) -> None:
    """The mode is kept in the file; it cannot be set inside a transaction."""
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None  # noqa: S101 -- a pooled connection that was just made
        await driver.execute("PRAGMA journal_mode = WAL")


def _upgrade(connection: Connection, migrations: Path, version_table: str, to: str) -> None:
    from alembic import command  # half a second that most importers of the desk never need

    if connection.dialect.name == "postgresql":
        # Held until the transaction ends. SQLite needs none: its write transaction is the lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    command.upgrade(alembic_config(connection, migrations, version_table), to)


def alembic_config(
    connection: Connection, migrations: Path = MIGRATIONS, version_table: str = "alembic_version"
) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes.update(connection=connection, version_table=version_table)
    return config
