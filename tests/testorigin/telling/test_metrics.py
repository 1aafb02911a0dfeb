"""The metrics pages: values under nginx's names, and what is on which page."""

from prometheus_client.parser import text_string_to_metric_families

from hls_swarm.testorigin.settings import LogTo
from hls_swarm.testorigin.telling.access_log import AccessLog
from hls_swarm.testorigin.telling.metrics import MetricsPages
from hls_swarm.testorigin.telling.traffic import Traffic

TRAFFIC = Traffic(accepted=12, active=7, reading=1, writing=2, unmetered_requests=4)
for _seconds in (0.0004, 0.0005, 0.003, 0.2, 99.0):
    TRAFFIC.add_request(_seconds, 1000)
PAGES = MetricsPages(TRAFFIC, AccessLog(LogTo.NOWHERE), lambda: 1_769_868_309.0)


def page(path: str) -> dict[str, float]:
    resource = PAGES.find(path)
    assert resource is not None
    assert not resource.metered
    assert isinstance(resource.content, bytes)
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(resource.content.decode())
        for sample in family.samples
    }


def test_traffic_under_nginx_names() -> None:
    samples = page("/metrics/nginx")
    assert {name: value for name, value in samples.items() if "bucket" not in name and name.startswith("nginx")} == {
        "nginx_up": 1,
        "nginx_connections_active": 7,
        "nginx_connections_reading": 1,
        "nginx_connections_writing": 2,
        "nginx_connections_waiting": 4,
        "nginx_connections_accepted": 12,
        "nginx_connections_handled": 12,
        "nginx_http_requests_total": 5,
        "nginx_http_request_duration_seconds_count": 5,
        "nginx_http_request_duration_seconds_sum": 0.0004 + 0.0005 + 0.003 + 0.2 + 99.0,
    }
    assert samples["hls_swarm_origin_body_bytes_total"] == 5000
    assert samples["hls_swarm_origin_metrics_requests_total"] == 4
    assert samples["process_open_fds"] > 0


def test_the_histogram_is_cumulative_and_its_bounds_are_inclusive() -> None:
    prefix = "nginx_http_request_duration_seconds_bucket"
    samples = page("/metrics/nginx")
    buckets = {name.removeprefix(prefix): value for name, value in samples.items() if name.startswith(prefix)}
    assert [buckets[bound] for bound in ("0.0005", "0.001", "0.005", "0.25", "30.0", "+Inf")] == [2, 2, 3, 4, 4, 5]


def test_the_machine_has_a_page_of_its_own() -> None:
    samples = page("/metrics/node")
    assert samples["node_time_seconds"] == 1_769_868_309.0
    assert not any(name.startswith("nginx") for name in samples)


def test_one_page_has_both() -> None:
    assert page("/metrics").keys() >= {*page("/metrics/nginx"), *page("/metrics/node")}
    assert PAGES.find("/metrics/") is None
