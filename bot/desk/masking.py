"""Takes payment card numbers, their security codes and IBANs out of text, before anything reaches SQL.

The last four characters stay, so that an agent and a customer can agree on which card is meant.
"""

import re
from collections.abc import Sequence
from typing import Final

# What people type between groups: spaces (also non-breaking and narrow), line breaks, dots and every dash.
_SEPARATOR: Final = r"[\s.\-‐‑‒–—_/]{0,3}"
_DIGIT_GROUPS: Final = re.compile(rf"(?<![\d+])\d(?:{_SEPARATOR}\d)+")
_GROUP: Final = re.compile(r"\d+")
_SECURITY_CODE: Final = re.compile(
    r"(?P<name>\b(?:cvv2?|cvc2?|csc|cryptogrammes?(?:\s+visuels?)?|codes?\s+de\s+s[ée]curit[ée]|security\s+codes?)\b\D{0,15}?)\d{3,4}\b",
    re.IGNORECASE,
)
_IBAN_START: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\s?\d\s?\d(?=[\s.\-‐‑–]{0,3}[A-Za-z0-9])")

# Prefixes by length: issuer identification numbers of Visa, Mastercard, American Express, Diners Club, JCB, Discover,
# UnionPay, Maestro, Mir (2), RuPay (8) and Troy (9) (ISO/IEC 7812-1). Parcel numbers, bar codes, IMEIs and times in
# milliseconds mostly begin otherwise; without this, one such number in ten would pass the Luhn check.
_CARD_PREFIXES: Final = {
    13: ("4",),
    14: ("30", "36", "38", "39"),
    15: ("34", "37", "1800", "2131"),
    16: ("2", "3", "4", "5", "6", "8", "9"),
    17: ("35", "5", "6"),
    18: ("35", "5", "6"),
    19: ("22", "35", "4", "5", "6"),
}
_LONGEST_CARD: Final = max(_CARD_PREFIXES)

# Length by country (SWIFT IBAN registry, release 99).
_IBAN_LENGTHS: Final = {
    length: countries.split()
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ DZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
}
_IBAN_LENGTH_OF: Final = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries}


def mask(text: str) -> str:
    """``text`` with every card number, security code and IBAN replaced. Phone and order numbers are left alone.

    What no database stores goes too: NUL, which PostgreSQL refuses, and halves of surrogate pairs.
    """
    storable = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return _mask_security_codes(_mask_cards(_mask_ibans(storable)))


def _mask_cards(text: str) -> str:
    return _DIGIT_GROUPS.sub(lambda match: _mask_cards_in_run(match.group()), text)


def _mask_cards_in_run(run: str) -> str:
    """A run may hold a card number among other numbers (expiry date, code): look from each group to each group."""
    groups = list(_GROUP.finditer(run))
    masked, kept_from, first = [], 0, 0
    while first < len(groups):
        last = _last_group_of_card(groups, first)
        if last is None:
            first += 1
            continue
        four = _digits(run[groups[first].start() : groups[last].end()])[-4:]
        masked += [run[kept_from : groups[first].start()], f"[•••• {four}]"]
        kept_from, first = groups[last].end(), last + 1
    return "".join([*masked, run[kept_from:]])


def _last_group_of_card(groups: Sequence[re.Match[str]], first: int) -> int | None:
    digits, found = "", None
    for position in range(first, len(groups)):
        digits += _digits(groups[position].group())
        if len(digits) > _LONGEST_CARD:
            break
        if is_card_number(digits):
            found = position
    return found


def is_card_number(digits: str) -> bool:
    return digits.startswith(_CARD_PREFIXES.get(len(digits), ())) and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _digits(text: str) -> str:
    """Digits of any script as 0 to 9."""
    return "".join(str(int(character)) for character in text if character.isdecimal())


def _mask_ibans(text: str) -> str:
    masked, position = [], 0
    for match in _IBAN_START.finditer(text):
        if match.start() < position:
            continue
        end = _end_of_iban(text, match.start())
        if end is None:
            continue
        iban = _alphanumerics(text[match.start() : end])
        masked += [text[position : match.start()], f"[{iban[:2]}•• •••• {iban[-4:]}]"]
        position = end
    return "".join([*masked, text[position:]])


def _end_of_iban(text: str, start: int) -> int | None:
    length = _IBAN_LENGTH_OF.get(text[start : start + 2].upper())
    if length is None:
        return None
    body = re.compile(rf"[A-Za-z0-9](?:{_SEPARATOR}[A-Za-z0-9]){{{length - 1}}}", re.ASCII).match(text, start)
    if body is None or not is_iban(_alphanumerics(body.group())):
        return None
    return body.end()


def is_iban(iban: str) -> bool:
    """ISO 13616: the country and check digits go to the end, letters count from A = 10, the remainder by 97 is 1."""
    rearranged = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def _alphanumerics(text: str) -> str:
    return "".join(character for character in text if character.isascii() and character.isalnum()).upper()


def _mask_security_codes(text: str) -> str:
    return _SECURITY_CODE.sub(lambda match: match["name"] + "[•••]", text)
