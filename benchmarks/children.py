"""Child processes that never outlive the benchmark, and what they cost."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import psutil
import redis

_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


class ChildFailed(Exception):
    """A process that is needed ended, or was not ready in time. The message ends with the tail of its log."""


class Child:
    """A process and all that it starts, in a process group of its own."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path):
        self.name = name
        self._log = log
        with log.open("ab") as output:
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, url: str, timeout: float) -> float:
        """Seconds from its start until ``url`` answers 200; ``redis://`` addresses are pinged. Raises
        ``ChildFailed``."""
        answers = _redis_answers if url.startswith("redis://") else _http_answers
        while not answers(url):
            elapsed = time.monotonic() - self.started_at
            if self._process.poll() is not None:
                raise ChildFailed(f"{self.name} ended with {self._process.returncode}: {self._tail()}")
            if elapsed > timeout:
                raise ChildFailed(f"{self.name} was not ready after {timeout:.0f} s: {self._tail()}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - self.started_at

    def wait_until_done(self, timeout: float) -> float:
        """Seconds from its start until it ended well. Raises ``ChildFailed``."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"{self.name} was not done after {timeout:.0f} s: {self._tail()}") from None
        if code:
            raise ChildFailed(f"{self.name} ended with {code}: {self._tail()}")
        return time.monotonic() - self.started_at

    def memory_mb(self) -> float:
        """Resident memory of the whole tree, in MB. Pages that its processes share count once for each."""
        return tree_memory_mb(self._process.pid)

    def processor_seconds(self) -> float:
        """Of the whole tree, since its start."""
        return sum(_processor_seconds(process) for process in _tree(self._process.pid))

    def stop(self) -> None:
        """First a word, then force. The group is killed even when its leader has ended already."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-1500:]


def tree_memory_mb(pid: int) -> float:
    """Resident memory of a process and all that it started, in MB."""
    return round(sum(_resident_bytes(process) for process in _tree(pid)) / 1e6, 1)


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)


def _resident_bytes(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


def _processor_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


class Children:
    """Starts processes; on leaving the ``with`` block, also by Ctrl-C, all of them are stopped, the last one first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
        child = Child(name, command, environment, folder, self._logs / f"{name}.log")
        self._started.append(child)
        return child

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        with _undisturbed():
            while self._started:
                self._started.pop().stop()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave processes behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _http_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 -- loopback addresses of our own
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
