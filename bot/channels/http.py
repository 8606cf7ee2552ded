"""Calls to a platform's API: one client a channel, and what a lost connection says about the message."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from bot.channels.base import OutcomeUnknown, SendFailed, TryAgain

_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=10.0)
# Idle connections are dropped before the platforms' load balancers drop them: a send on a connection that the other
# side has just closed would end with an unknown outcome.
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=20.0)

_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)

LONGEST_WAIT: Final = 25 * 3600.0
"""Seconds. The longest window that either platform names is 24 h; a header that says more is not believed."""


def open_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """One client for the life of a channel. ``transport`` replaces the network in unit tests."""
    # httpx writes every address to its log, and ours name customers.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(
        transport=transport, timeout=_TIMEOUT, limits=_LIMITS, headers={"User-Agent": "parvis"}, follow_redirects=False
    )


async def exchange(client: httpx.AsyncClient, request: httpx.Request, *, repeatable: bool) -> httpx.Response:
    """Send ``request`` and read the whole answer, whatever its status.

    Raises ``TryAgain`` when the request surely did not reach the platform, or when ``repeatable`` says that doing it
    twice is harmless; ``OutcomeUnknown`` when it may have.
    """
    try:
        return await client.send(request)
    except _NOT_SENT as error:
        raise TryAgain(_code(error), "the platform could not be reached; nothing was sent") from error
    except httpx.HTTPError as error:
        raise _cut_off(_code(error), repeatable) from error


def _cut_off(code: str, repeatable: bool) -> SendFailed:
    if repeatable:
        return TryAgain(code, "the connection was lost; the question can be asked again")
    return OutcomeUnknown(code, "the connection was lost after the request may have reached the platform")


def _code(error: httpx.HTTPError) -> str:
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
