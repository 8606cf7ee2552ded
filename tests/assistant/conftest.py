"""The project's own assistant, trained and running: Rasa, action server, Valkey and a desk on SQLite, all real."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from benchmarks.ports import free_port
from bot.assistant import AssistantClient, Turn, rasa_command
from bot.channels.vocabulary import Attachment, AttachmentKind, ChannelName, InboundMessage, QuickReply
from bot.desk import Desk, TicketView, load_routing, migrate, open_desk
from bot.desk.models import Ticket
from bot.inbox import keys
from bot.trainer.training import train
from tests.assistant.remembering import RememberingAssistant

ROOT = Path(__file__).resolve().parents[2]
ROUTING = ROOT / "routing.yml"

SERVE_ACTIONS = """
import sys
from pathlib import Path
from actions.server import serve
from bot.desk import load_routing, open_desk
from bot.settings import BrandSettings

database, routing, port = sys.argv[1:]
serve(open_desk(database, load_routing(Path(routing))), BrandSettings(), int(port))
"""


@dataclass
class Assistant:
    """Addresses of the running parts."""

    address: str
    actions_address: str
    database: str


@dataclass
class Customer:
    """Somebody who writes to the brand. Remembers the quick replies under the last answer."""

    client: RememberingAssistant
    desk: Desk
    channel: ChannelName = ChannelName.MESSENGER
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    choices: tuple[QuickReply, ...] = ()

    @property
    def conversation_id(self) -> str:
        return f"{self.channel}:PAGE:{self.name}"

    async def says(self, text: str, message_id: str | None = None) -> str:
        """Answers with all that the assistant replies, one message a line."""
        return await self._ask(text=text, message_id=message_id)

    async def taps(self, title: str) -> str:
        choice = next((choice for choice in self.choices if choice.title == title), None)
        assert choice, f"no quick reply {title!r} among {[choice.title for choice in self.choices]}"
        return await self._ask(text=choice.title, payload=choice.payload)

    async def means(self, intent: str, **entities: str) -> str:
        """Says something that is understood as this, whatever the words: a payload as under our own buttons."""
        return await self._ask(text="…", payload=f"/{intent}{json.dumps(entities) if entities else ''}")

    async def sends(self, kind: AttachmentKind) -> str:
        return await self._ask(attachments=(Attachment(kind),))

    def offers(self) -> list[str]:
        """The titles under the last answer."""
        return [choice.title for choice in self.choices]

    async def ticket(self) -> TicketView:
        ticket = await self.desk.find_ticket(self.conversation_id)
        assert ticket is not None, "there is no ticket"
        return ticket

    async def language_of_ticket(self) -> str:
        """What the team is told of the language that the customer writes."""
        query = select(Ticket.language).where(Ticket.conversation_id == self.conversation_id).order_by(Ticket.id.desc())
        async with self.desk.database.reading() as session:
            return await session.scalar(query.limit(1)) or ""

    async def has_ticket(self) -> bool:
        return await self.desk.find_ticket(self.conversation_id) is not None

    async def _ask(self, message_id: str | None = None, **content: Any) -> str:
        message = InboundMessage(
            channel=self.channel,
            account_id="PAGE",
            user_id=self.name,
            occurred_at=time.time(),
            message_id=message_id or f"m_{uuid.uuid4().hex}",
            **content,
        )
        answer = await self.client.ask(Turn.from_message(message, self.choices))
        self.choices = answer.replies[-1].quick_replies if answer.replies else ()
        return "\n".join(reply.text for reply in answer.replies)


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory, _valkey: Any) -> Iterator[Assistant]:
    """Trained once; not at all if the published model is current."""
    if not (ROOT / "nlu" / ".venv").exists():
        pytest.skip("the Rasa environment is not installed: make setup")
    folder = tmp_path_factory.mktemp("assistant")
    train(ROOT, folder, on_progress=lambda step: None)
    database = f"sqlite+aiosqlite:///{folder / 'desk.db'}"
    asyncio.run(migrate(database))
    port, actions_port = free_port(), free_port()
    command, environment = rasa_command(ROOT, port=port, actions_port=actions_port, redis_address=_valkey.address)
    running = Assistant(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{actions_port}", database)
    actions = [sys.executable, "-c", SERVE_ACTIONS, database, str(ROUTING), str(actions_port)]
    with (
        _Program(actions, dict(os.environ), f"{running.actions_address}/ready", folder / "actions.log"),
        _Program(command, environment, f"{running.address}/webhooks/parvis/health", folder / "rasa.log"),
    ):
        yield running


@pytest.fixture
async def desk(assistant: Assistant) -> AsyncIterator[Desk]:
    desk = open_desk(assistant.database, load_routing(ROUTING))
    yield desk
    await desk.close()


@pytest.fixture
async def new_customer(assistant: Assistant, desk: Desk, _valkey: Any) -> AsyncIterator[Callable[..., Customer]]:
    client = AssistantClient(assistant.address)
    remembering = RememberingAssistant(client, _valkey.client())
    yield lambda channel=ChannelName.MESSENGER: Customer(remembering, desk, channel)
    await client.close()


@pytest.fixture
def pass_time(_valkey: Any) -> Callable[[Customer, float], None]:
    """Makes a conversation so many hours older."""

    def pass_time(customer: Customer, hours: float) -> None:
        key = keys.events(customer.conversation_id)
        client = _valkey.client()
        events = json.loads(f"[{client.get(key).decode()}]")
        for event in events:
            event["timestamp"] -= hours * 3600
        client.set(key, ",\n".join(map(json.dumps, events)))
        # What somebody else has changed is read again.
        client.set(keys.version(customer.conversation_id), uuid.uuid4().hex)

    return pass_time


@pytest.fixture
def customer(new_customer: Callable[..., Customer]) -> Customer:
    return new_customer()


class _Program:
    """A process that is ready inside the ``with`` and gone after it."""

    def __init__(self, command: list[str], environment: dict[str, str], ready: str, log: Path) -> None:
        self._command, self._environment, self._ready, self._log = command, environment, ready, log

    def __enter__(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 90
        while not _answers(self._ready):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                pytest.fail(f"{self._command[2]} did not become ready:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
