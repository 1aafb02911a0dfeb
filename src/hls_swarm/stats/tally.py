"""Records to numbers: what one worker counts, and what the sum of all workers is.

Rules:

- A tally is cumulative since the start of the run. It may be sent again or skipped without losing or doubling anything.
- A request counts when it was put on the wire, its body bytes as they arrived, whether it succeeded or not: both equal
  the origin's access log.
- Times to first byte and download times are of complete, successful exchanges; what failed is in `errors`.
- `merge` is associative and commutative, and equals one tally that had been given all the records.
- Time that is still running (playing, stalled, watching) is kept as a number of viewers and the sum of the instants
  at which they began, so that `playing_seconds(now)` is exact at any instant without a tick per viewer.
"""

from typing import Self, assert_never

import msgspec

from hls_swarm.records import (
    Blame,
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
    SegmentsExpired,
    StallEnded,
    StallStarted,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.stats.histogram import Histogram

LATE_START_SECONDS = 0.1
"""A viewer that started more than this after it was due is a late start: the generator's fault."""


class ErrorCount(msgspec.Struct):
    """Failures of one kind on one kind of object.

    Attributes:
        example_url: where the newest of them happened.
        last_at: when, by the monotonic clock.
    """

    object: ObjectKind
    kind: FailureKind
    status: int | None
    blame: Blame
    detail: str
    example_url: str
    last_at: float
    count: int = 0


class ObjectTally(msgspec.Struct):
    """All exchanges for one kind of object."""

    requests: int = 0
    body_bytes: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    ttfb: Histogram = msgspec.field(default_factory=Histogram)
    download: Histogram = msgspec.field(default_factory=Histogram)

    def merge(self, other: Self) -> None:
        """Add another tally of the same kind of object."""
        self.requests += other.requests
        self.body_bytes += other.body_bytes
        self.completed += other.completed
        self.failed += other.failed
        self.cancelled += other.cancelled
        self.ttfb.merge(other.ttfb)
        self.download.merge(other.download)


class Running(msgspec.Struct):
    """How long something went on in all, summed over viewers.

    Attributes:
        closed_seconds: of what has ended.
        active: how many are going on.
        began_sum: the sum of the instants at which these began.
    """

    closed_seconds: float = 0.0
    active: int = 0
    began_sum: float = 0.0

    def begin(self, at: float) -> None:
        """One more goes on since `at`."""
        self.active += 1
        self.began_sum += at

    def end(self, began_at: float, at: float) -> None:
        """One that began at `began_at` is over."""
        self.active -= 1
        self.began_sum -= began_at
        self.closed_seconds += at - began_at

    def seconds(self, now: float) -> float:
        """The sum at the instant `now`."""
        return max(0.0, self.closed_seconds + self.active * now - self.began_sum)

    def merge(self, other: Self) -> None:
        """Add another sum."""
        self.closed_seconds += other.closed_seconds
        self.active += other.active
        self.began_sum += other.began_sum


class ViewerPhase(msgspec.Struct):
    """Since when a running viewer has been watching, and playing or stalled: what ends its running sums."""

    started_at: float
    playing_since: float | None = None
    stalled_since: float | None = None


class Tally(msgspec.Struct):
    """Everything counted since the start of the run.

    Attributes:
        objects: by kind of object; a kind that was never asked for is absent.
        startup: request to play until first playback, of viewers that got there (CTA-2066).
        stall: lengths of ended stalls.
        live_latency, edge_latency: seconds, see `LatencyObserved`.
        expired_segments: left a playlist before a viewer fetched them.
        lateness: how late exchanges were taken up after they were due.
        reasons: fatal failures in words, to how many viewers they ended.
    """

    started: int = 0
    ended: int = 0
    failed: int = 0
    quit: int = 0
    played: int = 0
    late_starts: int = 0
    stalls: int = 0
    expired_segments: int = 0
    head_bytes: int = 0
    connections: int = 0
    unchanged_playlists: int = 0
    objects: dict[ObjectKind, ObjectTally] = {}
    errors: dict[str, ErrorCount] = {}
    reasons: dict[str, int] = {}
    startup: Histogram = msgspec.field(default_factory=Histogram)
    stall: Histogram = msgspec.field(default_factory=Histogram)
    live_latency: Histogram = msgspec.field(default_factory=Histogram)
    edge_latency: Histogram = msgspec.field(default_factory=Histogram)
    connect: Histogram = msgspec.field(default_factory=Histogram)
    lateness: Histogram = msgspec.field(default_factory=Histogram)
    watching: Running = msgspec.field(default_factory=Running)
    playing: Running = msgspec.field(default_factory=Running)
    stalled: Running = msgspec.field(default_factory=Running)

    @property
    def active(self) -> int:
        """Viewers running now."""
        return self.started - self.ended - self.failed - self.quit

    def merge(self, other: Self) -> None:
        """Add another worker's tally."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _MERGEABLE:
            getattr(self, name).merge(getattr(other, name))
        for kind, objects in other.objects.items():
            self.objects.setdefault(kind, ObjectTally()).merge(objects)
        for key, error in other.errors.items():
            mine = self.errors.get(key)
            if mine is None:
                self.errors[key] = msgspec.structs.replace(error)
                continue
            mine.count += error.count
            if error.last_at > mine.last_at:
                mine.last_at, mine.detail, mine.example_url = error.last_at, error.detail, error.example_url
        for reason, viewers in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + viewers


_COUNTERS = (
    "started",
    "ended",
    "failed",
    "quit",
    "played",
    "late_starts",
    "stalls",
    "expired_segments",
    "head_bytes",
    "connections",
    "unchanged_playlists",
)
_MERGEABLE = (
    "startup",
    "stall",
    "live_latency",
    "edge_latency",
    "connect",
    "lateness",
    "watching",
    "playing",
    "stalled",
)
MAX_REASONS = 50
"""Different texts of fatal failures that are kept apart; further ones are counted as `other`."""


class Counter:
    """Adds records to a tally; one per worker.

    It remembers of each running viewer only since when it watches, plays or is stalled.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self._phases: dict[int, ViewerPhase] = {}

    def add(self, record: Record) -> None:
        """Count one record. Raises KeyError for a record of a viewer that never started: a bug in the engine."""
        match record:
            case SegmentFetched(kind=kind, exchange=exchange, failure=failure):
                self._add_exchange(kind, exchange, failure)
            case PlaylistFetched(kind=kind, exchange=exchange, failure=failure):
                self._add_exchange(kind, exchange, failure)
                if record.changed is False:
                    self.tally.unchanged_playlists += 1
            case LatencyObserved():
                if record.live_seconds is not None:
                    self.tally.live_latency.add(record.live_seconds)
                self.tally.edge_latency.add(record.edge_seconds)
            case ViewerStarted():
                self._add_start(record)
            case PlaybackStarted():
                tally = self.tally
                tally.played += 1
                tally.startup.add(record.startup_seconds)
                self._phases[record.viewer].playing_since = record.at
                tally.playing.begin(record.at)
            case StallStarted():
                self._add_stall_start(record)
            case StallEnded():
                self._add_stall_end(record)
            case SegmentsExpired():
                self.tally.expired_segments += record.count
            case ViewerStopped():
                self._add_stop(record)
            case _:
                assert_never(record)

    def _add_exchange(self, kind: ObjectKind, exchange: Exchange, failure: Failure | None) -> None:
        tally = self.tally
        objects = tally.objects.get(kind)
        if objects is None:
            objects = tally.objects[kind] = ObjectTally()
        objects.requests += exchange.requests_sent
        objects.body_bytes += exchange.body_bytes
        tally.head_bytes += exchange.head_bytes
        tally.lateness.add(max(0.0, exchange.started_at - exchange.due_at))
        if exchange.connect_seconds is not None:
            tally.connections += 1
            tally.connect.add(exchange.connect_seconds)
        if failure is None:
            objects.completed += 1
            ttfb = exchange.ttfb_seconds
            if ttfb is not None:
                objects.ttfb.add(ttfb)
            objects.download.add(exchange.download_seconds)
        elif failure.kind is FailureKind.CANCELLED:
            objects.cancelled += 1
        else:
            objects.failed += 1
            self._error(kind, failure, exchange.url, exchange.ended_at).count += 1

    def _error(self, kind: ObjectKind, failure: Failure, url: str, at: float) -> ErrorCount:
        key = f"{kind} {failure.kind} {failure.status or ''}"
        error = self.tally.errors.get(key)
        if error is None:
            error = ErrorCount(kind, failure.kind, failure.status, failure.blame, failure.detail, url, at)
            self.tally.errors[key] = error
        error.detail, error.example_url, error.last_at = failure.detail, url, at
        return error

    def _add_start(self, record: ViewerStarted) -> None:
        tally = self.tally
        tally.started += 1
        tally.late_starts += record.at - record.due_at > LATE_START_SECONDS
        self._phases[record.viewer] = ViewerPhase(record.at)
        tally.watching.begin(record.at)

    def _add_stall_start(self, record: StallStarted) -> None:
        tally, phase = self.tally, self._phases[record.viewer]
        tally.stalls += 1
        if phase.playing_since is not None:
            tally.playing.end(phase.playing_since, record.at)
        phase.playing_since, phase.stalled_since = None, record.at
        tally.stalled.begin(record.at)

    def _add_stall_end(self, record: StallEnded) -> None:
        tally, phase = self.tally, self._phases[record.viewer]
        tally.stall.add(record.stall_seconds)
        if phase.stalled_since is not None:
            tally.stalled.end(phase.stalled_since, record.at)
        phase.playing_since, phase.stalled_since = record.at, None
        tally.playing.begin(record.at)

    def _add_stop(self, record: ViewerStopped) -> None:
        tally, phase = self.tally, self._phases.pop(record.viewer)
        tally.watching.end(phase.started_at, record.at)
        if phase.playing_since is not None:
            tally.playing.end(phase.playing_since, record.at)
        if phase.stalled_since is not None:
            tally.stalled.end(phase.stalled_since, record.at)
            tally.stall.add(record.at - phase.stalled_since)
        match record.reason:
            case EndReason.ENDED:
                tally.ended += 1
            case EndReason.QUIT:
                tally.quit += 1
            case EndReason.FAILED:
                tally.failed += 1
                self._add_fatal(record)
            case _:
                assert_never(record.reason)

    def _add_fatal(self, record: ViewerStopped) -> None:
        if record.failure is None:
            return
        reasons, detail = self.tally.reasons, record.failure.detail
        if detail not in reasons and len(reasons) >= MAX_REASONS:
            detail = "other"
        reasons[detail] = reasons.get(detail, 0) + 1
