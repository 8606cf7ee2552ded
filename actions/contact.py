"""Reads how a customer wants to be reached out of what they wrote: a phone number, an e-mail address, a time.

People write these inside sentences, with dots, dashes and typing errors, with the country code or without it. What is
nearly a number or an address is told apart from what is none, so that the question that follows can be specific.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from bot.desk import Contact, ContactKind
from bot.desk.masking import mask_secrets


class ContactProblem(StrEnum):
    """What kept an attempt at a contact from being one."""

    PHONE_INVALID = "phone_invalid"
    EMAIL_INVALID = "email_invalid"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says of how to reach its author; all empty when it says nothing of it."""

    phone: str | None = None
    """E.164."""
    email: str | None = None
    preferred_time: str | None = None
    """In the customer's words."""
    problem: ContactProblem | None = None

    def contact(self, wanted: ContactKind | None = None) -> Contact | None:
        """The contact of the wanted kind, or else of the other; a phone number first when any will do."""
        kinds = [ContactKind.EMAIL, ContactKind.PHONE] if wanted is ContactKind.EMAIL else list(ContactKind)
        values = {ContactKind.PHONE: self.phone, ContactKind.EMAIL: self.email}
        kind = next((kind for kind in kinds if values[kind]), None)
        return None if kind is None else Contact(kind, values[kind] or "", self.preferred_time)


def read_contact(text: str, country: str) -> Reading:
    """``country`` (ISO 3166) is whose number one without a country code is taken for."""
    text = mask_secrets(text)  # a payment card is not a phone number
    address, text = _take_email(_written_out(text))
    phone, text = _take_phone(text, country)
    time = find_preferred_time(text)
    email = _normalised(address) if address else None
    return Reading(phone, email, time, _problem(address, email, phone, _without_times(text)))


def time_to_be_reached(text: str, country: str) -> str | None:
    """The time beside a wish to be reached ("call me after 6pm", "06 12 34 56 78 demain matin"), in a message that has
    other times too ("I ordered on Monday")."""
    for sentence in _SENTENCE.split(mask_secrets(text)):
        wish = _WISH.search(sentence)
        if wish and (time := read_contact(sentence[wish.start() :], country).preferred_time):
            return time
    return None


def says_only_when(text: str) -> bool:
    """Whether a message is a time and hardly a word more ("on Thursday morning if possible")."""
    return "?" not in text and len(_without_times(text).split()) <= _WORDS_AROUND_A_TIME


def spoken(contact: Contact) -> str:
    """The contact as people read it: ``+33 6 12 34 56 78``."""
    if contact.kind is ContactKind.EMAIL:
        return contact.value
    number = phonenumbers.parse(contact.value)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def to_slot(contact: Contact) -> dict[str, str | None]:
    return {"kind": contact.kind.value, "value": contact.value, "preferred_time": contact.preferred_time}


def from_slot(value: Any) -> Contact | None:
    """None for an empty slot and for one of another shape (an older model's)."""
    try:
        return Contact(ContactKind(value["kind"]), value["value"], value.get("preferred_time"))
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


# --- e-mail ---------------------------------------------------------------------------------------------------------

# Addresses as people disguise or dictate them.
_AT: Final = re.compile(r"\s*(?:\(at\)|\[at\]|\{at\}|\s(?:at|arobase|arobas|@)\s)\s*", re.IGNORECASE)
_DOT: Final = re.compile(r"(?<=\w)\s*(?:\(dot\)|\[dot\]|\(point\)|\[point\]|\s(?:dot|point)\s)\s*(?=\w)", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()\[\]]*@[^\s<>,;:\"()\[\]]*")
_MAILTO: Final = re.compile(r"\bmailto:", re.IGNORECASE)


def _written_out(text: str) -> str:
    """Turns "jean (at) exemple point fr" into an address, but leaves "call me at 8" alone."""
    with_at = _AT.sub("@", text)
    candidate = _DOT.sub(".", with_at)
    return candidate if re.search(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-zA-Z]{2,}", candidate) else text


def _take_email(text: str) -> tuple[str | None, str]:
    """The first thing that wants to be an address, and the text without it."""
    match = _ADDRESS.search(_MAILTO.sub("", text))
    if match is None or match.group() == "@":
        return None, text
    rest = _MAILTO.sub("", text)
    return match.group().strip(".!?'’»«*_"), f"{rest[: match.start()]} {rest[match.end() :]}"


def _normalised(address: str) -> str | None:
    try:
        checked = validate_email(address, check_deliverability=False, strict=False)
    except EmailNotValidError:
        return None
    return checked.normalized


# --- phone ----------------------------------------------------------------------------------------------------------

# Fewer digits than this are an hour, a price or a house number; a phone number given in full has more.
_DIGITS_OF_AN_ATTEMPT: Final = 6
_DATE: Final = re.compile(r"\b\d{1,2}[/.\-]\d{1,2}[/.\-](?:19|20)?\d{2}\b(?![/.\-\s]?\d)|\b20\d{2}-\d{2}-\d{2}\b")
_DIGIT_RUN: Final = re.compile(r"\+?\d(?:[\s./()\-‐‑‒–—_]{0,2}\d)+")
# A letter O for a zero, where only digits are around it.
_LETTER_O: Final = re.compile(r"(?<=\d)[oO](?=[\s.\d])|(?<![\w])[oO](?=\d)")


