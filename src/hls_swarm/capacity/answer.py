"""The answer of a search as one object: what a terminal shows, and `capacity.json` of its folder: a contract.

Rules:

- Adding a name is free, changing one raises the version in `schema`. What is not known is left out; it is never 0.
- It is made from what the folder holds: the trials and the rows of the timeline. So a search that goes on, or that was
  killed, has the answer that it had come to.
- Exit codes: 0 found, or at least as many as were asked for; 99 fewer, or none; 3 a lower bound only, because this
  machine gave out; 1 it broke off, the bounds so far are said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hls_swarm.capacity.confidence import bad_share_at_most
from hls_swarm.capacity.objectives import column_of
from hls_swarm.capacity.steps import EVIDENCE, Ending, Overload, Result, Soak, Verdict
from hls_swarm.capacity.trial import ObjectiveFigure, Trial, confirmations
from hls_swarm.capacity.verdict.case import Case, Measure, number
from hls_swarm.capacity.verdict.cause import Cause, cause_of
from hls_swarm.capacity.verdict.suspects import BUSIEST, CPU, LAG, LINK, RECEIVED, RTT, TTFB, WORKER
from hls_swarm.exit_codes import ExitCode
from hls_swarm.foreign import cut
from hls_swarm.judge.summary import known
from hls_swarm.judge.thresholds import Threshold, ThresholdError, parse_threshold
from hls_swarm.judge.timeline import Row

SCHEMA = "hls-swarm/capacity/1"

_OF_VIEWERS: tuple[tuple[str, Measure], ...] = (
    ("received_bytes_per_second", RECEIVED),
    ("rtt_seconds", RTT),
    ("segment_ttfb_seconds", TTFB),
)
_OF_ORIGIN: tuple[tuple[str, Measure], ...] = (
    ("cpu_percent", CPU),
    ("cpu_busiest_core_percent", BUSIEST),
    ("network_link_percent", LINK),
)
_OF_GENERATOR: tuple[tuple[str, Measure], ...] = (
    ("worker_cpu_percent", WORKER),
    ("loop_lag_seconds_p99", LAG),
)


class TrialFigures(msgspec.Struct, frozen=True, omit_defaults=True):
    """One trial, and what else was measured in it.

    Attributes:
        viewers_figures, generator: by name; typical seconds of the trial.
        origin: the same by machine of the origin.
    """

    trial: Trial
    viewers_figures: Mapping[str, float] = {}
    origin: Mapping[str, Mapping[str, float]] = {}
    generator: Mapping[str, float] = {}


class BrokeFirst(msgspec.Struct, frozen=True):
    """The objective that broke first at the smallest load that does not hold.

    Attributes:
        at_held: what it was at the greatest load that holds.
    """

    objective: str
    limit: float
    failed_at: int
    at_failed: float | None = None
    held_at: int | None = None
    at_held: float | None = None


class Confidence(msgspec.Struct, frozen=True):
    """How sure the answer is: of so many seconds that confirm it so many were bad.

    Attributes:
        trials, held: that confirm it, and how many of them held.
        upper: the share of bad seconds that is not exceeded with 95% confidence.
    """

    trials: int
    held: int
    bad_seconds: int
    seconds: int
    upper: float


class CapacityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        seconds: that the search took.
        viewers: the most that hold every objective.
        failed_at: the fewest that do not.
        confirmed: whether `viewers` was confirmed.
        at_least: how many were asked for; None: no number.
        running: the search goes on, or was killed.
    """

    schema: str = SCHEMA
    url: str
    seconds: float
    verdict: Verdict
    viewers: int | None = None
    failed_at: int | None = None
    confirmed: bool = False
    reason: str = ""
    running: bool = False
    exit_code: int = 0
    at_least: int | None = None
    slo: tuple[str, ...] = ()
    trials: tuple[TrialFigures, ...] = ()
    broke_first: BrokeFirst | None = None
    cause: Cause = Cause()
    soaks: tuple[Soak, ...] = ()
    overload: Overload | None = None
    confidence: Confidence | None = None
    not_done: tuple[str, ...] = ()

    def json_object(self) -> dict[str, Any]:
        """As `capacity.json` has it, without what is not known."""
        made: dict[str, Any] = known(msgspec.to_builtins(self))
        cause = made.pop("cause", {})
        trials = [
            {**figures.pop("trial"), "viewers_figures": figures.pop("viewers_figures", {}), **figures}
            for figures in made.pop("trials", [])
        ]
        return {**made, **cause, "trials": trials}


