"""The reader of mentions as a Rasa component; its rules are in ``parvis_nlu.mentions``."""

from __future__ import annotations

import json
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    EXTRACTOR,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from parvis_nlu.followups import is_elliptic
from parvis_nlu.mentions import Mention, Names, find_mentions

ELLIPTIC = "elliptic"
"""The message property of a follow-up without a topic of its own."""

_LETTERS_READ = 1000
_NAMES_FILE = "names.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityReader(GraphComponent):
    """Adds what has a shape (days, dates, numbers, sums) and what stands in the ``lookup`` lists of the training data,
    and marks a message that consists of nothing else.

    A list names things; ``synonym`` entries of a thing on it are its other names, and its value is the synonym's.
    ``tolerant``: the lists in which a name may be misspelt by a letter.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"tolerant": ["store"]}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        names: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._names = Names(names or {}, config["tolerant"])

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityReader:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> EntityReader:
        with model_storage.read_from(resource) as folder:
            names = json.loads((folder / _NAMES_FILE).read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, names)

    def train(self, training_data: TrainingData) -> Resource:
        with self._model_storage.write_to(self._resource) as folder:
            names = names_in(training_data)
            (folder / _NAMES_FILE).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = (message.get(TEXT) or "")[:_LETTERS_READ]
            if not text.startswith(INTENT_MESSAGE_PREFIX):
                found = [*find_mentions(text), *self._names.find(text)]
                if is_elliptic(text, found):
                    message.set(ELLIPTIC, True, add_to_output=True)
                message.set(ENTITIES, [*message.get(ENTITIES, []), *map(_entity, found)], add_to_output=True)
        return messages


def names_in(training_data: TrainingData) -> dict[str, dict[str, str]]:
    """For each ``lookup`` list, the value of every name on it and of every synonym of those values."""
    synonyms = {name.casefold(): value for name, value in training_data.entity_synonyms.items()}
    names: dict[str, dict[str, str]] = {}
    for table in training_data.lookup_tables:
        listed = [name for name in table["elements"] if isinstance(name, str)]
        values = {name: synonyms.get(name.casefold(), name) for name in listed}
        known = {value.casefold(): value for value in values.values()}
        values |= {name: known[value.casefold()] for name, value in synonyms.items() if value.casefold() in known}
        names.setdefault(table["name"], {}).update(values)
    return names


def _entity(mention: Mention) -> dict[str, Any]:
    return {
        ENTITY_ATTRIBUTE_TYPE: mention.kind,
        ENTITY_ATTRIBUTE_VALUE: mention.value,
        ENTITY_ATTRIBUTE_START: mention.start,
        ENTITY_ATTRIBUTE_END: mention.end,
        EXTRACTOR: EntityReader.__name__,
    }
