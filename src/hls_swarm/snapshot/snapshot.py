"""The one thing that every view draws: all that is known of the run at one instant, frozen.

Rules:

- Made once a second by the controller from the merged tally (`builder`); views compute nothing from it but text and
  pixels.
- Unknown is None, and absent from every output; it is never 0.
- Rates are over the time since the snapshot before; distributions are over the whole run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hls_swarm.records import Blame, FailureKind, ObjectKind
from hls_swarm.snapshot.finding import Culprit, Finding
from hls_swarm.snapshot.lately import Lately
from hls_swarm.snapshot.origin.metrics import OriginMetrics
from hls_swarm.snapshot.viewers.cmcd import CmcdFigures
from hls_swarm.snapshot.viewers.conformance import ViolationFigures
from hls_swarm.snapshot.viewers.hosts import HostFigures, VersionFigures
from hls_swarm.snapshot.viewers.lowlatency import LowLatencyFigures
from hls_swarm.snapshot.viewers.quality import Quality
from hls_swarm.snapshot.viewers.steering import SteeringFigures
from hls_swarm.snapshot.workers import GeneratorFigures
from hls_swarm.stats.histogram import Distribution
from hls_swarm.stats.tally import VIEWER, Waiting
from hls_swarm.stats.worst import WORST_VIEWERS as WORST_VIEWERS
from hls_swarm.stats.worst import ViewerDetail as ViewerDetail
from hls_swarm.stats.worst import badness as badness


class Phase(StrEnum):
    """Where the run is."""

    STARTING = "starting"
    RAMPING = "ramping"
    STEADY = "steady"
    DRAINING = "draining"
    FINISHED = "finished"


@dataclass(frozen=True)
class ViewerFigures:
    """How many viewers are where.

    Args:
        target: how many the run wants in the end; `due` of them should have started by now.
        peak: most that ran at the same time, seen once a second.
        starting: running, but not playing yet.
        lost: were running when their worker died.
        left: sessions that were over by themselves.
        start_failures: of `failed`, those that had never played.
        overdue: never played though they had as long as their player may take to start, and did not fail.
    """

    target: int
    due: int
    started: int
    active: int
    starting: int
    playing: int
    stalled: int
    ended: int
    failed: int
    quit: int
    played: int
    peak: int
    lost: int = 0
    left: int = 0
    start_failures: int = 0
    overdue: int = 0


@dataclass(frozen=True)
class PlayerFigures:
    """Processes that play for viewers.

    Args:
        processes: started, restarts included.
        restarts: of those, in the place of one that ended.
        log_lines_dropped: lines of theirs that were not read: what they said is not counted.
    """

    processes: int
    restarts: int
    log_lines_dropped: int


@dataclass(frozen=True)
class ObjectFigures:
    """All requests for one kind of object.

    Args:
        requests_per_second, body_bytes_per_second: since the snapshot before; in the first one since the start, None
            if that was less than half a second ago.
        completed, compressed: complete answers, and how many of them came in a content coding.
    """

    requests: int
    body_bytes: int
    failed: int
    cancelled: int
    requests_per_second: float | None
    body_bytes_per_second: float | None
    ttfb: Distribution | None
    download: Distribution | None
    dns: Distribution | None = None
    connect: Distribution | None = None
    tls: Distribution | None = None
    throughput: Distribution | None = None
    retries: int = 0
    statuses: Mapping[int, int] = field(default_factory=dict)
    waiting: Waiting | None = None
    completed: int = 0
    compressed: int = 0


@dataclass(frozen=True)
class Experience:
    """What the viewers lived through.

    Args:
        startup: request to play until first playback, in seconds (CTA-2066).
        stalls: how many began; `stall` are the lengths of those that ended.
        stalled_seconds, playing_seconds, watched_seconds: sums over all viewers, of what is still going on too.
        rebuffering_ratio: stalled / (playing + stalled), as Conviva defines it; None before anything played.
        relative_download: download time of segments by their duration; above 1 is slower than they play.
        bitrates: declared bit/s of a variant to segments fetched of it, the lowest first.
        quality: further figures, by profile and variant too.
    """

    startup: Distribution | None
    stalls: int
    stall: Distribution | None
    stalled_seconds: float
    playing_seconds: float
    watched_seconds: float
    rebuffering_ratio: float | None
    live_latency: Distribution | None
    edge_latency: Distribution | None
    expired_segments: int
    relative_download: Distribution | None = None
    bitrates: Mapping[int, int] = field(default_factory=dict)
    quality: Quality | None = None


@dataclass(frozen=True)
class ErrorFigures:
    """Failures of one kind on one kind of object; `example_url` is where the newest happened.

    Args:
        object: None: of a viewer, whatever it asked for.
    """

    object: ObjectKind | None
    kind: FailureKind
    status: int | None
    blame: Blame
    detail: str
    count: int
    example_url: str
    last_at: float

    @property
    def subject(self) -> str:
        """What it happened to, as a name: an object, or the viewer."""
        return VIEWER if self.object is None else self.object.value


@dataclass(frozen=True)
class FatalFigures:
    """What ended viewers.

    Args:
        detail: in words.
        url, object, stream: what the newest of them could not have, see `ViewerStopped`.
    """

    detail: str
    viewers: int
    url: str | None
    object: ObjectKind | None
    stream: str


@dataclass(frozen=True)
class Mark:
    """A moment that somebody noted; `elapsed_seconds` after the start of the run."""

    elapsed_seconds: float
    note: str


@dataclass(frozen=True)
class Snapshot:
    """The run at one instant.

    Args:
        at: monotonic instant.
        elapsed_seconds: since the start of the run.
        duration_seconds: how long the run is to last; None until stopped.
        throughput_bytes_per_second: body bytes of all kinds over the last second.
        origin: None when no origin metrics are configured.
        players: processes that play for viewers; None if all viewers are native.
        fatal_reasons: those that ended most viewers first.
        violations: what playlists did against the draft, the most frequent first.
        remarks: what a person must know of how the stream was played, or of what could not be written down.
        hosts: who was asked, those with most requests first.
        unsettled_requests, repeated_requests: of all requests, see `Tally`.
        worst_viewers: at most 50, the worst first: stalled, then most stalls, then least buffer.
        findings: what happened so far, the worst first.
        lately: the last seconds by themselves; None in the first.
        cmcd: what viewers told of themselves; None: nothing.
        low_latency: play by parts; None where no server was asked to wait.
        steering: which pathways they took; None where nobody steers.
    """

    at: float
    url: str
    phase: Phase
    elapsed_seconds: float
    duration_seconds: float | None
    viewers: ViewerFigures
    objects: Mapping[ObjectKind, ObjectFigures]
    throughput_bytes_per_second: float | None
    throughput_mean_bytes_per_second: float | None
    throughput_peak_bytes_per_second: float | None
    experience: Experience
    errors: tuple[ErrorFigures, ...]
    fatal_reasons: tuple[FatalFigures, ...]
    connections_opened: int
    connect: Distribution | None
    generator: GeneratorFigures
    origin: OriginMetrics | None
    worst_viewers: tuple[ViewerDetail, ...] = ()
    marks: tuple[Mark, ...] = ()
    players: PlayerFigures | None = None
    hosts: tuple[HostFigures, ...] = ()
    http_versions: tuple[VersionFigures, ...] = ()
    violations: tuple[ViolationFigures, ...] = ()
    remarks: tuple[str, ...] = ()
    unsettled_requests: int = 0
    repeated_requests: int = 0
    findings: tuple[Finding, ...] = ()
    lately: Lately | None = None
    cmcd: CmcdFigures | None = None
    low_latency: LowLatencyFigures | None = None
    steering: SteeringFigures | None = None

    @property
    def generator_findings(self) -> tuple[Finding, ...]:
        """Those that blame the generator."""
        return tuple(finding for finding in self.findings if finding.culprit is Culprit.GENERATOR)

    @property
    def generator_trouble(self) -> tuple[str, ...]:
        """Why the generator is the bottleneck now, in words; empty if it is not."""
        return tuple(finding.what for finding in self.generator_findings if finding.is_going_on)
