"""What a search measured, as a verdict looks at it: figures of the load that held and of the one that did not.

Rules:

- A figure of a load is the median of the rows of its trials; the mean, where what is counted is rare. Percentiles of
  rows are never averaged over trials: they are ranked as what they are, typical seconds.
- What no row says is not known. A signal of the origin that fewer than a third of the rows have is not known either;
  what viewers measure is in the rows of the seconds in which it happened.
- The bounds of a search are close together, so at the smallest load that failed little is to be seen yet. What is
  looked at is the greatest load that failed up to `CLEAR_UP_TO` of it, the overload at the end too; and what is usual
  is what was at loads well below the bound.
- Void trials are looked at only where nothing else was measured at that load: then they say why they are void.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median

from hls_swarm.capacity.steps import EVIDENCE, Kind, Result
from hls_swarm.capacity.trial import Trial
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.origin.signals import SIGNALS

Read = Callable[[Row, str], float | None]
_LEAST_SHARE = 1 / 3
CLEAR_UP_TO = 1.6
WELL_BELOW = 0.75
LOOKED_AT = EVIDENCE | {Kind.OVERLOAD}
_LEAST_ROWS = 5


@dataclass(frozen=True)
class Measure:
    """Something that the rows of a timeline tell.

    Args:
        signal: what it is called in evidence: the name of the column, without the machine.
        title: for a person, as it stands in a sentence.
        read: its value in one row, of one machine of the origin; None if the row does not say.
        rare: the mean is meant, not the median.
        sparse: it is known if one row says it.
        needs: the signals of the origin without which it is not known; empty for what viewers measure.
        columns: of the timeline that it reads, without the machine.
    """

    signal: str
    title: str
    unit: Unit
    read: Read
    rare: bool = False
    sparse: bool = False
    needs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def of(self, rows: Iterable[Row], where: str) -> float | None:
        """The figure of these rows; None if too few of them say."""
        values, asked = [], 0
        for row in rows:
            asked += 1
            value = self.read(row, where)
            if value is not None:
                values.append(value)
        if not values or (not self.sparse and len(values) < _LEAST_SHARE * asked):
            return None
        return fmean(values) if self.rare else median(values)


def viewers(column: str, title: str, unit: Unit, *, rare: bool = False) -> Measure:
    """What viewers or this machine measure."""

    def read(row: Row, where: str) -> float | None:  # noqa: ARG001 - the same for all machines of the origin
        return number(row, column)

    return Measure(column, title, unit, read, rare, True, (), (column,))


def origin(signal: str, title: str = "", *, rare: bool = False) -> Measure:
    """What a machine of the origin says of itself."""
    info = SIGNALS[signal]
    column = ORIGIN_PREFIX + signal
    return Measure(
        column,
        title or info.title,
        info.unit,
        lambda row, where: number(row, f"{column}@{where}"),
        rare,
        False,
        (signal,),
        (column,),
    )


def quotient(signal: str, title: str, unit: Unit, part: Measure, whole: Measure) -> Measure:
    """One figure by another, row by row; not known where the other is nothing."""

    def read(row: Row, where: str) -> float | None:
        parts, wholes = part.read(row, where), whole.read(row, where)
        return None if parts is None or not wholes else parts / wholes

    needs, columns = (*part.needs, *whole.needs), (*part.columns, *whole.columns)
    return Measure(signal, title, unit, read, False, part.sparse or whole.sparse, needs, columns)


def number(row: Row, column: str) -> float | None:
    """What a row says; None if it does not."""
    value = row.get(column)
    return None if value is None or isinstance(value, str) else float(value)


@dataclass(frozen=True)
class Case:
    """All that a verdict may look at.

    Args:
        trials: in the order of their time.
        rows: the timeline, or what of it the measures read; in the order of their time.
        held, failed: the greatest load that holds and the smallest that does not; None: there is none.
        objective_column: what tells of the objective that broke first, second by second.
        objective_limit: and its limit.
        scrape_seconds: between two looks at the origin.
        searched: whether loads were tried one by one; else it is a plain run, cut into spells.
    """

    trials: Sequence[Trial]
    rows: Sequence[Row]
    held: int | None
    failed: int | None
    objective_column: str | None = None
    objective_limit: float = 0.0
    scrape_seconds: float = 1.0
    searched: bool = True

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The machines of the origin that said anything for a while."""
        found: dict[str, None] = {}
        for row in self.rows[:: max(1, len(self.rows) // 200)]:
            for name in row:
                if name.startswith(ORIGIN_PREFIX):
                    found.setdefault(name.partition("@")[2])
        return tuple(name for name in found if name)

    @cached_property
    def held_by_load(self) -> Mapping[int, Sequence[Row]]:
        """The rows of each load that held, up to the greatest."""
        return self._by_load(Result.HELD, lambda load: self.held is not None and load <= self.held)

    @cached_property
    def failed_by_load(self) -> Mapping[int, Sequence[Row]]:
        """The rows of each load that failed, the overload at the end too."""
        return self._by_load(Result.FAILED, lambda load: load > 0)

    @cached_property
    def over(self) -> int | None:
        """The load at which it is looked what gave out; None if none failed."""
        if self.failed is None:
            return None
        clear = [
            load
            for load, rows in self.failed_by_load.items()
            if self.failed <= load <= CLEAR_UP_TO * self.failed and len(rows) >= _LEAST_ROWS
        ]
        return max(clear, default=self.failed)

    @cached_property
    def rows_held(self) -> Sequence[Row]:
        """The rows of the greatest load that holds."""
        return () if self.held is None else self.held_by_load.get(self.held, ())

    @cached_property
    def rows_failed(self) -> Sequence[Row]:
        """The rows of the load at which it is looked what gave out; of void trials, if nothing else was measured."""
        if self.over is None:
            return ()
        rows = self.failed_by_load.get(self.over, ())
        return rows or self._by_load(Result.VOID, lambda load: load == self.over).get(self.over, ())

    @cached_property
    def failed_trial(self) -> Trial | None:
        """The first trial at the smallest load that failed."""
        failed = (t for t in self.trials if t.viewers == self.failed and t.result is Result.FAILED)
        return next(failed, None)

    @cached_property
    def turned(self) -> tuple[int, Sequence[Row], Sequence[Row]] | None:
        """The greatest load at which it is looked what gave out that held and did not later; the rows of both times.

        None if there is none, or if nobody searched: in a plain run of one load whatever goes wrong does so later.
        """
        found = None
        for load in sorted(self.failed_by_load) if self.searched else ():
            if self.failed is None or not self.failed <= load <= CLEAR_UP_TO * self.failed:
                continue
            mine = [trial for trial in self.trials if trial.viewers == load and trial.kind in EVIDENCE]
            held = [trial for trial in mine if trial.result is Result.HELD]
            failed = [trial for trial in mine if trial.result is Result.FAILED]
            if held and failed and held[-1].ended_at <= failed[0].began_at:
                before = [row for trial in held for row in self.rows_of(trial)]
                found = load, before, [row for trial in failed for row in self.rows_of(trial)]
        return found

    def at_held(self, measure: Measure, where: str) -> float | None:
        """The figure at the greatest load that holds."""
        return self._known(measure, where, ("held",), self.rows_held)

    def at_failed(self, measure: Measure, where: str) -> float | None:
        """The figure at the load at which it is looked what gave out."""
        return self._known(measure, where, ("failed",), self.rows_failed)

    def usual(self, measure: Measure, where: str) -> float | None:
        """The median of the figures of loads that held, of those well below the bound if there are any."""
        figures = self._before(measure, where)
        return median(figures) if figures else None

    def least(self, measure: Measure, where: str) -> float | None:
        """The smallest of these figures: what is not reached there is not reached at every load."""
        return min(self._before(measure, where), default=None)

    def _before(self, measure: Measure, where: str) -> Sequence[float]:
        known = {load: figure for load, figure in self.by_load(measure, where).items() if figure is not None}
        return [figure for load, figure in known.items() if load <= WELL_BELOW * (self.held or 0)] or [*known.values()]

    def by_load(self, measure: Measure, where: str) -> Mapping[int, float | None]:
        """The figure at each load that held."""
        return {load: self._known(measure, where, ("held", load), rows) for load, rows in self.held_by_load.items()}

    @cached_property
    def _figures(self) -> dict[tuple[object, ...], float | None]:
        return {}

    def _known(self, measure: Measure, where: str, of: tuple[object, ...], rows: Sequence[Row]) -> float | None:
        """A figure, worked out once: many atoms ask for the same."""
        key = measure, where, *of
        if key not in self._figures:
            self._figures[key] = measure.of(rows, where)
        return self._figures[key]

    def climb(self) -> Sequence[Row]:
        """The rows from the end of the trial before the first that failed at that load to its end."""
        trial = self.failed_trial
        if trial is None:
            return ()
        ends = [other.ended_at for other in self.trials if other.ended_at <= trial.began_at]
        return self._between(max(ends, default=0.0), trial.ended_at)

    def rows_of(self, trial: Trial) -> Sequence[Row]:
        """The rows of one trial."""
        return self._between(trial.began_at, trial.ended_at)

    @property
    def failed_window(self) -> tuple[float, float]:
        """From when to when the load was measured at which it is looked what gave out."""
        rows = self.rows_failed
        if not rows:
            return 0.0, 0.0
        return float(rows[0]["elapsed_seconds"]), float(rows[-1]["elapsed_seconds"])

    @cached_property
    def _instants(self) -> Sequence[float]:
        return [float(row["elapsed_seconds"]) for row in self.rows]

    def _between(self, began_at: float, ended_at: float) -> Sequence[Row]:
        return self.rows[bisect_right(self._instants, began_at) : bisect_right(self._instants, ended_at)]

    def _by_load(self, result: Result, wanted: Callable[[int], bool]) -> Mapping[int, Sequence[Row]]:
        out: dict[int, list[Row]] = {}
        for trial in self.trials:
            if trial.result is result and trial.kind in LOOKED_AT and wanted(trial.viewers):
                out.setdefault(trial.viewers, []).extend(self.rows_of(trial))
        return dict(sorted(out.items()))
