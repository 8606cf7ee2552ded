"""Rasa without TensorFlow, for projects that use none of its neural components.

Rasa imports TensorFlow whatever a project uses: for two base classes of its training callbacks, and with every
component that it offers. That is 8 of the 12 seconds that loading Rasa takes, and 300 MB. So the two classes are stood
in for while Rasa is imported, and its neural components by classes without content, which nothing is an instance of.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

NEURAL_COMPONENTS = {
    "rasa.core.policies.ted_policy": "TEDPolicy",
    "rasa.core.policies.unexpected_intent_policy": "UnexpecTEDIntentPolicy",
    "rasa.nlu.classifiers.diet_classifier": "DIETClassifier",
    "rasa.nlu.featurizers.dense_featurizer.convert_featurizer": "ConveRTFeaturizer",
    "rasa.nlu.featurizers.dense_featurizer.lm_featurizer": "LanguageModelFeaturizer",
    "rasa.nlu.selectors.response_selector": "ResponseSelector",
}
"""Modules and the one component that each offers."""


def may_need_tensorflow(component: str) -> bool:
    """Of a component's name as ``config.yml`` or a model has it: somebody else's may build on a neural one."""
    module, _, name = component.rpartition(".")
    return name in NEURAL_COMPONENTS.values() or not f"{module or 'rasa'}.".startswith(("rasa.", "parvis_nlu."))


def configuration_needs_tensorflow(config: Path) -> bool:
    """Whether a component of a ``config.yml`` may, or the choice is left to Rasa, which then takes neural ones."""
    try:
        content: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
        named = [step["name"] for part in ("pipeline", "policies") for step in content[part]]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return True  # Rasa says what is wrong with it
    return any(map(may_need_tensorflow, named))


def import_rasa_without_tensorflow() -> None:
    """Before anything else imports Rasa."""
    for name, component in NEURAL_COMPONENTS.items():
        module = sys.modules[name] = ModuleType(name)
        vars(module)[component] = type(component, (), {})
    with tensorflow_left_out():
        import rasa.utils.train_utils  # noqa: F401 - the importer of TensorFlow


@contextmanager
def tensorflow_left_out() -> Iterator[None]:
    """While open, ``import tensorflow`` finds the two classes that Rasa derives its training callbacks from."""
    names = ("tensorflow", "tensorflow.keras", "tensorflow.keras.callbacks", "tensorflow.keras.utils")
    modules = {name: ModuleType(name) for name in names}
    vars(modules["tensorflow.keras.callbacks"])["Callback"] = object
    vars(modules["tensorflow.keras.utils"])["Sequence"] = object
    for name in names[1:]:
        parent, _, child = name.rpartition(".")
        setattr(modules[parent], child, modules[name])
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)
