"""The table of HAProxy's own Prometheus endpoint (2.0 and later)."""

from hls_swarm.origin.dialects.formulas import gauge, increase_ratio, rate, rate_of
from hls_swarm.origin.dialects.signals import Dialect, row
from hls_swarm.origin.interval import Inputs, label_in


def _busy(inputs: Inputs) -> float:
    """100 less the idle time of the process, which HAProxy averages over its threads and the last moments."""
    return 100 - inputs.total()


def _servers_down(inputs: Inputs) -> float:
    return float(sum(1 for _, value in inputs.values() if value > 0))


HAPROXY = Dialect(
    name="haproxy",
    signs=("haproxy_process_current_connections", "haproxy_frontend_http_requests_total"),
    rows=(
        row("haproxy_connections", "haproxy_process_current_connections", by=gauge),
        row("haproxy_accepts_per_second", "haproxy_frontend_connections_total", by=rate),
        row("haproxy_requests_per_second", "haproxy_frontend_http_requests_total", by=rate),
        *(
            row(
                f"haproxy_responses_{first}xx_per_second",
                "haproxy_frontend_http_responses_total",
                by=rate_of("code", first),
            )
            for first in "2345"
        ),
        row("haproxy_out_bytes_per_second", "haproxy_frontend_bytes_out_total", by=rate),
        row("haproxy_busy_percent", "haproxy_process_idle_time_percent", by=_busy),
        row("haproxy_queue", "haproxy_backend_current_queue", by=gauge),
        row("haproxy_servers_down", "haproxy_server_status", by=_servers_down, where=label_in("state", "DOWN")),
        row(
            "haproxy_cache_hit_ratio",
            "haproxy_frontend_http_cache_hits_total",
            "haproxy_frontend_http_cache_lookups_total",
            by=increase_ratio,
        ),
    ),
    how_to_get={
        "haproxy_cache_hit_ratio": "needs HAProxy 2.4 or later with a cache section",
        "haproxy_servers_down": "needs a backend with servers and HAProxy 2.4 or later",
    },
)
