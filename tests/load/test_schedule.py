import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.load.schedule import Ramp, share, unit_hash


def test_without_jitter_viewers_start_at_an_even_rate() -> None:
    ramp = Ramp(5, per_second=2.0)
    assert [ramp.start_offset(nth) for nth in range(5)] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert ramp.end_offset() == 2.0


def test_the_same_seed_gives_the_same_starts_and_another_seed_others() -> None:
    starts = [[Ramp(50, 5.0, 0.2, seed).start_offset(n) for n in range(50)] for seed in (7, 7, 8)]
    assert starts[0] == starts[1]
    assert starts[0] != starts[2]


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**6), st.floats(0.0, 10.0), st.floats(0.01, 1e4))
def test_jitter_moves_a_start_later_by_no_more_than_it_says(seed: int, nth: int, jitter: float, rate: float) -> None:
    ramp = Ramp(nth + 1, rate, jitter, seed)
    assert nth / rate <= ramp.start_offset(nth) <= nth / rate + jitter


def test_jitter_is_spread_evenly() -> None:
    drawn = [unit_hash(1, nth) for nth in range(20_000)]
    assert 0.0 <= min(drawn) < 0.001
    assert 0.999 < max(drawn) < 1.0
    tenths = [sum(1 for value in drawn if int(value * 10) == tenth) for tenth in range(10)]
    assert all(1850 < number < 2150 for number in tenths), tenths


@given(st.integers(0, 500), st.integers(1, 16))
def test_the_shares_of_all_workers_are_every_viewer_once(viewers: int, workers: int) -> None:
    numbers = [number for worker in range(workers) for number in share(viewers, worker, workers)]
    assert sorted(numbers) == list(range(viewers))


@given(st.integers(1, 1000), st.floats(0.1, 1000.0))
def test_viewers_due_rise_from_one_to_all(viewers: int, rate: float) -> None:
    ramp = Ramp(viewers, rate)
    due = [ramp.due_by(offset * ramp.end_offset() / 20) for offset in range(21)]
    assert due == sorted(due)
    assert due[0] == 1
    assert ramp.due_by(ramp.end_offset() + 1 / rate) == viewers
    assert ramp.due_by(-0.1) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((-1, 5.0), id="viewers below zero"),
        pytest.param((1, 0.0), id="no rate"),
        pytest.param((1, float("inf")), id="infinite rate"),
        pytest.param((1, 5.0, -0.1), id="jitter below zero"),
    ],
)
def test_a_ramp_that_can_not_be_is_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ramp needs"):
        Ramp(*arguments)  # type: ignore[arg-type] # a table of ints and floats
