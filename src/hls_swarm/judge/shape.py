"""The shape of the JSON summary, as types: the JSON Schema that others check a summary with is made of them.

Rules:

- A key that is always there is required; one whose value may not be known, or that does not apply, is not.
- Adding a key is free: a reader passes over those it does not know. What is written is what stands here, and a test
  holds every key of real summaries against it.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from hls_swarm.judge.verdict import Verdict
from hls_swarm.records import Blame, EdgeFault, FailureKind, ObjectKind
from hls_swarm.snapshot.condition import Condition
from hls_swarm.snapshot.finding import Comparison, Culprit, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.stats.histogram import Distribution

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
PerKind = Annotated[dict[ObjectKind, Count], Meta(description="by kind of object")]


class IntervalShape(TypedDict):
    """From when to when, in seconds since the start of the run; without `to_seconds` to its end."""

    from_seconds: Seconds
    to_seconds: NotRequired[Seconds]


class EvidenceShape(TypedDict):
    """One figure that a finding stands on."""

    signal: str
    figure: float
    unit: Unit
    comparison: Comparison
    limit: float
    from_seconds: Seconds
    to_seconds: Seconds
    before: NotRequired[float]
    text: str


class FindingShape(TypedDict):
    """One thing that the run found out."""

    rule: str
    where: NotRequired[str]
    standing: Standing
    culprit: NotRequired[Culprit]
    severity: Severity
    what: str
    next_step: str
    seconds: Seconds
    intervals: list[IntervalShape]
    evidence: list[EvidenceShape]


class LikelyCauseShape(TypedDict):
    """Something that is likely to have given out first; `score` are its points, of the lines of `evidence`."""

    name: str
    title: str
    where: NotRequired[str]
    culprit: Culprit
    score: int
    confidence: Literal["proven", "likely", "possible"]
    evidence: list[str]
    against: list[str]
    look_for: str


class ThresholdShape(TypedDict):
    """What came of one threshold."""

    threshold: str
    metric: str
    target: NotRequired[str]
    aggregation: NotRequired[str]
    operator: Literal["<", "<=", ">", ">="]
    limit: float
    window: Literal["steady", "run"]
    value: NotRequired[float]
    held: bool
    reason: NotRequired[str]


class ExpectationShape(TypedDict):
    """What came of one expectation."""

    expectation: str
    name: str
    what: str
    limit: Share
    value: NotRequired[float]
    held: bool
    reason: NotRequired[str]


class ViewersShape(TypedDict):
    """How many viewers there were."""

    target: Count
    started: Count
    peak: Count
    played: Count
    ended: Count
    failed: Count
    left: Count
    unplayed: Count
    lost: NotRequired[Count]


class PlayersShape(TypedDict):
    """Processes that played for viewers."""

    processes: Count
    restarts: Count
    log_lines_dropped: Count


class ThroughputShape(TypedDict):
    """Of all body bytes."""

    mean: NotRequired[float]
    peak_1s: NotRequired[float]


class LatencyShape(TypedDict):
    """Times of one kind of object, in seconds."""

    ttfb: NotRequired[Distribution]
    download: NotRequired[Distribution]
    dns: NotRequired[Distribution]
    connect: NotRequired[Distribution]
    tls: NotRequired[Distribution]


class ConnectionsShape(TypedDict):
    """Connections of the viewers."""

    opened: Count
    connect_seconds: NotRequired[Distribution]


class VersionShape(TypedDict):
    """What was asked over one version of HTTP."""

    requests: Count
    connections: Count
    resumed_connections: Count


class HostShape(TypedDict):
    """Whom the run asked."""

    host: str
    requests: Count
    connections: Count
    requests_by_version: NotRequired[dict[str, Count]]
    http2_connections: NotRequired[Count]
    http3_connections: NotRequired[Count]
    offers_http3: NotRequired[bool]
    errors: NotRequired[Count]
    addresses: NotRequired[list[str]]


class GroupShape(TypedDict):
    """What some viewers lived through."""

    started: Count
    played: Count
    failed: Count
    stalls: Count
    watched_seconds: Seconds
    watched_share: NotRequired[Share]
    stalled_time_ratio: NotRequired[Share]
    rebuffering_ratio: NotRequired[Share]
    stalls_per_minute: NotRequired[float]
    failure_ratio: NotRequired[Share]
    average_bitrate_bps: NotRequired[float]
    startup_seconds: NotRequired[Distribution]
    stall_seconds: NotRequired[Distribution]
    restart_seconds: NotRequired[Distribution]
    live_latency_seconds: NotRequired[Distribution]
    edge_latency_seconds: NotRequired[Distribution]


class SteeringShape(TypedDict):
    """Content steering (8216bis 7)."""

    steered: Annotated[int, Meta(ge=0, description="changes of pathway because the steering server said so")]
    failed: Annotated[int, Meta(ge=0, description="changes because the pathway before failed")]
    pathways: Annotated[dict[str, Count], Meta(description="how often each pathway was chosen, first choices included")]


class CmcdShape(TypedDict):
    """What viewers told of themselves (CMCD)."""

    requests: Annotated[int, Meta(ge=0, description="requests that went out with CMCD")]
    startup_requests: Annotated[int, Meta(ge=0, description="of them, those with `su`")]
    starved_requests: Annotated[int, Meta(ge=0, description="of them, those with `bs`: the viewer had stalled")]
    events: Annotated[int, Meta(ge=0, description="events told to the collector")]
    buffer_seconds: NotRequired[Distribution]
    throughput_bytes_per_second: NotRequired[Distribution]


class ExperienceShape(TypedDict):
    """What all viewers lived through."""

    startup_seconds: NotRequired[Distribution]
    stalls: Count
    stall_seconds: NotRequired[Distribution]
    stalled_seconds: Seconds
    playing_seconds: Seconds
    watched_seconds: Seconds
    rebuffering_ratio: NotRequired[Share]
    live_latency_seconds: NotRequired[Distribution]
    edge_latency_seconds: NotRequired[Distribution]
    expired_segments: Count
    start_failure_ratio: NotRequired[Share]
    exit_before_start_ratio: NotRequired[Share]
    unstarted_at_end: NotRequired[Count]
    left: NotRequired[Count]
    failovers: NotRequired[Count]
    switches_up: NotRequired[Count]
    switches_down: NotRequired[Count]
    switches_per_minute: NotRequired[float]
    reversals: NotRequired[Count]
    abandoned_segments: NotRequired[Count]
    abandoned_bytes: NotRequired[Count]
    seeks: NotRequired[Count]
    pauses: NotRequired[Count]
    gap_segments: NotRequired[Count]
    unavailable_segments: NotRequired[Count]
    mutated_segments: NotRequired[Count]
    sequence_resets: NotRequired[Count]
    older_playlists: NotRequired[Count]
    date_jumps: NotRequired[Count]
    stale_playlists: NotRequired[Count]
    staleness_seconds: NotRequired[Distribution]
    restart_seconds: NotRequired[Distribution]
    stalled_time_ratio: NotRequired[Share]
    stalls_per_minute: NotRequired[float]
    failure_ratio: NotRequired[Share]
    average_bitrate_bps: NotRequired[float]
    profiles: NotRequired[dict[str, GroupShape]]
    variants: NotRequired[dict[str, GroupShape]]


class EdgeFaultShape(TypedDict):
    """What the server did wrong in one way at the live edge."""

    kind: EdgeFault
    count: Count
    example_url: str


class EdgeOfferShape(TypedDict):
    """What the first low-latency playlist offers."""

    part_target: Seconds
    part_hold_back: Seconds
    can_skip_until: NotRequired[Seconds]
    skips_dateranges: bool
    has_hints: bool
    has_reports: bool
    has_dates: bool


class LowLatencyShape(TypedDict):
    """Play by parts; there only where a server was asked to wait."""

    offer: NotRequired[EdgeOfferShape]
    viewers: Count
    blocking_reloads: Count
    blocked_seconds: NotRequired[Distribution]
    parts: Count
    part_age_seconds: NotRequired[Distribution]
    hinted_requests: Count
    hints_met: Count
    hints_lost: Count
    faults: list[EdgeFaultShape]


class ErrorShape(TypedDict):
    """Failures of one kind on one kind of object."""

    object: Annotated[str, Meta(description="a kind of object, or viewer")]
    kind: FailureKind
    status: NotRequired[int]
    blame: Blame
    count: Count
    detail: str
    example_url: str


class ExceptionShape(TypedDict):
    """A bug of this program."""

    text: str
    count: Count
    whose: str


class MachineShape(TypedDict):
    """The generator's machine, from second to second."""

    cpu_percent: NotRequired[Distribution]
    network_device: str
    network_link_bytes_per_second: NotRequired[float]
    network_link_percent: NotRequired[Distribution]
    network_in_bytes_per_second: NotRequired[Distribution]
    network_out_bytes_per_second: NotRequired[Distribution]
    tcp_retransmits_per_second: NotRequired[Distribution]


