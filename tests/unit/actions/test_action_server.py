"""The action server as a process of its own, called as Rasa calls it."""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.ports import free_port
from bot.desk import TicketStatus, load_routing, migrate, open_desk

ROOT = Path(__file__).resolve().parents[3]
ROUTING = ROOT / "routing.yml"

SERVE = """
import sys
from pathlib import Path
from actions.server import serve
from bot.desk import load_routing, open_desk
from bot.settings import BrandSettings

serve(open_desk(sys.argv[1], load_routing(Path(sys.argv[2]))), BrandSettings(), int(sys.argv[3]))
"""


@dataclass
class ActionServer:
    process: subprocess.Popen[bytes]
    address: str
    database: str
    log: Path
    customer: str = "messenger:PAGE:42"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=5, trust_env=False)

    def call(self, action: str, **conversation: Any) -> httpx.Response:
        call = call_of(self.customer, action, **conversation)
        return httpx.post(f"{self.address}/webhook", json=call, timeout=15, trust_env=False)

    def ticket(self) -> Any:
        return asyncio.run(_find_ticket(self.database, self.customer))


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActionServer]:
    folder = tmp_path_factory.mktemp("actions")
    database = f"sqlite+aiosqlite:///{folder / 'desk.db'}"
    asyncio.run(migrate(database))
    yield from _serve(folder, database)


@pytest.fixture
def served(_served: ActionServer) -> ActionServer:
    """Spoken to by a customer of the test's own."""
    return replace(_served, customer=f"messenger:PAGE:{uuid.uuid4().hex}")


@pytest.fixture(scope="module")
def served_without_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActionServer]:
    """Nobody listens at its database's address."""
    database = f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing"
    yield from _serve(tmp_path_factory.mktemp("actions-without-desk"), database)


