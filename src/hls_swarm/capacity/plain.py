"""The likeliest cause where a plain run was not clean: its seconds as trials, weighed by the same suspects.

Rules:

- The run is cut into spells of ten seconds, each judged by the default objectives of a search. Spells of one load that
  follow each other and came out alike are one trial.
- Loads within a twentieth of each other are one load. A load holds if most of its spells do. So a ramp has a load that
  held and one that did not; a run of one load that fared well and then badly has both at that load.
- Of a long run its last two hours are looked at.
- Where every spell held there is nothing to explain, and nobody is named.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean, median

from hls_swarm.capacity.answer import case_of
from hls_swarm.capacity.objectives import DEFAULT_OBJECTIVES, column_of, parse_objectives
from hls_swarm.capacity.steps import Ending, Kind, Result, Verdict
from hls_swarm.capacity.trial import ObjectiveFigure, Trial
from hls_swarm.capacity.verdict.case import number
from hls_swarm.capacity.verdict.cause import Cause, cause_of
from hls_swarm.judge.metrics.kinds import DistributionMetric
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.thresholds import Threshold
from hls_swarm.judge.timeline import Row

SPELL_SECONDS = 10.0
MOST_ROWS = 7200
_ONE_LOAD = 1.05
_LEAST_ROWS = 5
_OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)
_PHASES = frozenset({"ramping", "steady"})


def likely_cause(rows: Sequence[Row], scrape_seconds: float = 1.0) -> Cause | None:
    """What gave out first in a run with this timeline; None if nothing did, or nothing is known of it.

    Args:
        scrape_seconds: between two looks at the origin.
    """
    rows = rows[-MOST_ROWS:]
    spells = [spell for spell in _spells(rows) if spell is not None]
    bounds = _bounds(spells)
    if bounds is None:
        return None
    held, failed = bounds
    ending = Ending(Verdict.BROKE_OFF, held, failed, confirmed=False)
    return cause_of(replace(case_of(ending, _joined(spells), rows, _OBJECTIVES, scrape_seconds), searched=False))


def _spells(rows: Sequence[Row]) -> Iterator[Trial | None]:
    """Each spell as a short trial; None where nothing tells how viewers fared."""
    spell: list[Row] = []
    loads: list[int] = []
    for row in rows:
        if row.get("phase") not in _PHASES:
            continue
        if spell and float(row["elapsed_seconds"]) - float(spell[0]["elapsed_seconds"]) >= SPELL_SECONDS:
            yield _judged(spell, loads)
            spell = []
        spell.append(row)
    if len(spell) >= _LEAST_ROWS:
        yield _judged(spell, loads)


def _judged(spell: Sequence[Row], loads: list[int]) -> Trial | None:
    """One spell; `loads` are those known before, and takes in its own."""
    active = [value for row in spell if (value := number(row, "viewers_active")) is not None]
    figures = tuple(_figure(objective, spell) for objective in _OBJECTIVES)
    if not active or not median(active) or all(figure.held is None for figure in figures):
        return None
    viewers = round(median(active))
    known = next((load for load in loads if max(load, viewers) <= _ONE_LOAD * min(load, viewers)), None)
    if known is None:
        loads.append(viewers)
    failed = any(figure.held is False for figure in figures)
    began_at, ended_at = float(spell[0]["elapsed_seconds"]), float(spell[-1]["elapsed_seconds"])
    return Trial(
        known or viewers,
        Kind.FULL,
        Result.FAILED if failed else Result.HELD,
        began_at - 1.0,  # a row is of the second that it ends
        ended_at,
        ended_at - began_at + 1.0,
        objectives=figures,
    )


def _figure(objective: Threshold, spell: Sequence[Row]) -> ObjectiveFigure:
    column = column_of(objective)
    values = [] if column is None else [value for row in spell if (value := number(row, column)) is not None]
    if not values:
        return ObjectiveFigure(objective.text, objective.limit)
    typical = median if isinstance(METRICS.get(objective.metric), DistributionMetric) else fmean
    value = typical(values)
    return ObjectiveFigure(objective.text, objective.limit, value, value < objective.limit, len(values))


def _bounds(spells: Sequence[Trial]) -> tuple[int | None, int] | None:
    """The load that held and the one that did not; None if all held."""
    results: dict[int, list[Result]] = defaultdict(list)
    for spell in spells:
        results[spell.viewers].append(spell.result)
    failing = [load for load, found in results.items() if Result.FAILED in found]
    if not failing:
        return None
    mostly = [load for load in failing if 2 * results[load].count(Result.FAILED) > len(results[load])]
    failed = min(mostly or failing)
    held = [load for load, found in results.items() if Result.HELD in found and load not in mostly and load < failed]
    if not held and Result.HELD in results[failed]:
        return failed, failed
    return max(held, default=None), failed


def _joined(spells: Sequence[Trial]) -> list[Trial]:
    """Those that follow each other at one load and came out alike as one."""
    out: list[Trial] = []
    for spell in spells:
        last = out[-1] if out else None
        if last is not None and (last.viewers, last.result) == (spell.viewers, spell.result):
            whole = spell.ended_at - last.began_at
            out[-1] = Trial(
                last.viewers, last.kind, last.result, last.began_at, spell.ended_at, whole, objectives=last.objectives
            )
        else:
            out.append(spell)
    return out