class AgentShape(TypedDict):
    """One of several load machines."""

    agent: str
    workers: Count
    viewers: NotRequired[Count]
    cpu_seconds: float
    cpu_percent: NotRequired[Distribution]
    network_link_percent: NotRequired[Distribution]
    loop_lag_seconds: NotRequired[Distribution]
    clock_offset_seconds: NotRequired[float]
    clock_error_seconds: NotRequired[float]
    lost: NotRequired[str]
    gap_seconds: NotRequired[float]
    respread: NotRequired[bool]


class GeneratorShape(TypedDict):
    """Whether this machine kept up."""

    workers: Count
    worker_cpu_seconds: list[float]
    cpu_seconds: float
    resident_bytes: Count
    loop_lag_seconds: NotRequired[Distribution]
    lateness_seconds: NotRequired[Distribution]
    late_starts: Count
    datagrams_received: NotRequired[Count]
    datagrams_dropped: NotRequired[Count]
    saturated: bool
    trouble: list[str]
    void_share: Share
    void: list[IntervalShape]
    exceptions: NotRequired[list[ExceptionShape]]
    controller_lateness_seconds: NotRequired[Distribution]
    remarks: list[str]
    machine: NotRequired[MachineShape]
    agents: NotRequired[list[AgentShape]]


class ViolationShape(TypedDict):
    """Playlists that broke one rule of the draft in one way, and were played all the same."""

    reason: str
    rule: NotRequired[str]
    refused_by: NotRequired[list[str]]
    count: Count
    example_url: NotRequired[str]
    line: NotRequired[int]


