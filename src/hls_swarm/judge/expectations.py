"""What is expected of every run: that its viewers could watch.

Rules:

- Each expectation is a share that may be so much at most; it is of the whole run without what the generator made void.
- All of them apply, unless switched off by name, or all together. A threshold on the figure that an expectation is of
  says the same thing more exactly: it judges in its place, unless the expectation was named too.
- What is not known breaks no expectation: a stream without live playlists has none that could be stale.
- They are the same for every output: this table is what each of them shows.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType

from hls_swarm.judge.window import Window
from hls_swarm.settings.spellings import parse_share
from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Finding, Interval, voided
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.snapshot import Snapshot

_LINE = re.compile(r"\s*(?P<name>[A-Za-z_-]+)\s*=\s*(?P<value>\S+)\s*")
OFF = "off"

MEDIA_RULES = frozenset({"empty-media", "cut-media", "wrong-media", "bad-keys"})
"""Findings that say that media is not what a player needs."""
PLAYLIST_RULES = frozenset({"stale-playlists", "bad-playlists"})


class ExpectationError(ValueError):
    """An expectation that can not be read; the text is for a person."""


@dataclass(frozen=True)
class Facts:
    """What expectations are held against.

    Args:
        sound: the seconds of the run that are not void.
        snapshot: the newest.
    """

    sound: Window
    snapshot: Snapshot


@dataclass(frozen=True)
class Expectation:
    """One of them.

    Args:
        what: the share that it is of, in words.
        limit: that share at most.
        metric: a threshold on it judges in its place; empty: no metric is of the same figure.
    """

    name: str
    what: str
    limit: float
    read: Callable[[Facts], float | None]
    metric: str = ""

    @property
    def text(self) -> str:
        """As it is written with `--expect`."""
        return f"{self.name}={100 * self.limit:g}%"


@dataclass(frozen=True)
class ExpectationResult:
    """What came of one expectation.

    Args:
        value: None if it is not known.
        reason: why it did not hold, in words; empty for one that held.
    """

    expectation: Expectation
    value: float | None
    held: bool
    reason: str


def _failed_viewers(facts: Facts) -> float | None:
    failed, started = facts.sound.count("viewers_failed"), facts.snapshot.viewers.started
    return None if failed is None or not started else failed / started


def _share_of_time(rules: frozenset[str]) -> Callable[[Facts], float | None]:
    """The time in which one of these findings held, by the time of the run."""

    def share(facts: Facts) -> float | None:
        snapshot = facts.snapshot
        if not facts.sound.seconds:
            return None
        found = [finding for finding in snapshot.findings if finding.rule in rules]
        void = voided(snapshot.findings)
        return min(1.0, _seconds(found, void, snapshot.elapsed_seconds) / facts.sound.seconds)

    return share


DEFAULTS: tuple[Expectation, ...] = (
    Expectation("viewers", "viewers that failed", 0.0, _failed_viewers, "viewers_failed"),
    Expectation("errors", "requests that failed", 0.01, lambda facts: facts.sound.rate("errors"), "errors"),
    Expectation(
        "rebuffering",
        "stalled time of the viewers",
        0.01,
        lambda facts: facts.sound.ratio("rebuffering_ratio"),
        "rebuffering_ratio",
    ),
    Expectation("media", "time with media that no player can use", 0.01, _share_of_time(MEDIA_RULES)),
    Expectation("playlists", "time with playlists that are stale or unreadable", 0.01, _share_of_time(PLAYLIST_RULES)),
)
_BY_NAME: Mapping[str, Expectation] = MappingProxyType({each.name: each for each in DEFAULTS})


def expectations(
    lines: Sequence[str], *, thresholds: Iterable[str] = (), none: bool = False
) -> tuple[Expectation, ...]:
    """Those that apply to a run.

    Args:
        lines: what was named, `errors=2%` or `rebuffering=off`.
        thresholds: the metrics that the run has thresholds on.
        none: whether none are wanted.

    Raises:
        ExpectationError: in words for a person.
    """
    named = dict(_parsed(line) for line in lines)
    if none:
        return ()
    judged = set(thresholds)
    applied = [each for each in DEFAULTS if each.name in named or each.metric not in judged]
    changed = [(each, named.get(each.name, each.limit)) for each in applied]
    return tuple(replace(each, limit=limit) for each, limit in changed if limit is not None)


def judge_expectations(applied: Iterable[Expectation], facts: Facts) -> tuple[ExpectationResult, ...]:
    """What came of each."""
    return tuple(_judge(expectation, facts) for expectation in applied)


def _judge(expectation: Expectation, facts: Facts) -> ExpectationResult:
    value = expectation.read(facts)
    held = value is None or value <= expectation.limit
    reason = ""
    if not held:
        figure, limit = units.figure(value, Unit.RATIO), units.figure(expectation.limit, Unit.RATIO)
        reason = f"{expectation.what}: {figure}, expected at most {limit}"
    return ExpectationResult(expectation, value, held, reason)


def _parsed(line: str) -> tuple[str, float | None]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ExpectationError(f"{line!r} is no expectation: write it like errors=2% or rebuffering=off")
    name, value = found["name"], found["value"]
    if name not in _BY_NAME:
        near = get_close_matches(name, _BY_NAME, n=1)
        more = f": did you mean {near[0]}?" if near else f": there are {', '.join(_BY_NAME)}"
        raise ExpectationError(f"there is no expectation {name}{more}")
    try:
        return name, None if value == OFF else parse_share(value)
    except ValueError as error:
        raise ExpectationError(str(error)) from None


def _seconds(findings: Iterable[Finding], void: Sequence[Interval], now: float) -> float:
    """How long one of the findings held, without what is void."""
    held = _merged([interval for finding in findings for interval in finding.intervals], now)
    lost = _merged(void, now)
    overlap = sum(max(0.0, min(end, ends) - max(begin, begins)) for begin, end in held for begins, ends in lost)
    return sum(end - begin for begin, end in held) - overlap


def _merged(intervals: Iterable[Interval], now: float) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for interval in sorted(intervals, key=lambda interval: interval.from_seconds):
        begin, end = interval.from_seconds, now if interval.to_seconds is None else interval.to_seconds
        if out and out[-1][1] >= begin:
            out[-1] = out[-1][0], max(out[-1][1], end)
        else:
            out.append((begin, end))
    return out
