"""Cutting text to what a platform takes, without tearing sentences, words or what a reader sees as one character."""

from collections.abc import Iterator
from typing import Final

import regex

ELLIPSIS: Final = "…"

# A breaking space: French sets no-break spaces before "!" and "€", where a line, and so a message, may not be cut.
_BREAKING_SPACE: Final = r"[^\S\u00A0\u2007\u202F]"
_SENTENCE_END: Final = regex.compile(
    rf"[.!?…]+(?:[\u00A0\u202F]?[\"'»”’)\]])*(?={_BREAKING_SPACE})|\S(?={_BREAKING_SPACE}*\n)"
)
_WORD_END: Final = regex.compile(rf"\S(?={_BREAKING_SPACE})")
_GRAPHEME: Final = regex.compile(r"\X")


def split(text: str, limit: int) -> list[str]:
    """Cut ``text`` into parts of at most ``limit`` characters (code points), at least one if it holds any ink.

    A cut falls on the last sentence border that fits, else the last word border, else between two graphemes. Nothing is
    lost but the white space at the cuts and at both ends.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    parts = []
    text = text.strip()
    while len(text) > limit:
        cut = _last_cut(text, limit)
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*parts, text] if text else parts


def shorten(text: str, limit: int) -> str:
    """``text``, or its beginning and an ellipsis where it is longer than ``limit`` characters."""
    text = text.strip()
    if len(text) <= limit:
        return text
    room = limit - len(ELLIPSIS)
    return text[: _last_end(_grapheme_ends(text, room)) or room].rstrip() + ELLIPSIS


def _last_cut(text: str, limit: int) -> int:
    # One character beyond the limit: a border that falls right on the limit is known by the space that follows it.
    window = text[: limit + 1]
    return (
        _last_end(match.end() for match in _SENTENCE_END.finditer(window))
        or _last_end(match.end() for match in _WORD_END.finditer(window))
        or _last_end(_grapheme_ends(text, limit))
        or limit  # a single grapheme longer than a whole message: stacked accents, to be cut somewhere
    )


def _grapheme_ends(text: str, limit: int) -> Iterator[int]:
    for match in _GRAPHEME.finditer(text):
        if match.end() > limit:
            return
        yield match.end()


def _last_end(ends: Iterator[int]) -> int:
    last = 0
    for end in ends:
        last = end
    return last
