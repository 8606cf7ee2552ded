"""What customers write when they are asked how to be reached."""

import pytest

from actions.contact import (
    ContactProblem,
    find_preferred_time,
    from_slot,
    read_contact,
    says_only_when,
    spoken,
    time_to_be_reached,
    to_slot,
)
from bot.desk import Contact, ContactKind

MOBILE = "+33612345678"


@pytest.mark.parametrize(
    "text",
    [
        "06 12 34 56 78",
        "0612345678",
        "06.12.34.56.78",
        "06-12-34-56-78",
        "06/12/34/56/78",
        "06\u00a012\u00a034\u00a056\u00a078",
        "+33 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "+33612345678",
        "0033 6 12 34 56 78",
        "o6 12 34 56 78",
        "6 12 34 56 78",
        "tel:+33612345678",
        "mon numéro c'est le 06 12 34 56 78 merci",
        "sorry, it's 06 12 34 56 78",
        "06 12 34 56 78 ou 07 81 22 33 44",
        "(06 12 34 56 78)",
        "commande 45218, tel 06 12 34 56 78",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    reading = read_contact(text, "FR")
    assert (reading.phone, reading.problem) == (MOBILE, None)


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("0041 79 123 45 67", "FR", "+41791234567"),
        ("+32 470 12 34 56", "FR", "+32470123456"),
        ("0470 12 34 56", "BE", "+32470123456"),
        ("079 123 45 67", "CH", "+41791234567"),
        ("+44 7911 123456", "FR", "+447911123456"),
        ("07911 123456", "GB", "+447911123456"),
    ],
)
def test_a_number_without_country_code_is_the_brands_countrys(text: str, country: str, number: str) -> None:
    assert read_contact(text, country).phone == number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jean.martin@exemple.fr", "jean.martin@exemple.fr"),
        ("Mon mail : jean.martin@exemple.fr.", "jean.martin@exemple.fr"),
        ("<jean@exemple.fr>", "jean@exemple.fr"),
        ("mailto:jean@exemple.fr", "jean@exemple.fr"),
        ("jean @ exemple.fr", "jean@exemple.fr"),
        ("jean(at)exemple.fr", "jean@exemple.fr"),
        ("jean at exemple dot com", "jean@exemple.com"),
        ("jean arobase exemple point com", "jean@exemple.com"),
        ("Jean@EXEMPLE.FR", "Jean@exemple.fr"),
        ("prénom@exemple.fr", "prénom@exemple.fr"),
        ("non c'est plutôt jean+lumen@exemple.fr !", "jean+lumen@exemple.fr"),
    ],
)
def test_an_address_is_found_however_it_is_written(text: str, address: str) -> None:
    reading = read_contact(text, "FR")
    assert (reading.email, reading.problem) == (address, None)


@pytest.mark.parametrize("text", ["06 12 34 56 7", "06 12 34", "+336 12 34 56 7", "12345678", "mon tel 0612 34"])
def test_a_number_with_a_mistake_is_told_apart(text: str) -> None:
    reading = read_contact(text, "FR")
    assert (reading.contact(), reading.problem) == (None, ContactProblem.PHONE_INVALID)


@pytest.mark.parametrize("text", ["jean@exemple", "jean@", "@exemple.fr", "jean..martin@exemple.fr", "jean@exemple,fr"])
def test_an_address_with_a_mistake_is_told_apart(text: str) -> None:
    reading = read_contact(text, "FR")
    assert (reading.contact(), reading.problem) == (None, ContactProblem.EMAIL_INVALID)


