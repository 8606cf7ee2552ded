"""The processes of the small assistant, which a test may kill and start again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.ports import free_port
from tests.assistant.turn_channel.small_project import ACTIONS

TOKEN = "shared"


def poll(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.05)


@dataclass
class Program:
    """A process that a test may kill and start again."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    is_ready: Callable[[], bool]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        poll(self._ready_or_ended, 90, f"{self.command[2]} ready")
        if self.process.poll() is not None:
            pytest.fail(f"{self.command[2]} ended:\n{self.log.read_text()[-3000:]}")

    def _ready_or_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None or self.is_ready()

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Installation:
    project: Path
    rasa: Program
    actions: Program
    valkey: Any
    address: str
    actions_folder: Path

    def runs_of(self, message_id: str) -> int:
        runs = self.actions_folder / "runs.txt"
        return runs.read_text().split().count(message_id) if runs.exists() else 0


def action_server(folder: Path) -> Program:
    (folder / "small_actions.py").write_text(ACTIONS, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "rasa_sdk", "--actions", "small_actions", "-p", str(port)]
    return Program(
        command, dict(os.environ), folder, lambda: answers(f"http://127.0.0.1:{port}/health"), folder / "actions.log"
    )
