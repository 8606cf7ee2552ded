"""Brings the tables of accounts to the newest schema, beside the desk's in the same database."""

from pathlib import Path
from typing import Final

from bot.desk.schema import migrate

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "console_alembic_version"


async def migrate_accounts(database_url: str) -> None:
    """Safe when several processes call it at once. Raises ``DeskUnavailable`` when the database does not answer."""
    await migrate(database_url, MIGRATIONS, VERSION_TABLE)
