"""Finds numbers that identify somebody: cards, IBANs, social security, phones, orders."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import phonenumbers
from stdnum import iban, luhn
from stdnum.fr import nir

from bot.desk.masking.kinds import Found, Kind

# What people type between groups: spaces (also non-breaking and narrow), line breaks, dots and every dash.
_SEPARATOR: Final = r"[\s.\-‐‑‒–—_/]{0,3}"

# --- cards ------------------------------------------------------------------------------------------------------------

_DIGIT_GROUPS: Final = re.compile(rf"(?<![\d+])\d(?:{_SEPARATOR}\d)+")
_GROUP: Final = re.compile(r"\d+")
_SECURITY_CODE: Final = re.compile(
    r"\b(?:cvv2?|cvc2?|csc|cryptogrammes?(?:\s+visuels?)?|codes?\s+de\s+s[ée]curit[ée]|security\s+codes?)\b\D{0,15}?(?P<value>\d{3,4})\b",
    re.IGNORECASE,
)

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


# One that was typed wrong is still most of somebody's card, if it is called one.
_CALLED_CARD: Final = re.compile(
    r"\b(?:cb|cartes?\s+(?:bleue|bancaire|visa|de\s+(?:cr[ée]dit|paiement|d[ée]bit))|(?:credit|debit|bank)\s+card|visa|mastercard|amex)\b"
    rf"[^\d\n]{{0,20}}(?P<value>\d(?:{_SEPARATOR}\d){{14,15}})(?!{_SEPARATOR}\d)",
    re.IGNORECASE,
)
# Two of these side by side may pass for a card.
_TEN_DIGITS: Final = re.compile(r"(?<!\d)0[1-9](?:[\s.\-/]?\d\d){4}(?!\d)")


def find_cards(text: str) -> Iterator[Found]:
    phones = [match.span() for match in _TEN_DIGITS.finditer(text)]
    for run in _DIGIT_GROUPS.finditer(text):
        for card in _cards_in_run(run.group(), run.start()):
            if not any(start < card.start < end for start, end in phones):
                yield card
    for match in _CALLED_CARD.finditer(text):
        yield Found(*match.span("value"), Kind.CARD)


def _cards_in_run(run: str, offset: int) -> Iterator[Found]:
    """A run may hold a card number among other numbers (expiry date, code): look from each group to each group."""
    groups = list(_GROUP.finditer(run))
    first = 0
    while first < len(groups):
        last = _last_group_of_card(groups, first)
        if last is None:
            first += 1
            continue
        yield Found(offset + groups[first].start(), offset + groups[last].end(), Kind.CARD)
        first = last + 1


def _last_group_of_card(groups: Sequence[re.Match[str]], first: int) -> int | None:
    digits, found = "", None
    for position in range(first, len(groups)):
        digits += digits_of(groups[position].group())
        if len(digits) > _LONGEST_CARD:
            break
        if digits.startswith(_CARD_PREFIXES.get(len(digits), ())) and luhn.is_valid(digits):
            found = position
    return found


def find_security_codes(text: str) -> Iterator[Found]:
    for match in _SECURITY_CODE.finditer(text):
        yield Found(*match.span("value"), Kind.SECURITY_CODE)


def digits_of(text: str) -> str:
    """Digits of any script as 0 to 9."""
    return "".join(str(int(character)) for character in text if character.isdecimal())


# --- bank accounts ----------------------------------------------------------------------------------------------------

_IBAN_LENGTHS: Final = range(15, 35)
_IBAN: Final = re.compile(
    rf"(?<![A-Za-z0-9])[A-Za-z]{{2}}\s?\d\s?\d(?:{_SEPARATOR}[A-Za-z0-9]){{11,30}}",
    re.ASCII,
)
# One that was typed wrong is still most of somebody's account, if it is called one.
_CALLED_IBAN: Final = re.compile(
    rf"\b(?:iban|rib)\b\W{{0,4}}(?:(?:est|is|c['’]est)\s)?\W{{0,3}}(?P<value>[A-Z]{{2}}\s?\d\s?\d(?:{_SEPARATOR}\d){{8}}(?:{_SEPARATOR}[A-Z0-9]*\d[A-Z0-9]*)*)",
    re.IGNORECASE,
)


def find_ibans(text: str) -> Iterator[Found]:
    position = 0
    while (match := _IBAN.search(text, position)) is not None:
        end = _end_of_iban(match)
        if end is None:
            position = match.start() + 1
            continue
        yield Found(match.start(), end, Kind.IBAN)
        position = end
    for match in _CALLED_IBAN.finditer(text):
        yield Found(*match.span("value"), Kind.IBAN)


def _end_of_iban(match: re.Match[str]) -> int | None:
    """The words behind an IBAN may look like more of it; its country says how long it is."""
    places = [place for place in range(match.start(), match.end()) if match.string[place].isalnum()]
    characters = "".join(match.string[place] for place in places)
    for length in _IBAN_LENGTHS:
        if length <= len(places) and iban.is_valid(characters[:length], check_country=False):
            return places[length - 1] + 1
    return None


# --- social security --------------------------------------------------------------------------------------------------

_NIR: Final = re.compile(
    rf"(?<![\w+])[1-478](?:{_SEPARATOR}\d){{4}}{_SEPARATOR}(?:\d{_SEPARATOR}\d|2{_SEPARATOR}[AB])(?:{_SEPARATOR}\d){{8}}(?!\d)",
    re.IGNORECASE,
)
_CALLED_NIR: Final = re.compile(
    rf"\b(?:s[ée]cu(?:rit[ée]\s+sociale)?|nir|social\s+security(?:\s+number)?)\b[^\d\n]{{0,20}}"
    rf"(?P<value>[1-478](?:{_SEPARATOR}\d){{4}}{_SEPARATOR}(?:\d\d|2[AB])(?:{_SEPARATOR}\d){{6,8}})(?!\d)",
    re.IGNORECASE,
)


def find_social_security(text: str) -> Iterator[Found]:
    for match in _NIR.finditer(text):
        if nir.is_valid("".join(character for character in match.group() if character.isalnum()).upper()):
            yield Found(*match.span(), Kind.NIR)
    for match in _CALLED_NIR.finditer(text):
        yield Found(*match.span("value"), Kind.NIR)


# --- phones -----------------------------------------------------------------------------------------------------------

_PHONE: Final = re.compile(
    r"(?<![\w+#])(?<!\d[.,/-])(?:\(?(?:\+|00)\s?\d{1,3}\)?[\s.\-‐‑–/]{0,2}(?:\(0\)[\s.\-‐‑–/]{0,2})?|\(?[0oO]\)?)"
    r"(?:[\s.\-‐‑–/()]{0,2}\d){7,13}(?![\w%€$£])(?!\s?(?:€|euros?\b|eur\b))"
)
# In pairs and without the leading zero.
_PAIRS: Final = re.compile(r"(?<![\d+.,/-])[67](?:[\s.\-]\d\d){4}(?![\d.,/-]|\s\d)")
# Numbers of these neighbours are written without a leading zero, and look like any other number unless they are called.
_CALLED_PHONE: Final = re.compile(
    r"\b(?:t[ée]l(?:[ée]phone)?|portable|mobile|gsm|whats?app|phone|cell|joindre|joignable|r?appele[rz](?:[- ]moi)?"
    r"|(?:call|ring|text)(?:\s+me)?)\b[^\d+\n.]{0,20}(?P<value>\d(?:[\s.\-‐‑–/]{0,2}\d){7,12})(?![\d%€])",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"\d{1,2}[/.\-]\d{1,2}[/.\-](?:19|20)\d{2}(?!\d)")
_OF_A_THING: Final = re.compile(
    r"\b(?:r[ée]f(?:[ée]rence)?s?|article|produit|sku|ean|code[- ]barres?|barcode|colis|suivi|tracking|parcel|shipment"
    r"|item|product|facture|invoice|imei|dossier|s[ée]rie|serial)\b[^\d\n]{0,20}$",
    re.IGNORECASE,
)
_NEIGHBOURS: Final = ("FR", "BE", "CH", "GB", "LU")


def find_phones(text: str, country: str) -> Iterator[Found]:
    """By shape and length rather than by numbering plan: a number with a typing error is somebody's all the same."""
    for match in _PHONE.finditer(text):
        if _is_phone(match, country):
            yield Found(match.start(), match.end(), Kind.PHONE)
    for match in _TEN_DIGITS.finditer(text):
        if _is_phone(match, country):
            yield Found(match.start(), match.end(), Kind.PHONE)
    for match in _PAIRS.finditer(text):
        yield Found(match.start(), match.end(), Kind.PHONE)
    for match in _CALLED_PHONE.finditer(text):
        if not _DATE.match(match["value"]):
            yield Found(*match.span("value"), Kind.PHONE)


