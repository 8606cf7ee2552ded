import io
import json
import tarfile
from pathlib import Path

import pytest

from parvis_nlu.serve import needs_tensorflow


def model_with(component: str, folder: Path) -> Path:
    metadata = json.dumps({"predict_schema": {"nodes": {"one": {"uses": component}}}}).encode()
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("metadata.json")
        entry.size = len(metadata)
        archive.addfile(entry, io.BytesIO(metadata))
    return path


@pytest.mark.parametrize(
    ("component", "needed"),
    [
        ("rasa.nlu.classifiers.diet_classifier.DIETClassifier", True),
        ("rasa.core.policies.ted_policy.TEDPolicy", True),
        ("parvis_nlu.classifier.SentenceIntentClassifier", False),
        ("rasa.core.policies.rule_policy.RulePolicy", False),
    ],
)
def test_only_neural_components_bring_tensorflow(component: str, needed: bool, tmp_path: Path) -> None:
    assert needs_tensorflow(model_with(component, tmp_path)) is needed


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.tar.gz"
    path.write_text("no archive")
    with pytest.raises(ValueError, match="is not a Rasa model"):
        needs_tensorflow(path)
