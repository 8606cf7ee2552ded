"""Signs that a message must not be left to an ordinary answer: injury, threat, law, press, fraud and their like.

What is looked for stands in plain word lists, one file a language (``parvis_nlu/signs/``); how to write one is in
``docs/trainer/safety.md``. A message is read by all lists at once: who is frightened mixes languages, and no list's
word means anything in another. Accents, capitals, stretched letters ("scandaaaleux"), doubled ones and, in longer
words, one slip of the finger make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

SEVERITIES = ("high", "critical")
"""From the milder to the graver."""

SHOUTED_SIGN = "anger"
"""The sign of a complaint in capitals or with more than one exclamation mark."""

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019](?:t|m|re|ve|ll|s|d)\b)?|[\U0001f300-\U0001faff]", re.IGNORECASE)
_SENTENCE_ENDS = re.compile(r"[.!?\n;\u2026]")
_CLAUSE_ENDS = re.compile(r"[,:()\u2013\u2014]")
_RUN = re.compile(r"(\D)\1+")
_SECTION = re.compile(r"\[(\w+)(?: (high|critical))?\]")
_GAPS = {"..": 2, "...": 6}
_MINOR_AGES = frozenset(str(age) for age in range(6, 18))
_LETTERS_FOR_A_SLIP = 7
_REACH_OF_NEGATION = 3
_SHOUTED = 0.7
_LETTERS_OF_A_SHOUT = 8


@dataclass(frozen=True)
class Sign:
    """``start``, ``end``: places in the text. ``weak``: says something only in a message that is grave already."""

    name: str
    severity: str
    start: int
    end: int
    weak: bool = False


class ListMistake(ValueError):
    """A word list cannot be read; says which file and line."""


@dataclass(frozen=True)
class _Word:
    """``end`` of the sentence and of the clause are counted, so that two words of one have the same number."""

    text: str
    start: int
    end: int
    sentence: int
    clause: int


@dataclass(frozen=True)
class _Element:
    """One word of a phrase, in any of its forms, after at most ``gap`` other words."""

    words: frozenset[str]
    beginnings: tuple[str, ...]
    age: bool
    gap: int

    def accepts(self, forms: frozenset[str], typed: str) -> bool:
        return bool(self.words & forms) or typed.startswith(self.beginnings) or (self.age and typed in _MINOR_AGES)


@dataclass(frozen=True)
class _Phrase:
    section: str
    severity: str
    weak: bool
    elements: tuple[_Element, ...]

    def names_any(self, words: frozenset[str]) -> bool:
        return any(element.words & words for element in self.elements)


def plain(word: str) -> str:
    """Without accents, capitals, apostrophes and repeated letters."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return _RUN.sub(r"\1", bare.replace("'", "").replace("\u2019", ""))


