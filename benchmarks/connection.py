"""Keep-alive HTTP/1.1 connections that write ready-made requests, with as little work a request as possible.

A general client would spend more time on a request than the servers that are measured do.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import cast

CONNECTION_LOST = "connection"
"""What stands in the place of a status where there was no answer."""

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)

Answered = Callable[[str, bytes], None]
"""Called with the status (or ``CONNECTION_LOST``) and the answer's body."""


class Connection(asyncio.Protocol):
    """One request at a time, as the platforms do it."""

    __slots__ = ("_answered", "_buffer", "_freed", "_transport")

    def __init__(self, freed: Callable[["Connection"], None]) -> None:
        self._freed = freed
        self._answered: Answered | None = None
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without deriving from it

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        if self._answered:
            self._finish(CONNECTION_LOST, b"")

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, answered: Answered) -> None:
        assert self._transport is not None
        self._answered = answered
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head_end)
        body_end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < body_end:
            return
        status, body = self._buffer[9:12].decode(), self._buffer[head_end + 4 : body_end]
        self._buffer = b""
        self._finish(status, body)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _finish(self, status: str, body: bytes) -> None:
        answered, self._answered = self._answered, None
        if answered:
            answered(status, body)
        self._freed(self)


class Connections:
    """A fixed number of connections to one server. Requests beyond them wait, in order, with their clock running."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self._waiting: deque[tuple[bytes, Answered]] = deque()
        self._reopening: set[asyncio.Task[None]] = set()
        self._closing = False

    async def open(self, number: int) -> None:
        """Raises ``OSError``."""
        await asyncio.gather(*(self._open_one() for _ in range(number)))

    async def _open_one(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self._freed), "127.0.0.1", self._port)
        self._freed(connection)

    def send(self, request: bytes, answered: Answered) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                connection.send(request, answered)
                return
            self._reopen()
        self._waiting.append((request, answered))

    def _freed(self, connection: Connection) -> None:
        if not connection.usable:
            self._reopen()
        elif self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _reopen(self) -> None:
        """A server may close a connection after any answer; the next request needs another."""
        if self._closing:
            return
        task = asyncio.get_running_loop().create_task(self._reopen_patiently())
        self._reopening.add(task)
        task.add_done_callback(self._reopening.discard)

    async def _reopen_patiently(self) -> None:
        while not self._closing:
            try:
                await self._open_one()
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return

    async def close(self) -> None:
        self._closing = True
        for task in self._reopening:
            task.cancel()
        for connection in self._idle:
            connection.close()
        await asyncio.sleep(0)
