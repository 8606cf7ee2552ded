"""What the confidence of the intent classifier means.

A regression is certain even of nonsense, so certainty is not asked: the sum over the intents of what the judges found,
however it is shared among them (its log-sum-exp), less half of what speaks for an intent that is out of scope. The
result is stretched so that 0.5 is the hand-over point: the score under which ``handover`` of the trainers' own examples
fall when a model judges them that has not seen them. 0.9 is the median example. So one threshold fits every bot,
however many intents it has. Intents that take the matter to a person anyway have a scale of their own, with
``grave_handover`` instead. In the same way ``ambiguity`` is the share of examples whose first two intents are called
too close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from parvis_nlu.gravity import gravity_of

HANDOVER_CONFIDENCE = 0.5
MEDIAN_CONFIDENCE = 0.9
_OUT_OF_SCOPE_WEIGHT = 0.5
# The third intent must be this many times less likely than the second (as a logarithm) when two are called close.
_CLEAR_OF_THE_REST = 1.0


@dataclass(frozen=True)
class Options:
    """``handover``: how often the bot may hand over a question it could have answered, as a share of all.

    ``grave_handover``: how often it may take a message for out of scope that belongs to an intent of ``human_``,
    ``private_`` or ``contentious_``: there a person reads along, so doubt costs less than not being heard.
    ``ambiguity``: how often it may ask which of two was meant. ``encoder``: a class, see ``parvis_nlu.encoder``.
    ``processes``: that learn at the same time; None: as many as there are cores, if the examples are worth it.
    """

    handover: float = 0.05
    grave_handover: float = 0.02
    ambiguity: float = 0.03
    encoder: str = "parvis_nlu.encoder.UniversalSentenceEncoder"
    processes: int | None = None


@dataclass(frozen=True)
class Scope:
    """Which intents are out of scope; says how much a message is in it (or out of it, when its first intent is)."""

    out: np.ndarray

    def score(self, logits: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """One number a row of logits. ``chosen``: the number of the intent that each row was taken for."""
        if not self.out.any() or self.out.all():
            return _log_sum_exp(logits)
        within, without = _log_sum_exp(logits[:, ~self.out]), logits[:, self.out].max(axis=1)
        return np.where(
            self.out[chosen], without - _OUT_OF_SCOPE_WEIGHT * within, within - _OUT_OF_SCOPE_WEIGHT * without
        )


def _log_sum_exp(rows: np.ndarray) -> np.ndarray:
    """Of each row. SciPy's takes five times as long over a single one, for cases that do not occur here."""
    highest = rows.max(axis=1, keepdims=True)
    sums: np.ndarray = np.log(np.exp(rows - highest).sum(axis=1)) + highest[:, 0]
    return sums


@dataclass(frozen=True)
class Scale:
    """Turns a score into a confidence without changing any order, so that 0.5 is the hand-over point."""

    handover_score: float
    median_score: float

    @classmethod
    def of(cls, scores: np.ndarray, weights: np.ndarray, handover: float) -> Scale:
        if not len(scores):  # nothing could be judged: every message passes
            return cls(-100.0, 0.0)
        order = np.argsort(scores, kind="stable")
        shares = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
        low, median = np.interp([handover, 0.5], shares, scores[order])
        return cls(float(low), float(max(median, low + 1e-3)))

    def confidence(self, score: float) -> float:
        steepness = np.log(MEDIAN_CONFIDENCE / (1 - MEDIAN_CONFIDENCE)) / (self.median_score - self.handover_score)
        return float(expit(steepness * (score - self.handover_score)))


@dataclass(frozen=True)
class Scales:
    """``grave`` is for intents that take the matter to a person."""

    ordinary: Scale
    grave: Scale

    @classmethod
    def of(cls, scores: np.ndarray, weights: np.ndarray, are_grave: np.ndarray, options: Options) -> Scales:
        """``are_grave`` tells of which kind the intent of each scored message is. A kind without one has the other's
        scale."""

        def scale(rows: np.ndarray, share: float) -> Scale:
            rows = rows if rows.any() else np.ones_like(rows)
            return Scale.of(scores[rows], weights[rows], share)

        return cls(scale(~are_grave, options.handover), scale(are_grave, options.grave_handover))

    @classmethod
    def restore(cls, state: dict[str, dict[str, float]]) -> Scales:
        return cls(Scale(**state["ordinary"]), Scale(**state["grave"]))

    def confidence(self, score: float, is_grave: bool) -> float:
        return (self.grave if is_grave else self.ordinary).confidence(score)


def are_grave_intents(intents: Sequence[str]) -> np.ndarray:
    return np.array([gravity_of(intent) >= gravity_of("human_") for intent in intents])


def closeness_of(logits: np.ndarray, intents: list[str], share: float) -> float:
    """The distance under which the first two intents of ``share`` of these messages are."""
    if not len(logits) or len(intents) < 2 or share <= 0:
        return 0.0
    orders = np.argsort(-logits, axis=1, kind="stable")[:, :3]
    distances = [distance(row, order, intents) for row, order in zip(logits, orders, strict=True)]
    return max(0.0, float(np.quantile(distances, share, method="lower")))


def distance(logits: np.ndarray, order: np.ndarray, intents: list[str]) -> float:
    """Between the first two intents, as a log-ratio; infinite where the question "which?" would not help: when they
    are of very different gravity, small talk, or not clear of the third."""
    if len(order) < 2:
        return np.inf
    gravities = [gravity_of(intents[at]) for at in order[:2]]
    gap = float(logits[order[0]] - logits[order[1]])
    if abs(gravities[0] - gravities[1]) > 1 or gravity_of("chitchat_") in gravities:
        return np.inf
    if len(order) > 2 and logits[order[1]] - logits[order[2]] < _CLEAR_OF_THE_REST:
        return np.inf
    return gap
