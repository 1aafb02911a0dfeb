"""Which fault comes when (pure): the same seed gives the same hour.

Rules:

- Faults of one lane follow each other: what is told of them can be told apart. Those of different lanes overlap.
- Every kind of a lane comes once before one comes again.
- No fault begins before the viewers play, and none is left when the run ends: so what flattens out afterwards is seen.
- A worker is killed once, last of all: its viewers never come back.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Lane(StrEnum):
    """What a fault is of."""

    PATH = "path"  # the origin and the network to it
    EXPORTERS = "exporters"
    GENERATOR = "generator"  # workers, and the disk of the run folder


class FaultKind(StrEnum):
    """What is done."""

    ORIGIN_PAUSED = "origin paused"  # SIGSTOP, SIGCONT of nginx's workers
    ORIGIN_RESTARTED = "origin restarted"  # SIGQUIT, and started again some time later
    ORIGIN_REFUSES = "origin refuses"  # 503 by a map and a reload
    SEGMENTS_MISSING = "segments missing"
    SEGMENTS_EMPTY = "segments empty"
    LINK_DOWN = "link down"
    LINK_SLOW = "link slow"  # tc tbf below what the viewers need
    EXPORTER_STOPPED = "exporter stopped"  # SIGSTOP, SIGCONT
    EXPORTER_KILLED = "exporter killed"  # SIGKILL, and started again some time later
    EXPORTER_GARBAGE = "exporter garbage"  # something else answers on its port
    WORKER_STOPPED = "worker stopped"  # SIGSTOP, SIGCONT
    DISK_FULL = "disk full"
    WORKER_KILLED = "worker killed"  # SIGKILL

    @property
    def lane(self) -> Lane:
        """What it is of."""
        return _LANES[self]

    @property
    def seconds(self) -> tuple[float, float]:
        """How long it takes, at least and at most."""
        return _SECONDS[self]


_LANES = {
    **dict.fromkeys(FaultKind, Lane.PATH),
    FaultKind.EXPORTER_STOPPED: Lane.EXPORTERS,
    FaultKind.EXPORTER_KILLED: Lane.EXPORTERS,
    FaultKind.EXPORTER_GARBAGE: Lane.EXPORTERS,
    FaultKind.WORKER_STOPPED: Lane.GENERATOR,
    FaultKind.DISK_FULL: Lane.GENERATOR,
    FaultKind.WORKER_KILLED: Lane.GENERATOR,
}
_SECONDS = {
    FaultKind.ORIGIN_PAUSED: (4.0, 6.0),
    FaultKind.ORIGIN_RESTARTED: (3.0, 4.5),
    FaultKind.ORIGIN_REFUSES: (4.0, 6.0),
    FaultKind.SEGMENTS_MISSING: (5.0, 7.0),
    FaultKind.SEGMENTS_EMPTY: (8.0, 10.0),  # the finding takes the median of 5 s, for 2 s
    FaultKind.LINK_DOWN: (3.0, 5.0),
    FaultKind.LINK_SLOW: (8.0, 10.0),
    FaultKind.EXPORTER_STOPPED: (7.0, 9.0),  # scraped each 2 s
    FaultKind.EXPORTER_KILLED: (5.0, 8.0),
    FaultKind.EXPORTER_GARBAGE: (5.0, 8.0),
    FaultKind.WORKER_STOPPED: (2.0, 3.5),
    FaultKind.DISK_FULL: (4.0, 6.0),
    FaultKind.WORKER_KILLED: (0.0, 0.0),
}
CALM_AT_FIRST_SECONDS = 12.0
"""For all viewers to start and play."""
CALM_AT_LAST_SECONDS = 12.0
"""For findings to end, and for what is left of a fault to be seen."""


@dataclass(frozen=True)
class PlannedFault:
    """One fault.

    Args:
        at: seconds since the viewers' start.
        seconds: how long it lasts.
        seed: of what else it draws: which exporter, which worker.
    """

    kind: FaultKind
    at: float
    seconds: float
    seed: int


def planned(
    seed: int, run_seconds: float, pause_seconds: tuple[float, float], kinds: Collection[FaultKind]
) -> tuple[PlannedFault, ...]:
    """All faults of a run in the order of their beginning.

    Args:
        pause_seconds: between two faults of a lane, at least and at most.
        kinds: what can be done here.
    """
    faults = [fault for lane in Lane for fault in _of_lane(lane, seed, run_seconds, pause_seconds, kinds)]
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _of_lane(
    lane: Lane, seed: int, run_seconds: float, pause_seconds: tuple[float, float], kinds: Collection[FaultKind]
) -> Iterator[PlannedFault]:
    draws = Random(f"{seed} {lane}")
    ours = [kind for kind in FaultKind if kind in kinds and kind.lane is lane and kind is not FaultKind.WORKER_KILLED]
    at, last = CALM_AT_FIRST_SECONDS, run_seconds - CALM_AT_LAST_SECONDS
    if lane is Lane.GENERATOR and FaultKind.WORKER_KILLED in kinds:
        yield PlannedFault(FaultKind.WORKER_KILLED, last, 0.0, draws.getrandbits(32))
        last -= pause_seconds[0]
    while ours:
        deck = draws.sample(ours, len(ours))
        for kind in deck:
            seconds = draws.uniform(*kind.seconds)
            if at + seconds > last:
                return
            yield PlannedFault(kind, at, seconds, draws.getrandbits(32))
            at += seconds + draws.uniform(*pause_seconds)
