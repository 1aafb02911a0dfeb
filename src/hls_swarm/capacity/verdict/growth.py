"""Atoms of growth: whether a figure went with the load, stopped going with it, or was on its way to its limit."""

from dataclasses import dataclass

from hls_swarm.capacity.verdict.case import Case
from hls_swarm.capacity.verdict.evidence import Answer, OfOne, Sort, evidence_of, figures, not_known
from hls_swarm.capacity.verdict.predictions import prediction
from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Comparison, Evidence
from hls_swarm.snapshot.origin.metrics import Unit

BINDS_FROM, BINDS_TO = 0.8, 1.25
"""Where a line must reach the whole, by L and by F, for the resource to have been the limit."""

OUT_OF_PROPORTION = 0.5
"""Of what is due at a load: processors slow down a little when all are busy, by no more than half."""

FAR_APART = 1.5
"""Loads this many times apart tell a limit from a share of requests."""


def _half_as_much(growth: float) -> float:
    """How many times as much it is, if it grew by half as much as the load."""
    return 1 + (growth - 1) / 2


@dataclass(frozen=True)
class Flat(OfOne):
    """It grew by less than half as much as the load from L to F."""

    sort: Sort = Sort.FLAT

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        failed, held = case.at_failed(self.measure, where), case.at_held(self.measure, where)
        if failed is None or held is None or case.held is None or case.over is None or held <= 0:
            return not_known(self.measure)
        if case.over <= case.held:
            return not_known(self.measure)  # of one load nothing can be flat
        growth = case.over / case.held
        limit = _half_as_much(growth)
        shown = [units.figure(value, self.measure.unit) for value in (held, failed, held * growth)]
        text = (
            f"{self.measure.title} flat: {shown[0]} at {case.held}, {shown[1]} at {case.over}, "
            f"where {shown[2]} were wanted"
        )
        return Answer(
            failed < limit * held, text, evidence_of(case, self.measure, failed, Comparison.FALLEN, limit, held)
        )


@dataclass(frozen=True)
class Grows(OfOne):
    """It grew by more than half as much as the load from L to F: what would be flat at its limit is not."""

    sort: Sort = Sort.FLAT

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        flat = Flat(self.measure).ask(case, where)
        if flat.yes is None:
            return flat
        failed, held = case.at_failed(self.measure, where), case.at_held(self.measure, where)
        text = "" if failed is None else f"{figures(case, self.measure, held, failed)}: it grows with the load"
        return Answer(not flat.yes, text, flat.evidence)


@dataclass(frozen=True)
class GrowsWhereItFails(OfOne):
    """From the smallest load that failed to the greatest it grew by more than half as much as the load: no limit of it.

    A limit that is exceeded lets through the same at every load beyond it; what befalls a share of requests does not.
    Loads less than half as much again apart say nothing.
    """

    sort: Sort = Sort.FLAT

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        figures = {load: self.measure.of(rows, where) for load, rows in case.failed_by_load.items()}
        # Nothing at all says nothing: who bans whoever asked too much refuses all of a smaller load that comes later.
        known = {load: figure for load, figure in figures.items() if figure}
        if not known or max(known) < FAR_APART * min(known):
            return not_known(self.measure)
        low, high = min(known), max(known)
        limit = _half_as_much(high / low)
        shown = [units.figure(known[load], self.measure.unit) for load in (low, high)]
        text = f"{self.measure.title} {shown[0]} at {low}, {shown[1]} at {high}: they grow with the load that fails"
        evidence = evidence_of(case, self.measure, known[high], Comparison.RISEN, limit, known[low])
        return Answer(known[high] > limit * known[low], text, evidence)


@dataclass(frozen=True)
class Binds(OfOne):
    """The line of its use through the loads that held reaches the whole between 0.8 L and 1.25 F."""

    sort: Sort = Sort.BINDS

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        found = prediction(case, self.measure, where)
        if found is None or case.held is None or case.failed is None:
            return not_known(self.measure)
        text = (
            f"{self.measure.title}: a straight line through {found.loads} loads reaches the whole "
            f"at {units.count(found.viewers)} viewers"
        )
        within = BINDS_FROM * case.held <= found.viewers <= BINDS_TO * case.failed
        began_at, ended_at = case.failed_window
        evidence = Evidence(
            f"{self.measure.signal} at 100%",
            found.viewers,
            Unit.COUNT,
            Comparison.AT_MOST,
            BINDS_TO * case.failed,
            began_at,
            ended_at,
        )
        return Answer(within, text, (evidence,))


@dataclass(frozen=True)
class OutOfProportion(OfOne):
    """At a load that held it was less than half of what it would have been if viewers used it up at F.

    What viewers use grows with them (the utilisation law), and what others use comes on top: so of what is full at F
    each smaller load has its share at least. What has not was filled by somebody else while F was tried.
    """

    sort: Sort = Sort.BINDS

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        failed, over = case.at_failed(self.measure, where), case.over
        loads = {load: figure for load, figure in case.by_load(self.measure, where).items() if figure is not None}
        if failed is None or not over or not loads:
            return not_known(self.measure)
        load = min(loads, key=lambda each: loads[each] / each)
        due = failed * load / over
        shown = [units.figure(value, self.measure.unit) for value in (loads[load], due, failed)]
        text = (
            f"{self.measure.title} {shown[0]} at {load}, where {shown[1]} would be viewers' share "
            f"if it were they who make it {shown[2]} at {over}"
        )
        evidence = evidence_of(case, self.measure, failed, Comparison.AT_LEAST, OUT_OF_PROPORTION * due, loads[load])
        return Answer(loads[load] < OUT_OF_PROPORTION * due, text, evidence)


@dataclass(frozen=True)
class AtEveryLoad(OfOne):
    """The figure is high, and at the smallest load that was measured as high as at F."""

    least: float
    sort: Sort = Sort.LIMIT

    def ask(self, case: Case, where: str) -> Answer:
        """See `Atom`."""
        loads = {**case.failed_by_load, **case.held_by_load}
        figures = {load: self.measure.of(rows, where) for load, rows in sorted(loads.items())}
        known = {load: figure for load, figure in figures.items() if figure is not None}
        if len(known) < 2:
            return not_known(self.measure)
        first, last = known[min(known)], known[max(known)]
        shown = [units.figure(value, self.measure.unit) for value in (first, last)]
        text = f"{self.measure.title} {shown[0]} at {min(known)}, {shown[1]} at {max(known)}"
        evidence = evidence_of(case, self.measure, last, Comparison.AT_LEAST, self.least, first)
        return Answer(first >= self.least and last <= 1.25 * first, text, evidence)
