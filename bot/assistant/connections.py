"""HTTP over kept connections, for the one call that every turn makes: to the Rasa process, mostly on the same machine.

There a general client takes longer than all else on the way. The answers are parsed by httptools, as Node.js and
uvicorn do it.
"""

import asyncio
import ssl
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

_SECONDS_TO_CONNECT: Final = 2.0


class Connections:
    """To one server. Safe for many requests at once, in one event loop: each has a connection to itself."""

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        """``address``: scheme, host, port and what all paths begin with. ``headers`` go with each request."""
        parts = urlsplit(address)
        self._host = parts.hostname or "127.0.0.1"
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._ssl else 80)
        self._path = parts.path.rstrip("/")
        lines = [f"{name}: {value}\r\n" for name, value in {"Host": parts.netloc, **headers}.items()]
        self._headers = "".join(lines).encode()
        self._kept: list[_Connection] = []

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer. A request may arrive twice: where a kept connection turns out to be closed, it
        is sent again over a new one. Raises ``TimeoutError`` or ``OSError`` when there is no connection or no answer.
        """
        line = f"{method} {self._path}{path} HTTP/1.1\r\n".encode()
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (line, self._headers, len(body), body)
        while self._kept:
            connection = self._kept.pop()
            if connection.is_open:
                try:
                    return await self._exchange(connection, request)
                except ConnectionError:
                    break
        async with asyncio.timeout(_SECONDS_TO_CONNECT):
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._ssl)
        return await self._exchange(connection, request)

    async def _exchange(self, connection: "_Connection", request: bytes) -> tuple[int, bytes]:
        try:
            answer = await connection.exchange(request)
        except BaseException:  # cancelled, too: what still comes belongs to nobody
            connection.close()
            raise
        if connection.is_open:
            self._kept.append(connection)
        return answer

    def close(self) -> None:
        """Those that are not in use."""
        while self._kept:
            self._kept.pop().close()


class _Connection(asyncio.Protocol):
    """One request at a time. The methods ``on_…`` are called by the parser."""

    _transport: asyncio.Transport
    _parser: httptools.HttpResponseParser

    def __init__(self) -> None:
        self.is_open = False
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []

    def exchange(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Raises ``ConnectionError``."""
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body = []
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("closed without a whole answer"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))
