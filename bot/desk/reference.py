"""Ticket references: short, read over the phone without doubt, and protected by a check character.

``ML-7K3-FQ2`` is a prefix (the brand), five random characters and a check character, from an alphabet of 23. What is
left out looks like something that stays (0 O D, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V) or sounds like it (M N); there is no
vowel, so that no reference spells a word.

The check is ISBN-10's (ISO 2108:1992, annex B): each position has its own weight and the weighted sum must be divisible
by the alphabet's size. That size is a prime, 23 here where ISBN has 11. Changing one character changes the sum by
``weight * difference``, swapping two by ``difference of weights * difference of characters``; neither is a
multiple of the prime. So every single substitution and every transposition, of neighbours or not, is found.
"""

import re
import secrets
import unicodedata
from typing import Final

ALPHABET: Final = "23456789CDFHJKMPQRTVWXY"
_MODULUS: Final = len(ALPHABET)
_RANDOM_CHARACTERS: Final = 5
_LENGTH: Final = _RANDOM_CHARACTERS + 1
_VALUE: Final = {character: value for value, character in enumerate(ALPHABET)}

# Only where one reading is possible: "0" and "O" might be D or Q, "1" nothing at all, so they stay wrong.
_LOOK_ALIKES: Final = str.maketrans({"B": "8", "G": "6", "S": "5", "Z": "2", "U": "V", "N": "M"})

_SPOKEN_SEPARATORS: Final = re.compile(
    r"\b(?:TRAIT\s+D\W?UNION|TIRETS?|TRAITS?|MOINS|ESPACES?|BARRE|DASH|HYPHEN|MINUS|SPACE|SLASH)\b"
)
_REFERENCE_IN_TEXT: Final = r"(?<![A-Z0-9]){prefix}{gap}{three}{gap}{three}(?![A-Z0-9])"
_GAP: Final = r"[\s\-‐‑‒–—_./·]{0,3}"


class References:
    """Makes and reads the references of one brand. ``prefix`` is two to four letters or digits."""

    def __init__(self, prefix: str) -> None:
        if not re.fullmatch(r"[A-Z0-9]{2,4}", prefix):
            raise ValueError("the prefix of a reference is two to four capital letters or digits")
        self.prefix = prefix
        three = f"[A-Z0-9](?:{_GAP}[A-Z0-9]){{2}}"
        spelled_prefix = _GAP.join(prefix)
        self._in_text = re.compile(_REFERENCE_IN_TEXT.format(prefix=spelled_prefix, gap=_GAP, three=three))
        self._bare_in_text = re.compile(r"(?<![A-Z0-9])[A-Z0-9]{3}[-‐‑ ][A-Z0-9]{3}(?![A-Z0-9])")

    def generate(self) -> str:
        """A random reference. The caller makes sure that it is free (unique in the database)."""
        body = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM_CHARACTERS))
        return self._write(body + check_character(body))

    def parse(self, text: str) -> str | None:
        """The reference that ``text`` consists of, in its canonical form; None if it is not one.

        Case, accents, spaces, dashes, spoken separators ("tiret"), a missing prefix and look-alikes with a single
        reading are forgiven.
        """
        compact = re.sub(r"[^A-Z0-9]", "", _SPOKEN_SEPARATORS.sub(" ", _capitals(text)))
        if len(compact) == len(self.prefix) + _LENGTH and compact.startswith(self.prefix):
            compact = compact.removeprefix(self.prefix)
        characters = compact.translate(_LOOK_ALIKES)
        return self._write(characters) if is_valid(characters) else None

    def find_in(self, text: str) -> str | None:
        """The first reference inside a sentence, in its canonical form, or None."""
        capitals = _SPOKEN_SEPARATORS.sub("-", _capitals(text))
        for pattern in (self._in_text, self._bare_in_text):
            for match in pattern.finditer(capitals):
                if reference := self.parse(match.group()):
                    return reference
        return self.parse(text)

    def _write(self, characters: str) -> str:
        return f"{self.prefix}-{characters[:3]}-{characters[3:]}"


def check_character(body: str) -> str:
    """The character that makes the weighted sum of ``body`` and itself divisible by the alphabet's size."""
    weighted = sum(weight * _VALUE[character] for weight, character in enumerate(reversed(body), start=2))
    return ALPHABET[-weighted % _MODULUS]


def is_valid(characters: str) -> bool:
    if len(characters) != _LENGTH or not set(characters) <= _VALUE.keys():
        return False
    return check_character(characters[:-1]) == characters[-1]


def _capitals(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).upper()
