"""What the console says, in French and English: ``words/fr.yml`` and ``words/en.yml``, the same keys in both."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

LANGUAGES: Final = ("fr", "en")
_FOLDER: Final = Path(__file__).parent / "words"


class Words:
    """Phrases of one language by dotted key: ``words("sign_in.title")``, with ``{names}`` filled in."""

    def __init__(self, language: str, phrases: dict[str, str]) -> None:
        self.language = language
        self.phrases = phrases

    def __call__(self, key: str, **values: object) -> str:
        """Raises ``KeyError`` for a phrase that nobody wrote."""
        return self.phrases[key].format(**values) if values else self.phrases[key]

    def has(self, key: str) -> bool:
        return key in self.phrases


@cache
def words_of(language: str) -> Words:
    tree = yaml.safe_load((_FOLDER / f"{language}.yml").read_text(encoding="utf-8"))
    phrases = dict(_flattened(tree, ""))
    return Words(language, {key: _set_in_french(one) for key, one in phrases.items()} if language == "fr" else phrases)


def _set_in_french(phrase: str) -> str:
    """What stands before high punctuation never begins a line; the file is written with plain blanks."""
    return re.sub(" (?=[;?!])", "\N{NARROW NO-BREAK SPACE}", re.sub(" (?=[:»])", "\N{NO-BREAK SPACE}", phrase))


def _flattened(tree: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in tree.items():
        flat += _flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", str(value))]
    return flat


def preferred_language(accepted: str) -> str:
    """The first served language of an ``Accept-Language`` header (RFC 9110, 12.5.4), or else English."""
    ranked = sorted((_weighted(part) for part in accepted.split(",") if part.strip()), key=lambda pair: -pair[1])
    return next((language for language, _ in ranked if language in LANGUAGES), "en")


def _weighted(part: str) -> tuple[str, float]:
    tag, _, weight = part.strip().partition(";q=")
    try:
        return tag.strip().lower()[:2], float(weight or 1)
    except ValueError:
        return tag.strip().lower()[:2], 0.0
