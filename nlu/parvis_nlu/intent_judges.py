"""Who ranks the intents: a logistic regression over all that was seen, and the nearest example of each intent, by the
angle between sentence vectors after whitening (directions in which examples of one intent differ anyway count less).

Where an intent has few examples, a second regression, over sentence vectors alone, has a share in the first one's
verdict. It also judges what is written in a language that the examples do not hold: the letter groups of other
languages mislead.

How much the nearest example counts beside the regression depends on how densely the examples lie; it is found out with
examples that neither has seen.

A third one learns what is to be done (to answer, to take the message to a person as private, ...) rather than what it
is about, and gives the first a hint.

What they find is evidence. Which intent is chosen by it depends on a leaning towards the grave as well: that a private
or contentious matter is answered as if it were a general question is the worst mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from parvis_nlu.gravity import gravity_of
from parvis_nlu.regression import Plane, fit
from parvis_nlu.rows import Rows
from parvis_nlu.seeing import Seen, meaning_of, unit

_SEED = 0
# How much a noisy copy counts in learning, beside an example.
_WEIGHT_OF_COPIES = 0.4
_REGULARISATION = 20.0
# What is to be done is a coarser question, with fewer ways to fit the examples by chance.
_REGULARISATION_OF_KINDS = 10.0
_WEIGHT_OF_KINDS = 0.6
# Among both kinds that a person reads, the judge of kinds takes too much for private: a complaint told calmly.
_LEANINGS = {"contentious_": 2.4, "private_": -0.6}
# With so many examples an intent, the regression that knows sentence vectors alone counts as much as the one that also
# knows letter groups: those of few examples mislead.
_FEW_EXAMPLES = 5
_WHITENING_SHRINKAGE = 0.7
# Cosines are divided by one of these to weigh as much as the logits of the regression; by the first when there is
# nothing to choose by. Examples are nearer to each other than to what customers write: none smaller is believed.
_COSINE_SCALES = (0.15, 0.12, 0.1, 0.2, 0.3)
# What counts is their balance, not how certain they are together: each balance is judged at its best sharpness.
_SHARPNESSES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5)
# A hundred megabytes.
_MOST_NEIGHBOURS = 50_000
# The nearest example is sought for so many intents of a message: the others are never the first. To look at all
# examples takes several times as long, mostly to fetch them from memory.
_LIKELIEST = 8
# From so many messages on, one product of matrices is faster than a few small ones for each.
_MANY_MESSAGES = 32


class Neighbours:
    """The nearest example of each of the likeliest intents. The others are taken to be as far as the farthest of
    these."""

    def __init__(self, middle: np.ndarray, whitening: np.ndarray, examples: np.ndarray, starts: np.ndarray) -> None:
        self._middle = middle
        self._whitening = whitening
        self._examples = examples
        self._starts = starts
        self._ends = np.append(starts[1:], len(examples))

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

    def cosines(self, vectors: np.ndarray, likelihoods: np.ndarray) -> np.ndarray:
        """A row a vector, a column an intent; so are the ``likelihoods``."""
        points = unit((vectors - self._middle) @ self._whitening)
        likeliest = np.argsort(-likelihoods, axis=1, kind="stable")[:, :_LIKELIEST]
        if len(points) < _MANY_MESSAGES:
            nearest = np.empty(likeliest.shape, points.dtype)
            for row, (point, intents) in enumerate(zip(points, likeliest, strict=True)):
                nearest[row] = self._nearest(point, intents)
        else:
            of_all = np.maximum.reduceat(points @ self._examples.T, self._starts, axis=1)
            nearest = np.take_along_axis(of_all, likeliest, axis=1)
        cosines = np.repeat(nearest.min(axis=1, keepdims=True), likelihoods.shape[1], axis=1)
        np.put_along_axis(cosines, likeliest, nearest, axis=1)
        return cosines

    def _nearest(self, point: np.ndarray, intents: np.ndarray) -> list[np.float32]:
        return [(self._examples[self._starts[one] : self._ends[one]] @ point).max() for one in intents]

    def state(self) -> dict[str, np.ndarray]:
        return {
            "middle": self._middle,
            "whitening": self._whitening,
            "examples": self._examples,
            "starts": self._starts,
        }


@dataclass(frozen=True)
class Opinions:
    """A row a text, a column an intent: the logits of the regression, and how near the nearest example is."""

    logits: np.ndarray
    cosines: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Opinions:
        return Opinions(self.logits[rows], self.cosines[rows])

    def together(self, scale: float) -> np.ndarray:
        return (self.logits + self.cosines / np.float32(scale)).astype(np.float64)

    def best_scale(self, classes: np.ndarray) -> float:
        """With which the intents that it should be, ``classes``, surprise least."""
        if not len(classes):
            return _COSINE_SCALES[0]
        return min(_COSINE_SCALES, key=lambda scale: _surprise(self.together(scale), classes))


class Judges:
    """Logits of every intent for what was seen. ``meaning_*`` judge sentence vectors alone."""

    def __init__(self, weights: dict[str, np.ndarray], neighbours: Neighbours, scale: float) -> None:
        self._weights = weights
        self._neighbours = neighbours
        self._scale = scale

    @classmethod
    def learn(cls, seen: Seen, classes: np.ndarray, are_examples: np.ndarray, intents: Sequence[str]) -> Judges:
        """``classes`` are numbers of ``intents``. ``are_examples``: which rows are no noisy copies of one."""
        own, vectors = classes[are_examples], seen.vectors[are_examples]
        counts = np.where(are_examples, 1.0, _WEIGHT_OF_COPIES)
        meaning = fit(meaning_of(vectors), own, _REGULARISATION, np.ones(len(own)))
        everything = seen.all
        weights, bias = fit(everything, classes, _REGULARISATION, counts)
        share = _FEW_EXAMPLES / (_FEW_EXAMPLES + len(own) / (own.max() + 1))
        weights *= 1 - share
        weights[: len(meaning[0])] += share * meaning[0]
        bias = (1 - share) * bias + share * meaning[1]
        hint = _judge_of_kinds(everything, classes, counts, intents)
        arrays = {
            "weights": weights + hint[0],
            "bias": bias + hint[1],
            "meaning_weights": meaning[0],
            "meaning_bias": meaning[1],
        }
        neighbours = Neighbours.learn(vectors, own)
        return cls(arrays, neighbours, _COSINE_SCALES[0])

    def scaled(self, scale: float) -> Judges:
        return Judges(self._weights, self._neighbours, scale)

    def logits(self, seen: Seen) -> np.ndarray:
        return self.opinions(seen).together(self._scale)

    def logits_of_meaning(self, vectors: np.ndarray) -> np.ndarray:
        return self.opinions_of_meaning(vectors).together(self._scale)

    def opinions(self, seen: Seen) -> Opinions:
        own = seen.all.times(self._weights["weights"]) + self._weights["bias"]
        return Opinions(own, self._neighbours.cosines(seen.vectors, own))

    def opinions_of_meaning(self, vectors: np.ndarray) -> Opinions:
        own = meaning_of(vectors).times(self._weights["meaning_weights"]) + self._weights["meaning_bias"]
        return Opinions(own, self._neighbours.cosines(vectors, own))

    def state(self) -> dict[str, np.ndarray]:
        return self._weights | self._neighbours.state() | {"scale": np.array(self._scale)}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Judges:
        names = ("weights", "bias", "meaning_weights", "meaning_bias")
        near = ("middle", "whitening", "examples", "starts")
        neighbours = Neighbours(**{name: arrays[name] for name in near})
        return cls({name: arrays[name] for name in names}, neighbours, float(arrays["scale"]))


def _surprise(logits: np.ndarray, classes: np.ndarray) -> float:
    own = np.arange(len(classes)), classes
    return -max(float(log_softmax(sharpness * logits, axis=1)[own].mean()) for sharpness in _SHARPNESSES)


def _judge_of_kinds(rows: Rows, classes: np.ndarray, counts: np.ndarray, intents: Sequence[str]) -> Plane:
    """What the kind of each intent adds to its logits; nothing where all are of one kind."""
    small_talk = gravity_of("chitchat_")  # is answered, too
    gravities = [gravity_of(intent) for intent in intents]
    _, kinds = np.unique([gravity + (gravity == small_talk) for gravity in gravities], return_inverse=True)
    if not kinds.any():
        return np.zeros((rows.columns, len(intents)), np.float32), np.zeros(len(intents), np.float32)
    weights, bias = fit(rows, kinds[classes], _REGULARISATION_OF_KINDS, counts)
    return _WEIGHT_OF_KINDS * weights[:, kinds], _WEIGHT_OF_KINDS * bias[kinds]


def leanings_of(intents: Sequence[str]) -> np.ndarray:
    """What is added to the logits before an intent is chosen by them: the costs of mistakes, and no evidence."""
    of_prefix = {gravity_of(prefix): leaning for prefix, leaning in _LEANINGS.items()}
    return np.array([of_prefix.get(gravity_of(intent), 0.0) for intent in intents], np.float32)


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
