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
    PassReason,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    PlayerLogDropped,
    PlayerStarted,
    PlaylistFetched,
    PlaylistStale,
    Record,
    SeekEnded,
    SeekStarted,
    SegmentFetched,
    SegmentsExpired,
    SegmentsMutated,
    SegmentsPassed,
    SequenceReset,
    StallEnded,
    StallStarted,
    VariantChosen,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.stats.experience import ExperienceCounter, ExperienceRecord
from hls_swarm.stats.groups import GroupTally, Running
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
    """All exchanges for one kind of object.

    Attributes:
        dns, connect, tls: of connections opened for it, in seconds.
        throughput: body bytes per second, from the first byte to the last, of complete answers.
        retries: exchanges that were not the first try.
        statuses: HTTP status to answers.
    """

    requests: int = 0
    body_bytes: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    ttfb: Histogram = msgspec.field(default_factory=Histogram)
    download: Histogram = msgspec.field(default_factory=Histogram)
    dns: Histogram = msgspec.field(default_factory=Histogram)
    connect: Histogram = msgspec.field(default_factory=Histogram)
    tls: Histogram = msgspec.field(default_factory=Histogram)
    throughput: Histogram = msgspec.field(default_factory=Histogram)
    retries: int = 0
    statuses: dict[int, int] = {}

    def add_connection(self, exchange: Exchange) -> None:
        """Count how long it took to open the connection of an exchange."""
        opened = (
            (self.dns, exchange.dns_seconds),
            (self.connect, exchange.connect_seconds),
            (self.tls, exchange.tls_seconds),
        )
        for histogram, seconds in opened:
            if seconds is not None:
                histogram.add(seconds)

    def merge(self, other: Self) -> None:
        """Add another tally of the same kind of object."""
        self.requests += other.requests
        self.body_bytes += other.body_bytes
        self.completed += other.completed
        self.failed += other.failed
        self.cancelled += other.cancelled
        self.ttfb.merge(other.ttfb)
        self.download.merge(other.download)
        self.dns.merge(other.dns)
        self.connect.merge(other.connect)
        self.tls.merge(other.tls)
        self.throughput.merge(other.throughput)
        self.retries += other.retries
        for status, answers in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + answers


