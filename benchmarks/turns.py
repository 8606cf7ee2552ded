"""A customer and a platform in one process: writes to a webhook, and notes when the reply comes to the send endpoint.

Several systems are asked alternately, a few seconds each, so that whatever else the machine does reaches all of them.

python -m benchmarks.turns < orders.json > results.json
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.connection import Connections
from benchmarks.figures import Latency, summarize
from benchmarks.graph import SendEndpoint
from benchmarks.platforms import Credentials, RequestMaker, customers

PATIENCE_SECONDS = 5.0
_CONNECTIONS = 32


@dataclass(frozen=True)
class Phase:
    """``per_second`` None: one turn after the other, the system idle in between. ``newcomers``: each message is a
    customer's first; otherwise the customers of the run write in turns, all of whom wrote before. The send endpoint
    answers each call after ``platform_seconds``; ``pause_seconds`` lie between two turns of an idle system, for
    whatever follows a reply. The turns are taken in equal ``windows``, between which the other systems have theirs."""

    name: str
    texts: Sequence[str]
    turns: int
    per_second: float | None = None
    newcomers: bool = False
    platform_seconds: float = 0.0
    pause_seconds: float = 0.02
    windows: int = 1


@dataclass(frozen=True)
class TurnOrder:
    credentials: dict[str, str]
    port: int
    path: str
    send_port: int
    phases: Sequence[Phase]
    conversations: int = 60
    """At ten messages a second, six seconds pass between two of the same customer: no reply is mistaken for another."""


@dataclass(frozen=True)
class PhaseResult:
    """``latency`` of the turns that were answered: from the request written (open loop: due) to the reply's first
    message. ``window_p50``: the median of each window, in milliseconds; None when it had no answer."""

    turns: int
    answered: int
    refused: int
    latency: Latency | None
    window_p50: Sequence[float | None]


class Conversations:
    """Waits for the next message to each customer."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def arrived(self, user: str, at: float) -> None:
        waiting = self._waiting.pop(user, None)
        if waiting and not waiting.done():
            waiting.set_result(at)

    def next_message(self, user: str) -> asyncio.Future[float]:
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[user] = future
        return future


@dataclass
class _Tally:
    seconds: list[float] = field(default_factory=list)
    refused: int = 0


class TurnDriver:
    """Takes turns with one system."""

    def __init__(self, order: TurnOrder) -> None:
        self._order = order
        self._maker = RequestMaker(Credentials(**order.credentials), f"127.0.0.1:{order.port}", order.path)
        self._conversations = Conversations()
        self._endpoint = SendEndpoint(self._conversations.arrived)
        self._connections = Connections(order.port)
        self._users = customers(order.conversations)
        self._tallies: dict[str, list[_Tally]] = {phase.name: [] for phase in order.phases}

    @property
    def phases(self) -> dict[str, Phase]:
        return {phase.name: phase for phase in self._order.phases}

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        server = await self._endpoint.listen(self._order.send_port)
        await self._connections.open(_CONNECTIONS)
        try:
            yield
        finally:
            await self._connections.close()
            server.close()

    def results(self) -> dict[str, PhaseResult]:
        return {name: _result(phase, self._tallies[name]) for name, phase in self.phases.items()}

    async def take_window(self, phase: Phase) -> None:
        """The next window of a phase."""
        tallies = self._tallies[phase.name]
        size = phase.turns // phase.windows
        tallies.append(tally := _Tally())
        self._endpoint.answers_after = phase.platform_seconds
        users = customers(size) if phase.newcomers else self._users
        requests = []
        for turn in range(size * (len(tallies) - 1), size * len(tallies)):
            user, text = users[turn % len(users)], phase.texts[turn % len(phase.texts)]
            requests.append((user, self._maker.messenger(user, text)))
        if phase.per_second is None:
            for user, request in requests:
                await self._take_turn(user, request, tally)
                await asyncio.sleep(phase.pause_seconds)
        else:
            await self._take_turns_at(phase.per_second, requests, tally)

    async def _take_turns_at(self, per_second: float, requests: Sequence[tuple[str, bytes]], tally: _Tally) -> None:
        started_at = time.monotonic()
        turns = []
        for number, (user, request) in enumerate(requests):
            due_at = started_at + number / per_second
            await asyncio.sleep(max(0.0, due_at - time.monotonic()))
            turns.append(asyncio.create_task(self._take_turn(user, request, tally, due_at)))
        await asyncio.gather(*turns)

    async def _take_turn(self, user: str, request: bytes, tally: _Tally, due_at: float | None = None) -> None:
        reply = self._conversations.next_message(user)
        acknowledged: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        written_at = due_at or time.monotonic()
        self._connections.send(request, lambda status, _: acknowledged.set_result(status))
        done, _ = await asyncio.wait((reply, acknowledged), timeout=PATIENCE_SECONDS)
        if reply in done:
            tally.seconds.append(reply.result() - written_at)
        if acknowledged not in done or acknowledged.result() != "200":
            tally.refused += 1


def _result(phase: Phase, windows: Sequence[_Tally]) -> PhaseResult:
    seconds = [value for window in windows for value in window.seconds]
    return PhaseResult(
        turns=phase.turns,
        answered=len(seconds),
        refused=sum(window.refused for window in windows),
        latency=summarize(seconds) if seconds else None,
        window_p50=[summarize(window.seconds).p50 if window.seconds else None for window in windows],
    )


async def take_turns(orders: Mapping[str, TurnOrder]) -> dict[str, dict[str, PhaseResult]]:
    """All phases, one after the other; within a phase the systems that have it take their windows alternately."""
    drivers = {name: TurnDriver(order) for name, order in orders.items()}
    phases = {phase: None for driver in drivers.values() for phase in driver.phases}
    async with AsyncExitStack() as stack:
        for driver in drivers.values():
            await stack.enter_async_context(driver.connected())
        for name in phases:
            sharing = [driver for driver in drivers.values() if name in driver.phases]
            for _ in range(sharing[0].phases[name].windows):
                for driver in sharing:
                    await driver.take_window(driver.phases[name])
    return {name: driver.results() for name, driver in drivers.items()}


def drive(orders: Mapping[str, TurnOrder]) -> dict[str, dict[str, PhaseResult]]:
    """Take all turns in a process of its own. Raises ``subprocess.SubprocessError`` when it fails or hangs."""
    longest = sum(
        phase.turns * (1 / phase.per_second if phase.per_second else PATIENCE_SECONDS + phase.pause_seconds)
        for order in orders.values()
        for phase in order.phases
    )
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.turns"],
        input=json.dumps({name: asdict(order) for name, order in orders.items()}).encode(),
        stdout=subprocess.PIPE,
        timeout=min(longest, 600) + 60,
        start_new_session=True,  # Ctrl-C is for whoever waits here, which then kills this
        check=True,
    )
    return {
        system: {name: _read(facts) for name, facts in phases.items()}
        for system, phases in json.loads(finished.stdout).items()
    }


def _read(facts: dict[str, Any]) -> PhaseResult:
    latency = facts.pop("latency")
    return PhaseResult(**facts, latency=Latency(**latency) if latency else None)


def main() -> None:
    import uvloop

    orders = {
        name: TurnOrder(**facts | {"phases": [Phase(**phase) for phase in facts["phases"]]})
        for name, facts in json.load(sys.stdin).items()
    }
    results = uvloop.run(take_turns(orders))
    facts = {system: {name: asdict(result) for name, result in phases.items()} for system, phases in results.items()}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
