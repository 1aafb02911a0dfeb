"""What one worker counted, and what the sum of all workers is; `counter` makes it from records.

Rules:

- A tally is cumulative since the start of the run. It may be sent again or skipped without losing or doubling anything.
- A request counts when it was put on the wire, its body bytes as they arrived, whether it succeeded or not: both equal
  the origin's access log.
- Times to first byte and download times are of complete, successful exchanges; what failed is in `errors`.
- `merge` is associative and commutative, and equals one tally that had been given all the records.
- Time that is still running (playing, stalled, watching) is kept as a number of viewers and the sum of the instants
  at which they began, so that `playing_seconds(now)` is exact at any instant without a tick per viewer.
"""

from collections.abc import Iterator
from typing import Self

import msgspec

from hls_swarm.foreign import cut
from hls_swarm.records import Blame, EdgeFault, EdgeOffer, Exchange, FailureKind, ObjectKind, Violation
from hls_swarm.stats.cmcd import CmcdTally
from hls_swarm.stats.content_types import OTHER
from hls_swarm.stats.faults import FaultCount, merge_faults
from hls_swarm.stats.groups import GroupTally, Running
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.hosts import Hosts, merge_hosts
from hls_swarm.stats.steering import SteeringTally

MAX_VIOLATIONS = 40
"""Kinds of violation that are kept apart."""
MAX_MISTYPED = 20
"""Wrong Content-Types that are kept apart."""
VIEWER = "viewer"
"""Stands where an error has its object, if it is of none."""


class ErrorCount(msgspec.Struct):
    """Failures of one kind on one kind of object.

    Attributes:
        object: None: of a viewer, whatever it asked for.
        example_url: where the newest of them happened.
        last_at: when, by the monotonic clock.
    """

    object: ObjectKind | None
    kind: FailureKind
    status: int | None
    blame: Blame
    detail: str
    example_url: str
    last_at: float
    count: int = 0

    @property
    def subject(self) -> str:
        """What it happened to, as a name: an object, or the viewer."""
        return VIEWER if self.object is None else self.object.value


class ViolationCount(msgspec.Struct):
    """Playlists that broke one rule of the draft in one way.

    Attributes:
        rule: the section, such as `8216bis 4.4.3.1`.
        refused_by: names of players that refuse such a playlist.
        example_url, line: the first of them by its URL, and where in it; 0 is the playlist as a whole.
        count: loads that brought such a playlist.
    """

    reason: str
    rule: str
    refused_by: tuple[str, ...]
    example_url: str
    line: int
    count: int = 0

    def add(self, number: int, url: str, line: int) -> None:
        """Count loads that brought such a playlist, one of them from `url`."""
        self.count += number
        if (url, line) < (self.example_url, self.line):
            self.example_url, self.line = url, line


class FatalCount(msgspec.Struct):
    """Viewers that one kind of fatal failure ended.

    Attributes:
        example_url, object, stream: what the newest of them could not have, see `ViewerStopped`.
        last_at: when, by the monotonic clock.
    """

    viewers: int = 0
    example_url: str | None = None
    object: ObjectKind | None = None
    stream: str = ""
    last_at: float = 0.0

    def merge(self, other: Self) -> None:
        """Add another count of the same failure."""
        self.viewers += other.viewers
        if other.last_at > self.last_at:
            self.example_url, self.object, self.stream = other.example_url, other.object, other.stream
            self.last_at = other.last_at


class EdgeFaultCount(msgspec.Struct):
    """What servers did wrong in one way at the live edge.

    Attributes:
        example_url: where the newest of them happened.
        last_at: when, by the monotonic clock.
    """

    count: int = 0
    example_url: str = ""
    last_at: float = 0.0

    def add(self, url: str, at: float) -> None:
        """Count one more."""
        self.merge(EdgeFaultCount(1, url, at))

    def merge(self, other: "EdgeFaultCount") -> None:
        """Add another count of the same."""
        self.count += other.count
        if other.last_at >= self.last_at:
            self.example_url, self.last_at = other.example_url, other.last_at


