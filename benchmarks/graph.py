"""Stands for the platforms' send endpoints: takes every message at once and notes when it came.

Real ones answer after a tenth of a second or more (``answers_after``); whoever waits for each answer before the next
call is spared that while it is 0.

    python -m benchmarks.graph PORT     counts messages; GET /count tells how many
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any, cast

Arrived = Callable[[str, float], None]
"""Called with the customer and the moment (``time.monotonic``) at which the whole request had arrived."""

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_X_SEND = re.compile(r"/2/dm_conversations/with/(\d+)/messages")


class SendEndpoint:
    """Both platforms' ways to send. Signs of life (typing, seen) are taken and not counted."""

    def __init__(self, arrived: Arrived | None = None) -> None:
        self._arrived = arrived
        self.messages = 0
        self.answers_after = 0.0
        """Seconds between a request's arrival and its answer."""

    async def listen(self, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: _SendConnection(self), "127.0.0.1", port)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            return 200, {"count": self.messages} if path == "/count" else {"data": []}
        if x_send := _X_SEND.match(path):
            number = self._note(x_send[1])
            return 201, {"data": {"dm_conversation_id": x_send[1], "dm_event_id": str(10**17 + number)}}
        request = json.loads(body or b"{}")
        user = request.get("recipient", {}).get("id", "")
        if "message" not in request:
            return 200, {"recipient_id": user}
        return 200, {"recipient_id": user, "message_id": f"m_reply{self._note(user):012d}"}

    def _note(self, user: str) -> int:
        self.messages += 1
        if self._arrived:
            self._arrived(user, time.monotonic())
        return self.messages


class _SendConnection(asyncio.Protocol):
    def __init__(self, endpoint: SendEndpoint) -> None:
        self._endpoint = endpoint
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without deriving from it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, head_end)
            body_end = head_end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < body_end:
                return
            head, body = self._buffer[:head_end], self._buffer[head_end + 4 : body_end]
            self._buffer = self._buffer[body_end:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        status, answer = self._endpoint.answer(method, target.partition("?")[0], body)
        content = json.dumps(answer).encode()
        head_line = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        response = head_line.encode() + content
        if self._endpoint.answers_after:
            asyncio.get_running_loop().call_later(self._endpoint.answers_after, self._transport.write, response)
        else:
            self._transport.write(response)


async def _serve(port: int) -> None:
    server = await SendEndpoint().listen(port)
    await server.serve_forever()


def main() -> None:
    asyncio.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
