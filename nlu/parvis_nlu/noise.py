"""Copies of training examples as customers type them: without accents and capitals, with slips of the finger."""

from __future__ import annotations

import random
import unicodedata

_LETTERS_PER_SLIP = 12
_SEED = 20
_KEYS = "abcdefghijklmnopqrstuvwxyz"


def noisy_copies(text: str) -> list[str]:
    """Deterministic for a text, so that the same data always trains the same model. May be empty."""
    plain = without_accents(text).lower()
    candidates = (plain, slip(text, random.Random(f"{_SEED}:{text}")))  # noqa: S311 - noise, not secrets
    return [copy for copy in dict.fromkeys(candidates) if copy != text]


def without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def slip(text: str, chance: random.Random, every: int = _LETTERS_PER_SLIP) -> str:
    """About one slip every ``every`` characters: one is dropped, added, hit wrongly or swapped with its neighbour."""
    letters = list(text)
    for _ in range(max(1, round(len(text) / every))):
        if len(letters) < 4:
            break
        at = chance.randrange(len(letters) - 1)
        kind = chance.choice(("drop", "add", "miss", "swap"))
        if kind == "drop":
            del letters[at]
        elif kind == "add":
            letters.insert(at, chance.choice(_KEYS))
        elif kind == "miss":
            letters[at] = chance.choice(_KEYS)
        else:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)
