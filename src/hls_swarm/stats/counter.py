"""Records to numbers: what one worker counts.

Rules:

- Records are counted some at a time. Between two records of a busy worker the processor does a hundred other things;
  counting many in a row finds code and figures in its caches, and counts values of one kind together.
- Whoever reads the tally finds every record in it that was added before.
"""

from typing import assert_never

from hls_swarm.foreign import cut
from hls_swarm.records import (
    AsideFetched,
    Blame,
    DatesMoved,
    EdgeFaultSeen,
    EndReason,
    Exchange,
    Failure,
    FailureKind,
    LatencyObserved,
    LicenceUnasked,
    LowLatencyPlayed,
    LowLatencyUnused,
    ObjectKind,
    PartLoaded,
    PassReason,
    PathwayChosen,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    PlayerLogDropped,
    PlayerStarted,
    PlaylistFetched,
    PlaylistOlder,
    PlaylistStale,
    Record,
    SeekEnded,
    SeekStarted,
    SegmentFetched,
    SegmentsExpired,
    SegmentsMutated,
    SegmentsPassed,
    SequenceReset,
    SettingUnmet,
    StallEnded,
    StallStarted,
    Unanswered,
    VariantChosen,
    ViewerStarted,
    ViewerStopped,
    Violation,
)
from hls_swarm.stats.cmcd import CmcdTally
from hls_swarm.stats.content_codings import is_coded
from hls_swarm.stats.content_types import is_wrong, name_of
from hls_swarm.stats.experience import ExperienceCounter
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.hosts import HTTP1, host_of, host_tally
from hls_swarm.stats.tally import EdgeFaultCount, ErrorCount, FatalCount, ObjectTally, Tally, Waiting

LATE_START_SECONDS = 0.1
"""A viewer that started more than this after it was due is a late start: the generator's fault."""
MAX_REASONS = 50
"""Different texts of fatal failures that are kept apart; further ones are counted as `other`."""
LEAP_SEGMENTS = 3
"""A playlist that stood still and then has so many new segments came from a cache, or its packager fell behind."""
_MOST_TYPES = 50
"""Content-Types that are remembered to be right."""
_BATCH = 128
"""Records that wait to be counted, at most: some hold the body of a playlist."""
_INIT = ObjectKind.INIT
_CANCELLED, _INTERNAL = FailureKind.CANCELLED, FailureKind.INTERNAL
_CMCD_REPORT = ObjectKind.CMCD_REPORT
_OLDER = Violation("a reload brought an older copy: the media sequence number went back", "8216bis 6.2.2", 0)
_DATES = Violation("a reload dated segments otherwise: live latencies mean little", "8216bis 6.2.1", 0)
_OF_NO_EXCHANGE = frozenset({FailureKind.STALE_PLAYLIST, FailureKind.NOTHING_TO_PLAY})
"""What ends a viewer though every answer was one; what an exchange failed with is counted with that."""


class _Values:
    """Values on their way into a histogram.

    Attributes:
        add: takes one.
    """

    __slots__ = ("_histogram", "_values", "add")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._values: list[float] = []
        self.add = self._values.append

    def settle(self) -> None:
        """Put them into the histogram."""
        if self._values:
            self._histogram.add_all(self._values)
            self._values.clear()


class _ObjectCounter:
    """Adds exchanges for one kind of object to its tally."""

    __slots__ = ("download", "objects", "throughput", "ttfb", "types")

    def __init__(self, objects: ObjectTally) -> None:
        self.objects = objects
        self.ttfb, self.download = _Values(objects.ttfb), _Values(objects.download)
        self.throughput = _Values(objects.throughput)
        self.types: set[str] = set()  # Content-Types that are right

    def settle(self) -> None:
        """Bring the histograms up to date."""
        self.ttfb.settle()
        self.download.settle()
        self.throughput.settle()


