"""The short word for a customer who has to wait because the assistant is away, so it cannot be asked for its words.

It is the response ``utter_holding`` of the domain like any other, so that trainers own its wording. Only its first
variation in each language is used.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

DOMAIN: Final = Path(__file__).resolve().parents[2] / "domain.yml"
RESPONSE: Final = "utter_holding"

_UNLESS_THE_DOMAIN_SAYS: Final = {
    "fr": "Nous avons bien reçu votre message. Merci de patienter, nous vous répondons dès que possible.",
    "en": "We have received your message. Thank you for waiting, we will answer as soon as we can.",
}


def load_holding_text(domain: Path = DOMAIN) -> Callable[[str | None], str]:
    """The word in a language, or in all of them, one a line, when the language is not known or not served."""
    texts = _texts(domain) or _UNLESS_THE_DOMAIN_SAYS

    def holding_text(language: str | None) -> str:
        return texts.get(language or "") or "\n".join(texts.values())

    return holding_text


def _texts(domain: Path) -> dict[str, str]:
    try:
        content = yaml.safe_load(domain.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError):
        return {}
    facts = {name: slot.get("initial_value") for name, slot in (content.get("slots") or {}).items()}
    texts: dict[str, str] = {}
    for variation in (content.get("responses") or {}).get(RESPONSE, []):
        language = _language(variation)
        if language and "channel" not in variation:
            texts.setdefault(language, variation["text"].format_map(facts).strip())
    return texts


def _language(variation: dict[str, Any]) -> str | None:
    values = [one.get("value") for one in variation.get("condition", []) if one.get("name") == "language"]
    return values[0] if values else None