def read_answer(made: Mapping[str, Any]) -> CapacityAnswer:
    """The answer that `json_object` once gave.

    Raises:
        ValueError: it is of another version, or none.
    """
    if made.get("schema") != SCHEMA:
        raise ValueError(f"it is {made.get('schema')!r}, this version reads {SCHEMA}")
    given = made.get("trials", [])
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise ValueError("it is damaged: its trials are no list of objects")
    if not _is_sane(made):
        raise ValueError("it is damaged: a number in it is larger than anything that is measured")
    rest = dict(made)
    cause = {name: rest.pop(name) for name in Cause.__struct_fields__ if name in rest}
    outer = ("viewers_figures", "origin", "generator")
    trials = [
        {
            "trial": {name: value for name, value in each.items() if name not in outer},
            **{name: each[name] for name in outer if name in each},
        }
        for each in given
    ]
    rest.pop("trials", None)
    try:
        answer = msgspec.convert({**rest, "cause": cause, "trials": trials}, CapacityAnswer)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(f"it is damaged: {cut(str(error))}") from error
    for text in answer.slo:
        try:
            parse_threshold(text)
        except ThresholdError:
            raise ValueError(f"it is damaged: {cut(text)!r} is no objective") from None
    return answer


def _is_sane(value: Any) -> bool:
    """Whether every number in it is finite and below 1e18."""
    if isinstance(value, Mapping):
        return all(_is_sane(each) for each in value.values())
    if isinstance(value, list):
        return all(_is_sane(each) for each in value)
    return not isinstance(value, int | float) or -1e18 < value < 1e18


def answer_of(
    ending: Ending,
    trials: Sequence[Trial],
    rows: Sequence[Row],
    objectives: Sequence[Threshold],
    *,
    url: str,
    seconds: float,
    at_least: int | None = None,
    how_to_get: Mapping[str, str] | None = None,
    scrape_seconds: float = 1.0,
    running: bool = False,
) -> CapacityAnswer:
    """The answer that a search has come to.

    Args:
        url: without secrets.
        seconds: since the search began.
        how_to_get: by signal of the origin, how its exporter can be made to tell it.
    """
    case = case_of(ending, trials, rows, objectives, scrape_seconds)
    return CapacityAnswer(
        url=url,
        seconds=round(seconds, 1),
        verdict=ending.verdict,
        viewers=ending.viewers,
        failed_at=ending.failed_at,
        confirmed=ending.confirmed,
        reason=ending.reason,
        running=running,
        exit_code=exit_code(ending, at_least),
        at_least=at_least,
        slo=tuple(objective.text for objective in objectives),
        trials=tuple(_figures(case, trial) for trial in trials),
        broke_first=_broke_first(case, objectives),
        cause=cause_of(case, how_to_get),
        soaks=ending.soaks,
        overload=ending.overload,
        confidence=_confidence(ending, trials),
        not_done=ending.not_done,
    )


def exit_code(ending: Ending, at_least: int | None = None) -> int:
    """What the process ends with."""
    enough = at_least is None or (ending.viewers is not None and ending.viewers >= at_least)
    match ending.verdict:
        case Verdict.FOUND:
            return ExitCode.PASS if enough else ExitCode.FAIL
        case Verdict.AT_LEAST if at_least is not None and enough:
            return ExitCode.PASS
        case Verdict.AT_LEAST if ending.generator_gave_out:
            return ExitCode.INVALID
        case Verdict.AT_LEAST:
            return ExitCode.PASS if enough else ExitCode.FAIL
        case Verdict.NONE:
            return ExitCode.FAIL
        case Verdict.BROKE_OFF:
            return ExitCode.ERROR


