from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.stats.histogram import Histogram

values = st.lists(st.floats(min_value=1e-6, max_value=1e4), min_size=1, max_size=200)


def histogram(numbers: list[float]) -> Histogram:
    made = Histogram()
    for number in numbers:
        made.add(number)
    return made


def test_a_power_of_two_is_the_upper_bound_of_its_bucket() -> None:
    assert histogram([1.0, 2.0, 0.5]).buckets == {0: 1, 32: 1, -32: 1}


def test_just_above_a_bound_is_the_next_bucket() -> None:
    assert histogram([1.001]).buckets == {1: 1}


def test_zero_has_a_bucket_of_its_own_and_negative_values_those_of_their_size() -> None:
    made = histogram([0.0, -0.25, -2.0, 1.0])
    assert (made.zeros, made.buckets, made.least, made.greatest) == (1, {0: 1}, -2.0, 1.0)
    assert (made.negatives, made.not_positive) == ({-64: 1, 32: 1}, 3)


def test_a_quantile_of_values_on_both_sides_of_zero_is_one_that_occurred() -> None:
    made = histogram([-33.0] * 7 + [3.0] * 6).distribution()
    assert made is not None
    assert made.p50 == pytest.approx(-33.0, rel=0.0221)
    assert made.p95 == 3.0
    assert made.mean == pytest.approx((-33 * 7 + 3 * 6) / 13)


@given(st.lists(st.floats(-1e4, 1e4).filter(lambda n: abs(n) > 1e-6 or n == 0), min_size=1), st.floats(0.001, 1.0))
def test_a_quantile_of_any_values_is_within_the_width_of_a_bucket(numbers: list[float], q: float) -> None:
    exact = sorted(numbers)[max(1, ceil(q * len(numbers))) - 1]
    estimate = histogram(numbers).quantile(q)
    assert estimate == pytest.approx(exact, rel=0.0225)


@given(st.lists(st.floats(-1e4, 1e4)), st.lists(st.floats(-1e4, 1e4)))
def test_what_was_added_since_has_the_sign_that_it_had(before: list[float], after: list[float]) -> None:
    made = histogram(before)
    earlier = made.copy()
    made.add_all(after)
    since = made.since(earlier)
    assert (since.count, since.zeros) == (len(after), after.count(0.0))
    assert sum(since.negatives.values()) == sum(value < 0 for value in after)
    if after:
        assert since.least is not None
        assert since.greatest is not None
        assert since.least <= min(after) + 1e-9
        assert since.greatest >= max(after) - 1e-9


def test_nothing_counted_is_unknown_and_not_zero() -> None:
    assert Histogram().distribution() is None
    assert Histogram().quantile(0.5) is None


@given(values, st.floats(min_value=0.001, max_value=1.0))
def test_a_quantile_is_within_the_width_of_a_bucket(numbers: list[float], q: float) -> None:
    exact = sorted(numbers)[max(1, ceil(q * len(numbers))) - 1]
    estimate = histogram(numbers).quantile(q)
    assert estimate is not None
    assert exact / 1.0221 <= estimate <= exact * 1.0221


@given(st.floats(1e-6, 1e4), st.integers(1, 300))
def test_equal_values_have_equal_figures(value: float, count: int) -> None:
    made = histogram([value] * count).distribution()
    assert made is not None
    assert (made.mean, made.p50, made.p95, made.p99, made.max) == (value,) * 5


@given(st.lists(st.floats(99.0, 103.0) | st.floats(1e-6, 1e4), min_size=1, max_size=200))
def test_no_quantile_is_below_the_mean_unless_its_value_is(numbers: list[float]) -> None:
    made = histogram(numbers).distribution()
    assert made is not None
    for q, estimate in ((0.5, made.p50), (0.95, made.p95), (0.99, made.p99)):
        exact = sorted(numbers)[max(1, ceil(q * len(numbers))) - 1]
        assert estimate >= made.mean or exact < sum(numbers) / len(numbers)


@given(st.lists(st.floats(-1.0, 1e4), min_size=1))
def test_the_figures_of_a_distribution_are_in_order(numbers: list[float]) -> None:
    made = histogram(numbers).distribution()
    assert made is not None
    assert min(numbers) <= made.p50 <= made.p95 <= made.p99 <= made.max == max(numbers)
    assert min(numbers) <= made.mean <= made.max


@pytest.mark.parametrize(
    ("numbers", "p50", "p95"),
    [
        pytest.param([152.0] * 90 + [100.0], 151.43, 151.43, id="connections that were fewer once"),
        pytest.param([100.0] * 28 + [98.5], 99.95, 99.95, id="a processor at its limit"),
        pytest.param([100.0] * 19 + [102.0] * 81, 101.97, 101.97, id="the middle of a bucket above the mean"),
        pytest.param([99.0] * 3 + [100.0] * 93 + [150.0] * 4, 99.78, 99.78, id="truly below the mean"),
    ],
)
def test_a_quantile_beside_the_mean(numbers: list[float], p50: float, p95: float) -> None:
    made = histogram(numbers).distribution()
    assert made is not None
    assert (made.p50, made.p95) == pytest.approx((p50, p95), abs=0.01)


@given(values)
def test_the_last_quantile_is_the_greatest_value(numbers: list[float]) -> None:
    assert histogram(numbers).quantile(1.0) == max(numbers)


@given(values, values, values)
def test_merging_is_associative_and_equals_one_histogram(a: list[float], b: list[float], c: list[float]) -> None:
    left = histogram(a)
    left.merge(histogram(b))
    left.merge(histogram(c))
    tail = histogram(b)
    tail.merge(histogram(c))
    right = histogram(a)
    right.merge(tail)
    whole = histogram(a + b + c)
    for made in (left, right):
        assert (made.buckets, made.count, made.least, made.greatest) == (
            whole.buckets,
            whole.count,
            whole.least,
            whole.greatest,
        )
        assert made.total == pytest.approx(whole.total)


@given(values, values)
def test_what_came_since_is_what_was_added(before: list[float], after: list[float]) -> None:
    earlier = histogram(before)
    later = histogram(before + after)
    since = later.since(earlier)
    assert since.buckets == histogram(after).buckets
    assert since.count == len(after)
    assert since.least is not None
    assert since.least <= min(after) * 1.0000001
    assert since.greatest is not None
    assert since.greatest >= max(after) * 0.9999999


def test_a_distribution_has_the_figures_of_the_summary() -> None:
    made = histogram([0.010] * 98 + [0.5, 1.0]).distribution()
    assert made is not None
    assert made.count == 100
    assert made.mean == pytest.approx((98 * 0.010 + 1.5) / 100)
    assert made.p50 == pytest.approx(0.010, rel=0.012)
    assert made.p95 == pytest.approx(0.010, rel=0.012)
    assert made.p99 == pytest.approx(0.5, rel=0.012)
    assert made.max == 1.0


@given(st.lists(st.floats(-1.0, 1e4)), st.lists(st.floats(-1.0, 1e4)))
def test_many_at_once_are_the_same_as_one_by_one(first: list[float], second: list[float]) -> None:
    at_once = Histogram()
    at_once.add_all(first)
    at_once.add_all(second)
    one_by_one = histogram([*first, *second])
    assert at_once.buckets == one_by_one.buckets
    assert (at_once.zeros, at_once.count) == (one_by_one.zeros, one_by_one.count)
    assert (at_once.least, at_once.greatest) == (one_by_one.least, one_by_one.greatest)
    assert at_once.total == pytest.approx(one_by_one.total)
