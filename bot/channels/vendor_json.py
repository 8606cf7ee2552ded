"""Reading a vendor's JSON without trusting its shape.

A webhook body is signed, yet its fields come and go with API versions. Each reader here takes what fits and answers
with nothing for the rest, so that one odd field never costs a customer's message, nor one odd item the others of its
batch. Bodies are decoded once into plain objects: typed decoding would refuse a whole batch for one wrong field.
"""

import math
import re
import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from bot.channels.base import MalformedPayload

JsonObject = dict[str, Any]

_decoder: Final = msgspec.json.Decoder()
_EMPTY: Final[JsonObject] = {}
_LARGEST_ID: Final = 2**64
_EARLIEST: Final = 946_684_800.0
"""2000-01-01: nothing on these platforms is older."""
_LATEST: Final = 4_102_444_800.0
"""2100-01-01."""
_MILLISECONDS_FROM: Final = 1e11
"""Seconds reach this value in the year 5138, milliseconds did in 1973."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def read_object(body: bytes) -> JsonObject:
    """Decode a body whose outermost value is an object. Raises ``MalformedPayload``."""
    try:
        decoded = _decode(body)
    except (ValueError, RecursionError) as error:
        # Only the kind of error: its text may quote the body.
        raise MalformedPayload(f"the body is not JSON ({type(error).__name__})") from None
    if not isinstance(decoded, dict):
        raise MalformedPayload("the body is not a JSON object")
    return decoded


def _decode(body: bytes) -> Any:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        repaired = _ESCAPE.sub(_replace_lone_surrogate, body)
        if repaired == body:
            raise
        return _decoder.decode(repaired)


def _replace_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    """Half an emoji, left where a platform cut a text at a byte count, would make the whole batch unreadable."""
    return rb"\ufffd" if escape[1] else escape[0]


def object_at(parent: JsonObject, key: str) -> JsonObject:
    value = parent.get(key)
    return value if isinstance(value, dict) else _EMPTY


def objects_at(parent: JsonObject, key: str) -> list[JsonObject]:
    """The objects of a list; a lone object counts as a list of one.

    Whatever is not an object comes out as an empty one, so that it is told as an unknown event instead of vanishing.
    """
    value = parent.get(key)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else _EMPTY for item in items]


def text_at(parent: JsonObject, key: str) -> str | None:
    """A text that holds ink, without NUL, which PostgreSQL refuses; None otherwise."""
    value = parent.get(key)
    if not isinstance(value, str):
        return None
    if "\0" in value:
        value = value.replace("\0", "")
    return value if value and not value.isspace() else None


def id_at(parent: JsonObject, key: str) -> str:
    """An identifier, which platforms write as string or number; empty where there is none."""
    value = parent.get(key)
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_ID:
        return str(value)
    return ""


def time_at(parent: JsonObject, key: str) -> float | None:
    """UTC seconds since the epoch, from seconds, milliseconds (as string or number) or ISO 8601; else None."""
    value = parent.get(key)
    if isinstance(value, str):
        return _time_of_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _plausible(value)
    return None


def _time_of_text(value: str) -> float | None:
    try:
        return _plausible(float(value)) if value.isascii() and len(value) < 20 else _time_of_iso(value)
    except ValueError:
        return _time_of_iso(value)


def _time_of_iso(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _plausible(aware.timestamp())


def _plausible(value: float) -> float | None:
    try:
        seconds = float(value)
    except OverflowError:
        return None
    if not math.isfinite(seconds):
        return None
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    return seconds if _EARLIEST <= seconds < _LATEST else None


def first_time(*candidates: float | None) -> float:
    """The first known time, else now: an event without one has just arrived."""
    for candidate in candidates:
        if candidate is not None:
            return candidate
    return time.time()


def is_clean_id(value: str) -> bool:
    """Whether ``id_at`` would leave it as it is."""
    return value != "" and "\0" not in value and value == value.strip()


def holds_ink(value: str) -> bool:
    """Whether ``text_at`` would leave it as it is."""
    return value != "" and "\0" not in value and not value.isspace()


def time_of_milliseconds(value: int) -> float | None:
    """UTC seconds since the epoch; None for what ``time_at`` would not take for milliseconds."""
    return _plausible(value) if value >= _MILLISECONDS_FROM else None


def event_name(*parts: object) -> str:
    """A vendor's key or type as a name fit for logs and metrics; anything else could carry a customer's words."""
    name = ".".join(part for part in parts if isinstance(part, str) and part)[:64]
    return name if _NAME.fullmatch(name) else "unnamed"
