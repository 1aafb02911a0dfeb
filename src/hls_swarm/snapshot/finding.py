"""What a finding is: what happened and when, the figures that say so, whom it blames, what to do next.

Rules:

- Every sentence of a finding stands on atoms of evidence: one figure, what it was compared with, and over which time.
- A cause is what a counter or the answers themselves say; a limit is something that is used up or waited for, and may
  be the cause; a symptom is what viewers live through. A symptom blames nobody. A remark is wrong and stops no viewer
  of this run: it explains nothing of what they live through.
- Instants are seconds since the start of the run, as in the timeline.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import Unit


class Severity(StrEnum):
    """How bad it is for viewers."""

    NOTE = "note"  # nobody suffers from it yet
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The worse, the higher."""
        return list(Severity).index(self)


class Culprit(StrEnum):
    """Where to look first."""

    ORIGIN = "origin"
    PATH = "path"  # what lies between the origin and its viewers: links, shapers, proxies
    LIVE_SOURCE = "live source"  # encoder and packager
    PLAYLIST = "playlist"
    GENERATOR = "generator"
    COLLECTOR = "collector"  # of CMCD events, who is the user's own


class Standing(StrEnum):
    """What a finding says about the reason."""

    CAUSE = "cause"
    LIMIT = "limit"
    SYMPTOM = "symptom"
    REMARK = "remark"


class Voids(StrEnum):
    """What a finding takes from the run: what was measured then says nothing of the origin."""

    NOTHING = "nothing"
    ITS_TIME = "its time"
    THE_RUN = "the run"


class Comparison(StrEnum):
    """How a figure stands to its limit."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    RISEN = "risen"  # at least `limit` times what it was before
    FALLEN = "fallen"  # at most `limit` times what it was before


class Evidence(msgspec.Struct, frozen=True):
    """One figure that a finding stands on.

    Attributes:
        signal: name of the metric; of a signal of the origin with `origin_` before it.
        limit: what the figure was compared with; of `RISEN` and `FALLEN` the factor to `before`.
        from_seconds, to_seconds: the time that the figure is of.
        before: what it was before that time, where that was compared.
    """

    signal: str
    figure: float
    unit: Unit
    comparison: Comparison
    limit: float
    from_seconds: float
    to_seconds: float
    before: float | None = None

    @property
    def text(self) -> str:
        """For a person: the signal, its figure, and what it was compared with."""
        shown = f"{self.signal} {units.figure(self.figure, self.unit)}"
        if self.before is not None:
            return f"{shown}, before {units.figure(self.before, self.unit)}"
        return f"{shown} ({self.comparison.value} {units.figure(self.limit, self.unit)})"


class Interval(msgspec.Struct, frozen=True):
    """From when to when; None while it goes on."""

    from_seconds: float
    to_seconds: float | None = None

    def seconds(self, now: float) -> float:
        """How long it is, at the instant `now`."""
        return max(0.0, (now if self.to_seconds is None else self.to_seconds) - self.from_seconds)

    @property
    def text(self) -> str:
        """For a person: 0:12-0:26, or since 0:12."""
        begun = units.clock(self.from_seconds)
        return f"since {begun}" if self.to_seconds is None else f"{begun}-{units.clock(self.to_seconds)}"

    def overlaps(self, other: "Interval", lead: float = 0.0) -> bool:
        """Whether they have time in common; `lead` seconds after this one's end still count."""
        ends, others_end = self.to_seconds, other.to_seconds
        return (ends is None or ends + lead >= other.from_seconds) and (
            others_end is None or others_end >= self.from_seconds
        )


class Finding(msgspec.Struct, frozen=True):
    """One thing that a run found out.

    Attributes:
        rule: name of the rule that found it.
        where: the machine of the origin, the variant, the host or the group of viewers that it is of; empty for all.
        culprit: None of a symptom.
        intervals: when, in their order; of many the last ones are one.
        what: one line, with the figures when they were worst.
        evidence: behind these figures.
        next_step: what to do, one line.
        voids: what is void because of it.
        is_felt: whether viewers themselves meet it, in their play or in their requests.
        explains: rules whose findings at the same time are only what this one looks like.
    """

    rule: str
    where: str
    standing: Standing
    culprit: Culprit | None
    severity: Severity
    intervals: tuple[Interval, ...]
    what: str
    evidence: tuple[Evidence, ...]
    next_step: str
    voids: Voids = Voids.NOTHING
    is_felt: bool = False
    explains: tuple[str, ...] = ()

    @property
    def from_seconds(self) -> float:
        """When it was seen first."""
        return self.intervals[0].from_seconds

    @property
    def to_seconds(self) -> float | None:
        """When it was seen last; None while it goes on."""
        return self.intervals[-1].to_seconds

    @property
    def is_going_on(self) -> bool:
        """Whether it holds still."""
        return self.to_seconds is None

    @property
    def when(self) -> str:
        """For a person: its first interval, and how many more there are."""
        more = len(self.intervals) - 1
        return self.intervals[0].text + (f" and {more} more" if more else "")

    def seconds(self, now: float) -> float:
        """How long it held in all, at the instant `now`."""
        return sum(interval.seconds(now) for interval in self.intervals)


def voided(findings: Iterable[Finding]) -> tuple[Interval, ...]:
    """The time that is void because of them, in its order, without overlaps."""
    found = [i for finding in findings if finding.voids is not Voids.NOTHING for i in finding.intervals]
    out: list[Interval] = []
    for interval in sorted(found, key=lambda interval: interval.from_seconds):
        last = out[-1] if out else None
        if last is None or (last.to_seconds is not None and last.to_seconds < interval.from_seconds):
            out.append(interval)
        elif last.to_seconds is not None:
            end = None if interval.to_seconds is None else max(last.to_seconds, interval.to_seconds)
            out[-1] = Interval(last.from_seconds, end)
    return tuple(out)
