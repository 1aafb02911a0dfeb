"""What a formula sees: the families of one source over the time between two of its pages.

Rules:

- Counters become increases between two pages of the same source, and rates by the time between their arrivals. The
  first page gives none. A counter that went down was reset: that interval gives nothing for its signal, never a
  negative or a spike. A series that is new on the page counts from the next page on, as in Prometheus.
- A series that stands on a page twice counts once if both have the same value, else what it is can not be told.
- What can not be told raises `NotKnown` with the reason. NaN and infinity are not values.
- A family with `*` in front (`*_http_response_count_total`) stands for every family with that ending: exporters
  whose operator chooses the first part of the names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite

from hls_swarm.origin.dialects.devices import LocalLoad, counted_network_devices, whole_disks
from hls_swarm.origin.exposition.parser import Page, Series
from hls_swarm.snapshot.origin.metrics import BucketCounts, Unknown, WhyUnknown

Samples = list[tuple[Series, float]]

FIRST_SCRAPE = Unknown(WhyUnknown.FIRST_SCRAPE, "a rate needs two scrapes")
COUNTER_RESET = Unknown(WhyUnknown.COUNTER_RESET, "a counter was reset: this interval is skipped")
NOTHING_HAPPENED = Unknown(WhyUnknown.NOTHING_HAPPENED, "nothing to measure in this interval")
NO_TIME_PASSED = Unknown(WhyUnknown.NO_TIME_PASSED, "two scrapes at the same instant")
NOT_A_NUMBER = Unknown(WhyUnknown.NOT_A_NUMBER, "the exporter gives no number")
TWICE = Unknown(WhyUnknown.TWICE, "a series stands on the page twice, with two values")
NOT_MERGEABLE = Unknown(WhyUnknown.NOT_MERGEABLE, "quantiles of several summaries can not be merged")


_SHOW_LOOPBACK = "start node_exporter with --collector.netdev.device-exclude='^$'"


class NotKnown(Exception):  # noqa: N818 (not an error: the answer of a formula)
    """A formula's answer when there is no value."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.text)
        self.unknown = unknown


class Interval:
    """Two pages of one source and the time between their arrivals; the earlier one is missing at first.

    Args:
        interfaces: network devices that count; empty is automatic.
        load: that the load comes from the same machine; None: from elsewhere.
    """

    def __init__(
        self,
        page: Page,
        at: float,
        before: Page | None = None,
        before_at: float = 0.0,
        interfaces: frozenset[str] = frozenset(),
        load: LocalLoad | None = None,
    ) -> None:
        self._page, self._at, self._before, self._before_at = page, at, before, before_at
        self._interfaces = interfaces
        self._load = None if interfaces or load is None or not load.is_seen_by(page) else load
        self._increases: dict[str, Samples] = {}
        self._once: dict[str, _ByKey] = {}

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
        return counted_network_devices(self._page, self._interfaces, self._before, self._load)

    @property
    def load_device(self) -> str:
        """The device of this machine that the load comes over and that counts for that; empty if it comes otherwise."""
        return "" if self._load is None else self._load.device

    @cached_property
    def disks(self) -> frozenset[str]:
        """The whole disks on this page."""
        return whole_disks(series.label("device") for series, _ in self.samples("node_disk_read_bytes_total"))

    def carries(self, family: str) -> bool:
        """Whether the page has a sample of a family."""
        return bool(samples_of(self._page, family))

    def has_zero(self, family: str) -> bool:
        """Whether a flag of a family is 0 on the later page."""
        return any(value == 0 for _, value in samples_of(self._page, family))

    def samples(self, family: str) -> Samples:
        """The samples of a family on the later page, each series once; none if it is not there.

        Raises:
            NotKnown: one stands there twice with different values.
        """
        return list(self._each_once(family).values())

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
            earlier = _each_once(samples_of(self._before, family))
            grown = []
            for key, (series, value) in self._each_once(family).items():
                was = earlier.get(key)
                if was is not None:
                    grown.append((series, value - was[1] if value >= was[1] else -inf))
            self._increases[family] = grown
        return grown

    def _each_once(self, family: str) -> "_ByKey":
        by_key = self._once.get(family)
        if by_key is None:
            by_key = self._once[family] = _each_once(samples_of(self._page, family))
        return by_key


def samples_of(page: Page, family: str) -> Samples:
    """The samples of a family on a page; of all families with that ending, if it starts with `*`."""
    if not family.startswith("*"):
        return page.by_name.get(family, [])
    ending = family[1:]
    return [sample for name, samples in page.by_name.items() if name.endswith(ending) for sample in samples]


_ByKey = dict[tuple[str, ...], tuple[Series, float]]


def _each_once(samples: Samples) -> _ByKey:
    """The samples by what makes them the same series.

    Raises:
        NotKnown: a series has two values.
    """
    by_key = {sample[0].key: sample for sample in samples}
    if len(by_key) < len(samples) and any(by_key[series.key][1] != value for series, value in samples):
        raise NotKnown(TWICE)
    return by_key


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
            raise NotKnown(self._absent(self.families[nth]))
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
            raise NotKnown(self._absent(family))
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
        return bucket_increase_of(self.interval, self.families[nth], self.where)

    def _absent(self, family: str) -> Unknown:
        carrier = self.interval.load_device
        if self.where is counted_device and carrier and carrier not in self.interval.network_devices:
            words = f"the load comes over {carrier}, which is not on the page"
            return Unknown(WhyUnknown.HIDDEN, words, _SHOW_LOOPBACK)
        if self.interval.carries(family):
            return Unknown(WhyUnknown.NOT_EXPORTED, f"no {family.lstrip('*_')} on the page of those that count")
        return not_exported(family)

    def _filtered(self, samples: Samples) -> Samples:
        if self.where is every_series:
            return samples
        return [(series, value) for series, value in samples if self.where(series, self.interval)]


def bucket_increase_of(interval: Interval, family: str, where: Filter) -> BucketCounts:
    """What the histograms of a family counted in the interval; see `Inputs.bucket_increase`."""
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


def not_exported(family: str) -> Unknown:
    """That a family is not on the page."""
    return Unknown(WhyUnknown.NOT_EXPORTED, f"no {family.lstrip('*_')} on the page")
