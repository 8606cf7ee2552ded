"""What somebody looks for, told by its shape; and how words, names and numbers are compared."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.desk.masking import Kind
from bot.desk.masking.rules import storable
from bot.desk.reference import References

# Fewer digits are a year, a price, the end of a card.
_SHORTEST_PHONE: Final = 6
# Two writings of one number, with the country's code and without, have so many last digits in common.
_OWN_DIGITS: Final = 8
_MOST_WORDS: Final = 10
_LONGEST_WORD: Final = 100
_LONGEST_KEY: Final = 320

_PHONE: Final = re.compile(r"[+\d\s().\-‐‑‒–—/]+")
_EMAIL: Final = re.compile(r"\S+@\S*")
_NUMBER: Final = re.compile(r"(?:#\s?|n\s?°\s?|no\.?\s)?(?=(?:\D*\d){4})[\w\-‐‑./]+", re.IGNORECASE)
_NUMBER_SIGN: Final = re.compile(r"^\s*(?:#|n\s?°|no\b\.?)\s*", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W_]+")
# Of Latin letters. What is a mark elsewhere makes another letter, as in Cyrillic.
_ACCENTS: Final = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")
_LIGATURES: Final = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae"})


class SoughtKind(StrEnum):
    REFERENCE = "reference"
    EMAIL = "email"
    NUMBER = "number"
    """A phone number, in any writing, or the number of an order."""
    WORDS = "words"
    """Names, and what was said."""


@dataclass(frozen=True, slots=True)
class Sought:
    """``value`` is a reference in its canonical form, an e-mail address as compared, else what was
    written; ``words`` are plain."""

    kind: SoughtKind
    value: str = ""
    words: tuple[str, ...] = ()


def readings_of(text: str, references: References) -> Iterator[Sought]:
    """What ``text`` may mean, the likeliest first; the first that finds something is what was meant."""
    text = storable(text).strip()
    if reference := references.find_in(text):
        yield Sought(SoughtKind.REFERENCE, reference)
    if _EMAIL.fullmatch(text):
        yield Sought(SoughtKind.EMAIL, plain_email(text))
        return
    digits = sum(character.isdecimal() for character in text)
    if (_PHONE.fullmatch(text) and digits >= _SHORTEST_PHONE) or _NUMBER.fullmatch(text):
        yield Sought(SoughtKind.NUMBER, text)
    if words := plain_words(text)[:_MOST_WORDS]:
        yield Sought(SoughtKind.WORDS, " ".join(text.lower().split()), tuple(words))


def keys_of(mentioned: Mapping[str, Sequence[str]] | None, contact: str | None) -> set[tuple[str, str]]:
    """What a ticket is found by, as pairs of kind and key: its contact, and what its customer mentioned."""
    given = [(Kind.EMAIL if "@" in contact else Kind.PHONE, contact)] if contact else []
    given += [(Kind(kind), value) for kind, values in (mentioned or {}).items() for value in values]
    return {(kind.value, key[:_LONGEST_KEY]) for kind, value in given for key in _keys(kind, value) if key}


def _keys(kind: Kind, value: str) -> list[str]:
    match kind:
        case Kind.NAME:
            return plain_words(value)
        case Kind.EMAIL:
            return [plain_email(value)]
        case Kind.PHONE:
            return [phone_key(value)]
        case Kind.ORDER_NUMBER:
            return [order_key(value)]
        case _:
            return []


def plain_words(text: str) -> list[str]:
    """In small letters without accents, each word once; as the database's own indexes have them."""
    return list(dict.fromkeys(word[:_LONGEST_WORD] for word in _words(text)))


def _words(text: str) -> list[str]:
    taken_apart = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return _WORD.findall(unicodedata.normalize("NFKC", _ACCENTS.sub("", taken_apart)).lower())


def plain_email(text: str) -> str:
    return "".join(text.lower().split())


def order_key(text: str) -> str:
    return "".join(_words(_NUMBER_SIGN.sub("", text))).upper()


def phone_key(text: str) -> str:
    """The digits from the last to the first, for numbers are written with different beginnings: "06…", "+33 (0)6…"."""
    digits = "".join(str(int(one)) for one in text.replace("(0)", "") if one.isdecimal())
    return digits.lstrip("0")[::-1]


def phone_keys_within(key: str) -> list[str]:
    """The keys of shorter writings of the same number: those without its country's code."""
    return [key[:length] for length in range(_OWN_DIGITS, len(key))]
