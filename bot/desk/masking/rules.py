"""What can be found without a language model: by shape, by check digits, by the words that announce it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from bot.desk.masking import numbers, words
from bot.desk.masking.kinds import Found, Kind, Masked, replace

# The demo brand's: ML-20261234.
ORDER_NUMBER: Final = r"\bML-?\d{6,10}\b"
_SECRET: Final = (Kind.CARD, Kind.SECURITY_CODE, Kind.IBAN, Kind.NIR)

Finder = Callable[[str], Iterator[Found]]


class Rules:
    """``country`` (ISO 3166) is whose a phone number without a country code may be; ``order_number`` is a regular
    expression (raises ``re.error``); ``public`` are texts of the brand, whose own numbers and addresses stay."""

    def __init__(self, country: str = "FR", order_number: str = ORDER_NUMBER, public: Iterable[str] = ()) -> None:
        self.finders: dict[Kind, Finder] = {
            Kind.CARD: numbers.find_cards,
            Kind.IBAN: numbers.find_ibans,
            Kind.NIR: numbers.find_social_security,
            Kind.SECURITY_CODE: numbers.find_security_codes,
            Kind.EMAIL: words.find_emails,
            Kind.PASSWORD: words.find_passwords,
            Kind.ORDER_NUMBER: partial(
                numbers.find_orders, pattern=re.compile(order_number or r"(?!)", re.IGNORECASE)
            ),
            Kind.PHONE: partial(numbers.find_phones, country=country),
            Kind.ADDRESS: words.find_addresses,
            Kind.NAME: words.find_announced_names,
        }
        self._public = [_plain(text) for text in public]

    def find(self, text: str, kinds: Iterable[Kind] = Kind) -> list[Found]:
        """May overlap; see ``replace``."""
        return [
            found for kind in kinds for found in self.finders[kind](text) if not self.is_public(text, found)
        ]

    def mask(self, text: str) -> Masked:
        text = storable(text)
        return replace(text, self.find(text))

    def mask_texts(self, texts: Sequence[str], *, automatic: bool) -> list[str]:
        """As the message log asks for it; who wrote is all the same to the rules."""
        return [self.mask(text).text for text in texts]

    def is_public(self, text: str, found: Found) -> bool:
        value = _plain(text[found.start : found.end])
        return any(value in known or (known in value and len(known) > 6) for known in self._public)


def mask_secrets(text: str) -> str:
    """Without cards, security codes, IBANs and social security numbers, which nobody needs in order to answer."""
    text = storable(text)
    return replace(text, Rules().find(text, _SECRET)).text


def storable(text: str) -> str:
    """Without what no database stores: NUL, which PostgreSQL refuses, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _plain(text: str) -> str:
    """As compared: letters and digits; a phone number without its country code or leading zero."""
    plain = "".join(character for character in text.casefold() if character.isalnum())
    return plain[-8:] if plain.isdigit() and len(plain) >= 8 else plain
