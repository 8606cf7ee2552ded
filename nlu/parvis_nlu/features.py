"""Words and letter groups of a text as numbers: tf-idf, scattered over a fixed number of columns.

Three families stand side by side, each of unit length: words and pairs of words; letter groups inside words, which
survive most slips; and letter groups of the text without its spaces, which survive a forgotten or moved space. Every
group is added to four columns with random signs, which keeps the angles between texts and makes a small dense matrix of
a hundred thousand rare groups.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice

import numpy as np
from scipy import sparse

from parvis_nlu.noise import without_accents

COLUMNS = 4096
_SCATTER = 4
_SEED = 0
_GROWN = 500
_WORD = re.compile(r"\w+")
_FAMILIES = 3
# A bad case for speed and no message: only the beginning counts.
_MOST_GROUPS = 4000

Within = Callable[[str], Iterable[str]]
"""The letter groups of a word."""


class Grams:
    """``groups`` are numbered in the order of ``weights`` (idf); the family of a group is its first letter."""

    def __init__(self, groups: Sequence[str], weights: np.ndarray) -> None:
        self._number = {group: number for number, group in enumerate(groups)}
        self._weights = np.asarray(weights, dtype=np.float32)
        self._family = np.array([int(group[0]) for group in groups], dtype=np.int8)
        chance = np.random.RandomState(_SEED)
        size = (len(groups), _SCATTER)
        self._columns = chance.randint(0, COLUMNS, size)
        self._signs = ((chance.randint(0, 2, size) * 2 - 1) / np.sqrt(_SCATTER)).astype(np.float32)

    @classmethod
    def learn(cls, texts: Sequence[str]) -> tuple[Grams, np.ndarray]:
        """Also gives the rows of these texts."""
        found: dict[str, int] = {}
        within = cache(_groups_within)  # of each word once
        counted = _counted([[found.setdefault(group, len(found)) for group in _groups(text, within)] for text in texts])
        seen = np.bincount(counted.indices, minlength=len(found))
        # In a grown bot, what occurs once tells nothing and is a third of all.
        least = 2 if len(texts) >= _GROWN else 1
        kept = sorted(group for group, number in found.items() if seen[number] >= least)
        columns = [found[group] for group in kept]
        grams = cls(kept, np.log((1 + len(texts)) / (1 + seen[columns].astype(np.float64))) + 1)
        return grams, grams._weighted_rows(counted[:, columns])

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """One row a text (float32)."""
        if len(texts) == 1:
            counts = Counter(map(self._number.get, _groups(texts[0])))
            counts.pop(None, None)
            numbers = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
            often = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
            values = self._weighted(numbers, often, 0, 1)
            columns, signs = self._columns[numbers], self._signs[numbers]
            row = np.bincount(columns.ravel(), (signs * values[:, None]).ravel(), COLUMNS)
            return row.astype(np.float32)[None, :]
        return self._rows([_groups(text) for text in texts])

    def _rows(self, of_texts: Sequence[Iterable[str]]) -> np.ndarray:
        known = self._number
        return self._weighted_rows(
            _counted([[known[group] for group in groups if group in known] for groups in of_texts], len(known))
        )

    def _weighted_rows(self, counted: sparse.csr_matrix) -> np.ndarray:
        """``counted``: how often a text (row) has a group (column)."""
        texts = np.repeat(np.arange(counted.shape[0]), np.diff(counted.indptr))
        weighted = self._weighted(counted.indices, counted.data, texts, counted.shape[0])
        matrix = sparse.csr_matrix((weighted, counted.indices, counted.indptr), shape=counted.shape)
        return np.asarray((matrix @ self._scatter()).todense(), dtype=np.float32)

    def state(self) -> tuple[list[str], np.ndarray]:
        return list(self._number), self._weights

    def _weighted(self, numbers: np.ndarray, often: np.ndarray, texts: np.ndarray | int, count: int) -> np.ndarray:
        """Of groups by their numbers: how often which of ``count`` texts has it, as tf-idf; a family has length 1."""
        values = (1 + np.log(often)) * self._weights[numbers]
        parts = texts * _FAMILIES + self._family[numbers]
        lengths = np.sqrt(np.bincount(parts, values**2, count * _FAMILIES))
        return (values / np.maximum(lengths, 1e-9)[parts]).astype(np.float32)

    def _scatter(self) -> sparse.csr_matrix:
        starts = np.arange(0, self._columns.size + 1, _SCATTER)
        shape = (len(self._number), COLUMNS)
        return sparse.csr_matrix((self._signs.ravel(), self._columns.ravel(), starts), shape=shape)


def _counted(numbers: Sequence[Sequence[int]], columns: int | None = None) -> sparse.csr_matrix:
    """A row a text, a column a group: how often the text has it."""
    starts = np.cumsum([0, *map(len, numbers)])
    indices = np.fromiter(chain.from_iterable(numbers), dtype=np.int32, count=starts[-1])
    if columns is None:
        columns = int(indices.max(initial=-1)) + 1
    counted = sparse.csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(len(numbers), columns))
    counted.sum_duplicates()
    return counted


def _groups(text: str, within: Within | None = None) -> Iterator[str]:
    words = _WORD.findall(without_accents(text.lower()))
    return islice(_all_groups(words, within or _groups_within), _MOST_GROUPS)


def _all_groups(words: list[str], within: Within) -> Iterator[str]:
    before = ""
    for word in words:
        yield f"0{word}"
        if before:
            yield f"0{before} {word}"
        before = word
        yield from within(word)
    joined = "".join(words)
    for size in (3, 4):
        for at in range(len(joined) - size + 1):
            yield "2" + joined[at : at + size]


def _groups_within(word: str) -> tuple[str, ...]:
    padded = f" {word} "
    sizes = [size for size in (2, 3, 4, 5) if size < len(padded)]
    groups = ["1" + padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1)]
    return tuple(groups if len(sizes) == 4 else [*groups, "1" + padded])
