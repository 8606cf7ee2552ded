"""Multinomial logistic regression: the loss of scikit-learn's ``LogisticRegression(C=…)``, in single precision.

Small steps over parts of the rows (Adam, https://arxiv.org/abs/1412.6980) come near the minimum in the time of a few
steps over all of them. Where rows are few, L-BFGS goes on from there to the minimum; where they are many, that would
cost as much again and judge unseen messages no better.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from parvis_nlu.rows import Rows

_BATCH = 256
_PASSES = 5
# Fewer rows are passed over more often, so that there are that many small steps; half as many where L-BFGS goes on.
_LEAST_SMALL_STEPS = 700
_PACE = 0.03
# 128 kB: several such parts fit into a cache.
_NUMBERS_AT_ONCE = 32_768
_FEW_ROWS = 5_000
_MOST_STEPS = 200
# Largest slope of the mean loss. Ten times finer takes twice the steps and moves no decision.
_FLAT_ENOUGH = 1e-4
_SEED = 0


Plane = tuple[np.ndarray, np.ndarray]
"""Weights (a row a feature, a column a class) and bias."""


def fit(rows: Rows, classes: np.ndarray, c: float, counts: np.ndarray) -> Plane:
    """``classes`` are numbers from 0, each of which occurs. ``c`` is the inverse strength of the L2 penalty, from which
    the bias is exempt. ``counts`` is how much each row counts."""
    loss = _Loss(rows, classes, c, counts)
    found = _approach(loss, len(classes))
    if len(classes) <= _FEW_ROWS:
        options = {"gtol": _FLAT_ENOUGH, "maxiter": _MOST_STEPS, "maxcor": 5}
        begin = found.astype(np.float64).ravel()
        found = loss.matrix(minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x)
    return found[:-1], found[-1]


def _approach(loss: _Loss, rows: int) -> np.ndarray:
    """Adam with a pace that falls to nothing, in a fixed order of the rows."""
    chance = np.random.RandomState(_SEED)
    batches = -(-rows // _BATCH)
    steps = max(_PASSES * batches, _LEAST_SMALL_STEPS // (2 if rows <= _FEW_ROWS else 1))
    matrix = loss.matrix(np.zeros(loss.size))
    walk = _Walk(matrix)
    for step in range(steps):
        if step % batches == 0:
            order = chance.permutation(rows)
        slope = loss.slope(matrix, order[step % batches :: batches])
        walk.step(slope, _PACE * 0.5 * (1 + np.cos(np.pi * step / steps)))
    return matrix


class _Walk:
    """Adam's steps of a matrix, in place: a few rows at a time, which a cache holds while all is done with them."""

    def __init__(self, matrix: np.ndarray) -> None:
        height = max(1, _NUMBERS_AT_ONCE // matrix.shape[1])
        self._parts = [slice(at, at + height) for at in range(0, len(matrix), height)]
        self._matrix = matrix
        self._mean, self._square = np.zeros_like(matrix), np.zeros_like(matrix)
        self._taken = 0

    def step(self, slope: np.ndarray, pace: float) -> None:
        """``slope`` is used up."""
        self._taken += 1
        pace = np.float32(pace / (1 - 0.9**self._taken))
        stretch = np.float32(1 / (1 - 0.999**self._taken))
        for part in self._parts:
            mean, square, now = self._mean[part], self._square[part], slope[part]
            square *= np.float32(0.999)
            square += np.float32(0.001) * (now * now)
            mean *= np.float32(0.9)
            now *= np.float32(0.1)
            mean += now
            spread = np.sqrt(square * stretch)
            spread += np.float32(1e-8)
            np.divide(mean, spread, out=spread)
            spread *= pace
            self._matrix[part] -= spread


class _Loss:
    """The mean cross-entropy with its penalty, and the gradient of both."""

    def __init__(self, rows: Rows, classes: np.ndarray, c: float, counts: np.ndarray) -> None:
        self._rows = rows
        self._truth = classes
        self._index = np.arange(len(classes))
        self._shape = (rows.columns + 1, int(classes.max()) + 1)
        self._shares = (counts / counts.sum()).astype(np.float32)
        self._decay = 1.0 / (c * float(counts.sum()))

    @property
    def size(self) -> int:
        return self._shape[0] * self._shape[1]

    def matrix(self, flat: np.ndarray) -> np.ndarray:
        """One row a feature, the last one the bias; one column a class."""
        return flat.reshape(self._shape).astype(np.float32)

    def slope(self, matrix: np.ndarray, some: np.ndarray) -> np.ndarray:
        """The gradient as ``some`` of the rows tell it."""
        rows, shares = self._rows[some], self._shares[some]
        error = softmax(rows.times(matrix[:-1]) + matrix[-1], axis=1)
        error[np.arange(len(some)), self._truth[some]] -= 1.0
        error *= (shares / shares.sum())[:, None]
        slope = matrix * np.float32(self._decay)
        slope[:-1] += rows.transposed_times(error)
        slope[-1] = error.sum(axis=0)
        return slope

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        matrix = self.matrix(flat)
        weights, bias = matrix[:-1], matrix[-1]
        log_shares = log_softmax(self._rows.times(weights) + bias, axis=1)
        error = np.exp(log_shares)
        error[self._index, self._truth] -= 1.0
        error *= self._shares[:, None]
        gradient = matrix * np.float32(self._decay)
        gradient[:-1] += self._rows.transposed_times(error)
        gradient[-1] = error.sum(axis=0)
        penalty = 0.5 * self._decay * float(np.sum(np.square(weights), dtype=np.float64))
        surprise = -float(np.dot(self._shares, log_shares[self._index, self._truth]))
        return penalty + surprise, gradient.ravel().astype(np.float64)
