"""A second installation of Parvis, with a folder, ports and credentials of its own, beside whatever runs already."""

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Child, Children
from benchmarks.platforms import Credentials
from benchmarks.ports import free_port
from bot.settings import PROJECT_ROOT

READY_SECONDS = 180.0


@dataclass(frozen=True)
class Spec:
    """How a process is started and how one knows that it is ready."""

    name: str
    command: list[str]
    port: int
    port_setting: str
    ready_url: str


class Installation:
    """``send_url`` stands for both platforms; without it, the simulator does."""

    def __init__(self, home: Path, credentials: Credentials | None = None, send_url: str = "") -> None:
        self.home = home
        self.environment = clean_environment() | {
            "PARVIS_DOTENV": os.devnull,
            "PARVIS_HOME": str(home),
            "PARVIS_LOG_FORMAT": "json",
            "PARVIS_SIMULATOR_MODE": "off" if credentials else "on",
            "PARVIS_OPS_GATEWAY_PORT": str(free_port()),
            "PARVIS_OPS_CONSOLE_PORT": str(free_port()),
            "PARVIS_SIMULATOR_SMTP_PORT": (smtp_port := str(free_port())),
            "PARVIS_MAIL_HOST": "127.0.0.1",
            "PARVIS_MAIL_PORT": smtp_port,
            **(credentials.environment(send_url) if credentials else {}),
        }
        self.environment |= {spec.port_setting: str(free_port()) for spec in self._describe()}
        self.specs = {spec.name: spec for spec in self._describe()}

    @property
    def mail_port(self) -> int:
        return int(self.environment["PARVIS_MAIL_PORT"])

    @property
    def redis_url(self) -> str:
        return self.specs["redis"].ready_url

    def start(self, name: str, children: Children) -> tuple[Child, float]:
        """Start one process; the seconds that it took to be ready. Raises ``ChildFailed``."""
        spec = self.specs[name]
        child = children.start(name, spec.command, self.environment, PROJECT_ROOT)
        return child, child.wait_until_ready(spec.ready_url, READY_SECONDS)

    def _describe(self) -> list[Spec]:
        """Asked of a process that reads this installation's settings, not those of the benchmark."""
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.installation"],
            env=self.environment,
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        return [Spec(**facts) for facts in json.loads(answer.stdout)]


def clean_environment() -> dict[str, str]:
    """The environment without a setting of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}


def _describe_processes() -> list[Spec]:
    from bot.configuration import load_settings
    from bot.processes import processes

    settings = load_settings()
    return [
        Spec(spec.name, spec.command, spec.port, spec.port_setting, spec.ready_url or settings.redis.address)
        for spec in processes(settings)
    ]


if __name__ == "__main__":
    print(json.dumps([dataclasses.asdict(spec) for spec in _describe_processes()]))
