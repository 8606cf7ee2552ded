"""The store of conversations runs in the Rasa process's Python; here its tests get a real Valkey."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bot.assistant.server import nlu_environment

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / "nlu" / ".venv" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists(), reason="the Rasa environment is not installed: make setup")
def test_conversations_are_replaced_as_a_whole_or_not_at_all(valkey: Any) -> None:
    run = subprocess.run(
        [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_conversation_store.py"],
        cwd=ROOT / "nlu",
        env=nlu_environment() | {"PARVIS_TEST_REDIS_URL": valkey.address},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "skipped" not in run.stdout
