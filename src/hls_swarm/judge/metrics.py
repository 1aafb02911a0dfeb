"""Every metric of a run: the names that timeline, thresholds, comparison and report share.

Rules:

- A distribution is read as a cumulative histogram, a counter as a cumulative number: what happened in a second, in the
  steady state or in the whole run is the difference of two of them, exactly.
- A gauge is read once a second; over a time it is the distribution of these readings.
- A ratio is the difference of one cumulative number by that of another: never an average of ratios.
- Unknown is None. A distribution that is empty is not known.
- The origin's signals are gauges named `origin_` and the signal, one for each target: see `snapshot.origin.signals`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hls_swarm.records import Blame, EdgeFault, ObjectKind
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.snapshot import MachineFigures
from hls_swarm.snapshot.viewers.lowlatency import FAULT_WORDS
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import ObjectTally, Tally

ORIGIN_PREFIX = "origin_"


class Better(StrEnum):
    """Which way a metric moves when things get better."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True)
class DistributionMetric:
    """Something that happens many times, each with a value: its cumulative histogram."""

    name: str
    unit: Unit
    help: str
    read: Callable[[Moment], Histogram | None]
    better: Better = Better.LOWER


@dataclass(frozen=True)
class CounterMetric:
    """Something that is counted. Where a `whole` is read too, the counter has a rate: its share of that."""

    name: str
    unit: Unit
    help: str
    read: Callable[[Moment], float]
    better: Better = Better.NEITHER
    whole: Callable[[Moment], float] | None = None


@dataclass(frozen=True)
class GaugeMetric:
    """Something that is so much now; None where it is not known."""

    name: str
    unit: Unit
    help: str
    read: Callable[[Moment], float | None]
    better: Better = Better.NEITHER


@dataclass(frozen=True)
class RatioMetric:
    """One cumulative number by another."""

    name: str
    unit: Unit
    help: str
    part: Callable[[Moment], float]
    whole: Callable[[Moment], float]
    better: Better = Better.LOWER


Metric = DistributionMetric | CounterMetric | GaugeMetric | RatioMetric

_KIND_WORDS = {
    ObjectKind.MULTIVARIANT_PLAYLIST: "multivariant playlists",
    ObjectKind.MEDIA_PLAYLIST: "media playlists",
    ObjectKind.SEGMENT: "segments",
    ObjectKind.PART: "parts",
    ObjectKind.INIT: "init sections",
    ObjectKind.KEY: "keys",
    ObjectKind.PREFLIGHT: "CORS preflights",
    ObjectKind.STEERING: "steering manifests",
    ObjectKind.CMCD_REPORT: "CMCD reports to a collector",
}


def _of_kind(kind: ObjectKind, read: Callable[[ObjectTally], Histogram]) -> Callable[[Moment], Histogram | None]:
    def histogram(moment: Moment) -> Histogram | None:
        objects = moment.tally.objects.get(kind)
        return None if objects is None else read(objects)

    return histogram


def _count_of_kind(kind: ObjectKind, read: Callable[[ObjectTally], float]) -> Callable[[Moment], float]:
    def count(moment: Moment) -> float:
        objects = moment.tally.objects.get(kind)
        return 0 if objects is None else read(objects)

    return count


def _sum(read: Callable[[ObjectTally], float]) -> Callable[[Moment], float]:
    return lambda moment: sum(read(objects) for objects in moment.tally.objects.values())


def _tally(read: Callable[[Tally], float]) -> Callable[[Moment], float]:
    return lambda moment: read(moment.tally)


def _blamed(blame: Blame) -> Callable[[Moment], float]:
    return lambda moment: sum(e.count for e in moment.tally.errors.values() if e.blame is blame)


def _stalled(moment: Moment) -> float:
    return moment.tally.stalled.seconds(moment.snapshot.at)


def _played(moment: Moment) -> float:
    return moment.tally.playing.seconds(moment.snapshot.at)


def _watched(moment: Moment) -> float:
    return moment.tally.watching.seconds(moment.snapshot.at)


def _answers(is_of: Callable[[int], bool]) -> Callable[[Moment], float]:
    """Answers with some statuses, to requests for any kind of object."""
    return _sum(lambda objects: sum(number for status, number in objects.statuses.items() if is_of(status)))


def _generator_cpu(moment: Moment) -> float | None:
    workers = [worker.cpu_percent for worker in moment.snapshot.generator.workers if worker.cpu_percent is not None]
    return max(workers) if workers else None


