"""What gave out first: every suspect weighed by the evidence, the figures with it, and what is not known.

Rules:

- Points accuse a suspect: 3 for a counter that says it, 2 for a limit or a queue, 1 for a line that ends there, for
  what was flat, rose or turned at the same time. What speaks against it takes 2 away.
- Proven: 5 points of two kinds, 2 ahead of the next. Likely: 3. Possible: 1. Two within a point are both named; with
  less than 3 points nobody is: "not found" is an answer.
- Ruled out: known, and no sign of it where the load failed, or its line ends beyond twice that load.
- Not known: what decides was not measured, or was at its limit at every load. It is never ruled out then, and how to
  have it measured, or what hides it, is said.
- Of several machines of the origin, each suspect is judged where most speaks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from hls_swarm.capacity.verdict.case import Case
from hls_swarm.capacity.verdict.evidence import POINTS, Answer, Sort
from hls_swarm.capacity.verdict.predictions import Prediction, prediction, predictions
from hls_swarm.capacity.verdict.suspects import SUSPECTS, Suspect
from hls_swarm.snapshot.finding import Culprit, Evidence

RELIEF = 2
PROVEN, LIKELY, POSSIBLE = 5, 3, 1
AHEAD = 2
NEAR = 1
NEXT_FROM = 1.25
"""A limit this many times beyond the load that failed is what would be next."""
RULED_OUT_BEYOND = 2.0


class Confidence(StrEnum):
    """How sure it is."""

    PROVEN = "proven"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Line(msgspec.Struct, frozen=True):
    """One atom that had an answer: a line for a person, its points, the figures behind it."""

    text: str
    sort: Sort
    points: int
    evidence: tuple[Evidence, ...] = ()


class Accused(msgspec.Struct, frozen=True):
    """A suspect that something speaks for.

    Attributes:
        where: the machine of the origin, if there are several; empty for what is no machine's.
        score: points for it less those against it.
        evidence, against: the lines.
        named: whether it is said to have given out first.
    """

    name: str
    title: str
    where: str
    culprit: Culprit
    score: int
    confidence: Confidence
    evidence: tuple[Line, ...]
    against: tuple[Line, ...]
    look_for: str
    named: bool = False


class RuledOut(msgspec.Struct, frozen=True):
    """A suspect that it was not, and what says so."""

    name: str
    title: str
    why: tuple[str, ...]


class NotKnown(msgspec.Struct, frozen=True):
    """A suspect of which nothing is known: what is not measured, and how to have it measured."""

    name: str
    title: str
    needs: tuple[str, ...]
    how: str


class Cause(msgspec.Struct, frozen=True):
    """The verdict on what gave out first.

    Attributes:
        suspects: those with a point or more, the most first.
        predicted: resources whose line reaches the whole, the nearest first; those that would be next.
    """

    suspects: tuple[Accused, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    not_known: tuple[NotKnown, ...] = ()
    predicted: tuple[Prediction, ...] = ()

    @property
    def named(self) -> tuple[Accused, ...]:
        """What gave out first: one, or two that can not be told apart; nobody if too little speaks for any."""
        return tuple(accused for accused in self.suspects if accused.named)


def likely_causes(cause: Cause) -> list[dict[str, Any]]:
    """Those that are named, as the JSON summary of a plain run has them."""
    return [
        {
            "name": one.name,
            "title": one.title,
            **({"where": one.where} if one.where else {}),
            "culprit": one.culprit.value,
            "score": one.score,
            "confidence": one.confidence.value,
            "evidence": [line.text for line in one.evidence],
            "against": [line.text for line in one.against],
            "look_for": one.look_for,
        }
        for one in cause.named
    ]


@dataclass(frozen=True)
class _Weighed:
    """One suspect at one machine."""

    suspect: Suspect
    where: str
    evidence: tuple[Line, ...]
    against: tuple[Line, ...]
    denied: tuple[str, ...]
    known: bool
    missing: tuple[str, ...]
    hidden: str

    @property
    def score(self) -> int:
        return sum(line.points for line in self.evidence) - RELIEF * len(self.against)


def cause_of(case: Case, how_to_get: Mapping[str, str] | None = None) -> Cause:
    """The verdict on a case.

    Args:
        how_to_get: by signal of the origin, how its exporter can be made to tell it.
    """
    return judged(case, SUSPECTS, how_to_get)


def judged(case: Case, suspects: Sequence[Suspect], how_to_get: Mapping[str, str] | None = None) -> Cause:
    """The verdict on a case with these suspects."""
    predicted = tuple(
        one if len(case.targets) > 1 else msgspec.structs.replace(one, where="") for one in predictions(case)
    )
    if case.failed is None:
        return Cause(predicted=tuple(one for one in predicted if one.viewers > (case.held or 0)))
    accused: list[_Weighed] = []
    ruled_out: list[RuledOut] = []
    not_known: list[NotKnown] = []
    for suspect in suspects:
        weighed = [_weighed(case, suspect, where) for where in case.targets or ("",)]
        # One machine of which something is known says more than one of which nothing is.
        best = max(weighed, key=lambda one: (one.known, one.score))
        if not best.known and best.score < LIKELY:
            not_known.append(_not_known(best, how_to_get or {}))
        elif best.score >= POSSIBLE:
            accused.append(best)
        else:
            ruled_out.append(_ruled_out(case, best))
    accused.sort(key=lambda one: -one.score)
    return Cause(
        tuple(_accused(accused, nth, tell_where=len(case.targets) > 1) for nth in range(len(accused))),
        tuple(ruled_out),
        tuple(not_known),
        tuple(one for one in predicted if one.viewers > NEXT_FROM * case.failed),
    )


def _weighed(case: Case, suspect: Suspect, where: str) -> _Weighed:
    evidence: list[Line] = []
    denied: list[str] = []
    for atom in suspect.accusing:
        answer = atom.ask(case, where)
        if answer.yes:
            evidence.append(_line(atom.sort, POINTS[atom.sort], answer))
        elif answer.yes is False and answer.text:
            denied.append(answer.text)
    against = [_line(atom.sort, -RELIEF, answer) for atom in suspect.relieving if (answer := atom.ask(case, where)).yes]
    deciding = [atom.ask(case, where) for atom in suspect.deciding]
    missing = tuple(
        dict.fromkeys(
            need for answer in deciding for measure in answer.missing for need in measure.needs or (measure.signal,)
        )
    )
    known = any(answer.yes is not None for answer in deciding)
    hidden = next((answer.text for answer in deciding if answer.yes is None and answer.text), "")
    return _Weighed(suspect, where, tuple(evidence), tuple(against), tuple(denied), known, missing, hidden)


def _line(sort: Sort, points: int, answer: Answer) -> Line:
    return Line(answer.text, sort, points, answer.evidence)


def _accused(accused: Sequence[_Weighed], nth: int, *, tell_where: bool) -> Accused:
    mine, suspect = accused[nth], accused[nth].suspect
    best = accused[0].score
    others = [other.score for place, other in enumerate(accused) if place != nth]
    is_ahead = mine.score - max(others, default=0) >= AHEAD
    kinds = {line.sort for line in mine.evidence}
    if mine.score >= PROVEN and len(kinds) >= 2 and is_ahead:
        confidence = Confidence.PROVEN
    else:
        confidence = Confidence.LIKELY if mine.score >= LIKELY else Confidence.POSSIBLE
    return Accused(
        suspect.name,
        suspect.title,
        mine.where if tell_where and suspect.culprit is Culprit.ORIGIN else "",
        suspect.culprit,
        mine.score,
        confidence,
        mine.evidence,
        mine.against,
        suspect.look_for,
        named=mine.score >= LIKELY and best - mine.score <= NEAR,
    )


def _ruled_out(case: Case, weighed: _Weighed) -> RuledOut:
    against = tuple(line.text for line in weighed.against if line.text)
    if not against and case.failed is not None:
        lines = (
            prediction(case, measure, weighed.where)
            for atom in weighed.suspect.accusing
            if atom.sort is Sort.BINDS
            for measure in atom.measures
        )
        against = tuple(
            f"{line.resource} would be used up at {line.viewers:,.0f} viewers"
            for line in lines
            if line is not None and line.viewers > RULED_OUT_BEYOND * case.failed
        )
    return RuledOut(weighed.suspect.name, weighed.suspect.title, against or weighed.denied[:1])


def _not_known(weighed: _Weighed, how_to_get: Mapping[str, str]) -> NotKnown:
    how = weighed.hidden or next(
        (how_to_get[need] for need in weighed.missing if how_to_get.get(need)), weighed.suspect.how_to_know
    )
    return NotKnown(weighed.suspect.name, weighed.suspect.title, weighed.missing, how)
