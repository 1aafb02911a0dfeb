"""Signals that a user added, on pages of every kind, and in what is made of them."""

import json

import pytest
from tests.origin.pages import changed, page_text

from hls_swarm.origin.dialects.own import OWN_DIALECT, with_own
from hls_swarm.origin.source import Source, merged
from hls_swarm.settings.own_signals import OwnSignal, read_own_signal
from hls_swarm.snapshot.origin.metrics import (
    Group,
    OriginMetrics,
    Reading,
    Role,
    SourceState,
    TargetMetrics,
    WhyUnknown,
)
from hls_swarm.snapshot.origin.tally import OriginTally

APP = """# TYPE app_errors_total counter
app_errors_total{code="500"} 10
app_errors_total{code="503"} 20
app_errors_total{code="404"} 70
app_heap_bytes 5e6
app_seconds_bucket{le="0.1"} 0
app_seconds_bucket{le="0.2"} 0
app_seconds_bucket{le="+Inf"} 0
app_old_seconds{quantile="0.9"} 0.4
"""
LATER = (
    APP.replace("} 10", "} 30").replace("} 20", "} 60").replace('"0.2"} 0', '"0.2"} 100').replace('f"} 0', 'f"} 100')
)


def own(**table: object) -> OwnSignal:
    return read_own_signal(json.dumps(table))


SIGNALS = (
    own(name="errors", family="app_errors_total", where={"code": ["500", "503"]}, kind="rate", unit="per_second"),
    own(name="heap", family="app_heap_bytes", kind="gauge", unit="bytes", title="Heap"),
    own(name="app_seconds", family="app_seconds", kind="quantile", quantile=0.5, unit="seconds"),
    own(name="old_seconds", family="app_old_seconds", kind="quantile", quantile=0.9, unit="seconds"),
)


def read(role: Role, *pages: str, signals: tuple[OwnSignal, ...] = SIGNALS) -> Source:
    source = Source(role, "http://a/metrics", interval=2.0, window=30.0, dialects=with_own(signals))
    for nth, page in enumerate(pages):
        source.read(page.encode(), 10.0 * (nth + 1))
    return source


@pytest.mark.parametrize("role", [Role.NODE, Role.NGINX])
def test_a_page_of_nothing_else(role: Role) -> None:
    source = read(role, APP, LATER)
    assert (source.health(20.0).state, source.health(20.0).dialect) == (SourceState.UP, OWN_DIALECT)
    values = {name: reading.value for name, reading in source.readings(20.0).items()}
    assert values == {
        "own_errors_per_second": 6.0,
        "own_heap_bytes": 5e6,
        "own_app_seconds_p50": pytest.approx(0.15),
        "own_old_seconds_p90": 0.4,
    }
    heap = source.readings(20.0)["own_heap_bytes"]
    assert (heap.signal.title, heap.signal.group) == ("Heap", Group.OWN)


@pytest.mark.parametrize(
    ("role", "page", "dialect"),
    [
        (Role.NODE, "node_exporter", "node_exporter"),
        (Role.NGINX, "node_exporter", "node_exporter"),
        (Role.NGINX, "nginx_stub_status", "nginx-prometheus-exporter (stub_status)"),
    ],
)
def test_beside_the_signals_of_a_known_page(role: Role, page: str, dialect: str) -> None:
    source = read(role, page_text(page) + APP, page_text(page) + LATER)
    assert source.health(20.0).dialect == dialect
    readings = source.readings(20.0)
    assert readings["own_errors_per_second"].value == 6.0
    assert readings["own_errors_per_second"].p95 == 6.0
    assert list(readings)[-4:] == [signal.name for signal in SIGNALS]


def test_a_family_of_a_known_page() -> None:
    signal = own(name="written", family="nginx_http_requests_total", kind="rate", unit="per_second")
    page = page_text("nginx_stub_status")
    before = changed(page, {"nginx_http_requests_total": 100})
    source = read(Role.NGINX, before, changed(page, {"nginx_http_requests_total": 150}), signals=(signal,))
    assert source.readings(20.0)["own_written_per_second"].value == 5.0


def test_one_that_no_page_carries_says_so() -> None:
    source = read(Role.NODE, page_text("node_exporter"))
    unknown = source.readings(10.0)["own_errors_per_second"].unknown
    assert unknown is not None
    assert unknown.why is WhyUnknown.NOT_EXPORTED
    assert unknown.how_to_get == "no page of this target carries app_errors_total"


def test_of_two_pages_the_one_that_has_it_gives_the_value() -> None:
    pages = tuple(
        source.readings(10.0) for source in (read(Role.NODE, page_text("node_exporter")), read(Role.NGINX, APP))
    )
    assert merged(pages, with_own(SIGNALS).signals)["own_heap_bytes"].value == 5e6


def test_the_summary_has_them() -> None:
    source = read(Role.NGINX, APP)
    tally = OriginTally()
    tally.add(metrics(source, 10.0))
    source.read(LATER.encode(), 20.0)
    tally.add(metrics(source, 20.0))
    (summary,) = tally.summary()
    assert summary.signals["own_errors_per_second"].max == pytest.approx(6.0)
    assert summary.signals["own_heap_bytes"].count == 2
    assert "own_app_seconds_p50" not in summary.signals
    assert summary.quantiles["own_app_seconds"]["p95"] == pytest.approx(0.195)


def metrics(source: Source, at: float) -> OriginMetrics:
    readings: dict[str, Reading] = dict(source.readings(at))
    target = TargetMetrics("a", (source.health(at),), readings, source.histograms(), at)
    return OriginMetrics((target,), at, 2.0, 30.0)
