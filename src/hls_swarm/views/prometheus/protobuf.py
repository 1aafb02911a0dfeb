"""The page in Prometheus' protobuf format (pure), in which histograms are native ones beside their classic buckets.

A Prometheus that wants native histograms asks for it (Accept). Source: prometheus/client_model, metrics.proto.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from types import MappingProxyType

from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.prometheus.collector import PREFIX, Family, FamilyType, Series, Value, exported_buckets
from hls_swarm.views.prometheus.native import SCHEMA, ZERO_THRESHOLD, Runs, negative, positive
from hls_swarm.views.prometheus.wire import double, message, signed, unsigned, varint

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_MEDIA_TYPE = "application/vnd.google.protobuf"
_TYPES: Mapping[FamilyType, int] = MappingProxyType(
    {FamilyType.COUNTER: 0, FamilyType.GAUGE: 1, FamilyType.HISTOGRAM: 4}
)


def is_asked_for(accept: str) -> bool:
    """Whether an Accept header prefers this format: it names it first."""
    return accept.split(",")[0].split(";")[0].strip().lower() == _MEDIA_TYPE


def protobuf_page(families: Iterable[tuple[Family, Sequence[Series]]]) -> bytes:
    """The page.

    Args:
        families: each with its series: values of its labels, and the value.
    """
    return b"".join(_family(family, series) for family, series in families if series)


def _family(family: Family, series: Sequence[Series]) -> bytes:
    name = PREFIX + family.name if family.type is FamilyType.HISTOGRAM else family.full_name
    body = message(1, name) + message(2, family.help) + unsigned(3, _TYPES[family.type])
    body += b"".join(message(4, _metric(family, labels, value)) for labels, value in series)
    return varint(len(body)) + body


def _metric(family: Family, labels: Sequence[str], value: Value) -> bytes:
    pairs = b"".join(
        message(1, message(1, name) + message(2, text)) for name, text in zip(family.labels, labels, strict=True)
    )
    if isinstance(value, Histogram):
        return pairs + message(7, _histogram(value))
    return pairs + message(3 if family.type is FamilyType.COUNTER else 2, double(1, value))


def _histogram(histogram: Histogram) -> bytes:
    out = unsigned(1, histogram.count) + double(2, histogram.total)
    for bound, count in exported_buckets(histogram):
        out += message(3, unsigned(1, int(count)) + double(2, inf if bound == "+Inf" else float(bound)))
    out += signed(5, SCHEMA) + double(6, ZERO_THRESHOLD) + unsigned(7, histogram.zeros)
    return out + _runs(9, 10, negative(histogram)) + _runs(12, 13, positive(histogram))


def _runs(spans: int, deltas: int, runs: Runs) -> bytes:
    out = b"".join(message(spans, signed(1, offset) + unsigned(2, length)) for offset, length in runs.spans)
    return out + b"".join(signed(deltas, delta) for delta in runs.deltas)
