"""Words and letter groups of a text as numbers: tf-idf, scattered over a fixed number of columns.

Three families stand side by side, each of unit length: words and pairs of words; letter groups inside words, which
survive most slips; and letter groups of the text without its spaces, which survive a forgotten or moved space. Every
group is added to four columns with random signs, which keeps the angles between texts and makes a small dense matrix of
a hundred thousand rare groups.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

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
    def learn(cls, texts: Sequence[str]) -> Grams:
        seen: Counter[str] = Counter()
        for text in texts:
            seen.update(set(_groups(text)))
        # In a grown bot, what occurs once tells nothing and is a third of all.
        least = 2 if len(texts) >= _GROWN else 1
        groups = sorted(group for group, count in seen.items() if count >= least)
        counts = np.array([seen[group] for group in groups], dtype=np.float64)
        return cls(groups, np.log((1 + len(texts)) / (1 + counts)) + 1)

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """One row a text (float32)."""
        if len(texts) == 1:
            numbers, values = self._weighted(texts[0])
            columns, signs = self._columns[numbers], self._signs[numbers]
            row = np.bincount(columns.ravel(), (signs * values[:, None]).ravel(), COLUMNS)
            return row.astype(np.float32)[None, :]
        weighted = [self._weighted(text) for text in texts]
        starts = np.cumsum([0, *(len(numbers) for numbers, _ in weighted)])
        numbers = np.concatenate([numbers for numbers, _ in weighted] or [np.zeros(0, int)])
        values = np.concatenate([values for _, values in weighted] or [np.zeros(0, np.float32)])
        matrix = sparse.csr_matrix((values, numbers, starts), shape=(len(texts), len(self._number)))
        return np.asarray((matrix @ self._scatter()).todense(), dtype=np.float32)

    def state(self) -> tuple[list[str], np.ndarray]:
        return list(self._number), self._weights

    def _weighted(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        counts: Counter[int] = Counter()
        number = self._number.get
        for group in _groups(text):
            known = number(group)
            if known is not None:
                counts[known] += 1
        numbers = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (1 + np.log(often)) * self._weights[numbers]
        lengths = np.sqrt(np.bincount(self._family[numbers], values**2, _FAMILIES))
        return numbers, (values / np.maximum(lengths, 1e-9)[self._family[numbers]]).astype(np.float32)

    def _scatter(self) -> sparse.csr_matrix:
        starts = np.arange(0, self._columns.size + 1, _SCATTER)
        shape = (len(self._number), COLUMNS)
        return sparse.csr_matrix((self._signs.ravel(), self._columns.ravel(), starts), shape=shape)


def _groups(text: str) -> Iterator[str]:
    words = _WORD.findall(without_accents(text.lower()))
    left = _MOST_GROUPS
    for group in _all_groups(words):
        if not left:
            return
        left -= 1
        yield group


def _all_groups(words: list[str]) -> Iterator[str]:
    before = ""
    for word in words:
        yield f"0{word}"
        if before:
            yield f"0{before} {word}"
        before = word
        padded = f" {word} "
        length = len(padded)
        for size in (2, 3, 4, 5):
            if size >= length:
                yield "1" + padded
                break
            for at in range(length - size + 1):
                yield "1" + padded[at : at + size]
    joined = "".join(words)
    for size in (3, 4):
        for at in range(len(joined) - size + 1):
            yield "2" + joined[at : at + size]
