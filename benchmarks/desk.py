"""``parvis bench desk``: the pages that agents wait for, over the tickets of some busy years.

The limit beside it is the first page of the same list made by one bare SQL statement and one template, without
accounts, audit, counts or http.
"""

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from jinja2 import Environment
from sqlalchemy import text

from benchmarks.children import Children, free_port
from benchmarks.desk_data import Made, make
from benchmarks.postgresql import PostgreSql, find_postgresql
from benchmarks.report import Goal, Report
from bot.console.accounts import AuditLog, Role, Users, migrate_accounts
from bot.desk import Database, migrate
from bot.settings import PROJECT_ROOT, Settings

TICKETS: Final = 100_000
MESSAGES: Final = 2_000_000
_GOAL_MS: Final = 100.0
_REQUESTS: Final = 100
_WARM_UP: Final = 10
_EMAIL, _PASSWORD = "bench@brand.example", "lavande soleil neuf"
_PAGES: Final = ("queue", "ticket", "search_reference", "search_phone", "search_words")

_SOUGHT: Final = ("canapé jamais", "parcel broken", "rideau Lyon", "facture", "nothing like it")

Progress = Callable[[str], None]

_BARE_SQL: Final = text(
    "SELECT reference, status, priority, team, assignee, topic, channel, language, text, due_at FROM tickets "
    "WHERE status IN ('new', 'open', 'waiting_for_customer') ORDER BY due_at, id LIMIT 50"
)
_BARE_TEMPLATE: Final = Environment(autoescape=True).from_string(
    "<!doctype html><title>Tickets</title><ol>{% for row in rows %}<li><a href='/tickets/{{ row.reference }}'>"
    "{{ row.reference }}</a> {{ row.status }} {{ row.priority }} {{ row.due_at }} <p>{{ row.text }}</p> {{ row.team }} "
    "{{ row.assignee or '' }} {{ row.topic }} {{ row.channel }} {{ row.language }}</li>{% endfor %}</ol>"
)


def bench_desk(_: Settings, home: Path, progress: Progress) -> Report:
    """Raises ``ChildFailed`` when the console does not come up."""
    results: dict[str, Any] = {}
    with _databases(home) as databases:
        for name, address in databases.items():
            folder = home / name
            folder.mkdir()
            progress(f"{name}: making {TICKETS} tickets and {MESSAGES} messages")
            made = asyncio.run(_prepare(address, progress))
            progress(f"{name}: measuring")
            results[name] = _Measured(folder, address, made).run()
            progress(f"{name}: " + ", ".join(f"{page} p95 {one['p95_ms']} ms" for page, one in results[name].items()))
            results[f"{name}_bare"] = {"queue": asyncio.run(_bare(address))}
    return _report(results)


@contextmanager
def _databases(home: Path) -> Iterator[dict[str, str]]:
    databases = {"sqlite": f"sqlite+aiosqlite:///{home / 'desk.db'}"}
    programs = find_postgresql()
    if programs is None:
        yield databases
        return
    server = PostgreSql(programs)
    server.start()
    try:
        asyncio.run(server.execute("CREATE DATABASE desk"))
        yield {**databases, "postgresql": server.address("desk")}
    finally:
        server.remove()


async def _prepare(address: str, progress: Progress) -> Made:
    await migrate(address)
    await migrate_accounts(address)
    database = Database(address)
    try:
        users = Users(database, AuditLog(database))
        user = await users.create(_EMAIL, "Bench", {Role.AGENT}, "fr", by="bench")
        await users.set_password(user.id, _PASSWORD, by="bench")
        made = await make(database, TICKETS, MESSAGES, progress)
        async with database.writing() as session:
            await session.execute(text("ANALYZE"))
        return made
    finally:
        await database.close()


async def _bare(address: str) -> dict[str, float]:
    database = Database(address)
    taken = []
    try:
        for _ in range(_WARM_UP + _REQUESTS):
            begun = time.perf_counter()
            async with database.reading() as session:
                rows = (await session.execute(_BARE_SQL)).all()
            _BARE_TEMPLATE.render(rows=rows)
            taken.append(time.perf_counter() - begun)
    finally:
        await database.close()
    return _figures(taken[_WARM_UP:])


@dataclass
class _Measured:
    """The console as it runs, asked for one page after the other."""

    folder: Path
    address: str
    made: Made

    def run(self) -> dict[str, dict[str, float]]:
        port, operations, redis_port = free_port(), free_port(), free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")},
            "PARVIS_DOTENV": os.devnull,
            "PARVIS_HOME": str(self.folder),
            "PARVIS_DATABASE_URL": self.address,
            "PARVIS_REDIS_PORT": str(redis_port),
            "PARVIS_SIMULATOR_MODE": "on",
            "PARVIS_CONSOLE_PORT": str(port),
            "PARVIS_OPS_CONSOLE_PORT": str(operations),
        }
        command = [sys.executable, "-m", "bot.cli"]
        with Children(self.folder / "logs") as children:
            redis = children.start("redis", [*command, "redis"], environment, PROJECT_ROOT)
            redis.wait_until_ready(f"redis://127.0.0.1:{redis_port}", 60)
            console = children.start("console", [*command, "console"], environment, PROJECT_ROOT)
            console.wait_until_ready(f"http://127.0.0.1:{port}/ready", 120)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                client.post("/sign-in", data={"email": _EMAIL, "password": _PASSWORD})
                return {page: _figures(self._take(client, page)) for page in _PAGES}

    def _take(self, client: httpx.Client, page: str) -> list[float]:
        chance, taken = random.Random(3), []
        for _ in range(_WARM_UP + _REQUESTS):
            path = self._path(page, chance)
            begun = time.perf_counter()
            answer = client.get(path)
            taken.append(time.perf_counter() - begun)
            if answer.status_code != 200:
                raise RuntimeError(f"{page}: answered {answer.status_code}")
        return taken[_WARM_UP:]

    def _path(self, page: str, chance: random.Random) -> str:
        if page == "queue":
            return "/tickets"
        if page == "ticket":
            return f"/tickets/{chance.choice(self.made.references)}"
        if page == "search_reference":
            return f"/tickets?q={chance.choice(self.made.references)}"
        if page == "search_phone":
            return f"/tickets?q=%2B{chance.choice(self.made.phones)[1:]}"
        return f"/tickets?q={chance.choice(_SOUGHT)}"


def _figures(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=20)
    return {"p50_ms": round(statistics.median(seconds) * 1000, 1), "p95_ms": round(cuts[18] * 1000, 1)}


def _report(results: dict[str, Any]) -> Report:
    rows = [
        (system, page, f"{figures['p50_ms']:.1f}", f"{figures['p95_ms']:.1f}")
        for system, pages in results.items()
        for page, figures in pages.items()
    ]
    goals = [
        Goal.below(f"{system}: {page}, p95 in ms", results[system][page]["p95_ms"], _GOAL_MS)
        for system in results
        if not system.endswith("_bare")
        for page in _PAGES
    ]
    return Report(
        bench="desk",
        title="The desk's pages over 100,000 tickets and 2 million messages",
        columns=("system", "page", "p50 ms", "p95 ms"),
        rows=rows,
        results=results,
        goals=goals,
        notes=(
            "One request after the other, whole pages over http, signed in; the ticket is another one each time.",
            "*bare*: one SQL statement and one template in the same process, the limit for the queue.",
        ),
    )
