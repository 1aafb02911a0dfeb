"""Signals as tables: one row says how one dialect carries one signal.

A signal is one or more rows of a table: source families, filter, formula. The first row whose families the page carries
gives the value; the rest are alternatives for exporters of another version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

import msgspec

from hls_swarm.origin.exposition.parser import Page
from hls_swarm.origin.interval import (
    NOT_A_NUMBER,
    Filter,
    Inputs,
    Interval,
    NotKnown,
    bucket_increase_of,
    counted_device,
    every_series,
    samples_of,
)
from hls_swarm.snapshot.origin.metrics import BucketCounts, SignalInfo, Unknown, WhyUnknown
from hls_swarm.snapshot.origin.signals import SIGNALS

Formula = Callable[[Inputs], float]


@dataclass(frozen=True)
class Row:
    """How one dialect carries one signal.

    Attributes:
        families: all of them must be on the page for the row to apply.
        note: what a person must know to read the value right.
    """

    signal: SignalInfo
    families: tuple[str, ...]
    formula: Formula
    where: Filter = every_series
    note: str = ""

    def answer(self, interval: Interval) -> float:
        """The signal's value.

        Raises:
            NotKnown: there is none, and why.
        """
        value = self.formula(Inputs(interval, self.families, self.where))
        if not isfinite(value):
            raise NotKnown(NOT_A_NUMBER)
        return value


@dataclass(frozen=True)
class HistogramRow:
    """A histogram whose counts are kept over the whole run: its name, without a quantile, and its family."""

    name: str
    family: str
    where: Filter = every_series

    def increase(self, interval: Interval) -> BucketCounts:
        """What it counted in the interval.

        Raises:
            NotKnown: that can not be told.
        """
        return bucket_increase_of(interval, self.family, self.where)


@dataclass(frozen=True)
class Dialect:
    """One exporter's way to speak.

    Attributes:
        name: for a person.
        signs: families by one of which a page is recognised.
        rows: in any order; several of one signal are alternatives.
        up: the gauge that says 0 when the server behind the exporter is down.
        always: a family that is on the page as long as the server runs.
        server: what is down then, for a person.
        asked: what of it the exporter asks, where a server that is out of connections refuses that, too.
        outlives: whether what the page says does not come from the server, but from its log: only what is not on the
            page is unknown then.
        up_signal: the signal that says whether it is; without `up` and `always` a page that answers means it is not.
        histograms: kept over the run.
        how_to_get: by signal name, one line on how to have what this dialect does not carry.
    """

    name: str
    signs: tuple[str, ...]
    rows: tuple[Row, ...]
    up: str = ""
    always: str = ""
    server: str = ""
    asked: str = ""
    outlives: bool = False
    up_signal: str = ""
    histograms: tuple[HistogramRow, ...] = ()
    how_to_get: Mapping[str, str] = field(default_factory=dict)

    def is_spoken_on(self, page: Page) -> bool:
        """Whether a page is of this dialect."""
        return any(samples_of(page, sign) for sign in self.signs)

    @property
    def down(self) -> str:
        """What to say of a server that does not answer its exporter."""
        return f"{self.server} refuses {self.asked}" if self.asked else f"{self.server} is down"

    def server_is_down(self, interval: Interval) -> bool:
        """Whether the exporter answers and the server behind it does not."""
        if self.up and interval.has_zero(self.up):
            return True
        return bool(self.always) and not interval.carries(self.always)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A signal's value on one page, or why there is none."""

    value: float | None = None
    unknown: Unknown | None = None
    note: str = ""


def answers(dialect: Dialect, interval: Interval) -> dict[str, Answer]:
    """Every signal of a dialect, by name: the first row of it whose families are on the page decides."""
    found: dict[str, Answer] = {}
    for row in dialect.rows:
        name = row.signal.name
        if name in found and not is_absent(found[name]):
            continue
        missing = [family for family in row.families if not _carries(interval, family)]
        if missing:
            unknown = Unknown(
                WhyUnknown.NOT_EXPORTED,
                f"no {missing[0].lstrip('*_')} on the page",
                dialect.how_to_get.get(name, ""),
            )
            found.setdefault(name, Answer(unknown=unknown))
            continue
        try:
            found[name] = Answer(row.answer(interval), note=row.note or _note_of(row, interval))
        except NotKnown as answer:
            unknown = answer.unknown
            if unknown.why is WhyUnknown.NOT_EXPORTED and not unknown.how_to_get:
                unknown = Unknown(unknown.why, unknown.text, dialect.how_to_get.get(name, ""))
            found[name] = Answer(unknown=unknown)
    return found


def _note_of(row: Row, interval: Interval) -> str:
    counts = row.where is counted_device and interval.load_device
    return f"with {interval.load_device}, over which the load comes" if counts else ""


def is_absent(answer: Answer) -> bool:
    """Whether a signal has no value because the page does not carry it."""
    return answer.unknown is not None and answer.unknown.why in {WhyUnknown.NOT_EXPORTED, WhyUnknown.HIDDEN}


def _carries(interval: Interval, family: str) -> bool:
    return interval.carries(family) or interval.carries(f"{family}_bucket")


def row(name: str, *families: str, by: Formula, where: Filter = every_series, note: str = "") -> Row:
    """A row of a dialect's table; `name` is one of `SIGNALS`."""
    return Row(SIGNALS[name], families, by, where, note)
