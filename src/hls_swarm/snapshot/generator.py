"""Whether this machine was the bottleneck, and not the origin: then what the viewers report is not of the origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self, TypeVar

from hls_swarm.records import Blame, FailureKind
from hls_swarm.snapshot.agents import AgentState
from hls_swarm.stats.histogram import Distribution
from hls_swarm.stats.tally import Tally

_Key = TypeVar("_Key")

LOOP_LAG_LIMIT_SECONDS = 0.1
"""Event-loop lag at P99 above which the generator distorts what it measures: the run is invalid."""
LATE_STARTS_LIMIT = 0.01
"""Share of viewers that may start late before the run is invalid."""
STANDSTILL_LIMIT_SECONDS = 5.0
"""A worker whose event loop stood still for this long was stopped, or its machine was: its viewers would all have
stalled meanwhile, and what they measured over that time is not of the origin."""
DROPPED_LIMIT = 0.002
"""Share of datagrams that may find no room in this machine's buffers: congestion control takes it for a full network,
and the origin sends less. At 0.125% a client that reads as fast as it can came to three quarters of its rate."""
LEAST_DROPPED = 10
"""Datagrams dropped, within what is judged, that are worth a word."""
CONTROLLER_LATE_SECONDS = 1.0
"""Lateness of the controller from which on rows of the timeline are missing, which every view says."""
_LACKS = {
    FailureKind.DESCRIPTORS: "for want of a file descriptor: raise the limit of open files (ulimit -Hn), or use more "
    "--workers",
    FailureKind.PORTS: "for want of a local port: name more addresses with --source-address, or widen "
    "net.ipv4.ip_local_port_range",
}
"""What this machine had too little of, and what helps."""
_MOST_TOLD = 3
"""Workers whose deaths are told in words."""


@dataclass(frozen=True)
class GeneratorCounts:
    """What this machine failed in, over some time.

    Args:
        started, late_starts: viewers, and those of them that began over 100 ms late.
        blamed: requests that failed for a reason that lies in this machine, by the reason.
        log_lines_dropped: lines of players that were not read.
        datagrams_received, datagrams_dropped: over HTTP/3, and for want of room in this machine's buffers.
        lost_workers: processes with viewers that died.
        faults: exceptions in this program, by their words.
    """

    started: int
    late_starts: int
    blamed: Mapping[FailureKind, int]
    log_lines_dropped: int
    lost_workers: int
    faults: Mapping[str, int] = field(default_factory=dict)
    datagrams_received: int = 0
    datagrams_dropped: int = 0

    @classmethod
    def of(cls, tally: Tally, lost_workers: int) -> Self:
        """Those of a whole run so far."""
        blamed: dict[FailureKind, int] = {}
        for error in tally.errors.values():
            if error.blame is Blame.GENERATOR:
                blamed[error.kind] = blamed.get(error.kind, 0) + error.count
        faults = {text: fault.count for text, fault in tally.faults.items()}
        dropped = tally.player_log_lines_dropped
        return cls(
            tally.started,
            tally.late_starts,
            blamed,
            dropped,
            lost_workers,
            faults,
            tally.datagrams_received,
            tally.datagrams_dropped,
        )

    def since(self, earlier: Self) -> Self:
        """What came after an earlier state of the same run."""
        return replace(
            self,
            started=self.started - earlier.started,
            late_starts=self.late_starts - earlier.late_starts,
            blamed=_more(self.blamed, earlier.blamed),
            log_lines_dropped=self.log_lines_dropped - earlier.log_lines_dropped,
            lost_workers=self.lost_workers - earlier.lost_workers,
            faults=_more(self.faults, earlier.faults),
            datagrams_received=self.datagrams_received - earlier.datagrams_received,
            datagrams_dropped=self.datagrams_dropped - earlier.datagrams_dropped,
        )


def _more(now: Mapping[_Key, int], earlier: Mapping[_Key, int]) -> dict[_Key, int]:
    return {key: more for key, count in now.items() if (more := count - earlier.get(key, 0)) > 0}


def generator_trouble(
    counts: GeneratorCounts,
    loop_lag: Distribution | None,
    died_of: Mapping[int, str] = MappingProxyType({}),
    silent: Mapping[int, float] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Why the generator was the bottleneck, in words; empty if it was not.

    Args:
        loop_lag: of the same time as the counts, in seconds.
        died_of: numbers of the workers that died, and what they died of, as far as that is known.
        silent: numbers of the workers that did not report to the end, and how long before it they were last heard.
    """
    trouble = []
    if counts.lost_workers:
        lost = counts.lost_workers
        how = "; ".join(f"worker {number} {how}" for number, how in sorted(died_of.items())[:_MOST_TOLD])
        more = f"; and {len(died_of) - _MOST_TOLD} more" if len(died_of) > _MOST_TOLD else ""
        trouble.append(
            f"{lost} worker{'s' * (lost > 1)} died; the viewers there are lost" + (f" ({how}{more})" if how else "")
        )
    if silent:
        how = ", ".join(f"worker {number} for {seconds:.0f} s" for number, seconds in sorted(silent.items()))
        trouble.append(f"not all workers reported to the end; silent were {how}, and the viewers there are lost")
    if counts.faults:
        raised = sum(counts.faults.values())
        trouble.append(f"{raised} exception{'s' * (raised > 1)} in hls-swarm itself: {next(iter(counts.faults))}")
    if loop_lag is not None and loop_lag.max > STANDSTILL_LIMIT_SECONDS:
        trouble.append(f"a worker stood still for {loop_lag.max:.1f} s")
    if loop_lag is not None and loop_lag.p99 > LOOP_LAG_LIMIT_SECONDS:
        trouble.append(
            f"event-loop lag P99 {loop_lag.p99 * 1e3:.0f} ms, over the limit of {LOOP_LAG_LIMIT_SECONDS * 1e3:.0f} ms"
        )
    if counts.late_starts > max(1, LATE_STARTS_LIMIT * counts.started):
        trouble.append(f"{counts.late_starts} of {counts.started} viewers started late")
    if counts.datagrams_dropped >= max(LEAST_DROPPED, DROPPED_LIMIT * counts.datagrams_received):
        trouble.append(
            f"{counts.datagrams_dropped:,} datagrams found no room in this machine's socket buffers: "
            "fewer viewers here, more --workers, or a higher net.core.rmem_max"
        )
    for kind, count in sorted(counts.blamed.items()):
        if kind is FailureKind.INTERNAL:
            trouble.append(f"{count} viewer{'s' * (count > 1)} ended by an exception in hls-swarm itself")
            continue
        trouble.append(
            f"{count} request{'s' * (count > 1)} failed {_LACKS.get(kind, 'for a reason that lies in this machine')}"
        )
    if counts.log_lines_dropped:
        trouble.append(
            f"{counts.log_lines_dropped:,} log lines of players were not read, so counts are too low: "
            "raise --ffmpeg-log-lines"
        )
    return tuple(trouble)


def unwritten_remarks(tally: Tally, agents: Sequence[AgentState]) -> tuple[str, ...]:
    """That files of requests lack some of them, and on which machine. Never a count: each is said once."""
    if not tally.unrecorded_requests:
        return ()
    names = [agent.name for agent in agents if agent.unrecorded_requests]
    where = f"on {' and '.join(names)} " if names else ""
    return (f"not all requests could be written down {where}(--record-requests): is there room on the disk?",)


def generator_remarks(controller_lateness: Distribution | None) -> tuple[str, ...]:
    """What of the generator's health a person must know although it distorts nothing that was measured."""
    if controller_lateness is None or controller_lateness.max < CONTROLLER_LATE_SECONDS:
        return ()
    late = f"{controller_lateness.max:.1f} s"
    return (f"the controller was late by up to {late}: the timeline lacks seconds; viewers' figures are not affected",)