@pytest.mark.parametrize(
    "text",
    [
        "bonjour",
        "",
        "commande 45218",
        "12/11/2026",
        "2026-11-22",
        "75004 Paris",
        "call me at 5",
        "at home",
        "entre 12h et 14h",
        "4970 1000 0000 0014",
        "FR76 3000 6000 0112 3456 7890 189",
    ],
)
def test_what_is_no_contact_is_neither_one_nor_a_mistake(text: str) -> None:
    reading = read_contact(text, "FR")
    assert (reading.contact(), reading.problem) == (None, None)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("06 12 34 56 78 après 18h", "après 18h"),
        ("06 12 34 56 78, after 6pm please", "after 6pm"),
        ("appelez moi demain matin au 06 12 34 56 78", "demain matin"),
        ("06 12 34 56 78 entre 12h et 14h", "entre 12h et 14h"),
        ("between 2 and 4 pm, +33 6 12 34 56 78", "between 2 and 4 pm"),
        ("06 12 34 56 78 à partir de 17 heures", "à partir de 17 heures"),
        ("06 12 34 56 78 (le soir)", "le soir"),
        ("06 12 34 56 78 demain matin, plutôt vers 9h30", "demain matin, plutôt vers 9h30"),
        ("on Tuesday morning, 06 12 34 56 78", "on Tuesday morning"),
        ("06 12 34 56 78", None),
        ("mon numéro : 06 12 34 56 78 merci", None),
    ],
)
def test_the_preferred_time_is_kept_in_the_customers_words(text: str, time: str | None) -> None:
    reading = read_contact(text, "FR")
    assert (reading.phone, reading.preferred_time) == (MOBILE, time)


@pytest.mark.parametrize("text", ["la lampe", "ma commande", "I am fed up", "pas de souci", "call me maybe", "matinal"])
def test_ordinary_words_are_no_time(text: str) -> None:
    assert find_preferred_time(text) is None


def test_of_two_ways_the_one_that_was_asked_for_is_taken() -> None:
    reading = read_contact("06 12 34 56 78 ou jean@exemple.fr", "FR")
    assert reading.contact() == Contact(ContactKind.PHONE, MOBILE)
    assert reading.contact(ContactKind.EMAIL) == Contact(ContactKind.EMAIL, "jean@exemple.fr")


def test_the_other_way_serves_when_the_one_asked_for_is_missing() -> None:
    assert read_contact("jean@exemple.fr", "FR").contact(ContactKind.PHONE) == Contact(
        ContactKind.EMAIL, "jean@exemple.fr"
    )


@pytest.mark.parametrize(
    ("contact", "words"),
    [
        (Contact(ContactKind.PHONE, MOBILE), "+33 6 12 34 56 78"),
        (Contact(ContactKind.PHONE, "+41791234567"), "+41 79 123 45 67"),
        (Contact(ContactKind.EMAIL, "jean@exemple.fr"), "jean@exemple.fr"),
    ],
)
def test_a_contact_is_repeated_as_people_read_it(contact: Contact, words: str) -> None:
    assert spoken(contact) == words


def test_a_contact_survives_the_conversations_memory() -> None:
    contact = Contact(ContactKind.PHONE, MOBILE, "après 18h")
    assert from_slot(to_slot(contact)) == contact


@pytest.mark.parametrize("value", [None, "+33612345678", {}, {"kind": "fax", "value": "1"}, {"kind": "phone"}, 7])
def test_a_memory_of_another_shape_is_no_contact(value: object) -> None:
    assert from_slot(value) is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Reçue cassée lundi. Appelez-moi au 06 12 34 56 78 demain après 18h", "demain après 18h"),
        ("arrived broken on Monday, call me tomorrow morning", "tomorrow morning"),
        ("Commandé mardi, toujours rien ! 06 12 34 56 78, plutôt le soir", "le soir"),
        ("jean@exemple.fr, joignable jeudi matin", "jeudi matin"),
        ("I ordered on Monday and still nothing", None),
        ("Commandé mardi à 14h, mon numéro : 06 12 34 56 78", None),
    ],
)
def test_in_a_message_on_a_matter_only_times_beside_a_wish_to_be_reached_count(text: str, time: str | None) -> None:
    assert time_to_be_reached(text, "FR") == time


def test_a_time_and_hardly_a_word_more_is_a_time() -> None:
    assert says_only_when("on Thursday morning if possible")
    assert says_only_when("plutôt jeudi matin")
    assert not says_only_when("are you open on Thursday?")
    assert not says_only_when("est-ce que la boutique ouvre le jeudi matin")
