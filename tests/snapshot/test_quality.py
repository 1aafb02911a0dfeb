"""Experience by the book: sums before ratios, groups that add up to the whole, and the input for P.1203."""

import pytest

from hls_swarm.records import (
    EndReason,
    Exchange,
    Failure,
    FailureKind,
    ObjectKind,
    PassReason,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    PlaylistStale,
    Record,
    SeekEnded,
    SeekStarted,
    SegmentFetched,
    SegmentsMutated,
    SegmentsPassed,
    SequenceReset,
    StallEnded,
    StallStarted,
    VariantChosen,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.snapshot.viewers.quality import json_object, quality
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.p1203 import MAX_VIEWERS, SessionRecorder, p1203_file
from hls_swarm.stats.tally import Tally


def segment(viewer: int, at: float, bitrate: int) -> SegmentFetched:
    exchange = Exchange("http://o/s.ts", "http://o/s.ts", at, at, at + 0.5, requests_sent=1, status=200)
    return SegmentFetched(viewer, ObjectKind.SEGMENT, exchange, None, 2.0, bitrate)


HISTORY: list[Record] = [
    # Starts at 0, plays from 1, stalls from 11 to 13, pauses from 20 to 50, seeks from 60 to 62, leaves at 70.
    ViewerStarted(0, 0.0, 0.0, "hlsjs"),
    VariantChosen(0, 0.2, "720p 3000k", 3_000_000, False, ("avc1.64001f", "mp4a.40.2"), 1280, 720, 25.0),
    segment(0, 0.5, 3_000_000),
    PlaybackStarted(0, 1.0, 1.0),
    StallStarted(0, 11.0),
    VariantChosen(0, 12.0, "360p 1000k", 1_000_000, True, ("avc1.4d401e",), 640, 360, 25.0),
    segment(0, 12.5, 1_000_000),
    StallEnded(0, 13.0, 2.0),
    PauseStarted(0, 20.0),
    PauseEnded(0, 50.0),
    SeekStarted(0, 60.0),
    SeekEnded(0, 62.0, 2.0),
    ViewerStopped(0, 70.0, EndReason.LEFT, True),
    # Never plays: a fatal error, an early exit, and one that the end of the run cut off.
    ViewerStarted(1, 0.0, 0.0, "media3"),
    ViewerStopped(1, 5.0, EndReason.FAILED, False, Failure(FailureKind.HTTP_STATUS, "HTTP 404", 404)),
    ViewerStarted(2, 0.0, 0.0, "media3"),
    ViewerStopped(2, 5.0, EndReason.LEFT, False),
    ViewerStarted(3, 0.0, 0.0, "media3"),
    ViewerStopped(3, 5.0, EndReason.QUIT, False),
    SegmentsPassed(0, 1.0, 2, PassReason.GAP),
    SegmentsPassed(0, 1.0, 1, PassReason.UNAVAILABLE),
    SegmentsMutated(0, 1.0, 4),
    SequenceReset(0, 1.0),
    PlaylistStale(0, 1.0, None),
    PlaylistStale(0, 9.0, 8.0),
]


def tallied() -> Tally:
    counter = Counter()
    for record in HISTORY:
        counter.add(record)
    return counter.tally


def test_watched_time_is_startup_play_stalls_and_seeks_without_pauses() -> None:
    whole = quality(tallied(), 70.0).profiles[0]
    assert whole.name == "hlsjs"
    assert whole.watched_seconds == pytest.approx(40.0)  # 70 less the pause of 30
    assert whole.stalled_time_ratio == pytest.approx(2.0 / 40.0)
    assert whole.rebuffering_ratio == pytest.approx(2.0 / (10 + 7 + 10 + 8 + 2))
    assert whole.stalls_per_minute == pytest.approx(60 / 40.0)
    assert whole.restart is not None
    assert whole.restart.max == pytest.approx(2.0, rel=0.03)
    assert whole.average_bitrate_bps == pytest.approx(2_000_000)


def test_each_second_belongs_to_one_variant() -> None:
    figures = quality(tallied(), 70.0)
    low, high = figures.variants
    assert (low.name, high.name) == ("360p 1000k", "720p 3000k")
    assert high.watched_seconds == pytest.approx(12.0)
    assert low.watched_seconds == pytest.approx(28.0)
    assert (high.average_bitrate_bps, low.average_bitrate_bps) == (3_000_000, 1_000_000)


def test_failures_to_start_are_shares_of_those_that_had_the_chance() -> None:
    figures = quality(tallied(), 70.0)
    assert figures.start_failure_ratio == pytest.approx(1 / 3)
    assert figures.exit_before_start_ratio == pytest.approx(1 / 3)
    assert figures.unstarted_at_end == 1
    assert figures.whole.failure_ratio == pytest.approx(1 / 4)


def test_counters() -> None:
    figures = quality(tallied(), 70.0)
    assert (figures.gap_segments, figures.unavailable_segments, figures.mutated_segments) == (2, 1, 4)
    assert (figures.sequence_resets, figures.stale_playlists, figures.failovers) == (1, 1, 1)
    assert (figures.seeks, figures.pauses, figures.left) == (1, 1, 2)
    assert figures.staleness is not None
    assert figures.staleness.max == pytest.approx(8.0, rel=0.03)


def test_nothing_known_is_none_and_never_0() -> None:
    figures = quality(Tally(), 1.0)
    assert (figures.start_failure_ratio, figures.whole.stalled_time_ratio, figures.whole.average_bitrate_bps) == (
        None,
        None,
        None,
    )
    assert json_object(figures)["profiles"] == {}


def test_groups_merge_as_the_whole_does() -> None:
    halves = [Counter(), Counter()]
    for record in HISTORY:
        halves[record.viewer % 2].add(record)
    merged = halves[0].tally
    merged.merge(halves[1].tally)
    assert merged == tallied()


def test_p1203_has_media_and_stalls_in_media_time() -> None:
    recorder = SessionRecorder()
    for record in HISTORY:
        recorder.add(record)
    recorder.add(ViewerStarted(MAX_VIEWERS, 0.0, 0.0))
    made = p1203_file(recorder.sessions)
    assert [session["viewer"] for session in made["sessions"]] == [0]  # the others never played
    given = made["sessions"][0]["input"]
    assert given["I13"]["segments"] == [
        {"start": 0.0, "duration": 2.0, "bitrate": 3000.0, "codec": "h264", "resolution": "1280x720", "fps": 25.0},
        {"start": 2.0, "duration": 2.0, "bitrate": 1000.0, "codec": "h264", "resolution": "640x360", "fps": 25.0},
    ]
    # Startup at 0; the stall after 10 s of media; the seek after 10 + 7 + 10 s of it.
    assert given["I23"]["stalling"] == [[0.0, 1.0], [10.0, 2.0], [27.0, 2.0]]
