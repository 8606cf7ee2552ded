"""In which of the served languages did the customer write, if the message says so at all?

Chat messages are short, misspelt and full of names, so two judges are heard. Words that only one language uses settle
most messages ("slt", "thx", "j'ai"); character statistics (lingua) judge the others and need the more evidence the
shorter the message is. When neither is sure nothing is said, so that "ok", a name or an order number never turns a
French conversation English.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder
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

LANGUAGE_ENTITY = "language"

_NOT_PROSE = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|[@#]\w+|\w*\d\w*")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_APOSTROPHES = str.maketrans("\u2019\u02bc`\u00b4", "''''")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)'")


class LanguageJudge:
    """Tells the language of a text among ``languages`` (ISO 639-1 codes); None when the text does not say."""

    def __init__(
        self,
        languages: list[str],
        neutral_words: list[str] | None = None,
        sure_of_two: float = 0.90,
        sure_of_more: float = 0.65,
    ) -> None:
        """``sure_of_two`` is the confidence lingua must reach on two words, ``sure_of_more`` on more."""
        self._languages = languages
        self._neutral = {word.lower() for word in neutral_words or []}
        self._sure_of_two = sure_of_two
        self._sure_of_more = sure_of_more
        self._words = {code: _telling_words(code) for code in languages}
        self._detector = _detector(tuple(languages)) if len(languages) > 1 else None

    def judge(self, text: str) -> str | None:
        words = self._prose(text)
        if not words or self._detector is None:
            return None
        return self._by_words(words) or self._by_characters(words)

    def _prose(self, text: str) -> list[str]:
        plain = _NOT_PROSE.sub(" ", text.translate(_APOSTROPHES).lower())
        return [word for word in _WORD.findall(plain) if word not in self._neutral]

    def _by_words(self, words: list[str]) -> str | None:
        votes = {code: sum(_knows(telling, word) for word in words) for code, telling in self._words.items()}
        first, second = sorted(votes, key=lambda code: -votes[code])[:2]
        return first if votes[first] >= 2 * votes[second] + 1 else None

    def _by_characters(self, words: list[str]) -> str | None:
        if len(words) < 2 or self._detector is None:  # lingua is as certain of a city's name as of a verb
            return None
        best = self._detector.compute_language_confidence_values(" ".join(words))[0]
        needed = self._sure_of_two if len(words) == 2 else self._sure_of_more
        return best.language.iso_code_639_1.name.lower() if best.value >= needed else None


def _knows(telling: frozenset[str], word: str) -> bool:
    elided = _ELISION.match(word)
    return word in telling or (elided is not None and elided[0] in telling)


@cache
def _telling_words(code: str) -> frozenset[str]:
    """A language without a word list is judged by its characters alone."""
    path = resources.files("parvis_nlu") / "words" / f"{code}.txt"
    if not path.is_file():
        return frozenset()
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


@lru_cache(maxsize=1)
def _detector(codes: tuple[str, ...]) -> LanguageDetector:
    """Low accuracy mode (trigrams) is 8 times smaller in memory and as good on this task once the words have voted."""
    iso = [getattr(IsoCode639_1, code.upper()) for code in codes]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*iso)
    return builder.with_low_accuracy_mode().with_preloaded_language_models().build()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class LanguageIdentifier(GraphComponent):
    """Adds an entity ``language`` to a message whose language is certain.

    ``languages``: the served ones, ISO 639-1. ``neutral_words``: the brand's own names, which say nothing.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"languages": ["fr", "en"], "neutral_words": []}

    def __init__(self, config: dict[str, Any]) -> None:
        self._judge = LanguageJudge(config["languages"], config["neutral_words"])

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
        language = self._judge.judge(text)
        if language is None:
            return
        entity = {
            ENTITY_ATTRIBUTE_TYPE: LANGUAGE_ENTITY,
            ENTITY_ATTRIBUTE_VALUE: language,
            ENTITY_ATTRIBUTE_START: 0,
            ENTITY_ATTRIBUTE_END: len(text),
            EXTRACTOR: type(self).__name__,
        }
        message.set(ENTITIES, [*message.get(ENTITIES, []), entity], add_to_output=True)
