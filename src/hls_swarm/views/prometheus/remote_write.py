"""A moment as a request of Prometheus' remote write 1.0 (pure): for runs that end before anybody scrapes them.

Rules:

- The series are those of the endpoint, with their names; the labels that a scrape would add are given.
- Histograms go as native ones and as classic buckets, whose names differ: a receiver without native histograms can have
  the request without them.
- Labels are in the order of their names, as the specification asks.

Source: Prometheus Remote-Write 1.0; prometheus/prompb.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.prometheus.collector import PREFIX, Family, Series, Value, exported_buckets
from hls_swarm.views.prometheus.native import SCHEMA, ZERO_THRESHOLD, Runs, negative, positive
from hls_swarm.views.prometheus.wire import double, message, packed, signed, snappy, unsigned

FIELDS: Mapping[str, str] = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
"""Header fields of a request."""


def write_request(
    families: Iterable[tuple[Family, Sequence[Series]]],
    labels: Mapping[str, str],
    at: float,
    *,
    native: bool = True,
) -> bytes:
    """The body of the request, compressed.

    Args:
        families: each with its series.
        labels: of every series.
        at: wall clock, Unix seconds.
        native: whether native histograms go with it.
    """
    written: list[bytes] = []
    for family, found in families:
        for values, value in found:
            named = {**labels, **dict(zip(family.labels, values, strict=True))}
            written.extend(_series(family, named, value, round(1000 * at), native))
    return snappy(b"".join(message(1, series) for series in written))


def _series(family: Family, labels: Mapping[str, str], value: Value, at: int, native: bool) -> Iterator[bytes]:
    if not isinstance(value, Histogram):
        yield _labels(family.full_name, labels) + _sample(value, at)
        return
    name = PREFIX + family.name
    if native:
        yield _labels(name, labels) + message(4, _histogram(value, at))
    yield _labels(f"{name}_sum", labels) + _sample(value.total, at)
    yield _labels(f"{name}_count", labels) + _sample(value.count, at)
    for bound, count in exported_buckets(value):
        yield _labels(f"{name}_bucket", {**labels, "le": bound}) + _sample(count, at)


def _labels(name: str, labels: Mapping[str, str]) -> bytes:
    pairs = sorted({"__name__": name, **labels}.items())
    return b"".join(message(1, message(1, label) + message(2, text)) for label, text in pairs if text)


def _sample(value: float, at: int) -> bytes:
    return message(2, double(1, value) + unsigned(2, at))


def _histogram(histogram: Histogram, at: int) -> bytes:
    out = unsigned(1, histogram.count) + double(3, histogram.total) + signed(4, SCHEMA) + double(5, ZERO_THRESHOLD)
    out += unsigned(6, histogram.zeros)
    return out + _runs(8, 9, negative(histogram)) + _runs(11, 12, positive(histogram)) + unsigned(15, at)


def _runs(spans: int, deltas: int, runs: Runs) -> bytes:
    out = b"".join(message(spans, signed(1, offset) + unsigned(2, length)) for offset, length in runs.spans)
    return out + packed(deltas, runs.deltas)
