"""When is the published model still the model of the data?"""

import json
from pathlib import Path

import pytest

from bot.trainer.training import fingerprint, is_current


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "config.yml": "language: fr",
        "domain.yml": "intents: []",
        "data/nlu.yml": "nlu: []",
        "nlu/uv.lock": "version = 1",
        "nlu/parvis_nlu/head.py": "C = 20",
        "nlu/parvis_nlu/channel.py": "PORT = 1",
        "nlu/parvis_nlu/signs/fr.txt": "[law high]",
        "nlu/parvis_nlu/words/fr.txt": "bonjour",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def publish(project: Path, made_from: str) -> None:
    (project / "models").mkdir()
    (project / "models" / "published.tar.gz").touch()
    (project / "models" / "published.json").write_text(json.dumps({"fingerprint": made_from}))


def test_a_model_of_these_very_data_is_current(project: Path) -> None:
    publish(project, fingerprint(project))
    assert is_current(project)


def test_without_a_model_training_is_needed(project: Path) -> None:
    assert not is_current(project)


def test_a_model_that_does_not_say_what_it_was_made_from_is_outdated(project: Path) -> None:
    publish(project, fingerprint(project))
    (project / "models" / "published.json").unlink()
    assert not is_current(project)


@pytest.mark.parametrize(
    "changed",
    [
        "config.yml",
        "domain.yml",
        "data/nlu.yml",
        "nlu/uv.lock",
        "nlu/parvis_nlu/head.py",
        "nlu/parvis_nlu/words/fr.txt",
    ],
)
def test_a_change_in_what_is_learnt_from_needs_training(project: Path, changed: str) -> None:
    publish(project, fingerprint(project))
    (project / changed).write_text("changed")
    assert not is_current(project)


def test_a_new_data_file_needs_training(project: Path) -> None:
    publish(project, fingerprint(project))
    (project / "data" / "more.yml").write_text("nlu: []")
    assert not is_current(project)


@pytest.mark.parametrize(
    "changed",
    ["nlu/parvis_nlu/channel.py", "nlu/parvis_nlu/signs/fr.txt", "nlu/parvis_nlu/__pycache__/head.pyc", "README.md"],
)
def test_a_change_in_anything_else_needs_none(project: Path, changed: str) -> None:
    publish(project, fingerprint(project))
    (project / changed).parent.mkdir(exist_ok=True)
    (project / changed).write_text("changed")
    assert is_current(project)