def _workers_lost(moment: Moment) -> float:
    generator = moment.snapshot.generator
    elsewhere = sum(agent.workers for agent in generator.agents if agent.is_lost)
    return max(0, sum(worker.lost for worker in generator.workers) - elsewhere)


def _machine(read: Callable[[MachineFigures], float | None]) -> Callable[[Moment], float | None]:
    def figure(moment: Moment) -> float | None:
        machine = moment.snapshot.generator.machine
        return None if machine is None else read(machine)

    return figure


def _media_bytes(moment: Moment) -> float:
    objects = moment.tally.objects
    return sum(objects[kind].body_bytes for kind in (ObjectKind.SEGMENT, ObjectKind.PART) if kind in objects)


def _edge_faults(kind: EdgeFault) -> Callable[[Tally], float]:
    def count(tally: Tally) -> float:
        found = tally.edge_faults.get(kind)
        return 0 if found is None else found.count

    return count


def _distributions() -> tuple[DistributionMetric, ...]:
    out = []
    for kind, words in _KIND_WORDS.items():
        out += [
            DistributionMetric(
                f"{kind}_ttfb_seconds",
                Unit.SECONDS,
                f"{words}: request sent to first byte, of complete answers",
                _of_kind(kind, lambda objects: objects.ttfb),
            ),
            DistributionMetric(
                f"{kind}_download_seconds",
                Unit.SECONDS,
                f"{words}: start, connection included, to last byte, of complete answers",
                _of_kind(kind, lambda objects: objects.download),
            ),
        ]
    rows: tuple[tuple[str, str, Callable[[Moment], Histogram | None]], ...] = (
        ("startup_seconds", "request to play until first playback (CTA-2066)", lambda m: m.tally.startup),
        ("stall_seconds", "lengths of stalls that ended", lambda m: m.tally.stall),
        (
            "live_latency_seconds",
            "wall clock less EXT-X-PROGRAM-DATE-TIME at the playhead",
            lambda m: m.tally.live_latency,
        ),
        (
            "edge_latency_seconds",
            "edge of the playlist, plus its age, less the playhead",
            lambda m: m.tally.edge_latency,
        ),
        (
            "blocked_seconds",
            "how long servers held blocking reloads and hinted parts, to the first byte (8216bis 6.2.5.2, 6.2.6)",
            lambda m: m.tally.blocked,
        ),
        (
            "part_age_seconds",
            "wall clock at a part's arrival less the date of its end: since when it could have been there",
            lambda m: m.tally.part_age,
        ),
        ("restart_seconds", "seek to playing again", lambda m: m.tally.restart),
        ("cmcd_buffer_seconds", "buffer that media requests tell of (CMCD bl)", lambda m: m.tally.cmcd.buffer),
        ("playlist_staleness_seconds", "how long stale playlists had not changed", lambda m: m.tally.staleness),
        ("connect_seconds", "opening connections: DNS, TCP and TLS", lambda m: m.tally.connect),
        (
            "rtt_seconds",
            "round trips of up to 20 connections of each worker, as the kernel estimates them (Linux)",
            lambda m: m.tally.rtt,
        ),
        ("lateness_seconds", "requests after they were due: the generator's own delay", lambda m: m.tally.lateness),
        ("loop_lag_seconds", "lag of the workers' event loops", lambda m: m.loop_lag),
        ("controller_lateness_seconds", "how late the controller's seconds were", lambda m: m.controller_lateness),
    )
    out += [DistributionMetric(name, Unit.SECONDS, text, read) for name, text, read in rows]
    out.append(
        DistributionMetric(
            "cmcd_throughput_bytes_per_second",
            Unit.BYTES_PER_SECOND,
            "throughput of their link that players tell of (CMCD mtp)",
            lambda m: m.tally.cmcd.throughput,
            Better.HIGHER,
        )
    )
    text = "download time of a segment by its duration: above 1 is slower than it plays"
    out.append(DistributionMetric("segment_relative_download", Unit.RATIO, text, lambda m: m.tally.relative_download))
    rate = "bytes of a segment by the time from its first byte to its last, of complete answers"
    read = _of_kind(ObjectKind.SEGMENT, lambda objects: objects.throughput)
    out.append(
        DistributionMetric("segment_throughput_bytes_per_second", Unit.BYTES_PER_SECOND, rate, read, Better.HIGHER)
    )
    return tuple(out)


