"""The metrics page, in text format 0.0.4.

Family names are those of prometheus-nginxlog-exporter and nginx-prometheus-exporter where these have the same figure:
rules and dashboards made for them go on working. Three of these names are counters without `_total`, which is against
Prometheus' own rules (`promtool check metrics`): they are of no type here, and counters all the same.
"""

from collections.abc import Iterator

from hls_swarm import __version__
from hls_swarm.logexporter.counts import BOUNDS, LogCounts, TimeCounts
from hls_swarm.logexporter.stub_status import StubStatus

_SELF = "hls_swarm_log_exporter"
_UNTYPED = "untyped"


def metrics_page(
    counts: LogCounts,
    *,
    unread_bytes: int | None,
    rotations: int | None,
    readable: bool | None,
    received: int | None,
    dropped: int | None,
    buffer_bytes: int | None,
    cpu_seconds: float,
    stub_status: StubStatus | None,
    asks_stub_status: bool,
) -> bytes:
    """The whole page.

    Args:
        unread_bytes, rotations, readable: of the log file; None without one.
        received, dropped, buffer_bytes: datagrams read and lost, and the buffer that they wait in; None without syslog
            or where it is not known.
        cpu_seconds: that this process has used.
        stub_status: None if nginx did not answer.
        asks_stub_status: whether it was asked.
    """
    lines = [
        *_family(f"{_SELF}_build_info", "gauge", "Version of the log exporter."),
        f'{_SELF}_build_info{{version="{__version__}"}} 1',
        *_log(counts),
        *_simple("nginx_parse_errors_total", "counter", "Lines that are not of the log format.", counts.malformed),
        *_simple(f"{_SELF}_unread_bytes", "gauge", "Bytes of the log not read yet.", unread_bytes),
        *_simple(f"{_SELF}_rotations_total", "counter", "Rotations of the log followed.", rotations),
        *_simple(f"{_SELF}_log_readable", "gauge", "1 if the log can be read, 0 if not.", _flag(readable)),
        *_simple(f"{_SELF}_syslog_received_total", "counter", "Datagrams read.", received),
        *_simple(f"{_SELF}_syslog_dropped_total", "counter", "Datagrams the kernel had no room for: lost.", dropped),
        *_simple(f"{_SELF}_syslog_buffer_bytes", "gauge", "Room for datagrams that wait to be read.", buffer_bytes),
        *_simple("process_cpu_seconds_total", "counter", "CPU time this process has used.", round(cpu_seconds, 3)),
    ]
    if asks_stub_status:
        lines += _connections(stub_status)
    return ("\n".join(lines) + "\n").encode()


def _log(counts: LogCounts) -> Iterator[str]:
    name = "nginx_http_response_count_total"
    yield from _family(name, "counter", "Requests by status.")
    yield from (f'{name}{{status="{status}"}} {count}' for status, count in sorted(counts.statuses.items()))
    yield from _simple("nginx_http_response_size_bytes", _UNTYPED, "Bytes sent to clients.", counts.sent_bytes)
    yield from _histogram(
        "nginx_http_response_time_seconds_hist",
        "Time from the first byte of a request to the last byte of its response.",
        counts.seconds,
    )
    yield from _histogram(
        "nginx_http_upstream_time_seconds_hist", "Time a request waited for upstreams.", counts.upstream_seconds
    )
    name = "nginx_http_cache_count_total"
    yield from _family(name, "counter", "Requests that asked a cache, by what it said.")
    yield from (f'{name}{{cache_status="{status}"}} {count}' for status, count in sorted(counts.cache_statuses.items()))


def _connections(status: StubStatus | None) -> Iterator[str]:
    yield from _simple("nginx_up", "gauge", "1 if nginx answers with stub_status, 0 if not.", _flag(status is not None))
    if status is None:
        return
    for name, kind, text, value in (
        ("nginx_connections_active", "gauge", "Connections open.", status.active),
        ("nginx_connections_accepted", _UNTYPED, "Connections accepted.", status.accepted),
        ("nginx_connections_handled", _UNTYPED, "Connections handled.", status.handled),
        ("nginx_connections_reading", "gauge", "Connections whose request head is read.", status.reading),
        ("nginx_connections_writing", "gauge", "Connections an answer is written to.", status.writing),
        ("nginx_connections_waiting", "gauge", "Idle connections.", status.waiting),
        ("nginx_http_requests_total", "counter", "Requests by nginx's own count.", status.requests),
    ):
        yield from _simple(name, kind, text, value)


def _histogram(name: str, text: str, times: TimeCounts) -> Iterator[str]:
    yield from _family(name, "histogram", text)
    below = 0
    for bound, count in zip(BOUNDS, times.buckets, strict=False):
        below += count
        yield f'{name}_bucket{{le="{bound:g}"}} {below}'
    below += times.buckets[-1]
    yield f'{name}_bucket{{le="+Inf"}} {below}'
    yield f"{name}_sum {times.sum:.3f}"
    yield f"{name}_count {below}"


def _simple(name: str, kind: str, text: str, value: float | None) -> Iterator[str]:
    if value is not None:
        yield from _family(name, kind, text)
        yield f"{name} {value}"


def _family(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)
