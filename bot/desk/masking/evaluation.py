"""Measures masking on labelled messages: what is found of each kind, and how often a harmless message is touched."""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bot.desk.masking.kinds import Found, Kind, settle
from bot.desk.masking.models import LanguageModels
from bot.labelled_lines import read_labelled_lines


class LabelsUnusable(Exception):
    """The file cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class Labelled:
    text: str
    language: str | None
    spans: tuple[Found, ...]


def evaluate_masking(path: Path, models: LanguageModels) -> dict[str, Any]:
    """Raises ``LabelsUnusable``.

    A labelled stretch counts as found when every letter and digit of it is masked, whatever the mask says; a harmless
    message (without any label) is touched when anything of it is.
    """
    labelled = read_labels(path)
    found, milliseconds = _find_one_by_one(labelled, models)
    started = time.process_time()
    models.find([one.text for one in labelled])
    batched = (time.process_time() - started) * 1000 / len(labelled)
    return (
        {"n": len(labelled)}
        | _score(labelled, found)
        | {
            "ms": {
                "p50": round(median(milliseconds), 2),
                "p95": round(sorted(milliseconds)[int(0.95 * (len(milliseconds) - 1))], 2),
                "in_batches": round(batched, 2),
            },
            "rss_mb": round(_peak_memory() / 2**20),
        }
    )


def read_labels(path: Path) -> list[Labelled]:
    """Lines of ``{"text": …, "lang": …, "spans": [{"start", "end", "kind"}]}``. Raises ``LabelsUnusable``."""
    return read_labelled_lines(path, _labelled, LabelsUnusable)


def _labelled(line: str, where: str) -> Labelled:
    try:
        fields = json.loads(line)
        spans = tuple(Found(span["start"], span["end"], Kind(span["kind"])) for span in fields.get("spans") or ())
        text = fields["text"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabelsUnusable(f"{where}: {error!r}; text and spans of start, end and a known kind are needed") from error
    if not all(0 <= span.start < span.end <= len(text) for span in spans):
        raise LabelsUnusable(f"{where}: a span lies outside its text")
    return Labelled(text, fields.get("lang"), spans)


def _find_one_by_one(labelled: Sequence[Labelled], models: LanguageModels) -> tuple[list[Sequence[Found]], list[float]]:
    found, milliseconds = [], []
    for one in labelled:
        started = time.perf_counter()
        found.append(settle(models.find([one.text])[0]))
        milliseconds.append((time.perf_counter() - started) * 1000)
    return found, milliseconds


def _score(labelled: Sequence[Labelled], found: Sequence[Sequence[Found]]) -> dict[str, Any]:
    total, caught, named = Counter[str](), Counter[str](), Counter[str]()
    harmless = touched = 0
    mistakes: list[dict[str, Any]] = []
    for one, masks in zip(labelled, found, strict=True):
        for span in one.spans:
            total[span.kind] += 1
            named[span.kind] += any(mask.kind is span.kind and _overlap(mask, span) for mask in masks)
            if _is_covered(one.text, span, masks):
                caught[span.kind] += 1
            else:
                mistakes.append(_mistake("missed", one, span))
        extra = [mask for mask in masks if not any(_overlap(mask, span) for span in one.spans)]
        mistakes += [_mistake("false_alarm", one, mask) for mask in extra]
        harmless += not one.spans
        touched += not one.spans and bool(masks)
    by_kind = {
        kind.value: {
            "n": total[kind],
            "recall": round(caught[kind] / total[kind], 4),
            "right_kind": round(named[kind] / total[kind], 4),
        }
        for kind in Kind
        if total[kind]
    }
    share = round(touched / harmless, 4) if harmless else None
    return {"by_kind": by_kind, "harmless": {"n": harmless, "touched": touched, "share": share}, "mistakes": mistakes}


def _overlap(one: Found, other: Found) -> bool:
    return one.start < other.end and other.start < one.end


def _is_covered(text: str, span: Found, masks: Sequence[Found]) -> bool:
    return all(
        any(mask.start <= place < mask.end for mask in masks)
        for place in range(span.start, span.end)
        if text[place].isalnum()
    )


def _mistake(what: str, one: Labelled, span: Found) -> dict[str, Any]:
    return {"what": what, "kind": span.kind.value, "value": one.text[span.start : span.end], "text": one.text}


def _peak_memory() -> int:
    """Bytes; Linux counts in kibibytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
