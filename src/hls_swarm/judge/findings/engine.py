"""Runs the rules over a timeline, row by row as it comes or over a whole one: the same rows give the same findings.

Rules:

- One finding for a rule at a place, however often it comes back: each time is an interval of it.
- A finding begins with the first second of those that its rule had to hold for, and ends with the last one in which
  it held; also if nothing is known of its rule any more for `UNKNOWN_SECONDS`.
- What it says is from when it was worst.
- Of the row after the last viewer was stopped only counters say something: viewers that the run ends suffer nothing.
- Memory is bounded by the number of rules and places, not by time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from hls_swarm.judge.findings.ranking import ranked
from hls_swarm.judge.findings.recent import Recent
from hls_swarm.judge.findings.rule import Observation, Rule
from hls_swarm.judge.findings.rules.table import RULES
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot.finding import Evidence, Finding, Interval, Severity, Standing, Voids
from hls_swarm.snapshot.snapshot import Phase

MOST_PLACES = 20
"""Machines, hosts, variants or groups that one rule looks at."""
UNKNOWN_SECONDS = 30.0
"""How long a finding goes on without its signals."""
MOST_INTERVALS = 50
"""Intervals that a finding keeps; then those with the shortest time between them become one."""


_SLACK_SECONDS = 0.5
"""Rows come at whole seconds, more or less."""
_KEPT_AT_THE_END = frozenset(
    {
        "elapsed_seconds",
        "time",
        "phase",
        "generator_workers_lost",
        "generator_workers_silent",
        "generator_exceptions",
    }
)


class Turn(StrEnum):
    """What became of a finding."""

    BEGAN = "began"
    WORSE = "worse"  # its severity rose
    OVER = "over"


@dataclass(frozen=True)
class Change:
    """A turn of a finding in the newest row."""

    turn: Turn
    finding: Finding


@dataclass
class _State:
    """What is known of one rule at one place."""

    rule: Rule
    where: str
    holding_since: float | None = None
    held_at: float = 0.0
    going_on: bool = False
    intervals: list[Interval] = field(default_factory=list)
    severity: Severity = Severity.NOTE
    evidence: tuple[Evidence, ...] = ()

    def finding(self) -> Finding:
        rule = self.rule
        return Finding(
            rule=rule.name,
            where=self.where,
            standing=rule.standing,
            culprit=rule.culprit,
            severity=self.severity,
            intervals=tuple(self.intervals),
            what=rule.words(rule.what, self.evidence, self.where),
            evidence=self.evidence,
            next_step=rule.words(rule.next_step, self.evidence, self.where),
            voids=rule.voids,
            is_felt=rule.is_felt or rule.standing is Standing.SYMPTOM,
            explains=rule.explains,
        )


class Engine:
    """Takes in the rows of one run in their order."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = tuple(rules)
        self._recent = Recent({column for rule in rules for column in rule.compared})
        self._states: dict[tuple[str, str], _State] = {}
        self._places: dict[str, dict[str, None]] = {rule.name: {} for rule in rules}

    def add(self, row: Row) -> tuple[Change, ...]:
        """Take in the next row; gives what turned in it."""
        self._recent.add(_counters_of(row) if row["phase"] in {Phase.DRAINING, Phase.FINISHED} else row)
        changes: list[Change] = []
        for rule in self._rules:
            places = self._places[rule.name]
            for where in rule.places(self._recent):
                if where in places or len(places) < MOST_PLACES:
                    places[where] = None
            for where in places:
                changes += self._step(rule, where)
        return tuple(changes)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All so far, the worst first."""
        found = [state.finding() for state in self._states.values() if state.intervals]
        return ranked(found, self._recent.now)

    @property
    def doubtful_since(self) -> float | None:
        """From when on it is not known yet whether the time is void; None if it is known up to now."""
        since = [
            state.held_at if state.going_on else state.holding_since
            for state in self._states.values()
            if state.rule.voids is not Voids.NOTHING
        ]
        return min((instant for instant in since if instant is not None and instant < self._recent.now), default=None)

    def _step(self, rule: Rule, where: str) -> Iterable[Change]:
        key = rule.name, where
        state = self._states.get(key)
        seen = rule.observe(self._recent, where, going_on=state is not None and state.going_on)
        if state is None:
            if not seen.holds:
                return
            state = self._states[key] = _State(rule, where)
        yield from self._turn(state, seen)

    def _turn(self, state: _State, seen: Observation) -> Iterable[Change]:
        rule, now = state.rule, self._recent.now
        if seen.holds:
            if state.holding_since is None:
                state.holding_since = self._recent.second_began
            state.held_at = now
            if not state.going_on and now - state.holding_since >= rule.for_seconds - _SLACK_SECONDS:
                self._begin(state)
                _take(state, seen)
                yield Change(Turn.BEGAN, state.finding())
            elif state.going_on and _take(state, seen):
                yield Change(Turn.WORSE, state.finding())
            return
        patience = rule.clear_seconds if seen.holds is False else UNKNOWN_SECONDS
        if not state.going_on:
            if seen.holds is False or now - state.held_at >= rule.clear_seconds - _SLACK_SECONDS:
                state.holding_since = None
        elif now - state.held_at >= patience - _SLACK_SECONDS:
            state.going_on, state.holding_since = False, None
            state.intervals[-1] = Interval(state.intervals[-1].from_seconds, state.held_at)
            yield Change(Turn.OVER, state.finding())

    def _begin(self, state: _State) -> None:
        state.going_on = True
        since = self._recent.second_began if state.holding_since is None else state.holding_since
        state.intervals.append(Interval(since))
        if len(state.intervals) > MOST_INTERVALS:
            _join_the_nearest(state.intervals)


def find(rows: Iterable[Row], rules: Sequence[Rule] = RULES) -> tuple[Finding, ...]:
    """The findings of a whole timeline, the worst first."""
    engine = Engine(rules)
    for row in rows:
        engine.add(row)
    return engine.findings


def _join_the_nearest(intervals: list[Interval]) -> None:
    gaps = [
        later.from_seconds - (sooner.to_seconds if sooner.to_seconds is not None else sooner.from_seconds)
        for sooner, later in pairwise(intervals)
    ]
    place = gaps.index(min(gaps))
    intervals[place : place + 2] = [Interval(intervals[place].from_seconds, intervals[place + 1].to_seconds)]


def _counters_of(row: Row) -> Row:
    return {
        name: value for name, value in row.items() if name in _KEPT_AT_THE_END or "_total" in name or "lost@" in name
    }


def _take(state: _State, seen: Observation) -> bool:
    """Keep what was seen if it is the worst yet; whether the severity rose."""
    worse = seen.severity.rank > state.severity.rank
    first = state.rule.conditions[0]
    if not state.evidence or worse or first.worse(seen.evidence[0], state.evidence[0]):
        state.evidence = seen.evidence
    if worse:
        state.severity = seen.severity
    return worse and len(state.intervals) > 0
