"""Multinomial logistic regression: the same loss and the same minimum as scikit-learn's ``LogisticRegression(C=…)``.

That one works in double precision and takes several times as long, and a training fits the model several times.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

# More make the loss a little smaller and no decision better.
_MOST_STEPS = 60
# Largest slope of the mean loss. Ten times finer takes twice the steps and moves no decision.
_FLAT_ENOUGH = 1e-4


Plane = tuple[np.ndarray, np.ndarray]
"""Weights (a row a feature, a column a class) and bias."""


def fit(rows: np.ndarray, classes: np.ndarray, c: float, counts: np.ndarray) -> Plane:
    """``classes`` are numbers from 0, each of which occurs. ``c`` is the inverse strength of the L2 penalty, from which
    the bias is exempt. ``counts`` is how much each row counts.
    """
    loss = _Loss(rows, classes, c, counts)
    options = {"gtol": _FLAT_ENOUGH, "maxiter": _MOST_STEPS, "maxcor": 5}
    found = loss.matrix(minimize(loss, np.zeros(loss.size), jac=True, method="L-BFGS-B", options=options).x)
    return found[:-1], found[-1]


class _Loss:
    """The mean cross-entropy with its penalty, and the gradient of both."""

    def __init__(self, rows: np.ndarray, classes: np.ndarray, c: float, counts: np.ndarray) -> None:
        self._rows = np.ascontiguousarray(rows, np.float32)
        self._truth = classes
        self._index = np.arange(len(classes))
        self._shape = (rows.shape[1] + 1, int(classes.max()) + 1)
        self._shares = (counts / counts.sum()).astype(np.float32)
        self._decay = 1.0 / (c * float(counts.sum()))

    @property
    def size(self) -> int:
        return self._shape[0] * self._shape[1]

    def matrix(self, flat: np.ndarray) -> np.ndarray:
        """One row a feature, the last one the bias; one column a class."""
        return flat.reshape(self._shape).astype(np.float32)

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        matrix = self.matrix(flat)
        weights, bias = matrix[:-1], matrix[-1]
        log_shares = log_softmax(self._rows @ weights + bias, axis=1)
        error = np.exp(log_shares)
        error[self._index, self._truth] -= 1.0
        error *= self._shares[:, None]
        gradient = matrix * np.float32(self._decay)
        gradient[:-1] += self._rows.T @ error
        gradient[-1] = error.sum(axis=0)
        penalty = 0.5 * self._decay * float(np.sum(np.square(weights), dtype=np.float64))
        surprise = -float(np.dot(self._shares, log_shares[self._index, self._truth]))
        return penalty + surprise, gradient.ravel().astype(np.float64)
