"""From families on a page to signals: the words in which the tables of the dialects are written.

Rules:

- A signal is one or more rows of a table: source families, filter, formula. The first row whose families the page
  carries gives the value; the rest are alternatives for exporters of another version.
- Counters become increases between two pages of the same source, and rates by the time between their arrivals. The
  first page gives none. A counter that went down was reset: that interval gives nothing for its signal, never a
  negative or a spike. A series that is new on the page counts from the next page on, as in Prometheus.
- What can not be told raises `NotKnown` with the reason. NaN and infinity are not values.
- A family that ends in `*` in front (`*_http_response_count_total`) stands for every family with that ending: exporters
  whose operator chooses the first part of the names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite

import msgspec

from hls_swarm.origin.devices import counted_network_devices, whole_disks
from hls_swarm.origin.exposition import Page, Series
from hls_swarm.stats.origin_metrics import BucketCounts, SignalInfo, Unknown, WhyUnknown
from hls_swarm.stats.origin_signals import SIGNALS

Samples = list[tuple[Series, float]]

FIRST_SCRAPE = Unknown(WhyUnknown.FIRST_SCRAPE, "a rate needs two scrapes")
COUNTER_RESET = Unknown(WhyUnknown.COUNTER_RESET, "a counter was reset: this interval is skipped")
NOTHING_HAPPENED = Unknown(WhyUnknown.NOTHING_HAPPENED, "nothing to measure in this interval")
NO_TIME_PASSED = Unknown(WhyUnknown.NO_TIME_PASSED, "two scrapes at the same instant")
NOT_A_NUMBER = Unknown(WhyUnknown.NOT_A_NUMBER, "the exporter gives no number")
NOT_MERGEABLE = Unknown(WhyUnknown.NOT_MERGEABLE, "quantiles of several summaries can not be merged")


class NotKnown(Exception):  # noqa: N818 (not an error: the answer of a formula)
    """A formula's answer when there is no value."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.text)
        self.unknown = unknown


class Interval:
    """Two pages of one source and the time between their arrivals; the earlier one is missing at first.

    Args:
        interfaces: network devices that count; empty is automatic.
    """

    def __init__(
        self,
        page: Page,
        at: float,
        before: Page | None = None,
        before_at: float = 0.0,
        interfaces: frozenset[str] = frozenset(),
    ) -> None:
        self._page, self._at, self._before, self._before_at = page, at, before, before_at
        self._interfaces = interfaces
        self._increases: dict[str, Samples] = {}

    @property
    def seconds(self) -> float:
        """Time between the two pages.

        Raises:
            NotKnown: there is one page only, or no time passed.
        """
        if self._before is None:
            raise NotKnown(FIRST_SCRAPE)
        seconds = self._at - self._before_at
        if seconds <= 0:
            raise NotKnown(NO_TIME_PASSED)
        return seconds

    @cached_property
    def network_devices(self) -> frozenset[str]:
        """The network devices that count on this page."""
        return counted_network_devices(self._page, self._interfaces)

    @cached_property
    def disks(self) -> frozenset[str]:
        """The whole disks on this page."""
        return whole_disks(series.label("device") for series, _ in self.samples("node_disk_read_bytes_total"))

    def carries(self, family: str) -> bool:
        """Whether the page has a sample of a family."""
        return bool(_samples(self._page, family))

    def samples(self, family: str) -> Samples:
        """The samples of a family on the later page; none if it is not there."""
        return _samples(self._page, family)

    def increases(self, family: str) -> Samples:
        """By how much each counter of a family grew; a counter that is new on the page is left out.

        A counter that went down has an increase of minus infinity, so that who does not look at it need not care.

        Raises:
            NotKnown: there is no earlier page, or none of these counters was on it.
        """
        grown = self._increases.get(family)
        if grown is None:
            if self._before is None:
                raise NotKnown(FIRST_SCRAPE)
            earlier = {series.key: value for series, value in _samples(self._before, family)}
            grown = []
            for series, value in _samples(self._page, family):
                was = earlier.get(series.key)
                if was is not None:
                    grown.append((series, value - was if value >= was else -inf))
            self._increases[family] = grown
        return grown


def _samples(page: Page, family: str) -> Samples:
    if not family.startswith("*"):
        return page.by_name.get(family, [])
    ending = family[1:]
    return [sample for name, samples in page.by_name.items() if name.endswith(ending) for sample in samples]


Filter = Callable[[Series, Interval], bool]


