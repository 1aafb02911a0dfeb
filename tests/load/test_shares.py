"""Whose viewers are whose, for any weights and numbers of workers."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.load.shares import Share, share_of, weighted_shares

weights = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(weights, st.lists(st.integers(1, 5), min_size=6, max_size=6))
def test_shares_and_their_parts_are_disjoint_and_the_whole(given_weights: list[int], workers: list[int]) -> None:
    shares = weighted_shares(given_weights)
    parts = [part for share, number in zip(shares, workers, strict=False) for part in share.parts(number)]
    assert Counter(number for part in parts for number in part.numbers(500)) == Counter(range(500))


@given(weights, st.integers(0, 3000))
def test_a_share_is_as_large_as_its_weight_at_any_time_of_a_ramp(given_weights: list[int], viewers: int) -> None:
    for weight, share in zip(given_weights, weighted_shares(given_weights), strict=True):
        assert share.count(viewers) == len(share.numbers(viewers)) == sum(map(share.has, range(viewers)))
        assert abs(share.count(viewers) - viewers * weight / sum(given_weights)) <= len(given_weights)


@given(weights, st.integers(1, 7), st.integers(0, 1000))
def test_the_parts_of_a_share_are_of_one_size(given_weights: list[int], number: int, viewers: int) -> None:
    counts = [part.count(viewers) for part in weighted_shares(given_weights)[0].parts(number)]
    assert max(counts) - min(counts) <= given_weights[0]


@pytest.mark.parametrize(
    ("given_weights", "expected"),
    [
        pytest.param([1], [Share((0,), 1)], id="one"),
        pytest.param([2, 2], [Share((0, 2), 4), Share((1, 3), 4)], id="in turn"),
        pytest.param([3, 1], [Share((0, 1, 3), 4), Share((2,), 4)], id="not one block"),
    ],
)
def test_shares_are_spread(given_weights: list[int], expected: list[Share]) -> None:
    assert list(weighted_shares(given_weights)) == expected


def test_workers_of_one_machine_take_turns() -> None:
    assert Share((0,), 1).parts(3) == tuple(share_of(worker, 3) for worker in range(3))
