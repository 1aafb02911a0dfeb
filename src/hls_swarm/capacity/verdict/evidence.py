"""The atoms of a verdict: one question to a case, answered yes, no or not known, with the figures that say so.

Rules:

- An atom looks at one or two figures of loads that held (L) and of one that did not (F), and at nothing else.
  Every line of a verdict is one atom.
- Not known is neither yes nor no: it adds no point, and rules nothing out.
- What an atom looks at is in `Evidence`, the shape in which a plain run's findings have theirs too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hls_swarm.capacity.verdict.case import Case, Measure
from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Comparison, Evidence

NOTHING = 0.1
"""A rate below a tenth of this many times its least is as good as none."""


class Sort(StrEnum):
    """What kind of evidence an atom gives; a verdict wants two kinds."""

    REFUSAL = "refusal"  # a counter says it
    LIMIT = "limit"  # something is used up
    QUEUE = "queue"  # something is waited for
    BINDS = "binds"  # the line of its use ends there
    FLAT = "flat"  # it did not grow with the load any more
    RISES = "rises"  # it grew more than the load
    ONSET = "onset"  # it turned when the objective did
    GIVES_WAY = "gives way"  # it was level, and fell while the load stayed


FEW = 3.0
"""Of what is expected so often, nothing at all is seen in one of twenty cases (Poisson)."""

POINTS = {
    Sort.REFUSAL: 3,
    Sort.LIMIT: 2,
    Sort.QUEUE: 2,
    Sort.BINDS: 1,
    Sort.FLAT: 1,
    Sort.RISES: 1,
    Sort.ONSET: 1,
    Sort.GIVES_WAY: 3,
}


@dataclass(frozen=True)
class Answer:
    """What an atom says.

    Args:
        yes: None: not known.
        text: one line for a person, with the figures.
        evidence: the figures, for a program.
        missing: the measures that were not known.
    """

    yes: bool | None
    text: str = ""
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Measure, ...] = ()


class Atom(Protocol):
    """One question."""

    @property
    def sort(self) -> Sort:
        """What kind of evidence a yes is."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What it looks at."""

    def ask(self, case: Case, where: str) -> Answer:
        """Ask it of one machine of the origin; viewers' figures are the same for all."""


def not_known(*measures: Measure) -> Answer:
    """The answer without these measures."""
    return Answer(None, missing=measures)


def figures(case: Case, measure: Measure, held: float | None, failed: float) -> str:
    """For a person: `CPU 97% at 39, 61% at 37`; of a run of one load, `97%, 61% while it held`."""
    text = f"{measure.title} {units.figure(failed, measure.unit)} at {case.over}"
    when = "while it held" if case.held == case.over else f"at {case.held}"
    return text if held is None else f"{text}, {units.figure(held, measure.unit)} {when}"


def evidence_of(
    case: Case, measure: Measure, figure: float, comparison: Comparison, limit: float, before: float | None = None
) -> tuple[Evidence, ...]:
    """A figure at F, held against a limit or against what it was before."""
    began_at, ended_at = case.failed_window
    return (Evidence(measure.signal, figure, measure.unit, comparison, limit, began_at, ended_at, before),)


@dataclass(frozen=True)
class OfOne:
    """An atom that looks at one measure."""

    measure: Measure

    @property
    def measures(self) -> tuple[Measure, ...]:
        """See `Atom`."""
        return (self.measure,)


@dataclass(frozen=True)
class AtLeast(OfOne):
    """The figure at F reaches a limit. If it did so at every load well below the bound too, it says nothing.

    Args:
        is_share: it is the share of one thing in another, not of what there is: it may be high at every load.
    """

    limit: float
    sort: Sort = Sort.LIMIT
    is_share: bool = False

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        figure = case.at_failed(self.measure, where)
        if figure is None:
            return not_known(self.measure)
        text = figures(case, self.measure, case.at_held(self.measure, where), figure)
        evidence = evidence_of(case, self.measure, figure, Comparison.AT_LEAST, self.limit)
        before = case.least(self.measure, where)
        if figure >= self.limit and not self.is_share and before is not None and before >= self.limit:
            shown = units.figure(before, self.measure.unit)
            always = (
                f"{self.measure.title} was {shown} at every load: something else uses it, which hides what viewers do"
            )
            return Answer(None, always, evidence, (self.measure,))
        return Answer(figure >= self.limit, text, evidence)


@dataclass(frozen=True)
class Below(OfOne):
    """The figure at F stays below a limit; against a suspect, mostly."""

    limit: float
    sort: Sort = Sort.LIMIT

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        figure = case.at_failed(self.measure, where)
        if figure is None:
            return not_known(self.measure)
        text = f"{self.measure.title} is {units.figure(figure, self.measure.unit)} at {case.over}"
        evidence = evidence_of(case, self.measure, figure, Comparison.AT_MOST, self.limit)
        return Answer(figure < self.limit, text, evidence)


