"""What the brand itself publishes: in a transcript its own telephone, addresses and towns are no personal data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def read_public_facts(domain: Path) -> list[str]:
    """Every text among the facts at the top of the assistant's domain. Raises ``OSError`` and ``yaml.YAMLError``."""
    slots = yaml.safe_load(domain.read_text(encoding="utf-8")).get("slots") or {}
    return [text for slot in slots.values() for text in _texts(slot.get("initial_value"))]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
