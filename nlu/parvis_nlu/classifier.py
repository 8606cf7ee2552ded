"""The intent classifier as a Rasa component; what it learns and how is in ``parvis_nlu.head``."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_TYPE,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from parvis_nlu.confidence import HANDOVER_CONFIDENCE, Options
from parvis_nlu.encoder import DEFAULT_ENCODER
from parvis_nlu.gravity import AMBIGUOUS_INTENT
from parvis_nlu.head import IntentHead, Prediction
from parvis_nlu.language import OTHER_LANGUAGE_ENTITY
from parvis_nlu.noise import noisy_copies
from parvis_nlu.requests import read_requests

logger = logging.getLogger(__name__)

FURTHER_REQUESTS = "further_requests"
"""The message property that lists what else was asked: ``{text, intent, confidence}`` each."""

FALLBACK_INTENT = "nlu_fallback"
"""The message is probably about nothing that the assistant knows. Its confidence tells how probably."""

# What a message is about is said in its first lines; a pasted page would hold up every other conversation.
_LETTERS_READ = 1000


# Rasa wires components by the names of these methods' parameters and insists on their return annotations.
@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentenceIntentClassifier(IntentClassifier, GraphComponent):
    """Ranks the intents of a message, and says when none of them or either of two may be meant.

    How is told in ``parvis_nlu.head``. A message with an entity ``other_language`` is judged by its meaning alone.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``handover``: the share of answerable questions that may be handed over (3 to 10 % make sense).
        ``grave_handover``: the same for the intents of ``human_``, ``private_`` and ``contentious_``.

        ``ambiguity``: the share of messages about which the assistant may ask which of two intents was meant.
        ``noisy_copies`` also learns every example without accents and with typing errors. ``out_of_scope_intents`` do
        not count when the hand-over point is set. ``encoder``: a class, see ``parvis_nlu.encoder``.
        """
        return {
            "handover": 0.05,
            "grave_handover": 0.02,
            "ambiguity": 0.03,
            "noisy_copies": True,
            "out_of_scope_intents": ["off_topic"],
            "ranking_length": 5,
            "encoder": DEFAULT_ENCODER,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        head: IntentHead | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._head = head

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceIntentClassifier:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentenceIntentClassifier:
        try:
            with model_storage.read_from(resource) as folder:
                head = IntentHead.load(folder)
        except (ValueError, FileNotFoundError):  # trained without a single example
            head = None
        component = cls(config, model_storage, resource, head)
        component._warm_up()
        return component

    def train(self, training_data: TrainingData) -> Resource:
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        if not examples:
            logger.warning("No intent has an example: the classifier learns nothing.")
            return self._resource
        options = Options(
            handover=float(self._config["handover"]),
            grave_handover=float(self._config["grave_handover"]),
            ambiguity=float(self._config["ambiguity"]),
            encoder=self._config["encoder"],
        )
        self._head = IntentHead.learn(
            [e.get(TEXT) for e in examples],
            [e.get(INTENT) for e in examples],
            options,
            noisy_copies if self._config["noisy_copies"] else None,
            self._config["out_of_scope_intents"],
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._head.save(folder, options)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = message.get(TEXT) or ""
            # Tapped buttons arrive as "/intent" and are read by Rasa itself at the end of the pipeline.
            if self._head is None or not text.strip() or text.startswith(INTENT_MESSAGE_PREFIX):
                self._label(message, None)
                continue
            unlearnt = any(e[ENTITY_ATTRIBUTE_TYPE] == OTHER_LANGUAGE_ENTITY for e in message.get(ENTITIES, []))
            reading = read_requests(text[:_LETTERS_READ], partial(self._predict, unlearnt_language=unlearnt))
            self._label(message, reading.prediction)
            if reading.further:
                message.set(FURTHER_REQUESTS, [request.as_dict() for request in reading.further], add_to_output=True)
        return messages

    def _predict(self, texts: list[str], unlearnt_language: bool) -> list[Prediction]:
        if self._head is None:
            return []
        return self._head.predict_all(texts, self._config["ranking_length"], unlearnt_language)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    @staticmethod
    def _label(message: Message, prediction: Prediction | None) -> None:
        ranking = prediction.ranking if prediction else []
        if prediction and prediction.confidence < HANDOVER_CONFIDENCE:
            ranking = [(FALLBACK_INTENT, 1 - prediction.confidence), *ranking]
        elif prediction and prediction.ambiguous:
            ranking = [(AMBIGUOUS_INTENT, prediction.confidence), *ranking]
        intents = [{INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence} for name, confidence in ranking]
        first = intents[0] if intents else {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}
        message.set(INTENT, first, add_to_output=True)
        message.set(INTENT_RANKING_KEY, intents, add_to_output=True)

    def _warm_up(self) -> None:
        """Load the encoder's weights now, not while the first customer waits."""
        if self._head is not None:
            self._head.predict("bonjour", 1)