@dataclass(frozen=True)
class Appears(OfOne):
    """As good as nothing at L, and at least so much at F.

    Args:
        each_request: it may befall any request. Then none of it at L says something only if there would have been a few
            at the share of requests that it befell at F.
    """

    least: float = NOTHING
    sort: Sort = Sort.REFUSAL
    each_request: bool = False

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        failed, held = case.at_failed(self.measure, where), case.at_held(self.measure, where)
        if failed is None:
            return not_known(self.measure)
        text = figures(case, self.measure, held, failed)
        evidence = evidence_of(case, self.measure, failed, Comparison.AT_LEAST, self.least, held)
        appears = failed >= self.least and (held is None or held < failed / 5)
        if appears and self.each_request and _expected_at_held(case, failed) < FEW:
            return Answer(None, f"{text}, where it may be chance that there were none", evidence, (self.measure,))
        return Answer(appears, text, evidence)


def _expected_at_held(case: Case, failed: float) -> float:
    """How many there would have been while L was measured, at the share of requests of F; without L, no doubt."""
    if case.held is None or case.over is None or not case.rows_held:
        return math.inf
    return failed * case.held / case.over * len(case.rows_held)


@dataclass(frozen=True)
class Rises(OfOne):
    """At F a multiple of what it was at the loads that held, and at least so much.

    What was no lower at L, where viewers had what they want, is not why they do not have it at F.
    """

    factor: float
    least: float = 0.0
    sort: Sort = Sort.RISES

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        failed, usual = case.at_failed(self.measure, where), case.usual(self.measure, where)
        if failed is None or usual is None:
            return not_known(self.measure)
        held = case.at_held(self.measure, where)
        text = figures(case, self.measure, held, failed)
        evidence = evidence_of(case, self.measure, failed, Comparison.RISEN, self.factor, usual)
        risen = failed >= self.factor * usual and failed >= self.least and failed > 0
        return Answer(risen and (held is None or failed > held), text, evidence)


@dataclass(frozen=True)
class Drops(OfOne):
    """At F at most a share of what it was at L."""

    share: float
    sort: Sort = Sort.LIMIT

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        failed, held = case.at_failed(self.measure, where), case.at_held(self.measure, where)
        if failed is None or held is None:
            return not_known(self.measure)
        evidence = evidence_of(case, self.measure, failed, Comparison.FALLEN, self.share, held)
        return Answer(failed <= self.share * held, figures(case, self.measure, held, failed), evidence)


@dataclass(frozen=True)
class Same(OfOne):
    """At F no more than a multiple of what it was at the loads that held, or too little to be felt.

    Args:
        unfelt: in the measure's unit. Up to here a multiple says nothing: what takes 0.1 ms takes 0.3 ms the next time,
            whatever the load.
    """

    factor: float
    unfelt: float = 0.0
    sort: Sort = Sort.RISES

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        failed, usual = case.at_failed(self.measure, where), case.usual(self.measure, where)
        if failed is None or (usual is None and failed > self.unfelt):
            return not_known(self.measure)
        text = figures(case, self.measure, case.at_held(self.measure, where), failed)
        evidence = evidence_of(case, self.measure, failed, Comparison.FALLEN, self.factor, usual)
        return Answer(failed <= max(self.factor * (usual or 0.0), self.unfelt), text, evidence)


@dataclass(frozen=True)
class Both:
    """Several atoms at once: yes if all are, no if one is not."""

    atoms: Sequence[Atom]
    sort: Sort = Sort.LIMIT

    @property
    def measures(self) -> tuple[Measure, ...]:
        """See `Atom`."""
        return tuple(measure for atom in self.atoms for measure in atom.measures)

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        answers = [atom.ask(case, where) for atom in self.atoms]
        text = "; ".join(dict.fromkeys(answer.text for answer in answers if answer.text))
        evidence = tuple(each for answer in answers for each in answer.evidence)
        missing = tuple(measure for answer in answers for measure in answer.missing)
        if any(answer.yes is False for answer in answers):
            return Answer(False, text, evidence)
        if missing or any(answer.yes is None for answer in answers):
            return Answer(None, text, evidence, missing)
        return Answer(True, text, evidence)


@dataclass(frozen=True)
class Either:
    """One of several atoms: yes if one is, no if none is."""

    atoms: Sequence[Atom]
    sort: Sort = Sort.LIMIT

    @property
    def measures(self) -> tuple[Measure, ...]:
        """See `Atom`."""
        return tuple(measure for atom in self.atoms for measure in atom.measures)

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        answers = [atom.ask(case, where) for atom in self.atoms]
        sure = next((answer for answer in answers if answer.yes), None)
        if sure is not None:
            return sure
        missing = tuple(measure for answer in answers if answer.yes is None for measure in answer.missing)
        text = "; ".join(answer.text for answer in answers if answer.text)
        evidence = tuple(each for answer in answers for each in answer.evidence)
        return Answer(None if missing else False, text, evidence, missing)