class Tally(msgspec.Struct):
    """Everything counted since the start of the run.

    Attributes:
        objects: by kind of object; a kind that was never asked for is absent.
        startup: request to play until first playback, of viewers that got there (CTA-2066).
        stall: lengths of ended stalls.
        live_latency, edge_latency: seconds, see `LatencyObserved`.
        expired_segments: left a playlist before a viewer fetched them.
        lateness: how late exchanges were taken up after they were due.
        relative_download: download time of a segment by its declared duration: above 1 is slower than it plays.
        bitrates: declared BANDWIDTH in bit/s to segments fetched of such a variant.
        reasons: fatal failures in words, to how many viewers they ended.
        left: sessions that ended by themselves, as their length said.
        lost: viewers that were running when their worker died.
        start_failures, exits_before_start, unstarted_at_end: sessions that never played: for a fatal error, left or
            played out, or cut off by the end of the run, which is nobody's fault.
        gap_segments, unavailable_segments: passed over because the playlist said so, or because every try failed.
        staleness: how long playlists that were stale had not changed when they did, in seconds.
        restart: seek to playing.
        media_seconds, media_bits: of segments fetched, and declared bitrate x media time (CTA-2066).
        profiles, variants: the experience of the viewers of each.
        player_processes, player_restarts: processes started for viewers that are not native ones, and how many of them
            took the place of an earlier one.
        unrecorded_requests: exchanges that `--record-requests` could not write down.
        player_log_lines_dropped: lines of those processes that were not read: what they said is not counted.
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
    player_processes: int = 0
    player_restarts: int = 0
    player_log_lines_dropped: int = 0
    unrecorded_requests: int = 0
    objects: dict[ObjectKind, ObjectTally] = {}
    errors: dict[str, ErrorCount] = {}
    reasons: dict[str, int] = {}
    startup: Histogram = msgspec.field(default_factory=Histogram)
    stall: Histogram = msgspec.field(default_factory=Histogram)
    live_latency: Histogram = msgspec.field(default_factory=Histogram)
    edge_latency: Histogram = msgspec.field(default_factory=Histogram)
    connect: Histogram = msgspec.field(default_factory=Histogram)
    lateness: Histogram = msgspec.field(default_factory=Histogram)
    relative_download: Histogram = msgspec.field(default_factory=Histogram)
    bitrates: dict[int, int] = {}
    watching: Running = msgspec.field(default_factory=Running)
    playing: Running = msgspec.field(default_factory=Running)
    stalled: Running = msgspec.field(default_factory=Running)
    left: int = 0
    lost: int = 0
    start_failures: int = 0
    exits_before_start: int = 0
    unstarted_at_end: int = 0
    failovers: int = 0
    seeks: int = 0
    pauses: int = 0
    gap_segments: int = 0
    unavailable_segments: int = 0
    mutated_segments: int = 0
    sequence_resets: int = 0
    stale_playlists: int = 0
    media_seconds: float = 0.0
    media_bits: float = 0.0
    restart: Histogram = msgspec.field(default_factory=Histogram)
    staleness: Histogram = msgspec.field(default_factory=Histogram)
    profiles: dict[str, GroupTally] = {}
    variants: dict[str, GroupTally] = {}

    @property
    def active(self) -> int:
        """Viewers running now."""
        return self.started - self.ended - self.failed - self.quit - self.left - self.lost

    def lose(self, at: float) -> None:
        """The worker that counted this died at the instant `at`: none of its viewers goes on."""
        self.lost += self.active
        everybody: list[Tally | GroupTally] = [self, *self.profiles.values(), *self.variants.values()]
        for viewers in everybody:
            for running in (viewers.watching, viewers.playing, viewers.stalled):
                running.end_all(at)

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
        for bitrate, segments in other.bitrates.items():
            self.bitrates[bitrate] = self.bitrates.get(bitrate, 0) + segments
        for mine_of, other_of in ((self.profiles, other.profiles), (self.variants, other.variants)):
            for name, group in other_of.items():
                mine_of.setdefault(name, GroupTally()).merge(group)
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
    "unrecorded_requests",
    "unchanged_playlists",
    "left",
    "lost",
    "start_failures",
    "exits_before_start",
    "unstarted_at_end",
    "failovers",
    "seeks",
    "pauses",
    "gap_segments",
    "unavailable_segments",
    "mutated_segments",
    "sequence_resets",
    "stale_playlists",
    "media_seconds",
    "media_bits",
    "player_processes",
    "player_restarts",
    "player_log_lines_dropped",
)
_MERGEABLE = (
    "startup",
    "stall",
    "live_latency",
    "edge_latency",
    "connect",
    "lateness",
    "relative_download",
    "watching",
    "playing",
    "stalled",
    "restart",
    "staleness",
)
MAX_REASONS = 50
"""Different texts of fatal failures that are kept apart; further ones are counted as `other`."""


class Counter:
    """Adds records to a tally; one per worker."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._experience = ExperienceCounter(self.tally)

    def add(self, record: Record) -> None:
        """Count one record. Raises KeyError for a record of a viewer that never started: a bug in the engine."""
        match record:
            case SegmentFetched(kind=kind, exchange=exchange, failure=failure):
                self._add_exchange(kind, exchange, failure, record.retry)
                if failure is None:
                    self._add_segment(record)
            case PlaylistFetched(kind=kind, exchange=exchange, failure=failure):
                self._add_exchange(kind, exchange, failure, record.retry)
                if record.changed is False:
                    self.tally.unchanged_playlists += 1
            case (
                ViewerStarted()
                | VariantChosen()
                | PlaybackStarted()
                | StallStarted()
                | StallEnded()
                | SeekStarted()
                | SeekEnded()
                | PauseStarted()
                | PauseEnded()
                | LatencyObserved()
                | ViewerStopped()
            ):
                self._add_experience(record)
            case PlayerStarted():
                self.tally.player_processes += 1
                self.tally.player_restarts += record.restart
            case PlayerLogDropped():
                self.tally.player_log_lines_dropped += record.lines
            case SegmentsExpired():
                self.tally.expired_segments += record.count
            case SegmentsPassed():
                self._add_passed(record)
            case SegmentsMutated():
                self.tally.mutated_segments += record.count
            case SequenceReset():
                self.tally.sequence_resets += 1
            case PlaylistStale():
                if record.stale_seconds is None:
                    self.tally.stale_playlists += 1
                else:
                    self.tally.staleness.add(record.stale_seconds)
            case _:
                assert_never(record)

    def _add_passed(self, record: SegmentsPassed) -> None:
        match record.reason:
            case PassReason.GAP:
                self.tally.gap_segments += record.count
            case PassReason.UNAVAILABLE:
                self.tally.unavailable_segments += record.count
            case _:
                assert_never(record.reason)

    def _add_experience(self, record: ExperienceRecord) -> None:
        tally = self.tally
        if isinstance(record, ViewerStarted):
            tally.late_starts += record.at - record.due_at > LATE_START_SECONDS
        elif isinstance(record, ViewerStopped):
            self._add_stop(record)
        self._experience.add(record)

    def _add_exchange(self, kind: ObjectKind, exchange: Exchange, failure: Failure | None, retry: bool) -> None:
        tally = self.tally
        objects = tally.objects.get(kind)
        if objects is None:
            objects = tally.objects[kind] = ObjectTally()
        objects.requests += exchange.requests_sent
        objects.body_bytes += exchange.body_bytes
        objects.retries += retry
        if exchange.status is not None:
            objects.statuses[exchange.status] = objects.statuses.get(exchange.status, 0) + 1
        tally.head_bytes += exchange.head_bytes
        if exchange.timed:
            tally.lateness.add(max(0.0, exchange.started_at - exchange.due_at))
        tally.connections += exchange.connections_opened or 0
        if exchange.connect_seconds is not None:
            tally.connections += exchange.connections_opened is None
            tally.connect.add(exchange.connect_seconds)
            objects.add_connection(exchange)
        if failure is None:
            objects.completed += 1
            ttfb = exchange.ttfb_seconds
            if ttfb is not None:
                objects.ttfb.add(ttfb)
            if exchange.timed and exchange.first_byte_at is not None and exchange.ended_at > exchange.first_byte_at:
                objects.throughput.add(exchange.body_bytes / (exchange.ended_at - exchange.first_byte_at))
            if exchange.timed:
                objects.download.add(exchange.download_seconds)
        elif failure.kind is FailureKind.CANCELLED:
            objects.cancelled += 1
        else:
            objects.failed += 1
            self._error(kind, failure, exchange.url, exchange.ended_at).count += 1

    def _add_segment(self, record: SegmentFetched) -> None:
        tally = self.tally
        if record.media_seconds and record.exchange.timed:
            tally.relative_download.add(record.exchange.download_seconds / record.media_seconds)
        self._experience.add_media(record)
        if record.bitrate_bps is not None:
            tally.bitrates[record.bitrate_bps] = tally.bitrates.get(record.bitrate_bps, 0) + 1

    def _error(self, kind: ObjectKind, failure: Failure, url: str, at: float) -> ErrorCount:
        key = f"{kind} {failure.kind} {failure.status or ''}"
        error = self.tally.errors.get(key)
        if error is None:
            error = ErrorCount(kind, failure.kind, failure.status, failure.blame, failure.detail, url, at)
            self.tally.errors[key] = error
        error.detail, error.example_url, error.last_at = failure.detail, url, at
        return error

    def _add_stop(self, record: ViewerStopped) -> None:
        tally = self.tally
        match record.reason:
            case EndReason.ENDED:
                tally.ended += 1
            case EndReason.QUIT:
                tally.quit += 1
            case EndReason.LEFT:
                tally.left += 1
            case EndReason.FAILED:
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
