"""The language models of masking stay out of every process that a turn passes through."""

import subprocess
import sys

import pytest

HEAVY = ("spacy", "presidio_analyzer", "thinc", "numpy")


@pytest.mark.parametrize(
    "module",
    [
        "bot.bootstrap, bot.gateway.application, bot.inbox.intake",
        "bot.bootstrap, bot.inbox.worker, bot.assistant",
        "bot.bootstrap, bot.inbox.sender, bot.channels.messenger, bot.channels.x",
        "bot.bootstrap, actions.server, bot.desk",
    ],
)
def test_a_process_of_the_turn_loads_no_language_model(module: str) -> None:
    program = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_masking_a_ticket_loads_no_language_model() -> None:
    program = (
        "import sys; from bot.bootstrap import masking_rules; from bot.settings import Settings;"
        "masking_rules(Settings()).mask('je suis Ana Silva, 06 39 98 12 34'); print('spacy' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"
