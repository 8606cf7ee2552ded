"""How well does the published model read labelled messages?

The file holds one JSON object a line: ``text``, and any of ``lang``, ``disposition``, ``acceptable`` (other
dispositions that are right too), ``topic``, ``severity``; other fields are ignored. A score is computed over the lines
that carry its label, the one of severity over messages whose severity the model says, too.
"""

import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml

from bot.assistant.server import MODEL, nlu_environment, nlu_python
from bot.assistant.turns import prose
from bot.labelled_lines import read_labelled_lines

_FALLBACK: Final = "nlu_fallback"
_AMBIGUOUS: Final = "nlu_ambiguous"
_DISPOSITION_OF_PREFIX: Final = {
    "faq": "answer",
    "chitchat": "answer",
    "private": "escalate_private",
    "contentious": "escalate_contentious",
    "human": "human",
    "off_topic": "off_topic",
}
_ORDINARY: Final = "normal"
OTHER: Final = "other"
"""The disposition of intents that belong to a dialogue under way, such as giving a phone number."""


class EvaluationFailed(Exception):
    """The file or the model cannot be used; the message says why, with the line number where there is one."""


@dataclass(frozen=True)
class Labelled:
    text: str
    lang: str | None = None
    disposition: str | None = None
    acceptable: tuple[str, ...] = ()
    topic: str | None = None
    severity: str | None = None


@dataclass(frozen=True)
class Reading:
    """What the model made of a text. ``language`` is None where it was not sure, ``other_language`` where the text is
    in a served one, ``severity`` where nothing is grave. ``milliseconds`` is the model's own time."""

    intent: str
    confidence: float
    language: str | None
    milliseconds: float
    candidates: Sequence[str] = ()
    other_language: str | None = None
    severity: str | None = None

    @property
    def first_intent(self) -> str:
        """Where the assistant would ask which of two was meant, the likelier of them."""
        if self.intent != _AMBIGUOUS:
            return self.intent
        return next((name for name in self.candidates if name != _AMBIGUOUS), self.intent)

    @property
    def disposition(self) -> str:
        return disposition_of(self.first_intent)

    @property
    def topic(self) -> str:
        return topic_of(self.first_intent)


def disposition_of(intent: str) -> str:
    """By the intent's prefix (``faq_opening_hours``: answer)."""
    if intent == _FALLBACK:
        return "off_topic"
    return next((name for prefix, name in _DISPOSITION_OF_PREFIX.items() if _has(intent, prefix)), OTHER)


def topic_of(intent: str) -> str:
    prefix = next((prefix for prefix in _DISPOSITION_OF_PREFIX if _has(intent, prefix)), "")
    return intent.removeprefix(prefix).removeprefix("_") or intent


def _has(intent: str, prefix: str) -> bool:
    return intent == prefix or intent.startswith(f"{prefix}_")


class Typed(StrEnum):
    """How the messages are made to look before they are read."""

    WELL = "well"
    """As they stand in the file."""
    PLAINLY = "plainly"
    """Without accents and capitals."""
    WITH_SLIPS = "with-slips"
    """With a slip of the finger every 15 characters."""


def evaluate(path: Path, project_root: Path, model: Path | None = None, typed: Typed = Typed.WELL) -> dict[str, Any]:
    """Scores of the published model, or of ``model``. Raises ``EvaluationFailed``."""
    labelled = read_labelled(path)
    texts = [one.text for one in labelled]
    readings = read_with_model(texts, project_root, model or project_root / MODEL, typed)
    return score(labelled, readings, default_language(project_root))


def read_labelled(path: Path) -> list[Labelled]:
    """Raises ``EvaluationFailed`` with the number of the first line that cannot be used."""
    return read_labelled_lines(path, _labelled, EvaluationFailed)


