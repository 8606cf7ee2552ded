"""What the intent classifier sees of a text: a sentence vector (meaning, across languages) beside words and letter
groups (names, spelling). Misspelt words are guessed (``parvis_nlu.spelling``) and both readings count: vectors are
averaged, letter groups united.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parvis_nlu.ahead import BATCH, encode_batch
from parvis_nlu.encoder import SentenceEncoder, load_encoder
from parvis_nlu.features import Grams
from parvis_nlu.parallel import start_all
from parvis_nlu.spelling import Speller

_VECTOR_WEIGHT = 2.0


@dataclass(frozen=True)
class Seen:
    """Texts as rows: sentence vectors, and letter groups."""

    vectors: np.ndarray
    grams: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Seen:
        return Seen(self.vectors[rows], self.grams[rows])

    @property
    def all(self) -> np.ndarray:
        return np.hstack([self.meaning, self.grams])

    @property
    def meaning(self) -> np.ndarray:
        return meaning_of(self.vectors)


def meaning_of(vectors: np.ndarray) -> np.ndarray:
    """Sentence vectors as they stand beside letter groups."""
    return vectors * np.float32(_VECTOR_WEIGHT)


class Eye:
    """Turns texts into what the judges see."""

    def __init__(self, encoder: SentenceEncoder, speller: Speller, grams: Grams) -> None:
        self._encoder = encoder
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
        seen = _with_guesses(np.concatenate([*vectors, *vectors_of_guesses]), guessed)
        return cls(encoder, speller, grams), Seen(seen, rows)

    def see(self, texts: Sequence[str]) -> Seen:
        meant = [self._speller.correct(text) for text in texts]
        grams = self._grams.rows([_both(*pair) for pair in zip(texts, meant, strict=True)])
        guessed = _guessed(texts, meant)
        vectors = self._encoder.encode([*texts, *(meant[at] for at in guessed)])
        return Seen(_with_guesses(vectors, guessed), grams)

    def meaning(self, texts: Sequence[str]) -> np.ndarray:
        """The sentence vectors of texts as they are."""
        return self._encoder.encode(list(texts))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        groups, weights = self._grams.state()
        return {"groups": groups, "spelling": self._speller.state()}, {"group_weights": weights}

    @classmethod
    def restore(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray], encoder: SentenceEncoder) -> Eye:
        speller = Speller.restore(facts["spelling"], encoder.words())
        return cls(encoder, speller, Grams(facts["groups"], arrays["group_weights"]))


def _guessed(texts: Sequence[str], meant: Sequence[str]) -> list[int]:
    """Which texts are meant otherwise than they are written."""
    return [at for at, (text, guess) in enumerate(zip(texts, meant, strict=True)) if text != guess]


def _with_guesses(vectors: np.ndarray, guessed: list[int]) -> np.ndarray:
    """``vectors``: of all texts, then of what the ``guessed`` ones are taken to mean."""
    texts = len(vectors) - len(guessed)
    own, of_guesses = vectors[:texts], vectors[texts:]
    own[guessed] = unit(own[guessed] + of_guesses)
    return own


def _both(text: str, guess: str) -> str:
    return text if text == guess else f"{text} {guess}"


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-9))
