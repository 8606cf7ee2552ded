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
    operations = settings.operations

    def ready(port: int) -> str:
        return f"http://127.0.0.1:{port}/ready"

    specs: list[ProcessSpec] = []
    if settings.redis.embedded:
        specs.append(
            ProcessSpec("redis", "keeps the streams (Valkey)", settings.redis.port, "PARVIS_REDIS_PORT", None, 1)
        )
    specs += [
        ProcessSpec(
            "rasa",
            "understands and decides",
            settings.rasa.port,
            "PARVIS_RASA_PORT",
            f"{settings.rasa.address}/webhooks/parvis/health",
            20,
            "imports its machine-learning libraries and loads the model",
        ),
        ProcessSpec(
            "actions", "opens tickets", settings.actions.port, "PARVIS_ACTIONS_PORT", ready(settings.actions.port), 4
        ),
        ProcessSpec(
            "gateway",
            "receives webhooks",
            settings.gateway.port,
            "PARVIS_GATEWAY_PORT",
            ready(settings.gateway.port),
            2,
        ),
        ProcessSpec(
            "worker",
            "asks the assistant",
            operations.worker_port,
            "PARVIS_OPS_WORKER_PORT",
            ready(operations.worker_port),
            20,
            "waits for the assistant",
        ),
        ProcessSpec(
            "sender",
            "delivers replies",
            operations.sender_port,
            "PARVIS_OPS_SENDER_PORT",
            ready(operations.sender_port),
            3,
        ),
        ProcessSpec(
            "desk", "e-mails the teams", operations.desk_port, "PARVIS_OPS_DESK_PORT", ready(operations.desk_port), 3
        ),
    ]
    if settings.simulated:
        specs.append(
            ProcessSpec(
                "simulator",
                "two phones and a mailbox",
                settings.simulator.port,
                "PARVIS_SIMULATOR_PORT",
                f"{settings.simulator.address}/health",
                2,
            )
        )
    return specs
