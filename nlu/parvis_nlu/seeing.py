"""What the intent classifier sees of a text: a sentence vector (meaning, across languages), the details of which the
encoder made it, and words and letter groups (names, spelling). Misspelt words are guessed (``parvis_nlu.spelling``) and
both readings count: vectors are averaged, letter groups united.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from parvis_nlu.ahead import BATCH, encode_batch
from parvis_nlu.encoder import SentenceEncoder, load_encoder
from parvis_nlu.features import Grams
from parvis_nlu.parallel import start_all
from parvis_nlu.rows import Rows, SparseRow
from parvis_nlu.spelling import Speller

_VECTOR_WEIGHT = 2.0
_DETAIL_WEIGHT = 1.5


@dataclass(frozen=True)
class Seen:
    """Texts as rows: sentence vectors, their details, and letter groups."""

    vectors: np.ndarray
    details: np.ndarray
    grams: sparse.csr_matrix | SparseRow

    def __getitem__(self, rows: np.ndarray) -> Seen:
        return Seen(self.vectors[rows], self.details[rows], self.grams[rows])

    @property
    def all(self) -> Rows:
        details = self.details * np.float32(_DETAIL_WEIGHT)
        return Rows(np.hstack([meaning_of(self.vectors).dense, details]), self.grams)


def meaning_of(vectors: np.ndarray) -> Rows:
    """Sentence vectors alone, as they stand beside letter groups."""
    return Rows(vectors * np.float32(_VECTOR_WEIGHT))


class Eye:
    """Turns texts into what the judges see."""

    def __init__(self, encoder: SentenceEncoder, usual: Usual, speller: Speller, grams: Grams) -> None:
        self._encoder = encoder
        self._usual = usual
        self._speller = speller
        self._grams = grams

    @classmethod
    def learn(
        cls, texts: Sequence[str], owners: Sequence[str], encoder_class: str, processes: int | None
    ) -> tuple[Eye, Seen]:
        """``owners``: for each text the example that it is a copy of. An example is corrected as if its own words were
        not known, since those of a customer's message may not be either."""

        def start_encoding(all_texts: Sequence[str]) -> Iterator[np.ndarray]:
            batches = [(encoder_class, list(all_texts[at : at + BATCH])) for at in range(0, len(all_texts), BATCH)]
            return start_all(encode_batch, batches, processes)

        vectors = start_encoding(texts)
        encoder = load_encoder(encoder_class)
        speller = Speller.learn(list(dict.fromkeys(owners)), encoder.words())
        meant = [speller.correct(text, unseen=owner) for text, owner in zip(texts, owners, strict=True)]
        guessed = _guessed(texts, meant)
        vectors_of_guesses = start_encoding([meant[at] for at in guessed])
        grams, rows = Grams.learn([_both(*pair) for pair in zip(texts, meant, strict=True)])
        encoded = np.concatenate([*vectors, *vectors_of_guesses])
        usual = Usual.of(encoded[: len(texts), encoder.dimensions :])
        eye = cls(encoder, usual, speller, grams)
        return eye, eye._seen(encoded, guessed, rows)

    def see(self, texts: Sequence[str]) -> Seen:
        meant = [self._speller.correct(text) for text in texts]
        grams = self._grams.rows([_both(*pair) for pair in zip(texts, meant, strict=True)])
        guessed = _guessed(texts, meant)
        return self._seen(self._encoder.encode([*texts, *(meant[at] for at in guessed)]), guessed, grams)

    def _seen(self, encoded: np.ndarray, guessed: list[int], grams: sparse.csr_matrix | SparseRow) -> Seen:
        """``encoded``: all texts, then what the ``guessed`` ones are taken to mean."""
        meaning = self._encoder.dimensions
        vectors, details = encoded[:, :meaning], self._usual.apart(encoded[:, meaning:])
        return Seen(_with_guesses(vectors, guessed), _with_guesses(details, guessed), grams)

    def meaning(self, texts: Sequence[str]) -> np.ndarray:
        """The sentence vectors of texts as they are."""
        return self._encoder.encode(list(texts))[:, : self._encoder.dimensions]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        groups, weights = self._grams.state()
        usual = {"usual_middle": self._usual.middle, "usual_spread": self._usual.spread}
        return {"groups": groups, "spelling": self._speller.state()}, {"group_weights": weights, **usual}

    @classmethod
    def restore(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray], encoder: SentenceEncoder) -> Eye:
        speller = Speller.restore(facts["spelling"], encoder.words())
        usual = Usual(arrays["usual_middle"], arrays["usual_spread"])
        return cls(encoder, usual, speller, Grams(facts["groups"], arrays["group_weights"]))


@dataclass(frozen=True)
class Usual:
    """How large each detail usually is, and how much it varies."""

    middle: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, details: np.ndarray) -> Usual:
        return cls(details.mean(axis=0), details.std(axis=0) + np.float32(1e-3))

    def apart(self, details: np.ndarray) -> np.ndarray:
        """In what the details of each text are unusual, as a row of unit length."""
        return unit((details - self.middle) / self.spread)


def _guessed(texts: Sequence[str], meant: Sequence[str]) -> list[int]:
    """Which texts are meant otherwise than they are written."""
    return [at for at, (text, guess) in enumerate(zip(texts, meant, strict=True)) if text != guess]


def _with_guesses(vectors: np.ndarray, guessed: list[int]) -> np.ndarray:
    """``vectors``: of all texts, then of what the ``guessed`` ones are taken to mean."""
    own = vectors[: len(vectors) - len(guessed)].copy()
    own[guessed] = unit(own[guessed] + vectors[len(own) :])
    return own


def _both(text: str, guess: str) -> str:
    return text if text == guess else f"{text} {guess}"


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-9))
