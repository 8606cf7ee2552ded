"""In which language did the customer write, if the message says so at all?

Chat messages are short, misspelt and full of names, so two judges are heard. Words that only one language uses settle
most messages ("slt", "thx", "j'ai"); character statistics (lingua) judge the others and need the more evidence the
shorter the message is. When neither is sure nothing is said, so that "ok", a name or an order number never turns a
French conversation English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder

_NOT_PROSE = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|[@#]\w+|\w*\d\w*")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_APOSTROPHES = str.maketrans("\u2019\u02bc`\u00b4", "''''")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)'")
# Of a language that is not served.
_FEW_WORDS = 2
_LONG_WORD = 5
_CHARACTERS_AGREE = 0.5
_CHARACTERS_ALONE = 0.97
_WORDS_FOR_CHARACTERS = 4


@dataclass(frozen=True)
class Judgement:
    """At most one of them is said: a served language, or one that is not served."""

    served: str | None = None
    other: str | None = None


class LanguageJudge:
    """Tells the language of a text among ``languages`` and ``others`` (ISO 639-1 codes), or nothing."""

    def __init__(
        self,
        languages: list[str],
        neutral_words: list[str] | None = None,
        others: list[str] | None = None,
        sure_of_two: float = 0.90,
        sure_of_more: float = 0.65,
    ) -> None:
        """``sure_of_two`` is the confidence lingua must reach on two words, ``sure_of_more`` on more."""
        self._languages = languages
        self._neutral = {word.lower() for word in neutral_words or []}
        self._sure_of_two = sure_of_two
        self._sure_of_more = sure_of_more
        self._telling = {code: _telling_words(code) for code in languages}
        self._detector = _detector(tuple(languages)) if len(languages) > 1 else None
        self._others = [code for code in others or [] if code not in languages]
        self._telling_others = {code: _telling_words(code).words for code in self._others}
        self._wide_detector = _detector((*languages, *self._others)) if self._others else None

    def judge(self, text: str) -> Judgement:
        words = self._prose(text)
        if not words:
            return Judgement()
        other = self._other(words)
        if other:
            return Judgement(other=other)
        return Judgement(served=self._by_words(words) or self._by_characters(words))

    def _is_a_greeting(self, words: list[str]) -> bool:
        """Or thanks: one or two words, one of which is long enough not to be a slip."""
        return len(words) <= 2 and any(
            len(word) >= _LONG_WORD and any(word in telling for telling in self._telling_others.values())
            for word in words
        )

    def _prose(self, text: str) -> list[str]:
        plain = _NOT_PROSE.sub(" ", text.translate(_APOSTROPHES).lower())
        return [word for word in _WORD.findall(plain) if word not in self._neutral]

    def _by_words(self, words: list[str]) -> str | None:
        votes = {code: sum(telling.knows(word) for word in words) for code, telling in self._telling.items()}
        if len(votes) < 2:
            return None
        first, second = sorted(votes, key=lambda code: -votes[code])[:2]
        return first if votes[first] > votes[second] and votes[first] >= 2 * votes[second] else None

    def _by_characters(self, words: list[str]) -> str | None:
        if len(words) < 2 or self._detector is None:  # lingua is as certain of a city's name as of a verb
            return None
        best = self._detector.compute_language_confidence_values(" ".join(words))[0]
        needed = self._sure_of_two if len(words) == 2 else self._sure_of_more
        return best.language.iso_code_639_1.name.lower() if best.value >= needed else None

    def _other(self, words: list[str]) -> str | None:
        """A language that is not served, on strong evidence only: an apology for the customer's language, made to
        somebody who wrote in a served one, is worse than none. Words speak first, and the characters must agree; in
        a language without a word list the characters must be nearly certain."""
        if self._wide_detector is None:
            return None
        evidence = {code: self._evidence(words, telling) for code, telling in self._telling_others.items()}
        most = max(own for own, _ in evidence.values())
        served = min(against for own, against in evidence.values() if own == most)
        if not most and not any(telling.lists(word) for telling in self._telling.values() for word in words):
            return self._by_characters_alone(words)
        if most < max(_FEW_WORDS, 2 * served) and not (self._is_a_greeting(words) and not served):
            return None
        shares = self._shares(words)
        if sum(shares.get(code, 0.0) for code in self._others) < _CHARACTERS_AGREE:
            return None
        likely = (code for code, (own, against) in evidence.items() if own == most and against == served)
        return max(likely, key=lambda code: shares.get(code, 0.0))

    def _evidence(self, words: list[str], other: frozenset[str]) -> tuple[int, int]:
        """How many words speak for a language, and for a served one against it; what both use says nothing."""
        own = against = 0
        for word in words:
            is_served = any(telling.lists(word) for telling in self._telling.values())
            own += word in other and not is_served and len(word) > 1
            against += is_served and word not in other
        return own, against

    def _by_characters_alone(self, words: list[str]) -> str | None:
        shares = self._shares(words)
        best = max(shares, key=lambda code: shares[code])
        if best not in self._others or self._telling_others[best] or shares[best] < _CHARACTERS_ALONE:
            return None
        return best if len(words) >= _WORDS_FOR_CHARACTERS or not words[0][0].isascii() else None

    def _shares(self, words: list[str]) -> dict[str, float]:
        values = self._wide_detector.compute_language_confidence_values(" ".join(words)) if self._wide_detector else []
        return {value.language.iso_code_639_1.name.lower(): value.value for value in values}


@dataclass(frozen=True)
class _TellingWords:
    """Words of one language, and the accented letters that they show it to use."""

    words: frozenset[str]
    letters: frozenset[str]

    def knows(self, word: str) -> bool:
        return self.lists(word) or self._is_spelt_so(word)

    def lists(self, word: str) -> bool:
        elided = _ELISION.match(word)
        return word in self.words or (elided is not None and elided[0] in self.words)

    def _is_spelt_so(self, word: str) -> bool:
        accented = {letter for letter in word if not letter.isascii()}
        return bool(accented) and accented <= self.letters


@cache
def _telling_words(code: str) -> _TellingWords:
    """A language without a word list is judged by its characters alone."""
    path = resources.files("parvis_nlu") / "words" / f"{code}.txt"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    words = frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
    return _TellingWords(words, frozenset(letter for word in words for letter in word if not letter.isascii()))


@lru_cache(maxsize=2)
def _detector(codes: tuple[str, ...]) -> LanguageDetector:
    """Low accuracy mode (trigrams) is 8 times smaller in memory and as good on this task once the words have voted."""
    iso = [getattr(IsoCode639_1, code.upper()) for code in codes]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*iso)
    return builder.with_low_accuracy_mode().with_preloaded_language_models().build()
