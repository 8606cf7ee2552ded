"""What each answer of the Rasa process means to the caller."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.assistant import AssistantAway, AssistantClient, AssistantReply, Turn, TurnFailed
from bot.channels.vocabulary import ChannelName, QuickReply

TURN = Turn("messenger:PAGE:PSID", "bonjour", "m_1", ChannelName.MESSENGER, {"message_id": "m_1"}, "v_1")


class Answering(ThreadingHTTPServer):
    """A server on loopback that answers every request alike and remembers it."""

    status, body = 200, b"{}"
    seconds_of_silence = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.released = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.server.seconds_of_silence:
            self.server.released.wait(self.server.seconds_of_silence)
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST  # noqa: N815 -- the name is http.server's

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def rasa() -> Iterator[Answering]:
    server = Answering()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


async def ask(address: str, timeout_seconds: float = 5.0, token: str = "") -> tuple[AssistantReply, ...]:
    client = AssistantClient(address, timeout_seconds, token)
    try:
        return (await client.ask(TURN)).replies
    finally:
        await client.close()


async def test_replies_come_in_order_with_their_choices(rasa: Answering) -> None:
    rasa.body = json.dumps(
        {
            "messages": [
                {"text": "Bonjour !", "quick_replies": []},
                {"text": "Que puis-je faire ?", "quick_replies": [{"title": "Horaires", "payload": "/faq_hours"}]},
            ],
            "language": "fr",
        }
    ).encode()
    assert await ask(rasa.address) == (
        AssistantReply("Bonjour !"),
        AssistantReply("Que puis-je faire ?", (QuickReply("Horaires", "/faq_hours"),)),
    )


async def test_the_turn_is_told_whole(rasa: Answering) -> None:
    await ask(rasa.address, token="s3cret")
    [(path, headers, body)] = rasa.requests
    assert path == "/webhooks/parvis/webhook"
    assert headers["Authorization"] == "Bearer s3cret"
    assert json.loads(body) == {
        "sender": "messenger:PAGE:PSID",
        "message": "bonjour",
        "message_id": "m_1",
        "input_channel": "messenger",
        "metadata": {"message_id": "m_1"},
        "version": "v_1",
    }


@pytest.mark.parametrize("status", [503, 401, 404, 502, 429])
async def test_what_is_no_fault_of_the_turn_means_wait(rasa: Answering, status: int) -> None:
    rasa.status, rasa.body = status, b'{"error": "action_server_away"}'
    with pytest.raises(AssistantAway) as caught:
        await ask(rasa.address)
    assert caught.value.reason == "action_server_away"


async def test_an_answer_that_is_not_ours_is_named_by_its_status(rasa: Answering) -> None:
    rasa.status, rasa.body = 502, b"<html>Bad Gateway</html>"
    with pytest.raises(AssistantAway) as caught:
        await ask(rasa.address)
    assert caught.value.reason == "http-502"


@pytest.mark.parametrize("status", [500, 400])
async def test_a_turn_that_fails_by_itself_is_told_apart(rasa: Answering, status: int) -> None:
    rasa.status, rasa.body = status, b'{"error": "turn_broken"}'
    with pytest.raises(TurnFailed):
        await ask(rasa.address)


@pytest.mark.parametrize("body", [b"", b"no json", b'{"messages": "text"}', b'{"messages": [{"txt": 1}]}'])
async def test_an_unreadable_answer_is_a_failed_turn(rasa: Answering, body: bytes) -> None:
    rasa.body = body
    with pytest.raises(TurnFailed) as caught:
        await ask(rasa.address)
    assert caught.value.reason == "unreadable"


async def test_nobody_listening_means_wait(rasa: Answering) -> None:
    address = rasa.address
    rasa.server_close()
    with pytest.raises(AssistantAway) as caught:
        await ask(address)
    assert caught.value.reason == "unreachable"


async def test_no_answer_in_time_means_wait(rasa: Answering) -> None:
    rasa.seconds_of_silence = 10.0
    with pytest.raises(AssistantAway) as caught:
        await ask(rasa.address, timeout_seconds=0.1)
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
async def test_ready_once_a_model_is_loaded(rasa: Answering, status: int, ready: bool) -> None:
    rasa.status = status
    client = AssistantClient(rasa.address)
    assert await client.ready() is ready
    await client.close()
