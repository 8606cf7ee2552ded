"""``parvis bench turn``: how long a customer waits for the reply, from the webhook to the platform's send endpoint."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from benchmarks.children import Children
from benchmarks.installation import Installation
from benchmarks.platforms import MESSENGER_PATH, RASA_PATH, Credentials
from benchmarks.ports import free_port
from benchmarks.rasa import default_model, default_project, facebook_credentials, rasa_environment, start_rasa
from benchmarks.report import Goal, Report
from benchmarks.turns import Phase, PhaseResult, TurnOrder, drive
from bot.settings import Settings

IDLE_P50_MS = 25.0
SHARE_OF_DEFAULT = 1 / 3

SMALL_TALK = ("hello", "are you a bot?", "good evening", "bye", "am I talking to a human?", "hey there", "good bye")
"""What both assistants understand and answer; the project of ``rasa init`` knows little more."""

MATTERS = (
    "where is my order? it should have arrived last week",
    "my parcel never came and nobody answers me",
    "Je n'ai toujours pas reçu ma commande",
    "I was charged twice for the same order",
)
"""What only a person with access to the customer's data can settle: the assistant opens a ticket."""

Progress = Callable[[str], None]


def common_phases(turns: int = 400, seconds: int = 30, per_second: float = 10.0) -> list[Phase]:
    return [
        Phase("first_contact", SMALL_TALK[:1], turns=60, windows=3),
        Phase("idle", SMALL_TALK, turns, windows=turns // 20),
        Phase("idle_platform_answers_after_100_ms", SMALL_TALK, 60, platform_seconds=0.1, pause_seconds=0.6, windows=3),
        Phase("at_10_per_second", SMALL_TALK, round(seconds * per_second), per_second, windows=seconds // 6),
    ]


def bench_turn(settings: Settings, home: Path, progress: Progress) -> Report:
    """Raises ``ChildFailed`` when a system cannot be started."""
    project = default_project(settings.core.home / "benchmarks", progress)
    with Children(home / "logs") as children:
        progress("rasa_default: starting")
        default = _start_default(project, home / "default", children)
        progress("parvis: starting all processes")
        installation, parvis = _start_parvis(home / "parvis", children)
        progress("both: taking turns alternately, about two minutes")
        with _mail_sink(installation.mail_port):
            return _report(drive({"rasa_default": default, "parvis": parvis}))


def _start_parvis(home: Path, children: Children) -> tuple[Installation, TurnOrder]:
    credentials, send_port = Credentials.draw(), free_port()
    installation = Installation(home, credentials, f"http://127.0.0.1:{send_port}")
    for name in installation.specs:
        installation.start(name, children)
    phases = [*common_phases(), Phase("escalation", MATTERS, turns=60, newcomers=True)]
    port = installation.specs["gateway"].port
    return installation, TurnOrder(credentials.as_json(), port, MESSENGER_PATH, send_port, phases)


def _start_default(project: Path, home: Path, children: Children) -> TurnOrder:
    credentials, send_port, port = Credentials.draw(), free_port(), free_port()
    model = default_model(project)
    assert model is not None
    start_rasa(
        children,
        name="rasa_default",
        folder=project,
        model=model,
        endpoints=project / "endpoints.yml",
        port=port,
        credentials=facebook_credentials(credentials, home / "credentials.yml"),
        environment=rasa_environment(f"http://127.0.0.1:{send_port}/v2.12"),
    )
    return TurnOrder(credentials.as_json(), port, RASA_PATH, send_port, common_phases())


@contextmanager
def _mail_sink(port: int) -> Iterator[None]:
    """Takes the e-mails to the teams."""
    sink = Controller(Sink(), hostname="127.0.0.1", port=port)
    sink.start()
    try:
        yield
    finally:
        sink.stop()


def _report(systems: dict[str, dict[str, PhaseResult]]) -> Report:
    ours, default = systems["parvis"]["idle"], systems["rasa_default"]["idle"]
    return Report(
        bench="turn",
        title="From webhook to reply",
        columns=("system", "load", "answered", "p50 ms", "p95 ms", "p99 ms", "max ms"),
        rows=[_row(name, phase, result) for name, phases in systems.items() for phase, result in phases.items()],
        results={name: _facts(phases) for name, phases in systems.items()},
        goals=[
            Goal.below("p50 when idle, ms", _p50(ours), IDLE_P50_MS),
            Goal.at_most(
                "p50 when idle, as a share of the default's", share(ours, default), round(SHARE_OF_DEFAULT, 3)
            ),
        ],
        notes=[
            "From the webhook written to the first message of the reply at the send endpoint, which answers at once "
            "unless the row says otherwise. The goals are judged with an endpoint that answers at once.",
            "The systems run side by side and take their turns alternately, some twenty at a time; the share is the "
            "median of the shares of neighbouring twenties.",
            "rasa_default is the project of `rasa init` behind Rasa's own Facebook channel; both systems get the same "
            "messages. An escalation opens a ticket and asks for a phone number or an e-mail.",
        ],
    )


def _p50(result: PhaseResult) -> float | None:
    """Only of a phase in which every turn was answered: silence is fast."""
    return result.latency.p50 if result.latency and result.answered == result.turns else None


def share(ours: PhaseResult, others: PhaseResult) -> float | None:
    """The median over windows of ours by that of the others next to it, so that the machine's drift cancels out."""
    if _p50(ours) is None or _p50(others) is None:
        return None
    pairs = zip(ours.window_p50, others.window_p50, strict=True)
    return math.ceil(median(mine / theirs for mine, theirs in pairs if mine and theirs) * 1000) / 1000


def _facts(phases: dict[str, PhaseResult]) -> dict[str, Any]:
    return {
        name: {
            "turns": result.turns,
            "answered": result.answered,
            "refused": result.refused,
            "latency_ms": asdict(result.latency) if result.latency else None,
            "window_p50_ms": list(result.window_p50),
        }
        for name, result in phases.items()
    }


def _row(system: str, phase: str, result: PhaseResult) -> list[str]:
    answered = f"{result.answered} of {result.turns}"
    latency = result.latency
    figures = (
        [f"{value:.1f}" for value in (latency.p50, latency.p95, latency.p99, latency.max)] if latency else [""] * 4
    )
    return [system, phase.replace("_", " "), answered, *figures]
