"""One source over time. A scrape every 2 s, time given."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.origin.pages import booted_at, changed, grown, page_text, without

from hls_swarm.logexporter.counts import LogCounts
from hls_swarm.logexporter.log_format import LogLine
from hls_swarm.logexporter.page import metrics_page
from hls_swarm.logexporter.stub_status import StubStatus
from hls_swarm.origin.dialects.devices import LocalLoad
from hls_swarm.origin.exposition.grammar import Format
from hls_swarm.origin.source import Source, merged
from hls_swarm.origin.window import Window
from hls_swarm.snapshot.origin.metrics import (
    BucketCounts,
    Reading,
    Role,
    SourceProblem,
    SourceState,
    WhyUnknown,
)
from hls_swarm.snapshot.origin.signals import SIGNALS

STUB = page_text("nginx_stub_status")
DOWN = page_text("nginx_stub_status_down")
NODE = page_text("node_exporter")
REQUESTS = "nginx_http_requests_total"


def nginx(window: float = 30.0) -> Source:
    return Source(Role.NGINX, "http://o:9113/metrics", interval=2.0, window=window)


def node(*interfaces: str) -> Source:
    return Source(Role.NODE, "http://o:9100/metrics", interval=2.0, window=30.0, interfaces=frozenset(interfaces))


def stub(requests: float) -> bytes:
    return changed(STUB, {REQUESTS: requests}).encode()


def rate(source: Source, now: float) -> Reading:
    return source.readings(now)["nginx_requests_per_second"]


def why(reading: Reading) -> WhyUnknown:
    assert reading.value is None
    assert reading.unknown is not None
    return reading.unknown.why


def test_before_the_first_page_nothing_is_known() -> None:
    source = nginx()
    assert source.health(0.0).state is SourceState.WAITING
    assert {reading.value for reading in source.readings(0.0).values()} == {None}
    assert why(rate(source, 0.0)) is WhyUnknown.WAITING
    assert "cpu_percent" in node().readings(0.0)


def test_the_first_page_gives_gauges_and_no_rate() -> None:
    source = nginx()
    source.begin()
    source.read(stub(1000.0), 10.0, 0.01)
    assert source.readings(10.0)["nginx_connections"].value == 1.0
    assert why(rate(source, 10.0)) is WhyUnknown.FIRST_SCRAPE
    health = source.health(10.0)
    assert (health.state, health.samples, health.scrapes, health.failures) == (SourceState.UP, 9, 1, 0)
    assert (health.last_success_at, health.scrape_seconds, health.reason) == (10.0, 0.01, "")
    assert health.dialect == "nginx-prometheus-exporter (stub_status)"


def test_a_rate_is_by_the_time_between_two_arrivals() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    source.read(stub(1100.0), 12.5)
    assert rate(source, 12.5).value == 40.0


def test_cpu_use_is_of_the_interval_and_not_since_boot() -> None:
    source = node()
    source.read(NODE.encode(), 10.0)
    assert why(source.readings(10.0)["cpu_percent"]) is WhyUnknown.FIRST_SCRAPE
    busy = grown(
        NODE, {'node_cpu_seconds_total{cpu="0",mode="user"}': 3.0, 'node_cpu_seconds_total{cpu="0",mode="idle"}': 1.0}
    )
    source.read(busy.encode(), 12.0)
    assert source.readings(12.0)["cpu_percent"].value == pytest.approx(75.0)


def test_a_counter_reset_skips_the_interval() -> None:
    source = nginx()
    readings = []
    for at, requests in ((0.0, 1000.0), (2.0, 1200.0), (4.0, 50.0), (6.0, 250.0)):
        source.read(stub(requests), at)
        readings.append(rate(source, at))
    assert [reading.value for reading in readings] == [None, 100.0, None, 100.0]
    assert why(readings[2]) is WhyUnknown.COUNTER_RESET
    assert [reading.window_values for reading in readings] == [0, 1, 1, 2]


@given(st.lists(st.floats(0, 1e15), min_size=2, max_size=12))
def test_no_history_of_a_counter_gives_a_negative_rate(values: list[float]) -> None:
    source = nginx()
    for nth, value in enumerate(values):
        source.read(stub(value), 2.0 * nth)
        found = rate(source, 2.0 * nth).value
        assert found is None or found == pytest.approx((value - values[nth - 1]) / 2.0)
        assert found is None or found >= 0


def test_a_clock_that_jumps_gives_no_rate() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    source.read(stub(1100.0), 10.0)
    assert why(rate(source, 10.0)) is WhyUnknown.NO_TIME_PASSED
    source.read(stub(1200.0), 5.0)
    assert why(rate(source, 5.0)) is WhyUnknown.NO_TIME_PASSED
    source.read(stub(1300.0), 7.0)
    assert rate(source, 7.0).value == 50.0


def test_after_a_failed_scrape_the_rate_is_over_the_longer_time() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    source.fail(SourceProblem.TIMEOUT, "no whole answer within 1.8s")
    source.read(stub(1400.0), 14.0)
    assert rate(source, 14.0).value == 100.0


def test_the_last_good_values_stay_and_become_stale_after_three_intervals() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    source.read(stub(1100.0), 12.0)
    for _ in range(3):
        source.begin()
        source.fail(SourceProblem.REFUSED, "connection refused by o:9113", 0.001)
    kept = rate(source, 18.0)
    assert (kept.value, kept.stale, kept.age_seconds(18.0)) == (50.0, False, 6.0)
    health = source.health(18.0)
    assert (health.state, health.problem, health.reason) == (
        SourceState.FAILING,
        SourceProblem.REFUSED,
        "connection refused by o:9113",
    )
    assert (rate(source, 18.1).value, rate(source, 18.1).stale) == (50.0, True)
    assert source.health(18.1).state is SourceState.STALE
    source.read(stub(1200.0), 20.0)
    assert (source.health(20.0).state, rate(source, 20.0).stale) == (SourceState.UP, False)


def test_what_never_answered_is_failing_and_not_stale() -> None:
    source = nginx()
    source.fail(SourceProblem.DNS, "no such host: o")
    assert source.health(1000.0).state is SourceState.FAILING
    assert not rate(source, 1000.0).stale


def test_nginx_down_behind_a_live_exporter() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    source.read(stub(1100.0), 12.0)
    source.read(DOWN.encode(), 14.0)
    health = source.health(14.0)
    assert (health.state, health.problem) == (SourceState.DOWN, SourceProblem.SERVER_DOWN)
    assert health.reason == "nginx refuses stub_status: it is down, or out of connections"
    assert health.dialect == "nginx-prometheus-exporter (stub_status)"
    assert source.readings(14.0)["nginx_up"].value == 0.0
    assert why(rate(source, 14.0)) is WhyUnknown.SERVER_DOWN
    assert why(source.readings(14.0)["nginx_connections"]) is WhyUnknown.SERVER_DOWN
    source.read(stub(5.0), 16.0)
    assert source.health(16.0).state is SourceState.UP
    assert source.readings(16.0)["nginx_up"].value == 1.0
    assert why(rate(source, 16.0)) is WhyUnknown.FIRST_SCRAPE


@pytest.mark.parametrize("page", ["nginx_stub_status", "nginx_plus"])
def test_a_page_without_the_request_counter_means_nginx_is_down(page: str) -> None:
    text = page_text(page)
    source = nginx()
    source.read(text.encode(), 10.0)
    assert source.health(10.0).state is SourceState.UP
    for counter in (REQUESTS, "nginxplus_http_requests_total"):
        text = without(text, counter)
    source.read(text.encode(), 12.0)
    assert source.health(12.0).state is SourceState.DOWN


def test_refusals_that_come_and_go_are_one_trouble_with_a_count() -> None:
    source = nginx()
    seen = []
    for nth, body in enumerate((stub(1000.0), DOWN.encode()) * 4 + (stub(1000.0),) * 7):
        source.read(body, 2.0 * nth)
        health = source.health(2.0 * nth)
        seen.append((health.state, health.reason.rpartition("(")[2]))
        assert source.readings(2.0 * nth)["nginx_up"].value == float(body != DOWN.encode())
    states = [state for state, _ in seen]
    assert [now for before, now in pairwise(states) if now is not before] == [
        SourceState.DOWN,
        SourceState.UP,
        SourceState.DOWN,
        SourceState.UP,
    ]
    assert seen[8] == (SourceState.DOWN, "4 times in 12 s)")
    assert seen[-1] == (SourceState.UP, "")


def test_what_the_log_says_goes_on_while_nginx_refuses_stub_status() -> None:
    counts = LogCounts()

    def page(*, refused: bool) -> bytes:
        counts.add(LogLine("502", 150, 0.02, None, ""))
        return metrics_page(
            counts,
            unread_bytes=0,
            rotations=0,
            readable=True,
            received=None,
            dropped=None,
            buffer_bytes=None,
            cpu_seconds=1.0,
            stub_status=None if refused else StubStatus(3, 100, 98, 400, 0, 1, 2),
            asks_stub_status=True,
        )

    source = nginx()
    source.read(page(refused=False), 10.0)
    source.read(page(refused=True), 12.0)
    readings = source.readings(12.0)
    assert source.health(12.0).state is SourceState.DOWN
    assert readings["nginx_up"].value == 0.0
    assert readings["nginx_responses_5xx_per_second"].value == 0.5
    assert readings["nginx_request_seconds_p95"].value is not None
    assert why(readings["nginx_connections"]) is WhyUnknown.SERVER_DOWN


def test_varnish_down() -> None:
    source = nginx()
    source.read(page_text("varnish_down").encode(), 10.0)
    assert source.health(10.0).reason == "varnish is down: its exporter answers"
    assert source.readings(10.0)["varnish_up"].value == 0.0


def test_a_page_that_answers_means_up_where_nothing_else_says_so() -> None:
    source = nginx()
    source.read(page_text("nginx_access_log").encode(), 10.0)
    assert source.readings(10.0)["nginx_up"].value == 1.0
    connections = source.readings(10.0)["nginx_connections"]
    assert why(connections) is WhyUnknown.NOT_EXPORTED
    assert connections.unknown is not None
    assert connections.unknown.how_to_get == "run nginx-prometheus-exporter on stub_status beside it"


def test_a_family_that_disappears_makes_its_own_signals_unknown() -> None:
    source = node()
    source.read(NODE.encode(), 10.0)
    source.read(NODE.encode(), 12.0)
    assert source.readings(12.0)["disk_read_bytes_per_second"].value == 0.0
    source.read(without(NODE, "node_disk_read_bytes_total").encode(), 14.0)
    readings = source.readings(14.0)
    assert why(readings["disk_read_bytes_per_second"]) is WhyUnknown.NOT_EXPORTED
    assert readings["memory_total_bytes"].value is not None
    assert readings["network_in_bytes_per_second"].value == 0.0
    assert source.health(14.0).state is SourceState.UP


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_nan_and_infinity_are_not_values(value: str) -> None:
    source = node()
    text = changed(NODE, {"node_load1": float(value)})
    source.read(text.encode(), 10.0)
    assert why(source.readings(10.0)["load_per_core"]) is WhyUnknown.NOT_A_NUMBER
    assert source.readings(10.0)["memory_total_bytes"].value is not None


def test_a_counter_that_is_nan_gives_no_rate() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    source.read(STUB.replace(f"\n{REQUESTS} 13", f"\n{REQUESTS} NaN").encode(), 12.0)
    assert rate(source, 12.0).value is None
    source.read(stub(1000.0), 14.0)
    assert rate(source, 14.0).value is None


def test_a_series_that_is_new_counts_from_the_next_page_on() -> None:
    source = nginx()
    page = page_text("nginx_access_log")
    new = 'nginx_http_response_count_total{method="GET",status="500"}'
    source.read(page.encode(), 10.0)
    assert why(source.readings(10.0)["nginx_responses_1xx_per_second"]) is WhyUnknown.FIRST_SCRAPE
    source.read((page + f"{new} 7\n").encode(), 12.0)
    assert source.readings(12.0)["nginx_responses_1xx_per_second"].value == 0.0
    assert source.readings(12.0)["nginx_responses_5xx_per_second"].value == 0.0
    source.read((page + f"{new} 11\n").encode(), 14.0)
    assert source.readings(14.0)["nginx_responses_5xx_per_second"].value == 2.0


@pytest.mark.parametrize(
    ("body", "problem", "reason"),
    [
        pytest.param(b"", SourceProblem.NOT_METRICS, "there is no sample on it", id="empty"),
        pytest.param(b"# HELP a b\n", SourceProblem.NOT_METRICS, "there is no sample on it", id="comments only"),
        pytest.param(b"<!DOCTYPE html><p>", SourceProblem.NOT_METRICS, "an HTML page, not metrics", id="HTML"),
        pytest.param(b'{"up": true}', SourceProblem.NOT_METRICS, "it starts with", id="JSON"),
        pytest.param(b"Active connections: 1 \n", SourceProblem.NOT_METRICS, "it starts with", id="stub_status itself"),
        pytest.param(b"\x1f\x8b\x00", SourceProblem.NOT_METRICS, "it starts with", id="binary"),
        pytest.param(b"a 1\nb c\n", SourceProblem.MALFORMED, "line 2: c is not a number", id="malformed"),
        pytest.param(b"go_info 1\n", SourceProblem.UNRECOGNISED, "of no exporter that is known", id="another program"),
    ],
)
def test_a_page_that_is_of_no_use_says_why_and_leaves_the_values(
    body: bytes, problem: SourceProblem, reason: str
) -> None:
    fresh = nginx()
    fresh.begin()
    fresh.read(body, 8.0)
    health = fresh.health(8.0)
    assert (health.state, health.problem, health.failures) == (SourceState.FAILING, problem, 1)
    assert reason in health.reason
    if (
        problem is not SourceProblem.UNRECOGNISED
    ):  # a page known before and now without its families: the server is down
        source = nginx()
        source.read(stub(1000.0), 10.0)
        source.read(stub(1100.0), 12.0)
        source.read(body, 14.0)
        assert rate(source, 14.0).value == 50.0
        assert source.health(14.0).last_success_at == 12.0


def test_percentiles_of_the_window_are_values_that_were_measured() -> None:
    source = nginx(window=10.0)
    total, at = 1000.0, 0.0
    source.read(stub(total), at)
    for step in (10, 20, 30, 40, 50, 60, 70):
        total, at = total + step * 2.0, at + 2.0
        source.read(stub(total), at)
    reading = rate(source, at)
    assert (reading.value, reading.p50, reading.p95, reading.max) == (70.0, 50.0, 70.0, 70.0)
    assert reading.window_values == 5


def test_what_is_not_a_rate_has_no_window() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0)
    reading = source.readings(10.0)["nginx_connections"]
    assert (reading.value, reading.p50, reading.max, reading.window_values) == (1.0, None, None, 0)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40))
def test_window_figures_are_ordered_and_measured(values: list[float]) -> None:
    window = Window(1000.0)
    for nth, value in enumerate(values):
        window.add(value, float(nth))
    figures = window.figures(float(len(values)))
    assert figures is not None
    assert figures.p50 <= figures.p95 <= figures.max == max(values)
    assert {figures.p50, figures.p95} <= set(values)


def test_a_window_forgets() -> None:
    window = Window(10.0)
    window.add(1.0, 0.0)
    window.add(2.0, 5.0)
    assert window.figures(9.9) is not None
    figures = window.figures(10.0)
    assert figures is not None
    assert (figures.count, figures.max) == (1, 2.0)
    assert window.figures(15.0) is None


def test_a_histogram_is_counted_over_the_run_and_over_resets() -> None:
    source = nginx()
    family = "nginx_http_request_duration_seconds"
    page = page_text("nginx_lua")
    labels = 'host="live.example"'

    def with_counts(*counts: int) -> bytes:
        bounds = ("00.005", "00.010", "00.050", "00.100", "01.000", "+Inf")
        return changed(
            page,
            {
                f'{family}_bucket{{{labels},le="{bound}"}}': float(count)
                for bound, count in zip(bounds, counts, strict=True)
            },
        ).encode()

    source.read(with_counts(10, 50, 150, 190, 200, 200), 0.0)
    assert source.histograms() == {}
    source.read(with_counts(10, 60, 170, 210, 220, 220), 2.0)
    source.read(with_counts(0, 0, 0, 0, 0, 0), 4.0)
    source.read(with_counts(1, 1, 2, 2, 4, 4), 6.0)
    assert source.histograms() == {
        "nginx_request_seconds": BucketCounts(
            (0.005, 0.01, 0.05, 0.1, 1.0, float("inf")), (1.0, 11.0, 22.0, 22.0, 24.0, 24.0)
        )
    }
    assert source.readings(6.0)["nginx_request_seconds_p50"].value == pytest.approx(0.05)


def test_no_request_in_the_interval_means_no_request_time() -> None:
    source = nginx()
    page = page_text("nginx_lua").encode()
    source.read(page, 0.0)
    source.read(page, 2.0)
    assert why(source.readings(2.0)["nginx_request_seconds_p95"]) is WhyUnknown.NOTHING_HAPPENED
    assert why(source.readings(2.0)["nginx_request_seconds_mean"]) is WhyUnknown.NOTHING_HAPPENED
    assert rate(source, 2.0).value == 0.0


def test_named_interfaces_count() -> None:
    device = 'node_network_receive_bytes_total{device="ifb0"}'
    source = node("ifb0")
    source.read(NODE.encode(), 10.0)
    source.read(grown(NODE, {device: 500.0, device.replace("ifb0", "eth0"): 9e9}).encode(), 12.0)
    assert source.readings(12.0)["network_in_bytes_per_second"].value == 250.0
    missing = node("eth9")
    missing.read(NODE.encode(), 10.0)
    assert why(missing.readings(10.0)["network_in_bytes_per_second"]) is WhyUnknown.NOT_EXPORTED


def test_the_load_over_loopback_is_shown_or_said_to_be_hidden() -> None:
    booted, hidden = booted_at(NODE), NODE
    device = 'node_network_transmit_bytes_total{device="lo"}'
    shown = NODE + f"{device.replace('transmit', 'receive')} 1\n{device} 1\n"
    source = node()
    source.loaded_from_here(LocalLoad("lo", booted))
    source.read(shown.encode(), 10.0)
    source.read(grown(shown, {device: 2e6, device.replace("lo", "eth0"): 500.0}).encode(), 12.0)
    out = source.readings(12.0)["network_out_bytes_per_second"]
    assert (out.value, out.note) == (1_000_250.0, "with lo, over which the load comes")
    assert why(source.readings(12.0)["network_link_percent"]) is WhyUnknown.NOT_EXPORTED  # lo has no speed
    source = node()
    source.loaded_from_here(LocalLoad("lo", booted))
    source.read(hidden.encode(), 10.0)
    source.read(hidden.encode(), 12.0)
    out = source.readings(12.0)["network_out_bytes_per_second"]
    assert out.value is None
    assert out.unknown is not None
    assert out.unknown.why is WhyUnknown.HIDDEN
    assert out.unknown.text == "the load comes over lo, which is not on the page"
    assert "--collector.netdev.device-exclude" in out.unknown.how_to_get


def test_late_scrapes_are_counted() -> None:
    source = nginx()
    source.begin()
    source.skip()
    source.skip()
    assert (source.health(0.0).scrapes, source.health(0.0).late) == (1, 2)


def test_a_target_takes_the_first_source_that_has_a_value() -> None:
    info = SIGNALS["cpu_percent"]
    unknown, first, second = Reading(info), Reading(info, 1.0), Reading(info, 2.0)
    assert merged(({"cpu_percent": unknown}, {"cpu_percent": first}, {"cpu_percent": second})) == {"cpu_percent": first}
    assert merged(({"cpu_percent": unknown}, {})) == {"cpu_percent": unknown}
    other = Reading(SIGNALS["memory_used_bytes"], 3.0)
    assert list(merged(({"memory_used_bytes": other}, {"cpu_percent": first}))) == ["cpu_percent", "memory_used_bytes"]


WHOLE = ("node_exporter", "nginx_stub_status", "nginx_vts", "nginx_plus", "nginx_ingress", "haproxy", "varnish")


@given(st.sampled_from(WHOLE), st.floats(0.0, 1.0), st.booleans())
def test_a_page_cut_anywhere_says_what_the_whole_one_before_said(name: str, share: float, at_a_line: bool) -> None:
    body = page_text(name).encode()
    end = int(share * (len(body) - 1))
    if at_a_line:
        end = body.rfind(b"\n", 0, end) + 1
    source = Source(Role.NODE, "http://a/metrics", interval=2.0, window=30.0)
    source.read(body, 10.0, is_open_ended=True)
    source.read(body, 12.0, is_open_ended=True)
    before = values(source, 14.0)
    source.read(body[:end], 14.0, is_open_ended=True)
    assert values(source, 14.0) == before
    assert source.health(14.0).last_success_at == 12.0


@pytest.mark.parametrize("name", WHOLE)
def test_the_first_page_cut_anywhere_says_nothing(name: str) -> None:
    body = page_text(name).encode()
    ends = sorted({*range(0, len(body), max(1, len(body) // 60)), *_line_ends(body)[::20]})
    for end in ends:
        source = Source(Role.NODE, "http://a/metrics", interval=2.0, window=30.0)
        source.read(body[:end], 10.0, is_open_ended=True)
        assert {value for value in values(source, 10.0).values() if value is not None} == set()


def _line_ends(body: bytes) -> list[int]:
    return [at + 1 for at, byte in enumerate(body) if byte == ord("\n")]


def values(source: Source, now: float) -> dict[str, float | None]:
    return {name: reading.value for name, reading in source.readings(now).items()}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(
            b"nginx_up 1\nnginx_connections_active 15", "'nginx_connections_active 15', has no end", id="number"
        ),
        pytest.param(b"nginx_up 1\nnginx_conne", "'nginx_conne', has no end", id="name"),
        pytest.param(b'nginx_up 1\na{b="c', "has no end", id="label"),
    ],
)
@pytest.mark.parametrize("is_open_ended", [False, True])
def test_a_page_cut_within_a_line_is_named(body: bytes, reason: str, is_open_ended: bool) -> None:
    source = nginx()
    source.read(body, 10.0, is_open_ended=is_open_ended)
    health = source.health(10.0)
    assert (health.problem, health.failures) == (SourceProblem.CONNECTION, 1)
    assert "the page is cut short" in health.reason
    assert reason in health.reason


def test_a_page_that_nothing_delimits_counts_once_another_ends_alike() -> None:
    source = nginx()
    source.read(stub(1000.0), 10.0, is_open_ended=True)
    assert source.health(10.0).state is SourceState.WAITING
    assert "nothing tells where the page ends" in source.health(10.0).reason
    source.read(stub(1100.0), 12.0, is_open_ended=True)
    assert source.health(12.0).state is SourceState.UP
    source.read(stub(1300.0), 14.0, is_open_ended=True)
    assert rate(source, 14.0).value == 100.0
    source.read(stub(1500.0)[: stub(1500.0).rindex(b"\n", 0, -1) + 1] + b"\n", 16.0, is_open_ended=True)
    assert "may be cut short" in source.health(16.0).reason


def test_a_page_with_an_end_of_its_own_needs_no_other() -> None:
    source = nginx()
    source.read(stub(1000.0) + b"# EOF", 10.0, is_open_ended=True)
    assert source.health(10.0).state is SourceState.UP
    source.read(stub(1000.0), 12.0, page_format=Format.OPENMETRICS)
    assert "# EOF is missing" in source.health(12.0).reason


@pytest.mark.parametrize(
    ("page", "connections"),
    [
        pytest.param(STUB + "nginx_connections_active 1\n", 1.0, id="the same value"),
        pytest.param(STUB + "nginx_connections_active 2\n", None, id="another value"),
        pytest.param(
            STUB.replace("nginx_connections_active 1", "nginx_connections_active NaN\nnginx_connections_active NaN"),
            None,
            id="no value",
        ),
    ],
)
def test_a_series_that_stands_twice_counts_once_or_is_unknown(page: str, connections: float | None) -> None:
    source = nginx()
    source.read(page.encode(), 10.0)
    reading = source.readings(10.0)["nginx_connections"]
    assert reading.value == connections
    if connections is None and reading.unknown is not None:
        assert "twice" in reading.unknown.text
    assert source.readings(10.0)["nginx_connections_writing"].value == 1.0


def test_labels_in_another_order_are_the_same_series() -> None:
    page = (
        'node_load1 1\nnode_cpu_seconds_total{cpu="0",mode="idle"} 5\nnode_cpu_seconds_total{mode="idle",cpu="0"} 7\n'
    )
    source = node()
    source.read(page.encode(), 10.0)
    assert why(source.readings(10.0)["cpu_cores"]) is WhyUnknown.TWICE


def test_families_that_end_alike_are_not_added_up() -> None:
    page = 'nginx_metric_errors_total 0\nshop_requests_total{status="200"} 100\n'
    one, two = nginx(), nginx()
    for nth in range(2):
        grown_page = page.replace("100", str(100 + 20 * nth))
        one.read(grown_page.encode(), 10.0 + 2 * nth)
        two.read((grown_page + "upstream_requests_total 90\n").encode(), 10.0 + 2 * nth)
    assert rate(one, 12.0).value == 10.0
    assert one.readings(12.0)["nginx_responses_2xx_per_second"].value == 10.0
    assert why(rate(two, 12.0)) is WhyUnknown.AMBIGUOUS


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"a 1\n" * 100_001, "a page of 100,001 lines", id="lines"),
        pytest.param(
            b"node_load1 1\n" + b'a{b="' + b"c" * 70_000 + b'"} 1\n', "line 2 has more than 65,536 bytes", id="a label"
        ),
        pytest.param(b"# HELP a " + b"c" * 70_000 + b"\na 1\n", "line 1 has more than", id="a comment"),
        pytest.param(b"a 1\n" + b"a" * (16 << 20), "16,777,220 bytes", id="bytes"),
    ],
)
def test_a_page_beyond_the_limits_is_refused_in_words(body: bytes, reason: str) -> None:
    source = node()
    source.read(body, 10.0)
    health = source.health(10.0)
    assert health.problem is SourceProblem.TOO_LARGE
    assert reason in health.reason
    assert len(health.reason) < 200


def test_a_page_at_the_limits_is_read() -> None:
    source = node()
    source.read(b"node_load1 1\n" + b'a{b="' + b"c" * 65_000 + b'"} 1\n' + b"a 1\n" * 99_990, 10.0)
    assert source.health(10.0).state is SourceState.UP


@pytest.mark.parametrize("quoted", [False, True])
def test_more_labels_than_any_exporter_has_are_refused(quoted: bool) -> None:
    def page(number: int) -> bytes:
        value = "\\n" if quoted else "v"
        return b"node_load1 1\nnode_x{" + ",".join(f'l{n}="{value}"' for n in range(number)).encode() + b"} 1\n"

    source = node()
    source.read(page(128), 10.0)
    assert source.health(10.0).state is SourceState.UP
    source.read(page(129), 12.0)
    assert "line 2: more than 128 labels" in source.health(12.0).reason


@pytest.mark.parametrize("timestamp", ["9" * 400, "9" * 5000, "-" + "1" * 20])
def test_a_timestamp_of_more_digits_than_64_bits_have_is_malformed(timestamp: str) -> None:
    source = node()
    source.read(f"node_load1 1\nnode_load5 1 {timestamp}\n".encode(), 10.0)
    assert source.health(10.0).problem is SourceProblem.MALFORMED
    assert "is not a timestamp" in source.health(10.0).reason
