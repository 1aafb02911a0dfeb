"""What a viewer sees of positions: start, stalls and their ends, over several processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.engine.ffmpeg.hearing.playback import CONFIRM_SECONDS, Playback
from hls_swarm.records import PlaybackStarted, Record, StallEnded, StallStarted


def new() -> tuple[Playback, list[Record]]:
    """A viewer that pressed play at 100."""
    records: list[Record] = []
    return Playback(4, 100.0, records.append), records


def test_playback_starts_with_the_first_media_once_a_position_confirms_it() -> None:
    playback, records = new()
    playback.output(100.3)
    assert records == []
    playback.position(0.0, 101.0)
    assert records == []
    playback.position(6.0, 101.3)
    (started,) = records
    assert isinstance(started, PlaybackStarted)
    assert (started.viewer, started.at) == (4, 100.3)
    assert started.startup_seconds == pytest.approx(0.3)
    assert playback.empty_at == pytest.approx(106.3)


def test_a_position_in_time_is_no_stall() -> None:
    playback, records = new()
    playback.output(100.0)
    playback.position(4.0, 101.0)
    playback.look(104.0 + CONFIRM_SECONDS - 0.01)
    playback.position(6.0, 105.9)  # told late, as once a second is
    playback.look(106.0 + CONFIRM_SECONDS - 0.01)
    assert [type(record) for record in records] == [PlaybackStarted]


def test_a_stall_is_dated_to_when_the_media_ran_out() -> None:
    playback, records = new()
    playback.output(100.0)
    playback.position(4.0, 101.0)
    playback.look(107.5)
    playback.position(4.0, 108.0)
    assert records[1:] == [StallStarted(4, 104.0)]
    playback.position(6.0, 110.0)
    assert records[2:] == [StallEnded(4, 110.0, 6.0)]
    assert playback.empty_at == 112.0  # it goes on where it stood
    playback.look(120.0)
    assert records[3:] == [StallStarted(4, 112.0)]


def test_a_dead_process_is_a_stall_until_the_next_one_plays() -> None:
    playback, records = new()
    playback.output(100.0)
    playback.position(6.0, 101.0)
    playback.process_ended(103.0)
    assert records[1:] == [StallStarted(4, 103.0)]
    playback.output(105.0)
    playback.position(3.0, 106.0)
    assert records[2:] == [StallEnded(4, 105.0, 2.0)]
    assert playback.empty_at == 108.0


def test_a_process_that_dies_while_stalled_prolongs_the_stall() -> None:
    playback, records = new()
    playback.output(100.0)
    playback.position(1.0, 101.0)
    playback.look(104.0)
    playback.process_ended(105.0)
    playback.output(107.0)
    playback.position(1.0, 108.0)
    assert records[1:] == [StallStarted(4, 101.0), StallEnded(4, 107.0, 6.0)]


def test_a_process_that_never_played_stalls_nobody() -> None:
    playback, records = new()
    playback.process_ended(101.0)
    playback.output(103.0)
    playback.position(2.0, 104.0)
    assert records == [PlaybackStarted(4, 103.0, 3.0)]


STEP = st.one_of(
    st.tuples(st.just("position"), st.floats(0, 100)),
    st.tuples(st.just("output"), st.just(0.0)),
    st.tuples(st.just("look"), st.just(0.0)),
    st.tuples(st.just("ended"), st.just(0.0)),
)


@given(st.lists(st.tuples(st.floats(0, 20), STEP), max_size=40))
def test_any_history_is_one_of_starts_and_ends_in_turn(history: list[tuple[float, tuple[str, float]]]) -> None:
    playback, records = new()
    now = 100.0
    for wait, (what, value) in history:
        now += wait
        match what:
            case "position":
                playback.position(value, now)
            case "output":
                playback.output(now)
            case "look":
                playback.look(now)
            case _:
                playback.process_ended(now)
    kinds = [type(record) for record in records]
    assert kinds == ([PlaybackStarted] + [StallStarted, StallEnded] * len(kinds))[: len(kinds)]
    starts = {StallStarted, PlaybackStarted}
    assert all(
        record.at <= now for record in records if isinstance(record, StallStarted | StallEnded | PlaybackStarted)
    )
    assert all(record.stall_seconds >= 0 for record in records if isinstance(record, StallEnded))
    assert (playback.stalled_at is not None) == (kinds[-1:] == [StallStarted])
    assert playback.played == bool(starts & set(kinds))
