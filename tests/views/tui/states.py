"""Snapshots of runs in each state that a dashboard must show, made by hand."""

from collections.abc import Mapping
from dataclasses import replace

from hls_swarm.records import Blame, FailureKind, ObjectKind
from hls_swarm.snapshot.finding import Culprit, Finding, Interval, Severity, Standing, Voids
from hls_swarm.snapshot.lately import Lately, LatelyObject
from hls_swarm.snapshot.origin.metrics import (
    OriginMetrics,
    Reading,
    Role,
    SourceHealth,
    SourceProblem,
    SourceState,
    TargetMetrics,
    Unknown,
    WhyUnknown,
)
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.snapshot.snapshot import (
    ErrorFigures,
    Experience,
    FatalFigures,
    Mark,
    ObjectFigures,
    Phase,
    Snapshot,
    ViewerDetail,
    ViewerFigures,
)
from hls_swarm.snapshot.workers import GeneratorFigures, MachineFigures, WorkerFigures
from hls_swarm.stats.histogram import Distribution

URL = "http://origin.test:8080/live/master.m3u8"
STARTED_AT = 1000.0

READINGS = {
    "cpu_percent": 35.2,
    "cpu_busiest_core_percent": 71.4,
    "cpu_iowait_percent": 0.4,
    "load_per_core": 0.61,
    "memory_used_bytes": 6.2e9,
    "memory_total_bytes": 16.7e9,
    "memory_used_percent": 37.1,
    "network_in_bytes_per_second": 2.4e6,
    "network_out_bytes_per_second": 402e6,
    "network_link_percent": 32.2,
    "disk_read_bytes_per_second": 0.0,
    "disk_write_bytes_per_second": 1.9e6,
    "disk_busy_percent": 1.2,
    "tcp_connections": 2012.0,
    "tcp_retransmit_ratio": 0.0002,
    "tcp_listen_drops_per_second": 0.0,
    "file_descriptors_percent": 0.9,
    "nginx_connections": 2003.0,
    "nginx_accepts_per_second": 0.5,
    "nginx_drops_per_second": 0.0,
    "nginx_requests_per_second": 1007.0,
    "nginx_request_seconds_p50": 0.0041,
    "nginx_request_seconds_p95": 0.0183,
    "nginx_request_seconds_p99": 0.0412,
}


def spread(middle: float, count: int = 10_000) -> Distribution:
    """A distribution around a value."""
    return Distribution(count, middle * 1.1, middle, middle * 2.5, middle * 4, middle * 9)


def fetched(requests: int, rate: float | None, size: int, ttfb: float, failed: int = 0) -> ObjectFigures:
    return ObjectFigures(
        requests=requests,
        body_bytes=requests * size,
        failed=failed,
        cancelled=0,
        requests_per_second=rate,
        body_bytes_per_second=None if rate is None else rate * size,
        ttfb=spread(ttfb),
        download=spread(ttfb * 6),
    )


def watching(active: int, playing: int, **more: int) -> ViewerFigures:
    stalled = more.get("stalled", 0)
    figures = ViewerFigures(
        target=1000,
        due=active,
        started=active + more.get("failed", 0),
        active=active,
        starting=active - playing - stalled,
        playing=playing,
        stalled=stalled,
        ended=0,
        failed=more.get("failed", 0),
        quit=0,
        played=playing + stalled,
        peak=active,
    )
    return replace(figures, **{name: value for name, value in more.items() if name not in {"stalled", "failed"}})


def generator(*, cpu: float = 14.2, lost: bool = False) -> GeneratorFigures:
    return GeneratorFigures(
        workers=(
            WorkerFigures(0, cpu, 8.2, 88_000_000, lost=False, descriptors=512, descriptors_limit=65_536),
            WorkerFigures(1, None if lost else cpu + 1, 8.3, 89_000_000, lost, 511, 65_536),
        ),
        cpu_seconds=16.5,
        loop_lag=spread(0.0004),
        lateness=spread(0.0002),
        late_starts=0,
        machine=MachineFigures(31.0, "eth0", 402e6, 2.5e6, 1.25e9),
    )


def finding(
    rule: str,
    what: str,
    *,
    culprit: Culprit | None = Culprit.ORIGIN,
    standing: Standing = Standing.CAUSE,
    severity: Severity = Severity.WARNING,
    intervals: tuple[Interval, ...] = (Interval(50.0),),
    next_step: str = "do something about it",
) -> Finding:
    voids = Voids.ITS_TIME if culprit is Culprit.GENERATOR else Voids.NOTHING
    return Finding(rule, "", standing, culprit, severity, intervals, what, (), next_step, voids)


