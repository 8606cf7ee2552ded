"""What can be found without a language model: by shape, by check digits, by the words that announce it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from bot.desk.masking import numbers, words
from bot.desk.masking.addresses import find_addresses
from bot.desk.masking.kinds import Found, Kind, Masked, replace
from bot.desk.masking.names import find_announced_names

_SECRET: Final = (Kind.CARD, Kind.SECURITY_CODE, Kind.IBAN, Kind.NIR)
# Shorter than this, a text of the brand is part of an address by chance.
_LONG: Final = 12

Finder = Callable[[str], Iterator[Found]]


class Rules:
    """How one brand's personal data is told apart. Raises ``re.error`` when ``order_number`` is no regular expression.

    ``country`` (ISO 3166) is whose a phone number without a country code may be; ``order_number`` describes the brand's
    orders, and when it is empty only what is called an order number is one; the numbers, addresses and towns in
    ``public`` are the brand's own, and stay.
    """

    def __init__(self, country: str = "FR", order_number: str = "", public: Iterable[str] = ()) -> None:
        self.finders: dict[Kind, Finder] = {
            Kind.CARD: numbers.find_cards,
            Kind.IBAN: numbers.find_ibans,
            Kind.NIR: numbers.find_social_security,
            Kind.SECURITY_CODE: numbers.find_security_codes,
            Kind.EMAIL: words.find_emails,
            Kind.PASSWORD: words.find_passwords,
            Kind.ORDER_NUMBER: partial(numbers.find_orders, pattern=re.compile(order_number or r"(?!)", re.IGNORECASE)),
            Kind.PHONE: partial(numbers.find_phones, country=country),
            Kind.ADDRESS: find_addresses,
            Kind.NAME: find_announced_names,
        }
        public = list(public)
        self._public = {_plain(text) for text in public}
        self._public_long = [known for known in self._public if len(known) >= _LONG]
        self._public_words = {_plain(word) for text in public for word in re.split(r"[\s,.'’/-]+", text)}

    def find(self, text: str, kinds: Iterable[Kind] = Kind) -> list[Found]:
        """May overlap; see ``replace``."""
        return [found for kind in kinds for found in self.finders[kind](text) if not self.is_public(text, found)]

    def mask(self, text: str) -> Masked:
        text = storable(text)
        return replace(text, self.find(text))

    def mask_texts(self, texts: Sequence[str], *, automatic: bool) -> list[str]:
        """As the message log asks for it; who wrote is all the same to the rules."""
        return [self.mask(text).text for text in texts]

    def is_public(self, text: str, found: Found) -> bool:
        """The brand's own telephone is nobody's secret, and a town in which it has a store is no name."""
        value = text[found.start : found.end]
        match found.kind:
            case Kind.PHONE | Kind.EMAIL:
                return _plain(value) in self._public
            case Kind.ADDRESS:
                return any(_plain(value) in known or known in _plain(value) for known in self._public_long)
            case Kind.NAME:
                return all(_plain(word) in self._public_words for word in value.split())
            case _:
                return False


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
