"""How grave an intent is, read off its prefix: the graver of two requests decides."""

from __future__ import annotations

AMBIGUOUS_INTENT = "nlu_ambiguous"
"""The two intents that follow it in the ranking are too close to choose between."""

_PREFIXES = ("contentious", "private", "human", "faq", "chitchat")


def gravity_of(intent: str | None) -> int:
    """Higher is graver. What is not understood (``nlu_fallback``) and every unknown prefix is as mild as off topic.

    ``nlu_ambiguous`` is no intent of its own: ask for its first candidate.
    """
    prefix = (intent or "").partition("_")[0]
    return len(_PREFIXES) - _PREFIXES.index(prefix) if prefix in _PREFIXES else 0


def plain_name(intent: str) -> str:
    """What an intent is about, in words: ``faq_opening_hours`` is "opening hours"."""
    prefix, _, rest = intent.partition("_")
    return (rest if prefix in _PREFIXES else intent).replace("_", " ").strip()
