"""Posts events to the brand's webhook as the platforms do: in order within a conversation, again until taken.

Every try of an event carries the same bytes, hence the same ids. Both platforms promise only "several tries"; this one
goes on for a quarter of an hour, so that a gateway that restarts loses nothing.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
import structlog

log = structlog.get_logger()

BACK_OFF_SECONDS = (0.1, 0.25, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0)
"""The last pause repeats until ``GIVE_UP_SECONDS`` have passed."""
GIVE_UP_SECONDS = 900.0
ANSWER_SECONDS = 5.0
"""Messenger wants its 200 within 5 s (developers.facebook.com, Messenger Platform, webhooks)."""
CONCURRENT_CALLS = 128


@dataclass(slots=True)
class Delivery:
    """One webhook call. ``headers`` carry the signature of ``body``; ``copies`` are deliveries after the first."""

    url: str
    body: bytes
    headers: dict[str, str]
    copies: int = 0
    on_taken: Callable[[], None] | None = None
    on_failed: Callable[[], None] | None = None
    done: asyncio.Event | None = None


@dataclass(slots=True)
class WebhookCounts:
    delivered: int = 0
    pending: int = 0
    failed: int = 0
    attempts: int = 0
    refused: int = 0
    """Attempts that ended in another status than 200, a timeout or a lost connection."""


@dataclass(slots=True)
class _Lane:
    waiting: deque[Delivery] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class WebhookDispatcher:
    """One lane a conversation; lanes run side by side."""

    def __init__(self, concurrent_calls: int = CONCURRENT_CALLS, give_up_seconds: float = GIVE_UP_SECONDS) -> None:
        self.counts = WebhookCounts()
        self._give_up_seconds = give_up_seconds
        self._lanes: dict[str, _Lane] = {}
        self._slots = asyncio.Semaphore(concurrent_calls)
        self._session: aiohttp.ClientSession | None = None
        self._concurrent_calls = concurrent_calls

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrent_calls, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the dispatcher is not open")
        return self._session

    def enqueue(self, conversation: str, delivery: Delivery) -> None:
        lane = self._lanes.setdefault(conversation, _Lane())
        lane.waiting.append(delivery)
        self.counts.pending += 1
        if lane.task is None:
            lane.task = asyncio.create_task(self._drain(conversation, lane))

    async def close(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def _drain(self, conversation: str, lane: _Lane) -> None:
        while lane.waiting:
            delivery = lane.waiting.popleft()
            taken = await self._deliver(delivery)
            self._settle(conversation, delivery, taken)
        # No await lies between the check above and this line, so no delivery can slip in unseen.
        del self._lanes[conversation]

    def _settle(self, conversation: str, delivery: Delivery, taken: bool) -> None:
        self.counts.pending -= 1
        if taken:
            self.counts.delivered += 1
        else:
            self.counts.failed += 1
            log.warning("webhook_given_up", conversation=conversation)
        callback = delivery.on_taken if taken else delivery.on_failed
        if callback:
            callback()
        if delivery.done:
            delivery.done.set()

    async def _deliver(self, delivery: Delivery) -> bool:
        """Try until taken or given up; then post the extra copies at once, as redeliveries may overlap."""
        give_up_at = time.monotonic() + self._give_up_seconds
        tries = 0
        while not await self._post(delivery):
            pause = BACK_OFF_SECONDS[min(tries, len(BACK_OFF_SECONDS) - 1)]
            if time.monotonic() + pause > give_up_at:
                return False
            tries += 1
            await asyncio.sleep(pause)
        if delivery.copies:
            await asyncio.gather(*(self._post(delivery) for _ in range(delivery.copies)))
        return True

    async def _post(self, delivery: Delivery) -> bool:
        async with self._slots:
            self.counts.attempts += 1
            try:
                async with self.session.post(
                    delivery.url, data=delivery.body, headers=delivery.headers, allow_redirects=False
                ) as response:
                    taken = response.status == 200
            except (aiohttp.ClientError, OSError, TimeoutError):
                taken = False
        if not taken:
            self.counts.refused += 1
        return taken
