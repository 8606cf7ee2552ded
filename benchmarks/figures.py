"""Figures drawn from measured times."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The nearest-rank percentile: a value that was really measured, never one in between.

    ``ordered`` ascends and is not empty; ``fraction`` lies in (0, 1]. Raises ``ValueError`` otherwise.
    """
    if not ordered or not 0 < fraction <= 1:
        raise ValueError("a percentile needs at least one value and a fraction in (0, 1]")
    return ordered[math.ceil(fraction * len(ordered)) - 1]


@dataclass(frozen=True)
class Latency:
    """Milliseconds. ``n`` is how many were measured."""

    n: int
    p50: float
    p95: float
    p99: float
    max: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def summarize(seconds: Sequence[float]) -> Latency:
    """Raises ``ValueError`` when there is nothing to summarize."""
    ordered = sorted(seconds)
    values = {f"p{share}": _milliseconds(percentile(ordered, share / 100)) for share in (50, 95, 99)}
    return Latency(n=len(ordered), max=_milliseconds(ordered[-1]), **values)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
