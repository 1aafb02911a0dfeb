"""Events: what changed in a run from one moment to the next, for the run's files, the log and the report."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from hls_swarm.judge.findings.engine import Change, Turn
from hls_swarm.judge.ledger import Entry
from hls_swarm.judge.thresholds import ThresholdResult
from hls_swarm.settings.checks import masked_url
from hls_swarm.snapshot import units
from hls_swarm.snapshot.condition import Condition
from hls_swarm.snapshot.finding import Culprit, Severity
from hls_swarm.snapshot.origin.metrics import SourceHealth, SourceState
from hls_swarm.snapshot.snapshot import ErrorFigures, Phase, Snapshot


class EventKind(StrEnum):
    """What an event is about."""

    PHASE = "phase"
    MARK = "mark"
    ERROR = "error"  # a kind of failure seen for the first time
    WORKER_LOST = "worker_lost"
    AGENT = "agent"  # a load machine fell silent, was heard again, or is lost
    EXCEPTION = "exception"  # one in this program: a bug of its own
    GENERATOR = "generator"  # the generator became the bottleneck, or is none any more
    CONDITION = "condition"  # the word for how the run fares changed
    FINDING = "finding"  # something was found out, or is over
    ORIGIN = "origin"  # an exporter came up or went away
    THRESHOLD = "threshold"  # one that held is crossed, or the other way round
    VERDICT = "verdict"


class Level(StrEnum):
    """How urgent it is, in the words of the standard library's logging."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `events.jsonl`.

    Attributes:
        time: wall clock, Unix seconds.
        elapsed_seconds: since the start of the run.
        text: for a person, without secrets.
        details: for a program.
    """

    time: float
    elapsed_seconds: float
    kind: EventKind
    level: Level
    text: str
    details: Mapping[str, str | int | float] = {}


def changes(before: Entry | None, now: Entry) -> tuple[Event, ...]:
    """What is new in `now`."""
    at = now.moment.wall_at, round(now.moment.snapshot.elapsed_seconds, 3)
    return tuple(
        Event(round(at[0], 3), at[1], kind, level, text, details)
        for kind, level, text, details in (
            *_of_snapshot(before.moment.snapshot if before is not None else None, now.moment.snapshot),
            *_of_thresholds(before, now),
            *(_of_turn(turn) for turn in now.turns),
            *_of_condition(before, now),
        )
    )


_Change = tuple[EventKind, Level, str, Mapping[str, str | int | float]]


def _of_snapshot(before: Snapshot | None, now: Snapshot) -> Iterator[_Change]:
    if before is None or before.phase is not now.phase:
        text = f"{now.phase.value}, {now.viewers.active} of {now.viewers.target} viewers running"
        yield EventKind.PHASE, Level.INFO, text, {"phase": now.phase.value}
    for mark in now.marks[len(before.marks) if before is not None else 0 :]:
        yield EventKind.MARK, Level.INFO, mark.note, {"at_seconds": round(mark.elapsed_seconds, 3)}
    known = {_key(error) for error in before.errors} if before is not None else set()
    for error in reversed(now.errors):
        if _key(error) not in known:
            yield EventKind.ERROR, Level.WARNING, _error_text(error), _error_details(error)
    lost = {worker.worker for worker in before.generator.workers if worker.lost} if before is not None else set()
    for worker in now.generator.workers:
        if worker.lost and worker.worker not in lost:
            text = f"worker {worker.worker} died" + (f": {worker.died_of}" if worker.died_of else "")
            yield EventKind.WORKER_LOST, Level.ERROR, text, {"worker": worker.worker}
    yield from _of_agents(before, now)
    told = {fault.text for fault in before.generator.faults} if before is not None else set()
    for fault in now.generator.faults:
        if fault.text not in told:
            text = f"{fault.whose}: {fault.text}" if fault.whose else fault.text
            yield EventKind.EXCEPTION, Level.ERROR, text, {"traceback": fault.traceback}
    yield from _of_origin(before, now)


def _of_agents(before: Snapshot | None, now: Snapshot) -> Iterator[_Change]:
    known = {agent.name: agent.condition for agent in before.generator.agents} if before is not None else {}
    for agent in now.generator.agents:
        was, condition = known.get(agent.name, "up"), agent.condition
        if was == condition or {was, condition} == {"up", "full"}:
            continue
        details = {"agent": agent.name, "condition": condition}
        if agent.is_lost:
            yield EventKind.AGENT, Level.ERROR, f"agent {agent.name} is lost: {agent.state.lost}", details
        elif agent.is_silent:
            yield EventKind.AGENT, Level.WARNING, f"agent {agent.name} is silent", details
        else:
            yield EventKind.AGENT, Level.INFO, f"agent {agent.name} is heard again", details


def _of_origin(before: Snapshot | None, now: Snapshot) -> Iterator[_Change]:
    known: dict[tuple[str, str], SourceHealth] = {}
    for target in before.origin.targets if before is not None and before.origin is not None else ():
        known.update({(target.target, source.url): source for source in target.sources})
    for target in now.origin.targets if now.origin is not None else ():
        for source in target.sources:
            was = known.get((target.target, source.url))
            state = SourceState.WAITING if was is None else was.state
            if state is source.state or source.state is SourceState.WAITING:
                continue
            level = Level.INFO if source.state is SourceState.UP else Level.WARNING
            details = {"target": target.target, "url": masked_url(source.url), "state": source.state.value}
            yield EventKind.ORIGIN, level, _source_text(target.target, source, was), details


def _source_text(target: str, source: SourceHealth, was: SourceHealth | None) -> str:
    reason = f": {source.reason or source.note}" if source.reason or source.note else ""
    if source.state is SourceState.UP and was is not None and was.state is SourceState.DOWN:
        reason = f", after: {was.reason}"
    return f"{source.dialect or source.role.value} of {target} is {source.state.value}{reason}"


def _of_turn(change: Change) -> _Change:
    finding = change.finding
    interval = finding.intervals[-1]
    details: dict[str, str | int | float] = {
        "rule": finding.rule,
        "turn": change.turn.value,
        "severity": finding.severity.value,
        "standing": finding.standing.value,
        "from_seconds": interval.from_seconds,
    }
    details |= {"where": finding.where} if finding.where else {}
    details |= {"culprit": finding.culprit.value} if finding.culprit is not None else {}
    details |= {"to_seconds": interval.to_seconds} if interval.to_seconds is not None else {}
    is_generators = finding.culprit is Culprit.GENERATOR
    kind = EventKind.GENERATOR if is_generators else EventKind.FINDING
    if change.turn is Turn.OVER:
        return kind, Level.INFO, f"over after {units.seconds(interval.seconds(0.0))}: {finding.what}", details
    text = f"the generator is the bottleneck: {finding.what}" if is_generators else finding.what
    return kind, Level.WARNING if is_generators else _LEVELS[finding.severity], text, details


_LEVELS = {Severity.NOTE: Level.INFO, Severity.WARNING: Level.WARNING, Severity.CRITICAL: Level.ERROR}


def _of_condition(before: Entry | None, now: Entry) -> Iterator[_Change]:
    """The word for how the run fares; the end of a run changes none."""
    word = now.assessment.condition
    if now.moment.snapshot.phase is Phase.FINISHED or (before is not None and before.assessment.condition is word):
        return
    bad = word in {Condition.FAILING, Condition.DEGRADED}
    text = f"{word.value}: {now.assessment.text}"
    yield EventKind.CONDITION, Level.WARNING if bad else Level.INFO, text, {"condition": word.value}


def _of_thresholds(before: Entry | None, now: Entry) -> Iterator[_Change]:
    crossed = {result.threshold for result in before.thresholds if _is_crossed(before, result)} if before else set()
    for result in now.thresholds:
        is_crossed = _is_crossed(now, result)
        if result.value is None or is_crossed == (result.threshold in crossed):
            continue
        text = result.threshold.text
        details: dict[str, str | int | float] = {"threshold": text, "value": result.value}
        if is_crossed:
            yield EventKind.THRESHOLD, Level.WARNING, f"crossed: {text}: {result.reason}", details
        else:
            yield EventKind.THRESHOLD, Level.INFO, f"holds again: {text}", details


def _is_crossed(entry: Entry, result: ThresholdResult) -> bool:
    """Whether it does not hold, seen from its own window: before that begins, and before anything is known, it does."""
    begun = result.window is result.threshold.window or entry.moment.snapshot.phase is Phase.FINISHED
    return begun and result.value is not None and not result.held


def _key(error: ErrorFigures) -> tuple[str, str, int | None]:
    return error.subject, error.kind.value, error.status


def _error_text(error: ErrorFigures) -> str:
    return f"{error.subject.replace('_', ' ')}: {error.detail} ({masked_url(error.example_url)})"


def _error_details(error: ErrorFigures) -> dict[str, str | int | float]:
    details: dict[str, str | int | float] = {
        "object": error.subject,
        "kind": error.kind.value,
        "blame": error.blame.value,
        "url": masked_url(error.example_url),
    }
    return details if error.status is None else {**details, "status": error.status}