class Waiting(msgspec.Struct, frozen=True):
    """A request that was cut off while it was under way.

    Attributes:
        seconds: how long it had been.
        answered: whether the head of an answer had come.
    """

    url: str
    seconds: float
    answered: bool


class ObjectTally(msgspec.Struct):
    """All exchanges for one kind of object.

    Attributes:
        dns, connect, tls: of connections opened for it, in seconds.
        throughput: body bytes per second, from the first byte to the last, of complete answers.
        retries: exchanges that were not the first try.
        statuses: HTTP status to answers.
        mistyped: Content-Types that say what the object is not, to complete answers; at most `MAX_MISTYPED`.
        waiting: the one that had gone on the longest of those that were cut off.
        compressed: complete answers that came in a content coding.
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
    mistyped: dict[str, int] = {}
    waiting: Waiting | None = None
    compressed: int = 0

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

    def add_mistyped(self, content_type: str, answers: int = 1) -> None:
        """Count answers with a type that says what the object is not."""
        name = content_type if content_type in self.mistyped or len(self.mistyped) < MAX_MISTYPED else OTHER
        self.mistyped[name] = self.mistyped.get(name, 0) + answers

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
        self.compressed += other.compressed
        for status, answers in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + answers
        for content_type, answers in other.mistyped.items():
            self.add_mistyped(content_type, answers)
        if other.waiting is not None and (self.waiting is None or other.waiting.seconds > self.waiting.seconds):
            self.waiting = other.waiting


class Tally(msgspec.Struct):
    """Everything counted since the start of the run.

    Attributes:
        objects: by kind of object; a kind that was never asked for is absent.
        startup: request to play until first playback, of viewers that got there (CTA-2066).
        stall: lengths of ended stalls.
        live_latency, edge_latency: seconds, see `LatencyObserved`.
        paced: of the viewers that started, those that read more slowly than bytes come, on purpose.
        expired_segments: left a playlist before a viewer fetched them.
        lateness: how late exchanges were taken up after they were due.
        relative_download: download time of a segment by its declared duration: above 1 is slower than it plays.
        bitrates: declared BANDWIDTH in bit/s to segments fetched of such a variant.
        reasons: fatal failures in words, to the viewers that they ended.
        violations: what playlists did against the draft; at most `MAX_VIOLATIONS` kinds, the first that came.
        unnamed_violations: of the kinds beyond these.
        older_playlists: reloads that brought an older copy.
        date_jumps: reloads that dated segments otherwise than before, by more than a second.
        blocking_reloads: playlist requests that the server was to hold until there was something new.
        hinted_requests, hints_met: requests for parts that were only hinted at, and those of them that became parts.
        blocked: how long the server held both, to the first byte, in seconds: in no other figure.
        parts: parts of segments that viewers got, `part_age` how long after the date of their end, in seconds.
        edge_faults: what servers of low-latency streams did wrong, by `EdgeFault`, and where the newest was.
        low_latency_viewers: viewers that play by parts.
        edge_offer: what the first of their playlists offers.
        low_latency_unused: viewers of a stream that could be played by parts, who play it by whole segments.
        licences_unasked: viewers of a stream whose keys are a DRM system's, whose licence they do not ask for.
        unmet: settings that the stream has nothing for, to what there is instead, of the viewer who met it first.
        left: sessions that ended by themselves, as their length said.
        lost: viewers that were running when their worker died.
        start_failures, exits_before_start, unstarted_at_end: sessions that never played: for a fatal error, left or
            played out, or cut off by the end of the run, which is nobody's fault.
        overdue: of those without a fatal error, the ones that played out or had as long as their player may take to
            start.
        gap_segments, unavailable_segments: passed over because the playlist said so, or because every try failed.
        rtt: round trips of some connections in each second, as the kernel estimates them, in seconds.
        leaping_playlists: stale ones that went on by `LEAP_SEGMENTS` segments or more at once.
        staleness: how long playlists that were stale had not changed when they did, in seconds.
        restart: seek to playing.
        media_seconds, media_bits: of segments fetched, and declared bitrate x media time (CTA-2066).
        faults: exceptions in this program, by their words.
        profiles, variants: the experience of the viewers of each.
        player_processes, player_restarts: processes started for viewers that are not native ones, and how many of them
            took the place of an earlier one.
        switches_up, switches_down: changes of variant by viewers that adapt, to a higher or a lower bitrate.
        reversals: of these, those against the direction of the one before, within `REVERSAL_SECONDS` of it.
        abandoned_segments, abandoned_bytes: given up for a lower variant's, and what had come of them.
        hosts: who was asked, by `host:port`.
        steering: which pathways viewers took, where a presentation is steered.
        cmcd: what viewers told of themselves.
        unsettled_requests: of all requests, those of which it is not known whether the origin took them.
        repeated_requests: requests that brought no answer and were asked again at once, on another connection; they
            are among the failed.
        failed_here: of those that failed, the ones that this machine failed.
        unrecorded_requests: exchanges that `--record-requests` could not write down.
        player_log_lines_dropped: lines of those processes that were not read: what they said is not counted.
        datagrams_received, datagrams_dropped: over HTTP/3: those that viewers took in, and those that this machine's
            socket buffers had no room for.
    """

    started: int = 0
    ended: int = 0
    failed: int = 0
    quit: int = 0
    played: int = 0
    late_starts: int = 0
    paced: int = 0
    stalls: int = 0
    expired_segments: int = 0
    head_bytes: int = 0
    connections: int = 0
    unchanged_playlists: int = 0
    player_processes: int = 0
    player_restarts: int = 0
    player_log_lines_dropped: int = 0
    datagrams_received: int = 0
    datagrams_dropped: int = 0
    failed_here: int = 0
    unrecorded_requests: int = 0
    unsettled_requests: int = 0
    repeated_requests: int = 0
    objects: dict[ObjectKind, ObjectTally] = {}
    errors: dict[str, ErrorCount] = {}
    reasons: dict[str, FatalCount] = {}
    violations: dict[str, ViolationCount] = {}
    unnamed_violations: int = 0
    older_playlists: int = 0
    date_jumps: int = 0
    low_latency_unused: int = 0
    licences_unasked: int = 0
    low_latency_viewers: int = 0
    blocking_reloads: int = 0
    hinted_requests: int = 0
    hints_met: int = 0
    parts: int = 0
    blocked: Histogram = msgspec.field(default_factory=Histogram)
    part_age: Histogram = msgspec.field(default_factory=Histogram)
    edge_faults: dict[EdgeFault, EdgeFaultCount] = {}
    edge_offer: EdgeOffer | None = None
    unmet: dict[str, str] = {}
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
    overdue: int = 0
    failovers: int = 0
    seeks: int = 0
    pauses: int = 0
    gap_segments: int = 0
    unavailable_segments: int = 0
    mutated_segments: int = 0
    sequence_resets: int = 0
    stale_playlists: int = 0
    switches_up: int = 0
    switches_down: int = 0
    reversals: int = 0
    abandoned_segments: int = 0
    abandoned_bytes: int = 0
    leaping_playlists: int = 0
    media_seconds: float = 0.0
    media_bits: float = 0.0
    restart: Histogram = msgspec.field(default_factory=Histogram)
    staleness: Histogram = msgspec.field(default_factory=Histogram)
    rtt: Histogram = msgspec.field(default_factory=Histogram)
    faults: dict[str, FaultCount] = {}
    profiles: dict[str, GroupTally] = {}
    variants: dict[str, GroupTally] = {}
    hosts: Hosts = {}
    steering: SteeringTally = msgspec.field(default_factory=SteeringTally)
    cmcd: CmcdTally = msgspec.field(default_factory=CmcdTally)

    @property
    def active(self) -> int:
        """Viewers running now."""
        return self.started - self.ended - self.failed - self.quit - self.left - self.lost

    @property
    def violating_loads(self) -> int:
        """Loads of playlists that broke a rule of the draft, each rule on its own."""
        return self.unnamed_violations + sum(found.count for found in self.violations.values())

    def lose(self, at: float) -> None:
        """The worker that counted this died at the instant `at`: none of its viewers goes on."""
        self.lost += self.active
        for running in self._going_on():
            running.end_all(at)

    def shift(self, seconds: float) -> None:
        """Say all instants by another machine's clock, which shows so much more."""
        for running in self._going_on():
            running.shift(seconds)
        for error in self.errors.values():
            error.last_at += seconds
        for fatal in self.reasons.values():
            fatal.last_at += seconds
        for fault in self.edge_faults.values():
            fault.last_at += seconds

    def _going_on(self) -> Iterator[Running]:
        everybody: list[Tally | GroupTally] = [self, *self.profiles.values(), *self.variants.values()]
        for viewers in everybody:
            yield from (viewers.watching, viewers.playing, viewers.stalled)

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
        merge_hosts(self.hosts, other.hosts)
        merge_faults(self.faults, other.faults)
        for reason, fatal in other.reasons.items():
            self.reasons.setdefault(reason, FatalCount()).merge(fatal)
        self.edge_offer = self.edge_offer or other.edge_offer
        for kind_of_fault, fault in other.edge_faults.items():
            self.edge_faults.setdefault(kind_of_fault, EdgeFaultCount()).merge(fault)
        for setting, words in other.unmet.items():
            self.unmet.setdefault(setting, words)
        for key, violation in other.violations.items():
            known = self.violations.get(key)
            if known is not None:
                known.add(violation.count, violation.example_url, violation.line)
            elif len(self.violations) < MAX_VIOLATIONS:
                self.violations[key] = msgspec.structs.replace(violation)
            else:
                self.unnamed_violations += violation.count

    def add_violation(self, violation: Violation, url: str) -> None:
        """Count a playlist that does this; `url` is where it came from."""
        url = cut(url)
        key = f"{violation.rule} {violation.reason}"
        known = self.violations.get(key)
        if known is None:
            if len(self.violations) >= MAX_VIOLATIONS:
                self.unnamed_violations += 1
                return
            known = self.violations[key] = ViolationCount(
                violation.reason, violation.rule, violation.refused_by, url, violation.line
            )
        known.add(1, url, violation.line)


