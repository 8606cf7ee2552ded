"""The language identifier as a Rasa component; how it judges is in ``parvis_nlu.judge``."""

from __future__ import annotations

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

from parvis_nlu.judge import LanguageJudge

LANGUAGE_ENTITY = "language"
OTHER_LANGUAGE_ENTITY = "other_language"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class LanguageIdentifier(GraphComponent):
    """Adds an entity ``language`` to a message whose language is certain.

    ``languages``: the served ones, ISO 639-1. ``neutral_words``: the brand's own names, which say nothing. A message
    that is clearly in one of ``other_languages`` gets the entity ``other_language``, and as ``language`` the one that
    its answer is given in, ``answer_others_in``.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"languages": ["fr", "en"], "neutral_words": [], "other_languages": [], "answer_others_in": "en"}

    def __init__(self, config: dict[str, Any]) -> None:
        self._judge = LanguageJudge(config["languages"], config["neutral_words"], config["other_languages"])
        self._answer_others_in = config["answer_others_in"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageIdentifier:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            self._mark(message)
        return messages

    def _mark(self, message: Message) -> None:
        text = message.get(TEXT) or ""
        if text.startswith(INTENT_MESSAGE_PREFIX):  # a tapped button is nobody's prose
            return
        judgement = self._judge.judge(text)
        if judgement.other:
            self._add(message, OTHER_LANGUAGE_ENTITY, judgement.other, len(text))
        language = self._answer_others_in if judgement.other else judgement.served
        if language:
            self._add(message, LANGUAGE_ENTITY, language, len(text))

    def _add(self, message: Message, name: str, value: str, length: int) -> None:
        entity = {
            ENTITY_ATTRIBUTE_TYPE: name,
            ENTITY_ATTRIBUTE_VALUE: value,
            ENTITY_ATTRIBUTE_START: 0,
            ENTITY_ATTRIBUTE_END: length,
            EXTRACTOR: type(self).__name__,
        }
        message.set(ENTITIES, [*message.get(ENTITIES, []), entity], add_to_output=True)
