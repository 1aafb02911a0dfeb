"""A moment by OTLP: names that come to those of the endpoint, exponential histograms that lose nothing."""

import re

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import LogarithmMapping
from tests.support.made.moments import STARTED_AT, Run, origin
from tests.support.made.snapshots import failed, watching

from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.otlp import SCALE, metrics_data, named, resource
from hls_swarm.views.prometheus.collector import FAMILIES, Family, FamilyType

UNITS = {"s": "seconds", "By": "bytes", "%": "percent", "By/s": "bytes_per_second", "1/s": "per_second", "": ""}


def as_prometheus(family: Family) -> str:
    """The name that a receiver makes of a metric (OpenTelemetry, Prometheus compatibility)."""
    name, unit = named(family)
    name = re.sub(r"[^a-zA-Z0-9_:]", "_", name)
    name = f"{name}_{UNITS[unit]}" if UNITS[unit] else name
    return f"{name}_total" if family.type is FamilyType.COUNTER else name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_receiver_comes_to_the_names_of_the_endpoint(family: Family) -> None:
    assert as_prometheus(family) == family.full_name


def test_a_moment_is_sent_whole() -> None:
    run = Run()
    of_origin = origin(2.0, {"10.0.0.5": {"cpu_percent": 41.5}})
    moment = run.second(2.0, *watching(0, 0.1), *failed(1, 0.3), of_origin=of_origin).moment
    request = encode_metrics(metrics_data(moment, resource({"service.instance.id": "host run"})))
    (sent,) = request.resource_metrics
    attributes = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert attributes["service.name"] == "hls-swarm"
    assert attributes["service.instance.id"] == "host run"
    metrics = {metric.name: metric for metric in sent.scope_metrics[0].metrics}
    (cpu,) = metrics["hls_swarm_origin_cpu"].gauge.data_points
    assert (cpu.as_double, cpu.attributes[0].value.string_value) == (41.5, "10.0.0.5")
    requests = metrics["hls_swarm_requests"].sum
    assert requests.is_monotonic
    assert sum(point.as_double or point.as_int for point in requests.data_points) == sum(
        objects.requests for objects in moment.tally.objects.values()
    )
    assert requests.data_points[0].start_time_unix_nano == round(1e9 * STARTED_AT)
    download = metrics["hls_swarm_download"]
    assert download.unit == "s"
    points = {point.attributes[0].value.string_value: point for point in download.exponential_histogram.data_points}
    ours = moment.tally.objects["segment"].download  # type: ignore[index] # its name is its value
    point = points["segment"]
    assert (point.count, point.sum, point.scale) == (ours.count, ours.total, SCALE)
    counts = {point.positive.offset + 1 + at: count for at, count in enumerate(point.positive.bucket_counts) if count}
    assert counts == ours.buckets


@pytest.mark.parametrize("value", [2.0**-20, 0.001, 0.4999, 0.5, 0.5001, 1.0, 3.7, 2.0 ** (7 / 32), 64.0])
def test_the_buckets_are_those_of_the_sdk(value: float) -> None:
    histogram = Histogram()
    histogram.add(value)
    assert list(histogram.buckets) == [LogarithmMapping(SCALE).map_to_index(value) + 1]


def test_what_the_environment_says_of_the_resource_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=lab,host.name=other")
    made = resource({"host.name": "this"}).attributes
    assert (made["service.name"], made["deployment.environment"], made["host.name"]) == ("nightly", "lab", "other")
