"""Rasa is loaded without TensorFlow where nothing needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from parvis_nlu.without_tensorflow import configuration_needs_tensorflow, tensorflow_left_out

LEAN = "pipeline:\n  - name: parvis_nlu.classifier.SentenceIntentClassifier\npolicies:\n  - name: RulePolicy\n"


def test_the_stand_in_for_tensorflow_is_gone_afterwards() -> None:
    before = sys.modules.get("tensorflow")
    with tensorflow_left_out():
        from tensorflow.keras.utils import Sequence

        assert Sequence is object
    assert sys.modules.get("tensorflow") is before


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        (LEAN, False),
        (LEAN + "  - name: TEDPolicy\n", True),
        (LEAN.replace("RulePolicy", "rasa.core.policies.ted_policy.TEDPolicy"), True),
        (LEAN + "  - name: our_brand.policies.BuiltOnTED\n", True),
        ("pipeline:\npolicies:\n", True),  # Rasa chooses, and chooses DIET
        ("pipeline: [", True),
    ],
)
def test_only_neural_components_need_tensorflow_for_training(config: str, needed: bool, tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(config)
    assert configuration_needs_tensorflow(path) is needed


def test_rasa_can_train_without_tensorflow() -> None:
    load = (
        "from parvis_nlu.without_tensorflow import import_rasa_without_tensorflow as load; load();"
        "import sys, rasa.model_training, rasa.engine.recipes.default_components, rasa.validator;"
        "import rasa.graph_components.validators.default_recipe_validator;"
        "assert not any(name.startswith('tensorflow') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", load], check=True, timeout=120)
