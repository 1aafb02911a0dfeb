"""How far two clocks are apart, from questions and answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.cluster.clocks import KEPT_SECONDS, ClockOffset, Offset

delays = st.floats(0.0, 0.5)


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(delays, delays), min_size=1, max_size=12))
def test_the_offset_is_wrong_by_no_more_than_it_says(offset: float, ways: list[tuple[float, float]]) -> None:
    clock = ClockOffset()
    for nth, (there, back) in enumerate(ways):
        asked_at = 100.0 + nth
        clock.add(asked_at, asked_at + there - offset, asked_at + there + back)
    assert clock.best is not None
    assert abs(clock.best.seconds - offset) <= clock.best.error_seconds + 1e-6
    assert clock.best.error_seconds == pytest.approx(min(there + back for there, back in ways) / 2, abs=1e-9)


def test_an_old_exchange_is_forgotten_as_clocks_drift() -> None:
    clock = ClockOffset()
    clock.add(100.0, 90.0, 100.0)
    clock.add(100.0 + KEPT_SECONDS + 1, 90.0 + KEPT_SECONDS, 100.0 + KEPT_SECONDS + 3)
    assert clock.best == Offset(12.0, 1.0)


def test_before_an_exchange_nothing_is_known() -> None:
    assert ClockOffset().best is None
