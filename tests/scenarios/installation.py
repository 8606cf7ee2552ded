"""A whole installation of its own for the scenarios: own ports, own home, real processes under their supervisor."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from benchmarks.ports import free_port

PROJECT_ROOT = Path(__file__).resolve().parents[2]

_PORTS = {
    "redis": "PARVIS_REDIS_PORT",
    "rasa": "PARVIS_RASA_PORT",
    "actions": "PARVIS_ACTIONS_PORT",
    "gateway": "PARVIS_GATEWAY_PORT",
    "simulator": "PARVIS_SIMULATOR_PORT",
    "smtp": "PARVIS_SIMULATOR_SMTP_PORT",
    "ops_gateway": "PARVIS_OPS_GATEWAY_PORT",
    "ops_worker": "PARVIS_OPS_WORKER_PORT",
    "ops_sender": "PARVIS_OPS_SENDER_PORT",
    "ops_desk": "PARVIS_OPS_DESK_PORT",
    "console": "PARVIS_CONSOLE_PORT",
    "ops_console": "PARVIS_OPS_CONSOLE_PORT",
}


class Installation:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = {name: free_port() for name in _PORTS}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
        self.environment = {
            **clean,
            **{_PORTS[name]: str(port) for name, port in self.ports.items()},
            "PARVIS_DOTENV": os.devnull,
            "PARVIS_HOME": str(home),
            "PARVIS_SIMULATOR_MODE": "on",
            "PARVIS_LOG_FORMAT": "json",
        }
        self.simulator = httpx.Client(base_url=f"http://127.0.0.1:{self.ports['simulator']}", timeout=30)

    def parvis(self, *arguments: str, check: bool = True, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli", *arguments],
            cwd=PROJECT_ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(f"parvis {' '.join(arguments)} failed: {done.stdout}\n{done.stderr}")
        return done

    def start(self) -> None:
        self.parvis("up")

    def stop(self) -> None:
        self.parvis("down", check=False)
        self.simulator.close()

    # Processes

    def pid(self, process: str) -> int | None:
        listed = json.loads(self.parvis("status", "--json", check=False).stdout)
        return next((int(one["pid"]) for one in listed if one["name"] == process and one["pid"]), None)

    def kill(self, process: str) -> None:
        """As the kernel would: no warning, nothing tidied up. The supervisor starts it again."""
        pid = self.pid(process)
        assert pid, f"{process} is not running"
        os.kill(pid, signal.SIGKILL)

    def wait_ready(self, seconds: float = 120) -> None:
        self.parvis("status", "--wait", str(seconds))

    def metrics(self, process: str) -> str:
        return httpx.get(f"http://127.0.0.1:{self.ports[f'ops_{process}']}/metrics").text

    def ready(self, process: str) -> tuple[bool, dict[str, Any]]:
        answer = httpx.get(f"http://127.0.0.1:{self.ports[f'ops_{process}']}/ready")
        return answer.status_code == 200, answer.json()

    # Customers

    def write(self, channel: str, user: str, text: str | None = None, **more: Any) -> str:
        body = {**({"text": text} if text is not None else {}), **more}
        answer = self.simulator.post(f"/api/{channel}/users/{user}/messages", json=body)
        answer.raise_for_status()
        return str(answer.json()["message_id"])

    def conversation(self, channel: str, user: str) -> list[dict[str, Any]]:
        answer = self.simulator.get(f"/api/{channel}/users/{user}/messages")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def replies(self, channel: str, user: str) -> list[str]:
        return [message["text"] for message in self.conversation(channel, user) if message["from"] == "brand"]

    def mailbox(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.simulator.get("/api/mailbox").json()
        return found

    def fault(self, **fault: Any) -> None:
        self.simulator.post("/api/faults", json=fault).raise_for_status()

    def clear_faults(self) -> None:
        self.simulator.delete("/api/faults").raise_for_status()


def eventually(condition: Callable[[], Any], seconds: float = 20, every: float = 0.1) -> Any:
    """The first truthy value of ``condition``; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"did not happen within {seconds} s; last seen: {value!r}"
        time.sleep(every)
