"""Who ranks the intents: a logistic regression over all that was seen, and the nearest example of each intent, by the
angle between sentence vectors after whitening (directions in which examples of one intent differ anyway count less).

Where an intent has few examples, a second regression, over sentence vectors alone, has a share in the first one's
verdict. It also judges what is written in a language that the examples do not hold: the letter groups of other
languages mislead.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from parvis_nlu.regression import fit
from parvis_nlu.seeing import VECTOR_WEIGHT, Seen, unit

_SEED = 0
# How much a noisy copy counts in learning, beside an example.
_WEIGHT_OF_COPIES = 0.4
_REGULARISATION = 20.0
# With so many examples an intent, the regression that knows sentence vectors alone counts as much as the one that also
# knows letter groups: those of few examples mislead.
_FEW_EXAMPLES = 5
_WHITENING_SHRINKAGE = 0.6
# Cosines are divided by this to weigh as much as the logits of the regression.
_COSINE_SCALE = 0.15
_MOST_NEIGHBOURS = 6_000


class Neighbours:
    """The nearest example of each intent."""

    def __init__(self, middle: np.ndarray, whitening: np.ndarray, examples: np.ndarray, starts: np.ndarray) -> None:
        self._middle = middle
        self._whitening = whitening
        self._examples = examples
        self._starts = starts

    @classmethod
    def learn(cls, vectors: np.ndarray, classes: np.ndarray) -> Neighbours:
        count = int(classes.max()) + 1
        means = np.stack([vectors[classes == one].mean(axis=0) for one in range(count)])
        middle = means.mean(axis=0)
        whitening = _whitening(vectors - means[classes])
        kept = _evenly(classes, _MOST_NEIGHBOURS)
        kept = kept[np.argsort(classes[kept], kind="stable")]
        starts = np.searchsorted(classes[kept], np.arange(count))
        return cls(middle, whitening, unit((vectors[kept] - middle) @ whitening), starts)

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        cosines = unit((vectors - self._middle) @ self._whitening) @ self._examples.T
        return np.maximum.reduceat(cosines, self._starts, axis=1) / np.float32(_COSINE_SCALE)

    def state(self) -> dict[str, np.ndarray]:
        return {
            "middle": self._middle,
            "whitening": self._whitening,
            "examples": self._examples,
            "starts": self._starts,
        }


class Judges:
    """Logits of every intent for what was seen. ``meaning_*`` judge sentence vectors alone."""

    def __init__(self, weights: dict[str, np.ndarray], neighbours: Neighbours) -> None:
        self._weights = weights
        self._neighbours = neighbours

    @classmethod
    def learn(cls, seen: Seen, classes: np.ndarray, are_examples: np.ndarray) -> Judges:
        """``are_examples``: which rows are examples rather than noisy copies of one."""
        own, examples = classes[are_examples], seen[are_examples]
        counts = np.where(are_examples, 1.0, _WEIGHT_OF_COPIES)
        meaning = fit(examples.meaning, own, _REGULARISATION, np.ones(len(own)))
        weights, bias = fit(seen.all, classes, _REGULARISATION, counts)
        share = _FEW_EXAMPLES / (_FEW_EXAMPLES + len(own) / (own.max() + 1))
        weights *= 1 - share
        weights[: len(meaning[0])] += share * meaning[0]
        bias = (1 - share) * bias + share * meaning[1]
        arrays = {"weights": weights, "bias": bias, "meaning_weights": meaning[0], "meaning_bias": meaning[1]}
        neighbours = Neighbours.learn(examples.vectors, own)
        return cls(arrays, neighbours)

    def logits(self, seen: Seen) -> np.ndarray:
        near = self._neighbours.logits(seen.vectors)
        return (seen.all @ self._weights["weights"] + self._weights["bias"] + near).astype(np.float64)

    def logits_of_meaning(self, vectors: np.ndarray) -> np.ndarray:
        own = vectors * np.float32(VECTOR_WEIGHT) @ self._weights["meaning_weights"] + self._weights["meaning_bias"]
        return (own + self._neighbours.logits(vectors)).astype(np.float64)

    def state(self) -> dict[str, np.ndarray]:
        return self._weights | self._neighbours.state()

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Judges:
        names = ("weights", "bias", "meaning_weights", "meaning_bias")
        near = ("middle", "whitening", "examples", "starts")
        return cls({name: arrays[name] for name in names}, Neighbours(**{name: arrays[name] for name in near}))


def _whitening(differences: np.ndarray) -> np.ndarray:
    """Inverse square root of the covariance, shrunk towards a sphere."""
    size = differences.shape[1]
    covariance = differences.T.astype(np.float64) @ differences / len(differences)
    mean = max(float(np.trace(covariance)) / size, 1e-9)
    covariance = (1 - _WHITENING_SHRINKAGE) * covariance + _WHITENING_SHRINKAGE * mean * np.eye(size)
    values, directions = np.linalg.eigh(covariance)
    return ((directions / np.sqrt(values)) @ directions.T).astype(np.float32)


def _evenly(classes: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, the same number of each class where it has them; the first ones of a fixed shuffle."""
    if len(classes) <= most:
        return np.arange(len(classes))
    shuffled = np.random.RandomState(_SEED).permutation(len(classes))
    turn: Counter[int] = Counter()
    turns = []
    for at in shuffled:
        turns.append(turn[classes[at]])
        turn[classes[at]] += 1
    return np.sort(shuffled[np.argsort(turns, kind="stable")[:most]])