def _add_type(kind: ObjectKind, counter: _ObjectCounter, content_type: str) -> None:
    """A Content-Type that is wrong is counted, one that is right is remembered."""
    if not is_wrong(kind, content_type):
        if len(counter.types) < _MOST_TYPES:
            counter.types.add(content_type)
        return
    counter.objects.add_mistyped(name_of(content_type))


class Counter:
    """Adds records to a tally; one per worker."""

    def __init__(self) -> None:
        self._tally = tally = Tally()
        self._waiting: list[Record] = []
        self._experience = ExperienceCounter(tally)
        self._objects: dict[ObjectKind, _ObjectCounter] = {}
        self._lateness = _Values(tally.lateness)
        self._relative_download = _Values(tally.relative_download)
        self._blocked, self._part_age = _Values(tally.blocked), _Values(tally.part_age)

    @property
    def tally(self) -> Tally:
        """Everything that was added so far.

        Raises:
            KeyError: a record of a viewer that never started was added: a bug in the engine.
        """
        self._count()
        return self._tally

    @property
    def cmcd(self) -> CmcdTally:
        """Where requests with CMCD are counted, without a record for each."""
        return self._tally.cmcd

    def add(self, record: Record) -> None:
        """Count one record, now or soon; raises what `tally` does, and for it or one added before."""
        waiting = self._waiting
        waiting.append(record)
        if len(waiting) >= _BATCH:
            self._count()

    def _count(self) -> None:
        waiting, self._waiting = self._waiting, []
        rest = iter(waiting)
        try:
            for record in rest:
                self._add(record)
        except Exception:
            self._waiting = [*rest, *self._waiting]  # one wrong record costs no other one
            raise
        finally:
            for objects in self._objects.values():
                objects.settle()
            self._experience.settle()
            self._lateness.settle()
            self._relative_download.settle()
            self._blocked.settle()
            self._part_age.settle()

    def _add(self, record: Record) -> None:
        # Nearly all are of these four, and class patterns would take twice as long.
        if isinstance(record, SegmentFetched):
            failure = record.failure
            if record.hinted and record.kind is not _INIT:
                self._tally.hinted_requests += record.exchange.requests_sent
            self._add_exchange(record.kind, record.exchange, failure, record.retry, record.hinted)
            if failure is None:
                self._add_segment(record)
            elif record.abandoned:
                self._tally.abandoned_segments += 1
                self._tally.abandoned_bytes += record.exchange.body_bytes
            elif failure.kind is not _CANCELLED:
                self._experience.add_failure(record.viewer)
            return
        if isinstance(record, PlaylistFetched):
            if record.blocking:
                self._tally.blocking_reloads += record.exchange.requests_sent
            self._add_exchange(record.kind, record.exchange, record.failure, record.retry, record.blocking)
            if record.changed is False:
                self._tally.unchanged_playlists += 1
            elif record.failure is not None and record.failure.kind is not _CANCELLED:
                self._experience.add_failure(record.viewer)
            for violation in record.violations:
                self._tally.add_violation(violation, record.exchange.url)
            return
        if isinstance(record, LatencyObserved):
            self._experience.add_latency(record)
            return
        if isinstance(record, PartLoaded):
            self._tally.parts += 1
            if record.hinted:
                self._tally.hints_met += 1
            age = record.age_seconds
            if age is not None:
                self._part_age.add(age if age > 0.0 else 0.0)  # noqa: FURB136 - hot
            return
        match record:
            case (
                VariantChosen()
                | PlaybackStarted()
                | StallStarted()
                | StallEnded()
                | SeekStarted()
                | SeekEnded()
                | PauseStarted()
                | PauseEnded()
            ):
                self._experience.add(record)
            case AsideFetched():
                self._add_exchange(record.kind, record.exchange, record.failure, record.retry)
            case PathwayChosen():
                self._tally.steering.add(record.pathway, record.reason)
            case ViewerStarted():
                self._tally.late_starts += record.at - record.due_at > LATE_START_SECONDS
                self._tally.paced += record.is_paced
                self._experience.add(record)
            case ViewerStopped():
                self._add_stop(record)
                self._experience.add(record)
            case PlayerStarted():
                self._tally.player_processes += 1
                self._tally.player_restarts += record.restart
            case PlayerLogDropped():
                self._tally.player_log_lines_dropped += record.lines
            case SegmentsExpired():
                self._tally.expired_segments += record.count
            case SegmentsPassed():
                self._add_passed(record)
            case SegmentsMutated():
                self._tally.mutated_segments += record.count
            case SequenceReset():
                self._tally.sequence_resets += 1
            case PlaylistOlder():
                self._tally.older_playlists += 1
                self._tally.add_violation(_OLDER, record.url)
            case DatesMoved():
                self._tally.date_jumps += 1
                self._tally.add_violation(_DATES, record.url)
            case LowLatencyUnused():
                self._tally.low_latency_unused += 1
            case LicenceUnasked():
                self._tally.licences_unasked += 1
            case LowLatencyPlayed():
                self._tally.low_latency_viewers += 1
                self._tally.edge_offer = self._tally.edge_offer or record.offer
            case EdgeFaultSeen():
                faults = self._tally.edge_faults
                faults.setdefault(record.kind, EdgeFaultCount()).add(cut(record.url), record.at)
            case SettingUnmet():
                self._tally.unmet.setdefault(record.setting, record.words)
            case PlaylistStale():
                if record.stale_seconds is None:
                    self._tally.stale_playlists += 1
                else:
                    self._tally.staleness.add(record.stale_seconds)
                    self._tally.leaping_playlists += record.added >= LEAP_SEGMENTS
            case _:
                assert_never(record)

    def _add_passed(self, record: SegmentsPassed) -> None:
        match record.reason:
            case PassReason.GAP:
                self._tally.gap_segments += record.count
            case PassReason.UNAVAILABLE:
                self._tally.unavailable_segments += record.count
            case _:
                assert_never(record.reason)

    def _objects_of(self, kind: ObjectKind) -> _ObjectCounter:
        """Those of a kind that was not counted before."""
        counter = self._objects[kind] = _ObjectCounter(self._tally.objects.setdefault(kind, ObjectTally()))
        return counter

    def _add_exchange(
        self, kind: ObjectKind, exchange: Exchange, failure: Failure | None, retry: bool, held: bool = False
    ) -> None:
        """Count an exchange; what the server was to hold says by its duration when there was something new."""
        tally, counter = self._tally, self._objects.get(kind) or self._objects_of(kind)
        objects = counter.objects
        objects.requests += exchange.requests_sent
        body_bytes, status = exchange.body_bytes, exchange.status
        objects.body_bytes += body_bytes
        if retry:
            objects.retries += 1
        if status is not None:
            statuses = objects.statuses
            statuses[status] = statuses.get(status, 0) + 1
        tally.head_bytes += exchange.head_bytes
        if exchange.unanswered is not None:
            self._add_unanswered(kind, objects, exchange, exchange.unanswered)
        if exchange.connections_opened is not None:
            self._add_host(exchange)
        if exchange.connections_opened or exchange.connect_seconds is not None:
            self._add_connection(objects, exchange)
        timed, started_at = exchange.timed, exchange.started_at
        if timed:
            lateness = started_at - exchange.due_at
            self._lateness.add(lateness if lateness > 0.0 else 0.0)  # noqa: FURB136 - hot
        if failure is None:
            objects.completed += 1
            encoding = exchange.content_encoding
            if encoding is not None and is_coded(encoding):
                objects.compressed += 1
            content_type = exchange.content_type
            if content_type is not None and content_type not in counter.types:
                _add_type(kind, counter, content_type)
            first_byte_at, sent_at = exchange.first_byte_at, exchange.sent_at
            if held:
                if first_byte_at is not None and sent_at is not None:
                    self._blocked.add(first_byte_at - sent_at)
                return
            if first_byte_at is not None and sent_at is not None:
                counter.ttfb.add(first_byte_at - sent_at)
            if timed:
                ended_at = exchange.ended_at
                counter.download.add(ended_at - started_at)
                if first_byte_at is not None and ended_at > first_byte_at:
                    counter.throughput.add(body_bytes / (ended_at - first_byte_at))
        elif failure.kind is _CANCELLED:
            objects.cancelled += 1
            seconds = exchange.ended_at - started_at
            if objects.waiting is None or seconds > objects.waiting.seconds:
                objects.waiting = Waiting(cut(exchange.url), seconds, exchange.first_byte_at is not None)
        else:
            objects.failed += 1
            self._error(kind, failure, exchange.url, exchange.ended_at).count += 1
            host = host_of(exchange.url) if kind is not _CMCD_REPORT else None
            if host is not None:
                host_tally(tally.hosts, host).errors += 1

    def _add_unanswered(
        self, kind: ObjectKind, objects: ObjectTally, exchange: Exchange, unanswered: Unanswered
    ) -> None:
        """What an exchange made up for failed too: the origin's log has a line for it."""
        of_the_origin = kind is not _CMCD_REPORT
        self._tally.unsettled_requests += unanswered.unsettled * of_the_origin
        if unanswered.failure is not None:
            self._tally.repeated_requests += unanswered.repeated * of_the_origin
            objects.failed += unanswered.repeated
            self._error(kind, unanswered.failure, exchange.url, exchange.ended_at).count += unanswered.repeated

    def _add_host(self, exchange: Exchange) -> None:
        """Whom a player's own process asked; of other exchanges the client counts it, hop by hop."""
        host = host_of(exchange.url)
        if host is not None and exchange.requests_sent:
            tally = host_tally(self._tally.hosts, host).over(HTTP1)
            tally.requests += exchange.requests_sent
            tally.connections += exchange.connections_opened or 0

    def _add_connection(self, objects: ObjectTally, exchange: Exchange) -> None:
        tally = self._tally
        tally.connections += exchange.connections_opened or 0
        if exchange.connect_seconds is not None:
            tally.connections += exchange.connections_opened is None
            tally.connect.add(exchange.connect_seconds)
            objects.add_connection(exchange)

    def _add_segment(self, record: SegmentFetched) -> None:
        media_seconds, bitrate_bps, exchange = record.media_seconds, record.bitrate_bps, record.exchange
        if media_seconds and exchange.timed and not record.hinted:
            self._relative_download.add((exchange.ended_at - exchange.started_at) / media_seconds)
        if bitrate_bps is not None:
            if media_seconds is not None:
                self._experience.add_media(record.viewer, media_seconds, bitrate_bps)
            bitrates = self._tally.bitrates
            bitrates[bitrate_bps] = bitrates.get(bitrate_bps, 0) + 1

    def _error(self, kind: ObjectKind | None, failure: Failure, url: str, at: float) -> ErrorCount:
        key = f"{kind or ''} {failure.kind} {failure.status or ''}"
        errors = self._tally.errors
        error = errors.get(key)
        detail, url = cut(failure.detail), cut(url)
        if error is None:
            blame = failure.blame
            if kind is _CMCD_REPORT and blame is Blame.ORIGIN:
                blame = Blame.COLLECTOR
            error = ErrorCount(kind, failure.kind, failure.status, blame, detail, url, at)
            errors[key] = error
        error.detail, error.example_url, error.last_at = detail, url, at
        return error

    def _add_stop(self, record: ViewerStopped) -> None:
        tally = self._tally
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
        reasons, failure = self._tally.reasons, record.failure
        self._tally.failed_here += failure.blame is Blame.GENERATOR
        detail = cut(failure.detail)
        if detail not in reasons and len(reasons) >= MAX_REASONS:
            detail = "other"
        url = record.url and cut(record.url)
        fatal = FatalCount(1, url, record.object, cut(record.stream), record.at)
        reasons.setdefault(detail, FatalCount()).merge(fatal)
        if failure.kind in _OF_NO_EXCHANGE or (failure.kind is _INTERNAL and record.object is None):
            self._error(record.object, failure, record.url or "", record.at).count += 1
