"""Calls to a platform's API: one client a channel, and what a lost connection says about the message."""

import ssl
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
import msgspec
from yarl import URL

from bot.channels.base import OutcomeUnknown, SendFailed, TryAgain

# ``connect`` counts the wait for a free connection too; an answer that trickles in for longer than ``total`` is cut.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=40.0, connect=10.0, sock_connect=5.0, sock_read=20.0)
_CONNECTIONS: Final = 64
# Idle connections are dropped before the platforms' load balancers drop them: a send on a connection that the other
# side has just closed would end with an unknown outcome.
_KEEP_ALIVE_SECONDS: Final = 20.0
# A success that could not be read for its long headers would leave the outcome open.
_LONGEST_HEADER: Final = 64 * 1024

_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)

LONGEST_WAIT: Final = 25 * 3600.0
"""Seconds. The longest window that either platform names is 24 h; a header that says more is not believed."""


class Request(NamedTuple):
    """``url`` is percent-encoded and goes out as it stands, so that a signature over it holds."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Answer(NamedTuple):
    """``headers`` ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Client(Protocol):
    """Carries requests to the platform. Unit tests bring one that answers by itself."""

    async def send(self, request: Request) -> Answer:
        """The whole answer, whatever its status. Raises ``aiohttp.ClientError`` or ``TimeoutError``."""
        ...

    async def close(self) -> None: ...


class HttpClient:
    """Keeps connections to ``api_url`` open for the life of a channel, in one event loop."""

    def __init__(self, api_url: str) -> None:
        self._proxy = _proxy_for(api_url)
        self._authorities = _authorities()
        self._kept: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Answer:
        method, url, headers, body = request
        async with self._session.request(
            method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def close(self) -> None:
        if self._kept is not None:
            await self._kept.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Made at its first use, since it belongs to the event loop in which it is made."""
        if self._kept is None:
            self._kept = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=self._authorities
                ),
                timeout=_TIMEOUT,
                headers={"User-Agent": "parvis"},
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=self._proxy,
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
            )
        return self._kept


@cache
def _authorities() -> ssl.SSLContext:
    """The machine's own certificate authorities (or ``SSL_CERT_FILE``), and Mozilla's where a machine has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _proxy_for(api_url: str) -> str | None:
    """The proxy that the environment names (``HTTPS_PROXY``, ``NO_PROXY``); looked up once, not at every call."""
    address, proxies = urlsplit(api_url), getproxies()
    return None if proxy_bypass(address.netloc) else proxies.get(address.scheme) or proxies.get("all")


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(parameters, quote_via=quote)}" if parameters else url


def json_request(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None) -> Request:
    if body is None:
        return Request(method, url, headers)
    return Request(method, url, {**headers, "Content-Type": "application/json"}, msgspec.json.encode(body))


async def exchange(client: Client, request: Request, *, repeatable: bool) -> Answer:
    """Send ``request`` and read the whole answer, whatever its status.

    Raises ``TryAgain`` when the request surely did not reach the platform, or when ``repeatable`` says that doing it
    twice is harmless; ``OutcomeUnknown`` when it may have.
    """
    try:
        return await client.send(request)
    except _NOT_SENT as error:
        raise TryAgain(_code(error), "the platform could not be reached; nothing was sent") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _cut_off(_code(error), repeatable) from error


def _cut_off(code: str, repeatable: bool) -> SendFailed:
    if repeatable:
        return TryAgain(code, "the connection was lost; the question can be asked again")
    return OutcomeUnknown(code, "the connection was lost after the request may have reached the platform")


def _code(error: Exception) -> str:
    return f"network-{type(error).__name__}"


def wait_until(seconds: float) -> float:
    """The moment ``seconds`` from now, between one second and ``LONGEST_WAIT``."""
    return time.time() + min(max(seconds, 1.0), LONGEST_WAIT)


def believable_moment(moment: float) -> float:
    """``moment`` (UTC seconds since the epoch) as the platform's header says it, within the same bounds."""
    return wait_until(moment - time.time())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the ``Retry-After`` header (RFC 9110, 10.2.3): a number of seconds or a date; None without."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp() - time.time()
