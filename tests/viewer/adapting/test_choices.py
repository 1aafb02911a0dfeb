"""Which level players choose, in cases that were worked out from their sources."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.viewer.adapting.hlsjs import (
    Abandonment,
    Level,
    Progress,
    Situation,
    abandonment,
    level_after,
    next_level,
    start_level,
)
from hls_swarm.viewer.adapting.others import best_of, media3_choice, shaka_choice, shaka_may_switch

M = 1_000_000
LADDER = tuple(Level(peak * M, average * M, 4.0) for peak, average in ((0.6, 0.5), (1.5, 1.2), (3, 2.5), (6, 5)))
LIVE = Situation(
    levels=LADDER,
    live=True,
    last_loaded=1,
    first_listed=0,
    buffer_seconds=12.0,
    segment_seconds=4.0,
    ttfb_seconds=0.05,
)
VOD = replace(LIVE, live=False)


@pytest.mark.parametrize(("listed", "level"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_the_start_follows_the_first_listed_variant(listed: int, level: int) -> None:
    fresh = tuple(one._replace(segment_seconds=None) for one in LADDER)
    at_start = replace(
        VOD, levels=fresh, last_loaded=None, first_listed=listed, buffer_seconds=0.0, segment_seconds=0.0
    )
    estimate = min(max(0.5 * M, LADDER[listed].peak_bps), 5 * M)
    assert start_level(at_start, estimate) == level
    assert start_level(replace(at_start, live=True), estimate) == level


@pytest.mark.parametrize(
    ("situation", "estimate", "level"),
    [
        pytest.param(replace(LIVE, last_loaded=1, buffer_seconds=12), 3.6, 2, id="average fits: up"),
        pytest.param(replace(LIVE, last_loaded=1, buffer_seconds=12), 3.5, 1, id="just not"),
        pytest.param(replace(LIVE, last_loaded=1, buffer_seconds=5), 4.3, 2, id="short buffer: peak fits"),
        pytest.param(replace(LIVE, last_loaded=2, buffer_seconds=12), 2.6, 1, id="down"),
        pytest.param(replace(LIVE, last_loaded=3, buffer_seconds=1), 9, 3, id="live ignores time"),
        pytest.param(replace(VOD, last_loaded=3, buffer_seconds=1), 9, 1, id="on demand does not"),
        pytest.param(replace(LIVE, last_loaded=3), 0.1, 0, id="none fits: the lowest"),
        pytest.param(replace(LIVE, last_loaded=3, failed={0}), 0.1, 1, id="the lowest has failed"),
        pytest.param(replace(LIVE, last_loaded=1, failed={2}), 3.6, 1, id="what failed stays out"),
    ],
)
def test_the_next_level(situation: Situation, estimate: float, level: int) -> None:
    assert next_level(situation, estimate * M) == level


WATCHED = replace(VOD, last_loaded=3, buffer_seconds=8.0, ttfb_seconds=0.1)


def assert_found(found: Abandonment | None, expected: Abandonment) -> None:
    assert found is not None
    assert found[:2] == expected[:2]
    assert found.delay_seconds == pytest.approx(expected.delay_seconds, abs=0.0001)


def test_one_that_may_still_come_in_time_is_waited_for() -> None:
    found = abandonment(replace(WATCHED, buffer_seconds=2.0), Progress(3, 2.1, 0.1, 1_440_000, 3_000_000), 5 * M)
    assert_found(found, Abandonment(1, False, 0.1 + 4 * 1.5 / 5.76))


def test_a_segment_that_takes_too_long_is_given_up_at_once() -> None:
    found = abandonment(WATCHED, Progress(3, 2.1, 0.1, 300_000, 3_000_000), 5 * M)
    assert_found(found, Abandonment(0, True, 5.1))


def test_a_level_between_is_found_and_then_lowered() -> None:
    progress = Progress(3, 2.1, 0.1, 900_000, 3_000_000)
    found = abandonment(replace(WATCHED, buffer_seconds=3.0), progress, 5 * M)
    assert_found(found, Abandonment(1, True, 1.7667))
    assert level_after(replace(WATCHED, buffer_seconds=3.0), 1, 1.5 * M) == 0
    live = replace(WATCHED, buffer_seconds=3.0, live=True)
    found = abandonment(live, progress, 5 * M)
    assert_found(found, Abandonment(1, True, 1.8667))


@pytest.mark.parametrize(
    ("level", "elapsed"), [pytest.param(1, 2.1, id="the lowest but one"), pytest.param(3, 2.0, id="too early")]
)
def test_what_is_not_given_up(level: int, elapsed: float) -> None:
    assert abandonment(WATCHED, Progress(level, elapsed, 0.1, 300_000, 3_000_000), 5 * M) is None


def test_two_levels_never_give_up() -> None:
    two = replace(WATCHED, levels=LADDER[:2], buffer_seconds=0.5)
    for elapsed in (2.1, 5.0, 60.0):
        assert abandonment(two, Progress(1, elapsed, 0.1, 1000, 3_000_000), M) is None


def test_before_the_first_byte_the_estimate_says_how_long_it_takes() -> None:
    slow = replace(WATCHED, buffer_seconds=1.0)
    found = abandonment(slow, Progress(3, 2.1, None, 0, None), 2 * M)
    assert found is not None
    assert found.delay_seconds == pytest.approx(0.1 + 4 * 1.5 / 2)


LEVELS = st.lists(st.floats(0.1, 20), min_size=1, max_size=8, unique=True).map(
    lambda peaks: tuple(Level(peak * M, 0.8 * peak * M, 4.0) for peak in sorted(peaks))
)


@given(LEVELS, st.floats(0.01, 50), st.floats(0, 60), st.booleans(), st.data())
def test_no_level_above_what_the_rule_allows(
    levels: tuple[Level, ...], estimate: float, buffer: float, live: bool, data: st.DataObject
) -> None:
    last = data.draw(st.integers(0, len(levels) - 1))
    situation = replace(VOD, levels=levels, live=live, last_loaded=last, buffer_seconds=buffer)
    level = next_level(situation, estimate * M)
    assert 0 <= level < len(levels)
    share = 0.7 if level > last else 0.95
    assert level == 0 or levels[level].average_bps <= share * estimate * M


@given(LEVELS, st.floats(0.01, 50), st.floats(0, 60), st.floats(0, 60), st.integers(0, 10**7), st.data())
def test_what_is_given_up_is_for_a_lower_level_that_is_sooner(
    levels: tuple[Level, ...], estimate: float, buffer: float, elapsed: float, loaded: int, data: st.DataObject
) -> None:
    level = data.draw(st.integers(0, len(levels) - 1))
    situation = replace(WATCHED, levels=levels, buffer_seconds=buffer)
    found = abandonment(situation, Progress(level, elapsed, 0.0, loaded, 10**7), estimate * M)
    if found is not None:
        assert found.target < level
        assert level_after(situation, found.target, levels[found.target].peak_bps) <= found.target


@pytest.mark.parametrize(
    ("estimate", "more", "index"),
    [
        pytest.param(3.0, {"current": None, "buffer_seconds": 0.0}, 1, id="start: 0.7 of it"),
        pytest.param(0.1, {"current": None, "buffer_seconds": 0.0}, 0, id="none fits"),
        pytest.param(9.0, {"current": 1, "buffer_seconds": 9.9}, 1, id="up needs 10 s"),
        pytest.param(9.0, {"current": 1, "buffer_seconds": 10.0}, 3, id="up"),
        pytest.param(
            9.0, {"current": 1, "buffer_seconds": 6.0, "edge_seconds": 12.0, "chunk_seconds": 4.0}, 3, id="live"
        ),
        pytest.param(
            9.0, {"current": 1, "buffer_seconds": 5.9, "edge_seconds": 12.0, "chunk_seconds": 4.0}, 1, id="not"
        ),
        pytest.param(1.0, {"current": 3, "buffer_seconds": 25.0}, 3, id="down not with 25 s"),
        pytest.param(1.0, {"current": 3, "buffer_seconds": 24.9}, 0, id="down"),
        pytest.param(3.0, {"current": None, "buffer_seconds": 0.0, "speed": 2.0}, 0, id="twice the speed"),
    ],
)
def test_media3(estimate: float, more: dict[str, float | None], index: int) -> None:
    bitrates = [0.6 * M, 1.5 * M, 3 * M, 6 * M]
    assert media3_choice(bitrates, estimate * M, **more) == index  # type: ignore[arg-type]


def test_shaka() -> None:
    assert [shaka_choice((0, 1), [1 * M, 2 * M], estimate * M) for estimate in (0.5, 2.1, 2.2)] == [0, 0, 1]
    assert [shaka_may_switch(at, 10.0) for at in (None, 2.0, 2.1)] == [True, True, False]


@pytest.mark.parametrize(
    ("usable", "megabits", "expected"),
    [((0, 1, 2), 2.0, 1), ((0, 2), 2.0, 0), ((1, 2), 0.5, 1), ((2,), 0.5, 2), ((), 9.0, None)],
)
def test_the_best_of_those_that_have_not_failed(usable: tuple[int, ...], megabits: float, expected: int | None) -> None:
    assert best_of(usable, [1 * M, 2 * M, 4 * M], megabits * M) == expected