def experience(stalls: int = 0, stalled_seconds: float = 0.0) -> Experience:
    return Experience(
        startup=spread(0.11, 1000),
        stalls=stalls,
        stall=spread(1.2, stalls) if stalls else None,
        stalled_seconds=stalled_seconds,
        playing_seconds=30_000.0,
        watched_seconds=30_100.0,
        rebuffering_ratio=stalled_seconds / (30_000 + stalled_seconds),
        live_latency=Distribution(30_000, 6.1, 6.0, 7.4, 7.9, 9.2),
        edge_latency=Distribution(30_000, 6.0, 5.9, 7.3, 7.8, 9.1),
        expired_segments=0,
        relative_download=Distribution(30_000, 0.03, 0.02, 0.06, 0.11, 0.4),
        bitrates={800_000: 900, 2_400_000: 3_000, 5_000_000: 26_100},
    )


def target(
    name: str, values: Mapping[str, float | None], *, at: float, age: float = 0.5, stale: bool = False
) -> TargetMetrics:
    readings = {}
    for signal, info in SIGNALS.items():
        if signal not in values:
            continue
        value = values[signal]
        why = Unknown(WhyUnknown.NOT_EXPORTED, "the page does not carry it", "enable its collector")
        known = value is not None and info.windowed
        readings[signal] = Reading(
            info,
            value,
            at=at - age,
            unknown=None if value is not None else why,
            p50=value if known else None,
            p95=value * 1.05 if known and value is not None else None,
            max=value * 1.1 if known and value is not None else None,
            window_values=15 if known else 0,
            stale=stale,
        )
    health = SourceHealth(Role.NODE, f"http://{name}:9100/metrics", SourceState.UP, dialect="node_exporter")
    health = (
        health
        if not stale
        else SourceHealth(
            Role.NODE,
            f"http://{name}:9100/metrics",
            SourceState.STALE,
            SourceProblem.TIMEOUT,
            "no answer within 2 s",
            "node_exporter",
            last_success_at=at - age,
        )
    )
    nginx = SourceHealth(Role.NGINX, f"http://{name}:9113/metrics", SourceState.UP, dialect="nginx-prometheus-exporter")
    return TargetMetrics(name, (health, nginx), readings, at=at)


def origin(*targets: TargetMetrics, at: float) -> OriginMetrics:
    return OriginMetrics(targets, at, 2.0, 30.0)


def one_origin(at: float, **changed: float | None) -> OriginMetrics:
    return origin(target("10.177.0.10", {**READINGS, **changed}, at=at), at=at)


def lately(ttfb: float = 0.0034, **changed: object) -> Lately:
    """Ten seconds like the whole run, if nothing else is said."""
    e = experience()
    made = Lately(
        seconds=10.0,
        objects={
            ObjectKind.MEDIA_PLAYLIST: LatelyObject(5020, 0, spread(0.0011, 5020), spread(0.0066, 5020)),
            ObjectKind.SEGMENT: LatelyObject(4980, 0, spread(ttfb, 4980), spread(ttfb * 6, 4980)),
        },
        startup=None,
        live_latency=e.live_latency,
        edge_latency=e.edge_latency,
        relative_download=e.relative_download,
        stalls=0,
        stalled_seconds=0.0,
        rebuffering_ratio=0.0,
    )
    return replace(made, **changed)  # type: ignore[arg-type] # the tests name fields that there are


def snapshot(elapsed: float, phase: Phase = Phase.STEADY, **changed: object) -> Snapshot:
    at = STARTED_AT + elapsed
    made = Snapshot(
        at=at,
        url=URL,
        phase=phase,
        elapsed_seconds=elapsed,
        duration_seconds=300.0,
        viewers=watching(1000, 1000),
        objects={
            ObjectKind.MULTIVARIANT_PLAYLIST: fetched(1000, 0.0, 400, 0.002),
            ObjectKind.MEDIA_PLAYLIST: fetched(int(500 * elapsed), 502.0, 900, 0.0011),
            ObjectKind.SEGMENT: fetched(int(500 * elapsed), 498.0, 806_000, 0.0034),
        },
        throughput_bytes_per_second=402e6,
        throughput_mean_bytes_per_second=380e6,
        throughput_peak_bytes_per_second=431e6,
        experience=experience(),
        errors=(),
        fatal_reasons=(),
        connections_opened=2000,
        connect=spread(0.0004),
        generator=generator(),
        origin=one_origin(at),
        lately=lately(),
    )
    return replace(made, **changed)  # type: ignore[arg-type] # the tests name fields that there are


def not_found(at: float, count: int) -> ErrorFigures:
    return ErrorFigures(
        ObjectKind.SEGMENT,
        FailureKind.HTTP_STATUS,
        404,
        Blame.ORIGIN,
        "HTTP 404 Not Found",
        count,
        "http://origin.test:8080/live/high/segment-000000000417-with-a-name-that-is-long.ts",
        at - 3,
    )


