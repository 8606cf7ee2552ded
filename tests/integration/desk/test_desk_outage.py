import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.desk import Desk, DeskUnavailable, OpenTicket, Routing, TicketView, database, migrate, open_desk

Make = Callable[..., OpenTicket]


async def open_when_back(desk: Desk, request: OpenTicket) -> TicketView:
    deadline = time.monotonic() + 30
    while True:
        try:
            return await desk.open_ticket(request)
        except DeskUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def test_a_stopped_postgresql_is_an_outage_and_its_return_needs_no_restart(
    own_postgresql: Any, routing: Routing, request_for: Make
) -> None:
    url = own_postgresql.address("postgres")
    await migrate(url)
    desk = open_desk(url, routing)
    first = await desk.open_ticket(request_for())
    await asyncio.to_thread(own_postgresql.stop)
    with pytest.raises(DeskUnavailable):
        await desk.open_ticket(request_for("m2"))
    with pytest.raises(DeskUnavailable):
        await desk.ping()
    await asyncio.to_thread(own_postgresql.start)
    assert await open_when_back(desk, request_for()) == first
    assert await desk.pending_notifications() == 1
    await desk.close()


async def test_a_postgresql_that_was_never_there_is_an_outage(routing: Routing, request_for: Make) -> None:
    desk = open_desk("postgresql+asyncpg://parvis@127.0.0.1:1/nothing", routing)
    with pytest.raises(DeskUnavailable):
        await desk.open_ticket(request_for())
    with pytest.raises(DeskUnavailable):
        await migrate("postgresql+asyncpg://parvis@127.0.0.1:1/nothing")
    await desk.close()


async def test_a_sqlite_file_that_somebody_holds_too_long_is_an_outage(
    tmp_path: Path, routing: Routing, request_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_BUSY_MILLISECONDS", 50)
    url = f"sqlite+aiosqlite:///{tmp_path / 'desk.db'}"
    await migrate(url)
    desk = open_desk(url, routing)
    holder = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DeskUnavailable, match="database is locked"):
        await desk.open_ticket(request_for())
    await desk.ping()  # reading goes on
    holder.execute("ROLLBACK")
    holder.close()
    assert (await desk.open_ticket(request_for())).is_new
    await desk.close()


async def test_an_outage_does_not_repeat_what_the_customer_wrote(routing: Routing, request_for: Make) -> None:
    desk = open_desk("postgresql+asyncpg://parvis@127.0.0.1:1/nothing", routing)
    with pytest.raises(DeskUnavailable) as raised:
        await desk.open_ticket(request_for(text="mon secret"))
    await desk.close()
    cause: BaseException | None = raised.value
    while cause is not None:
        assert "secret" not in str(cause)
        cause = cause.__cause__
