"""Multinomial logistic regression over dense and sparse features side by side.

The same model as scikit-learn's ``LogisticRegression(C=…)``: the same loss, the same minimum. That one takes a single
matrix, and sentence vectors in a sparse matrix make every step several times as slow: with 2,200 examples of 56 intents
one fit took 54 s where this takes 9, and six are needed to train.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax

_MOST_STEPS = 300
# Largest slope of the mean loss. Ten times finer takes twice the steps and moves no decision.
_FLAT_ENOUGH = 1e-4


def fit(dense: np.ndarray, grams: sparse.csr_matrix, classes: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (dense features first, then sparse; a column a class) and bias.

    ``classes`` are numbers from 0, each of which occurs. ``c`` is the inverse strength of the L2 penalty, from which
    the bias is exempt.
    """
    loss = _Loss(dense, grams, classes, c)
    options = {"gtol": _FLAT_ENOUGH, "maxiter": _MOST_STEPS, "maxcor": 5}
    found = loss.matrix(minimize(loss, np.zeros(loss.size), jac=True, method="L-BFGS-B", options=options).x)
    return found[:-1], found[-1]


class _Loss:
    """The mean cross-entropy with its penalty, and the gradient of both."""

    def __init__(self, dense: np.ndarray, grams: sparse.csr_matrix, classes: np.ndarray, c: float) -> None:
        self._dense = np.ascontiguousarray(dense, np.float32)
        self._grams = grams.astype(np.float32)
        self._grams_transposed = self._grams.T.tocsr()
        self._truth = classes
        self._rows = np.arange(len(classes))
        self._shape = (dense.shape[1] + grams.shape[1] + 1, int(classes.max()) + 1)
        self._decay = 1.0 / (c * len(classes))

    @property
    def size(self) -> int:
        return self._shape[0] * self._shape[1]

    def matrix(self, flat: np.ndarray) -> np.ndarray:
        """One row a feature, the last one the bias; one column a class."""
        return flat.reshape(self._shape).astype(np.float32)

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        matrix = self.matrix(flat)
        weights, bias = matrix[:-1], matrix[-1]
        width = self._dense.shape[1]
        log_shares = log_softmax(self._dense @ weights[:width] + self._grams @ weights[width:] + bias, axis=1)
        error = np.exp(log_shares)
        error[self._rows, self._truth] -= 1.0
        error /= len(self._rows)
        gradient = matrix * np.float32(self._decay)
        gradient[:width] += self._dense.T @ error
        gradient[width:-1] += self._grams_transposed @ error
        gradient[-1] = error.sum(axis=0)
        penalty = 0.5 * self._decay * float(np.sum(np.square(weights), dtype=np.float64))
        surprise = -float(log_shares[self._rows, self._truth].mean(dtype=np.float64))
        return penalty + surprise, gradient.ravel().astype(np.float64)
