"""How many viewers there should be at each moment, and from that when each viewer comes and goes.

Rules:

- A plan is closed-form or seeded: each worker asks for the viewers of its share (`shares`), and the shares of all
  workers together are the whole.
- With a target that rises and falls, viewer `k` is there while the target is above `k`: it comes when the target rises
  through `k` and goes when it falls to `k` again. Who came last goes first.
- With an arrival rate, viewers come as a Poisson process and stay as long as their session lasts; how many there are is
  the rate times the mean length, in the long run.
- A change during the run makes a new plan from the old one: what came before it stays as it was.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Protocol

from hls_swarm.load.draws import Purpose, draw
from hls_swarm.load.shares import Share
from hls_swarm.settings.spellings import Stage


@dataclass(frozen=True, order=True)
class Visit:
    """A viewer's presence; offsets are seconds after the start of the run.

    Args:
        goes_at: when the plan wants it to go; infinity: it does not.
    """

    comes_at: float
    number: int
    goes_at: float = math.inf


class Plan(Protocol):
    """When viewers come and go."""

    @property
    def most(self) -> int:
        """Viewers that the plan wants at most at a time, as far as can be said."""

    @property
    def fastest_per_second(self) -> float:
        """How many viewers come a second where most do; infinity: all of a stage at once."""

    @property
    def steady_from(self) -> float:
        """Offset from which on the number wanted does not change any more, as far as the plan goes now."""

    def wanted(self, offset: float) -> int:
        """How many viewers should be there at `offset`, jitter left out: the line that a progress display follows."""

    def most_from(self, offset: float) -> int:
        """Viewers that it wants at most at a time once it has moved on from `offset`."""

    def visits(self, share: Share, after: float = -math.inf) -> Iterator[Visit]:
        """The visits of the viewers of a share, in the order of their coming, from those that come at `after` on."""

    def present(self, share: Share, offset: float) -> list[Visit]:
        """The visits of those of a share who came before `offset` and go by the plan, if at all, after it."""

    def goes_at(self, number: int, offset: float) -> float:
        """When viewer `number`, being there at `offset`, goes; infinity: it stays."""

    def changed(self, offset: float, by: int, per_second: float | None = None) -> "Plan":
        """The same plan until `offset`; from there on for so many viewers more or less.

        Args:
            per_second: how fast the number moves; None: as fast as the plan's own.
        """


@dataclass(frozen=True)
class TargetPlan:
    """A target that moves evenly from point to point.

    Args:
        points: offsets and targets, in order; the first is at 0, the last holds for good.
        per_second: how fast the target moves when it is changed during the run.
        jitter_seconds: each coming is moved later by a seeded random time up to this.
        seed: of that.
    """

    points: tuple[tuple[float, float], ...]
    per_second: float
    jitter_seconds: float = 0.0
    seed: int = 1

    @classmethod
    def ramp(cls, viewers: int, per_second: float, jitter_seconds: float = 0.0, seed: int = 1) -> "TargetPlan":
        """From nobody to `viewers` at an even rate."""
        return cls(((0.0, 0.0), (viewers / per_second, float(viewers))), per_second, jitter_seconds, seed)

    @classmethod
    def staged(
        cls, stages: Sequence[Stage], per_second: float, jitter_seconds: float = 0.0, seed: int = 1
    ) -> "TargetPlan":
        """Stage by stage, from nobody."""
        points, at = [(0.0, 0.0)], 0.0
        for stage in stages:
            at += stage.seconds
            points.append((at, float(stage.viewers)))
        return cls(tuple(points), per_second, jitter_seconds, seed)

    @property
    def most(self) -> int:
        """The highest target."""
        return math.ceil(max(target for _, target in self.points))

    @property
    def fastest_per_second(self) -> float:
        """The steepest rise."""
        rises = [
            (then - target) / (ends - begun) if ends > begun else math.inf
            for (begun, target), (ends, then) in zip(self.points, self.points[1:], strict=False)
            if then > target
        ]
        return max(rises, default=0.0)

    @property
    def steady_from(self) -> float:
        """The last point."""
        return self.points[-1][0]

    def wanted(self, offset: float) -> int:
        """The target, rounded up: viewer `k` is there while the target is above `k`."""
        return math.ceil(self._target(offset) - 1e-9)

    def _target(self, offset: float) -> float:
        points = self.points
        if offset < points[0][0]:
            return 0.0
        place = bisect_right(points, (offset, math.inf)) - 1
        begun, target = points[place]
        if place + 1 == len(points):
            return target
        ends, then = points[place + 1]
        return then if ends == begun else target + (then - target) * (offset - begun) / (ends - begun)

    def most_from(self, offset: float) -> int:
        """The highest target that it moves to after `offset`; that of `offset` where it moves no more."""
        later = [target for at, target in self.points if at > offset]
        return math.ceil(max(later)) if later else self.wanted(offset)

    def visits(self, share: Share, after: float = -math.inf) -> Iterator[Visit]:
        """Of every viewer that the target ever reaches, each of its visits."""
        found = [
            visit for number in share.numbers(self.most) for visit in self._visits_of(number) if visit.comes_at >= after
        ]
        found.sort()
        yield from found

    def present(self, share: Share, offset: float) -> list[Visit]:
        """Those whose number the target has risen through and not fallen to."""
        return [visit for visit in self.visits(share) if visit.comes_at < offset < visit.goes_at]

    def goes_at(self, number: int, offset: float) -> float:
        """The next time that the target falls to `number`."""
        for visit in self._visits_of(number):
            if visit.goes_at > offset:
                return visit.goes_at
        return offset

    def changed(self, offset: float, by: int, per_second: float | None = None) -> "TargetPlan":
        """From `offset` on the target moves evenly to what the plan wanted in the end, more or less `by`."""
        now, last = self._target(offset), max(0.0, self.points[-1][1] + by)
        before = tuple(point for point in self.points if point[0] < offset)
        moving = abs(last - now) / (self.per_second if per_second is None else per_second)
        return replace(self, points=(*before, (offset, now), (offset + moving, last)))

    def _visits_of(self, number: int) -> Iterator[Visit]:
        """Between the target's rising through `number` and its falling to it again."""
        came: float | None = None
        for (begun, target), (ends, then) in zip(self.points, self.points[1:], strict=False):
            if came is None and target <= number < then:
                came = begun + (ends - begun) * (number - target) / (then - target)
            elif came is not None and then <= number < target:
                went = begun + (ends - begun) * (target - number) / (target - then)
                yield self._visit(number, came, went)
                came = None
        if came is not None:
            yield self._visit(number, came, math.inf)

    def _visit(self, number: int, came: float, went: float) -> Visit:
        return Visit(came + self.jitter_seconds * draw(self.seed, number, Purpose.START), number, went)


