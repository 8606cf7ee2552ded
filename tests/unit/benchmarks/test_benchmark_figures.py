import pytest

from benchmarks.figures import percentile, summarize


def test_percentile_is_a_value_that_was_measured():
    ordered = [float(value) for value in range(1, 101)]
    assert [percentile(ordered, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]


def test_percentile_of_few_values_leans_to_the_slow_side():
    assert percentile([1.0, 2.0, 9.0], 0.99) == 9.0
    assert percentile([7.0], 0.5) == 7.0


@pytest.mark.parametrize(("values", "fraction"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_percentile_refuses_what_has_none(values, fraction):
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, fraction)


def test_summary_is_in_milliseconds_and_needs_no_order():
    summary = summarize([0.030, 0.010, 0.020])
    assert (summary.n, summary.p50, summary.p99, summary.max) == (3, 20.0, 30.0, 30.0)
