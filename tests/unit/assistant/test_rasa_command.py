from pathlib import Path

import pytest

from bot.assistant import AssistantNotInstalled, rasa_command


@pytest.fixture
def project(tmp_path: Path) -> Path:
    python = tmp_path / "nlu" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return tmp_path


def test_rasa_listens_on_loopback_only(project: Path) -> None:
    command, _ = rasa_command(project, port=5005, actions_port=5055, redis_address="redis://127.0.0.1:6390/0")
    assert command[command.index("--interface") + 1] == "127.0.0.1"
    assert "--enable-api" not in command


def test_rasa_is_told_where_actions_and_redis_are_and_sends_nothing_home(project: Path) -> None:
    _, environment = rasa_command(project, port=1, actions_port=2, redis_address="rediss://u:p@host:6380/3", token="t")
    assert environment["PARVIS_ACTIONS_PORT"] == "2"
    assert environment["PARVIS_RASA_REDIS_URL"] == "rediss://u:p@host:6380/3"
    assert environment["PARVIS_RASA_TOKEN"] == "t"
    assert environment["RASA_TELEMETRY_ENABLED"] == "false"


def test_a_missing_environment_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(AssistantNotInstalled, match="make setup"):
        rasa_command(tmp_path, port=1, actions_port=2, redis_address="redis://h")
