"""``parvis bench gateway``: how many webhooks a second each system acknowledges, without loss and without delay.

The systems run side by side and are measured in turns, so that a change in the machine's mood reaches all of them.
"""

import json
import math
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import redis

from benchmarks.children import Child, Children
from benchmarks.installation import Installation, clean_environment
from benchmarks.load import LoadResult, Order, generate
from benchmarks.platforms import MESSENGER_PATH, RASA_PATH, Credentials
from benchmarks.ports import free_port
from benchmarks.rasa import facebook_credentials, rasa_environment, start_rasa
from benchmarks.report import Goal, Report
from benchmarks.search import Plan, RateSearch, Step
from bot.assistant.server import MODEL
from bot.inbox.keys import Layout
from bot.settings import PROJECT_ROOT, InboxSettings, Settings

P99_MS = 50.0
SHARE_OF_BARE = 0.6
TIMES_RASA = 10.0

_PROBE_SECONDS = 3.0
_PROBE_CLIENTS = 16
_FIRST_RATE = 0.45
"""Of what the closed loop found: the search starts well below the limit."""

Progress = Callable[[str], None]


@dataclass
class System:
    """One receiver of webhooks. ``kept`` counts what it has taken in, to be compared with what it acknowledged."""

    name: str
    port: int
    processes: dict[str, Child]
    messenger_path: str = MESSENGER_PATH
    x_share: int = 3
    kept: Callable[[], int] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    search: RateSearch | None = None
    capacity: float = 0.0
    """Requests a second that it took from a few clients who each waited for their answer, however long."""

    def offer(self, credentials: Credentials, step: Step) -> bool:
        """Whether the step was held."""
        kept_before = self.kept() if self.kept else 0
        busy_before = self._processor_seconds()
        result = generate(self._order(credentials, "open", step.rate, step.seconds))
        lost = max(0, result.accepted - (self.kept() - kept_before)) if self.kept else 0
        held = result.held(P99_MS) and lost == 0
        shares = {
            name: round((spent - busy_before[name]) / step.seconds, 2)
            for name, spent in self._processor_seconds().items()
        }
        shares["generator"] = result.processor_share
        self.steps.append(_step_facts(step, result) | {"lost": lost, "held": held, "processor_shares": shares})
        return held

    def probe(self, credentials: Credentials) -> None:
        """A first look at what the system takes, whatever the delay."""
        self.capacity = generate(self._order(credentials, "closed", _PROBE_CLIENTS, _PROBE_SECONDS)).rate

    def _order(self, credentials: Credentials, loop: Any, rate: float, seconds: float) -> Order:
        return Order(credentials.as_json(), self.port, loop, rate, seconds, self.messenger_path, self.x_share)

    def _processor_seconds(self) -> dict[str, float]:
        return {name: child.processor_seconds() for name, child in self.processes.items()}

    @property
    def held_rate(self) -> float | None:
        return self.search.result if self.search else None

    def proof(self) -> dict[str, Any] | None:
        """The longer step that the result stands on."""
        return next((step for step in reversed(self.steps) if step["proves"] and step["held"]), None)


def _step_facts(step: Step, result: LoadResult) -> dict[str, Any]:
    return {
        "rate": round(step.rate, 1),
        "seconds": step.seconds,
        "proves": step.proves,
        "sent": result.sent,
        "accepted": result.accepted,
        "errors": result.errors,
        "latency_ms": asdict(result.latency) if result.latency else None,
        "generator_late_p99_ms": result.lateness_p99_ms,
    }


def bench_gateway(settings: Settings, home: Path, progress: Progress, plan: Plan | None = None) -> Report:
    """Raises ``ChildFailed`` when a system cannot be started."""
    del settings
    plan = plan or Plan()
    credentials = Credentials.draw()
    with Children(home / "logs") as children:
        progress("starting the gateway, Valkey, Rasa and the bare route")
        send_port = free_port()
        installation = Installation(home, credentials, f"http://127.0.0.1:{send_port}")
        systems = [
            _start_parvis(installation, children),
            _start_bare(credentials, children),
            _start_rasa_channel(installation, credentials, send_port, children),
        ]
        _search_in_turns(systems, credentials, plan, progress)
        progress("measuring the generator itself")
        generator = _measure_generator(systems, credentials, children)
    return _report(systems, generator)


def _search_in_turns(systems: list[System], credentials: Credentials, plan: Plan, progress: Progress) -> None:
    for system in systems:
        progress(f"{system.name}: a first look")
        system.probe(credentials)
        system.search = RateSearch(max(plan.lowest_rate, system.capacity * _FIRST_RATE), plan)
    searching = list(systems)
    while searching:
        for system in list(searching):
            assert system.search is not None
            step = system.search.next_step()
            if step is None:
                searching.remove(system)
                continue
            progress(f"{system.name}: {step.rate:,.0f} a second for {step.seconds:.0f} s")
            system.search.record(step, held=system.offer(credentials, step))


# Systems


def _start_parvis(installation: Installation, children: Children) -> System:
    valkey, _ = installation.start("redis", children)
    gateway, _ = installation.start("gateway", children)
    client = redis.Redis.from_url(installation.redis_url)
    streams = Layout(InboxSettings.model_fields["shards"].default).inbox_streams()

    def in_streams() -> int:
        return sum(int(client.xlen(stream)) for stream in streams)

    return System("parvis", installation.specs["gateway"].port, {"gateway": gateway, "valkey": valkey}, kept=in_streams)


