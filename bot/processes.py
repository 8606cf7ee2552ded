"""The processes of an installation: how each is started, and how one knows that it is ready."""

import sys
from dataclasses import dataclass

from bot.settings import Settings


@dataclass(frozen=True)
class ProcessSpec:
    """``ready_url`` answers 200 when the process can do its work; None: ask Redis itself."""

    name: str
    purpose: str
    port: int
    port_setting: str
    ready_url: str | None
    usual_seconds: float
    slow_because: str = ""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "bot.cli", self.name]


def processes(settings: Settings) -> list[ProcessSpec]:
    """In the order in which they are started: the slowest early, after what the others wait for."""
    rasa, operations, simulator = settings.rasa, settings.operations, settings.simulator
    specs = [
        _local("actions", "opens tickets", settings.actions.port, "PARVIS_ACTIONS_PORT", 6),
        _local("gateway", "receives webhooks", settings.gateway.port, "PARVIS_GATEWAY_PORT", 4),
        _local("worker", "asks the assistant", operations.worker_port, "PARVIS_OPS_WORKER_PORT", 10, "waits for rasa"),
        _local("sender", "delivers replies", operations.sender_port, "PARVIS_OPS_SENDER_PORT", 4),
        _local(
            "desk", "e-mails the teams", operations.desk_port, "PARVIS_OPS_DESK_PORT", 10, "loads the language models"
        ),
        _local("console", "where people sign in", settings.console.port, "PARVIS_CONSOLE_PORT", 6),
    ]
    if not rasa.url:
        understanding = ProcessSpec(
            "rasa",
            "understands and decides",
            rasa.port,
            "PARVIS_RASA_PORT",
            f"{rasa.address}/webhooks/parvis/health",
            usual_seconds=10,
            slow_because="imports its machine-learning libraries and loads the model",
        )
        specs.insert(0, understanding)
    if settings.redis.embedded:
        valkey = ProcessSpec("redis", "keeps the streams (Valkey)", settings.redis.port, "PARVIS_REDIS_PORT", None, 2)
        specs.insert(0, valkey)
    if settings.simulated:
        specs.append(_local("simulator", "two phones and a mailbox", simulator.port, "PARVIS_SIMULATOR_PORT", 4))
    return specs


def _local(
    name: str, purpose: str, port: int, port_setting: str, usual_seconds: float, slow_because: str = ""
) -> ProcessSpec:
    ready_url = f"http://127.0.0.1:{port}/ready"
    return ProcessSpec(name, purpose, port, port_setting, ready_url, usual_seconds, slow_because)
