"""Short names of intents for customers, from ``titles.yml``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import yaml

TITLES: Final = Path(__file__).resolve().parents[1] / "titles.yml"


@cache
def read_titles(path: Path = TITLES) -> Mapping[str, Mapping[str, str]]:
    """By intent and language."""
    titles: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return titles


def title_of(intent: str, language: str) -> str | None:
    """None for an intent that has no title, which is then not offered."""
    return read_titles().get(intent, {}).get(language)
