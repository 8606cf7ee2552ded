"""Turns on a real Rasa: trained here on a small project, with a real Valkey and a real action server.

The order of the tests does not matter: each speaks as a customer of its own.
"""

import asyncio
import os
import shutil
import signal
import socket
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

from bot.assistant import Answer, AssistantAway, AssistantClient, Turn, TurnFailed, rasa_command
from bot.channels.vocabulary import ChannelName, InboundMessage, QuickReply
from bot.trainer.evaluation import evaluate
from bot.trainer.training import TrainingFailed, is_current, train

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "shared"

pytestmark = pytest.mark.skipif(
    not (ROOT / "nlu" / ".venv").exists(), reason="the Rasa environment is not installed: make setup"
)

DOMAIN = """
version: "3.1"
session_config: {session_expiration_time: 60, carry_over_slots_to_new_session: true}
intents:
  - faq_opening_hours: {use_entities: []}
  - private_order_status: {use_entities: []}
  - contentious_complaint: {use_entities: []}
  - human_agent: {use_entities: []}
  - chitchat_greet: {use_entities: []}
entities: [language]
slots:
  language:
    type: categorical
    values: [fr, en]
    initial_value: fr
    influence_conversation: false
    mappings: [{type: from_entity, entity: language}]
responses:
  utter_introduction:
  - condition: [{type: slot, name: language, value: en}]
    text: "I am an automated assistant."
  - condition: [{type: slot, name: language, value: fr}]
    text: "Je suis un assistant automatique."
  utter_opening_hours:
  - condition: [{type: slot, name: language, value: en}]
    text: "We open at ten."
  - condition: [{type: slot, name: language, value: fr}]
    text: "Nous ouvrons à dix heures."
  - condition: [{type: slot, name: language, value: fr}]
    channel: x
    text: "Dès 10 h !"
  utter_greet:
  - text: "Bonjour !"
    buttons:
    - {title: Horaires, payload: /faq_opening_hours}
    - {title: Ma commande, payload: /private_order_status}
  utter_off_topic:
  - text: "Je ne sais pas encore répondre à cela."
actions: [action_escalate, action_break, action_decline]
"""

NLU = """
version: "3.1"
nlu:
- intent: faq_opening_hours
  examples: |
    - vous ouvrez à quelle heure
    - horaires du magasin
    - c'est ouvert le dimanche ?
    - à quelle heure fermez-vous
    - what time do you open
    - opening hours please
    - are you open on sunday
- intent: private_order_status
  examples: |
    - où est ma commande
    - je n'ai pas reçu mon colis
    - suivi de commande
    - where is my order
    - my parcel has not arrived
    - track my order
- intent: chitchat_greet
  examples: |
    - bonjour
    - salut
    - coucou
    - hello
    - hi there
    - good morning
- intent: contentious_complaint
  examples: |
    - c'est une honte
    - je vais porter plainte
    - this is unacceptable
    - I will sue you
- intent: human_agent
  examples: |
    - un humain svp
    - je veux parler à quelqu'un
    - a real person please
    - let me talk to someone
"""

RULES = """
version: "3.1"
rules:
- rule: hours
  steps: [{intent: faq_opening_hours}, {action: utter_opening_hours}]
- rule: greet
  steps: [{intent: chitchat_greet}, {action: utter_greet}]
- rule: order
  steps: [{intent: private_order_status}, {action: action_escalate}]
- rule: broken
  steps: [{intent: contentious_complaint}, {action: action_break}]
- rule: declined
  steps: [{intent: human_agent}, {action: action_decline}]
- rule: fallback
  steps: [{intent: nlu_fallback}, {action: utter_off_topic}]
"""

