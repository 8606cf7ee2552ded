import random

import pytest

from bot.desk.masking import Rules


def mask(text: str) -> str:
    return Rules().mask(text).text


# Numbers that card networks publish for tests.
CARDS = [
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6759649826438453",
]
# Examples of the SWIFT IBAN registry.
IBANS = [
    "FR1420041010050500013M02606",
    "BE68539007547034",
    "CH9300762011623852957",
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "LU280019400644750000",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("separator", ["", " ", "-", "\xa0", "\u202f", ".", " - ", "\n"])
def test_a_card_number_keeps_only_its_last_four_digits(card: str, separator: str) -> None:
    groups = [card[start : start + 4] for start in range(0, len(card), 4)]
    masked = mask(f"ma carte {separator.join(groups)}, merci")
    assert masked == f"ma carte [card ··{card[-4:]}], merci"


@pytest.mark.parametrize("tail", ["12/27", "12/27 123", " exp 12/2027", "123", "- 12/27 - 123", "\n12/27\n123"])
def test_a_card_number_is_found_in_front_of_its_expiry_date(tail: str) -> None:
    masked = mask(f"CB 4111 1111 1111 1111 {tail}")
    assert "4111" not in masked
    assert masked.startswith("CB [card ··1111]")


def test_a_card_number_is_found_behind_another_number() -> None:
    assert mask("commande 10458 4111 1111 1111 1111") == "commande [order number] [card ··1111]"


@pytest.mark.parametrize("text", ["CB4111111111111111exp", "n°4111111111111111.", "carte_4111111111111111_visa"])
def test_a_card_number_glued_to_words_is_masked(text: str) -> None:
    assert "[card ··1111]" in mask(text)


def test_two_card_numbers_are_both_masked() -> None:
    assert mask("4111111111111111 puis 5555 5555 5555 4444") == "[card ··1111] puis [card ··4444]"


def test_digits_of_another_script_are_masked_too() -> None:
    assert mask("４１１１ １１１１ １１１１ １１１１") == "[card ··1111]"


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_keeps_its_country_and_last_four_characters(iban: str) -> None:
    expected = f"RIB [iban ··{iban[-4:]}] merci"
    printed = " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
    assert mask(f"RIB {iban} merci") == expected
    assert mask(f"RIB {printed} merci") == expected
    assert mask(f"RIB {printed.lower()} merci") == expected


def test_an_iban_with_a_wrong_check_is_no_iban() -> None:
    assert "[iban" not in mask("FR15 2004 1010 0505 0001 3M02 606")


def test_what_is_called_an_iban_is_one_even_if_it_was_typed_wrong() -> None:
    assert mask("mon IBAN : FR15 2004 1010 0505 0001 3M02 606") == "mon IBAN : [iban ··2606]"


@pytest.mark.parametrize(
    "text",
    ["mon cvv est 123", "CVC: 1234", "cryptogramme visuel 987", "code de sécurité : 456", "security code is 321"],
)
def test_a_security_code_is_masked(text: str) -> None:
    masked = mask(text)
    assert not any(character.isdigit() for character in masked)
    assert masked.endswith("[security code]")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111111111111112",
        "code-barres 3760123456789",
        "colis 6A12345678901",
        "suivi 00340434161094042557",
        "envoyé à 1790000000000",
        "le 12/11/2026 à 18:30, 49,90 €",
        "IMEI 356938035643809",
        "ticket ML-7K3-FQ2",
        "FR est un pays",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert mask(text) == text


def test_what_no_database_stores_is_dropped() -> None:
    assert mask("a\x00b\ud800c") == "ab?c"


def test_masking_twice_changes_nothing_more() -> None:
    once = mask("4111 1111 1111 1111 et FR14 2004 1010 0505 0001 3M02 606, cvv 123")
    assert mask(once) == once


def test_long_hostile_text_is_masked_in_reasonable_time() -> None:
    source = random.Random(3)
    digits = " ".join(str(source.randrange(10)) for _ in range(5000))
    assert mask(digits + " FR" * 3000 + " 4111 1111 1111 1111 ").count("4111 1111") == 0