def _is_phone(match: re.Match[str], country: str) -> bool:
    if _DATE.match(match.group()) or _OF_A_THING.search(match.string, max(0, match.start() - 40), match.start()):
        return False
    number = re.sub(r"\(0\)|[^\d+]", "", re.sub(r"^\(?[oO]", "0", match.group()))
    if number.startswith("00"):
        number = f"+{number[2:]}"
    return any(_is_possible(number, region) for region in dict.fromkeys((country, *_NEIGHBOURS)))


def _is_possible(number: str, region: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


# --- orders -----------------------------------------------------------------------------------------------------------

_CALLED_ORDER: Final = re.compile(
    r"\b(?:commandes?|command[ée]e?s?|cde|cmd|orders?|ordered|achat|purchase)\b"
    r"(?:\s*(?:\b(?:n|no|nr|num|num[ée]ro|number|r[ée]f|r[ée]f[ée]rence|reference|est|is|id|le|la|the|sous|under|with)\b|c['’]est|[n#№:°º.,=(«\"-]))*"
    r"\s*(?P<value>\d{1,3}(?:[ .]\d{3}){1,3}|#?[A-Z]{0,5}[-_/]?\d[\dA-Z]*(?:[-_/][\dA-Z]+){0,3})(?![\w]|\s?[€$£])"
    r"(?:\s*(?:,|&|et|and|ou|or|puis)\s*(?:la\s+|the\s+)?(?P<next>#?[A-Z]{0,5}-?\d{5,12})(?!\w|\s?[€$£]))?",
    re.IGNORECASE,
)
_NUMBER_SIGN: Final = re.compile(r"(?<![\w#&])#\s?\d{5,12}(?!\w)")
_NO_ORDER: Final = re.compile(r"(?:19|20)\d\d|\d{1,2}[/-]\d{1,2}(?:[/-](?:\d\d|\d{4}))?")
_SHORTEST_ORDER: Final = 4


def find_orders(text: str, pattern: re.Pattern[str]) -> Iterator[Found]:
    """By the brand's own pattern, and whatever a number is called an order's."""
    for match in pattern.finditer(text):
        yield Found(*match.span(), Kind.ORDER_NUMBER)
    for match in _NUMBER_SIGN.finditer(text):
        yield Found(*match.span(), Kind.ORDER_NUMBER)
    for match in _CALLED_ORDER.finditer(text):
        value = match["value"]
        if len(digits_of(value)) >= _SHORTEST_ORDER and not _NO_ORDER.fullmatch(value):
            yield Found(*match.span("value"), Kind.ORDER_NUMBER)
            if match["next"]:
                yield Found(*match.span("next"), Kind.ORDER_NUMBER)
