"""The run as Prometheus metrics: a page made of the newest moment when somebody asks for it.

Rules:

- Names begin with `hls_swarm_`; the first implementation's name stands where the meaning is the same.
- A label's values come from a closed set: kinds of object and of failure, blame, HTTP status, worker, target. Single
  viewers only on request, at most `MOST_VIEWERS`.
- What is not known is absent, and so is a signal of the origin that is stale.
- Histograms are cut where two of our own buckets meet, at powers of the square root of 2: their counts are exact.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp2
from typing import assert_never

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from hls_swarm import __version__
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.agents import AgentFigures, shown
from hls_swarm.snapshot.finding import Finding
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import SourceState, TargetMetrics
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.snapshot.viewers.hosts import VersionFigures
from hls_swarm.stats.histogram import BUCKETS_PER_OCTAVE, Histogram
from hls_swarm.stats.tally import ObjectTally, Tally

PREFIX = "hls_swarm_"
MOST_VIEWERS = 50

_STEP = BUCKETS_PER_OCTAVE // 2
BUCKET_INDEXES = tuple(range(-10 * BUCKETS_PER_OCTAVE, 6 * BUCKETS_PER_OCTAVE + 1, _STEP))
"""Buckets of ours at which an exported bucket ends: from 1 ms to 64 s, two to an octave."""


class FamilyType(StrEnum):
    """What Prometheus calls it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


Labels = tuple[str, ...]
Value = float | Histogram
Series = tuple[Labels, Value]
"""Values of a family's labels, and the value."""


@dataclass(frozen=True)
class Family:
    """One family of the page.

    Args:
        name: without the prefix; of a counter without `_total`.
        read: the series: values of the labels, and the value.
        on_request: only with `--prom-client-metrics`.
    """

    name: str
    type: FamilyType
    help: str
    read: Callable[[Moment], Iterable[tuple[Labels, Value | None]]]
    labels: Sequence[str] = ()
    on_request: bool = False

    @property
    def full_name(self) -> str:
        """As a query names it."""
        return f"{PREFIX}{self.name}{'_total' * (self.type is FamilyType.COUNTER)}"


