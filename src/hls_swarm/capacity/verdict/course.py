"""Atoms of time: what turned first, what fell while the load stayed, who fell silent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

from hls_swarm.capacity.verdict.case import Case, number
from hls_swarm.capacity.verdict.evidence import Answer, OfOne, Sort, not_known
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Comparison, Evidence
from hls_swarm.snapshot.origin.metrics import Unit

ONSET_SECONDS = 2.0
LEAST_OF_A_THIRD = 8
"""Seconds that a trial must have at its beginning and at its end for these to be compared."""
_CHANCE = 2.0
"""Standard errors: less of a difference is chance."""


@dataclass(frozen=True)
class Onset(OfOne):
    """Climbing to F, it crossed its limit before the objective broke, or no later than one look at the origin after it.

    What was above it from the beginning crossed nothing.

    Args:
        limit: an absolute one; with `factor`, the least that says anything.
        factor: a multiple of what it was at the loads that held.
    """

    limit: float = 0.0
    factor: float | None = None
    sort: Sort = Sort.ONSET

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        limit: float | None = self.limit
        if self.factor is not None:
            usual = case.usual(self.measure, where)
            limit = None if usual is None else max(self.limit, self.factor * usual)
        rows = case.climb()
        column = case.objective_column
        if limit is None or column is None or case.at_failed(self.measure, where) is None:
            return not_known(self.measure)
        before = case.least(self.measure, where)
        if before is not None and before >= limit:
            return Answer(False)
        crossed = broke = None
        was_below = before is not None
        for row in rows:
            at, value, objective = float(row["elapsed_seconds"]), self.measure.read(row, where), number(row, column)
            if value is not None and value < limit:
                was_below = True
            elif value is not None and crossed is None and was_below:
                crossed = at
            if broke is None and objective is not None and objective >= case.objective_limit:
                broke = at
        if crossed is None or broke is None:
            return Answer(False)
        late = crossed - broke
        when = "when" if not round(late) else f"{abs(late):.0f} s {'before' if late < 0 else 'after'}"
        text = f"{self.measure.title} crossed {units.figure(limit, self.measure.unit)} {when} the objective broke"
        began_at, ended_at = float(rows[0]["elapsed_seconds"]), float(rows[-1]["elapsed_seconds"])
        allowed = ONSET_SECONDS + case.scrape_seconds
        evidence = Evidence(
            f"{self.measure.signal} after the objective",
            late,
            Unit.SECONDS,
            Comparison.AT_MOST,
            allowed,
            began_at,
            ended_at,
        )
        return Answer(late <= allowed, text, (evidence,))


@dataclass(frozen=True)
class GivesWay(OfOne):
    """At the same load it fell to a share of what it had been at first, and not by chance.

    Within a trial that failed, or from trials of that load that held to those that did not later.

    Args:
        after_holding: within a trial, the objective held at first.
    """

    share: float = 0.9
    after_holding: bool = True
    sort: Sort = Sort.GIVES_WAY

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        within = self._within_a_trial(case, where)
        between = self._between_trials(case, where)
        return between if between.yes or within.yes is None else within

    def _within_a_trial(self, case: Case, where: str) -> Answer:
        trial = case.failed_trial
        rows = () if trial is None else case.rows_of(trial)
        third = len(rows) // 3
        if trial is None or third < LEAST_OF_A_THIRD:
            return not_known(self.measure)
        column = case.objective_column
        held_first = (
            not self.after_holding
            or column is None
            or not any(
                (value := number(row, column)) is not None and value >= case.objective_limit for row in rows[:third]
            )
        )
        fell = self._fell(trial.viewers, rows[:third], rows[len(rows) - third :], where)
        return fell if held_first or not fell.yes else Answer(False, fell.text, fell.evidence)

    def _between_trials(self, case: Case, where: str) -> Answer:
        """The same of trials of one load, of which the first held."""
        if case.turned is None:
            return not_known(self.measure)
        load, before, after = case.turned
        if min(len(before), len(after)) < LEAST_OF_A_THIRD:
            return not_known(self.measure)
        return self._fell(load, before, after, where)

    def _fell(self, load: int, before: Sequence[Row], after: Sequence[Row], where: str) -> Answer:
        first, last = self.measure.of(before, where), self.measure.of(after, where)
        if first is None or last is None:
            return not_known(self.measure)
        text = (
            f"{self.measure.title} fell from {units.figure(first, self.measure.unit)} to "
            f"{units.figure(last, self.measure.unit)} while {load} viewers stayed"
        )
        evidence = Evidence(
            self.measure.signal,
            last,
            self.measure.unit,
            Comparison.FALLEN,
            self.share,
            float(before[0]["elapsed_seconds"]),
            float(after[-1]["elapsed_seconds"]),
            first,
        )
        chance = _CHANCE * math.hypot(self._error(before, where), self._error(after, where))
        return Answer(last <= min(self.share * first, first - chance), text, (evidence,))

    def _error(self, rows: Sequence[Row], where: str) -> float:
        """The standard error of the figure: few viewers ask for their segments now and then."""
        values = [value for row in rows if (value := self.measure.read(row, where)) is not None]
        return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


@dataclass(frozen=True)
class Silent(OfOne):
    """The origin's exporters answered at L and hardly at F: their answers come the same way as the media."""

    sort: Sort = Sort.ONSET

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        held, failed = (
            sum(self.measure.read(row, where) is not None for row in rows) / len(rows) if rows else None
            for rows in (case.rows_held, case.rows_failed)
        )
        if held is None or failed is None or held < 0.5:
            return not_known(self.measure)
        text = f"the origin's exporters were silent {units.ratio(1 - failed)} of the time at {case.over}"
        return Answer(failed < 0.5, text)
