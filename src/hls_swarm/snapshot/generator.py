"""Whether this machine was the bottleneck, and not the origin: then what the viewers report is not of the origin."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

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


@dataclass(frozen=True)
class GeneratorCounts:
    """What this machine failed in, over some time.

    Args:
        started, late_starts: viewers, and those of them that began over 100 ms late.
        blamed: requests that failed for a reason that lies in this machine, by the reason.
        log_lines_dropped: lines of players that were not read.
        lost_workers: processes with viewers that died.
    """

    started: int
    late_starts: int
    blamed: Mapping[FailureKind, int]
    log_lines_dropped: int
    lost_workers: int

    @classmethod
    def of(cls, tally: Tally, lost_workers: int) -> Self:
        """Those of a whole run so far."""
        blamed: dict[FailureKind, int] = {}
        for error in tally.errors.values():
            if error.blame is Blame.GENERATOR:
                blamed[error.kind] = blamed.get(error.kind, 0) + error.count
        return cls(tally.started, tally.late_starts, blamed, tally.player_log_lines_dropped, lost_workers)

    def since(self, earlier: Self) -> Self:
        """What came after an earlier state of the same run."""
        return replace(
            self,
            started=self.started - earlier.started,
            late_starts=self.late_starts - earlier.late_starts,
            blamed={
                kind: more for kind, count in self.blamed.items() if (more := count - earlier.blamed.get(kind, 0)) > 0
            },
            log_lines_dropped=self.log_lines_dropped - earlier.log_lines_dropped,
            lost_workers=self.lost_workers - earlier.lost_workers,
        )


def generator_trouble(counts: GeneratorCounts, loop_lag: Distribution | None) -> tuple[str, ...]:
    """Why the generator was the bottleneck, in words; empty if it was not.

    Args:
        loop_lag: of the same time as the counts, in seconds.
    """
    trouble = []
    if counts.lost_workers:
        lost = counts.lost_workers
        trouble.append(f"{lost} worker{'s' * (lost > 1)} died; the viewers there are lost")
    if loop_lag is not None and loop_lag.p99 > LOOP_LAG_LIMIT_SECONDS:
        trouble.append(
            f"event-loop lag P99 {loop_lag.p99 * 1e3:.0f} ms, over the limit of {LOOP_LAG_LIMIT_SECONDS * 1e3:.0f} ms"
        )
    if counts.late_starts > max(1, LATE_STARTS_LIMIT * counts.started):
        trouble.append(f"{counts.late_starts} of {counts.started} viewers started late")
    for kind, count in sorted(counts.blamed.items()):
        trouble.append(
            f"{count} request{'s' * (count > 1)} failed {_LACKS.get(kind, 'for a reason that lies in this machine')}"
        )
    if counts.log_lines_dropped:
        trouble.append(
            f"{counts.log_lines_dropped:,} log lines of players were not read, so counts are too low: "
            "raise --ffmpeg-log-lines"
        )
    return tuple(trouble)
