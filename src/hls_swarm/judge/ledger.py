"""The ledger of a run: takes in each moment, and knows what the run was over its whole time and its steady state."""

from collections.abc import Sequence
from dataclasses import dataclass

from hls_swarm.judge.thresholds import Threshold, ThresholdResult, WindowName, crossed_for_good, judge_thresholds
from hls_swarm.judge.timeline import Row, row
from hls_swarm.judge.window import WholeRun, Window, second_between
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin_tally import TargetSummary
from hls_swarm.snapshot.snapshot import Phase


@dataclass(frozen=True)
class Entry:
    """What one moment adds to what outlasts the screen.

    Args:
        row: the timeline's line.
        thresholds: as they stand now.
        crossed: the threshold that ends the run now, if one does.
    """

    moment: Moment
    row: Row
    thresholds: tuple[ThresholdResult, ...]
    crossed: ThresholdResult | None


class Ledger:
    """Takes in the moments of one run in their order.

    Args:
        thresholds: that the run must keep.
    """

    def __init__(self, thresholds: Sequence[Threshold] = ()) -> None:
        self.run: Window = WholeRun()
        self.steady = Window()
        self._thresholds = tuple(thresholds)
        self._before: Moment | None = None

    def add(self, moment: Moment) -> Entry:
        """Take in the next moment."""
        before = self._before
        second = second_between(before, moment)
        self.run.add(second, moment)
        if self._is_steady(before, moment):
            self.steady.add(second, moment)
        self._before = moment
        results = judge_thresholds(self._thresholds, self.run, self.steady)
        return Entry(moment, row(second, moment), results, crossed_for_good(results, self.run, self.steady))

    @property
    def judged(self) -> tuple[WindowName, Window]:
        """The steady state; the whole run if there was none."""
        return (WindowName.STEADY, self.steady) if self.steady.seconds else (WindowName.RUN, self.run)

    def origin_summary(self) -> tuple[tuple[TargetSummary, ...], bool]:
        """One per target, and whether it is of the steady state: it is of all the run if there was none."""
        steady = self.steady.origin.summary()
        return (steady, True) if any(target.signals for target in steady) else (self.run.origin.summary(), False)

    @staticmethod
    def _is_steady(before: Moment | None, now: Moment) -> bool:
        if before is None and now.tally.started:
            return False  # a ramp of less than a second is a ramp too
        if before is not None and before.snapshot.phase is not Phase.STEADY:
            return False
        ended = now.snapshot.phase in {Phase.DRAINING, Phase.FINISHED}
        return now.snapshot.phase is Phase.STEADY or (ended and before is not None)
