"""Whether this machine was the bottleneck, and not the origin: then what the viewers report is not of the origin."""

from hls_swarm.records import Blame, FailureKind
from hls_swarm.stats.histogram import Distribution
from hls_swarm.stats.tally import Tally

LOOP_LAG_LIMIT_SECONDS = 0.1
"""Event-loop lag at P99 above which the generator distorts what it measures: the run is invalid."""
LATE_STARTS_LIMIT = 0.01
"""Share of viewers that may start late before the run is invalid."""
_LACKS = {
    FailureKind.DESCRIPTORS: "for want of a file descriptor: raise the limit of open files (ulimit -Hn), or use more "
    "--workers",
    FailureKind.PORTS: "for want of a local port: name more addresses with --source-address, or widen "
    "net.ipv4.ip_local_port_range",
}
"""What this machine had too little of, and what helps."""


def generator_trouble(tally: Tally, loop_lag: Distribution | None, lost_workers: int) -> tuple[str, ...]:
    """Why the generator was the bottleneck, in words; empty if it was not."""
    trouble = []
    if lost_workers:
        trouble.append(f"{lost_workers} worker{'s' * (lost_workers > 1)} died; the viewers there are lost")
    if loop_lag is not None and loop_lag.p99 > LOOP_LAG_LIMIT_SECONDS:
        trouble.append(
            f"event-loop lag P99 {loop_lag.p99 * 1e3:.0f} ms, over the limit of {LOOP_LAG_LIMIT_SECONDS * 1e3:.0f} ms"
        )
    if tally.late_starts > max(1, LATE_STARTS_LIMIT * tally.started):
        trouble.append(f"{tally.late_starts} of {tally.started} viewers started late")
    blamed: dict[FailureKind, int] = {}
    for error in tally.errors.values():
        if error.blame is Blame.GENERATOR:
            blamed[error.kind] = blamed.get(error.kind, 0) + error.count
    for kind, count in sorted(blamed.items()):
        trouble.append(
            f"{count} request{'s' * (count > 1)} failed {_LACKS.get(kind, 'for a reason that lies in this machine')}"
        )
    if tally.player_log_lines_dropped:
        trouble.append(
            f"{tally.player_log_lines_dropped:,} log lines of players were not read, so counts are too low: "
            "raise --ffmpeg-log-lines"
        )
    return tuple(trouble)
