"""What each answer of the Rasa process means to the caller."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.assistant import AssistantAway, AssistantClient, AssistantReply, Turn, TurnFailed
from bot.channels.vocabulary import ChannelName, QuickReply

TURN = Turn("messenger:PAGE:PSID", "bonjour", "m_1", ChannelName.MESSENGER, {"message_id": "m_1"}, "v_1")


class Answering(ThreadingHTTPServer):
    """A server on loopback that answers every request alike and remembers it."""

    status, body = 200, b"{}"
    seconds_of_silence = 0.0
    hang_up_on_next = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.callers: set[tuple[str, int]] = set()
        self.released = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.server.hang_up_on_next:
            self.server.hang_up_on_next, self.close_connection = False, True
            return
        self.server.requests.append((self.path, dict(self.headers), body))
        self.server.callers.add(self.client_address)
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


@pytest.fixture
def keeping(rasa: Answering, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Connections stay open, as those of the Rasa process do."""
    monkeypatch.setattr(_Handler, "protocol_version", "HTTP/1.1")
    return rasa


async def test_one_connection_serves_turn_after_turn(keeping: Answering) -> None:
    client = AssistantClient(keeping.address)
    for _ in range(3):
        await client.ask(TURN)
    await client.close()
    assert len(keeping.requests) == 3
    assert len(keeping.callers) == 1


async def test_turns_at_the_same_time_do_not_wait_for_each_other(keeping: Answering) -> None:
    keeping.seconds_of_silence = 30.0
    client = AssistantClient(keeping.address)
    asking = [asyncio.create_task(client.ask(TURN)) for _ in range(3)]
    while len(keeping.requests) < 3:
        await asyncio.sleep(0.01)
    keeping.released.set()
    await asyncio.gather(*asking)
    await client.close()
    assert len(keeping.callers) == 3


async def test_a_connection_that_was_closed_meanwhile_is_replaced(keeping: Answering) -> None:
    client = AssistantClient(keeping.address)
    await client.ask(TURN)
    keeping.hang_up_on_next = True
    await client.ask(TURN)
    await client.close()
    assert len(keeping.callers) == 2


async def test_after_a_turn_that_was_given_up_its_late_answer_is_nobodys(keeping: Answering) -> None:
    keeping.seconds_of_silence = 30.0
    client = AssistantClient(keeping.address, timeout_seconds=0.2)
    with pytest.raises(AssistantAway):
        await client.ask(TURN)
    keeping.seconds_of_silence, keeping.body = 0.0, b'{"messages": [{"text": "second"}]}'
    keeping.released.set()
    assert (await client.ask(TURN)).replies == (AssistantReply("second"),)
    await client.close()


@contextlib.asynccontextmanager
async def saying(*pieces: bytes) -> AsyncIterator[str]:
    """The address of a server that answers one request with that, and hangs up."""
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await done.wait()


@pytest.mark.parametrize("said", [b"no http\r\n\r\n", b""])
async def test_an_answer_that_is_no_http_means_wait(said: bytes) -> None:
    async with saying(said) as address:
        with pytest.raises(AssistantAway) as caught:
            await ask(address)
    assert caught.value.reason == "unreachable"


async def test_an_answer_in_pieces_is_put_together() -> None:
    body = b'{"messages": [{"text": "Bonjour"}]}'
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with saying(*(whole[at : at + 7] for at in range(0, len(whole), 7))) as address:
        assert await ask(address) == (AssistantReply("Bonjour"),)


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
async def test_ready_once_a_model_is_loaded(rasa: Answering, status: int, ready: bool) -> None:
    rasa.status = status
    client = AssistantClient(rasa.address)
    assert await client.ready() is ready
    await client.close()
