"""What happens many times, each with a value."""

from collections.abc import Callable

from hls_swarm.judge.metrics.kinds import Better, DistributionMetric
from hls_swarm.judge.metrics.readings import KIND_WORDS, of_kind
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.stats.histogram import Histogram


def _distributions() -> tuple[DistributionMetric, ...]:
    out = []
    for kind, words in KIND_WORDS.items():
        out += [
            DistributionMetric(
                f"{kind}_ttfb_seconds",
                Unit.SECONDS,
                f"{words}: request sent to first byte, of complete answers",
                of_kind(kind, lambda objects: objects.ttfb),
            ),
            DistributionMetric(
                f"{kind}_download_seconds",
                Unit.SECONDS,
                f"{words}: start, connection included, to last byte, of complete answers",
                of_kind(kind, lambda objects: objects.download),
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
    read = of_kind(ObjectKind.SEGMENT, lambda objects: objects.throughput)
    out.append(
        DistributionMetric("segment_throughput_bytes_per_second", Unit.BYTES_PER_SECOND, rate, read, Better.HIGHER)
    )
    return tuple(out)


DISTRIBUTIONS = _distributions()