def case_of(
    ending: Ending,
    trials: Sequence[Trial],
    rows: Sequence[Row],
    objectives: Sequence[Threshold],
    scrape_seconds: float = 1.0,
) -> Case:
    """What a verdict looks at: the bounds of an ending, and the objective that broke first there.

    Where no load is known to hold or to fail, one that did so once tells most; where none failed, void trials of a
    greater load than holds say why there is no more to say.
    """
    failed = ending.failed_at or failed_once(trials, ending.viewers)
    if failed is None:
        void = (trial.viewers for trial in trials if trial.result is Result.VOID)
        failed = min((viewers for viewers in void if viewers > (ending.viewers or 0)), default=None)
    held_once = (t.viewers for t in trials if t.result is Result.HELD and (failed is None or t.viewers < failed))
    held = ending.viewers or max(held_once, default=None)
    case = Case(trials, rows, held, failed, scrape_seconds=scrape_seconds)
    first = first_broken(case, objectives)
    if first is None:
        return case
    return Case(trials, rows, held, failed, column_of(first), first.limit, scrape_seconds)


def failed_once(trials: Sequence[Trial], held: int | None) -> int | None:
    """The smallest load above that which holds of which a trial failed."""
    failed = (trial.viewers for trial in trials if trial.result is Result.FAILED and trial.kind in EVIDENCE)
    return min((viewers for viewers in failed if viewers > (held or 0)), default=None)


def first_broken(case: Case, objectives: Sequence[Threshold]) -> Threshold | None:
    """Of the objectives that the smallest load broke, the one that its seconds broke first."""
    trial = case.failed_trial
    if trial is None:
        return None
    broken = [objective for objective in objectives if objective.text in trial.broken]
    rows = case.climb()

    def began(objective: Threshold) -> float:
        column = column_of(objective)
        crossed = (
            float(row["elapsed_seconds"])
            for row in rows
            if column is not None and (value := number(row, column)) is not None and value >= objective.limit
        )
        return next(crossed, trial.ended_at)

    return min(broken, key=began, default=None)


def _broke_first(case: Case, objectives: Sequence[Threshold]) -> BrokeFirst | None:
    first, failed = first_broken(case, objectives), case.failed_trial
    if first is None or failed is None:
        return None
    at_failed = _figure_of(failed, first)
    held = [t for t in case.trials if t.viewers == case.held and t.result is Result.HELD]
    at_held = _figure_of(held[-1], first) if held else None
    return BrokeFirst(
        first.text,
        first.limit,
        failed.viewers,
        None if at_failed is None else at_failed.value,
        case.held,
        None if at_held is None else at_held.value,
    )


def _figure_of(trial: Trial, objective: Threshold) -> ObjectiveFigure | None:
    return next((figure for figure in trial.objectives if figure.objective == objective.text), None)


def _figures(case: Case, trial: Trial) -> TrialFigures:
    rows = case.rows_of(trial)

    def of(measures: Sequence[tuple[str, Measure]], where: str = "") -> dict[str, float]:
        figures = {name: measure.of(rows, where) for name, measure in measures}
        return {name: float(f"{figure:.4g}") for name, figure in figures.items() if figure is not None}

    machines = {where: of(_OF_ORIGIN, where) for where in case.targets}
    return TrialFigures(
        trial,
        of(_OF_VIEWERS),
        {where: figures for where, figures in machines.items() if figures},
        of(_OF_GENERATOR),
    )


def _confidence(ending: Ending, trials: Sequence[Trial]) -> Confidence | None:
    if ending.viewers is None:
        return None
    confirming = confirmations(trials, ending.viewers)
    seconds = round(sum(trial.seconds for trial in confirming))
    if not seconds:
        return None
    bad = sum(trial.bad_seconds for trial in confirming)
    return Confidence(
        trials=len(confirming),
        held=sum(trial.result is Result.HELD for trial in confirming),
        bad_seconds=bad,
        seconds=seconds,
        upper=round(bad_share_at_most(bad, seconds), 4),
    )
