"""The kinds of personal data, and how a text reads once they are masked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Where two overlap, the one written first here stands."""

    CARD = "card"
    IBAN = "iban"
    NIR = "nir"
    """French social security number."""
    SECURITY_CODE = "security_code"
    EMAIL = "email"
    PASSWORD = "password"  # noqa: S105 -- a kind, not a secret
    ORDER_NUMBER = "order_number"
    PHONE = "phone"
    ADDRESS = "address"
    NAME = "name"


_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}
# Enough for a customer and an agent to agree on which card is meant.
_KEEPS_FOUR: Final = (Kind.CARD, Kind.IBAN)
# What a team works with. The rest helps nobody to answer, and is kept nowhere.
_OF_USE: Final = (Kind.ORDER_NUMBER, Kind.EMAIL, Kind.PHONE, Kind.ADDRESS, Kind.NAME)


@dataclass(frozen=True, slots=True)
class Found:
    """``text[start:end]`` is personal data of that kind."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked text, and what of it a ticket's team needs: the values by kind, each once, in the order written."""

    text: str
    kept: dict[str, list[str]] = field(default_factory=dict)


def replace(text: str, found: Iterable[Found]) -> Masked:
    """``[phone]``, ``[order number]``, ``[card ··4242]``, in every language; masking again changes nothing."""
    masked, kept, position = [], dict[str, list[str]](), 0
    for one in settle(found):
        value = text[one.start : one.end]
        masked += [text[position : one.start], _mask_of(one.kind, value)]
        position = one.end
        values = kept.setdefault(one.kind.value, []) if one.kind in _OF_USE else []
        if value not in values:
            values.append(value)
    return Masked("".join([*masked, text[position:]]), kept)


def settle(found: Iterable[Found]) -> Sequence[Found]:
    """Without overlaps, from left to right. The rest of what is overlapped in part is masked too."""
    settled: list[Found] = []
    for one in sorted(found, key=lambda one: (_RANK[one.kind], one.start - one.end)):
        settled += [Found(start, end, one.kind) for start, end in _gaps(one, settled)]
    return sorted(settled, key=lambda one: one.start)


def _gaps(one: Found, taken: Iterable[Found]) -> Iterable[tuple[int, int]]:
    start = one.start
    for other in sorted(taken, key=lambda other: other.start):
        if other.end <= start or other.start >= one.end:
            continue
        if other.start - start > 1:
            yield start, other.start
        start = other.end
    if one.end - start > 1:
        yield start, one.end


def _mask_of(kind: Kind, value: str) -> str:
    words = kind.value.replace("_", " ")
    if kind not in _KEEPS_FOUR:
        return f"[{words}]"
    last = [character for character in value.upper() if character.isalnum()][-4:]
    return f"[{words} ··{''.join(str(int(one)) if one.isdecimal() else one for one in last)}]"