def _counters() -> tuple[CounterMetric, ...]:
    out = [
        CounterMetric(
            "requests", Unit.COUNT, "requests sent, of every kind of object", _sum(lambda objects: objects.requests)
        ),
        CounterMetric(
            "errors",
            Unit.COUNT,
            "exchanges that failed; its rate is their share of those that ended",
            _sum(lambda objects: objects.failed),
            Better.LOWER,
            _sum(lambda objects: objects.failed + objects.completed),
        ),
        CounterMetric(
            "errors_origin", Unit.COUNT, "failures that are the origin's", _blamed(Blame.ORIGIN), Better.LOWER
        ),
        CounterMetric(
            "errors_generator", Unit.COUNT, "failures that are the generator's", _blamed(Blame.GENERATOR), Better.LOWER
        ),
        CounterMetric("body_bytes", Unit.BYTES, "body bytes as received", _sum(lambda objects: objects.body_bytes)),
        CounterMetric(
            "answers_ok", Unit.COUNT, "answers with a status of 200 to 299", _answers(lambda s: s // 100 == 2)
        ),
        CounterMetric(
            "answers_refused",
            Unit.COUNT,
            "answers 429 and 503: more than the origin is willing to serve",
            _answers(lambda status: status in {429, 503}),
            Better.LOWER,
        ),
        CounterMetric(
            "answers_broken",
            Unit.COUNT,
            "answers 500: the server itself fails",
            _answers(lambda status: status == 500),
            Better.LOWER,
        ),
        CounterMetric(
            "answers_gateway",
            Unit.COUNT,
            "answers 502 and 504: what is behind the server fails or is late",
            _answers(lambda status: status in {502, 504}),
            Better.LOWER,
        ),
    ]
    for kind, words in _KIND_WORDS.items():
        out += [
            CounterMetric(
                f"{kind}_requests",
                Unit.COUNT,
                f"{words}: requests sent",
                _count_of_kind(kind, lambda objects: objects.requests),
            ),
            CounterMetric(
                f"{kind}_body_bytes",
                Unit.BYTES,
                f"{words}: body bytes as received",
                _count_of_kind(kind, lambda objects: objects.body_bytes),
            ),
            CounterMetric(
                f"{kind}_errors",
                Unit.COUNT,
                f"{words}: exchanges that failed; its rate is their share of those that ended",
                _count_of_kind(kind, lambda objects: objects.failed),
                Better.LOWER,
                _count_of_kind(kind, lambda objects: objects.failed + objects.completed),
            ),
        ]
    rows: tuple[tuple[str, str, Better, Callable[[Tally], float]], ...] = (
        ("viewers_started", "viewers that asked for the stream", Better.NEITHER, lambda t: t.started),
        ("viewers_played", "viewers that ever played", Better.NEITHER, lambda t: t.played),
        ("viewers_ended", "viewers that played to the end of the stream", Better.NEITHER, lambda t: t.ended),
        ("viewers_failed", "viewers that a fatal error ended", Better.LOWER, lambda t: t.failed),
        (
            "viewers_failed_generator",
            "of these, the ones that this machine failed: no descriptor, no port, a player's own end",
            Better.LOWER,
            lambda t: t.failed_here,
        ),
        ("viewers_left", "viewers whose session was over", Better.NEITHER, lambda t: t.left),
        ("viewers_lost", "viewers whose worker died", Better.LOWER, lambda t: t.lost),
        (
            "start_failures",
            "viewers that a fatal error ended before they played",
            Better.LOWER,
            lambda t: t.start_failures,
        ),
        (
            "viewers_unplayed",
            "viewers that had as long as their player may take to start, or failed, and never played",
            Better.LOWER,
            lambda t: t.start_failures + t.overdue,
        ),
        ("exits_before_start", "viewers that left before they played", Better.LOWER, lambda t: t.exits_before_start),
        ("failovers", "changes to a redundant variant stream", Better.LOWER, lambda t: t.failovers),
        (
            "variant_switches_up",
            "changes to a variant of a higher bitrate, by viewers that adapt",
            Better.NEITHER,
            lambda t: t.switches_up,
        ),
        ("variant_switches_down", "changes to a lower one", Better.LOWER, lambda t: t.switches_down),
        (
            "variant_reversals",
            "changes against the direction of the one before, within 30 s of it: oscillation",
            Better.LOWER,
            lambda t: t.reversals,
        ),
        (
            "abandoned_segments",
            "segments given up for those of a lower variant",
            Better.LOWER,
            lambda t: t.abandoned_segments,
        ),
        ("seeks", "seeks that viewers made", Better.NEITHER, lambda t: t.seeks),
        ("pauses", "pauses that viewers made", Better.NEITHER, lambda t: t.pauses),
        ("gap_segments", "segments that the playlist says are missing", Better.LOWER, lambda t: t.gap_segments),
        (
            "unavailable_segments",
            "segments passed over because every try failed",
            Better.LOWER,
            lambda t: t.unavailable_segments,
        ),
        (
            "mutated_segments",
            "segments that a playlist told otherwise before",
            Better.LOWER,
            lambda t: t.mutated_segments,
        ),
        ("sequence_resets", "playlists that began their numbering anew", Better.LOWER, lambda t: t.sequence_resets),
        (
            "violations",
            "playlist loads that broke a rule of the draft, each rule on its own",
            Better.LOWER,
            lambda t: t.violating_loads,
        ),
        ("parts", "parts of segments that viewers got", Better.NEITHER, lambda t: t.parts),
        (
            "blocking_reloads",
            "playlist requests that the server was to hold until there was something new",
            Better.NEITHER,
            lambda t: t.blocking_reloads,
        ),
        (
            "hinted_requests",
            "requests for parts before they were there (EXT-X-PRELOAD-HINT)",
            Better.NEITHER,
            lambda t: t.hinted_requests,
        ),
        ("hints_met", "hinted parts that came and were listed", Better.NEITHER, lambda t: t.hints_met),
        *((f"edge_{kind.value}", words, Better.LOWER, _edge_faults(kind)) for kind, words in FAULT_WORDS.items()),
        ("older_playlists", "reloads that brought an older copy", Better.LOWER, lambda t: t.older_playlists),
        ("date_jumps", "reloads that dated segments otherwise", Better.LOWER, lambda t: t.date_jumps),
        ("stale_playlists", "playlists that did not change for too long", Better.LOWER, lambda t: t.stale_playlists),
        (
            "leaping_playlists",
            "of these, the ones that then went on by three segments or more at once",
            Better.LOWER,
            lambda t: t.leaping_playlists,
        ),
        (
            "unsettled_requests",
            "requests without an answer, of which it is not known whether the origin took them",
            Better.LOWER,
            lambda t: t.unsettled_requests,
        ),
        (
            "repeated_requests",
            "requests without an answer that were asked again at once, on another connection",
            Better.LOWER,
            lambda t: t.repeated_requests,
        ),
        (
            "unrecorded_requests",
            "requests not written to Parquet for want of room",
            Better.LOWER,
            lambda t: t.unrecorded_requests,
        ),
        (
            "player_log_lines_dropped",
            "lines of players' logs that were not read",
            Better.LOWER,
            lambda t: t.player_log_lines_dropped,
        ),
        ("player_restarts", "player processes started again", Better.LOWER, lambda t: t.player_restarts),
        ("stalls", "stalls that began", Better.LOWER, lambda t: t.stalls),
        (
            "expired_segments",
            "segments that left a playlist before they were fetched",
            Better.LOWER,
            lambda t: t.expired_segments,
        ),
        (
            "unchanged_playlists",
            "media playlists with the same bytes as the load before",
            Better.NEITHER,
            lambda t: t.unchanged_playlists,
        ),
        ("connections_opened", "connections opened", Better.NEITHER, lambda t: t.connections),
        (
            "pathway_switches",
            "changes of pathway because a steering server said so",
            Better.NEITHER,
            lambda t: t.steering.steered,
        ),
        (
            "pathway_failures",
            "changes of pathway because the one before failed",
            Better.LOWER,
            lambda t: t.steering.failed,
        ),
        ("cmcd_requests", "requests that went out with CMCD", Better.NEITHER, lambda t: t.cmcd.requests),
        (
            "cmcd_starved_requests",
            "requests that told of a stall before them (CMCD bs)",
            Better.LOWER,
            lambda t: t.cmcd.starved,
        ),
        ("cmcd_events", "events told to a CMCD collector", Better.NEITHER, lambda t: t.cmcd.events),
        ("late_starts", "viewers that started over 100 ms after they were due", Better.LOWER, lambda t: t.late_starts),
    )
    out += [CounterMetric(name, Unit.COUNT, text, _tally(read), better) for name, text, better, read in rows]
    text = "bytes of segments that were given up: they were sent in vain, and are in body_bytes"
    out.append(CounterMetric("abandoned_bytes", Unit.BYTES, text, _tally(lambda t: t.abandoned_bytes), Better.LOWER))
    return tuple(out)


_GAUGES = (
    GaugeMetric("viewers_target", Unit.COUNT, "viewers that the run wants", lambda m: m.snapshot.viewers.target),
    GaugeMetric("viewers_due", Unit.COUNT, "viewers that should have started", lambda m: m.snapshot.viewers.due),
    GaugeMetric("viewers_active", Unit.COUNT, "viewers running", lambda m: m.snapshot.viewers.active),
    GaugeMetric("viewers_starting", Unit.COUNT, "running, not playing yet", lambda m: m.snapshot.viewers.starting),
    GaugeMetric("viewers_playing", Unit.COUNT, "viewers playing", lambda m: m.snapshot.viewers.playing),
    GaugeMetric(
        "viewers_stalled", Unit.COUNT, "viewers in a stall", lambda m: m.snapshot.viewers.stalled, Better.LOWER
    ),
    GaugeMetric(
        "throughput_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "body bytes of all kinds over the last second",
        lambda m: m.snapshot.throughput_bytes_per_second,
        Better.HIGHER,
    ),
    GaugeMetric(
        "generator_cpu_percent",
        Unit.PERCENT,
        "CPU of the busiest worker, in percent of a core",
        _generator_cpu,
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_resident_bytes",
        Unit.BYTES,
        "memory of all workers",
        lambda m: sum(worker.resident_bytes for worker in m.snapshot.generator.workers) or None,
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_workers_lost",
        Unit.COUNT,
        "workers that died, without those on a load machine that is lost",
        _workers_lost,
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_workers_silent",
        Unit.COUNT,
        "workers that did not report to the end of the run",
        lambda m: len(m.snapshot.generator.silent),
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_exceptions",
        Unit.COUNT,
        "exceptions in hls-swarm itself, since the start",
        lambda m: sum(fault.count for fault in m.snapshot.generator.faults),
        Better.LOWER,
    ),
    GaugeMetric(
        "machine_cpu_percent",
        Unit.PERCENT,
        "CPU of the generator's machine, other programs' use too",
        _machine(lambda machine: machine.cpu_percent),
        Better.LOWER,
    ),
    GaugeMetric(
        "machine_link_percent",
        Unit.PERCENT,
        "use of the generator's network link, in its busier direction",
        _machine(lambda machine: machine.link_percent),
        Better.LOWER,
    ),
    GaugeMetric(
        "machine_network_in_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "received by the generator's network device",
        _machine(lambda machine: machine.received_bytes_per_second),
    ),
    GaugeMetric(
        "machine_tcp_retransmits_per_second",
        Unit.PER_SECOND,
        "segments that the generator's machine sent again",
        _machine(lambda machine: machine.tcp_retransmits_per_second),
        Better.LOWER,
    ),
)

_RATIOS = (
    RatioMetric(
        "rebuffering_ratio",
        Unit.RATIO,
        "stalled time by stalled and playing time, of all viewers",
        _stalled,
        lambda moment: _stalled(moment) + _played(moment),
    ),
    RatioMetric(
        "waiting_ratio",
        Unit.RATIO,
        "watched time without play by watched time: starting, stalled, seeking, and never having played",
        lambda moment: max(0.0, _watched(moment) - _played(moment)),
        _watched,
    ),
    RatioMetric(
        "bitrate_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "declared bitrate of the media that was fetched, by its playing time (CTA-2066)",
        lambda moment: moment.tally.media_bits / 8,
        lambda moment: moment.tally.media_seconds,
        Better.HIGHER,
    ),
    RatioMetric(
        "variant_switches_per_minute",
        Unit.COUNT,
        "changes of variant by viewers that adapt, by minutes watched",
        lambda moment: moment.tally.switches_up + moment.tally.switches_down,
        lambda moment: _watched(moment) / 60,
    ),
    RatioMetric(
        "media_bytes_ratio",
        Unit.RATIO,
        "bytes of segments and parts as received by what their declared bitrates would make: 0 where bodies are empty",
        _media_bytes,
        lambda moment: moment.tally.media_bits / 8,
        Better.NEITHER,
    ),
)

DISTRIBUTIONS = _distributions()
COUNTERS = _counters()
GAUGES = _GAUGES
RATIOS = _RATIOS

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for group in (_GAUGES, COUNTERS, DISTRIBUTIONS, _RATIOS) for metric in group}
)
"""The viewers' and the generator's metrics by name, in the order of the reference page."""
