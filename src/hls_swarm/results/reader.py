"""Reads a run's folder: of a run that has ended, that goes on, that broke off without a word, or that is damaged.

Rules:

- Damage is told, and costs what is damaged: a line, a part of the summary, a file. Where `state.json` can not be read,
  `summary.json` stands in; where neither can, the timeline and what was asked for are all that is known.
- Of many runs, one that can not be read hides no other.
- Nothing that is read is larger than what a run writes: a file of lines is read in pieces, a long line is passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hls_swarm.errors import RunError
from hls_swarm.foreign import visible
from hls_swarm.judge.report import Report, Status
from hls_swarm.judge.verdict import EXIT_CODES, Verdict
from hls_swarm.results import layout
from hls_swarm.results.damaged import Damage, Facts, Judged, events_of, facts_of, object_of, rows_of, state_of
from hls_swarm.results.machine import runs_still
from hls_swarm.stats.histogram import Histogram


@dataclass(frozen=True)
class RunEntry:
    """A run in a list of runs.

    Args:
        verdict: None while it goes on.
        damage: what of its files could not be read, in words.
    """

    folder: Path
    name: str
    url: str
    started_at: str
    elapsed_seconds: float | None
    viewers: int | None
    status: Status
    verdict: Verdict | None
    reason: str
    damage: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Run:
    """What a folder says of its run as a whole."""

    facts: Facts
    status: Status
    summary: Mapping[str, Any]
    judged: Judged
    distributions: Mapping[str, Histogram]
    damage: Damage


def read_run(folder: Path) -> Report:
    """All that a run's folder says.

    Raises:
        RunError: it is no run folder, of a version that is not known, or there is nothing in it to report.
    """
    run = _run(folder)
    rows = rows_of(folder / layout.TIMELINE, run.damage)
    if not run.summary and not rows:
        raise RunError(_nothing(folder, run))
    return Report(
        folder=visible(str(folder)),
        name=visible(folder.resolve().name),
        status=run.status,
        facts=run.facts.values,
        summary=settled_summary(run.summary or _summary_of(run.facts, rows), run.status),
        window=run.judged.window,
        window_seconds=run.judged.seconds,
        histograms=run.judged.histograms,
        ratios=run.judged.ratios,
        rows=rows,
        events=events_of(folder / layout.EVENTS, run.damage),
        capacity=object_of(folder / layout.CAPACITY, run.damage),
        damage=tuple(run.damage.texts),
        distributions=run.distributions,
    )


def settled_summary(summary: Mapping[str, Any], status: Status) -> Mapping[str, Any]:
    """The summary; of a run that broke off, or whose verdict is not known, with the verdict that such a run has."""
    if status is not Status.BROKEN_OFF and "verdict" in summary:
        return summary
    reason = "its verdict can not be read"
    if status is Status.BROKEN_OFF:
        elapsed = summary.get("elapsed_seconds", 0.0)
        reason = f"the run broke off after {elapsed:.0f} s: its process ended, or could write no more, before its end"
    return {
        **summary,
        "verdict": Verdict.ERROR.value,
        "exit_code": EXIT_CODES[Verdict.ERROR],
        "reasons": [reason, *summary.get("reasons", [])],
    }


def list_runs(parent: Path) -> tuple[RunEntry, ...]:
    """Every run in a folder of runs, the newest first; what is no run is passed over.

    Raises:
        RunError: the folder can not be read.
    """
    return tuple(sorted(_entries(parent), key=lambda entry: (entry.started_at, entry.folder.name), reverse=True))


def find_run(text: str, parent: Path = Path(layout.DEFAULT_PARENT)) -> Path:
    """The folder that is meant: a path, the name of a folder in `parent`, the end of one, or nothing for the newest.

    Raises:
        RunError: there is none, or more than one.
    """
    if not text:
        runs = list_runs(parent)
        if not runs:
            raise RunError(f"there is no run in {parent}: name a run's folder")
        return next((entry for entry in runs if not entry.damage), runs[0]).folder
    for folder in (Path(text), parent / text):
        if _is_run(folder):
            return folder
    found = [entry.folder for entry in list_runs(parent) if entry.folder.name.endswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(f"{text} is the end of {len(found)} runs' names in {parent}: write more of it")
    if not _exists(Path(text)):
        raise RunError(f"{text}: there is no such run: hls-swarm runs lists those in {parent}")
    raise RunError(f"{text} is no run folder: it has no {layout.RUN}")


def _entries(parent: Path) -> Iterator[RunEntry]:
    if not _exists(parent):
        return
    try:
        folders = [folder for folder in parent.iterdir() if _is_run(folder)]
    except OSError as error:
        raise RunError(f"{visible(str(parent))} can not be read: {_why(error)}") from error
    for folder in folders:
        try:
            yield _entry(folder, _run(folder))
        except RunError as error:
            yield RunEntry(
                folder, "", "", "", None, None, Status.BROKEN_OFF, Verdict.ERROR, str(error), damage=(str(error),)
            )


def _entry(folder: Path, run: _Run) -> RunEntry:
    facts, known = run.facts.values, bool(run.summary)
    summary = settled_summary(run.summary, run.status) if known else {}
    verdict = Verdict(summary["verdict"]) if known and run.status is not Status.RUNNING else None
    if not known and run.status is Status.BROKEN_OFF:
        verdict = Verdict.ERROR
    return RunEntry(
        folder=folder,
        name=facts["name"],
        url=facts["url"] or summary.get("url", ""),
        started_at=facts["started_at"] or summary.get("started_at", ""),
        elapsed_seconds=summary.get("elapsed_seconds"),
        viewers=summary.get("viewers", {}).get("target"),
        status=run.status,
        verdict=verdict,
        reason="; ".join([*summary.get("reasons", []), *run.damage.texts]),
        damage=tuple(run.damage.texts),
    )


def _run(folder: Path) -> _Run:
    """The folder without its lines. Raises RunError if it is none, or of another version."""
    damage = Damage()
    facts = facts_of(folder, damage)
    state = state_of(folder, damage)
    return _Run(facts, _status(facts, state.finished), state.summary, state.judged, state.distributions, damage)


def _status(facts: Facts, finished: bool) -> Status:
    if finished:
        return Status.FINISHED
    if facts.pid and runs_still(facts.pid, facts.process_started_at, facts.boot_id):
        return Status.RUNNING
    return Status.BROKEN_OFF


def _summary_of(facts: Facts, rows: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """What the timeline and `run.json` say where there is no summary."""
    said = {key: facts.values[key] for key in ("url", "started_at") if facts.values[key]}
    return {**said, "elapsed_seconds": rows[-1]["elapsed_seconds"]}


def _nothing(folder: Path, run: _Run) -> str:
    if run.damage.texts:
        return f"{visible(str(folder))}: there is nothing to report: {'; '.join(run.damage.texts)}"
    return f"{visible(str(folder))}: the run broke off before its first second: there is nothing to report"


def _is_run(folder: Path) -> bool:
    try:
        return (folder / layout.RUN).is_file()
    except (OSError, ValueError):  # a name that can be none, or a folder that may not be looked into
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
