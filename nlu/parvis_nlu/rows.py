"""Texts as rows of numbers: some columns that are always filled, and many that mostly hold zeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class SparseRow:
    """One row: as a matrix it would cost more to make than to use. A column may be filled twice: its numbers add up."""

    numbers: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class Rows:
    """``sparse`` stands right of ``dense`` (float32 both), where there is one."""

    dense: np.ndarray
    sparse: csr_matrix | SparseRow | None = None

    def __len__(self) -> int:
        return len(self.dense)

    def __getitem__(self, some: np.ndarray) -> Rows:
        return Rows(self.dense[some], None if self.sparse is None else self.sparse[some])

    @property
    def columns(self) -> int:
        return self.dense.shape[1] + (0 if self.sparse is None else self.sparse.shape[1])

    def times(self, matrix: np.ndarray) -> np.ndarray:
        """``matrix`` has a row for each column."""
        filled = self.dense.shape[1]
        product = self.dense @ matrix[:filled]
        if self.sparse is None:
            return product
        if isinstance(self.sparse, SparseRow):
            found: np.ndarray = product + self.sparse.numbers @ matrix[filled + self.sparse.columns]
            return found
        return np.asarray(product + self.sparse @ matrix[filled:])

    def transposed_times(self, matrix: np.ndarray) -> np.ndarray:
        """``matrix`` has a row for each row."""
        product = self.dense.T @ matrix
        return product if self.sparse is None else np.concatenate([product, self.sparse.T @ matrix])