class SignReader:
    """Finds the signs in a text. Immutable and quick: a phrase is only tried where its first word stands."""

    def __init__(self, lists: dict[str, str]) -> None:
        """``lists``: the text of each word list by the name of its file. Raises ``ListMistake``."""
        phrases = [phrase for name, text in lists.items() for phrase in _read_list(name, text)]
        self._negations = _single_words(phrases, "negation")
        self._borders = _single_words(phrases, "borders")
        self._ordinary = _single_words(phrases, "ordinary")
        self._kinds = {
            kind: _Phrases(phrase for phrase in phrases if phrase.section == kind)
            for kind in ("harmless", "unless", "complaint")
        }
        told = {"negation", "borders", "ordinary", *self._kinds}
        self._signs = _Phrases(phrase for phrase in phrases if phrase.section not in told)
        words = {word for phrase in phrases for element in phrase.elements for word in element.words}
        self._slips = Slips(words, self._ordinary)
        self._forms = lru_cache(maxsize=8192)(self._slips.forms)

    @classmethod
    def of_the_project(cls) -> SignReader:
        return cls(project_lists())

    @property
    def names(self) -> frozenset[str]:
        return self._signs.sections

    def find(self, text: str) -> list[Sign]:
        """In the order of the text; of one kind, a strong sign before weak ones."""
        words = list(_words(text))
        forms = [self._forms(word.text) for word in words]
        harmless = {at for _, used in self._kinds["harmless"].found(words, forms, self._negations) for at in used}
        signs = []
        for phrase, used in self._signs.found(words, forms, self._negations):
            if harmless.isdisjoint(used) and not self._is_denied(words, forms, used[0]):
                start, end = words[used[0]].start, words[used[-1]].end
                signs.append(Sign(phrase.section, phrase.severity, start, end, phrase.weak))
        if self._is_shouted(text) and any(
            harmless.isdisjoint(used) and not self._is_denied(words, forms, used[0])
            for _, used in self._kinds["complaint"].found(words, forms, self._negations)
        ):
            signs.append(Sign(SHOUTED_SIGN, "high", 0, len(text)))
        return sorted(signs, key=lambda sign: (sign.weak, sign.start, -sign.end))

    def _is_denied(self, words: Sequence[_Word], forms: Sequence[frozenset[str]], first: int) -> bool:
        """Whether what begins at ``first`` is said not to be, or only asked about."""
        reach = first
        while (
            reach > 0
            and first - reach < _REACH_OF_NEGATION
            and words[reach - 1].clause == words[first].clause
            and not forms[reach - 1] & self._borders
        ):
            reach -= 1
            if forms[reach] & self._negations:
                return True
        near_before = range(max(0, first - _REACH_OF_NEGATION - 1), first)
        before = [at for at in near_before if words[at].clause == words[first].clause]
        near = [words[at] for at in before], [forms[at] for at in before]
        return bool(before and self._kinds["unless"].found(*near, frozenset()))

    @staticmethod
    def _is_shouted(text: str) -> bool:
        letters = [c for c in text if c.isalpha()]
        capitals = sum(c.isupper() for c in letters)
        return "!!" in text.replace(" ", "") or (
            len(letters) >= _LETTERS_OF_A_SHOUT and capitals >= _SHOUTED * len(letters)
        )


class _Phrases:
    """Phrases by the words that they can begin with."""

    def __init__(self, phrases: Iterable[_Phrase]) -> None:
        self._by_word: dict[str, list[_Phrase]] = defaultdict(list)
        self._by_beginning: dict[str, list[_Phrase]] = defaultdict(list)
        self._by_age: list[_Phrase] = []
        self.sections: frozenset[str] = frozenset()
        for phrase in phrases:
            self.sections |= {phrase.section}
            first = phrase.elements[0]
            for word in first.words:
                self._by_word[word].append(phrase)
            for beginning in first.beginnings:
                self._by_beginning[beginning].append(phrase)
            if first.age:
                self._by_age.append(phrase)
        self._lengths = sorted({len(beginning) for beginning in self._by_beginning})

    def found(
        self,
        words: Sequence[_Word],
        forms: Sequence[frozenset[str]],
        negations: frozenset[str],
    ) -> list[tuple[_Phrase, list[int]]]:
        """Every phrase in the text, with the places of its words. One of ``negations`` inside a gap undoes it."""
        matches = []
        for at, word in enumerate(words):
            for phrase in self._beginning_with(word.text, forms[at]):
                undone_by = frozenset() if phrase.names_any(negations) else negations
                used = _matched(phrase.elements, 1, words, forms, at, undone_by)
                if used is not None:
                    matches.append((phrase, [at, *used]))
        return matches

    def _beginning_with(self, typed: str, forms: frozenset[str]) -> Iterator[_Phrase]:
        for form in forms:
            yield from self._by_word.get(form, ())
        for length in self._lengths:
            yield from self._by_beginning.get(typed[:length], ()) if len(typed) >= length else ()
        if typed in _MINOR_AGES:
            yield from self._by_age


