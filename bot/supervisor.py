"""Starting, watching and stopping all processes on one machine, through supervisord.

supervisord restarts what dies. On several machines, an operator's own supervisor runs the same commands instead
(``parvis gateway``, ``parvis worker``, …).
"""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from supervisor.xmlrpc import SupervisorTransport

from bot.configuration import ConfigurationError
from bot.ports import is_taken
from bot.processes import ProcessSpec, processes
from bot.settings import PROJECT_ROOT, Settings

_LONGEST_SOCKET_PATH = 100  # Linux allows 107 bytes, macOS 103


@dataclass(frozen=True)
class ProcessStatus:
    spec: ProcessSpec
    state: str
    pid: int | None
    up_seconds: float
    problem: str | None
    """Why it is not ready; None when it is."""

    @property
    def ready(self) -> bool:
        return self.problem is None


class Supervisor:
    """All processes of one ``home`` folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = settings.core.home
        self.specs = processes(settings)

    @property
    def log_folder(self) -> Path:
        return self._home / "logs"

    @property
    def _socket(self) -> Path:
        path = self._home.resolve() / "supervisor.sock"
        if len(str(path)) <= _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"parvis-{os.getuid()}-{name}.sock"

    # Starting and stopping

    def running(self) -> bool:
        with suppress(OSError, xmlrpc.client.Error), self._remote() as remote:
            remote.supervisor.getState()
            return True
        return False

    def start(self) -> None:
        """Start every process and return at once. Raises ``ConfigurationError`` when a port is taken."""
        self._refuse_taken_ports()
        self.log_folder.mkdir(parents=True, exist_ok=True)
        configuration = self._write_configuration()
        subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            check=True,
            cwd=PROJECT_ROOT,
        )

    def stop(self, timeout: float = 30.0) -> bool:
        """Stop every process; False when nothing was running."""
        try:
            with self._remote() as remote:
                pid = int(remote.supervisor.getPID())
                remote.supervisor.shutdown()
        except (OSError, xmlrpc.client.Error):
            return False
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not _alive(pid):
                return True
            time.sleep(0.1)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def statuses(self) -> list[ProcessStatus]:
        """Raises ``OSError`` when nothing is running."""
        with self._remote() as remote:
            states: dict[str, Any] = {info["name"]: info for info in remote.supervisor.getAllProcessInfo()}
        return [self._status(spec, states.get(spec.name, {})) for spec in self.specs]

    # Parts

    def _status(self, spec: ProcessSpec, info: dict[str, Any]) -> ProcessStatus:
        state = str(info.get("statename", "UNKNOWN")).lower()
        problem = f"is {state}; see {self.log_folder / spec.name}.log"
        if state == "running":
            problem = _problem_of(spec.ready_url) if spec.ready_url else self._redis_problem()  # type: ignore[assignment]
        up_seconds = max(0.0, info["now"] - info["start"]) if state == "running" else 0.0
        return ProcessStatus(spec, state, info.get("pid") or None, up_seconds, problem)

    def _redis_problem(self) -> str | None:
        try:
            with redis.Redis.from_url(self._settings.redis.address, socket_timeout=1) as client:
                client.ping()
        except (redis.RedisError, OSError) as error:
            return type(error).__name__
        return None

    def _refuse_taken_ports(self) -> None:
        ports = [(spec.port, spec.port_setting) for spec in self.specs]
        ports.append((self._settings.operations.gateway_port, "PARVIS_OPS_GATEWAY_PORT"))
        ports.append((self._settings.operations.console_port, "PARVIS_OPS_CONSOLE_PORT"))
        if any(spec.name == "simulator" for spec in self.specs):
            ports.append((self._settings.simulator.smtp_port, "PARVIS_SIMULATOR_SMTP_PORT"))
        taken = [f"{port} (set {name} to another)" for port, name in ports if is_taken(port)]
        if taken:
            raise ConfigurationError("These ports are in use by another program: " + ", ".join(taken))

    def _write_configuration(self) -> Path:
        parser = RawConfigParser()
        home = self._home.resolve()
        parser["unix_http_server"] = {"file": str(self._socket), "chmod": "0700"}
        parser["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        parser["supervisord"] = {
            "logfile": str(self.log_folder.resolve() / "supervisor.log"),
            "logfile_maxbytes": "5MB",
            "pidfile": str(home / "supervisor.pid"),
            "directory": str(PROJECT_ROOT),
            "childlogdir": str(self.log_folder.resolve()),
        }
        # supervisord stops a group at once, and one group after the other: what needs Redis first, Redis last.
        together = [spec.name for spec in self.specs if spec.name != "redis"]
        parser["group:parvis"] = {"programs": ",".join(together), "priority": "20"}
        for order, spec in enumerate(self.specs):
            parser[f"program:{spec.name}"] = {
                "command": " ".join(f'"{word}"' for word in spec.command),
                "priority": str(order),
                "autorestart": "true",
                "startsecs": "1",
                "startretries": "1000000",
                "stopwaitsecs": "10",
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": str(self.log_folder.resolve() / f"{spec.name}.log"),
                "stdout_logfile_maxbytes": "10MB",
                "stdout_logfile_backups": "3",
            }
        path = home / "supervisor.conf"
        with path.open("w", encoding="utf-8") as file:
            parser.write(file)
        return path

    @contextmanager
    def _remote(self) -> Iterator[Any]:
        if not self._socket.exists():
            raise FileNotFoundError(f"nothing is running for {self._home}")
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            yield proxy
        finally:
            transport.close()


def _problem_of(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 -- loopback addresses from our own settings
            return None
    except urllib.error.HTTPError as error:
        return error.read(300).decode(errors="replace").strip() or f"HTTP {error.code}"
    except OSError:
        return "does not answer yet"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