ACTIONS = """
import asyncio
from pathlib import Path

from rasa_sdk import Action
from rasa_sdk.interfaces import ActionExecutionRejection

HERE = Path(__file__).parent


class Escalate(Action):
    def name(self):
        return "action_escalate"

    async def run(self, dispatcher, tracker, domain):
        message_id = tracker.latest_message["metadata"]["message_id"]
        with (HERE / "runs.txt").open("a") as runs:
            runs.write(message_id + "\\n")
        while (HERE / "hang").exists():
            await asyncio.sleep(0.02)
        dispatcher.utter_message(text="Ticket for " + message_id)
        return []


class Break(Action):
    def name(self):
        return "action_break"

    async def run(self, dispatcher, tracker, domain):
        raise RuntimeError("a defect")


class Decline(Action):
    def name(self):
        return "action_decline"

    async def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection("action_decline", "not now")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def poll(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.05)


@dataclass
class Program:
    """A process that a test may kill and start again."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    is_ready: Callable[[], bool]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        poll(self._ready_or_ended, 90, f"{self.command[2]} ready")
        if self.process.poll() is not None:
            pytest.fail(f"{self.command[2]} ended:\n{self.log.read_text()[-3000:]}")

    def _ready_or_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None or self.is_ready()

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Installation:
    project: Path
    rasa: Program
    actions: Program
    valkey: Any
    address: str
    actions_folder: Path

    def runs_of(self, message_id: str) -> int:
        runs = self.actions_folder / "runs.txt"
        return runs.read_text().split().count(message_id) if runs.exists() else 0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small assistant in this checkout's pipeline, trained."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("config.yml", "endpoints.yml", "credentials.yml"):
        shutil.copy(ROOT / name, folder)
    (folder / "nlu").symlink_to(ROOT / "nlu")
    (folder / "data").mkdir()
    (folder / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    (folder / "data" / "nlu.yml").write_text(NLU, encoding="utf-8")
    (folder / "data" / "rules.yml").write_text(RULES, encoding="utf-8")
    result = train(folder, folder / "var", on_progress=lambda step: None)
    assert result.trained
    return folder


@pytest.fixture(scope="module")
def installation(project: Path, _valkey: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    valkey = type(_valkey)(tmp_path_factory.mktemp("turns-valkey"))  # one that tests here may kill
    valkey.start()
    actions = action_server(tmp_path_factory.mktemp("actions"))
    port = free_port()
    actions_port = int(actions.command[-1])
    command, environment = rasa_command(
        project, port=port, actions_port=actions_port, redis_address=valkey.address, token=TOKEN
    )
    address = f"http://127.0.0.1:{port}"
    log = project / "rasa.log"
    rasa = Program(command, environment, project, lambda: answers(f"{address}/webhooks/parvis/health"), log)
    running = Installation(project, rasa, actions, valkey, address, actions.folder)
    try:
        actions.start()
        rasa.start()
        yield running
    finally:
        rasa.kill()
        actions.kill()
        valkey.kill()


def action_server(folder: Path) -> Program:
    (folder / "small_actions.py").write_text(ACTIONS, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "rasa_sdk", "--actions", "small_actions", "-p", str(port)]
    return Program(
        command, dict(os.environ), folder, lambda: answers(f"http://127.0.0.1:{port}/health"), folder / "actions.log"
    )


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[AssistantClient]:
    client = AssistantClient(installation.address, token=TOKEN)
    yield client
    await client.close()


@dataclass
class Customer:
    client: AssistantClient
    channel: ChannelName = ChannelName.MESSENGER
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def turn(self, text: str, message_id: str | None = None, payload: str | None = None) -> Turn:
        return Turn.from_message(
            InboundMessage(
                channel=self.channel,
                account_id="PAGE",
                user_id=self.name,
                occurred_at=time.time(),
                message_id=message_id or f"m_{uuid.uuid4().hex}",
                text=text,
                payload=payload,
            )
        )

    async def says(self, text: str, message_id: str | None = None) -> list[str]:
        answer = await self.client.ask(self.turn(text, message_id))
        return [reply.text for reply in answer.replies]

    async def taps(self, payload: str) -> list[str]:
        answer = await self.client.ask(self.turn("tapped", payload=payload))
        return [reply.text for reply in answer.replies]


@pytest.fixture
def customer(client: AssistantClient) -> Customer:
    return Customer(client)


async def until_answered(client: AssistantClient, turn: Turn, seconds: float = 60) -> Answer:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await client.ask(turn)
        except AssistantAway:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


# First contact


async def test_first_contact_is_told_that_the_assistant_is_automated(customer: Customer) -> None:
    assert await customer.says("vous ouvrez à quelle heure ?") == [
        "Je suis un assistant automatique.",
        "Nous ouvrons à dix heures.",
    ]


async def test_the_introduction_speaks_the_customers_language(customer: Customer) -> None:
    assert await customer.says("what time do you open?") == ["I am an automated assistant.", "We open at ten."]


async def test_the_introduction_is_said_once(customer: Customer) -> None:
    await customer.says("what time do you open?")
    assert await customer.says("are you open on sunday?") == ["We open at ten."]


async def test_a_message_of_no_language_keeps_the_conversation_in_its_own(customer: Customer) -> None:
    await customer.says("what time do you open?")
    assert await customer.taps("/faq_opening_hours") == ["We open at ten."]


# Once per message


async def test_redelivered_message_gets_the_same_answer_without_a_second_turn(
    customer: Customer, installation: Installation
) -> None:
    message_id = f"m_{uuid.uuid4().hex}"
    first = await customer.client.ask(customer.turn("where is my order?", message_id))
    await customer.says("hello")
    assert await customer.client.ask(customer.turn("where is my order?", message_id)) == first
    assert installation.runs_of(message_id) == 1


async def test_two_deliveries_at_once_make_one_turn(customer: Customer, installation: Installation) -> None:
    message_id = f"m_{uuid.uuid4().hex}"
    turn = customer.turn("where is my order?", message_id)
    first, second = await asyncio.gather(customer.client.ask(turn), customer.client.ask(turn))
    assert first == second
    assert installation.runs_of(message_id) == 1


async def test_turns_of_one_customer_happen_one_after_the_other(customer: Customer) -> None:
    answers = await asyncio.gather(*(customer.says("what time do you open?") for _ in range(5)))
    assert sorted(map(len, answers)) == [1, 1, 1, 1, 2]


# What stops a turn


async def test_a_dead_action_server_leaves_no_trace_and_the_turn_is_run_again(
    customer: Customer, installation: Installation
) -> None:
    turn = customer.turn("where is my order?")
    key = f"parvis:tracker:{turn.conversation_id}"
    installation.actions.kill()
    with pytest.raises(AssistantAway) as caught:
        await customer.client.ask(turn)
    assert caught.value.reason == "action_server_away"
    assert not installation.valkey.client().exists(key)
    installation.actions.start()
    answer = await customer.client.ask(turn)
    assert [reply.text for reply in answer.replies] == ["I am an automated assistant.", f"Ticket for {turn.message_id}"]


async def test_a_failing_action_leaves_the_conversation_as_it_was(
    customer: Customer, installation: Installation
) -> None:
    await customer.says("what time do you open?")
    key = f"parvis:tracker:{customer.turn('').conversation_id}"
    before = installation.valkey.client().hgetall(key)
    with pytest.raises(TurnFailed) as caught:
        await customer.taps("/contentious_complaint")
    assert caught.value.reason == "turn_broken"
    assert installation.valkey.client().hgetall(key) == before
    assert await customer.says("are you open on sunday?") == ["We open at ten."]


async def test_an_action_that_declines_is_no_failure(customer: Customer) -> None:
    assert await customer.taps("/human_agent") == ["Je suis un assistant automatique."]
    assert await customer.says("what time do you open?") == ["We open at ten."]


async def test_while_the_store_is_away_nothing_is_answered_from_an_empty_memory(
    customer: Customer, installation: Installation
) -> None:
    await customer.says("what time do you open?")
    turn = customer.turn("are you open on sunday?")
    installation.valkey.kill()
    with pytest.raises(AssistantAway) as caught:
        await customer.client.ask(turn)
    assert caught.value.reason == "storage_away"
    installation.valkey.start()
    answer = await until_answered(customer.client, turn, seconds=10)
    assert [reply.text for reply in answer.replies] == ["We open at ten."]


async def test_a_killed_rasa_finishes_the_turn_after_its_restart(
    customer: Customer, installation: Installation
) -> None:
    await customer.says("hello")
    turn = customer.turn("where is my order?")
    hang = installation.actions_folder / "hang"
    hang.touch()
    try:
        asking = asyncio.create_task(customer.client.ask(turn))
        async with asyncio.timeout(20):
            while not installation.runs_of(turn.message_id):
                await asyncio.sleep(0.02)
        installation.rasa.kill()
        with pytest.raises(AssistantAway):
            await asking
    finally:
        hang.unlink()
    assert not await customer.client.ready()
    installation.rasa.start()
    assert await customer.client.ready()
    answer = await until_answered(customer.client, turn)
    assert [reply.text for reply in answer.replies] == [f"Ticket for {turn.message_id}"]


# What a customer may do


async def test_a_typed_command_does_not_reach_rasa(customer: Customer) -> None:
    await customer.says("what time do you open?")
    for attempt in ("/restart", " /restart", "/session_start", '/private_order_status{"language": "fr"}'):
        await customer.says(attempt)
    assert await customer.says("are you open on sunday?") == ["We open at ten."]


async def test_buttons_are_offered_as_quick_replies(customer: Customer) -> None:
    answer = await customer.client.ask(customer.turn("bonjour"))
    assert answer.replies[-1].quick_replies == (
        QuickReply("Horaires", "/faq_opening_hours"),
        QuickReply("Ma commande", "/private_order_status"),
    )
    assert answer.language == "fr"


async def test_a_network_may_have_words_of_its_own(client: AssistantClient) -> None:
    assert await Customer(client, ChannelName.X).says("vous ouvrez à quelle heure ?") == [
        "Je suis un assistant automatique.",
        "Dès 10 h !",
    ]


# Who may ask


@pytest.mark.parametrize(
    ("token", "body", "status"),
    [
        ("wrong", '{"sender": "a", "message": "b", "message_id": "c", "input_channel": "x"}', 401),
        (TOKEN, "no json", 400),
        (TOKEN, '["a"]', 400),
        (TOKEN, '{"sender": "a", "message": "b", "input_channel": "x"}', 400),
    ],
)
async def test_a_request_that_is_not_ours_is_turned_away(
    installation: Installation, token: str, body: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{installation.address}/webhooks/parvis/webhook", content=body, headers=headers)
    assert response.status_code == status


async def test_rasas_own_api_is_off(installation: Installation) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"{installation.address}/conversations/x/tracker", timeout=5)
    assert response.status_code == 404


# Training


def test_an_unchanged_project_is_not_trained_again(project: Path) -> None:
    assert is_current(project)
    assert not train(project, project / "var", on_progress=lambda step: None).trained


def test_bad_data_are_named_and_the_published_model_stays(project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(project, broken, symlinks=True)
    before = (broken / "models" / "published.tar.gz").read_bytes()
    rules = RULES + "- rule: missing\n  steps: [{intent: chitchat_greet}, {action: utter_nothing_defined}]\n"
    (broken / "data" / "rules.yml").write_text(rules, encoding="utf-8")
    with pytest.raises(TrainingFailed, match="utter_nothing_defined"):
        train(broken, broken / "var", on_progress=lambda step: None)
    assert (broken / "models" / "published.tar.gz").read_bytes() == before
    assert not is_current(broken)


def test_the_published_model_is_scored_on_labelled_messages(project: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text(
        '{"text": "à quelle heure ouvrez-vous ?", "lang": "fr", "disposition": "answer", "topic": "opening_hours"}\n'
        '{"text": "where is my parcel", "lang": "en", "disposition": "escalate_private"}\n'
        '{"text": "/restart", "disposition": "off_topic", "acceptable": ["answer", "escalate_private", "human"]}\n',
        encoding="utf-8",
    )
    scores = evaluate(labelled, project)
    assert scores["n"] == 3
    assert scores["by_lang"]["en"]["disposition_accuracy"] == 1.0
    assert scores["by_lang"]["fr"]["disposition_accuracy"] == 1.0
    assert scores["language_accuracy"] == 1.0
    assert scores["latency_ms"]["p50"] > 0
