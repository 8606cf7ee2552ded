"""What operators do with ``parvis`` at the desk, on the database of an installation."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from benchmarks.ports import free_port
from bot.cli import app
from bot.configuration import ConfigurationError
from bot.desk import Desk, TicketStatus, load_routing, migrate, open_desk
from bot.desk.models import Notification, NotificationStatus
from bot.inbox import keys
from bot.settings import PROJECT_ROOT
from tests.conftest import Valkey
from tests.integration.desk.conftest import make_request

HERE = "messenger:10:20"


@pytest.fixture
def at_the_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Desk], Any]], Any]:
    """Runs something on the desk of an installation whose home is empty."""
    monkeypatch.setenv("PARVIS_HOME", str(tmp_path))
    monkeypatch.delenv("PARVIS_DATABASE_URL", raising=False)
    url = f"sqlite+aiosqlite:///{tmp_path / 'parvis.db'}"
    asyncio.run(migrate(url))

    def run(work: Callable[[Desk], Coroutine[Any, Any, Any]]) -> Any:
        async def on_desk() -> Any:
            desk = open_desk(url, load_routing(PROJECT_ROOT / "routing.yml"))
            try:
                return await work(desk)
            finally:
                await desk.close()

        return asyncio.run(on_desk())

    return run


def parvis(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def opened(at_the_desk: Any) -> str:
    return str(at_the_desk(lambda desk: desk.open_ticket(make_request())).reference)


def status(at_the_desk: Any, reference: str) -> TicketStatus:
    found = at_the_desk(lambda desk: desk.find_ticket(HERE, reference))
    return TicketStatus(found.status)


def test_a_ticket_is_resolved_and_closed_by_its_reference(at_the_desk: Any) -> None:
    reference = opened(at_the_desk)
    parvis("tickets", "resolve", reference.lower())
    assert status(at_the_desk, reference) is TicketStatus.SOLVED
    parvis("tickets", "close", reference)
    assert status(at_the_desk, reference) is TicketStatus.CLOSED


def test_a_ticket_that_is_not_there_is_a_line_and_no_traceback(at_the_desk: Any) -> None:
    with pytest.raises(ConfigurationError, match="no ticket ML-222-222"):
        parvis("tickets", "resolve", "ML-222-222")


def test_given_up_emails_are_listed_with_the_reason_and_put_back(at_the_desk: Any) -> None:
    reference = opened(at_the_desk)

    async def give_up(desk: Desk) -> None:
        async with desk.database.writing() as session:
            await session.execute(
                update(Notification).values(status=NotificationStatus.FAILED, last_error="550: no such mailbox")
            )

    at_the_desk(give_up)
    [listed] = json.loads(parvis("failed-emails", "list", "--json"))
    assert (listed["reference"], listed["reason"]) == (reference, "550: no such mailbox")
    parvis("failed-emails", "put-back")
    assert at_the_desk(lambda desk: desk.failed_notifications()) == 0
    assert at_the_desk(lambda desk: desk.pending_notifications()) == 1


def test_a_customer_is_forgotten_and_old_data_purged(
    at_the_desk: Any, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARVIS_REDIS_URL", valkey.address)
    with valkey.client() as redis:
        redis.set(keys.events(HERE), "what the assistant remembers")
    reference = opened(at_the_desk)
    parvis("purge", "--days", "30")
    assert status(at_the_desk, reference) is TicketStatus.NEW
    parvis("forget", HERE)
    assert at_the_desk(lambda desk: desk.find_ticket(HERE, reference)) is None
    with valkey.client() as redis:
        assert not redis.exists(keys.events(HERE))
    with pytest.raises(ConfigurationError, match="channel:account:user"):
        parvis("forget", "ann")


def test_nobody_is_half_forgotten_while_redis_is_away(at_the_desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = opened(at_the_desk)
    monkeypatch.setenv("PARVIS_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(ConfigurationError, match="Redis does not answer"):
        parvis("forget", HERE)
    assert status(at_the_desk, reference) is TicketStatus.NEW