def worst(count: int) -> tuple[ViewerDetail, ...]:
    return tuple(
        ViewerDetail(
            viewer=100 + n,
            worker=n % 2,
            state="stalled" if n < count // 3 else "playing",
            buffer_seconds=0.0 if n < count // 3 else 0.4 * n,
            bitrate_bps=None if n == 1 else 5_000_000,
            stalls=max(0, 5 - n // 2),
            stalled_seconds=max(0.0, 4.5 - n / 3),
            last_error="segment HTTP 404" if n % 4 == 0 else None,
        )
        for n in range(count)
    )


def ramping() -> Snapshot:
    return snapshot(
        35.0, Phase.RAMPING, viewers=watching(412, 400), throughput_bytes_per_second=161e6, generator=generator(cpu=6.1)
    )


def steady() -> Snapshot:
    return snapshot(125.0)


def stalls() -> Snapshot:
    return snapshot(
        125.0,
        viewers=watching(1000, 930, stalled=70),
        experience=experience(212, 391.0),
        worst_viewers=worst(24),
        lately=lately(0.21, stalls=64, stalled_seconds=180.0, rebuffering_ratio=0.018),
        findings=(finding("stalled", "70 of 1,000 viewers stalled"),),
    )


def errors() -> Snapshot:
    at = STARTED_AT + 125
    refused = ErrorFigures(
        ObjectKind.MEDIA_PLAYLIST, FailureKind.CONNECT, None, Blame.ORIGIN, "connection refused", 7, URL, at - 41
    )
    return snapshot(
        125.0,
        viewers=watching(940, 900, failed=60),
        objects={
            ObjectKind.MEDIA_PLAYLIST: fetched(62_500, 480.0, 900, 0.0011, failed=7),
            ObjectKind.SEGMENT: fetched(62_500, 470.0, 806_000, 0.0034, failed=3_412),
        },
        errors=(not_found(at, 3_412), refused),
        fatal_reasons=(FatalFigures("HTTP 404 Not Found", 60, URL, ObjectKind.MEDIA_PLAYLIST, ""),),
        worst_viewers=worst(6),
    )


def stale_origin() -> Snapshot:
    at = STARTED_AT + 125
    nginx_only = {name: value for name, value in READINGS.items() if name.startswith("nginx")}
    node = {name: value for name, value in READINGS.items() if not name.startswith("nginx")}
    stale = target("10.177.0.10", {**node, "pressure_cpu_percent": None}, at=at, age=14.0, stale=True)
    fresh = target("10.177.0.10", nginx_only, at=at)
    both = TargetMetrics("10.177.0.10", stale.sources, {**stale.readings, **fresh.readings}, at=at)
    return snapshot(125.0, origin=origin(both, at=at))


def generator_bound() -> Snapshot:
    return snapshot(
        125.0,
        generator=generator(cpu=98.7),
        findings=(
            finding("generator-lag", "this machine was late: event-loop lag P99 312 ms", culprit=Culprit.GENERATOR),
        ),
        viewers=watching(1000, 700, stalled=120),
    )


def finished() -> Snapshot:
    return snapshot(300.0, Phase.FINISHED, viewers=watching(0, 0, started=1000, played=1000, quit=1000, peak=1000))


def going_down() -> Snapshot:
    return snapshot(125.0, viewers=replace(watching(160, 160), target=150))


def two_origins() -> Snapshot:
    at = STARTED_AT + 125
    second = {**READINGS, "cpu_percent": 93.0, "network_link_percent": None, "nginx_requests_per_second": 12.5}
    targets = (target("10.177.0.10", READINGS, at=at), target("10.177.0.11", second, at=at))
    return snapshot(125.0, origin=origin(*targets, at=at))


def with_mark() -> Snapshot:
    return snapshot(125.0, marks=(Mark(100.0, "cache emptied"),))


def no_origin() -> Snapshot:
    return snapshot(125.0, origin=None)


def nothing_yet() -> Snapshot:
    """The first snapshot of a run: no rates, nothing fetched."""
    return snapshot(
        0.4,
        Phase.RAMPING,
        duration_seconds=None,
        viewers=watching(5, 0),
        objects={},
        throughput_bytes_per_second=None,
        throughput_mean_bytes_per_second=None,
        throughput_peak_bytes_per_second=None,
        experience=Experience(None, 0, None, 0.0, 0.0, 2.0, None, None, None, 0),
        connections_opened=0,
        connect=None,
        generator=GeneratorFigures((), 0.0, None, None, 0),
        origin=None,
    )
