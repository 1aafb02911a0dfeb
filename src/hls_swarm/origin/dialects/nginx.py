"""The tables of what exports nginx: one dialect each.

| Dialect | Comes from | Its peculiarity |
|---|---|---|
| stub_status | nginx-prometheus-exporter beside nginx | connections and one request counter, nothing else |
| Plus | the same exporter beside NGINX Plus | zones: responses by class, bytes, caches |
| VTS | nginx-module-vts, inside nginx | `host="*"` is the sum of all hosts, `code="total"` the sum of all codes |
| access log | prometheus-nginxlog-exporter | the operator chooses the first part of the names |
| log exporter | `hls-swarm log-exporter` | the log's requests, and with `--stub-status` nginx's connections too |
| ingress | the ingress-nginx controller | process families and request families |
| Lua | nginx-lua-prometheus with the names of its manual | the operator chooses all names |
"""

from hls_swarm.origin.dialects.formulas import (
    difference_rate,
    gauge,
    increase_ratio,
    label_difference,
    of_one_family,
    quantile,
    rate,
    rate_of,
    share_where,
    sum_of_gauges,
    summary_quantile,
)
from hls_swarm.origin.dialects.signals import Dialect, HistogramRow, Row, row
from hls_swarm.origin.interval import (
    NOTHING_HAPPENED,
    Filter,
    Inputs,
    NotKnown,
    both,
    every_series,
    label_in,
    label_not_in,
)

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_SUMMARY_NOTE = "the exporter's own summary, over its own window"

_CACHE_HITS = ("HIT", "STALE", "UPDATING", "REVALIDATED")
_CACHE_MISSES = ("MISS", "EXPIRED", "BYPASS")

_ZONES = "declare a status_zone in the server blocks"
_REQUEST_TIME = "log $request_time and run hls-swarm log-exporter, or build nginx with nginx-module-vts"
_STATUS_CLASS = "run hls-swarm log-exporter on the access log, or build nginx with nginx-module-vts"
_CONNECTIONS = "run nginx-prometheus-exporter on stub_status beside it"
_UPSTREAM = "log $upstream_response_time and run hls-swarm log-exporter"
_CACHE = "build nginx with nginx-module-vts"

_CLASSES = tuple(f"nginx_responses_{first}xx_per_second" for first in "12345")
_TIMES = ("nginx_request_seconds_mean", *(f"nginx_request_seconds_{name}" for name in _QUANTILES))
_ONLY_CONNECTIONS = (
    "nginx_connections",
    "nginx_connections_reading",
    "nginx_connections_writing",
    "nginx_connections_waiting",
    "nginx_accepts_per_second",
    "nginx_drops_per_second",
)


def _how(names: tuple[str, ...], line: str) -> dict[str, str]:
    return dict.fromkeys(names, line)


def _by_class(family: str, label: str, where: Filter = every_series) -> tuple[Row, ...]:
    """Responses by the first digit of a label that is a status or a class of them."""
    return tuple(
        row(f"nginx_responses_{first}xx_per_second", family, by=rate_of(label, first), where=where) for first in "12345"
    )


def _times(family: str, where: Filter = every_series) -> tuple[Row, ...]:
    """Average and quantiles of a histogram."""
    return (
        row("nginx_request_seconds_mean", f"{family}_sum", f"{family}_count", by=increase_ratio, where=where),
        *(row(f"nginx_request_seconds_{name}", family, by=quantile(q), where=where) for name, q in _QUANTILES.items()),
    )


def _states(family: str, label: str) -> tuple[Row, ...]:
    """Connections whose state is a label."""
    return (
        row("nginx_connections", family, by=gauge, where=label_in(label, "active")),
        row("nginx_connections_reading", family, by=gauge, where=label_in(label, "reading")),
        row("nginx_connections_writing", family, by=gauge, where=label_in(label, "writing")),
        row("nginx_connections_waiting", family, by=gauge, where=label_in(label, "waiting")),
    )


# What exporters of one's own making add to the request counter, by the names of nginx-lua-prometheus' manual.
_OWN_MAKING = (
    *_by_class("nginx_http_requests_total", "status"),
    row("nginx_out_bytes_per_second", "nginx_http_response_size_bytes_sum", by=rate),
    *_times("nginx_http_request_duration_seconds"),
)
_OWN_HISTOGRAMS = (HistogramRow("nginx_request_seconds", "nginx_http_request_duration_seconds"),)

