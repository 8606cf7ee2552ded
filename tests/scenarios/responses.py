"""Recognises which response of the domain a text is, whatever its variation, language and facts."""

import re
from pathlib import Path

import yaml

_DOMAIN = Path(__file__).resolve().parents[2] / "domain.yml"


def _patterns() -> dict[str, list[re.Pattern[str]]]:
    responses = yaml.safe_load(_DOMAIN.read_text(encoding="utf-8"))["responses"]
    return {
        name: [_pattern(variation["text"]) for variation in variations if variation.get("text")]
        for name, variations in responses.items()
    }


def _pattern(text: str) -> re.Pattern[str]:
    facts_anywhere = re.sub(r"\\\{\w+\\\}", ".+", re.escape(" ".join(text.split())))
    return re.compile(facts_anywhere + r"(\s+1\. .*)?")  # X shows quick replies as a numbered list


_RESPONSES = _patterns()


def response_of(text: str) -> str:
    """The response's name, or the text itself where it is none."""
    by_line = {_match(line) for line in text.splitlines()}
    if len(by_line) == 1 and None not in by_line:
        return str(by_line.pop())  # said in every language, one a line
    return _match(text) or f"unknown: {text}"


def _match(text: str) -> str | None:
    plain = " ".join(text.split())
    matching = [name for name, patterns in _RESPONSES.items() if any(one.fullmatch(plain) for one in patterns)]
    return matching[0] if matching else None