def every_series(series: Series, interval: Interval) -> bool:  # noqa: ARG001 (a filter that looks at nothing)
    """No filter."""
    return True


def label_in(name: str, *values: str) -> Filter:
    """Series with one of these values of a label."""
    wanted = frozenset(values)
    return lambda series, interval: series.label(name) in wanted  # noqa: ARG005


def label_not_in(name: str, *values: str) -> Filter:
    """Series with none of these values of a label."""
    unwanted = frozenset(values)
    return lambda series, interval: series.label(name) not in unwanted  # noqa: ARG005


def label_starts(name: str, prefix: str) -> Filter:
    """Series whose label starts so: `5` for the status class of 503 and of 5xx."""
    return lambda series, interval: series.label(name).startswith(prefix)  # noqa: ARG005


def both(first: Filter, second: Filter) -> Filter:
    """Series that pass two filters."""
    return lambda series, interval: first(series, interval) and second(series, interval)


def counted_device(series: Series, interval: Interval) -> bool:
    """Series of a network device whose bytes count."""
    return series.label("device") in interval.network_devices


def whole_disk(series: Series, interval: Interval) -> bool:
    """Series of a whole disk."""
    return series.label("device") in interval.disks


@dataclass(frozen=True)
class Inputs:
    """What a formula sees: the row's families, filtered, over one interval. Families are numbered as in the row."""

    interval: Interval
    families: tuple[str, ...]
    where: Filter

    @property
    def seconds(self) -> float:
        """Time between the two pages; see `Interval.seconds`."""
        return self.interval.seconds

    def values(self, nth: int = 0) -> Samples:
        """Gauges of a family.

        Raises:
            NotKnown: the filter leaves none, or one is not a finite number.
        """
        samples = self._filtered(self.interval.samples(self.families[nth]))
        if not samples:
            raise NotKnown(_not_exported(self.families[nth]))
        if not all(isfinite(value) for _, value in samples):
            raise NotKnown(NOT_A_NUMBER)
        return samples

    def total(self, nth: int = 0) -> float:
        """Sum of the gauges of a family."""
        return sum(value for _, value in self.values(nth))

    def increases(self, nth: int = 0, where: Filter | None = None) -> Samples:
        """Increases of the counters of a family.

        Raises:
            NotKnown: the filter leaves none, one was reset, or there is no earlier page with them.
        """
        family = self.families[nth]
        samples = self._filtered(self.interval.samples(family))
        if not samples:
            raise NotKnown(_not_exported(family))
        grown = self._filtered(self.interval.increases(family))
        if where is not None:
            grown = [(series, value) for series, value in grown if where(series, self.interval)]
        elif not grown:
            raise NotKnown(FIRST_SCRAPE)
        for _, value in grown:
            if not isfinite(value):
                raise NotKnown(COUNTER_RESET if value == -inf else NOT_A_NUMBER)
        return grown

    def increase(self, nth: int = 0, where: Filter | None = None) -> float:
        """Sum of the increases of the counters of a family."""
        return sum(value for _, value in self.increases(nth, where))

    def bucket_increase(self, nth: int = 0) -> BucketCounts:
        """What the histograms of a family counted in the interval, all series in one; the family without `_bucket`.

        Raises:
            NotKnown: as `increases`, or a bound is not a number.
        """
        return _bucket_increase(self.interval, self.families[nth], self.where)

    def _filtered(self, samples: Samples) -> Samples:
        if self.where is every_series:
            return samples
        return [(series, value) for series, value in samples if self.where(series, self.interval)]


def _bucket_increase(interval: Interval, family: str, where: Filter) -> BucketCounts:
    inputs = Inputs(interval, (f"{family}_bucket",), where)
    by_bound: dict[float, float] = {}
    for series, value in inputs.increases():
        try:
            bound = float(series.label("le"))
        except ValueError:
            raise NotKnown(NOT_A_NUMBER) from None
        by_bound[bound] = by_bound.get(bound, 0.0) + value
    bounds = tuple(sorted(by_bound))
    return BucketCounts(bounds, tuple(by_bound[bound] for bound in bounds))


def _not_exported(family: str) -> Unknown:
    return Unknown(WhyUnknown.NOT_EXPORTED, f"no {family.lstrip('*_')} on the page")


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
        return _bucket_increase(interval, self.family, self.where)


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
    up_signal: str = ""
    histograms: tuple[HistogramRow, ...] = ()
    how_to_get: Mapping[str, str] = field(default_factory=dict)

    def is_spoken_on(self, page: Page) -> bool:
        """Whether a page is of this dialect."""
        return any(_samples(page, sign) for sign in self.signs)

    def server_is_down(self, interval: Interval) -> bool:
        """Whether the exporter answers and the server behind it does not."""
        if self.up and any(value == 0 for _, value in interval.samples(self.up)):
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
        if name in found and not _is_absent(found[name]):
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
            found[name] = Answer(row.answer(interval), note=row.note)
        except NotKnown as answer:
            found[name] = Answer(unknown=answer.unknown)
    return found


