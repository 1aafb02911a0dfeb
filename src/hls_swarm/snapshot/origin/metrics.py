"""What the origin says of itself, as every view sees it: frozen, and generic over the signals.

Rules:

- The scraper builds one `OriginMetrics` and replaces a reference. Nothing in it changes afterwards, so any number of
  readers need no lock and no copy, and do no arithmetic: all percentiles are here already.
- A view goes over `TargetMetrics.readings` and draws each by its `SignalInfo` (title, unit, group). A new signal shows
  everywhere without any view being touched.
- What is not known is `None` and says why, and how to get it where that can be said. It is never 0.
- A stale reading keeps its last good value for a person to see, greyed. It leaves the Prometheus endpoint and is used
  for no verdict: take `TargetMetrics.fresh_value` there.
- Instants are seconds of the monotonic clock.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from math import inf, isinf
from types import MappingProxyType

import msgspec


class Unit(StrEnum):
    """What a value counts; a percent is 0 to 100, a ratio a share of 0 to 1, a multiple any number without a unit."""

    PERCENT = "percent"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes_per_second"
    PER_SECOND = "per_second"
    SECONDS = "seconds"
    COUNT = "count"
    RATIO = "ratio"
    MULTIPLE = "multiple"


class Group(StrEnum):
    """What signals are drawn together."""

    CPU = "cpu"
    MEMORY = "memory"
    NETWORK = "network"
    DISK = "disk"
    TCP = "tcp"
    FILES = "files"
    PRESSURE = "pressure"
    NGINX = "nginx"
    HAPROXY = "haproxy"
    VARNISH = "varnish"
    OWN = "own"  # added by the user


class SignalInfo(msgspec.Struct, frozen=True, gc=False):
    """One signal, before anything is measured.

    Attributes:
        name: as in JSON, in the Prometheus endpoint (`hls_swarm_origin_` before it) and in thresholds (`origin_`).
        title: two or three words for a person, without the group.
        help: one line: what it is and how it is computed.
        windowed: whether P50, P95 and maximum are kept over the rolling window.
        quantile_of: the histogram whose quantile it is, by name; empty if it is none. Such values are never averaged.
        step: what the clock counts in that measured it. All that is known of a smaller value is that it is smaller:
            where a bucket begins at 0, a quantile in it is no figure that anything measured. 0: no step is known.
    """

    name: str
    unit: Unit
    group: Group
    title: str
    help: str
    windowed: bool = False
    quantile_of: str = ""
    step: float = 0.0

    def is_below_step(self, value: float) -> bool:
        """Whether of a value nothing more is known than that it is less than the clock's step."""
        return value < self.step


