"""The answer of a search for capacity as text: what holds, what broke, what gave out, what is not known.

Every line of evidence is one atom of the verdict, with its figures.
"""

from collections.abc import Iterator, Sequence

from hls_swarm.capacity.answer import CapacityAnswer, TrialFigures, failed_once
from hls_swarm.capacity.objectives import shown_value
from hls_swarm.capacity.searching.progress import WORDS, Progress, bounds_text
from hls_swarm.capacity.steps import Kind, Result, Verdict
from hls_swarm.capacity.trial import Trial, worsened
from hls_swarm.capacity.verdict.cause import Accused, Cause
from hls_swarm.judge.thresholds import Threshold, parse_threshold
from hls_swarm.snapshot import units
from hls_swarm.views.tables import Table

LABEL_WIDTH = 17
"""Of the labels before the lines of an answer."""
_MOST_NOT_KNOWN = 8
_SHORT = {
    "segment_relative_download:p95": "rel. P95",
    "startup_seconds:p95": "startup P95",
    "waiting_ratio": "waiting",
    "rebuffering_ratio": "rebuffering",
    "errors:rate": "errors",
}


def is_evidence(line: str) -> bool:
    """Whether a line is of evidence, for or against; all others have a label before them."""
    return line.startswith(("  + ", "  - "))


def headline(answer: CapacityAnswer) -> str:
    """What a person must read first."""
    trials = sum(each.trial.kind is not Kind.OVERLOAD for each in answer.trials)
    took = f"{trials} trial{'s' * (trials != 1)}, {units.seconds(answer.seconds)}"
    return f"CAPACITY  {_verdict(answer)}    {took}"


def _verdict(answer: CapacityAnswer) -> str:
    holds, fails = units.count(answer.viewers), units.count(answer.failed_at)
    match answer.verdict:
        case Verdict.FOUND:
            return f"{holds} viewers hold every objective, {fails} do not"
        case Verdict.AT_LEAST:
            return f"at least {holds} viewers: {answer.reason}"
        case Verdict.NONE:
            return "none: not even 1 viewer has what the objectives ask for"
        case Verdict.BROKE_OFF:
            known = []
            if answer.viewers is not None:
                known.append(f"{holds} hold{'' if answer.confirmed else ' (not confirmed)'}")
            once = failed_once([each.trial for each in answer.trials], answer.viewers)
            if answer.failed_at is not None:
                known.append(f"{fails} do not")
            elif once is not None:
                known.append(f"{units.count(once)} failed once")
            so_far = f"; so far {', '.join(known)}" if known else ""
            return f"{'goes on' if answer.running else f'broke off: {answer.reason}'}{so_far}"


def lines(answer: CapacityAnswer) -> Iterator[str]:
    """Everything between the headline and the table."""
    yield from _broke_first(answer)
    yield from _cause(answer.cause)
    worse = worsened([each.trial for each in answer.trials])
    if worse:
        told = (
            f"{units.count(held.viewers)} held at {units.clock(held.ended_at)}, not at {units.clock(failed.ended_at)}"
            for held, failed in worse
        )
        yield _line("Got worse", f"{'; '.join(told)}: a leak, a credit, or work of others")
    if answer.soaks:
        told = (
            f"{soak.viewers} for {units.seconds(soak.seconds)}: {'held' if soak.held else 'did not hold any longer'}"
            for soak in answer.soaks
        )
        yield _line("Soak", "; ".join(told))
    yield from _overload(answer)
    if answer.confidence is not None:
        sure = answer.confidence
        each = units.seconds(sure.seconds / sure.trials)
        yield _line(
            "Confidence",
            f"{answer.viewers} held in {sure.held} of {sure.trials} trials of {each}: {sure.bad_seconds} of "
            f"{sure.seconds} s bad, with 95% confidence < {units.ratio(sure.upper)}",
        )
    for left_out in answer.not_done:
        yield _line("Not done", left_out)


def _broke_first(answer: CapacityAnswer) -> Iterator[str]:
    first = answer.broke_first
    if first is None:
        return
    objective = parse_threshold(first.objective)
    figures = []
    if first.at_held is not None:
        figures.append(f"{shown_value(objective, first.at_held)} at {first.held_at}")
    if first.at_failed is not None:
        figures.append(f"{shown_value(objective, first.at_failed)} at {first.failed_at}")
    yield _line("Broke first", f"{first.objective}   {', '.join(figures)}")


def _cause(cause: Cause) -> Iterator[str]:
    named = cause.named
    for accused in named:
        yield from _accused(accused, cause.suspects)
    if not named and (cause.suspects or cause.ruled_out):
        likely = ", ".join(f"{accused.title} ({accused.score})" for accused in cause.suspects[:3])
        yield _line("Gave out first", f"not found{f'; a little speaks for {likely}' if likely else ''}")
    for following in cause.predicted[:1]:
        where = f" of {following.where}" if following.where else ""
        yield _line(
            "Would be next",
            f"{following.resource}{where}, at about {units.count(following.viewers)} viewers "
            f"({following.loads} loads, straight line)",
        )
    if cause.ruled_out:
        yield _line("Ruled out", ", ".join(one.title for one in cause.ruled_out))
    for nth, unknown in enumerate(cause.not_known[:_MOST_NOT_KNOWN]):
        yield _line("Not known" if not nth else "", f"{unknown.title}: {unknown.how}")
    if len(cause.not_known) > _MOST_NOT_KNOWN:
        yield _line("", f"and {len(cause.not_known) - _MOST_NOT_KNOWN} more")


