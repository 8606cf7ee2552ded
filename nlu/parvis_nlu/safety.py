"""The safety layer: raises a message that shows a sign of danger, law, press and their like, and never lowers one.

It runs after all that understands messages and hears none of their doubts: a classifier reads what a message is mostly
about, and "love the dress!! also it gave my daughter an allergic reaction" is mostly about a dress. What is looked for
is in ``parvis_nlu.signs``.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    EXTRACTOR,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message

from parvis_nlu.gravity import AMBIGUOUS_INTENT, gravity_of
from parvis_nlu.signs import SEVERITIES, Sign, SignReader

SIGN_ENTITY = "sign"
SEVERITY_ENTITY = "severity"
_LETTERS_READ = 4000
_CONTENTIOUS = gravity_of("contentious_")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class SafetyLayer(GraphComponent):
    """Adds the entities ``sign`` and ``severity``, and replaces the intent by the sign's where that is graver.

    ``raises``: sign and intent, the gravest first. A contentious intent that is not in it is as grave as the last.
    ``spares``: intents by the sign that leaves them alone: insults at the assistant itself are no complaint.
    ``doubts``: signs that are heeded only where the classifier, too, has a contentious intent in its ranking. People
    shout for joy or at their own mistakes, and "never ordered from you" need not be fraud.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            "raises": [
                {"self_harm": "contentious_distress"},
                {"injury": "contentious_safety"},
                {"threat": "contentious_safety"},
                {"minor": "contentious_minors"},
                {"discrimination": "contentious_discrimination"},
                {"fraud": "contentious_fraud"},
                {"law": "contentious_legal_threat"},
                {"press": "contentious_public_shaming"},
                {"anger": "contentious_complaint"},
            ],
            "spares": {"anger": ["chitchat_abuse"]},
            "doubts": ["anger", "fraud"],
        }

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises ``InvalidConfigException`` for a sign that no word list knows."""
        self._reader = SignReader.of_the_project()
        self._intents = {sign: intent for entry in config["raises"] for sign, intent in entry.items()}
        unknown = self._intents.keys() - self._reader.names
        if unknown:
            raise InvalidConfigException(f"SafetyLayer: no word list knows the signs {', '.join(sorted(unknown))}")
        order = list(dict.fromkeys(self._intents.values()))
        self._ranks = {intent: len(order) - place for place, intent in enumerate(order)}
        self._spares = config["spares"]
        self._doubts = config["doubts"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SafetyLayer:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = message.get(TEXT) or ""
            if not text.startswith(INTENT_MESSAGE_PREFIX):
                self._judge(message, text[:_LETTERS_READ])
        return messages

    def _judge(self, message: Message, text: str) -> None:
        intent = _intent_of(message)
        found: dict[str, Sign] = {}
        for sign in self._reader.find(text):  # strong ones first
            if sign.name in self._intents and self._is_heeded(sign, message, intent):
                found.setdefault(sign.name, sign)
        strong = [sign for sign in found.values() if not sign.weak]
        if not strong and gravity_of(intent) < _CONTENTIOUS:
            return
        self._tell(message, list(found.values()))
        self._raise(message, intent, strong)

    def _is_heeded(self, sign: Sign, message: Message, intent: str) -> bool:
        if intent in self._spares.get(sign.name, ()):
            return False
        ranking = message.get(INTENT_RANKING_KEY)
        if sign.name not in self._doubts or not ranking:
            return True
        return any(gravity_of(one[INTENT_NAME_KEY]) == _CONTENTIOUS for one in ranking)

    def _tell(self, message: Message, signs: list[Sign]) -> None:
        """A weak sign is told too, now that the message is grave, but it makes nothing critical."""
        entities = [self._entity(SIGN_ENTITY, sign.name, sign) for sign in signs]
        if signs:
            gravest = max(signs, key=lambda sign: SEVERITIES.index(_severity(sign)))
            entities.append(self._entity(SEVERITY_ENTITY, _severity(gravest), gravest))
        message.set(ENTITIES, [*message.get(ENTITIES, []), *entities], add_to_output=True)

    def _raise(self, message: Message, intent: str, strong: list[Sign]) -> None:
        raised = max((self._intents[sign.name] for sign in strong), key=self._rank, default=intent)
        if self._rank(raised) > self._rank(intent):
            # The ranking stays as the classifier left it: what it thought is still to be seen there.
            message.set(INTENT, {INTENT_NAME_KEY: raised, PREDICTED_CONFIDENCE_KEY: 1.0}, add_to_output=True)

    def _rank(self, intent: str) -> tuple[int, int]:
        return gravity_of(intent), self._ranks.get(intent, 1)

    def _entity(self, kind: str, value: str, sign: Sign) -> dict[str, Any]:
        return {
            ENTITY_ATTRIBUTE_TYPE: kind,
            ENTITY_ATTRIBUTE_VALUE: value,
            ENTITY_ATTRIBUTE_START: sign.start,
            ENTITY_ATTRIBUTE_END: sign.end,
            EXTRACTOR: type(self).__name__,
        }


def _intent_of(message: Message) -> str:
    """Where two are too close to choose between, the likelier."""
    intent = (message.get(INTENT) or {}).get(INTENT_NAME_KEY) or ""
    others = [one[INTENT_NAME_KEY] for one in message.get(INTENT_RANKING_KEY) or [] if one[INTENT_NAME_KEY] != intent]
    return others[0] if intent == AMBIGUOUS_INTENT and others else intent


def _severity(sign: Sign) -> str:
    return SEVERITIES[0] if sign.weak else sign.severity
