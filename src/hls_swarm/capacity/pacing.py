"""One step of a search in time: viewers come or go, settle, are looked at; then what came of it.

Rules:

- A trial is measured once its viewers are there and have settled: while the relative download time still falls, the
  joins before it are not over.
- A trial that can not hold any more ends then.
- After a failure viewers are well again when they have been so, with room, for three seconds in a row. After an
  overload they have recovered when they have kept the objectives for as long.
- They do not recover if for a minute they fare no better than at its beginning: slow draining is not that.
- At the time limit everything ends, in the middle of a step too.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Generic, Protocol, TypeVar

from hls_swarm.capacity.searching.progress import Part, Stand
from hls_swarm.capacity.searching.search import Search
from hls_swarm.capacity.steps import EVIDENCE, Ending, Kind, Outcome, Result, Step

WELL_SECONDS = 3.0
_LOOK_BACK_SECONDS = 5.0
_FALLS_BELOW = 0.9
_AS_GOOD_AS_NOTHING = 0.05
"""Relative download time from which down nothing is left to settle."""
HOPELESS_SECONDS = 60.0
_ARRIVAL_SECONDS = 5.0
"""How long after the ramp is waited for viewers that are not there yet."""

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True)
class Pulse:
    """What one second says at once.

    Args:
        at: seconds since the search began.
        active: viewers that run.
        holds: whether every objective holds in this second; None: nothing happened that tells.
        is_well: the same with room: the last trouble is over.
        relative_download: of segments in this second, at its 95%; None if none was fetched.
    """

    at: float
    active: int
    holds: bool | None
    is_well: bool | None
    relative_download: float | None


class Meter(Protocol[S_contra]):
    """What measures steps: of a run its moments, of a model in a test whatever that is made of."""

    def look(self, sample: S_contra) -> Pulse:
        """Take in one second, and what it says at once."""

    def begin(self, step: Step) -> None:
        """What follows is of this step's trial."""

    def cannot_hold(self, share: float) -> bool:
        """Whether the trial is lost already, when this share of it is over."""

    def end(self, step: Step, seconds: float) -> Outcome:
        """What came of the trial; `ended_at` is filled in by who asks."""


@dataclass(frozen=True)
class ChangeTo:
    """Move the number of viewers evenly to this one."""

    viewers: int
    seconds: float


@dataclass(frozen=True)
class ReplaceStalled:
    """Put new viewers in the place of those that are stalled."""


@dataclass(frozen=True)
class Note:
    """Mark this moment, for whoever looks at the run afterwards."""

    text: str


@dataclass(frozen=True)
class Finish:
    """The search is over."""

    ending: Ending


Action = ChangeTo | ReplaceStalled | Note | Finish


