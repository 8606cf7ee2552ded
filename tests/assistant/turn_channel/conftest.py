"""A small assistant, trained here, with a real Valkey and a real action server.

The order of the tests does not matter: each speaks as a customer of its own.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_port
from bot.assistant import AssistantClient, rasa_command
from bot.channels.vocabulary import ChannelName
from bot.trainer.training import train
from tests.assistant.remembering import RememberingAssistant
from tests.assistant.turn_channel.customer import Customer
from tests.assistant.turn_channel.installation import TOKEN, Installation, Program, action_server, answers
from tests.assistant.turn_channel.small_project import DOMAIN, NLU, RULES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small assistant in this checkout's pipeline, trained."""
    if not (ROOT / "nlu" / ".venv").exists():
        pytest.skip("the Rasa environment is not installed: make setup")
    folder = tmp_path_factory.mktemp("project")
    for name in ("config.yml", "endpoints.yml", "credentials.yml"):
        shutil.copy(ROOT / name, folder)
    (folder / "nlu").symlink_to(ROOT / "nlu")
    (folder / "data").mkdir()
    (folder / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    (folder / "data" / "nlu.yml").write_text(NLU, encoding="utf-8")
    (folder / "data" / "rules.yml").write_text(RULES, encoding="utf-8")
    result = train(folder, folder / "var", on_progress=lambda step: None)
    assert result.trained
    return folder


@pytest.fixture(scope="package")
def installation(project: Path, _valkey: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    valkey = type(_valkey)(tmp_path_factory.mktemp("turns-valkey"))  # one that tests here may kill
    valkey.start()
    actions = action_server(tmp_path_factory.mktemp("actions"))
    port = free_port()
    actions_port = int(actions.command[-1])
    command, environment = rasa_command(
        project, port=port, actions_port=actions_port, redis_address=valkey.address, token=TOKEN
    )
    address = f"http://127.0.0.1:{port}"
    log = project / "rasa.log"
    rasa = Program(command, environment, project, lambda: answers(f"{address}/webhooks/parvis/health"), log)
    running = Installation(project, rasa, actions, valkey, address, actions.folder)
    try:
        actions.start()
        rasa.start()
        yield running
    finally:
        rasa.kill()
        actions.kill()
        valkey.kill()


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[AssistantClient]:
    client = AssistantClient(installation.address, token=TOKEN)
    yield client
    await client.close()


@pytest.fixture
def new_customer(client: AssistantClient, installation: Installation) -> Callable[..., Customer]:
    remembering = RememberingAssistant(client, installation.valkey.client())
    return lambda channel=ChannelName.MESSENGER: Customer(remembering, channel)


@pytest.fixture
def customer(new_customer: Callable[..., Customer]) -> Customer:
    return new_customer()