STUB_STATUS = Dialect(
    name="nginx-prometheus-exporter (stub_status)",
    signs=("nginx_connections_active", "nginx_up", "nginxexporter_build_info", "nginx_exporter_build_info"),
    up="nginx_up",
    always="nginx_http_requests_total",
    server="nginx",
    asked="stub_status",
    up_signal="nginx_up",
    rows=(
        row("nginx_connections", "nginx_connections_active", by=gauge),
        row("nginx_connections_reading", "nginx_connections_reading", by=gauge),
        row("nginx_connections_writing", "nginx_connections_writing", by=gauge),
        row("nginx_connections_waiting", "nginx_connections_waiting", by=gauge),
        row("nginx_accepts_per_second", "nginx_connections_accepted", by=rate),
        row("nginx_drops_per_second", "nginx_connections_accepted", "nginx_connections_handled", by=difference_rate),
        row("nginx_requests_per_second", "nginx_http_requests_total", by=rate),
        *_OWN_MAKING,
    ),
    histograms=_OWN_HISTOGRAMS,
    how_to_get={
        **_how((*_CLASSES, "nginx_out_bytes_per_second"), _STATUS_CLASS),
        **_how(_TIMES, _REQUEST_TIME),
        "nginx_cache_hit_ratio": "log $upstream_cache_status and run hls-swarm log-exporter",
        "nginx_upstream_ratio": _UPSTREAM,
    },
)

_PLUS_CACHE = tuple(
    f"nginxplus_cache_{status}_responses"
    for status in ("hit", "stale", "updating", "revalidated", "miss", "expired", "bypass")
)


def _plus_hits(inputs: Inputs) -> float:
    """Answers served from a cache (hit, stale, updating, revalidated) of all that went through one."""
    counted = [inputs.increase(nth) for nth in range(len(_PLUS_CACHE))]
    whole = sum(counted)
    if whole <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return sum(counted[:4]) / whole


PLUS = Dialect(
    name="nginx-prometheus-exporter (NGINX Plus)",
    signs=("nginxplus_connections_accepted", "nginxplus_http_requests_total"),
    up="nginx_up",
    always="nginxplus_http_requests_total",
    server="nginx",
    asked="its API",
    up_signal="nginx_up",
    rows=(
        row("nginx_connections", "nginxplus_connections_active", "nginxplus_connections_idle", by=sum_of_gauges),
        row("nginx_connections", "nginxplus_connections_active", by=gauge, note="without idle ones"),
        row("nginx_connections_waiting", "nginxplus_connections_idle", by=gauge),
        row("nginx_accepts_per_second", "nginxplus_connections_accepted", by=rate),
        row("nginx_drops_per_second", "nginxplus_connections_dropped", by=rate),
        row("nginx_requests_per_second", "nginxplus_http_requests_total", by=rate),
        *_by_class("nginxplus_server_zone_responses", "code"),
        row("nginx_out_bytes_per_second", "nginxplus_server_zone_sent", by=rate),
        row("nginx_cache_hit_ratio", *_PLUS_CACHE, by=_plus_hits),
    ),
    how_to_get={
        **_how((*_CLASSES, "nginx_out_bytes_per_second"), _ZONES),
        **_how(_TIMES, "log $request_time and run hls-swarm log-exporter"),
        "nginx_cache_hit_ratio": "declare a proxy_cache_path with a keys_zone",
        "nginx_upstream_ratio": _UPSTREAM,
    },
)

# The sum of all hosts stands on the page beside them, and so does the sum of all codes: each request counts once.
_EACH_HOST = label_not_in("host", "*")
_EACH_CODE = both(_EACH_HOST, label_not_in("code", "total"))

