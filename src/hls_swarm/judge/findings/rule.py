"""What a rule is: conditions on figures of the last seconds, and the words for what they mean together.

Rules:

- A rule holds when all its conditions do, for as long as it says. It does not hold when one of them does not. If one
  is not known and no other fails, nothing is known of the rule: it neither begins nor ends a finding.
- A finding that goes on is held to milder limits (`clear`), and to the end of `clear_seconds`: what swings around a
  limit is one finding.
- Words are templates: `{0}` is the figure of the first condition, `{where}` the place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hls_swarm.judge.findings.measures import Measure, Places, everywhere
from hls_swarm.judge.findings.recent import Recent
from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Comparison, Culprit, Evidence, Severity, Standing, Voids


@dataclass(frozen=True)
class Condition:
    """A figure held against a limit.

    Args:
        clear: the limit of a finding that goes on; None: the same.
    """

    measure: Measure
    comparison: Comparison
    limit: float
    clear: float | None = None

    def evidence(self, recent: Recent, where: str) -> Evidence | None:
        """The figure as it is, met or not; None if it is not known."""
        measure = self.measure
        figure = measure.read(recent, where)
        before = None
        if self.comparison in {Comparison.RISEN, Comparison.FALLEN}:
            before = recent.before(f"{measure.compared}@{where}" if where else measure.compared)
            if before is None:
                return None
        if figure is None:
            return None
        since = max(0.0, recent.now - measure.over_seconds)
        return Evidence(
            measure.signal, figure, measure.unit, self.comparison, self.limit, round(since, 3), recent.now, before
        )

    def met(self, evidence: Evidence, going_on: bool) -> bool:
        """Whether that figure is as the condition says."""
        limit = self.clear if going_on and self.clear is not None else self.limit
        bound = limit if evidence.before is None else limit * evidence.before
        if self.comparison in {Comparison.AT_LEAST, Comparison.RISEN}:
            return evidence.figure >= bound
        return evidence.figure <= bound

    def worse(self, one: Evidence, other: Evidence) -> bool:
        """Whether the figure of one is beyond that of the other."""
        if self.comparison in {Comparison.AT_LEAST, Comparison.RISEN}:
            return one.figure > other.figure
        return one.figure < other.figure

    @property
    def text(self) -> str:
        """For the table of rules."""
        measure, limit = self.measure, units.figure(self.limit, self.measure.unit)
        over = f" over {measure.over_seconds:.0f} s" if measure.over_seconds > 1 else ""
        match self.comparison:
            case Comparison.AT_LEAST | Comparison.AT_MOST:
                return f"{measure.signal}{over} {self.comparison.value} {limit}"
            case Comparison.RISEN:
                return f"{measure.signal}{over} at least {self.limit:g} times what it was before"
            case Comparison.FALLEN:
                return f"{measure.signal}{over} at most {self.limit:g} times what it was before"


@dataclass(frozen=True)
class Observation:
    """What a rule sees at one place now.

    Args:
        holds: None if that is not known.
        evidence: of its conditions, in their order; empty unless it holds.
    """

    holds: bool | None
    evidence: tuple[Evidence, ...] = ()
    severity: Severity = Severity.NOTE


@dataclass(frozen=True)
class Rule:
    """One row of the table of findings.

    Args:
        name: of the rule, with dashes; stays the same from version to version.
        what: one line for a person, a template.
        next_step: what to do, a template.
        conditions: all must hold.
        critical: if this holds too, the finding is critical.
        for_seconds: how long they must hold in a row.
        clear_seconds: how long they must not, for the finding to be over.
        places: what it looks at one by one.
        voids: what is void while it holds.
        is_felt: whether viewers themselves meet it.
        explains: rules whose findings are what this one looks like too, and come after it.
    """

    name: str
    standing: Standing
    culprit: Culprit | None
    severity: Severity
    what: str
    next_step: str
    conditions: tuple[Condition, ...]
    critical: Condition | None = None
    for_seconds: float = 0.0
    clear_seconds: float = 5.0
    places: Places = everywhere
    voids: Voids = Voids.NOTHING
    is_felt: bool = False
    explains: tuple[str, ...] = ()

    def observe(self, recent: Recent, where: str, *, going_on: bool) -> Observation:
        """Whether it holds at a place now."""
        found, unknown = [], False
        for condition in self.conditions:
            evidence = condition.evidence(recent, where)
            if evidence is None:
                unknown = True
            elif not condition.met(evidence, going_on):
                return Observation(holds=False)
            else:
                found.append(evidence)
        if unknown:
            return Observation(holds=None)
        severity = self.severity
        if self.critical is not None:
            more = self.critical.evidence(recent, where)
            if more is not None and self.critical.met(more, going_on=False):
                severity = Severity.CRITICAL
        return Observation(True, tuple(found), severity)

    def words(self, template: str, evidence: Sequence[Evidence], where: str) -> str:
        """One of its templates with figures in it."""
        figures = [units.figure(each.figure, each.unit) for each in evidence]
        return template.format(*figures, where=where)

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns whose past it compares with."""
        conditions = (*self.conditions, *((self.critical,) if self.critical is not None else ()))
        return tuple(
            condition.measure.compared
            for condition in conditions
            if condition.comparison in {Comparison.RISEN, Comparison.FALLEN}
        )


def at_least(measure: Measure, limit: float, clear: float | None = None) -> Condition:
    """The figure reaches a limit."""
    return Condition(measure, Comparison.AT_LEAST, limit, clear)


def at_most(measure: Measure, limit: float, clear: float | None = None) -> Condition:
    """The figure does not exceed a limit."""
    return Condition(measure, Comparison.AT_MOST, limit, clear)


def risen(measure: Measure, factor: float, clear: float | None = None) -> Condition:
    """The figure is so many times what it was before."""
    return Condition(measure, Comparison.RISEN, factor, clear)


def fallen(measure: Measure, factor: float, clear: float | None = None) -> Condition:
    """The figure is only this part of what it was before."""
    return Condition(measure, Comparison.FALLEN, factor, clear)