def _take_phone(text: str, country: str) -> tuple[str | None, str]:
    """The first valid number in E.164, and the text without any."""
    text = _LETTER_O.sub("0", text.replace("\u00a0", " ").replace("\u202f", " "))
    numbers = list(phonenumbers.PhoneNumberMatcher(text, country, phonenumbers.Leniency.VALID))
    for match in reversed(numbers):
        text = f"{text[: match.start]} , {text[match.end :]}"
    if numbers:
        return phonenumbers.format_number(numbers[0].number, phonenumbers.PhoneNumberFormat.E164), text
    return _take_unusual_phone(text, country)


def _take_unusual_phone(text: str, country: str) -> tuple[str | None, str]:
    """Numbers grouped as the library does not expect them ("06/12/34/56/78", "0 612 345 678")."""
    for run in _DIGIT_RUN.finditer(text):
        digits = re.sub(r"[^\d+]", "", run.group())
        try:
            number = phonenumbers.parse(digits, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            rest = f"{text[: run.start()]} , {text[run.end() :]}"
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), rest
    return None, text


def _looks_like_phone(text: str) -> bool:
    return any(
        sum(character.isdigit() for character in run.group()) >= _DIGITS_OF_AN_ATTEMPT
        for run in _DIGIT_RUN.finditer(_DATE.sub(" ", text))
    )


def _problem(address: str | None, email: str | None, phone: str | None, rest: str) -> ContactProblem | None:
    if email or phone:
        return None
    if address:
        return ContactProblem.EMAIL_INVALID
    return ContactProblem.PHONE_INVALID if _looks_like_phone(rest) else None


# --- time -----------------------------------------------------------------------------------------------------------

_HOUR: Final = r"(?:[01]?\d|2[0-4])(?:\s?(?:h|heures?|:|am|pm|a\.m\.|p\.m\.|o'clock)\s?(?:[0-5]\d)?)(?:\s?(?:am|pm))?"
_LOOSE_HOUR: Final = rf"(?:{_HOUR}|\d{{1,2}}(?!\d)|midi|minuit|noon|midnight|lunch(?:time)?)"
_DAY: Final = (
    r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|demain|apr[eè]s[- ]demain|aujourd['’]?hui|tomorrow|today|tonight|week[- ]?ends?|weekdays?|en semaine)s?"
)
_PART: Final = (
    r"(?:matin(?:[ée]e)?s?|apr[eè]s[- ]midis?|aprem|soir(?:[ée]e)?s?|midi|journ[ée]e"
    r"|mornings?|afternoons?|evenings?|noon|daytime|lunchtime|lunch break|pause d[ée]jeuner)"
)
_TIME: Final = re.compile(
    rf"\b(?:(?:entre|between)\s+{_LOOSE_HOUR}\s+(?:et|and)\s+{_LOOSE_HOUR}"
    rf"|(?:de|from)\s+{_LOOSE_HOUR}\s+(?:[àa]|to|until|till)\s+{_LOOSE_HOUR}"
    rf"|(?:avant|apr[eè]s|apres|vers|d[eè]s|[àa] partir de|jusqu['’][àa]|pas avant|[àa]"
    rf"|before|after|around|from|until|by|at|not before)\s+{_LOOSE_HOUR}"
    rf"|(?:(?:ce|cet|cette|le|la|l['’]|en|dans la|this|in the|on|next)\s*)?(?:{_DAY}|{_PART})(?:\s+(?:prochaine?s?))?"
    rf"|{_HOUR})(?!\w)",
    re.IGNORECASE,
)
# Pieces closer than this, "demain matin, plutôt vers 9h", are one wish.
_GAP: Final = 14


def find_preferred_time(text: str) -> str | None:
    """The words that say when ("demain matin après 9h", "after 6pm"), or None. Expects numbers to be gone."""
    pieces = list(_TIME.finditer(text))
    if not pieces:
        return None
    end = pieces[0].end()
    for piece in pieces[1:]:
        if piece.start() - end > _GAP:
            break
        end = piece.end()
    return " ".join(text[pieces[0].start() : end].split()).strip(" ,.;")


_SENTENCE: Final = re.compile(r"[!?;\n]+|\.\s+(?=\D)")
_WISH: Final = re.compile(
    r"\b(?:r?appel(?:ez|le)[- ]moi|(?:pouvez[- ]vous|merci de|veuillez) (?:me )?r?appeler|joignable|disponible|dispo"
    r"|(?:me )?(?:joindre|contacter)|call me|ring me|phone me|reach me|contact me|available)\b"
    r"|[^\s@]+@[^\s@]+|\+?\d(?:[\s./()\-]{0,2}\d){7,}",
    re.IGNORECASE,
)


_WORDS_AROUND_A_TIME: Final = 2


def _without_times(text: str) -> str:
    return _TIME.sub(" ", text)
