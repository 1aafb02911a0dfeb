"""A link's arithmetic: what has come through, and when the next bytes have."""

import pytest

from hls_swarm.http.pacing.link import LEAST_PIECE_BYTES, Link, together
from hls_swarm.load.access import SteadyRate


def test_bytes_come_at_the_rate_and_wait_for_nobody() -> None:
    link = Link(SteadyRate(1_000_000))
    link.begin(5.0)
    assert link.due(5.0) == 0
    assert link.due(5.1) == 100_000
    link.take(40_000)
    assert link.due(5.1) == 60_000
    link.take(60_000)
    assert link.wait(5.1, 10_000) == pytest.approx(0.01)
    assert link.wait(5.1, 10_000_000) == pytest.approx(link.tick_bytes / 1e6)


def test_what_is_not_used_is_lost() -> None:
    link = Link(SteadyRate(1_000_000))
    link.begin(0.0)
    link.end()
    link.begin(60.0)
    assert link.due(60.0) == 0


def test_two_transfers_share_it() -> None:
    link = Link(SteadyRate(1_000_000))
    link.begin(0.0)
    link.begin(0.1)
    link.take(link.due(0.2))
    assert link.due(0.2) == 0


def test_more_than_was_due_makes_the_next_ones_wait() -> None:
    link = Link(SteadyRate(1_000_000))
    link.begin(0.0)
    link.take(100_000)
    assert link.due(0.1) == 0
    assert link.wait(0.0, 1_000) == pytest.approx(0.101)


def test_who_comes_late_finds_what_the_buffer_holds() -> None:
    link = Link(SteadyRate(1_000_000))
    link.begin(0.0)
    assert link.due(100.0) == 2 * link.tick_bytes
    assert link.buffer_bytes == pytest.approx(0.56 * link.tick_bytes, rel=0.01)


@pytest.mark.parametrize("bytes_per_second", [1_000, 25_000, 62_500, 66_000, 1_000_000])
def test_a_tick_brings_what_is_taken_at_least(bytes_per_second: int) -> None:
    """Over HTTP/2 and 3 less is left alone: a slow link was looked at each 2.5 ms until that was due."""
    link = Link(SteadyRate(bytes_per_second))
    link.begin(0.0)
    assert link.due(link.wait(0.0, 1 << 30)) == link.tick_bytes >= LEAST_PIECE_BYTES


@pytest.mark.parametrize("at", [0.0, 7.0001, 7.0049, 7.0099, 123456.789012])
def test_ticks_of_many_come_at_the_same_instants_none_early(at: float) -> None:
    assert 0.0 <= together(at) - at <= 0.010001
    assert round(together(at) * 1000) % 10 == 0


@pytest.mark.parametrize(
    ("wait", "left", "at"),
    [
        pytest.param(0.25, 1_000_000, 7.26, id="with others"),
        pytest.param(0.25, None, 7.26, id="with others, of a body whose length is not known"),
        pytest.param(0.25, 240_000, 7.251, id="the last of a body when it is due"),
        pytest.param(0.01, 1_000_000, 7.02, id="a hundred times a second"),
        pytest.param(0.0025, 1_000_000, 7.0035, id="who is behind"),
    ],
)
def test_a_tick_waits_for_others_but_for_the_last_and_who_is_behind(wait: float, left: int | None, at: float) -> None:
    assert Link(SteadyRate(1_000_000)).tick_at(7.001, wait, left) == pytest.approx(at)
