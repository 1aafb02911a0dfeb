"""When each viewer starts, in closed form: no drift, no catch-up, the same for any number of workers.

`start_offset(nth)` says when viewer number `nth` (from 0) is due, in seconds after the start of the run. Nothing is
accumulated, so a worker can ask for its own numbers only (`nth % workers == worker`), and the ramp of all workers
together is the ramp of one.
"""

from dataclasses import dataclass
from math import isfinite


def unit_hash(seed: int, nth: int) -> float:
    """A uniform number in [0, 1) that depends on `seed` and `nth` alone (the finaliser of SplitMix64)."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + (nth + 1) * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    z ^= z >> 31
    return (z >> 11) / (1 << 53)


@dataclass(frozen=True)
class Ramp:
    """Viewers started at an even rate, each moved later by a seeded random time.

    Args:
        viewers: how many in all.
        per_second: viewers started per second.
        jitter_seconds: a start is at most this much later than its even place.
        seed: the same seed gives the same starts.
    """

    viewers: int
    per_second: float
    jitter_seconds: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.viewers < 0 or not self.per_second > 0 or not isfinite(self.per_second) or self.jitter_seconds < 0:
            raise ValueError("a ramp needs viewers >= 0, a finite rate > 0 and jitter >= 0")

    def start_offset(self, nth: int) -> float:
        """Seconds after the start of the run at which viewer `nth`, counted from 0, is due."""
        return nth / self.per_second + self.jitter_seconds * unit_hash(self.seed, nth)

    def end_offset(self) -> float:
        """Seconds after which every viewer is due: the end of the ramp."""
        return (self.viewers - 1) / self.per_second + self.jitter_seconds if self.viewers else 0.0

    def due_by(self, offset: float) -> int:
        """How many viewers are due at `offset`, jitter left out: the line that a progress display follows."""
        if offset < 0:
            return 0
        return min(self.viewers, int(offset * self.per_second) + 1)


def share(viewers: int, worker: int, workers: int) -> range:
    """The numbers of the viewers that worker `worker` of `workers` runs: those that are `worker` modulo `workers`."""
    return range(worker, viewers, workers)
