"""Real databases and a real SMTP server for the desk. Every desk test runs on SQLite and on PostgreSQL."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.desk import Database, Desk, OpenTicket, Routing, load_routing, migrate, open_desk
from bot.desk.models import Base
from bot.settings import PROJECT_ROOT


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        self.port = unused_port()
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


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("desk") / "template.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgreSql) -> str:
    asyncio.run(postgresql.execute("CREATE DATABASE desk"))
    asyncio.run(migrate(postgresql.address("desk")))
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
    """The desk's tables, empty."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "desk.db")
        return f"sqlite+aiosqlite:///{tmp_path / 'desk.db'}"
    server: PostgreSql = request.getfixturevalue("postgresql")
    name: str = request.getfixturevalue("migrated_postgresql")
    tables = ", ".join(Base.metadata.tables)
    asyncio.run(server.execute(f"TRUNCATE {tables} RESTART IDENTITY", name))
    return server.address(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


# --- the desk ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def routing() -> Routing:
    return load_routing(PROJECT_ROOT / "routing.yml")


@pytest.fixture
async def desk(database_url: str, routing: Routing) -> AsyncIterator[Desk]:
    desk = open_desk(database_url, routing)
    yield desk
    await desk.close()


@pytest.fixture
def request_for() -> Callable[..., OpenTicket]:
    return make_request


def make_request(message_id: str = "m1", **changes: Any) -> OpenTicket:
    values: dict[str, Any] = {
        "conversation_id": "messenger:10:20",
        "channel": "messenger",
        "account_id": "10",
        "user_id": "20",
        "message_id": message_id,
        "disposition": "escalate_private",
        "topic": "order_status",
        "language": "fr",
        "text": "Où est ma commande ?",
        "occurred_at": 1_790_000_000.0,
    }
    return OpenTicket(**values | changes)


# --- SMTP -------------------------------------------------------------------------------------------------------------


@dataclass
class Refusal:
    answer: str
    times: int


class Postmaster:
    """A real SMTP server that keeps what it accepts, refuses what it is told to, and may be stopped and started."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.accepted: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.asked = 0
        self._refusals: dict[str, Refusal] = {}
        self._lock = threading.Lock()
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def refuse(self, step: str, answer: str, times: int = 1_000_000) -> None:
        """At ``step`` (``RCPT`` or ``DATA``), answer with ``answer`` so many times."""
        self._refusals[step] = Refusal(answer, times)

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.asked += 1
        if answer := self._refusal("RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if answer := self._refusal("DATA"):
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        with self._lock:
            self.accepted.append(message_from_bytes(content, policy=default))  # type: ignore[arg-type]
            self.recipients += [str(recipient) for recipient in envelope.rcpt_tos]
        return "250 OK"

    def _refusal(self, step: str) -> str | None:
        with self._lock:
            refusal = self._refusals.get(step)
            if refusal is None or refusal.times == 0:
                return None
            refusal.times -= 1
            return refusal.answer


@pytest.fixture
def postmaster() -> Iterator[Postmaster]:
    postmaster = Postmaster()
    postmaster.start()
    yield postmaster
    postmaster.stop()