def _start_bare(credentials: Credentials, children: Children) -> System:
    port = free_port()
    environment = clean_environment() | {
        "BENCHMARK_MESSENGER_SECRET": credentials.app_secret,
        "BENCHMARK_X_SECRET": credentials.consumer_secret,
    }
    command = [sys.executable, "-m", "benchmarks.bare_sanic", str(port)]
    child = children.start("bare_sanic", command, environment, PROJECT_ROOT)
    child.wait_until_ready(f"http://127.0.0.1:{port}/ready", 30)
    return System("bare_sanic", port, {"sanic": child})


def _start_rasa_channel(
    installation: Installation, credentials: Credentials, send_port: int, children: Children
) -> System:
    """Rasa's own channel in front of the published assistant, with its actions; conversations stay in memory, which is
    Rasa's default and its fastest store."""
    send = children.start(
        "send_endpoint", [sys.executable, "-m", "benchmarks.graph", str(send_port)], clean_environment(), PROJECT_ROOT
    )
    count_url = f"http://127.0.0.1:{send_port}/count"
    send.wait_until_ready(count_url, 30)
    installation.start("actions", children)
    port = free_port()
    endpoints = installation.home / "rasa-endpoints.yml"
    actions = f"http://127.0.0.1:{installation.specs['actions'].port}/webhook"
    endpoints.write_text(json.dumps({"action_endpoint": {"url": actions}}), encoding="utf-8")
    rasa = start_rasa(
        children,
        folder=PROJECT_ROOT,
        model=PROJECT_ROOT / MODEL,
        endpoints=endpoints,
        port=port,
        credentials=facebook_credentials(credentials, installation.home / "rasa-credentials.yml"),
        environment=rasa_environment(f"http://127.0.0.1:{send_port}/v2.12"),
    )

    def replies() -> int:
        with urllib.request.urlopen(count_url, timeout=5) as answer:
            return int(json.load(answer)["count"])

    return System("rasa_facebook", port, {"rasa": rasa, "send_endpoint": send}, RASA_PATH, x_share=0, kept=replies)


def _measure_generator(systems: list[System], credentials: Credentials, children: Children) -> dict[str, Any]:
    """What the generator offers to a server that does nothing, at twice the highest rate that it had to offer."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.canned_server", str(port)]
    child = children.start("canned_server", command, clean_environment(), PROJECT_ROOT)
    child.wait_until_ready(f"http://127.0.0.1:{port}/", 30)
    canned = System("generator", port, {"canned_server": child})
    fastest = max(system.held_rate or 0.0 for system in systems)
    canned.offer(credentials, Step(max(1.0, 2 * fastest), 3.0))
    return canned.steps[-1]


# The report


def _report(systems: list[System], generator: dict[str, Any]) -> Report:
    by_name = {system.name: system for system in systems}
    ours, bare, rasa = (by_name[name] for name in ("parvis", "bare_sanic", "rasa_facebook"))
    results: dict[str, Any] = {system.name: _facts(system) for system in systems}
    results["generator"] = generator
    share = _ratio(ours.held_rate, bare.held_rate)
    # A channel that holds no rate within the limit is compared by what it takes at all, which is more.
    times = _ratio(ours.held_rate, rasa.held_rate or rasa.capacity)
    return Report(
        bench="gateway",
        title="Webhooks acknowledged a second",
        columns=("system", "held a second", "p50 ms", "p95 ms", "p99 ms", "max ms", "processor, in cores"),
        rows=[_row(system) for system in systems],
        results=results,
        goals=[
            Goal.at_least("share of the bare route's rate", share, SHARE_OF_BARE),
            Goal.at_least("times the rate of Rasa's own channel", times, TIMES_RASA),
        ],
        notes=[
            f"Held: p99 below {P99_MS:.0f} ms from the moment a request was due, every request answered 200, and every "
            "acknowledged message found in the streams (Rasa: answered at the send endpoint).",
            "The generator shares the cores with what it measures. Against a server that does nothing it "
            + ("kept" if generator["held"] else "did not keep")
            + f" the same limit at {generator['rate']:,.0f} a second.",
        ],
    )


def _facts(system: System) -> dict[str, Any]:
    return {
        "held_per_second": None if system.held_rate is None else round(system.held_rate, 1),
        "capacity_per_second": system.capacity,
        "proof": system.proof(),
        "steps": system.steps,
    }


def _row(system: System) -> list[str]:
    proof = system.proof()
    if proof is None:
        return [system.name, f"none (at most {system.capacity:,.0f})", *[""] * 5]
    latency = proof["latency_ms"]
    shares = ", ".join(f"{name} {share:.2f}" for name, share in proof["processor_shares"].items())
    return [
        system.name,
        f"{proof['rate']:,.0f}",
        *(f"{latency[key]:.1f}" for key in ("p50", "p95", "p99", "max")),
        shares,
    ]


def _ratio(value: float | None, base: float | None) -> float | None:
    """Rounded down, so that a goal is never met by rounding."""
    return math.floor(value / base * 100) / 100 if value and base else None
