from collections.abc import Callable

from benchmarks.search import Plan, RateSearch, Step


def run_search(
    first_rate: float, holds: Callable[[Step], bool], plan: Plan | None = None
) -> tuple[RateSearch, list[Step]]:
    search, steps = RateSearch(first_rate, plan or Plan()), []
    while step := search.next_step():
        steps.append(step)
        assert len(steps) < 100, "the search does not end"
        search.record(step, held=holds(step))
    return search, steps


def test_search_ends_just_below_the_limit_and_proves_it():
    search, steps = run_search(400, lambda step: step.rate <= 1000)
    assert 1000 / Plan().precision <= search.result <= 1000
    assert steps[-1] == Step(search.result, Plan().proof_seconds, proves=True)


def test_search_comes_down_when_it_began_too_high():
    search, _ = run_search(5000, lambda step: step.rate <= 1000)
    assert 900 <= search.result <= 1000


def test_one_hiccup_does_not_count():
    hiccups = iter([False])
    search, _ = run_search(400, lambda step: step.rate <= 1000 and next(hiccups, True))
    assert 900 <= search.result <= 1000


def test_rate_that_fails_its_proof_is_lowered_until_one_holds():
    search, steps = run_search(400, lambda step: step.rate <= (800 if step.proves else 1000))
    proofs = [step.rate for step in steps if step.proves]
    assert search.result == proofs[-1] <= 800
    assert proofs == sorted(proofs, reverse=True)
    assert len(proofs) > 1


def test_no_rate_is_reported_when_none_can_be_proved():
    search, steps = run_search(400, lambda step: step.rate <= 1000 and not step.proves)
    assert search.result is None
    assert sum(step.proves for step in steps) == Plan().proofs


def test_search_gives_up_on_a_system_that_holds_nothing():
    search, steps = run_search(10, lambda step: False)
    assert search.result is None
    assert not any(step.proves for step in steps)


def test_load_of_a_search_takes_about_a_minute():
    _, steps = run_search(450, lambda step: step.rate <= 1000)
    assert 30 <= sum(step.seconds for step in steps) <= 75
