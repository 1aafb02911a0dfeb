"""Live timing at given instants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.testorigin.media.timeline import LiveTimeline

LIVE = LiveTimeline(started_at=100.0, started_wall=1_769_868_309.0, segment_seconds=2, window=6)


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        pytest.param(100.0, 5, id="a full window at once"),
        pytest.param(101.999, 5, id="just before the next"),
        pytest.param(102.0, 6, id="the next is complete"),
        pytest.param(161.0, 35, id="half a minute later"),
        pytest.param(99.0, 5, id="a clock that is behind"),
    ],
)
def test_a_segment_is_listed_when_its_time_has_passed(now: float, newest: int) -> None:
    assert LIVE.newest(now) == newest


def test_the_window_slides() -> None:
    assert [(LIVE.oldest_listed(newest), newest) for newest in (5, 6, 35)] == [(0, 5), (1, 6), (30, 35)]


def test_a_removed_segment_stays_as_long_as_rfc_8216_demands() -> None:
    """6.2.2: its duration plus that of the longest playlist that listed it; here one segment and six."""
    removed_with = 20  # the newest segment at whose listing segment 14 leaves the playlist
    assert LIVE.oldest_listed(removed_with) == 15
    leaves_at = LIVE.listed_at(removed_with)
    gone = next(newest for newest in range(removed_with, 100) if LIVE.oldest_kept(newest) > 14)
    assert LIVE.listed_at(gone) - leaves_at == 18.0
    assert LIVE.listed_at(gone) - leaves_at >= 2 + 6 * 2
    assert LIVE.kept == 15


def test_dates_follow_the_wall_clock_of_the_start() -> None:
    """Segment 5, listed at the start, is the two seconds before it."""
    assert LIVE.program_date_time(5) == 1_769_868_307.0
    assert LIVE.program_date_time(6) == 1_769_868_309.0


@given(
    now=st.floats(0, 1e7), first=st.integers(0, 10**6), window=st.integers(3, 50), seconds=st.sampled_from([2, 4, 8])
)
def test_what_is_newest_has_been_listed_and_the_next_has_not(now: float, first: int, window: int, seconds: int) -> None:
    live = LiveTimeline(started_at=0.0, started_wall=0.0, segment_seconds=seconds, window=window, first=first)
    newest = live.newest(now)
    assert live.listed_at(newest) <= now < live.listed_at(newest + 1)
    assert first <= live.oldest_listed(newest)
    assert live.oldest_kept(newest) <= live.oldest_listed(newest)