def _labelled(line: str, where: str) -> Labelled:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise EvaluationFailed(f"{where}: no JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str) or not fields["text"].strip():
        raise EvaluationFailed(f"{where}: an object with a text is needed")
    for name in ("lang", "disposition", "topic", "severity"):
        if not isinstance(fields.get(name), str | None):
            raise EvaluationFailed(f"{where}: {name} must be a string")
    acceptable = fields.get("acceptable") or []
    if not isinstance(acceptable, list) or not all(isinstance(name, str) for name in acceptable):
        raise EvaluationFailed(f"{where}: acceptable must be a list of dispositions")
    return Labelled(
        fields["text"],
        fields.get("lang"),
        fields.get("disposition"),
        tuple(acceptable),
        fields.get("topic"),
        fields.get("severity"),
    )


def default_language(project_root: Path) -> str:
    """In which the assistant answers while it is not sure of the customer's: ``language`` of ``config.yml``."""
    config = yaml.safe_load((project_root / "config.yml").read_text(encoding="utf-8"))
    return str(config["language"])


def read_with_model(texts: Sequence[str], project_root: Path, model: Path, typed: Typed = Typed.WELL) -> list[Reading]:
    """The model reads what customers typed, as a turn would hand it over. Raises ``EvaluationFailed``."""
    if not model.exists():
        raise EvaluationFailed(f"{model} is missing: train first")
    lines = "".join(json.dumps({"text": prose(text)}) + "\n" for text in texts)
    command = [str(nlu_python(project_root)), "-m", "parvis_nlu.evaluate", "--model", str(model), "--typed", typed]
    run = subprocess.run(
        command,
        input=lines,
        capture_output=True,
        encoding="utf-8",
        env=nlu_environment(),
        cwd=project_root,
        check=False,
    )
    readings = [Reading(**json.loads(line)) for line in run.stdout.splitlines()]
    if run.returncode != 0 or len(readings) != len(texts):
        raise EvaluationFailed(f"the model could not be run: {run.stderr[-2000:]}")
    return readings


def score(labelled: Sequence[Labelled], readings: Sequence[Reading], default: str) -> dict[str, Any]:
    pairs = list(zip(labelled, readings, strict=True))
    judged = [_Judged(one, reading) for one, reading in pairs if one.disposition]
    spoken = [(one.lang, reading.other_language or reading.language or default) for one, reading in pairs if one.lang]
    grave = [(one.severity, reading.severity or _ORDINARY) for one, reading in pairs if one.severity]
    topics = [(one.topic, reading.topic) for one, reading in pairs if one.topic]
    return {
        "n": len(pairs),
        "disposition_accuracy": _share(one.is_right for one in judged),
        "by_disposition": _by_disposition(judged),
        "by_lang": _by_language(judged),
        "language_accuracy": _share(expected == found for expected, found in spoken),
        "topic_accuracy": _share(expected == found for expected, found in topics),
        "severity": _severity(grave),
        "confusion": _confusion(judged),
        "latency_ms": _latency([reading.milliseconds for reading in readings]),
        "mistakes": [one.as_mistake() for one in judged if not one.is_right],
    }


@dataclass(frozen=True)
class _Judged:
    """A prediction that is acceptable counts as the expected one."""

    labelled: Labelled
    reading: Reading
    expected: str = field(init=False)
    predicted: str = field(init=False)

    def __post_init__(self) -> None:
        expected, found = self.labelled.disposition or "", self.reading.disposition
        object.__setattr__(self, "expected", expected)
        object.__setattr__(self, "predicted", expected if found in self.labelled.acceptable else found)

    @property
    def is_right(self) -> bool:
        return self.predicted == self.expected

    def as_mistake(self) -> dict[str, Any]:
        return {
            "text": self.labelled.text,
            "expected": self.expected,
            "predicted": self.predicted,
            "intent": self.reading.intent,
            "confidence": self.reading.confidence,
        }


def _by_disposition(judged: Sequence[_Judged]) -> dict[str, dict[str, float | int | None]]:
    expected = Counter(one.expected for one in judged)
    predicted = Counter(one.predicted for one in judged)
    right = Counter(one.expected for one in judged if one.is_right)
    return {
        name: {
            "n": expected[name],
            "precision": _ratio(right[name], predicted[name]),
            "recall": _ratio(right[name], expected[name]),
            "f1": _ratio(2 * right[name], expected[name] + predicted[name]),
        }
        for name in sorted(expected | predicted)
    }


def _by_language(judged: Sequence[_Judged]) -> dict[str, dict[str, float | int | None]]:
    groups: defaultdict[str, list[bool]] = defaultdict(list)
    for one in judged:
        if one.labelled.lang:
            groups[one.labelled.lang].append(one.is_right)
    return {name: {"n": len(right), "disposition_accuracy": _share(right)} for name, right in sorted(groups.items())}


def _confusion(judged: Sequence[_Judged]) -> dict[str, dict[str, int]]:
    """Expected, then predicted: how often."""
    table: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in judged:
        table[one.expected][one.predicted] += 1
    return {expected: dict(row.most_common()) for expected, row in sorted(table.items())}


def _severity(grave: Sequence[tuple[str, str]]) -> dict[str, float | None] | None:
    """Nothing for a model that never says one. ``low`` and ``normal`` are both ordinary."""
    if all(found == _ORDINARY for _, found in grave):
        return None
    pairs = [(_ORDINARY if expected == "low" else expected, found) for expected, found in grave]
    urgent = [found != _ORDINARY for expected, found in pairs if expected != _ORDINARY]
    return {"accuracy": _share(expected == found for expected, found in pairs), "urgent_recall": _share(urgent)}


def _latency(milliseconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {name: round(ordered[int(share * (len(ordered) - 1))], 2) for name, share in (("p50", 0.5), ("p95", 0.95))}


def _share(hits: Iterable[bool]) -> float | None:
    outcomes = list(hits)
    return _ratio(sum(outcomes), len(outcomes))


def _ratio(part: int, whole: int) -> float | None:
    """None where there is nothing to count."""
    return round(part / whole, 4) if whole else None
