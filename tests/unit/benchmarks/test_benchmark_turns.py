"""Systems that are compared take their turns side by side."""

import pytest

from benchmarks.figures import summarize
from benchmarks.turn import common_phases, share
from benchmarks.turns import PhaseResult


def result(*windows: float | None, unanswered: int = 0) -> PhaseResult:
    answered = [seconds for seconds in windows if seconds is not None]
    return PhaseResult(
        turns=len(answered) + unanswered,
        answered=len(answered),
        refused=0,
        latency=summarize([seconds / 1000 for seconds in answered]),
        window_p50=windows,
    )


def test_a_drift_of_the_machine_does_not_move_the_share() -> None:
    assert share(result(10.0, 20.0, 40.0), result(30.0, 60.0, 120.0)) == pytest.approx(0.334)


def test_one_disturbed_window_does_not_move_the_share() -> None:
    assert share(result(10.0, 90.0, 10.0), result(40.0, 40.0, 40.0)) == 0.25


def test_silence_has_no_share() -> None:
    assert share(result(10.0, None, unanswered=1), result(30.0, 30.0)) is None


def test_every_phase_divides_into_its_windows() -> None:
    assert all(phase.turns % phase.windows == 0 for phase in common_phases())