def _matched(
    elements: Sequence[_Element],
    index: int,
    words: Sequence[_Word],
    forms: Sequence[frozenset[str]],
    at: int,
    negations: frozenset[str],
) -> list[int] | None:
    """The places of ``elements[index:]`` in the words after ``at``, the nearest ones, within its sentence."""
    if index == len(elements):
        return []
    element = elements[index]
    for place in range(at + 1, min(at + 2 + element.gap, len(words))):
        if words[place].sentence != words[at].sentence:
            return None
        if element.accepts(forms[place], words[place].text):
            rest = _matched(elements, index + 1, words, forms, place, negations)
            if rest is not None:
                return [place, *rest]
        if forms[place] & negations:
            return None
    return None


class Slips:
    """Which listed words a typed word can be: itself, or those that one slip of the finger makes of it."""

    def __init__(self, words: set[str], ordinary: frozenset[str], letters: int = _LETTERS_FOR_A_SLIP) -> None:
        """A slip is believed in words of at least ``letters``, and never of an ``ordinary`` word."""
        self._words = words
        self._ordinary = ordinary
        self._letters = letters
        self._shortened: dict[str, set[str]] = defaultdict(set)
        for word in words:
            if len(word) >= letters:
                for short in (word, *_without_one_letter(word)):
                    self._shortened[short].add(word)

    def forms(self, typed: str) -> frozenset[str]:
        if typed in self._words or len(typed) < self._letters - 1 or typed in self._ordinary:
            return frozenset({typed})
        near = {word for short in (typed, *_without_one_letter(typed)) for word in self._shortened.get(short, ())}
        return frozenset({typed, *(word for word in near if word[0] == typed[0] and is_one_slip(word, typed))})


def is_one_slip(one: str, other: str) -> bool:
    """Whether a letter left out, put in, replaced or swapped with its neighbour turns one word into the other."""
    shorter, longer = sorted((one, other), key=len)
    at = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    if len(shorter) < len(longer):
        return shorter[at:] == longer[at + 1 :]
    if shorter[at + 1 :] == longer[at + 1 :]:
        return True
    return shorter[at : at + 2] == longer[at : at + 2][::-1] and shorter[at + 2 :] == longer[at + 2 :]


def _without_one_letter(word: str) -> Iterator[str]:
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


def _words(text: str) -> Iterator[_Word]:
    sentence = clause = end = 0
    for match in _TOKEN.finditer(text):
        between = text[end : match.start()]
        sentence += bool(_SENTENCE_ENDS.search(between))
        clause += bool(_SENTENCE_ENDS.search(between) or _CLAUSE_ENDS.search(between))
        end = match.end()
        yield _Word(plain(match.group()), match.start(), end, sentence, clause)


# --- the word lists ---------------------------------------------------------------------------------------------------


def project_lists() -> dict[str, str]:
    folder = resources.files("parvis_nlu") / "signs"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".txt")), key=lambda file: file.name)
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def _read_list(name: str, text: str) -> Iterator[_Phrase]:
    section, severity = "", SEVERITIES[0]
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("["):
            match = _SECTION.fullmatch(stripped)
            if match is None:
                raise ListMistake(f"{name}, line {number}: not a section: {stripped}")
            section, severity = match[1], match[2] or SEVERITIES[0]
            continue
        elements = _elements(stripped.removeprefix("~"))
        if not section or elements is None:
            raise ListMistake(f"{name}, line {number}: not a phrase in a section: {stripped}")
        yield _Phrase(section, severity, stripped.startswith("~"), elements)


def _elements(phrase: str) -> tuple[_Element, ...] | None:
    """None for a phrase that begins or ends with a gap, or is empty."""
    elements: list[_Element] = []
    gap = 0
    for part in phrase.split():
        if part in _GAPS:
            gap = _GAPS[part]
            continue
        alternatives = [a for a in part.split("/") if a]
        words = frozenset(plain(a) for a in alternatives if not a.endswith("*") and a != "<age>")
        beginnings = tuple(plain(a[:-1]) for a in alternatives if a.endswith("*"))
        elements.append(_Element(words, beginnings, "<age>" in alternatives, gap))
        gap = 0
    if not elements or gap or elements[0].gap:
        return None
    return tuple(elements)


def _single_words(phrases: Iterable[_Phrase], section: str) -> frozenset[str]:
    return frozenset(word for phrase in phrases if phrase.section == section for word in phrase.elements[0].words)
