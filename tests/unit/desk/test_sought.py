import random

import pytest

from bot.desk.reference import References
from bot.desk.sought import SoughtKind, keys_of, order_key, phone_key, phone_keys_within, plain_words, readings_of

references = References("ML")
REFERENCE = references.generate()


def kinds(text: str) -> list[SoughtKind]:
    return [sought.kind for sought in readings_of(text, references)]


def first(text: str) -> SoughtKind:
    return kinds(text)[0]


@pytest.mark.parametrize("write", [str, str.lower, lambda text: text.replace("-", ""), lambda text: f"  {text} "])
def test_a_reference_is_known_with_and_without_dashes(write) -> None:
    for _ in range(50):
        reference = references.generate()
        sought = next(readings_of(write(reference), references))
        assert (sought.kind, sought.value) == (SoughtKind.REFERENCE, reference)


@pytest.mark.parametrize("text", ["Lea.Martin@Exemple.FR", "lea@", "lea@exemple"])
def test_an_address_is_an_email_and_nothing_else(text: str) -> None:
    (sought,) = readings_of(text, references)
    assert (sought.kind, sought.value) == (SoughtKind.EMAIL, text.lower())


@pytest.mark.parametrize(
    "text",
    [
        "06 12 34 56 78",
        "+33612345678",
        "0033 6 12 34 56 78",
        "+33 (0)6.12.34.56.78",
        "12345678",
        "CMD-2024-0012",
        "#10234",
    ],
)
def test_a_number_is_one_in_any_writing(text: str) -> None:
    assert SoughtKind.NUMBER in kinds(text)[:2]  # six characters may be a reference by chance; then it comes first


@pytest.mark.parametrize("text", ["Martin", "Léa Martin", "canapé jamais reçu", "100 %", "424", "24 h", "écrit @ moi"])
def test_everything_else_is_words(text: str) -> None:
    assert kinds(text) == [SoughtKind.WORDS]


@pytest.mark.parametrize("text", ["", "  ", "%", "_", "'\"*()"])
def test_signs_alone_mean_nothing(text: str) -> None:
    assert kinds(text) == []


def test_words_have_letters_and_digits_only_whatever_was_typed() -> None:
    chance = random.Random(1)
    signs = "aZé0œ'\"*:&|!()-_%\\ \n\u00a0\u0301😀ß漢<->"
    for _ in range(500):
        words = plain_words("".join(chance.choices(signs, k=20)))
        assert all(word.isalnum() for word in words)
        assert len(words) == len(set(words))


def test_words_are_compared_without_capitals_accents_and_ligatures() -> None:
    assert plain_words("Élise a RECU l'œuf d'Anaïs") == ["elise", "a", "recu", "l", "oeuf", "d", "anais"]
    assert plain_words("e\u0301te\u0301") == plain_words("été") == ["ete"]


WRITINGS = ("+33612345678", "0033612345678", "06 12 34 56 78", "06.12.34.56.78", "+33 (0)6 12 34 56 78", "6 12345678")


@pytest.mark.parametrize("sought", WRITINGS)
@pytest.mark.parametrize("kept", WRITINGS)
def test_a_phone_is_found_whichever_way_it_was_written(kept: str, sought: str) -> None:
    key, wanted = phone_key(kept), phone_key(sought)
    assert key.startswith(wanted) or key in phone_keys_within(wanted)


def test_another_phone_is_not_found() -> None:
    key, wanted = phone_key("+33612345678"), phone_key("06 12 34 56 79")
    assert not key.startswith(wanted)
    assert key not in phone_keys_within(wanted)


def test_order_numbers_keep_every_character() -> None:
    assert order_key("#cmd-12-12/é") == "CMD1212E"
    assert order_key("n° 4512") == order_key("No. 4512") == "4512"


def test_a_ticket_is_found_by_its_contact_and_by_what_was_mentioned() -> None:
    mentioned = {
        "name": ["Mme Léa Martin"],
        "email": ["Lea@Exemple.fr"],
        "order_number": ["A-77"],
        "address": ["1 rue X"],
    }
    assert keys_of(mentioned, "+33612345678") == {
        ("phone", "87654321633"),
        ("name", "mme"),
        ("name", "lea"),
        ("name", "martin"),
        ("email", "lea@exemple.fr"),
        ("order_number", "A77"),
    }
    assert keys_of(None, None) == keys_of({}, None) == set()
