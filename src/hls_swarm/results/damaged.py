"""The files of a run as far as they can be read: each gives what it says, and tells what of it is damaged.

Rules:

- A file that is missing is no damage here: a run that broke off has not written all of them. One that is there and says
  nothing is.
- A last line that is cut is none either: that is what a crash leaves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hls_swarm.errors import RunError
from hls_swarm.foreign import visible
from hls_swarm.judge.events import Event
from hls_swarm.judge.thresholds import WindowName
from hls_swarm.results import layout
from hls_swarm.results.salvage import Lost, UnusableError, amount, number, table_of
from hls_swarm.results.shapes import EVENT, FACTS, SUMMARY
from hls_swarm.stats.histogram import BUCKETS_PER_OCTAVE, Histogram

MOST_FILE_BYTES = 256 << 20
"""Of a file that is one JSON object: a hundred times what the largest run writes."""
MOST_LINE_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20
_MOST_OCTAVES = 128
"""Powers of two that a histogram's buckets may be away from 1: nothing that is measured is so small, or so large."""
_LARGEST = 1e18
_NUMBERS = (int, float)
_JSON = msgspec.json.Decoder()


@dataclass(frozen=True)
class Damage:
    """What could not be read, in words."""

    texts: list[str] = field(default_factory=list)

    def add(self, path: Path, text: str) -> None:
        """One more thing about this file."""
        self.texts.append(f"{path.name} {text}")


@dataclass(frozen=True)
class Facts:
    """`run.json`: what is not known is empty.

    Args:
        values: all of them, as the file has them.
        pid: 0 if it is not known.
    """

    values: Mapping[str, Any]
    pid: int
    process_started_at: float
    boot_id: str


@dataclass(frozen=True)
class Judged:
    """See `layout.Judged`."""

    window: WindowName = WindowName.RUN
    seconds: float = 0.0
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    ratios: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What `state.json` and `summary.json` say; the summary is empty if neither can be read."""

    finished: bool
    summary: Mapping[str, Any]
    judged: Judged
    distributions: Mapping[str, Histogram] = field(default_factory=dict)


def facts_of(folder: Path, damage: Damage) -> Facts:
    """What was asked for, of what, by what.

    Raises:
        RunError: it is no run folder, or of a version that is not known.
    """
    path = folder / layout.RUN
    if not folder.is_dir():
        raise RunError(f"{visible(str(folder))}: there is no such run")
    given = object_of(path, damage)
    if given is None:
        if not path.exists():
            raise RunError(f"{visible(str(folder))} is no run folder: it has no {layout.RUN}")
        given = {}
    elif given.get("schema", layout.RUN_SCHEMA) != layout.RUN_SCHEMA:
        schema = visible(repr(given["schema"])[:100])
        raise RunError(f"{visible(str(folder))}: {layout.RUN} is {schema}, this version reads {layout.RUN_SCHEMA}")
    empty: dict[str, Any] = dict.fromkeys(("name", "url", "command", "started_at", "boot_id"), "")
    empty |= {"settings": {}, "machine": {}, "versions": {}, "pid": 0, "process_started_at": 0.0}
    values = empty | _salvaged(FACTS, given, path, damage)
    pid = values["pid"] if values["pid"] < 1 << 31 else 0
    return Facts(values, pid, values["process_started_at"], values["boot_id"])


def state_of(folder: Path, damage: Damage) -> State:
    """The summary and what it was made of; the summary of the end where the state can not be read."""
    path = folder / layout.STATE
    given = object_of(path, damage)
    if given is not None and given.get("schema", layout.STATE_SCHEMA) != layout.STATE_SCHEMA:
        damage.add(path, f"is of another version ({visible(repr(given['schema'])[:100])})")
        given = None
    summary = {} if given is None else _salvaged(SUMMARY, given.get("summary", {}), path, damage)
    finished = given is not None and given.get("finished") is True
    if not summary:
        summary = object_of(folder / layout.SUMMARY, damage) or {}
        summary = _salvaged(SUMMARY, summary, folder / layout.SUMMARY, damage)
        finished = finished or bool(summary)
    if given is None:
        return State(finished, summary, Judged())
    lost = Lost([])
    distributions = _histograms(given.get("distributions"), lost)
    if lost.names:
        damage.add(path, f"is damaged: {lost.text}")
    return State(finished, summary, judged_of(given.get("judged"), path, damage), distributions)


def judged_of(given: Any, path: Path, damage: Damage) -> Judged:
    """The part that is judged; a histogram that contradicts itself is left out."""
    if not isinstance(given, dict):
        damage.add(path, "has no histograms that can be read")
        return Judged()
    lost = Lost([])
    histograms = _histograms(given.get("histograms"), lost)
    try:
        ratios = table_of(number)(given.get("ratios", {}), "ratios", lost)
    except UnusableError:
        ratios = {}
        lost.add("ratios")
    try:
        window, seconds = WindowName(given["window"]), float(amount(given["seconds"], "seconds", lost))
    except (KeyError, TypeError, ValueError):
        window, seconds = WindowName.RUN, 0.0
        lost.add("window")
    if lost.names:
        damage.add(path, f"is damaged: {lost.text}")
    return Judged(window, seconds, histograms, ratios)


def rows_of(path: Path, damage: Damage) -> tuple[Mapping[str, Any], ...]:
    """The timeline: the cells that can be read of the rows that say of when they are."""
    rows, cells = [], 0
    for line in _lines(path, damage):
        at = line.get("elapsed_seconds")
        if at is None or not _is_number(at) or at < 0:
            cells += 1
            continue
        # Written out, for a long run has millions of cells; what is no number compares as false.
        row = {name: cell for name, cell in line.items() if type(cell) in _NUMBERS and -_LARGEST < cell < _LARGEST}
        if isinstance(phase := line.get("phase"), str):
            row["phase"] = phase
        cells += len(line) - len(row)
        rows.append(row)
    if cells:
        damage.add(path, f"has {cells} values that are no numbers")
    return tuple(sorted(rows, key=lambda row: row["elapsed_seconds"]))


def events_of(path: Path, damage: Damage) -> tuple[Event, ...]:
    """The events of the kinds that this version knows."""
    events, bad = [], 0
    for line in _lines(path, damage):
        try:
            events.append(msgspec.convert(EVENT(line, "", Lost([])), Event))
        except UnusableError:
            bad += 1
        except (msgspec.ValidationError, OverflowError):  # of a kind that a newer version knows
            continue
    if bad:
        damage.add(path, f"has {bad} lines that are no events")
    return tuple(events)


def object_of(path: Path, damage: Damage) -> dict[str, Any] | None:
    """The one JSON object of a file; None if there is none that can be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        damage.add(path, f"can not be read: {(error.strerror or str(error)).lower()}")
        return None
    if len(content) > MOST_FILE_BYTES:
        damage.add(path, f"is over {MOST_FILE_BYTES >> 20} MiB: no run writes so much")
        return None
    if not content.strip(b" \t\r\n\0"):
        damage.add(path, "is empty")
        return None
    try:
        content.decode()
    except UnicodeDecodeError as error:
        damage.add(path, f"is damaged: byte {error.start} is not UTF-8")
        content = content.decode(errors="replace").encode()
    try:
        value = _JSON.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        damage.add(path, f"is damaged: {visible(str(error))[:200]}")
        return None
    if not isinstance(value, dict):
        damage.add(path, "is damaged: it is no object")
        return None
    return value


