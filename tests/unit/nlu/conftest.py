"""The tests inside the Rasa environment take two minutes of one core: they begin first and run beside all others."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.assistant.server import nlu_environment

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / "nlu" / ".venv" / "bin" / "python"

Outcome = tuple[int, str]
"""Exit code and what was printed."""


class Run:
    def __init__(self) -> None:
        self._output = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed in end()
        command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "nlu" / "tests")]
        self._process = subprocess.Popen(
            command, cwd=ROOT / "nlu", env=nlu_environment(), stdout=self._output, stderr=subprocess.STDOUT
        )

    def outcome(self) -> Outcome:
        code = self._process.wait()
        self._output.seek(0)
        return code, self._output.read()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()


_RUN = pytest.StashKey[Run]()


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any("outcome_inside" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and PYTHON.exists() and not session.config.option.collectonly:
        session.stash[_RUN] = Run()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _RUN in session.stash:
        session.stash[_RUN].end()


@pytest.fixture
def outcome_inside(request: pytest.FixtureRequest) -> Callable[[], Outcome]:
    """Waits for the tests to end."""
    if _RUN not in request.session.stash:
        pytest.skip("the Rasa environment is not installed: make setup")
    return request.session.stash[_RUN].outcome
