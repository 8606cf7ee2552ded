"""Guessing what was meant, on the words of a few examples."""

import pytest

from parvis_nlu.encoder import load_encoder
from parvis_nlu.spelling import Speller

EXAMPLES = [
    "où est ma commande",
    "je veux suivre ma commande",
    "le magasin est-il ouvert dimanche",
    "combien coûte la livraison",
    "where is my order",
    "is the store open on sunday",
]


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller.learn(EXAMPLES, load_encoder().words())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ou est ma comande", "ou est ma commande"),
        ("ou est ma cmomande", "ou est ma commande"),
        ("le magaisn est ouevrt", "le magasin est ouvert"),
        ("combiencoûte la livraison", "combien coûte la livraison"),
        ("where is myo rder", "where is my order"),
        ("whereqis my order", "where is my order"),
        ("is the stor e open", "is the store open"),
    ],
)
def test_one_slip_is_undone(speller: Speller, typed: str, meant: str) -> None:
    assert speller.correct(typed) == meant


@pytest.mark.parametrize("text", ["où est mon pantalon", "le guichet", "06 12 34 56 78", "ok", "🙂 !", ""])
def test_good_words_that_no_example_has_stay(speller: Speller, text: str) -> None:
    assert speller.correct(text) == text


def test_an_example_can_be_read_as_if_it_were_not_known(speller: Speller) -> None:
    assert speller.correct("combien coûte la livraison", unseen="combien coûte la livraison") is not None
    alone = Speller.learn(["zurbific"], {"zurbifik": -3.0})
    assert alone.correct("zurbific") == "zurbific"
    assert alone.correct("zurbific", unseen="zurbific") == "zurbifik"


def test_a_stored_speller_guesses_as_before(speller: Speller) -> None:
    restored = Speller.restore(speller.state(), load_encoder().words())
    assert restored.correct("ou est ma comande") == "ou est ma commande"
