"""What the actions accept as a phone number or an address, the model that reads messages has seen as one."""

import sys
from pathlib import Path

import pytest

from actions.contact import read_contact

sys.path.append(str(Path(__file__).resolve().parents[3] / "nlu"))

from parvis_nlu.mentions import find_mentions


@pytest.mark.parametrize(
    "text",
    [
        "06 12 34 56 78",
        "mon tel : 06.12.34.56.78 merci",
        "06-12-34-56-78",
        "06/12/34/56/78",
        "0 612 345 678",
        "0612345678",
        "o6 12 34 56 78",
        "+33 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "0033612345678",
        "+32 470 12 34 56 tomorrow morning",
        "+41 79 123 45 67",
        "+44 7911 123456",
        "call me on +33612345678 after 6pm",
        "commande 45218, tel 01 42 68 53 00",
    ],
)
def test_every_phone_number_is_a_candidate(text: str) -> None:
    assert read_contact(text, "FR").phone
    assert [mention.kind for mention in find_mentions(text) if mention.kind == "phone"] == ["phone"]


@pytest.mark.parametrize(
    "text",
    [
        "jean@exemple.fr",
        "mon mail c'est jean.martin@exemple.fr.",
        "Jean.Martin+lumen@Mail.Exemple.co.uk",
        "jean (at) exemple point fr",
        "jean at exemple dot com",
        "jean [at] exemple.fr",
        "écrivez-moi : jean@exemple.fr, merci",
        "mailto:jean@exemple.fr",
        "jean arobase exemple point fr",
    ],
)
def test_every_address_is_a_candidate(text: str) -> None:
    assert read_contact(text, "FR").email
    assert [mention.kind for mention in find_mentions(text)] == ["email"]


@pytest.mark.parametrize("text", ["call me at 8", "le 25 décembre", "commande 45218", "59,90 €", "3 x 20 €", "24/7"])
def test_what_is_no_contact_is_none_for_either(text: str) -> None:
    reading = read_contact(text, "FR")
    assert reading.phone is None
    assert reading.email is None
    assert not {"phone", "email"} & {mention.kind for mention in find_mentions(text)}
