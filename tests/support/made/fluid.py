"""An origin as a fluid: so much media goes out a second, what is wanted beyond that waits.

Capacity is in viewers whose stream it can send at once. A join wants three segments at once. What waits makes the
relative download time of a segment longer; what waits for longer than a buffer lasts is a stall.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from hls_swarm.capacity.pacing import ChangeTo, Finish, Pace, Pulse, ReplaceStalled
from hls_swarm.capacity.searching.search import Options, Search
from hls_swarm.capacity.steps import Ending, Kind, Outcome, Result, Step, VoidBecause


@dataclass
class Fluid:
    """The origin, and the viewers on it.

    Args:
        capacity: viewers that it carries, by the second and what waits (in seconds of its capacity).
        segment_seconds: of the stream.
        noise: standard deviation of the capacity from second to second.
        dip_seconds_between: mean time between dips to half, of three seconds each; 0: none.
        makes: viewers that the generator can make without trouble.
        source_late: shares of time in which the playlists are late.
        bad_loads: from so many viewers to so many it carries half.
    """

    capacity: Callable[[float, float], float]
    segment_seconds: float = 2.0
    noise: float = 0.0
    dip_seconds_between: float = 0.0
    makes: float = float("inf")
    source_late: float = 0.0
    bad_loads: tuple[int, int] = (0, 0)
    random: Random = field(default_factory=lambda: Random(1))
    at: float = 0.0
    viewers: float = 0.0
    waiting: float = 0.0
    late: bool = False
    _target: float = 0.0
    _speed: float = 0.0
    _dip_until: float = -1.0
    sent: float = 1.0

    def change(self, viewers: int, seconds: float) -> None:
        self._target, self._speed = float(viewers), abs(viewers - self.viewers) / max(1.0, seconds)

    def second(self) -> None:
        moved = max(-self._speed, min(self._speed, self._target - self.viewers))
        if abs(self._target - self.viewers - moved) < 1e-6:
            moved = self._target - self.viewers
        if moved < 0:
            self.waiting *= 1 + moved / self.viewers  # who leaves waits no longer
        self.viewers += moved
        self.at += 1.0
        if self.dip_seconds_between and self.random.random() < 1 / self.dip_seconds_between:
            self._dip_until = self.at + 3.0
        capacity = self.capacity(self.at, self.queue_seconds) * (1 + self.noise * self.random.gauss(0, 1))
        if self.at < self._dip_until or self.bad_loads[0] < self.viewers <= self.bad_loads[1]:
            capacity /= 2
        self.sent = max(1e-9, capacity)
        wanted = self.viewers + max(0.0, moved) * 3 * self.segment_seconds
        self.waiting = max(0.0, self.waiting + wanted - self.sent)
        self.late = self.random.random() < self.source_late

    @property
    def queue_seconds(self) -> float:
        return self.waiting / self.sent

    @property
    def relative_download(self) -> float:
        load = min(0.97, self.viewers / self.sent)
        return 0.01 / (1 - load) + self.queue_seconds / self.segment_seconds

    @property
    def stalled_share(self) -> float:
        return min(1.0, max(0.0, self.queue_seconds - 3 * self.segment_seconds) / self.segment_seconds)

    def leave_stalled(self) -> None:
        """Those that are far behind leave, and what they wait for with them."""
        self.waiting = min(self.waiting, 3 * self.segment_seconds * self.sent)


class FluidMeter:
    """Judges a trial by its seconds: 95% of them below half a segment's time, less than 1% of viewers' time stalled."""

    def __init__(self, origin: Fluid) -> None:
        self._origin = origin
        self._seconds: list[tuple[float, float, bool]] = []
        self._sent: list[float] = []
        self.measured: list[tuple[Step, Result]] = []

    def look(self, sample: Fluid) -> Pulse:
        self._seconds.append((sample.relative_download, sample.stalled_share, sample.late))
        self._sent.append(sample.sent)
        well = sample.relative_download < 0.25 and not sample.stalled_share
        holds = sample.relative_download < 0.5 and not sample.stalled_share
        return Pulse(sample.at, round(sample.viewers), holds, well, sample.relative_download)

    def begin(self, step: Step) -> None:
        self._seconds = []

    def cannot_hold(self, share: float) -> bool:
        return sum(download >= 0.5 for download, _, _ in self._seconds) > 0.05 * len(self._seconds) / share

    def end(self, step: Step, seconds: float) -> Outcome:
        result, because = self._result(step)
        self.measured.append((step, result))
        fell_to = min(1.0, sum(self._sent[-15:]) / 15 / step.viewers) if step.kind is Kind.SOAK else None
        return Outcome(
            step.kind,
            step.viewers,
            result,
            0.0,
            seconds,
            because,
            fell_to=fell_to,
            segment_seconds=self._origin.segment_seconds,
        )

    def _result(self, step: Step) -> tuple[Result, VoidBecause | None]:
        origin, seconds = self._origin, self._seconds
        if step.viewers > origin.makes:
            return Result.VOID, VoidBecause.GENERATOR
        if any(late for _, _, late in seconds):
            return Result.VOID, VoidBecause.SOURCE
        slow = sum(download >= 0.5 for download, _, _ in seconds) > 0.05 * len(seconds)
        stalled = sum(share for _, share, _ in seconds) >= 0.01 * max(1, len(seconds))
        return (Result.FAILED if slow or stalled else Result.HELD), None


@dataclass(frozen=True)
class Searched:
    """A search that is over."""

    ending: Ending
    seconds: float
    measured: Sequence[tuple[Step, Result]]

    @property
    def trials(self) -> int:
        return sum(step.kind not in {Kind.BACK_OFF, Kind.RECOVERY} for step, _ in self.measured)


def searched(origin: Fluid, options: Options, *, stop_at: float | None = None, patience: float = 50_000.0) -> Searched:
    """Follow a search to its end; fails if there is none after so many seconds."""
    search = Search(options)
    meter = FluidMeter(origin)
    pace = Pace(search, meter, options.time_limit_seconds)
    actions = list(pace.begin())
    while True:
        for action in actions:
            match action:
                case ChangeTo(viewers, seconds):
                    origin.change(viewers, seconds)
                case ReplaceStalled():
                    origin.leave_stalled()
                case Finish(ending):
                    return Searched(ending, origin.at, meter.measured)
                case _:
                    pass
        assert origin.at < patience, "the search does not end"
        origin.second()
        actions = list(pace.take(origin))
        if stop_at is not None and origin.at >= stop_at and not any(isinstance(a, Finish) for a in actions):
            actions = list(pace.stop("Ctrl-C"))