class WhyUnknown(StrEnum):
    """Why a reading has no value."""

    WAITING = "waiting"  # no page has been read yet
    FIRST_SCRAPE = "first_scrape"  # a rate needs two pages
    NOT_EXPORTED = "not_exported"  # the page does not carry it
    HIDDEN = "hidden"  # the page leaves out the device that carries the load
    COUNTER_RESET = "counter_reset"  # a counter went down: this interval is skipped
    NOTHING_HAPPENED = "nothing_happened"  # no request in the interval, so no request time
    NO_TIME_PASSED = "no_time_passed"  # two pages of the same instant
    SERVER_DOWN = "server_down"  # the exporter answers, the server behind it does not
    NOT_A_NUMBER = "not_a_number"  # the exporter says NaN or infinity
    TWICE = "twice"  # one series has two values on one page
    AMBIGUOUS = "ambiguous"  # several families, and whether one counts what another does can not be told
    NOT_MERGEABLE = "not_mergeable"  # quantiles of several summaries: there is no way to merge them


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Why a value is not known, in words for a person.

    Attributes:
        how_to_get: one line on how to have the origin export it; empty if there is nothing to do.
    """

    why: WhyUnknown
    text: str
    how_to_get: str = ""


class Reading(msgspec.Struct, frozen=True):
    """The latest value of one signal of one target.

    Attributes:
        value: None if it is not known; `unknown` then says why.
        at: when the page it comes from arrived; None if none did.
        p50, p95, max: of the values of the rolling window, nearest rank; None if none is kept.
        window_values: how many values the window holds.
        stale: the page it comes from is older than three intervals.
        note: what a person must know to read the value right, such as that a quantile is the exporter's own.
    """

    signal: SignalInfo
    value: float | None = None
    at: float | None = None
    unknown: Unknown | None = None
    p50: float | None = None
    p95: float | None = None
    max: float | None = None
    window_values: int = 0
    stale: bool = False
    note: str = ""

    def age_seconds(self, now: float) -> float | None:
        """How old the value is; None if there never was one."""
        return None if self.at is None else max(0.0, now - self.at)


class Role(StrEnum):
    """Which setting named a source. What it really is, the page itself says: see `SourceHealth.dialect`."""

    NODE = "node"
    NGINX = "nginx"
    PROMETHEUS = "prometheus"


class SourceState(StrEnum):
    """How one source fares."""

    WAITING = "waiting"  # no scrape has ended yet
    UP = "up"  # the last scrape gave a page, and what it speaks of runs
    DOWN = "down"  # the exporter answers, the server behind it does not
    FAILING = "failing"  # the last scrape failed; what is shown is at most three intervals old
    STALE = "stale"  # and now it is older


class SourceProblem(StrEnum):
    """What went wrong with the last scrape of a source."""

    DNS = "dns"
    REFUSED = "refused"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    CONNECTION = "connection"  # lost or cut short, or not HTTP
    TOO_LARGE = "too_large"
    NOT_METRICS = "not_metrics"
    MALFORMED = "malformed"
    UNRECOGNISED = "unrecognised"  # a metrics page, but of nothing that is known here
    GENERATOR = "generator"  # this machine could not ask: no descriptor, no port
    SERVER_DOWN = "server_down"
    INTERNAL = "internal"  # a bug of the scraper


class SourceHealth(msgspec.Struct, frozen=True):
    """One page of one target: whether it answers, and if not why.

    Attributes:
        url: without user, password and query.
        reason: a few words; empty while all is well.
        dialect: what the page was recognised as; empty until a page was read.
        last_success_at: when the last good page arrived.
        scrapes: begun.
        failures: of those, ended without a good page.
        late: scrapes not begun because the one before was still running.
        samples: on the last good page.
        scrape_seconds: from asking for the last page to its last byte.
        read_seconds: parsing and evaluating the last good page.
        note: which of several places it was found at.
    """

    role: Role
    url: str
    state: SourceState = SourceState.WAITING
    problem: SourceProblem | None = None
    reason: str = ""
    dialect: str = ""
    last_success_at: float | None = None
    scrapes: int = 0
    failures: int = 0
    late: int = 0
    samples: int | None = None
    scrape_seconds: float | None = None
    read_seconds: float | None = None
    note: str = ""

    def age_seconds(self, now: float) -> float | None:
        """How long ago the last good page arrived; None if none did."""
        return None if self.last_success_at is None else max(0.0, now - self.last_success_at)


class BucketCounts(msgspec.Struct, frozen=True):
    """What a Prometheus histogram counted since the scraper started, resets bridged; it only grows.

    The difference of two of them is the histogram of the time between, whose quantiles are exact to a bucket: this is
    how a run's summary has percentiles of a request time without averaging percentiles.

    Attributes:
        bounds: upper bounds (`le`), ascending, the last one `+Inf`.
        counts: values up to each bound, cumulative as on the page.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def total(self) -> float:
        """How many values were counted."""
        return self.counts[-1] if self.counts else 0.0

    def since(self, earlier: "BucketCounts | None") -> "BucketCounts":
        """What was counted after `earlier`; all of it if that is None or has other bounds."""
        if earlier is None or earlier.bounds != self.bounds:
            return self
        return BucketCounts(self.bounds, tuple(n - m for n, m in zip(self.counts, earlier.counts, strict=True)))

    def plus(self, increase: "BucketCounts") -> "BucketCounts":
        """These counts and those; only those if the bounds were changed."""
        if increase.bounds != self.bounds:
            return increase
        return BucketCounts(self.bounds, tuple(n + m for n, m in zip(self.counts, increase.counts, strict=True)))

    def quantile(self, q: float) -> float | None:
        """`histogram_quantile` of Prometheus: linear inside a bucket; see `bucket_quantile`."""
        return bucket_quantile(q, self.bounds, self.counts)


def bucket_quantile(q: float, bounds: Sequence[float], counts: Sequence[float]) -> float | None:
    """Quantile of a cumulative histogram by the rules of Prometheus' `histogram_quantile`.

    The rank `q * count` is found in a bucket and placed linearly between its bounds; the first bucket starts at 0 if
    its bound is positive, else the bound itself is the answer. A rank in the `+Inf` bucket gives the last finite bound.
    Counts that are not monotone, as sums of series scraped at different moments can be, are raised to the one before.

    Args:
        q: 0 to 1.
        bounds: ascending upper bounds.
        counts: cumulative counts, one per bound.

    Returns:
        None if there is no `+Inf` bucket, no finite one, or nothing was counted.
    """
    if len(bounds) < 2 or not isinf(bounds[-1]) or bounds[-1] != inf:
        return None
    monotone = list(accumulate(counts, max))
    if not monotone[-1] > 0:
        return None
    rank = q * monotone[-1]
    at = bisect_left(monotone, rank)
    if at >= len(bounds) - 1:
        return bounds[-2]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[at - 1], monotone[at - 1]) if at else (0.0, 0.0)
    inside = monotone[at] - below
    if inside <= 0:
        return start
    return start + (bounds[at] - start) * (rank - below) / inside


class TargetMetrics(msgspec.Struct, frozen=True):
    """All that is known of one origin machine.

    Attributes:
        target: its name for a person and as the `target` label: the host.
        readings: by name of the signal, in the order in which views draw them. Only what its sources could carry.
        histograms: what the page's histograms counted, by name without the quantile (`nginx_request_seconds`).
        at: when this was published.
    """

    target: str
    sources: tuple[SourceHealth, ...]
    readings: Mapping[str, Reading] = MappingProxyType({})
    histograms: Mapping[str, BucketCounts] = MappingProxyType({})
    at: float = 0.0

    def value(self, name: str) -> float | None:
        """The last good value of a signal, however old; None if it is not known."""
        reading = self.readings.get(name)
        return None if reading is None else reading.value

    def fresh_value(self, name: str) -> float | None:
        """The value of a signal for a verdict or an endpoint; None if it is not known or stale."""
        reading = self.readings.get(name)
        return None if reading is None or reading.stale else reading.value


class OriginMetrics(msgspec.Struct, frozen=True):
    """All targets at one instant; replaced whole, never changed.

    Attributes:
        at: when this was published.
        interval_seconds: time between scrapes.
        window_seconds: length of the rolling window.
    """

    targets: tuple[TargetMetrics, ...]
    at: float
    interval_seconds: float
    window_seconds: float
