import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.connection import CONNECTION_LOST, Connections
from benchmarks.graph import SendEndpoint
from benchmarks.load import Generator, LoadResult, Order
from benchmarks.platforms import Credentials

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


class Platform:
    """A server that answers request number n as the test says."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.received = 0

    async def __aenter__(self) -> "Platform":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                self.received += 1
                await self._answer(self.received, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def generate(platform: Platform, requests: int, loop: str = "open") -> LoadResult:
    order = Order(Credentials.draw().as_json(), platform.port, loop, requests / 0.1, 0.1)
    return await Generator(order).run()


async def test_every_request_is_answered_and_timed():
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    async with Platform(answer) as platform:
        result = await generate(platform, 40)
    assert (result.sent, result.accepted, result.errors) == (40, 40, {})
    assert result.latency is not None
    assert result.latency.n == platform.received == 40


async def test_requests_leave_on_time_although_none_is_answered_yet():
    all_here = asyncio.Event()

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 60:
            all_here.set()
        await all_here.wait()
        writer.write(OK)

    async with Platform(answer) as platform:
        result = await generate(platform, 60)
    assert result.accepted == 60


async def test_refusals_and_lost_connections_are_told_apart_and_never_held():
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number % 10 == 0:
            writer.write(BUSY)
        elif number % 10 == 1:
            writer.close()
        else:
            writer.write(OK)

    async with Platform(answer) as platform:
        result = await generate(platform, 50)
    assert result.errors == {"503": 5, CONNECTION_LOST: 5}
    assert result.accepted == 40
    assert not result.held(p99_ms=60_000)


async def test_closed_loop_sends_the_next_when_one_is_answered():
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    async with Platform(answer) as platform:
        order = Order(Credentials.draw().as_json(), platform.port, "closed", 4, 0.1)
        result = await Generator(order).run()
    assert result.accepted == result.sent == platform.received > 4


async def test_answer_in_pieces_is_one_answer():
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        for piece in (OK[:5], OK[5:20], OK[20:-1], OK[-1:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    answered: asyncio.Future[tuple[str, bytes]] = asyncio.get_running_loop().create_future()
    async with Platform(answer) as platform:
        connections = Connections(platform.port)
        await connections.open(1)
        connections.send(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", lambda *both: answered.set_result(both))
        assert await answered == ("200", b"ok")
        await connections.close()


@pytest.mark.parametrize("chunk", [1, 7, 4096])
async def test_send_endpoint_takes_messages_of_both_platforms_however_they_are_cut(chunk):
    seen: list[str] = []
    endpoint = SendEndpoint(lambda user, _: seen.append(user))
    server = await endpoint.listen(0)
    bodies = [
        ("/v25.0/PAGE/messages?appsecret_proof=x", {"recipient": {"id": "1"}, "message": {"text": "hi"}}),
        ("/v25.0/PAGE/messages", {"recipient": {"id": "1"}, "sender_action": "typing_on"}),
        ("/2/dm_conversations/with/2/messages", {"text": "hi"}),
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    statuses = []
    for path, body in bodies:
        content = json.dumps(body).encode()
        request = f"POST {path} HTTP/1.1\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
        for start in range(0, len(request), chunk):
            writer.write(request[start : start + chunk])
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        statuses.append(int(head[9:12]))
    writer.close()
    server.close()
    assert statuses == [200, 200, 201]
    assert seen == ["1", "2"]
    assert endpoint.messages == 2
