from dataclasses import replace
from io import StringIO

from rich.console import Console
from tests.support.made.snapshots import failed, snapshot, stalled, watching
from tests.views.tui import states

from hls_swarm.judge.summary import known
from hls_swarm.judge.summary import summary as described
from hls_swarm.judge.verdict import judge
from hls_swarm.records import EndReason, Record, ViewerStopped
from hls_swarm.snapshot.origin.metrics import (
    OriginMetrics,
    Reading,
    Role,
    SourceHealth,
    SourceProblem,
    SourceState,
    TargetMetrics,
    Unknown,
    WhyUnknown,
)
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.snapshot.origin.tally import TargetSummary
from hls_swarm.snapshot.snapshot import Phase, Snapshot
from hls_swarm.snapshot.viewers.hosts import host_figures, version_figures
from hls_swarm.stats.histogram import Distribution
from hls_swarm.stats.hosts import HTTP2, HTTP3, HostTally, VersionTally
from hls_swarm.views.tables import origin_tables
from hls_swarm.views.terminal.live import LineView
from hls_swarm.views.terminal.output import Output
from hls_swarm.views.terminal.text import status_line, summary


def printed(renderable: object, width: int = 100) -> str:
    out = StringIO()
    Console(file=out, width=width, color_system=None, highlight=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def origin() -> OriginMetrics:
    readings = {
        "cpu_percent": Reading(SIGNALS["cpu_percent"], 35.2, at=9.0, p50=30.0, p95=35.0, max=36.0),
        "network_out_bytes_per_second": Reading(
            SIGNALS["network_out_bytes_per_second"], 1.25e8, at=9.0, p50=1e8, p95=1.2e8, max=1.3e8
        ),
        "nginx_requests_per_second": Reading(SIGNALS["nginx_requests_per_second"], None),
    }
    sources = (
        SourceHealth(Role.NODE, "http://origin.test:9100/metrics", SourceState.UP, last_success_at=9.0),
        SourceHealth(
            Role.NGINX, "http://origin.test:9113/metrics", SourceState.FAILING, SourceProblem.REFUSED, "refused"
        ),
    )
    return OriginMetrics((TargetMetrics("origin.test", sources, readings, at=10.0),), 10.0, 2.0, 30.0)


def test_the_status_line_says_how_it_goes() -> None:
    line = status_line(snapshot(*watching(0, 8.5), *watching(1, 8.6), origin=origin()))
    assert line == (
        "0:10  steady  viewers 2/4  playing 2  6.01 Mbit/s  segments 1.00/s  stalls 0  errors 0  "
        "origin CPU 35.2%, Network out 1.00 Gbit/s, nginx: refused (never answered)"
    )


def test_what_is_not_known_yet_is_a_dash() -> None:
    assert (
        status_line(snapshot(at=3.0)) == "0:03  steady  viewers 0/4  playing 0  0 bit/s  segments -  stalls 0  errors 0"
    )


def test_the_summary_is_read_at_a_glance() -> None:
    made = snapshot(*watching(0, 0.0), *stalled(0, 4.5, 1.5), *failed(1, 2.0), phase=Phase.FINISHED)
    text = printed(summary(made, judge(made), ()), width=160)
    assert text.splitlines()[0] == "ERROR  10.0 s, 1 of 2 viewers played  http://origin.test/live/master.m3u8"
    for line in (
        (
            "Viewers       2 started, 1 played, 1 failed, 1 running (1 playing, 0 stalled, 0 starting); "
            "at most 1 at a time of 4"
        ),
        "Requests      4 (2 multivariant playlists, 1 media playlist, 1 segment), 1 failed",
        "Throughput    601 kbit/s mean, 3.00 Mbit/s peak; 751 kB in all",
        "Startup       P50 500 ms  P95 500 ms  P99 500 ms  max 500 ms",
        "Stalls        1, 1.50 s in all; rebuffering 15.8%",
        "Live latency  P50 7.00 s  P95 7.00 s  P99 7.00 s  max 7.00 s",
        "Generator     1 worker, 500 ms CPU, loop lag P99 1.00 ms, 0 late starts",
        "Origin metrics not configured: --origin-metrics-host HOST shows them here",
    ):
        assert line in text.splitlines(), text
    assert "multivariant playlist, HTTP 404" in text
    assert "HTTP 404 Not Found http://origin.test/live/master.m3u8" in text


def test_it_says_over_which_http_each_host_was_asked() -> None:
    hosts = {
        "cdn.test:443": HostTally({HTTP2: VersionTally(60, 4), HTTP3: VersionTally(1440, 5, 1)}),
        "ads.test:443": HostTally({HTTP2: VersionTally(1, 1, offers_http3=True)}),
    }
    made = replace(snapshot(*watching(0, 0.0)), hosts=host_figures(hosts), http_versions=version_figures(hosts))
    lines = printed(summary(made, judge(made), ()), width=160).splitlines()
    assert (
        "Protocol      HTTP/2: 61 requests on 5 connections; HTTP/3: 1,440 requests on 5 connections (1 resumed)"
        in lines
    )
    assert "Hosts         cdn.test:443: 1,500 requests, HTTP/2 and HTTP/3" in lines
    assert "              ads.test:443: 1 request, HTTP/2, HTTP/3 offered, not taken" in lines


def test_datagrams_that_found_no_room_are_said() -> None:
    made = snapshot(*watching(0, 0.0))
    made = replace(made, generator=replace(made.generator, datagrams_received=9000, datagrams_dropped=1))
    lines = printed(summary(made, judge(made), ()), width=160).splitlines()
    assert "Generator     1 worker, 500 ms CPU, loop lag P99 1.00 ms, 0 late starts, 1 datagram dropped" in lines
    counted = known(described(made, judge(made), started_at=0.0, version="1"))["generator"]
    assert (counted["datagrams_received"], counted["datagrams_dropped"]) == (9000, 1)


def test_an_error_says_why_below_its_verdict() -> None:
    made = snapshot(*failed(0, 1.0))
    lines = printed(summary(made, judge(made), ())).splitlines()
    assert lines[0].startswith("ERROR")
    assert lines[1] == "  the only viewer failed: HTTP 404 Not Found, playlist http://origin.test/live/master.m3u8"


def test_where_no_answer_came_no_table_of_latencies_stands() -> None:
    for records, stands in ((watching(0, 1.0), True), (failed(0, 1.0), False)):
        made = snapshot(*records)
        lines = printed(summary(made, judge(made), ())).splitlines()
        assert any(line.startswith("Latency ") for line in lines) is stands


def test_sessions_are_not_counted_against_the_viewers_that_there_should_be_at_a_time() -> None:
    visits: list[Record] = []
    for number in range(6):
        visits += [*watching(number, float(number)), ViewerStopped(number, number + 0.9, EndReason.LEFT, True)]
    made = snapshot(*visits, phase=Phase.FINISHED, target=2)
    lines = printed(summary(made, judge(made), ()), width=160).splitlines()
    assert lines[0] == "NOT JUDGED  10.0 s, 6 of 6 sessions played  http://origin.test/live/master.m3u8"
    assert "Viewers       6 started, 6 played, 0 failed, 6 left; at most 0 at a time of 2" in lines


def test_a_generator_that_is_the_bottleneck_is_said_in_the_line() -> None:
    assert "GENERATOR-BOUND: this machine was late: event-loop lag P99 312 ms" in status_line(states.generator_bound())


def test_a_line_is_printed_every_few_seconds_and_when_the_phase_changes() -> None:
    out = StringIO()
    view = LineView(Output(out, width=200))

    def at(seconds: float, phase: Phase) -> Snapshot:
        return snapshot(at=seconds, phase=phase)

    for second in range(2, 14):
        view.update(at(float(second), Phase.RAMPING if second < 5 else Phase.STEADY))
    assert [line[:14] for line in out.getvalue().splitlines()] == ["0:02  ramping ", "0:05  steady  ", "0:10  steady  "]


def test_request_times_below_nginx_s_clock_are_no_figures() -> None:
    target = TargetSummary(
        "origin.test",
        {"nginx_requests_per_second": Distribution(9, 100.0, 100.0, 101.0, 102.0, 102.0)},
        {"nginx_request_seconds": {"p50": 0.0005, "p95": 0.00095, "p99": 0.0042}},
    )
    made = snapshot(*watching(0, 8.5), origin=origin())
    live = printed(summary(made, judge(made), (target,)), width=160)
    assert "nginx request time  P50 < 1 ms  P95 < 1 ms  P99 4.20 ms" in live.splitlines()
    (table,) = origin_tables({"origin": [target.json_object()]})
    assert [row[:2] for row in table.rows if "time" in row[0]] == [
        ("nginx request time P50", "< 1 ms"),
        ("nginx request time P95", "< 1 ms"),
        ("nginx request time P99", "4.20 ms"),
    ]


def test_signals_that_were_0_all_the_time_share_a_line_and_a_share_is_told_from_its_amount() -> None:
    target = TargetSummary(
        "origin.test",
        {
            "memory_used_bytes": Distribution(9, 1e9, 1e9, 1e9, 1e9, 1e9),
            "memory_used_percent": Distribution(9, 4.0, 4.0, 4.0, 4.0, 4.0),
            "memory_oom_kills_per_second": Distribution(9, 0.0, 0.0, 0.0, 0.0, 0.0),
            "memory_swap_in_per_second": Distribution(9, 0.0, 0.0, 0.0, 0.0, 0.0),
            "tcp_listen_drops_per_second": Distribution(9, 0.1, 0.0, 0.0, 0.0, 2.0),
        },
        {},
    )
    made = snapshot(*watching(0, 8.5), origin=origin())
    lines = printed(summary(made, judge(made), (target,)), width=160).splitlines()
    assert "0 all the time: Memory OOM kills, Memory swap-in" in lines
    (table,) = origin_tables({"origin": [target.json_object()]})
    names = [row[0] for row in table.rows]
    assert names[:2] == ["Memory used", "Memory used, share"]
    assert names[-1] == "0 all the time: Memory OOM kills, Memory swap-in"
    assert "TCP listen drops" in names  # once is not never
    assert [line.split("  ")[0] for line in lines if line.startswith("Memory")] == names[:2]


def test_a_device_that_carries_the_load_and_is_not_on_the_page_is_said() -> None:
    why = Unknown(WhyUnknown.HIDDEN, "the load comes over lo, which is not on the page", "show it")
    readings = {
        name: Reading(SIGNALS[name], unknown=why)
        for name in ("network_in_bytes_per_second", "network_out_bytes_per_second")
    }
    target = TargetMetrics("origin.test", (), readings, at=10.0)
    made = snapshot(*watching(0, 8.5), origin=OriginMetrics((target,), 10.0, 2.0, 30.0))
    assert "origin Network out -" in status_line(made)
    lines = printed(summary(made, judge(made), (TargetSummary("origin.test", {}, {}),)), width=160).splitlines()
    assert lines.count("  the load comes over lo, which is not on the page: show it") == 1