class Pace(Generic[S]):
    """Follows a search second by second.

    Args:
        meter: measures.
        time_limit_seconds: since the search began; nothing goes on after it.
    """

    def __init__(self, search: Search, meter: Meter[S], time_limit_seconds: float) -> None:
        self._search, self._meter, self._limit = search, meter, time_limit_seconds
        self._viewers = 0
        self._at = 0.0
        self._part = Part.OVER
        self._until = self._since = self._well_since = 0.0
        self._lately: deque[tuple[float, float]] = deque()
        self._step: Step | None = None

    @property
    def step(self) -> Step | None:
        """What goes on now; None before it began and after it is over."""
        return self._step

    @property
    def stand(self) -> Stand | None:
        """Where that step is; None as there."""
        step = self._step
        if step is None:
            return None
        of = {
            Part.MOVING: step.ramp_seconds,
            Part.SETTLING: step.settle_seconds,
            Part.MEASURING: step.measure_seconds,
            Part.OVER: 0.0,
        }[self._part]
        return Stand(step, self._part, self._at - self._since, of)

    def begin(self) -> Sequence[Action]:
        """The first actions."""
        return self._follow(self._search.begin())

    def stop(self, reason: str) -> Sequence[Action]:
        """End now; the answer so far."""
        return self._follow(self._search.stop(reason))

    def take(self, sample: S) -> Sequence[Action]:
        """What to do after this second."""
        pulse = self._meter.look(sample)
        self._at = pulse.at
        step = self._step
        if step is None:
            return ()
        if pulse.at >= self._limit:
            return self._over(Outcome(step.kind, step.viewers, Result.CUT, pulse.at))
        if pulse.relative_download is not None:
            self._lately.append((pulse.at, pulse.relative_download))
        match self._part:
            case Part.MOVING:
                if pulse.at >= self._until and (pulse.active >= 0.99 * step.viewers or self._is_late(pulse.at)):
                    self._settle(step)
            case Part.SETTLING:
                waited = pulse.at - self._since
                if waited >= step.settle_seconds and (waited >= step.settle_most_seconds or not self._falls()):
                    self._measure(step)
            case Part.MEASURING:
                return self._look(step, pulse)
            case Part.OVER:
                pass
        return ()

    def _is_late(self, at: float) -> bool:
        return at >= self._until + _ARRIVAL_SECONDS

    def _settle(self, step: Step) -> None:
        if step.settle_most_seconds:
            self._part, self._since = Part.SETTLING, self._at
        else:
            self._measure(step)

    def _measure(self, step: Step) -> None:
        self._part, self._since, self._well_since = Part.MEASURING, self._at, self._at
        self._lately.clear()
        self._meter.begin(step)

    def _look(self, step: Step, pulse: Pulse) -> Sequence[Action]:
        passed = pulse.at - self._since
        if step.kind in {Kind.BACK_OFF, Kind.RECOVERY}:
            return self._look_for_recovery(step, pulse, passed)
        over = passed >= step.measure_seconds - 0.5
        if not over and (step.kind not in EVIDENCE or not self._meter.cannot_hold(passed / step.measure_seconds)):
            return ()
        outcome = self._meter.end(step, passed)
        return self._over(replace(outcome, ended_at=pulse.at))

    def _look_for_recovery(self, step: Step, pulse: Pulse, passed: float) -> Sequence[Action]:
        if (pulse.is_well if step.kind is Kind.BACK_OFF else pulse.holds) is False:
            self._well_since = pulse.at
        if pulse.at - self._well_since >= WELL_SECONDS:
            return self._over(self._waited(step, Result.HELD, max(0.0, self._well_since - self._since)))
        if passed >= step.measure_seconds or (step.kind is Kind.RECOVERY and self._is_hopeless(passed)):
            return self._over(self._waited(step, Result.FAILED, passed))
        return ()

    def _waited(self, step: Step, result: Result, seconds: float) -> Outcome:
        return replace(self._meter.end(step, seconds), result=result, because=None, seconds=seconds, ended_at=self._at)

    def _is_hopeless(self, passed: float) -> bool:
        if passed < HOPELESS_SECONDS:
            return False
        then = self._median(self._at - HOPELESS_SECONDS, self._at - HOPELESS_SECONDS + 2 * _LOOK_BACK_SECONDS)
        now = self._median(self._at - 2 * _LOOK_BACK_SECONDS, self._at)
        return now is not None and then is not None and now >= _FALLS_BELOW * then

    def _falls(self) -> bool:
        """Whether the relative download time of the last seconds is clearly less than that of those before."""
        now = self._median(self._at - _LOOK_BACK_SECONDS, self._at)
        before = self._median(self._at - 2 * _LOOK_BACK_SECONDS, self._at - _LOOK_BACK_SECONDS)
        return now is not None and before is not None and now > _AS_GOOD_AS_NOTHING and now < _FALLS_BELOW * before

    def _median(self, after: float, until: float) -> float | None:
        values = [value for at, value in self._lately if after < at <= until]
        return median(values) if values else None

    def _over(self, outcome: Outcome) -> Sequence[Action]:
        return self._follow(self._search.take(outcome))

    def _follow(self, step: Step | Ending) -> Sequence[Action]:
        if isinstance(step, Ending):
            self._step, self._part = None, Part.OVER
            return (Finish(step),)
        actions: list[Action] = [Note(f"{step.kind.value.replace('_', ' ')}: {step.viewers} viewers")]
        if step.viewers != self._viewers:
            actions.append(ChangeTo(step.viewers, step.ramp_seconds))
        if step.replace_stalled:
            actions.append(ReplaceStalled())
        self._step, self._part = step, Part.MOVING
        self._since = self._at
        self._viewers, self._until = step.viewers, self._at + step.ramp_seconds
        self._lately.clear()
        return actions
