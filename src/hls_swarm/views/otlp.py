"""A moment as OpenTelemetry metrics: what the endpoint has, with exponential histograms.

Rules:

- No instrument counts anything: each moment is built whole from the families of the Prometheus endpoint, cumulative
  since the start of the run.
- A name is that of the family without its unit, which stands beside it (`hls_swarm_ttfb_seconds` is `hls_swarm_ttfb` in
  `s`): a receiver that makes Prometheus names of them, as the specification says, comes to those of the endpoint.
- Bucket `i` of our histograms is bucket `i - 1` of scale 5. Source: OpenTelemetry, Metrics Data Model.
- What the environment says of the resource (`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`) wins.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from hls_swarm import __version__
from hls_swarm.snapshot.moment import Moment
from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.prometheus.collector import PREFIX, Family, FamilyType, Series, series_of

if TYPE_CHECKING:  # an extra, that takes 0.2 s to import
    from opentelemetry.sdk.metrics.export import (
        Buckets,
        ExponentialHistogramDataPoint,
        Metric,
        MetricsData,
        NumberDataPoint,
    )
    from opentelemetry.sdk.resources import Resource

SCALE = 5
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "_bytes_per_second": "By/s",
        "_per_second": "1/s",
        "_seconds": "s",
        "_bytes": "By",
        "_percent": "%",
    }
)
"""Unit (UCUM) by how a family's name ends; the first that fits."""


def named(family: Family) -> tuple[str, str]:
    """Name and unit of a family."""
    for end, unit in UNITS.items():
        if family.name.endswith(end):
            return PREFIX + family.name.removesuffix(end), unit
    return PREFIX + family.name, ""


def resource(attributes: Mapping[str, str]) -> "Resource":
    """What sends the metrics: these attributes, and those of the environment."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    base = {"service.name": "hls-swarm", "service.version": __version__, **attributes}
    return Resource(base).merge(OTELResourceDetector().detect())


def metrics_data(moment: Moment, sender: "Resource") -> "MetricsData":
    """All metrics of a moment."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    at = round(1e9 * moment.wall_at)
    started_at = at - round(1e9 * moment.snapshot.elapsed_seconds)
    metrics = [_metric(family, series, started_at, at) for family, series in series_of(moment)]
    scope = ScopeMetrics(scope=InstrumentationScope("hls_swarm", __version__), metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=sender, scope_metrics=[scope], schema_url="")])


def _metric(family: Family, series: Sequence[Series], started_at: int, at: int) -> "Metric":
    from opentelemetry.sdk.metrics.export import AggregationTemporality, ExponentialHistogram, Gauge, Metric, Sum

    name, unit = named(family)
    data: ExponentialHistogram | Gauge | Sum
    match family.type:
        case FamilyType.HISTOGRAM:
            points = [
                _histogram(value, _attributes(family, labels), started_at, at)
                for labels, value in series
                if isinstance(value, Histogram)
            ]
            data = ExponentialHistogram(points, AggregationTemporality.CUMULATIVE)
        case FamilyType.COUNTER:
            numbers = _numbers(family, series, started_at, at)
            data = Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        case FamilyType.GAUGE:
            data = Gauge(_numbers(family, series, None, at))
    return Metric(name=name, description=family.help, unit=unit, data=data)


def _attributes(family: Family, labels: Sequence[str]) -> dict[str, str]:
    return dict(zip(family.labels, labels, strict=True))


def _numbers(family: Family, series: Sequence[Series], started_at: int | None, at: int) -> "list[NumberDataPoint]":
    from opentelemetry.sdk.metrics.export import NumberDataPoint

    return [
        NumberDataPoint(_attributes(family, labels), started_at or 0, at, value)
        for labels, value in series
        if not isinstance(value, Histogram)
    ]


def _histogram(
    histogram: Histogram, attributes: dict[str, str], started_at: int, at: int
) -> "ExponentialHistogramDataPoint":
    from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint

    return ExponentialHistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=started_at,
        time_unix_nano=at,
        count=histogram.count,
        sum=histogram.total,
        scale=SCALE,
        zero_count=histogram.zeros,
        positive=_buckets(histogram.buckets),
        negative=_buckets(histogram.negatives),
        flags=0,
        min=0.0 if histogram.least is None else histogram.least,
        max=0.0 if histogram.greatest is None else histogram.greatest,
    )


def _buckets(counts: Mapping[int, int]) -> "Buckets":
    """Counts from the lowest bucket to the highest, none left out."""
    from opentelemetry.sdk.metrics.export import Buckets

    if not counts:
        return Buckets(0, [])
    low, high = min(counts), max(counts)
    return Buckets(low - 1, [counts.get(index, 0) for index in range(low, high + 1)])