VTS = Dialect(
    name="nginx-module-vts",
    signs=("nginx_vts_info", "nginx_vts_main_connections"),
    always="nginx_vts_main_connections",
    server="nginx",
    up_signal="nginx_up",
    rows=(
        *_states("nginx_vts_main_connections", "status"),
        row("nginx_accepts_per_second", "nginx_vts_main_connections", by=rate, where=label_in("status", "accepted")),
        row(
            "nginx_drops_per_second", "nginx_vts_main_connections", by=label_difference("status", "accepted", "handled")
        ),
        row("nginx_requests_per_second", "nginx_vts_server_requests_total", by=rate, where=_EACH_CODE),
        row("nginx_requests_per_second", "nginx_vts_main_connections", by=rate, where=label_in("status", "requests")),
        *_by_class("nginx_vts_server_requests_total", "code", _EACH_HOST),
        row(
            "nginx_out_bytes_per_second",
            "nginx_vts_server_bytes_total",
            by=rate,
            where=both(_EACH_HOST, label_in("direction", "out")),
        ),
        *_times("nginx_vts_server_request_duration_seconds", _EACH_HOST),
        row(
            "nginx_request_seconds_mean",
            "nginx_vts_server_request_seconds_total",
            "nginx_vts_server_requests_total",
            by=increase_ratio,
            where=_EACH_CODE,
        ),
        row(
            "nginx_upstream_ratio",
            "nginx_vts_upstream_response_seconds_total",
            "nginx_vts_server_request_seconds_total",
            by=increase_ratio,
            where=_EACH_HOST,
        ),
        row(
            "nginx_cache_hit_ratio",
            "nginx_vts_server_cache_total",
            by=share_where(label_in("status", "hit", "stale", "updating", "revalidated")),
            where=both(_EACH_HOST, label_not_in("status", "scarce")),
        ),
    ),
    histograms=(HistogramRow("nginx_request_seconds", "nginx_vts_server_request_duration_seconds", _EACH_HOST),),
    how_to_get={
        **_how(_TIMES, "set vhost_traffic_status_histogram_buckets"),
        "nginx_cache_hit_ratio": "needs a proxy_cache",
        "nginx_upstream_ratio": "needs nginx-module-vts 0.1.18 or later and an upstream",
    },
)

ACCESS_LOG = Dialect(
    name="access-log exporter",
    up_signal="nginx_up",
    signs=("*_http_response_count_total", "*_http_response_size_bytes", "*_parse_errors_total"),
    rows=(
        row("nginx_requests_per_second", "*_http_response_count_total", by=rate),
        *_by_class("*_http_response_count_total", "status"),
        row("nginx_out_bytes_per_second", "*_http_response_size_bytes", by=rate),
        *_times("*_http_response_time_seconds_hist"),
        row(
            "nginx_request_seconds_mean",
            "*_http_response_time_seconds_sum",
            "*_http_response_time_seconds_count",
            by=increase_ratio,
        ),
        row(
            "nginx_request_seconds_p50", "*_http_response_time_seconds", by=summary_quantile("0.5"), note=_SUMMARY_NOTE
        ),
        row(
            "nginx_request_seconds_p95", "*_http_response_time_seconds", by=summary_quantile("0.95"), note=_SUMMARY_NOTE
        ),
        row(
            "nginx_request_seconds_p99", "*_http_response_time_seconds", by=summary_quantile("0.99"), note=_SUMMARY_NOTE
        ),
        row(
            "nginx_upstream_ratio",
            "*_http_upstream_time_seconds_sum",
            "*_http_response_time_seconds_sum",
            by=increase_ratio,
        ),
        row(
            "nginx_upstream_ratio",
            "*_http_upstream_time_seconds_hist_sum",
            "*_http_response_time_seconds_hist_sum",
            by=increase_ratio,
        ),
        row(
            "nginx_cache_hit_ratio",
            "*_http_response_count_total",
            by=share_where(label_in("cache_status", *_CACHE_HITS)),
            where=label_in("cache_status", *_CACHE_HITS, *_CACHE_MISSES),
        ),
    ),
    histograms=(HistogramRow("nginx_request_seconds", "*_http_response_time_seconds_hist"),),
    how_to_get={
        **_how(_ONLY_CONNECTIONS, _CONNECTIONS),
        **_how(_TIMES, "log $request_time and name it in the exporter's format"),
        "nginx_cache_hit_ratio": "log $upstream_cache_status as the label cache_status",
        "nginx_upstream_ratio": "log $upstream_response_time and name it in the exporter's format",
    },
)

_LOGGED_TIMES = "nginx_http_response_time_seconds_hist"
_WITH_STUB_STATUS = "give the log exporter --stub-status"

