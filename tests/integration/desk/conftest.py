"""A desk on real databases, and a real SMTP server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from benchmarks.ports import free_port
from bot.desk import Desk, Direction, LoggedMessage, OpenTicket, Routing, load_routing, open_desk
from bot.settings import PROJECT_ROOT

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


def logged(
    message_id: str,
    text: str | None = "bonjour",
    *,
    at: float | datetime = 1_790_000_000.0,
    direction: Direction = Direction.IN,
    conversation_id: str = "messenger:10:20",
    **more: Any,
) -> LoggedMessage:
    """A line of the message log. ``at`` in UTC seconds since the epoch, or as a moment."""
    channel, account_id, user_id = conversation_id.split(":")
    return LoggedMessage(
        conversation_id=conversation_id,
        channel=channel,
        account_id=account_id,
        user_id=user_id,
        message_id=message_id,
        direction=direction,
        text=text,
        occurred_at=at.timestamp() if isinstance(at, datetime) else at,
        **more,
    )


# --- SMTP -------------------------------------------------------------------------------------------------------------


@dataclass
class Refusal:
    answer: str
    times: int


# A connection that was just accepted is a session a few rounds of the loop later, and its socket closes in one more.
_ROUNDS_UNTIL_A_CALLER_IS_SERVED = 10


class ClosingController(Controller):
    """Closes what clients have open when it is stopped, which aiosmtpd leaves to the garbage collector."""

    def __init__(self, handler: Any, **options: Any) -> None:
        super().__init__(handler, **options)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        self._sessions.append(session := super().factory())
        return session

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._close_sessions(), self.loop).result(30)
        super().stop(no_assert)

    async def _close_sessions(self) -> None:
        if self.server:
            self.server.close()
        for _ in range(_ROUNDS_UNTIL_A_CALLER_IS_SERVED):
            for session in self._sessions:
                if session.transport:
                    session.transport.abort()
            await asyncio.sleep(0)


class Postmaster:
    """A real SMTP server that keeps what it accepts, refuses what it is told to, and may be stopped and started."""

    def __init__(self) -> None:
        self.port = free_port()
        self.accepted: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.asked = 0
        self._refusals: dict[str, Refusal] = {}
        self._lock = threading.Lock()
        self._controller: ClosingController | None = None

    def start(self) -> None:
        self._controller = ClosingController(self, hostname="127.0.0.1", port=self.port)
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
