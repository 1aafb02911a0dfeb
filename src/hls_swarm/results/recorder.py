"""Writes a run's folder as the run goes on: each second a row, the events, and the state to rebuild a report from."""

import logging
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from hls_swarm import __version__
from hls_swarm.errors import RunError
from hls_swarm.judge.events import Event, EventKind, Level, changes
from hls_swarm.judge.ledger import Entry, Ledger
from hls_swarm.judge.metrics.counters import COUNTERS
from hls_swarm.judge.metrics.ratios import RATIOS
from hls_swarm.judge.summary import known, summary, to_json
from hls_swarm.judge.verdict import Outcome, judge
from hls_swarm.results import layout
from hls_swarm.results.logs import EVENTS
from hls_swarm.results.machine import boot_id, machine, versions
from hls_swarm.results.writer import FolderWriter
from hls_swarm.settings.checks import masked_header, masked_url
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_share

_log = logging.getLogger(EVENTS)
_LEVELS = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}
MOST_SAME_NAMES = 1000
_FLAG = re.compile(r"(?P<dashes>--?)(?P<name>[A-Za-z][\w-]+)(?:=(?P<value>.*))?", re.DOTALL)


class Recorder:
    """One run's folder, from its start to its end. Events are logged too, with or without a folder.

    Args:
        folder: to write in, which exists; None writes nothing.
        settings: of the run.
        started_at: wall clock, Unix seconds.
        command: the command line, without secrets.

    Raises:
        FileExistsError: the folder is another run's.
        OSError: it can not be written.
    """

    def __init__(
        self, folder: Path | None, settings: Settings, ledger: Ledger, started_at: float, command: str
    ) -> None:
        self._settings, self._ledger, self._started_at = settings, ledger, started_at
        self._before: Entry | None = None
        lines = (layout.TIMELINE, layout.EVENTS, layout.LOG)
        self._writer = None if folder is None else FolderWriter(folder, lines, claim_name=layout.RUN)
        if self._writer is not None:
            facts = run_facts(settings, started_at, command)
            self._writer.replace(layout.RUN, lambda: to_json(known(msgspec.to_builtins(facts))))

    @property
    def folder(self) -> Path | None:
        """Where the files are."""
        return None if self._writer is None else self._writer.folder

    @property
    def trouble(self) -> str | None:
        """Why not all files could be written, in words; None if they were."""
        return None if self._writer is None else self._writer.trouble

    def add(self, entry: Entry) -> None:
        """Write down one moment."""
        for event in changes(self._before, entry):
            self._tell(event)
        self._before = entry
        if self._writer is not None:
            self._writer.append(layout.TIMELINE, msgspec.json.encode(entry.row))
            self._keep(entry, self._judge(entry), finished=False)

    def finish(
        self, entry: Entry, outcome: Outcome, likely_causes: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, Any]:
        """Write down how the run ended, and wait until the files are; gives the summary.

        Args:
            likely_causes: what gave out first, as the summary has it.
        """
        made = self._summary(entry, outcome)
        if likely_causes:
            made["likely_causes"] = list(likely_causes)
        text = f"{outcome.verdict.value}{': ' if outcome.reasons else ''}{'; '.join(outcome.reasons)}"
        elapsed = round(entry.moment.snapshot.elapsed_seconds, 3)
        self._tell(Event(round(entry.moment.wall_at, 3), elapsed, EventKind.VERDICT, Level.INFO, text))
        if self._writer is not None:
            self._keep(entry, outcome, finished=True)
            self._writer.replace(layout.SUMMARY, lambda: to_json(made))
        return made

    def keep_answer(self, made: Mapping[str, Any]) -> None:
        """Write down what a search for capacity has come to; nobody changes it after this."""
        if self._writer is not None:
            self._writer.replace(layout.CAPACITY, lambda: to_json(made))

    def log(self, line: bytes) -> None:
        """Write down one line of the program's log, as JSON."""
        if self._writer is not None:
            self._writer.append(layout.LOG, line)

    def close(self) -> None:
        """Wait until everything is written, or is known not to be."""
        if self._writer is not None:
            self._writer.close()

    def discard(self) -> None:
        """There was no run after all: take the files away again, and the folder if nothing else is in it."""
        if self._writer is not None:
            self._writer.discard()

    def _tell(self, event: Event) -> None:
        traceback = f"\n{event.details['traceback']}" if "traceback" in event.details else ""
        _log.log(_LEVELS[event.level], "%s: %s%s", event.kind.value, event.text, traceback)
        if self._writer is not None:
            self._writer.append(layout.EVENTS, msgspec.json.encode(event))

    def _keep(self, entry: Entry, outcome: Outcome, *, finished: bool) -> None:
        """The state is made of copies here, and encoded in the writer's thread."""
        if self._writer is None:
            return
        name, window = self._ledger.judged
        shares = {metric.name: window.rate(metric.name) for metric in COUNTERS if metric.whole is not None}
        shares |= {metric.name: window.ratio(metric.name) for metric in RATIOS}
        histograms = {key: histogram.copy() for key, histogram in window.histograms().items()}
        judged = layout.Judged(name, window.seconds, histograms, {k: v for k, v in shares.items() if v is not None})
        run = self._ledger.run
        whole = {key: histogram.copy() for key in layout.WHOLE_RUN if (histogram := run.distribution(key)) is not None}
        made = self._summary(entry, outcome)
        state = layout.State(finished=finished, summary=made, judged=judged, distributions=whole)
        self._writer.replace(layout.STATE, lambda: msgspec.json.encode(state) + b"\n")

    def _summary(self, entry: Entry, outcome: Outcome) -> dict[str, Any]:
        origin, _ = self._ledger.origin_summary()
        return summary(
            entry.moment.snapshot,
            outcome,
            started_at=self._started_at,
            version=__version__,
            origin=origin,
            thresholds=entry.thresholds,
            expectations=entry.expectations,
            generator_limit=parse_share(self._settings.generator_limit),
            condition_seconds=entry.condition_seconds,
        )

    def _judge(self, entry: Entry) -> Outcome:
        """The verdict as it stands."""
        return judge(
            entry.moment.snapshot,
            thresholds=entry.thresholds,
            expectations=entry.expectations,
            generator_limit=parse_share(self._settings.generator_limit),
        )