def _salvaged(shape: Any, given: Any, path: Path, damage: Damage) -> dict[str, Any]:
    lost = Lost([])
    try:
        kept: dict[str, Any] = shape(given, "", lost)
    except UnusableError:
        damage.add(path, "is damaged: it is no object")
        return {}
    if lost.names:
        damage.add(path, f"is damaged: {visible(lost.text)[:500]}")
    return kept


def _lines(path: Path, damage: Damage) -> Iterator[dict[str, Any]]:
    """Each whole line; those that are damaged are passed over, and counted."""
    bad = long = 0
    for line, is_last in _pieces(path, damage):
        if len(line) > MOST_LINE_BYTES:
            long += 1
            continue
        if not line.strip():
            continue
        try:
            value = _JSON.decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError):
            bad += not is_last
            continue
        if isinstance(value, dict):
            yield value
        else:
            bad += 1
    if bad:
        damage.add(path, f"is damaged: {bad} lines are passed over" if bad > 1 else "is damaged: a line is passed over")
    if long:
        damage.add(path, f"has {long} lines of over {MOST_LINE_BYTES >> 20} MiB, which are passed over")


def _pieces(path: Path, damage: Damage) -> Iterator[tuple[bytes, bool]]:
    """Each line, and whether it is one without an end; of a long one as much as says that it is too long."""
    pending = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                *whole, pending = (pending + piece).split(b"\n")
                for line in whole:
                    yield line, False
                if len(pending) > MOST_LINE_BYTES:
                    pending = pending[: MOST_LINE_BYTES + 1]
    except FileNotFoundError:
        return
    except OSError as error:
        damage.add(path, f"can not be read: {(error.strerror or str(error)).lower()}")
    if pending:
        yield pending, True


def _histograms(given: Any, lost: Lost) -> dict[str, Histogram]:
    """By name of the metric, those that can be read."""
    histograms = {}
    for name, each in given.items() if isinstance(given, dict) else ():
        histogram = _histogram(each)
        if histogram is None:
            lost.add(f"histogram {visible(name)[:100]}")
        else:
            histograms[name] = histogram
    return histograms


def _histogram(given: Any) -> Histogram | None:
    """None if it is none, or if its counts contradict each other."""
    try:
        made = msgspec.convert(given, Histogram, strict=False)
    except (msgspec.ValidationError, OverflowError):
        return None
    edge = _MOST_OCTAVES * BUCKETS_PER_OCTAVE
    counts = [made.zeros, *made.buckets.values()]
    if min(counts) < 0 or sum(counts) != made.count or any(abs(index) > edge for index in made.buckets):
        return None
    if made.count == 0:
        return Histogram()
    ends = (made.least, made.greatest, made.total)
    return made if all(_is_number(end) for end in ends) else None


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS and -_LARGEST < value < _LARGEST  # which nothing that is not finite is
