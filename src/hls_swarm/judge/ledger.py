"""The ledger of a run: takes in each moment, and knows what the run was over its whole time and its steady state.

Rules:

- What is judged are sound seconds: those in which the generator was not the bottleneck. Whether it was shows ten
  seconds later in some cases; seconds that are in doubt wait so long, and count then if nothing came of it.
- The whole run, as summary and report show it, is all of it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hls_swarm.judge.expectations import Expectation, ExpectationResult, Facts, judge_expectations
from hls_swarm.judge.findings.engine import Change, Engine
from hls_swarm.judge.thresholds import Threshold, ThresholdResult, WindowName, crossed_for_good, judge_thresholds
from hls_swarm.judge.timeline import Row, row
from hls_swarm.judge.window import Second, WholeRun, Window, second_between
from hls_swarm.snapshot.condition import Assessment, Assessor
from hls_swarm.snapshot.finding import Interval, voided
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.tally import TargetSummary
from hls_swarm.snapshot.snapshot import Phase


@dataclass(frozen=True)
class Entry:
    """What one moment adds to what outlasts the screen.

    Args:
        moment: with what was found so far in its snapshot.
        row: the timeline's line.
        thresholds, expectations: as they stand now.
        crossed: the threshold that ends the run now, if one does.
        turns: findings that began or ended now.
        assessment: how the run fares.
        condition_seconds: how long it fared so, by the word for it.
    """

    moment: Moment
    row: Row
    thresholds: tuple[ThresholdResult, ...]
    expectations: tuple[ExpectationResult, ...]
    crossed: ThresholdResult | None
    turns: tuple[Change, ...]
    assessment: Assessment
    condition_seconds: dict[str, float]


class Sink(Protocol):
    """Something that takes in each moment of a run, the last one included; it may not wait."""

    def add(self, entry: Entry) -> None:
        """Take in this moment."""


@dataclass(frozen=True)
class _Waiting:
    """A second of which it is not known yet whether it is sound."""

    second: Second
    moment: Moment
    steady: bool
    time: Interval


class Ledger:
    """Takes in the moments of one run in their order.

    Args:
        thresholds: that the run must keep.
        expectations: that it must keep too.
    """

    def __init__(self, thresholds: Sequence[Threshold] = (), expectations: Sequence[Expectation] = ()) -> None:
        self.run: Window = WholeRun()
        self.steady = Window()
        self._thresholds, self._expectations = tuple(thresholds), tuple(expectations)
        self._sound = Window()
        self._any_void = False
        self._engine = Engine()
        self._assessor = Assessor()
        self._condition_seconds: dict[str, float] = {}
        self._waiting: deque[_Waiting] = deque()
        self._before: Moment | None = None

    def add(self, moment: Moment) -> Entry:
        """Take in the next moment."""
        before = self._before
        second = second_between(before, moment)
        made = row(second, moment)
        turns = self._engine.add(made)
        snapshot = replace(moment.snapshot, findings=self._engine.findings)
        self.run.add(second, moment)
        begun = 0.0 if before is None else before.snapshot.elapsed_seconds
        time = Interval(begun, snapshot.elapsed_seconds)
        self._waiting.append(_Waiting(second, moment, self._is_steady(before, moment), time))
        self._settle(snapshot.phase is Phase.FINISHED)
        self._before = moment
        judged = self._sound if self._any_void else self.run
        results = judge_thresholds(self._thresholds, judged, self.steady)
        assessment = self._assessor.assess(snapshot)
        if snapshot.phase is not Phase.FINISHED:
            word = assessment.condition.value
            self._condition_seconds[word] = self._condition_seconds.get(word, 0.0) + time.seconds(0.0)
        return Entry(
            moment=replace(moment, snapshot=snapshot),
            row=made,
            thresholds=results,
            expectations=judge_expectations(self._expectations, Facts(judged, snapshot)),
            crossed=crossed_for_good(results, judged, self.steady),
            turns=turns,
            assessment=assessment,
            condition_seconds=dict(self._condition_seconds),
        )

    @property
    def judged(self) -> tuple[WindowName, Window]:
        """The steady state; the whole run if there was none."""
        return (WindowName.STEADY, self.steady) if self.steady.seconds else (WindowName.RUN, self.run)

    def origin_summary(self) -> tuple[tuple[TargetSummary, ...], bool]:
        """One per target, and whether it is of the steady state: it is of all the run if there was none."""
        steady = self.steady.origin.summary()
        return (steady, True) if any(target.signals for target in steady) else (self.run.origin.summary(), False)

    def _settle(self, at_the_end: bool) -> None:
        """Count the seconds that are in doubt no longer, if they are sound."""
        doubtful_since = None if at_the_end else self._engine.doubtful_since
        void = voided(self._engine.findings)
        while self._waiting:
            first = self._waiting[0]
            end = first.time.to_seconds
            if doubtful_since is not None and end is not None and end > doubtful_since:
                return
            self._waiting.popleft()
            if any(_mostly_in(first.time, interval) for interval in void):
                self._any_void = True
                continue
            self._sound.add(first.second, first.moment)
            if first.steady:
                self.steady.add(first.second, first.moment)

    @staticmethod
    def _is_steady(before: Moment | None, now: Moment) -> bool:
        if before is None and now.tally.started:
            return False  # a ramp of less than a second is a ramp too
        if before is not None and before.snapshot.phase is not Phase.STEADY:
            return False
        ended = now.snapshot.phase in {Phase.DRAINING, Phase.FINISHED}
        return now.snapshot.phase is Phase.STEADY or (ended and before is not None)


def _mostly_in(second: Interval, void: Interval) -> bool:
    """Whether half of a second and more lies in time that is void."""
    end = second.to_seconds if second.to_seconds is not None else second.from_seconds
    common = min(end, end if void.to_seconds is None else void.to_seconds) - max(second.from_seconds, void.from_seconds)
    return common > 0 and common >= (end - second.from_seconds) / 2