def call_of(
    customer: str,
    action: str,
    intent: str = "private_order_status",
    text: str = "où est ma commande ?",
    slots: dict[str, Any] | None = None,
    before: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    """What Rasa sends, as far as actions read it."""
    message = {
        "text": text,
        "intent": {"name": intent},
        "entities": [],
        "message_id": "m_1",
        "metadata": {"channel": "messenger", "account_id": "PAGE", "user_id": "42", "message_id": "m_1"}
        | {"conversation_id": customer, "occurred_at": 1_790_000_000.0},
    }
    events = [*before, {"event": "user", "timestamp": 1_790_000_000.0, **message}]
    tracker = {"sender_id": customer, "slots": {"language": "fr", **(slots or {})}, "latest_message": message}
    return {"next_action": action, "sender_id": customer, "version": "3.6.21", "tracker": {**tracker, "events": events}}


def said(response: httpx.Response) -> list[str]:
    assert response.status_code == httpx.codes.OK, response.text
    return [message["response"] for message in response.json()["responses"]]


def slots_of(response: httpx.Response) -> dict[str, Any]:
    return {event["name"]: event["value"] for event in response.json()["events"] if event["event"] == "slot"}


def test_a_ticket_is_opened_and_the_form_is_called_for(served: ActionServer) -> None:
    response = served.call("action_escalate")
    assert said(response) == ["utter_private_order_status"]
    assert slots_of(response)["contact_needed"] is True
    ticket = served.ticket()
    assert (ticket.status, ticket.reference) == (TicketStatus.NEW, slots_of(response)["ticket_reference"])


def test_a_repeated_call_opens_no_second_ticket_and_says_the_same(served: ActionServer) -> None:
    first, again = served.call("action_escalate"), served.call("action_escalate")
    assert said(first) == said(again)
    assert slots_of(first) == slots_of(again)


def test_an_action_needs_no_domain(served: ActionServer) -> None:
    assert "domain" not in call_of("x:1:2", "action_off_topic")
    assert said(served.call("action_off_topic", intent="nlu_fallback")) == ["utter_off_topic"]


def test_the_second_riddle_in_a_row_offers_a_person(served: ActionServer) -> None:
    before = (
        {"event": "user", "text": "blabla"},
        {"event": "bot", "metadata": {"utter_action": "utter_off_topic"}},
    )
    response = served.call("action_off_topic", intent="nlu_fallback", before=before)
    assert said(response) == ["utter_off_topic_again"]


def test_a_riddle_long_ago_is_forgiven(served: ActionServer) -> None:
    before = (
        {"event": "user", "text": "blabla"},
        {"event": "bot", "metadata": {"utter_action": "utter_off_topic"}},
        {"event": "user", "text": "merci"},
        {"event": "bot", "metadata": {"utter_action": "utter_chitchat_thanks"}},
    )
    assert said(served.call("action_off_topic", intent="nlu_fallback", before=before)) == ["utter_off_topic"]


def test_yes_to_nothing_in_particular_cancels_nothing(served: ActionServer) -> None:
    served.call("action_escalate")
    response = served.call("action_affirm", intent="chitchat_affirm", text="oui")
    assert said(response) == ["utter_chitchat_affirm"]
    assert served.ticket().is_open


def test_who_gave_a_contact_before_is_not_asked_again(served: ActionServer) -> None:
    known = {"kind": "phone", "value": "+33612345678", "preferred_time": None}
    response = served.call("action_escalate", slots={"contact": known})
    assert said(response) == ["utter_private_order_status", "utter_ticket_promise_phone"]
    assert slots_of(response)["contact_needed"] is False


def test_who_wants_a_mail_is_asked_for_the_address_although_a_number_is_known(served: ActionServer) -> None:
    known = {"kind": "phone", "value": "+33612345678", "preferred_time": None}
    response = served.call("action_escalate", intent="human_email", text="écrivez-moi", slots={"contact": known})
    assert slots_of(response)["contact_needed"] is True
    assert slots_of(response)["contact_wanted"] == "email"


def test_a_day_in_a_complaint_is_no_time_to_call(served: ActionServer) -> None:
    response = served.call("action_escalate", text="commandé lundi, toujours rien, mon tel 06 12 34 56 78")
    assert said(response)[-1] == "utter_ticket_promise_phone"


def test_it_is_live_and_ready(served: ActionServer) -> None:
    assert served.get("/health").status_code == httpx.codes.OK
    assert served.get("/ready").status_code == httpx.codes.OK


def test_without_its_desk_it_is_live_but_not_ready(served_without_desk: ActionServer) -> None:
    assert served_without_desk.get("/health").status_code == httpx.codes.OK
    assert served_without_desk.get("/ready").status_code == httpx.codes.SERVICE_UNAVAILABLE


def test_without_its_desk_an_action_fails_instead_of_pretending(served_without_desk: ActionServer) -> None:
    response = served_without_desk.call("action_escalate", text="mon secret")
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "secret" not in response.text
    assert "secret" not in served_without_desk.log.read_text(encoding="utf-8")


def test_without_its_desk_it_still_answers_what_needs_none(served_without_desk: ActionServer) -> None:
    slots = {"delivery_countries": ["FR"]}
    response = served_without_desk.call("action_delivery_countries", intent="faq_delivery_countries", slots=slots)
    assert said(response) == ["utter_faq_delivery_countries"]


def test_an_unknown_action_is_told(served: ActionServer) -> None:
    assert served.call("action_dance").status_code == httpx.codes.NOT_FOUND


async def _find_ticket(database: str, conversation_id: str) -> Any:
    desk = open_desk(database, load_routing(ROUTING))
    try:
        return await desk.find_ticket(conversation_id)
    finally:
        await desk.close()


def _serve(folder: Path, database: str) -> Iterator[ActionServer]:
    port, log = free_port(), folder / "actions.log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", SERVE, database, str(ROUTING), str(port)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    server = ActionServer(process, f"http://127.0.0.1:{port}", database, log)
    try:
        _wait_until_live(server)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_live(server: ActionServer) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.get("/health")
        except httpx.TransportError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(server.log.read_text(encoding="utf-8")[-3000:])
            time.sleep(0.05)
        else:
            return


def test_what_rasa_says_without_asking_is_what_the_action_would_have_said(served: ActionServer) -> None:
    endpoints = yaml.safe_load((ROOT / "endpoints.yml").read_text(encoding="utf-8"))
    plainly = endpoints["action_endpoint"]["plain_answers"]
    assert plainly
    for action, answer in plainly.items():
        response = served.call(action, slots={answer["while_empty"]: None})
        assert said(response) == [answer["says"]]
        assert response.json()["events"] == []
