"""Reads a run's folder: of a run that has ended, that goes on, or that broke off without a word."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hls_swarm.errors import RunError
from hls_swarm.judge.events import Event
from hls_swarm.judge.report import Report, Status
from hls_swarm.judge.verdict import EXIT_CODES, Verdict
from hls_swarm.results import layout
from hls_swarm.results.machine import runs_still

_T = TypeVar("_T")
_JSON = msgspec.json.Decoder()


@dataclass(frozen=True)
class RunEntry:
    """A run in a list of runs.

    Args:
        verdict: None while it goes on.
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


def read_run(folder: Path) -> Report:
    """All that a run's folder says.

    Raises:
        RunError: it is no run folder, or of a version that is not known.
    """
    facts = _facts(folder)
    state = _read_typed(folder / layout.STATE, layout.State)
    if state is None:
        raise RunError(f"{folder}: the run broke off before its first second: there is nothing to report")
    status = _status(facts, state)
    return Report(
        folder=str(folder),
        name=folder.resolve().name,
        status=status,
        facts=msgspec.to_builtins(facts),
        summary=settled_summary(state, status),
        window=state.judged.window,
        window_seconds=state.judged.seconds,
        histograms=state.judged.histograms,
        ratios=state.judged.ratios,
        rows=tuple(_lines(folder / layout.TIMELINE)),
        events=tuple(_events(folder / layout.EVENTS)),
    )


def settled_summary(state: layout.State, status: Status) -> Mapping[str, Any]:
    """The summary; of a run that broke off, with the verdict that such a run has."""
    if status is not Status.BROKEN_OFF:
        return state.summary
    elapsed = state.summary.get("elapsed_seconds", 0.0)
    reason = f"the run broke off after {elapsed:.0f} s: its process ended, or could write no more, before its end"
    return {
        **state.summary,
        "verdict": Verdict.ERROR.value,
        "exit_code": EXIT_CODES[Verdict.ERROR],
        "reasons": [reason, *state.summary.get("reasons", [])],
    }


def list_runs(parent: Path) -> tuple[RunEntry, ...]:
    """Every run in a folder of runs, the newest first; what is no run is passed over."""
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
        return runs[0].folder
    for folder in (Path(text), parent / text):
        if (folder / layout.RUN).is_file():
            return folder
    found = [entry.folder for entry in list_runs(parent) if entry.folder.name.endswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(f"{text} is the end of {len(found)} runs' names in {parent}: write more of it")
    if not Path(text).exists():
        raise RunError(f"{text}: there is no such run: hls-swarm runs lists those in {parent}")
    raise RunError(f"{text} is no run folder: it has no {layout.RUN}")


def _entries(parent: Path) -> Iterator[RunEntry]:
    if not parent.is_dir():
        return
    for folder in parent.iterdir():
        if not (folder / layout.RUN).is_file():
            continue
        try:
            facts = _facts(folder)
            state = _read_typed(folder / layout.STATE, layout.State)
        except RunError:
            continue
        status = _status(facts, state)
        summary = settled_summary(state, status) if state is not None else {}
        verdict = Verdict(summary["verdict"]) if summary and status is not Status.RUNNING else None
        yield RunEntry(
            folder=folder,
            name=facts.name,
            url=facts.url,
            started_at=facts.started_at,
            elapsed_seconds=summary.get("elapsed_seconds"),
            viewers=summary.get("viewers", {}).get("target"),
            status=status,
            verdict=verdict if state is not None else Verdict.ERROR if status is Status.BROKEN_OFF else None,
            reason="; ".join(summary.get("reasons", [])),
        )


def _facts(folder: Path) -> layout.RunFacts:
    if not folder.is_dir():
        raise RunError(f"{folder}: there is no such run")
    facts = _read_typed(folder / layout.RUN, layout.RunFacts)
    if facts is None:
        raise RunError(f"{folder} is no run folder: it has no {layout.RUN}")
    if facts.schema != layout.RUN_SCHEMA:
        raise RunError(f"{folder}: {layout.RUN} is {facts.schema!r}, this version reads {layout.RUN_SCHEMA}")
    return facts


def _status(facts: layout.RunFacts, state: layout.State | None) -> Status:
    if state is not None and state.finished:
        return Status.FINISHED
    if runs_still(facts.pid, facts.process_started_at, facts.boot_id):
        return Status.RUNNING
    return Status.BROKEN_OFF


def _read_typed(path: Path, shape: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} can not be read: {(error.strerror or str(error)).lower()}") from error
    except msgspec.MsgspecError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Each whole line; one that a crash cut, or that is damaged, is passed over."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    for line in content.split(b"\n"):
        if not line:
            continue
        try:
            value = _JSON.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(value, dict):
            yield value


def _events(path: Path) -> Iterator[Event]:
    for line in _lines(path):
        try:
            yield msgspec.convert(line, Event)
        except msgspec.ValidationError:  # of a kind that a newer version knows
            continue