def cause_lines(cause: Cause) -> Iterator[str]:
    """Of a plain run that was not clean: whom most speaks for, and the evidence; nothing if nobody is named."""
    for accused in cause.named:
        yield from _accused(accused, cause.suspects, "Likeliest cause")


def _accused(accused: Accused, suspects: Sequence[Accused], label: str = "Gave out first") -> Iterator[str]:
    others = [other.score for other in suspects if other is not accused]
    following = f"; next suspect {max(others)}" if others else ""
    where = f" ({accused.where})" if accused.where else ""
    yield _line(label, f"{accused.title}{where}    {accused.confidence.value} ({accused.score}{following})")
    yield from (f"  + {line.text}" for line in accused.evidence)
    yield from (f"  - {line.text}" for line in accused.against)
    yield _line("  Look for", accused.look_for)


def _overload(answer: CapacityAnswer) -> Iterator[str]:
    overload = answer.overload
    if overload is None:
        return
    lasted = [each.trial.seconds for each in answer.trials if each.trial.kind is Kind.OVERLOAD]
    began = f"{overload.viewers} for {units.seconds(lasted[-1])}" if lasted else f"{overload.viewers}"
    if overload.recovered_after is not None:
        after = f"held again after {units.seconds(overload.recovered_after)}"
    elif overload.recovers_at is not None:
        after = f"does not recover, though it carried them before; it does at {overload.recovers_at}"
    else:
        after = "does not recover, though it carried them before"
    yield _line("After overload", f"{began}, back to {overload.back_to}: {after}")


def trials_table(answer: CapacityAnswer) -> Table:
    """One row for each load, the smallest first; the objectives that a load broke stand before the others."""
    broken = {text for each in answer.trials for text in each.trial.broken}
    objectives = [parse_threshold(text) for text in sorted(answer.slo, key=lambda text: text not in broken)]
    columns = ["viewers", "trials", "result", *map(short_name, objectives), "core", "received", "RTT"]
    rows = []
    loads = sorted({each.trial.viewers for each in answer.trials})
    for load in loads:
        mine = [each for each in answer.trials if each.trial.viewers == load]
        shown = next((each for each in reversed(mine) if each.trial.result is not Result.VOID), mine[-1])
        values = {figure.objective: figure.value for figure in shown.trial.objectives}
        cells = [
            units.UNKNOWN if values.get(one.text) is None else shown_value(one, values[one.text] or 0.0)
            for one in objectives
        ]
        cores = [figures.get("cpu_busiest_core_percent") for figures in shown.origin.values()]
        known = [core for core in cores if core is not None]
        rows.append(
            [
                units.count(load),
                _lengths(mine),
                _results(mine),
                *cells,
                units.percent(max(known) if known else None),
                units.bit_rate(shown.viewers_figures.get("received_bytes_per_second")),
                units.seconds(shown.viewers_figures.get("rtt_seconds")),
            ]
        )
    return Table(columns[0], columns, rows)


def short_name(objective: Threshold) -> str:
    """An objective as the head of a column."""
    name = f"{objective.metric}{f':{objective.aggregation}' if objective.aggregation else ''}"
    return _SHORT.get(name, name)


def _lengths(trials: Sequence[TrialFigures]) -> str:
    """`2 x 30s, 1 x 60s`."""
    counts: dict[int, int] = {}
    for each in trials:
        seconds = round(each.trial.planned_seconds)
        counts[seconds] = counts.get(seconds, 0) + 1
    return ", ".join(f"{count} x {seconds}s" for seconds, count in sorted(counts.items()))


def _results(trials: Sequence[TrialFigures]) -> str:
    if any(each.trial.kind is Kind.OVERLOAD for each in trials):
        return "overload"
    found = dict.fromkeys(each.trial.result.value for each in trials)
    return ", ".join(found)


def trial_line(trial: Trial) -> str:
    """One trial as it ends, for a log or a screen without a terminal."""
    reasons = f": {'; '.join(trial.why)}" if trial.why else ""
    return f"{trial.viewers:>8,} viewers  {WORDS[trial.kind]:<13}{trial.result.value}{reasons}"


def progress_line(progress: Progress) -> str:
    """How far a search is, in one line."""
    parts = [units.clock(progress.at)]
    if progress.stand is not None:
        step = progress.stand.step
        parts.append(f"{WORDS[step.kind]} with {units.count(step.viewers)} viewers, {progress.stand.part.value}")
    parts.append(f"so far: {bounds_text(progress)}")
    if progress.left_seconds is not None:
        parts.append(f"about {units.clock(progress.left_seconds)} left")
    return "  ".join(parts)


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}}{text}"
