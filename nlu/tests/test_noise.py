import random

from parvis_nlu.noise import noisy_copies, slip


def test_copies_lose_accents_and_capitals_and_gain_slips() -> None:
    plain, slipped = noisy_copies("Où est ma commande ?")
    assert plain == "ou est ma commande ?"
    assert slipped != "Où est ma commande ?"
    assert abs(len(slipped) - len("Où est ma commande ?")) <= 2


def test_copies_are_the_same_at_every_training() -> None:
    assert noisy_copies("my parcel has not arrived") == noisy_copies("my parcel has not arrived")


def test_a_text_too_short_to_misspell_has_no_copies() -> None:
    assert noisy_copies("ok") == []


def test_the_longer_the_text_the_more_slips() -> None:
    slipped = slip("a" * 120, random.Random(1))  # noqa: S311
    assert sum(letter != "a" for letter in slipped) + abs(len(slipped) - 120) >= 3