LOG_EXPORTER = Dialect(
    name="hls-swarm log-exporter",
    signs=("hls_swarm_log_exporter_build_info",),
    up="nginx_up",
    server="nginx",
    asked="stub_status",
    outlives=True,
    up_signal="nginx_up",
    rows=(
        *(one for one in STUB_STATUS.rows if one.families[0].startswith("nginx_connections_")),
        row("nginx_requests_per_second", f"{_LOGGED_TIMES}_count", by=rate, note="those that are logged"),
        *_by_class("nginx_http_response_count_total", "status"),
        row("nginx_out_bytes_per_second", "nginx_http_response_size_bytes", by=rate),
        *_times(_LOGGED_TIMES),
        row(
            "nginx_upstream_ratio",
            "nginx_http_upstream_time_seconds_hist_sum",
            f"{_LOGGED_TIMES}_sum",
            by=increase_ratio,
        ),
        row(
            "nginx_cache_hit_ratio",
            "nginx_http_cache_count_total",
            by=share_where(label_in("cache_status", *_CACHE_HITS)),
            where=label_in("cache_status", *_CACHE_HITS, *_CACHE_MISSES),
        ),
    ),
    histograms=(HistogramRow("nginx_request_seconds", _LOGGED_TIMES),),
    how_to_get=_how(_ONLY_CONNECTIONS, _WITH_STUB_STATUS),
)

_INGRESS = "nginx_ingress_controller"

INGRESS = Dialect(
    name="ingress-nginx controller",
    signs=(f"{_INGRESS}_nginx_process_connections", f"{_INGRESS}_requests", f"{_INGRESS}_build_info"),
    always=f"{_INGRESS}_nginx_process_connections",
    server="nginx",
    up_signal="nginx_up",
    rows=(
        *_states(f"{_INGRESS}_nginx_process_connections", "state"),
        row(
            "nginx_accepts_per_second",
            f"{_INGRESS}_nginx_process_connections_total",
            by=rate,
            where=label_in("state", "accepted"),
        ),
        row(
            "nginx_drops_per_second",
            f"{_INGRESS}_nginx_process_connections_total",
            by=label_difference("state", "accepted", "handled"),
        ),
        row("nginx_requests_per_second", f"{_INGRESS}_nginx_process_requests_total", by=rate),
        row("nginx_requests_per_second", f"{_INGRESS}_requests", by=rate),
        *_by_class(f"{_INGRESS}_requests", "status"),
        row("nginx_out_bytes_per_second", f"{_INGRESS}_response_size_sum", by=rate),
        row("nginx_out_bytes_per_second", f"{_INGRESS}_bytes_sent_sum", by=rate),
        *_times(f"{_INGRESS}_request_duration_seconds"),
        row(
            "nginx_upstream_ratio",
            f"{_INGRESS}_response_duration_seconds_sum",
            f"{_INGRESS}_request_duration_seconds_sum",
            by=increase_ratio,
        ),
    ),
    histograms=(HistogramRow("nginx_request_seconds", f"{_INGRESS}_request_duration_seconds"),),
    how_to_get={
        **_how(
            (*_CLASSES, *_TIMES, "nginx_out_bytes_per_second", "nginx_upstream_ratio"),
            "appears with the first request of an Ingress",
        ),
        "nginx_cache_hit_ratio": "the ingress-nginx controller has no figure for it",
    },
)

LUA = Dialect(
    name="nginx-lua-prometheus",
    up_signal="nginx_up",
    signs=("nginx_metric_errors_total", "nginx_http_connections", "nginx_http_request_duration_seconds_bucket"),
    rows=(
        *_states("nginx_http_connections", "state"),
        row("nginx_requests_per_second", "nginx_http_requests_total", by=rate),
        row("nginx_requests_per_second", "*_requests_total", by=of_one_family(rate)),
        *_OWN_MAKING,
        *(
            row(
                f"nginx_responses_{first}xx_per_second",
                "*_requests_total",
                by=of_one_family(rate_of("status", first)),
            )
            for first in "12345"
        ),
        row("nginx_out_bytes_per_second", "*_bytes_sent", by=of_one_family(rate)),
    ),
    histograms=_OWN_HISTOGRAMS,
    how_to_get={
        **_how(_ONLY_CONNECTIONS[:4], "export the gauge nginx_http_connections with the label state"),
        **_how(_ONLY_CONNECTIONS[4:], _CONNECTIONS),
        **_how(_CLASSES, "give the counter nginx_http_requests_total the label status"),
        **_how(_TIMES, "export the histogram nginx_http_request_duration_seconds"),
        "nginx_out_bytes_per_second": "export the histogram nginx_http_response_size_bytes",
        "nginx_cache_hit_ratio": _CACHE,
        "nginx_upstream_ratio": _UPSTREAM,
    },
)

NGINX_DIALECTS = (LOG_EXPORTER, PLUS, VTS, INGRESS, STUB_STATUS, LUA, ACCESS_LOG)
"""In the order of recognition: the more particular first."""
