"""Lines of ffmpeg's log: how bytes become lines, and lines their parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.engine.ffmpeg.hearing.lines import (
    MAX_LINE_BYTES,
    GraveWords,
    Level,
    LineReader,
    LogLine,
    StampClock,
    parse_line,
)

NOON = 12 * 3600.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            b"[http @ 0x55b7b78af940] [debug] request: GET /a HTTP/1.1",
            LogLine(None, b"http", b"0x55b7b78af940", Level.DEBUG, b"request: GET /a HTTP/1.1"),
            id="context and level",
        ),
        pytest.param(
            b"2026-11-23 12:00:01.250 [in#0/hls @ 0x1] [verbose] Skip",
            LogLine(NOON + 1.25, b"in#0/hls", b"0x1", Level.VERBOSE, b"Skip"),
            id="stamp",
        ),
        pytest.param(
            b"[in#0 @ 0x1] [tcp @ 0x2] [error] x",
            LogLine(None, b"tcp", b"0x2", Level.ERROR, b"x"),
            id="parent and child",
        ),
        pytest.param(b"[fatal] x [y] z", LogLine(None, b"", b"", Level.FATAL, b"x [y] z"), id="level only"),
        pytest.param(b"Accept: */*", LogLine(None, b"", b"", None, b"Accept: */*"), id="bare"),
        pytest.param(b"", LogLine(None, b"", b"", None, b""), id="empty"),
        pytest.param(b"[x @ 0xZZ] y", LogLine(None, b"", b"", None, b"[x @ 0xZZ] y"), id="no address"),
    ],
)
def test_a_line_has_parts(line: bytes, expected: LogLine) -> None:
    assert parse_line(line) == expected


def test_both_ends_of_line_end_a_line() -> None:
    reader = LineReader(1000)
    lines = reader.feed(b"[info] a\r[info] b\n\r\n[info] c", 0.0)
    assert [line.message for line in lines] == [b"a", b"b"]
    assert [line.message for line in reader.feed(b"d\n", 0.0)] == [b"cd"]


def test_chatter_of_demuxers_is_left_out_but_not_what_they_open_or_warn_of() -> None:
    reader = LineReader(1000)
    lines = reader.feed(
        b"[mpegts @ 0x1] [trace] pid=100 stream_id=0xe0\n[NULL @ 0x1] [debug] Opening 'u' for reading\n"
        b"[NULL @ 0x1] [debug] Decoding VUI\n[mpegts @ 0x1] [warning] Packet corrupt\n",
        0.0,
    )
    assert [line.message for line in lines] == [b"Opening 'u' for reading", b"Packet corrupt"]


@given(st.integers(1, 5000))
def test_a_line_without_end_takes_bounded_memory(piece: int) -> None:
    reader = LineReader(1000)
    lines: list[LogLine] = []
    total = 0
    while total < 3 * MAX_LINE_BYTES:
        lines += reader.feed(b"x" * piece, 0.0)
        total += piece
    lines += reader.feed(b"\n[info] after\n", 0.0)
    assert [len(line.message) for line in lines] == [MAX_LINE_BYTES, len(b"after")]


def test_the_budget_is_one_of_each_second() -> None:
    reader = LineReader(2)
    assert [len(reader.feed(b"[info] x\n" * 3, at)) for at in (0.1, 0.9, 1.1)] == [2, 0, 2]
    assert reader.dropped == 5


def test_the_last_line_needs_no_end() -> None:
    reader = LineReader(10)
    assert reader.feed(b"[error] gone", 0.0) == []
    assert [line.message for line in reader.flush()] == [b"gone"]
    assert reader.flush() == []


def test_stamps_become_instants_that_never_lie_in_the_future() -> None:
    clock = StampClock()
    assert clock.instant(NOON, 1000.5) == 1000.5
    assert clock.instant(NOON + 1.0, 1001.0) == 1001.0  # read sooner after it was written: the better guess
    assert clock.instant(NOON + 1.5, 1003.0) == pytest.approx(1001.5)  # read late


def test_a_jump_of_the_wall_clock_starts_anew() -> None:
    clock = StampClock()
    clock.instant(NOON, 1000.0)
    assert clock.instant(NOON - 3600.0, 1001.0) == 1001.0
    assert clock.instant(0.001, 1002.0) == 1002.0  # midnight


def test_a_reason_is_kept_once_however_often_it_is_wrapped() -> None:
    words = GraveWords()
    for line in (
        b"[tcp @ 0x1] [error] Connection to tcp://h:1 failed: Connection refused",
        b"[in#0 @ 0x1] [error] Error opening input: Connection refused",
        b"[error] Error opening input file http://h:1/a.m3u8.",
        b"[fatal] Error opening input files: Connection refused",
        b"[info] harmless",
    ):
        words.add(parse_line(line))
    assert words.text == "Connection to tcp://h:1 failed: Connection refused"
