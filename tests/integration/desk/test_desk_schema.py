import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, inspect, select, text

from bot.desk import Closing, Database, TicketStatus, migrate, schema
from bot.desk.models import Base, Promise, Ticket, TicketEvent

MIGRATE = "import asyncio, sys; from bot.desk import migrate; asyncio.run(migrate(sys.argv[1]))"


def differences(connection: Connection) -> list[object]:
    opts = {"compare_type": True, "compare_server_default": True, "include_object": is_no_index_of_words}
    context = MigrationContext.configure(connection, opts=opts)
    return list(compare_metadata(context, Base.metadata))


def is_no_index_of_words(_: object, name: str | None, kind: str, *__: object) -> bool:
    """Those are the database's own: tables on SQLite, columns on PostgreSQL."""
    return not (
        (kind == "table" and (name or "").startswith("search_"))
        or (kind == "column" and name == "words")
        or (kind == "index" and (name or "").endswith("_words"))
    )


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


async def test_tickets_of_the_first_schema_keep_their_history_and_owe_their_promise(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", first_migration(tmp_path))
        await migrate(empty_database_url)
    database = Database(empty_database_url)
    async with database.writing() as session:
        for statement in FIRST_SCHEMA_ROWS:
            await session.execute(text(statement))
    await migrate(empty_database_url)
    async with database.reading() as session:
        tickets = (await session.scalars(select(Ticket).order_by(Ticket.id))).all()
        events = await session.scalar(select(func.count()).select_from(TicketEvent))
        promised = (await session.scalars(select(Promise.ticket_id).order_by(Promise.id))).all()
    await database.close()
    assert [(ticket.status, ticket.closing, ticket.category) for ticket in tickets] == [
        (TicketStatus.NEW, None, "invoice"),
        (TicketStatus.OPEN, None, "invoice"),
        (TicketStatus.SOLVED, None, "invoice"),
        (TicketStatus.CLOSED, Closing.CANCELLED, "invoice"),
    ]
    assert events == 4
    assert sorted(promised) == [1, 1, 2, 2]


def row(number: int, status: str) -> Iterator[str]:
    values = f"{number}, 'ML-{number}', 'x:1:{number}', 'x', '1', '{number}', 'm', '{status}'"
    yield f"""
        INSERT INTO tickets (
            id, reference, conversation_id, channel, account_id, user_id, opened_by, status, disposition, topic,
            language, text, occurred_at, priority, team, promised_hours, contact_refused, opened_at, due_at, updated_at
        ) VALUES (
            {values}, 'escalate_private', 'invoice', 'fr',
            'bonjour', '2026-11-20', 'normal', 'care', 4, false, '2026-11-20', '2026-11-21', '2026-11-20'
        )"""  # noqa: S608 -- values of our own
    yield f"""
        INSERT INTO ticket_events (id, ticket_id, kind, at, detail)
        VALUES ({number}, {number}, 'opened', '2026-11-20', '{{}}')"""  # noqa: S608


STATUSES_BEFORE = ("ready", "in_progress", "resolved", "cancelled")
FIRST_SCHEMA_ROWS = [
    statement for number, status in enumerate(STATUSES_BEFORE, start=1) for statement in row(number, status)
]


def first_migration(folder: Path) -> Path:
    copy = folder / "first"
    shutil.copytree(schema.MIGRATIONS, copy)
    for step in (copy / "versions").glob("0*.py"):
        if not step.name.startswith("0001"):
            step.unlink()
    return copy
