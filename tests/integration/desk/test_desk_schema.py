import asyncio
import shutil
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from bot.desk import Database, migrate, schema
from bot.desk.models import Base

MIGRATE = "import asyncio, sys; from bot.desk import migrate; asyncio.run(migrate(sys.argv[1]))"


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


async def test_models_and_migrations_agree(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    database = Database(empty_database_url)
    async with database.reading() as session:
        assert await (await session.connection()).run_sync(differences) == []
    await database.close()


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    await migrate(database_url)


async def test_many_processes_may_migrate_an_empty_database_at_once(empty_database_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, empty_database_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    outcomes = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 3, outcomes
    database = Database(empty_database_url)
    async with database.reading() as session:
        tables = await (await session.connection()).run_sync(lambda connection: inspect(connection).get_table_names())
    await database.close()
    assert {"tickets", "ticket_events", "notifications", "messages"} <= set(tables)


async def test_a_failing_step_leaves_the_database_as_it_was(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", broken_migrations(tmp_path))
    with pytest.raises(RuntimeError, match="power cut"):
        await migrate(empty_database_url)
    database = Database(empty_database_url)
    async with database.reading() as session:
        tables = await (await session.connection()).run_sync(lambda connection: inspect(connection).get_table_names())
    await database.close()
    assert tables == []


def broken_migrations(folder: Path) -> Path:
    """The project's own, but the first step fails when three of its four tables are made."""
    copy = folder / "migrations"
    shutil.copytree(schema.MIGRATIONS, copy)
    (first,) = (copy / "versions").glob("0001_*.py")
    step = first.read_text(encoding="utf-8")
    assert "    _create_notifications()\n" in step
    first.write_text(step.replace("    _create_notifications()\n", "    raise RuntimeError('power cut')\n", 1))
    return copy
