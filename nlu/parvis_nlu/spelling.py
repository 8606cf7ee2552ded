"""Guesses what a misspelt word was meant to be, as a noisy channel: how common is a word, how likely is the slip?

Common words are those of the trainers' own examples, then those that the sentence encoder knows. A word of the examples
is never touched. Another one is replaced when one slip (a letter dropped, added, hit wrongly or swapped, a space
missing, added or moved) leads to a word so much more common that the slip is the likelier story. The guess is read
beside the message, never in its place, so a wrong one does little harm.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from parvis_nlu.noise import without_accents

_TOKEN = re.compile(r"[^\W\d_]+|[^\S\n]+|.", re.DOTALL)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Logarithms, all tuned on noisy messages of the development set.
_SLIP = -8.0
_SPACE_SLIP = -8.5
_UNKNOWN = -25.0
_FITS_NEIGHBOUR = 2.0
_SHARE_OF_OTHER_WORDS = 0.1
_SHORTEST = 4
_REMEMBERED = 20_000

Words = tuple[str, ...]


@dataclass(frozen=True)
class _Guess:
    """``words`` (folded) in place of the tokens ``first`` to ``last``."""

    score: float
    words: Words
    first: int
    last: int


class Speller:
    """Folded: small letters without accents. ``forms`` gives a folded word as trainers mostly write it."""

    def __init__(
        self,
        counts: Mapping[str, int],
        forms: Mapping[str, str],
        pairs: set[tuple[str, str]],
        common: Mapping[str, float],
    ) -> None:
        self._counts = counts
        self._forms = forms
        self._pairs = pairs
        self._total = max(1, sum(counts.values()))
        self._common: dict[str, float] = {}
        self._common_forms: dict[str, str] = {}
        for word, log_share in common.items():
            folded = _folded(word)
            if log_share > self._common.get(folded, -math.inf):
                self._common[folded], self._common_forms[folded] = log_share, word
        self._candidates = lru_cache(_REMEMBERED)(self._find_candidates)

    @classmethod
    def learn(cls, texts: Sequence[str], common: Mapping[str, float]) -> Speller:
        """``common``: words of the languages and the logarithm of their frequency."""
        counts: Counter[str] = Counter()
        spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
        pairs: set[tuple[str, str]] = set()
        for text in texts:
            words = [token for token in _TOKEN.findall(text) if token[0].isalpha()]
            folded = [_folded(word) for word in words]
            counts.update(folded)
            pairs.update(pairwise(folded))
            for word, one in zip(words, folded, strict=True):
                spelt[one][word.lower()] += 1
        return cls(counts, {word: forms.most_common(1)[0][0] for word, forms in spelt.items()}, pairs, common)

    def correct(self, text: str, unseen: str = "") -> str:
        """``text``, or what it was probably meant to be. ``unseen`` is an example that the speller shall not know."""
        hidden = Counter(_folded(token) for token in _TOKEN.findall(unseen) if token[0].isalpha())
        tokens = _TOKEN.findall(text)
        places = [at for at, token in enumerate(tokens) if token[0].isalpha()]
        folded = {at: _folded(tokens[at]) for at in places}
        done = -1
        changed = False
        for index, at in enumerate(places):
            word = folded[at]
            if at <= done or self._counts.get(word, 0) > hidden[word]:
                continue
            before = places[index - 1] if index else None
            after = places[index + 1] if index + 1 < len(places) else None
            guess = max(
                (
                    *self._alone(word, at, folded.get(before), folded.get(after), hidden),
                    *self._with_neighbour(tokens, folded, before, at, done, hidden),
                    *self._with_neighbour(tokens, folded, at, after, done, hidden),
                ),
                key=lambda guess: (guess.score, guess.words),
                default=None,
            )
            if guess and guess.score > 0:
                tokens[guess.first] = " ".join(self._spelt(one) for one in guess.words)
                tokens[guess.first + 1 : guess.last + 1] = [""] * (guess.last - guess.first)
                done = guess.last
                changed = True
        return "".join(tokens) if changed else text

    def state(self) -> dict[str, object]:
        return {"counts": dict(self._counts), "forms": dict(self._forms), "pairs": sorted(self._pairs)}

    @classmethod
    def restore(cls, state: Mapping[str, object], common: Mapping[str, float]) -> Speller:
        return cls(state["counts"], state["forms"], {(a, b) for a, b in state["pairs"]}, common)  # type: ignore[attr-defined,arg-type]

    def _alone(
        self, word: str, at: int, before: str | None, after: str | None, hidden: Counter[str]
    ) -> Iterator[_Guess]:
        if len(word) < _SHORTEST:
            return
        as_it_is = self._log_share(word, hidden)
        for words, slip in self._candidates(word):
            score = sum(self._log_share(one, hidden) for one in words) + slip - as_it_is
            score += _FITS_NEIGHBOUR * ((before, words[0]) in self._pairs)
            score += _FITS_NEIGHBOUR * ((words[-1], after) in self._pairs)
            yield _Guess(score, words, at, at)

    def _with_neighbour(
        self,
        tokens: list[str],
        folded: Mapping[int, str],
        first: int | None,
        last: int | None,
        done: int,
        hidden: Counter[str],
    ) -> Iterator[_Guess]:
        """The space between two words should not be there, or one letter further."""
        if first is None or last is None or first <= done or last - first != 2 or not tokens[first + 1].isspace():
            return
        one, other = folded[first], folded[last]
        as_they_are = self._log_share(one, hidden) + self._log_share(other, hidden)
        whole, border = one + other, len(one)
        for words in ((whole,), *((whole[:cut], whole[cut:]) for cut in (border - 1, border + 1))):
            if all(word in self._counts for word in words) and len(whole) >= _SHORTEST:
                score = sum(self._log_share(word, hidden) for word in words) + _SPACE_SLIP - as_they_are
                yield _Guess(score, words, first, last)

    def _log_share(self, word: str, hidden: Counter[str]) -> float:
        own = (self._counts.get(word, 0) - hidden[word]) / self._total
        other = math.exp(self._common[word]) if word in self._common else 0.0
        share = (1 - _SHARE_OF_OTHER_WORDS) * own + _SHARE_OF_OTHER_WORDS * other
        return math.log(share) if share > 0 else _UNKNOWN

    def _find_candidates(self, word: str) -> list[tuple[Words, float]]:
        known: list[tuple[Words, float]] = [
            ((other,), _SLIP) for other in _one_slip_away(word) if other in self._counts or other in self._common
        ]
        known.extend(
            ((word[:cut], rest), _SPACE_SLIP)
            for cut in range(1, len(word))
            for rest in (word[cut:], word[cut + 1 :])  # the space was forgotten, or a letter was hit instead
            if word[:cut] in self._counts and rest in self._counts
        )
        return known

    def _spelt(self, word: str) -> str:
        return self._forms.get(word) or self._common_forms.get(word, word)


def _folded(word: str) -> str:
    return without_accents(word.lower())


def _one_slip_away(word: str) -> set[str]:
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {head + tail[1:] for head, tail in cuts if tail}
    found |= {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    found |= {head + letter + tail[1:] for head, tail in cuts if tail for letter in _LETTERS}
    found |= {head + letter + tail for head, tail in cuts for letter in _LETTERS}
    return found - {word}
