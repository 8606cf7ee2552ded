"""Words and letter groups of a text as numbers: tf-idf, scattered over a fixed number of columns.

Three families stand side by side, each of unit length: words and pairs of words; letter groups inside words, which
survive most slips; and letter groups of the text without its spaces, which survive a forgotten or moved space. Every
group is added to two columns with random signs, which nearly keeps the angles between texts and makes a hundred
thousand rare groups few enough to learn from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice, pairwise

import numpy as np
from scipy import sparse

from parvis_nlu.noise import without_accents
from parvis_nlu.rows import SparseRow

COLUMNS = 16384
_SCATTER = 2
_SEED = 0
_GROWN = 500
_WORD = re.compile(r"\w+")
_FAMILIES = 3
# A bad case for speed and no message: only the beginning counts.
_MOST_GROUPS = 4000
_WORDS_REMEMBERED = 20_000


class Grams:
    """``groups`` are numbered in the order of ``weights`` (idf); the family of a group is its first letter."""

    def __init__(self, groups: Sequence[str], weights: np.ndarray) -> None:
        self._number = {group: number for number, group in enumerate(groups)}
        self._numbering = _Numbering(self._number.get, _WORDS_REMEMBERED)
        self._weights = np.asarray(weights, dtype=np.float32)
        self._family = np.array([int(group[0]) for group in groups], dtype=np.int8)
        chance = np.random.RandomState(_SEED)
        size = (len(groups), _SCATTER)
        self._columns = chance.randint(0, COLUMNS, size).astype(np.int32)
        self._signs = ((chance.randint(0, 2, size) * 2 - 1) / np.sqrt(_SCATTER)).astype(np.float32)

    @classmethod
    def learn(cls, texts: Sequence[str]) -> tuple[Grams, sparse.csr_matrix]:
        """Also gives the rows of these texts."""
        found = _Numbers()
        numbers = list(map(_Numbering(found.__getitem__, None).of, texts))
        counted = _counted(numbers, len(found))
        seen = np.bincount(counted.indices, minlength=len(found))
        # In a grown bot, what occurs once tells nothing and is a third of all.
        least = 2 if len(texts) >= _GROWN else 1
        kept = sorted(group for group, number in found.items() if seen[number] >= least)
        columns = [found[group] for group in kept]
        grams = cls(kept, np.log((1 + len(texts)) / (1 + seen[columns].astype(np.float64))) + 1)
        return grams, grams._weighted_rows(counted[:, columns])

    def rows(self, texts: Sequence[str]) -> sparse.csr_matrix | SparseRow:
        """One row a text (float32)."""
        if len(texts) > 1:
            return self._weighted_rows(_counted(list(map(self._numbering.of, texts)), len(self._number)))
        counts = Counter(self._numbering.of(texts[0]))
        numbers = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        return SparseRow(*self._scattered(numbers, self._weighted(numbers, often, 0, 1)))

    def _weighted_rows(self, counted: sparse.csr_matrix) -> sparse.csr_matrix:
        """``counted``: how often a text (row) has a group (column)."""
        texts = np.repeat(np.arange(counted.shape[0]), np.diff(counted.indptr))
        weighted = self._weighted(counted.indices, counted.data, texts, counted.shape[0])
        values, columns = self._scattered(counted.indices, weighted)
        shape = (counted.shape[0], COLUMNS)
        return sparse.csr_matrix((values, columns, counted.indptr * _SCATTER), shape=shape, copy=False)

    def state(self) -> tuple[list[str], np.ndarray]:
        return list(self._number), self._weights

    def _weighted(self, numbers: np.ndarray, often: np.ndarray, texts: np.ndarray | int, count: int) -> np.ndarray:
        """Of groups by their numbers: how often which of ``count`` texts has it, as tf-idf; a family has length 1."""
        values = (1 + np.log(often)) * self._weights[numbers]
        parts = texts * _FAMILIES + self._family[numbers]
        lengths = np.sqrt(np.bincount(parts, values**2, count * _FAMILIES))
        return (values / np.maximum(lengths, 1e-9)[parts]).astype(np.float32)

    def _scattered(self, numbers: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of groups with these ``values``: what stands in which columns, ``_SCATTER`` of them for each group."""
        return (self._signs[numbers] * values[:, None]).ravel(), self._columns[numbers].ravel()


class _Numbers(dict[str, int]):
    """Gives every group that it is asked for the next number."""

    def __missing__(self, group: str) -> int:
        number = self[group] = len(self)
        return number


class _Numbering:
    """The groups of a text, by their numbers. ``number`` gives None for a group that does not count."""

    def __init__(self, number: Callable[[str], int | None], words_remembered: int | None) -> None:
        self._number = number
        self._of_word = lru_cache(words_remembered)(self._find_of_word)

    def of(self, text: str) -> list[int]:
        words = _WORD.findall(without_accents(text.lower()))
        joined = "".join(words)
        spans = (joined[at : at + size] for size in (3, 4) for at in range(len(joined) - size + 1))
        numbers = chain(
            chain.from_iterable(map(self._of_word, words)),
            self._known(f"0{first} {second}" for first, second in pairwise(words)),
            self._known(f"2{span}" for span in spans),
        )
        return list(islice(numbers, _MOST_GROUPS))

    def _find_of_word(self, word: str) -> tuple[int, ...]:
        return tuple(self._known(["0" + word, *_groups_within(word)]))

    def _known(self, groups: Iterable[str]) -> Iterator[int]:
        return (number for number in map(self._number, groups) if number is not None)


def _counted(numbers: Sequence[Sequence[int]], columns: int) -> sparse.csr_matrix:
    """A row a text, a column a group: how often the text has it."""
    starts = np.cumsum([0, *map(len, numbers)])
    indices = np.fromiter(chain.from_iterable(numbers), dtype=np.int32, count=starts[-1])
    counted = sparse.csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(len(numbers), columns))
    counted.sum_duplicates()
    return counted


def _groups_within(word: str) -> tuple[str, ...]:
    padded = f" {word} "
    sizes = [size for size in (2, 3, 4, 5) if size < len(padded)]
    groups = ["1" + padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1)]
    return tuple(groups if len(sizes) == 4 else [*groups, "1" + padded])