def open_recorder(settings: Settings, ledger: Ledger, started_at: float, arguments: Sequence[str]) -> Recorder:
    """The recorder that the settings ask for, in a new folder.

    Args:
        started_at: wall clock, Unix seconds.
        arguments: the command line, without the program's name.

    Raises:
        RunError: the folder that `--output` names can not be written. Without that flag the run goes on without files,
            and says so.
    """
    command = command_text(["hls-swarm", *arguments])
    if settings.no_output:
        return Recorder(None, settings, ledger, started_at, command)
    try:
        if settings.output is not None:
            folder = Path(settings.output)
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = make_folder(Path(layout.DEFAULT_PARENT), started_at, settings.name)
        return Recorder(folder, settings, ledger, started_at, command)
    except OSError as error:
        if isinstance(error, FileExistsError) and Path(error.filename).name == layout.RUN:
            raise RunError(f"--output: another run writes into {settings.output}: name a new folder") from error
        words = (
            f"{error.filename or layout.DEFAULT_PARENT} can not be written: {(error.strerror or str(error)).lower()}"
        )
        if settings.output is not None:
            raise RunError(f"--output: {words}") from error
        _log.warning("no run folder: %s; --output FOLDER writes it elsewhere", words)
        return Recorder(None, settings, ledger, started_at, command)


def run_facts(settings: Settings, started_at: float, command: str) -> layout.RunFacts:
    """What was asked for, by what, on what."""
    process = psutil.Process()
    shown = settings.without_secrets()
    return layout.RunFacts(
        name=settings.name,
        url=shown.url,
        command=command,
        started_at=datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        settings=known(msgspec.to_builtins(shown)),
        machine=machine(),
        versions=versions(),
        pid=os.getpid(),
        process_started_at=process.create_time(),
        boot_id=boot_id(),
    )


def command_text(arguments: Sequence[str]) -> str:
    """A command line for a shell, without the values of headers and without users and passwords of URLs."""
    shown, is_header = [], False
    for argument in arguments:
        flag = _FLAG.fullmatch(argument)
        if is_header:
            shown.append(masked_header(argument))
        elif flag is None or flag["value"] is None:
            shown.append(masked_url(argument) if "://" in argument else argument)
        elif flag["name"].endswith("header"):
            shown.append(f"{flag['dashes']}{flag['name']}={masked_header(flag['value'])}")
        else:
            value = flag["value"]
            shown.append(f"{flag['dashes']}{flag['name']}={masked_url(value) if '://' in value else value}")
        is_header = not is_header and flag is not None and flag["value"] is None and flag["name"].endswith("header")
    return shlex.join(shown)


def make_folder(parent: Path, started_at: float, name: str) -> Path:
    """A new folder for a run that started then; a second one in the same second gets a number.

    Raises:
        OSError: it can not be made.
    """
    stem = layout.folder_name(datetime.fromtimestamp(started_at).astimezone(), name)
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, MOST_SAME_NAMES):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise RunError(f"{parent} has {MOST_SAME_NAMES} runs of this second: name another folder with --output")
