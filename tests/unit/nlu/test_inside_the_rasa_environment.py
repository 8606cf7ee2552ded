"""The components that run inside the Rasa process have tests of their own, which need that process's Python 3.10."""

import subprocess
from pathlib import Path

import pytest

from bot.assistant.server import nlu_environment

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / "nlu" / ".venv" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists(), reason="the Rasa environment is not installed: make setup")
def test_the_components_of_the_rasa_process_pass_their_tests() -> None:
    run = subprocess.run(
        [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "nlu" / "tests")],
        cwd=ROOT / "nlu",
        env=nlu_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