_COUNTERS = (
    "started",
    "ended",
    "failed",
    "failed_here",
    "quit",
    "played",
    "late_starts",
    "paced",
    "stalls",
    "expired_segments",
    "head_bytes",
    "connections",
    "unrecorded_requests",
    "unsettled_requests",
    "repeated_requests",
    "unchanged_playlists",
    "left",
    "lost",
    "start_failures",
    "exits_before_start",
    "unstarted_at_end",
    "overdue",
    "failovers",
    "seeks",
    "pauses",
    "gap_segments",
    "unavailable_segments",
    "mutated_segments",
    "sequence_resets",
    "unnamed_violations",
    "older_playlists",
    "date_jumps",
    "low_latency_unused",
    "licences_unasked",
    "low_latency_viewers",
    "blocking_reloads",
    "hinted_requests",
    "hints_met",
    "parts",
    "stale_playlists",
    "switches_up",
    "switches_down",
    "reversals",
    "abandoned_segments",
    "abandoned_bytes",
    "leaping_playlists",
    "media_seconds",
    "media_bits",
    "player_processes",
    "player_restarts",
    "player_log_lines_dropped",
    "datagrams_received",
    "datagrams_dropped",
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
    "rtt",
    "cmcd",
    "blocked",
    "part_age",
    "steering",
)
