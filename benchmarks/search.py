"""Finding the highest rate that a system holds: rise until it fails, narrow down, then prove it in a longer step."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """How a search proceeds; the same for every system that is compared."""

    growth: float = 1.3
    """Rates rise by this factor until one is not held."""
    precision: float = 1.06
    """Narrowing ends when the lowest failed rate is within this factor of the highest held."""
    step_seconds: float = 3.0
    proof_seconds: float = 15.0
    proofs: int = 5
    """How many longer steps may be tried, each at a lower rate than the one before."""
    lowest_rate: float = 2.0


@dataclass(frozen=True)
class Step:
    """``rate`` in requests a second, held up for ``seconds``."""

    rate: float
    seconds: float
    proves: bool = False


class RateSearch:
    """Says which step comes next. A step that fails is repeated once before it counts, for another program's hiccup
    fails it as well; the longer step at the end is what the result stands on."""

    def __init__(self, first_rate: float, plan: Plan) -> None:
        self._plan = plan
        self._first_rate = first_rate
        self._held: float | None = None
        self._failed: float | None = None
        self._repeating: Step | None = None
        self._proof_rate: float | None = None
        self._proofs_left = plan.proofs
        self.result: float | None = None
        """The highest rate that was held in a longer step; None when there is none."""

    def next_step(self) -> Step | None:
        """None when the search is over."""
        if self.result is not None or self._proofs_left == 0:
            return None
        if self._repeating:
            return self._repeating
        if self._proof_rate is not None:
            return Step(self._proof_rate, self._plan.proof_seconds, proves=True)
        rate = self._next_rate()
        if rate is None:
            return None
        if rate == self._held:
            self._proof_rate = rate
            return self.next_step()
        return Step(rate, self._plan.step_seconds)

    def record(self, step: Step, *, held: bool) -> None:
        if step.proves:
            self._record_proof(step, held=held)
        elif held:
            self._repeating = None
            self._held = step.rate
        elif self._repeating:
            self._repeating = None
            self._failed = step.rate
        else:
            self._repeating = step

    def _record_proof(self, step: Step, *, held: bool) -> None:
        if held:
            self.result = step.rate
            return
        self._proofs_left -= 1
        # Each time a larger step down: a machine that is busy with something else may be far below its best.
        self._proof_rate = step.rate / self._plan.precision ** (self._plan.proofs - self._proofs_left)

    def _next_rate(self) -> float | None:
        """The next rate to try; the highest held one when narrowing is done; None when not even the lowest is held."""
        if self._failed is None:
            return self._first_rate if self._held is None else self._held * self._plan.growth
        if self._held is None:
            lower = self._failed / self._plan.growth**2
            return lower if lower >= self._plan.lowest_rate else None
        if self._failed / self._held > self._plan.precision:
            return math.sqrt(self._failed * self._held)
        return self._held