class FiguresShape(TypedDict, total=False):
    """A distribution; of all that a histogram of the origin counted, the quantiles alone.

    A figure that is less than its clock can tell is left out, and `_below` behind its name is what it is below.
    """

    count: Count
    mean: float
    max: float
    p50: float
    p95: float
    p99: float
    mean_below: float
    max_below: float
    p50_below: float
    p95_below: float
    p99_below: float


Target = Annotated[
    dict[str, str | FiguresShape],
    Meta(description="`target` is its name; every other key is a signal, or a histogram of the origin"),
]


class SummaryShape(TypedDict):
    """A run of hls-swarm. What is not known is left out, never 0; further keys may come."""

    schema: Literal["hls-swarm/summary/1"]
    version: str
    url: str
    started_at: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
    elapsed_seconds: Seconds
    verdict: Verdict
    exit_code: int
    reasons: list[str]
    findings: list[FindingShape]
    likely_causes: NotRequired[list[LikelyCauseShape]]
    condition_seconds: NotRequired[dict[Condition, Seconds]]
    thresholds: list[ThresholdShape]
    expectations: list[ExpectationShape]
    viewers: ViewersShape
    players: NotRequired[PlayersShape]
    requests: PerKind
    unsettled_requests: Count
    repeated_requests: Count
    body_bytes: PerKind
    cancelled: PerKind
    throughput_bytes_per_second: NotRequired[ThroughputShape]
    latency_seconds: NotRequired[dict[ObjectKind, LatencyShape]]
    object_throughput_bytes_per_second: NotRequired[dict[ObjectKind, Distribution]]
    retries: PerKind
    compressed: NotRequired[PerKind]
    statuses: NotRequired[dict[ObjectKind, dict[str, Count]]]
    connections: ConnectionsShape
    http_versions: NotRequired[dict[str, VersionShape]]
    hosts: list[HostShape]
    experience: ExperienceShape
    steering: NotRequired[SteeringShape]
    cmcd: NotRequired[CmcdShape]
    low_latency: NotRequired[LowLatencyShape]
    violations: list[ViolationShape]
    remarks: list[str]
    errors: list[ErrorShape]
    generator: GeneratorShape
    origin: list[Target]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the summary."""
    (root,), parts = msgspec.json.schema_components([SummaryShape], ref_template="#/$defs/{name}")
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Summary of a run of hls-swarm",
        "$ref": root["$ref"],
        "$defs": {_plain(name): part for name, part in parts.items()},
    }
    renamed: dict[str, Any] = _with_plain_names(made)
    return renamed


def _plain(name: str) -> str:
    return name.removesuffix("Shape")


def _with_plain_names(value: Any) -> Any:
    """The same with references and titles that say what it is of, not how the types are called."""
    if isinstance(value, dict):
        return {
            key: _plain(item) if key in {"$ref", "title"} and isinstance(item, str) else _with_plain_names(item)
            for key, item in value.items()
        }
    return [_with_plain_names(item) for item in value] if isinstance(value, list) else value
