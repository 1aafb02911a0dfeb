"""Snapshots for views and verdicts, built from records as a run builds them."""

from typing import Any

from hls_swarm.records import (
    EndReason,
    Exchange,
    Failure,
    FailureKind,
    LatencyObserved,
    ObjectKind,
    PlaybackStarted,
    PlaylistFetched,
    Record,
    SegmentFetched,
    StallEnded,
    StallStarted,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.snapshot.builder import SnapshotBuilder
from hls_swarm.snapshot.snapshot import Phase, Snapshot
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.histogram import Histogram

URL = "http://origin.test/live/master.m3u8"
NOT_FOUND = Failure(FailureKind.HTTP_STATUS, "HTTP 404 Not Found", 404)


def exchange(at: float, body_bytes: int, seconds: float, failure: Failure | None = None, url: str = URL) -> Exchange:
    """An exchange that began when it was due, had its first byte after a tenth of its time, and ended."""
    return Exchange(
        url=url,
        final_url=url,
        due_at=at,
        started_at=at,
        sent_at=at,
        first_byte_at=at + seconds / 10,
        ended_at=at + seconds,
        connect_seconds=None,
        requests_sent=1,
        status=200 if failure is None else failure.status,
        head_bytes=200,
        body_bytes=body_bytes,
        failure=failure,
    )


def watching(viewer: int, at: float) -> list[Record]:
    """A viewer that starts at `at`, plays half a second later, and has loaded a segment of 750,000 bytes in 20 ms."""
    return [
        ViewerStarted(viewer, at, at),
        PlaylistFetched(viewer, ObjectKind.MULTIVARIANT_PLAYLIST, exchange(at, 500, 0.002), None),
        PlaylistFetched(viewer, ObjectKind.MEDIA_PLAYLIST, exchange(at, 300, 0.001), None, changed=True),
        SegmentFetched(viewer, ObjectKind.SEGMENT, exchange(at, 750_000, 0.020), None, 2.0, 3_000_000),
        PlaybackStarted(viewer, at + 0.5, 0.5),
        LatencyObserved(viewer, at + 2.0, 7.0, 6.0, 4.0),
    ]


def stalled(viewer: int, at: float, seconds: float) -> list[Record]:
    """A stall of that viewer."""
    return [StallStarted(viewer, at), StallEnded(viewer, at + seconds, seconds)]


def failed(viewer: int, at: float, failure: Failure = NOT_FOUND) -> list[Record]:
    """A viewer that asks for its playlist in vain."""
    return [
        ViewerStarted(viewer, at, at),
        PlaylistFetched(viewer, ObjectKind.MULTIVARIANT_PLAYLIST, exchange(at, 153, 0.002, failure), failure),
        ViewerStopped(viewer, at + 0.1, EndReason.FAILED, False, failure, URL, ObjectKind.MULTIVARIANT_PLAYLIST),
    ]


def lag(*values: float) -> Histogram:
    """A histogram of these event-loop lags in seconds."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


def snapshot(*records: Record, at: float = 10.0, **changes: Any) -> Snapshot:
    """The snapshot `at` seconds into a run that these records are of, after one two seconds before with nothing in it.

    Args:
        changes: arguments of `SnapshotBuilder.build`; `target` and `duration` of the builder.
    """
    builder = SnapshotBuilder(URL, changes.pop("target", 4), changes.pop("duration", 60.0))
    before, counter = Counter(), Counter()
    for record in records:
        counter.add(record)
    arguments: dict[str, Any] = {
        "started_at": 0.0,
        "phase": Phase.STEADY,
        "due": 4,
        "workers": {0: WorkerHealth(0, 0.5, 40_000_000, lag(0.001), 0)},
        "lost": {},
        "origin": None,
    }
    quiet = {"workers": {0: WorkerHealth(0, 0.4, 40_000_000, lag(), 0)}}
    builder.build(at=at - 2.0, tally=before.tally, **(arguments | quiet))
    return builder.build(at=at, tally=counter.tally, **(arguments | changes))