@dataclass(frozen=True)
class ArrivalPlan:
    """Viewers that come as a Poisson process and go when their session is over.

    Args:
        rates: offsets from which on so many come per second, in order; the first is at 0.
        mean_seconds: mean length of a session; infinity: they stay.
        seed: the same seed gives the same arrivals.
        limit: how many come in all; None: no end.
    """

    rates: tuple[tuple[float, float], ...]
    mean_seconds: float
    seed: int = 1
    limit: int | None = None

    @property
    def most(self) -> int:
        """In the long run: the rate times the mean length; the limit where they stay."""
        if self.limit is not None:
            return self.limit
        return max(1, math.ceil(max(rate for _, rate in self.rates) * self.mean_seconds))

    @property
    def fastest_per_second(self) -> float:
        """The highest rate."""
        return max(rate for _, rate in self.rates)

    @property
    def steady_from(self) -> float:
        """When the last rate has held for a mean session; where they stay, when the last is expected."""
        begun, rate = self.rates[-1]
        if self.limit is not None:
            return begun + self.limit / rate if rate > 0 else begun
        return begun + self.mean_seconds

    def wanted(self, offset: float) -> int:
        """How many are expected to have come and not to have gone, for sessions of mean length."""
        expected = self._expected(offset) - self._expected(offset - self.mean_seconds)
        return min(round(expected), self.limit) if self.limit is not None else round(expected)

    def most_from(self, offset: float) -> int:  # noqa: ARG002 - the last rate holds for good
        """What the last rate leads to."""
        return self.limit if self.limit is not None else round(self.rates[-1][1] * self.mean_seconds)

    def visits(self, share: Share, after: float = -math.inf) -> Iterator[Visit]:
        """Without end, unless there is a limit: every worker walks the whole process and keeps its own."""
        number, sum_ = 0, 0.0
        while self.limit is None or number < self.limit:
            sum_ -= math.log1p(-draw(self.seed, number, Purpose.ARRIVAL))
            comes_at = self._when(sum_)
            if comes_at == math.inf:
                return
            if share.has(number) and comes_at >= after:
                yield Visit(comes_at, number)
            number += 1

    def present(self, share: Share, offset: float) -> list[Visit]:
        """Where they stay, those that have come; where each has a session, nobody knows who is still there: none."""
        if self.limit is None:
            return []
        return list(takewhile(lambda visit: visit.comes_at < offset, self.visits(share)))

    def goes_at(self, number: int, offset: float) -> float:  # noqa: ARG002 - sessions end by their own length
        """Never by the plan."""
        return math.inf

    def changed(self, offset: float, by: int, per_second: float | None = None) -> "ArrivalPlan":  # noqa: ARG002
        """From `offset` on they come at the rate that so many viewers more or less need in the long run."""
        if self.limit is not None:
            return replace(self, limit=max(0, self.limit + by))
        before = tuple(item for item in self.rates if item[0] < offset)
        rate = max(0.0, self.rates[-1][1] + by / self.mean_seconds)
        return replace(self, rates=(*before, (offset, rate)))

    def _expected(self, offset: float) -> float:
        """Arrivals expected until `offset`."""
        total = 0.0
        ends = [begun for begun, _ in self.rates[1:]] + [math.inf]
        for (begun, rate), end in zip(self.rates, ends, strict=True):
            if offset > begun:
                total += rate * (min(offset, end) - begun)
        return total

    def _when(self, expected: float) -> float:
        """The offset until which so many arrivals are expected: the inverse of `_expected`."""
        ends = [begun for begun, _ in self.rates[1:]] + [math.inf]
        for (begun, rate), end in zip(self.rates, ends, strict=True):
            if rate > 0 and expected <= rate * (end - begun):
                return begun + expected / rate
            if end != math.inf:
                expected -= rate * (end - begun)
        return math.inf
