import numpy as np
import pytest

from parvis_nlu.encoder import WeightsChanged, load_encoder, verify_sha256


def test_vectors_are_of_unit_length_and_alike_across_languages() -> None:
    encoder = load_encoder()
    vectors = encoder.encode(["où est mon colis ?", "where is my parcel?", "vive la cuisine"])[:, : encoder.dimensions]
    french, english, other = vectors
    assert french.shape == (encoder.dimensions,)
    assert np.linalg.norm(french) == pytest.approx(1, abs=1e-3)
    assert french @ english > french @ other


def test_other_weights_than_the_tested_ones_are_refused() -> None:
    with pytest.raises(WeightsChanged, match=r"weights\.npz .* make setup"):
        verify_sha256("weights.npz", b"other", "0" * 64)


def test_an_encoder_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError):
        load_encoder("parvis_nlu.encoder.Missing")