class Page:
    """What the endpoint serves.

    Args:
        latest: the newest moment; None before the first.
        single_viewers: whether the worst viewers are exported one by one.
    """

    def __init__(self, latest: Callable[[], Moment | None], *, single_viewers: bool = False) -> None:
        self._latest, self._single_viewers = latest, single_viewers

    def series(self) -> Iterator[tuple[Family, list[Series]]]:
        """Every family that has a series, with its series."""
        moment = self._latest()
        if moment is not None:
            yield from series_of(moment, single_viewers=self._single_viewers)

    def collect(self) -> Iterator[Metric]:
        """Every family that has a series; for prometheus_client."""
        for family, series in self.series():
            yield _metric(family, series)

    def body(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type, in the format that the Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type


def _findings(
    moment: Moment, read: Callable[[Finding], float], together: Callable[[Iterable[float]], float]
) -> Iterator[tuple[Labels, float]]:
    """One figure a rule, of all places where it was found."""
    by_rule: dict[Labels, list[float]] = {}
    for finding in moment.snapshot.findings:
        labels = (finding.rule, finding.culprit.value if finding.culprit is not None else "")
        by_rule.setdefault(labels, []).append(read(finding))
    yield from ((labels, together(values)) for labels, values in sorted(by_rule.items()))


def series_of(moment: Moment, *, single_viewers: bool = False) -> Iterator[tuple[Family, list[Series]]]:
    """Every family that a moment has a series of, with its series: what every format is made of.

    Args:
        single_viewers: whether the worst viewers are among them.
    """
    for family in (*FAMILIES, *_own_families(moment)):
        if family.on_request and not single_viewers:
            continue
        is_histogram = family.type is FamilyType.HISTOGRAM
        series = [
            (labels, value)
            for labels, value in family.read(moment)
            if value is not None and isinstance(value, Histogram) is is_histogram
            if not isinstance(value, Histogram) or value.count
        ]
        if series:
            yield family, series


def _metric(family: Family, known: Sequence[Series]) -> Metric:
    name = PREFIX + family.name
    match family.type:
        case FamilyType.HISTOGRAM:
            histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
            for labels, value in known:
                if isinstance(value, Histogram):
                    histogram.add_metric(labels, buckets=exported_buckets(value), sum_value=value.total)
            return histogram
        case FamilyType.COUNTER:
            counter = CounterMetricFamily(name, family.help, labels=family.labels)
            for labels, value in known:
                if not isinstance(value, Histogram):
                    counter.add_metric(labels, value)
            return counter
        case FamilyType.GAUGE:
            gauge = GaugeMetricFamily(name, family.help, labels=family.labels)
            for labels, value in known:
                if not isinstance(value, Histogram):
                    gauge.add_metric(labels, value)
            return gauge
        case _:
            assert_never(family.type)


def exported_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound, the last one `+Inf`; exact, since each bound is one of the histogram's own."""
    out: list[tuple[str, float]] = []
    seen, rest = histogram.not_positive, sorted(histogram.buckets.items(), reverse=True)
    for bound in BUCKET_INDEXES:
        while rest and rest[-1][0] <= bound:
            seen += rest.pop()[1]
        out.append((f"{exp2(bound / BUCKETS_PER_OCTAVE):.6g}", seen))
    out.append(("+Inf", histogram.count))
    return out


def _one(read: Callable[[Moment], Value | None]) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda moment: [((), read(moment))]


def _kinds(
    read: Callable[[ObjectTally], Value], kinds: Iterable[ObjectKind] = tuple(ObjectKind)
) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda m: [((kind.value,), read(m.tally.objects[kind])) for kind in kinds if kind in m.tally.objects]


def _switches(moment: Moment) -> Iterable[tuple[Labels, Value | None]]:
    return [(("up",), moment.tally.switches_up), (("down",), moment.tally.switches_down)]


def _requests(*kinds: ObjectKind) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return _one(lambda m: sum(m.tally.objects[kind].requests for kind in kinds if kind in m.tally.objects))


def _versions(read: Callable[[VersionFigures], float]) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda m: [((figures.version,), read(figures)) for figures in m.snapshot.http_versions]


def _edge(read: Callable[[Tally], Value]) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    """A figure of play at low latency; absent where no server was asked to wait."""
    return lambda m: [] if m.snapshot.low_latency is None else [((), read(m.tally))]


def _edge_faults(moment: Moment) -> Iterable[tuple[Labels, Value]]:
    return [((kind.value,), found.count) for kind, found in moment.tally.edge_faults.items()]


def _errors(moment: Moment) -> Iterator[tuple[Labels, Value]]:
    for error in moment.tally.errors.values():
        yield (error.subject, error.kind.value, error.blame.value, _status(error.status)), error.count


def _http_errors(moment: Moment) -> Iterable[tuple[Labels, Value]]:
    counts: dict[Labels, float] = {}
    for error in moment.tally.errors.values():
        if error.status is not None:
            labels = (_status(error.status),)
            counts[labels] = counts.get(labels, 0) + error.count
    return counts.items()


def _status(status: int | None) -> str:
    """Three digits are a closed set; what is none of these is `other`."""
    if status is None:
        return ""
    return str(status) if 100 <= status <= 599 else "other"


def _timeouts(moment: Moment) -> float:
    return sum(error.count for error in moment.tally.errors.values() if error.kind.value.endswith("_timeout"))


def _ends(moment: Moment) -> Iterable[tuple[Labels, Value]]:
    viewers = moment.snapshot.viewers
    ends = {"ended": viewers.ended, "failed": viewers.failed, "quit": viewers.quit, "left": moment.tally.left}
    return [((reason,), number) for reason, number in {**ends, "lost": moment.tally.lost}.items()]


def _phases(moment: Moment) -> Iterable[tuple[Labels, Value]]:
    return [((phase.value,), float(moment.snapshot.phase is phase)) for phase in Phase]


def _workers(
    read: Callable[[Moment], Mapping[int, float | None]],
) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda moment: [((str(worker),), value) for worker, value in read(moment).items()]


def _agents(
    read: Callable[[AgentFigures], float | None],
) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda moment: [((agent.name,), read(agent)) for agent in shown(moment.snapshot.generator.agents)]


_AGENT = ("agent",)
_HEARD = frozenset({"up", "full"})


def _targets(moment: Moment) -> tuple[TargetMetrics, ...]:
    return moment.snapshot.origin.targets if moment.snapshot.origin is not None else ()


def _signal(name: str) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda moment: [((target.target,), _measured(target, name)) for target in _targets(moment)]


def _measured(target: TargetMetrics, name: str) -> float | None:
    """The value of a signal; None if it is stale, not known, or less than its clock can tell."""
    value, reading = target.fresh_value(name), target.readings.get(name)
    return None if value is None or reading is None or reading.signal.is_below_step(value) else value


def _own_families(moment: Moment) -> Iterator[Family]:
    """Of the signals that the user added; their number is that of the settings."""
    readings = {name: one for target in _targets(moment) for name, one in target.readings.items()}
    for name, signal in ((name, one.signal) for name, one in readings.items() if name not in SIGNALS):
        yield Family(f"{ORIGIN_PREFIX}{name}", _G, f"Of the origin: {signal.help}", _signal(name), ("target",))


def _sources(moment: Moment) -> Iterator[tuple[Labels, Value]]:
    for target in _targets(moment):
        for source in target.sources:
            yield (target.target, source.role.value), float(source.state is SourceState.UP)


def _ages(moment: Moment) -> Iterator[tuple[Labels, Value | None]]:
    for target in _targets(moment):
        for source in target.sources:
            yield (target.target, source.role.value), source.age_seconds(moment.snapshot.at)


def _viewer_rows(read: Callable[..., float | None]) -> Callable[[Moment], Iterable[tuple[Labels, Value | None]]]:
    return lambda moment: [
        ((str(viewer.viewer), str(viewer.worker)), read(viewer))
        for viewer in moment.snapshot.worst_viewers[:MOST_VIEWERS]
    ]


_G, _C, _H = FamilyType.GAUGE, FamilyType.COUNTER, FamilyType.HISTOGRAM
_PLAYLISTS = (ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST)

_RUN = (
    Family("info", _G, "Always 1; the version that runs", lambda _: [((__version__,), 1.0)], ("version",)),
    Family("phase", _G, "1 for the phase that the run is in", _phases, ("phase",)),
    Family("test_elapsed_seconds", _G, "Since the start of the run", _one(lambda m: m.snapshot.elapsed_seconds)),
    Family("test_duration_seconds", _G, "How long the run is to last", _one(lambda m: m.snapshot.duration_seconds)),
    Family("target_clients", _G, "Viewers that the run wants", _one(lambda m: m.snapshot.viewers.target)),
    Family("active_clients", _G, "Viewers running", _one(lambda m: m.snapshot.viewers.active)),
    Family("starting_clients", _G, "Viewers running, not playing yet", _one(lambda m: m.snapshot.viewers.starting)),
    Family("playing_clients", _G, "Viewers playing", _one(lambda m: m.snapshot.viewers.playing)),
    Family("stalled_clients", _G, "Viewers whose buffer ran dry", _one(lambda m: m.snapshot.viewers.stalled)),
    Family("client_starts", _C, "Viewers that asked for the stream", _one(lambda m: m.snapshot.viewers.started)),
    Family("client_plays", _C, "Viewers that ever played", _one(lambda m: m.snapshot.viewers.played)),
    Family("client_exits", _C, "Viewers that are gone, by how they ended", _ends, ("reason",)),
)
_TRAFFIC = (
    Family("requests", _C, "Requests sent", _kinds(lambda objects: objects.requests), ("object",)),
    Family("manifest_requests", _C, "Playlist requests sent, multivariant and media", _requests(*_PLAYLISTS)),
    Family("segment_requests", _C, "Segment requests sent", _requests(ObjectKind.SEGMENT)),
    Family("part_requests", _C, "Requests for parts of segments sent", _requests(ObjectKind.PART)),
    Family("init_requests", _C, "Init section requests sent", _requests(ObjectKind.INIT)),
    Family(
        "body_bytes", _C, "Body bytes as received, before decompression", _kinds(lambda o: o.body_bytes), ("object",)
    ),
    Family(
        "bytes_downloaded",
        _C,
        "Body bytes of all kinds of object",
        _one(lambda m: sum(objects.body_bytes for objects in m.tally.objects.values())),
    ),
    Family(
        "throughput_bytes_per_second",
        _G,
        "Body bytes over the last second",
        _one(lambda m: m.snapshot.throughput_bytes_per_second),
    ),
    Family("connections_opened", _C, "Connections opened", _one(lambda m: m.tally.connections)),
    Family(
        "http_requests",
        _C,
        "Requests sent, by version of HTTP: 1.1, 2, 3",
        _versions(lambda figures: figures.requests),
        ("version",),
    ),
    Family(
        "http_connections",
        _C,
        "Connections opened, by version of HTTP",
        _versions(lambda figures: figures.connections),
        ("version",),
    ),
    Family(
        "resumed_connections",
        _C,
        "Connections that went on with the TLS session of an earlier one, by version of HTTP",
        _versions(lambda figures: figures.resumed),
        ("version",),
    ),
    Family(
        "ttfb_seconds", _H, "Request sent to first byte, of complete answers", _kinds(lambda o: o.ttfb), ("object",)
    ),
    Family(
        "download_seconds", _H, "Start to last byte, of complete answers", _kinds(lambda o: o.download), ("object",)
    ),
    Family("connect_seconds", _H, "Opening a connection: DNS, TCP and TLS", _one(lambda m: m.tally.connect)),
)
_EXPERIENCE = (
    Family("startup_seconds", _H, "Request to play until first playback", _one(lambda m: m.tally.startup)),
    Family("stalls", _C, "Stalls that began", _one(lambda m: m.tally.stalls)),
    Family("stall_seconds", _H, "Lengths of stalls that ended", _one(lambda m: m.tally.stall)),
    Family("stalled_seconds", _C, "Stalled time of all viewers", _one(lambda m: m.snapshot.experience.stalled_seconds)),
    Family("playing_seconds", _C, "Playing time of all viewers", _one(lambda m: m.snapshot.experience.playing_seconds)),
    Family(
        "live_latency_seconds", _H, "Wall clock less the time at the playhead", _one(lambda m: m.tally.live_latency)
    ),
    Family("edge_latency_seconds", _H, "Edge of the playlist less the playhead", _one(lambda m: m.tally.edge_latency)),
    Family(
        "blocking_reloads", _C, "Playlist requests that the server was to hold", _edge(lambda t: t.blocking_reloads)
    ),
    Family("blocked_seconds", _H, "How long the server held them, and hinted parts", _edge(lambda t: t.blocked)),
    Family("parts", _C, "Parts of segments that viewers got", _edge(lambda t: t.parts)),
    Family("part_age_seconds", _H, "Arrival of a part less the date of its end", _edge(lambda t: t.part_age)),
    Family("hinted_requests", _C, "Requests for parts before they were there", _edge(lambda t: t.hinted_requests)),
    Family("hints_met", _C, "Hinted parts that came and were listed", _edge(lambda t: t.hints_met)),
    Family("edge_faults", _C, "What servers did wrong at the live edge", _edge_faults, ("kind",)),
    Family("start_failures", _C, "Viewers that never played for a fatal error", _one(lambda m: m.tally.start_failures)),
    Family("failovers", _C, "Changes to a redundant variant stream", _one(lambda m: m.tally.failovers)),
    Family("variant_switches", _C, "Changes of variant by viewers that adapt", _switches, ("direction",)),
    Family("variant_reversals", _C, "Changes against the one before, soon after it", _one(lambda m: m.tally.reversals)),
    Family("abandoned_segments", _C, "Given up for a lower variant's", _one(lambda m: m.tally.abandoned_segments)),
    Family("abandoned_bytes", _C, "Bytes of segments that were given up", _one(lambda m: m.tally.abandoned_bytes)),
    Family("stale_playlists", _C, "Playlists that did not change in time", _one(lambda m: m.tally.stale_playlists)),
    Family("older_playlists", _C, "Reloads that brought an older copy", _one(lambda m: m.tally.older_playlists)),
    Family("violations", _C, "Playlist loads that broke a rule of the draft", _one(lambda m: m.tally.violating_loads)),
    Family("expired_segments", _C, "Segments gone before they were fetched", _one(lambda m: m.tally.expired_segments)),
    Family("pathway_switches", _C, "Changes of pathway as steered", _one(lambda m: m.tally.steering.steered)),
    Family("pathway_failures", _C, "Changes of pathway as one failed", _one(lambda m: m.tally.steering.failed)),
    Family("cmcd_requests", _C, "Requests that went out with CMCD", _one(lambda m: m.tally.cmcd.requests)),
    Family("cmcd_starved_requests", _C, "Those that told of a stall (bs)", _one(lambda m: m.tally.cmcd.starved)),
    Family("cmcd_events", _C, "Events told to a CMCD collector", _one(lambda m: m.tally.cmcd.events)),
    Family("player_restarts", _C, "Players' processes started again", _one(lambda m: m.tally.player_restarts)),
)
_ERRORS = (
    Family(
        "errors",
        _C,
        "Exchanges that failed; status_code is empty where no answer came",
        _errors,
        ("object", "kind", "blame", "status_code"),
    ),
    Family("http_errors", _C, "Answers with an HTTP status that is an error", _http_errors, ("status_code",)),
    Family("timeouts", _C, "Exchanges that took longer than a player waits", _one(_timeouts)),
)
_FINDINGS = (
    Family(
        "finding",
        _G,
        "1 while something that was found out goes on, 0 when it is over",
        lambda m: _findings(m, lambda finding: float(finding.is_going_on), max),
        ("rule", "culprit"),
    ),
    Family(
        "finding_seconds",
        _C,
        "How long it held in all",
        lambda m: _findings(m, lambda finding: finding.seconds(m.snapshot.elapsed_seconds), sum),
        ("rule", "culprit"),
    ),
)
_GENERATOR = (
    Family(
        "generator_saturated",
        _G,
        "1 while the generator is the bottleneck: what is measured then is void",
        _one(lambda m: float(bool(m.snapshot.generator_trouble))),
    ),
    Family(
        "machine_cpu_percent",
        _G,
        "CPU of the generator's machine, other programs' use too",
        _one(lambda m: m.snapshot.generator.machine.cpu_percent if m.snapshot.generator.machine else None),
    ),
    Family(
        "machine_link_percent",
        _G,
        "Use of the generator's network link",
        _one(lambda m: m.snapshot.generator.machine.link_percent if m.snapshot.generator.machine else None),
    ),
    Family(
        "datagrams_dropped",
        _C,
        "Datagrams of HTTP/3 that the generator's socket buffers had no room for",
        _one(lambda m: m.tally.datagrams_dropped if m.tally.datagrams_received else None),
    ),
    Family("late_starts", _C, "Viewers that started over 100 ms late", _one(lambda m: m.tally.late_starts)),
    Family("lateness_seconds", _H, "Requests after they were due", _one(lambda m: m.tally.lateness)),
    Family("loop_lag_seconds", _H, "Lag of the workers' event loops", _one(lambda m: m.loop_lag)),
    Family(
        "worker_cpu_seconds",
        _C,
        "Processor time of a worker",
        _workers(lambda m: {w.worker: w.cpu_seconds for w in m.snapshot.generator.workers}),
        ("worker",),
    ),
    Family(
        "worker_resident_bytes",
        _G,
        "Memory of a worker",
        _workers(lambda m: {w.worker: w.resident_bytes for w in m.snapshot.generator.workers}),
        ("worker",),
    ),
    Family(
        "worker_up",
        _G,
        "1 while a worker runs",
        _workers(lambda m: {w.worker: float(not w.lost) for w in m.snapshot.generator.workers}),
        ("worker",),
    ),
    Family(
        "agent_up", _G, "1 while an agent runs and is heard", _agents(lambda a: float(a.condition in _HEARD)), _AGENT
    ),
    Family("agent_viewers", _G, "Viewers running on an agent", _agents(lambda a: a.viewers), _AGENT),
    Family("agent_cpu_percent", _G, "CPU of its machine", _agents(lambda a: a.machine.cpu_percent), _AGENT),
    Family("agent_link_percent", _G, "Use of its link", _agents(lambda a: a.machine.link_percent), _AGENT),
    Family(
        "agent_loop_lag_p99_seconds",
        _G,
        "Lag of its workers' event loops, 99% of the last second",
        _agents(lambda a: None if a.loop_lag is None else a.loop_lag.p99),
        _AGENT,
    ),
    Family(
        "agent_clock_offset_seconds",
        _G,
        "What the controller's wall clock shows more than its own",
        _agents(lambda a: a.state.wall_offset_seconds),
        _AGENT,
    ),
    Family("agent_poll_age_seconds", _G, "Since its last word", _agents(lambda a: a.state.poll_age_seconds), _AGENT),
)
_ORIGIN = (
    Family("origin_source_up", _G, "1 if the last scrape of an exporter was good", _sources, ("target", "source")),
    Family("origin_source_age_seconds", _G, "Age of an exporter's last good page", _ages, ("target", "source")),
    *(
        Family(f"{ORIGIN_PREFIX}{name}", _G, f"Of the origin: {signal.help}", _signal(name), ("target",))
        for name, signal in SIGNALS.items()
    ),
)
_VIEWERS = (
    Family(
        "client_buffer_seconds",
        _G,
        "Media ahead of a viewer's playhead",
        _viewer_rows(lambda viewer: viewer.buffer_seconds),
        ("client", "worker"),
        on_request=True,
    ),
    Family(
        "client_stalls",
        _G,
        "Stalls of a viewer so far",
        _viewer_rows(lambda viewer: viewer.stalls),
        ("client", "worker"),
        on_request=True,
    ),
    Family(
        "client_stalled_seconds",
        _G,
        "Stalled time of a viewer so far",
        _viewer_rows(lambda viewer: viewer.stalled_seconds),
        ("client", "worker"),
        on_request=True,
    ),
)

FAMILIES = (*_RUN, *_TRAFFIC, *_EXPERIENCE, *_ERRORS, *_FINDINGS, *_GENERATOR, *_ORIGIN, *_VIEWERS)
"""Everything that the page can have, in its order."""
