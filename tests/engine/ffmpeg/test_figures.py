"""What becomes of an ffmpeg viewer's records: figures, trouble, and nothing that is not known."""

from hls_swarm.judge.verdict import judge
from hls_swarm.records import (
    Exchange,
    ObjectKind,
    PlayerLogDropped,
    PlayerStarted,
    Record,
    SegmentFetched,
    ViewerStarted,
)
from hls_swarm.snapshot.builder import SnapshotBuilder
from hls_swarm.snapshot.snapshot import Phase, PlayerFigures, Snapshot
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.tally import Tally
from hls_swarm.views.terminal.check import findings

HEARD = Exchange("u", "u", 3.0, 3.0, 5.0, requests_sent=1, status=206, body_bytes=7, connections_opened=2, timed=False)


def tally_of(*records: Record) -> Tally:
    """What they count to."""
    counter = Counter()
    for record in records:
        counter.add(record)
    return counter.tally


def snapshot_of(tally: Tally) -> Snapshot:
    """The last one of a run."""
    builder = SnapshotBuilder("http://h/a.m3u8", 1, None)
    return builder.build(
        at=10.0, started_at=0.0, phase=Phase.FINISHED, due=1, tally=tally, workers={}, lost={}, origin=None
    )


def test_what_was_only_heard_of_has_no_duration() -> None:
    tally = tally_of(SegmentFetched(0, ObjectKind.SEGMENT, HEARD, None, media_seconds=2.0))
    segments = tally.objects[ObjectKind.SEGMENT]
    assert (segments.requests, segments.body_bytes, segments.completed) == (1, 7, 1)
    assert segments.download.distribution() is None
    assert segments.ttfb.distribution() is None
    assert tally.lateness.distribution() is None
    assert tally.relative_download.distribution() is None
    assert tally.connections == 2
    assert tally.connect.distribution() is None


def test_processes_and_restarts_are_counted_and_merge() -> None:
    start = ViewerStarted(0, 1.0, 1.0, "ffmpeg process")
    one = tally_of(start, PlayerStarted(0, 1.0), PlayerStarted(0, 2.0, True, "killed"), PlayerLogDropped(0, 3.0, 5))
    one.merge(tally_of(PlayerStarted(1, 1.0)))
    snapshot = snapshot_of(one)
    assert snapshot.players == PlayerFigures(processes=3, restarts=1, log_lines_dropped=5)


def test_a_run_of_native_viewers_has_no_players() -> None:
    assert snapshot_of(Tally()).players is None


def test_a_check_of_a_stream_that_nobody_played_is_no_pass() -> None:
    snapshot = snapshot_of(Tally())
    (stream,) = findings(snapshot, judge(snapshot))
    assert not stream.fit
    assert stream.line.startswith("FAIL  stream http://h/a.m3u8: no viewer was started in 10.0 s")
