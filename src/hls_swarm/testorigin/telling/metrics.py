"""The origin's metrics pages: the machine under node_exporter's names, the server under those of nginx exporters."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from hls_swarm.testorigin.resources import Caching, Resource
from hls_swarm.testorigin.settings import METRICS_PATH, NGINX_METRICS_PATH, NODE_METRICS_PATH
from hls_swarm.testorigin.telling.access_log import AccessLog
from hls_swarm.testorigin.telling.machine import MachineCollector, MadeLink
from hls_swarm.testorigin.telling.traffic import DURATION_BOUNDS, Traffic

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class TrafficCollector(Collector):
    """The server's counters under the names of nginx-prometheus-exporter, and a histogram of request times.

    `nginx_connections_accepted` and `_handled` are untyped here: as counters without `_total` they have no place in
    prometheus_client.
    """

    def __init__(self, traffic: Traffic, log: AccessLog) -> None:
        self._traffic, self._log = traffic, log

    def collect(self) -> Iterator[Metric]:
        """The counters as they are now."""
        traffic = self._traffic
        yield GaugeMetricFamily("nginx_up", "Status of the last metric scrape.", 1)
        connections = "nginx_connections"
        yield GaugeMetricFamily(f"{connections}_active", "Active client connections.", traffic.active)
        yield GaugeMetricFamily(f"{connections}_reading", "Connections that read a request head.", traffic.reading)
        yield GaugeMetricFamily(f"{connections}_writing", "Connections that write an answer.", traffic.writing)
        yield GaugeMetricFamily(f"{connections}_waiting", "Idle client connections.", traffic.waiting)
        yield UnknownMetricFamily(f"{connections}_accepted", "Accepted client connections.", traffic.accepted)
        yield UnknownMetricFamily(
            f"{connections}_handled", "Handled client connections.", traffic.accepted - traffic.dropped
        )
        yield CounterMetricFamily(
            "nginx_http_requests", "Client requests that ended, without those for metrics.", traffic.requests
        )
        bounds = [*(str(bound) for bound in DURATION_BOUNDS), "+Inf"]
        yield HistogramMetricFamily(
            "nginx_http_request_duration_seconds",
            "From the first byte of a request to the last byte of its answer, without those for metrics.",
            buckets=list(zip(bounds, accumulate(traffic.durations), strict=True)),
            sum_value=traffic.duration_sum,
        )
        yield CounterMetricFamily(
            "hls_swarm_origin_body_bytes", "Body bytes of those answers, as in the access log.", traffic.body_bytes
        )
        yield CounterMetricFamily(
            "hls_swarm_origin_cmcd_requests",
            "Those of the requests that told of a player (CMCD).",
            traffic.cmcd.requests,
        )
        yield GaugeMetricFamily(
            "hls_swarm_origin_cmcd_sessions", "Sessions that they named (sid).", traffic.cmcd.sessions
        )
        yield CounterMetricFamily(
            "hls_swarm_origin_metrics_requests", "Requests for metrics.", traffic.unmetered_requests
        )
        yield CounterMetricFamily(
            "hls_swarm_origin_accept_pauses", "Times that no more connections could be taken.", traffic.accepts_paused
        )
        yield CounterMetricFamily(
            "hls_swarm_origin_lost_log_lines", "Access log lines that could not be written.", self._log.lost_lines
        )


class MetricsPages:
    """The pages at their paths, rendered at each request.

    Args:
        link: that the origin's bandwidth is limited to; None: it is not.
    """

    def __init__(
        self,
        traffic: Traffic,
        log: AccessLog,
        wall: Callable[[], float],
        link: Callable[[], MadeLink] | None = None,
    ) -> None:
        machine, server = MachineCollector(wall, link=link), TrafficCollector(traffic, log)
        node, nginx, both = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
        for registry in (node, both):
            registry.register(machine)
        for registry in (nginx, both):
            registry.register(server)
            ProcessCollector(registry=registry)
        self._registries = {NODE_METRICS_PATH: node, NGINX_METRICS_PATH: nginx, METRICS_PATH: both}

    def find(self, path: str) -> Resource | None:
        """The page at a path, as of now."""
        registry = self._registries.get(path)
        if registry is None:
            return None
        return Resource(EXPOSITION_TYPE, generate_latest(registry), Caching.NEVER, metered=False)
