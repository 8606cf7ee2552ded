"""``replies.yml``: what agents send with a key, and the few words that the desk itself says to customers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.desk.tickets import DeskError

PLACEHOLDERS: Final = frozenset({"reference", "agent", "brand", "due", "phone", "email", "topic"})
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


class RepliesError(DeskError):
    """The file of replies cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class CannedReply:
    """``text`` still has its placeholders; see ``fill``."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Filled:
    """``missing`` are the placeholders for which there was no value; they stay in ``text`` as they were written."""

    text: str
    missing: tuple[str, ...]


class _Texts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    fr: str
    en: str

    def in_language(self, language: str) -> str:
        return self.en if language == "en" else self.fr


class _Desk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    delay: _Texts
    handed_back: _Texts


class _Canned(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: _Texts
    text: _Texts


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    desk: _Desk
    canned: dict[str, _Canned] = {}


class Replies:
    def __init__(self, file: _File) -> None:
        self._file = file

    def canned(self, language: str) -> list[CannedReply]:
        """In the file's order; French for any language but English."""
        return [
            CannedReply(key, reply.title.in_language(language), reply.text.in_language(language))
            for key, reply in self._file.canned.items()
        ]

    def delay(self, language: str, *, reference: str, due: str) -> str:
        return fill(self._file.desk.delay.in_language(language), {"reference": reference, "due": due}).text

    def handed_back(self, language: str, *, brand: str) -> str:
        return fill(self._file.desk.handed_back.in_language(language), {"brand": brand}).text


def fill(text: str, values: Mapping[str, str | None]) -> Filled:
    missing: list[str] = []

    def value_of(found: re.Match[str]) -> str:
        value = values.get(found[1])
        if value:
            return value
        missing.append(found[1])
        return found[0]

    return Filled(_PLACEHOLDER.sub(value_of, text), tuple(dict.fromkeys(missing)))


def load_replies(path: Path) -> Replies:
    """Raises ``RepliesError``."""
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RepliesError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    except ValidationError as error:
        lines = [f"{path.name}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise RepliesError("\n".join(lines)) from error
    _check_placeholders(path.name, file.model_dump(), ())
    return Replies(file)


def _check_placeholders(name: str, value: Any, place: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_placeholders(name, inner, (*place, key))
        return
    try:
        used = {field for _, field, _, _ in Formatter().parse(value) if field is not None}
    except ValueError as error:
        raise RepliesError(f"{name}: {'.'.join(place)}: {error}") from error
    if unknown := used - PLACEHOLDERS:
        known = ", ".join(sorted(PLACEHOLDERS))
        raise RepliesError(f"{name}: {'.'.join(place)}: no such placeholder {sorted(unknown)}; known are {known}")