def _is_absent(answer: Answer) -> bool:
    return answer.unknown is not None and answer.unknown.why is WhyUnknown.NOT_EXPORTED


def _carries(interval: Interval, family: str) -> bool:
    return interval.carries(family) or interval.carries(f"{family}_bucket")


def row(name: str, *families: str, by: Formula, where: Filter = every_series, note: str = "") -> Row:
    """A row of a dialect's table; `name` is one of `SIGNALS`."""
    return Row(SIGNALS[name], families, by, where, note)


def gauge(inputs: Inputs) -> float:
    """Sum of the gauges."""
    return inputs.total()


def sum_of_gauges(inputs: Inputs) -> float:
    """Sum of the gauges of all families."""
    return sum(inputs.total(nth) for nth in range(len(inputs.families)))


def rate(inputs: Inputs) -> float:
    """Increase a second."""
    return inputs.increase() / inputs.seconds


def rate_or_zero(inputs: Inputs) -> float:
    """Increase a second of what may have no series yet, such as a status class nobody was answered with.

    The family is on the page, and the filter leaves nothing: nothing of the kind was counted.
    """
    if not any(inputs.where(series, inputs.interval) for series, _ in inputs.interval.samples(inputs.families[0])):
        if not inputs.seconds:
            raise NotKnown(NO_TIME_PASSED)
        return 0.0
    return rate(inputs)


def difference_rate(inputs: Inputs) -> float:
    """Increase a second of the first family less that of the second, not below 0."""
    return max(0.0, inputs.increase(0) - inputs.increase(1)) / inputs.seconds


def label_difference(name: str, more: str, less: str) -> Formula:
    """Increase a second of the series with one value of a label, less that of those with another, not below 0."""
    first, second = label_in(name, more), label_in(name, less)

    def difference(inputs: Inputs) -> float:
        more_grown, less_grown = inputs.increases(where=first), inputs.increases(where=second)
        if not more_grown or not less_grown:
            raise NotKnown(FIRST_SCRAPE)
        return max(0.0, sum(n for _, n in more_grown) - sum(n for _, n in less_grown)) / inputs.seconds

    return difference


def share_of_time(inputs: Inputs) -> float:
    """Percent of the interval that a counter of seconds grew by."""
    return min(100.0, 100 * inputs.increase() / inputs.seconds)


def increase_ratio(inputs: Inputs) -> float:
    """Increase of the first family by that of the second."""
    over = inputs.increase(1)
    if over <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return inputs.increase(0) / over


def gauge_percent(inputs: Inputs) -> float:
    """First gauge in percent of the second."""
    whole = inputs.total(1)
    if whole <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return 100 * inputs.total(0) / whole


def share_where(part: Filter) -> Formula:
    """Increase of the series that pass `part`, of the increase of all: 0 to 1."""

    def share(inputs: Inputs) -> float:
        whole = inputs.increase()
        if whole <= 0:
            raise NotKnown(NOTHING_HAPPENED)
        return inputs.increase(where=part) / whole

    return share


def quantile(q: float) -> Formula:
    """`histogram_quantile` of Prometheus over the increase of the buckets."""

    def quantile_of(inputs: Inputs) -> float:
        value = inputs.bucket_increase().quantile(q)
        if value is None:
            raise NotKnown(NOTHING_HAPPENED)
        return value

    return quantile_of


def summary_quantile(q: str) -> Formula:
    """A summary's own quantile, if there is one summary: quantiles of several can not be merged."""

    def quantile_of(inputs: Inputs) -> float:
        values = [(series, value) for series, value in inputs.interval.samples(inputs.families[0])]
        values = [one for one in values if inputs.where(one[0], inputs.interval) and one[0].label("quantile") == q]
        if not values:
            raise NotKnown(_not_exported(f'{inputs.families[0]}{{quantile="{q}"}}'))
        if len(values) > 1:
            raise NotKnown(NOT_MERGEABLE)
        if not isfinite(values[0][1]):
            raise NotKnown(NOTHING_HAPPENED)
        return values[0][1]

    return quantile_of
