"""Training and scoring of a small project."""

import shutil
from pathlib import Path

import pytest

from bot.trainer.evaluation import evaluate
from bot.trainer.training import TrainingFailed, is_current, train
from tests.assistant.turn_channel.small_project import RULES


def test_an_unchanged_project_is_not_trained_again(project: Path) -> None:
    assert is_current(project)
    assert not train(project, project / "var", on_progress=lambda step: None).trained


def test_bad_data_are_named_and_the_published_model_stays(project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(project, broken, symlinks=True)
    before = (broken / "models" / "published.tar.gz").read_bytes()
    rules = RULES + "- rule: missing\n  steps: [{intent: chitchat_greet}, {action: utter_nothing_defined}]\n"
    (broken / "data" / "rules.yml").write_text(rules, encoding="utf-8")
    with pytest.raises(TrainingFailed, match="utter_nothing_defined"):
        train(broken, broken / "var", on_progress=lambda step: None)
    assert (broken / "models" / "published.tar.gz").read_bytes() == before
    assert not is_current(broken)


def test_the_published_model_is_scored_on_labelled_messages(project: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text(
        '{"text": "à quelle heure ouvrez-vous ?", "lang": "fr", "disposition": "answer", "topic": "opening_hours"}\n'
        '{"text": "where is my parcel", "lang": "en", "disposition": "escalate_private"}\n'
        '{"text": "/restart", "disposition": "off_topic", "acceptable": ["answer", "escalate_private", "human"]}\n',
        encoding="utf-8",
    )
    scores = evaluate(labelled, project)
    assert scores["n"] == 3
    assert scores["by_lang"]["en"]["disposition_accuracy"] == 1.0
    assert scores["by_lang"]["fr"]["disposition_accuracy"] == 1.0
    assert scores["language_accuracy"] == 1.0
    assert scores["latency_ms"]["p50"] > 0
