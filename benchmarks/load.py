"""The load generator: a process of its own that sends webhooks to one server and says how long each answer took.

Open loop: requests leave at an even pace whatever the server does, and each is timed from the moment it was due, so
that a server which stalls is charged for all that had to wait (no coordinated omission). Before that, a short closed
loop can tell roughly what a server takes at most, which is where a search for its limit begins.

    python -m benchmarks.load < order.json > result.json
"""

import asyncio
import gc
import json
import math
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Literal

from benchmarks.connection import Connections
from benchmarks.figures import Latency, summarize
from benchmarks.platforms import MESSENGER_PATH, Credentials, RequestMaker, customers, mixed_requests

CONNECTIONS = 128
CONVERSATIONS = 5000
PATIENCE_SECONDS = 5.0
"""How long an answer is awaited after the last request left."""


@dataclass(frozen=True)
class Order:
    """What the generator is to do. ``rate`` in requests a second; in a closed loop it is how many run side by side."""

    credentials: dict[str, str]
    port: int
    loop: Literal["open", "closed"]
    rate: float
    seconds: float
    messenger_path: str = MESSENGER_PATH
    x_share: int = 3
    """Of ten messages, how many come from X."""


@dataclass(frozen=True)
class LoadResult:
    """``errors``: how many answers by status other than 200, ``connection`` and ``unanswered`` among them."""

    rate: float
    """Answers 200 a second."""
    sent: int
    accepted: int
    errors: dict[str, int] = field(default_factory=dict)
    latency: Latency | None = None
    lateness_p99_ms: float = 0.0
    """How far behind its own schedule the generator was when it wrote requests."""
    processor_share: float = 0.0
    """Of one core, while it sent."""

    def held(self, p99_ms: float) -> bool:
        """Whether every request was accepted and the slowest hundredth began below ``p99_ms``."""
        return not self.errors and self.latency is not None and self.latency.p99 < p99_ms


class Generator:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._connections = Connections(order.port)
        self._latencies = array("d")
        self._lateness = array("d")
        self._errors: Counter[str] = Counter()
        self._unanswered = 0
        self._all_answered = asyncio.Event()

    async def run(self) -> LoadResult:
        order = self._order
        maker = RequestMaker(Credentials(**order.credentials), f"127.0.0.1:{order.port}", order.messenger_path)
        requests = mixed_requests(maker, customers(CONVERSATIONS), x_share=order.x_share)
        await self._connections.open(CONNECTIONS)
        send = self._send_closed if order.loop == "closed" else self._send_open
        try:
            return await send(requests)
        finally:
            await self._connections.close()

    async def _send_open(self, requests: Iterator[bytes]) -> LoadResult:
        order, clock = self._order, time.monotonic
        prepared = list(islice(requests, max(1, round(order.rate * order.seconds))))
        self._unanswered = len(prepared)
        started_at, processor_at_start = clock() + 0.1, time.process_time()
        next_one, total = 0, len(prepared)
        while next_one < total:
            now = clock()
            due = min(total, math.floor((now - started_at) * order.rate) + 1)
            for position in range(next_one, due):
                due_at = started_at + position / order.rate
                self._lateness.append(clock() - due_at)
                self._connections.send(prepared[position], self._timed_from(due_at))
            next_one = max(next_one, due)
            # Timers count in milliseconds: a shorter sleep would spin, on a core that the server needs.
            await asyncio.sleep(max(0.001, started_at + next_one / order.rate - clock()))
        processor = time.process_time() - processor_at_start
        await self._until_answered()
        return self._result(total, max(order.seconds, clock() - started_at), processor)

    async def _send_closed(self, requests: Iterator[bytes]) -> LoadResult:
        order, clock = self._order, time.monotonic
        started_at, processor_at_start = clock(), time.process_time()
        ends_at, sent = started_at + order.seconds, 0

        def send_next(*_: object) -> None:
            nonlocal sent
            if clock() >= ends_at:
                return
            sent += 1
            self._unanswered += 1
            timed = self._timed_from(clock())

            def answered(status: str, body: bytes) -> None:
                timed(status, body)
                send_next()

            self._connections.send(next(requests), answered)

        for _ in range(int(order.rate)):
            send_next()
        await asyncio.sleep(order.seconds)
        processor = time.process_time() - processor_at_start
        await self._until_answered()
        return self._result(sent, clock() - started_at, processor)

    def _timed_from(self, due_at: float) -> Any:
        # Not the loop's own clock: uvloop's moves in milliseconds, once an iteration.
        clock = time.monotonic

        def answered(status: str, _body: bytes) -> None:
            if status == "200":
                self._latencies.append(clock() - due_at)
            else:
                self._errors[status] += 1
            self._unanswered -= 1
            if self._unanswered == 0:
                self._all_answered.set()

        return answered

    async def _until_answered(self) -> None:
        if self._unanswered:
            self._all_answered.clear()
            try:
                await asyncio.wait_for(self._all_answered.wait(), PATIENCE_SECONDS)
            except TimeoutError:
                self._errors["unanswered"] += self._unanswered

    def _result(self, sent: int, seconds: float, processor: float) -> LoadResult:
        accepted = len(self._latencies)
        return LoadResult(
            rate=round(accepted / seconds, 1),
            sent=sent,
            accepted=accepted,
            errors=dict(self._errors),
            latency=summarize(self._latencies) if accepted else None,
            lateness_p99_ms=summarize(self._lateness).p99 if self._lateness else 0.0,
            processor_share=round(processor / self._order.seconds, 2),
        )


def generate(order: Order) -> LoadResult:
    """Run the generator in a process of its own. Raises ``subprocess.SubprocessError`` when it fails or hangs."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(order)).encode(),
        stdout=subprocess.PIPE,
        timeout=order.seconds + PATIENCE_SECONDS + 60,
        start_new_session=True,  # Ctrl-C is for whoever waits here, which then kills this
        check=True,
    )
    answer: dict[str, Any] = json.loads(finished.stdout)
    latency = answer.pop("latency")
    return LoadResult(**answer, latency=Latency(**latency) if latency else None)


def main() -> None:
    import uvloop

    order = Order(**json.load(sys.stdin))
    gc.disable()  # a collection that walks all prepared requests would stall the schedule

    async def run() -> LoadResult:
        return await Generator(order).run()

    print(json.dumps(asdict(uvloop.run(run()))))


if __name__ == "__main__":
    main()
