"""Each dialect's table, over two pages ten seconds apart."""

import pytest
from tests.origin.pages import changed, grown, page_text, parsed, without

from hls_swarm.origin.dialects.recognition import BUILT_IN
from hls_swarm.origin.dialects.signals import Answer, answers
from hls_swarm.origin.interval import Interval
from hls_swarm.snapshot.origin.metrics import Group, Role, WhyUnknown

SECONDS = 10.0


def evaluated(before: str, after: str, role: Role = Role.NGINX) -> tuple[str, dict[str, Answer]]:
    dialect = BUILT_IN.recognised(parsed(after), role)
    assert dialect is not None
    interval = Interval(parsed(after), 100.0 + SECONDS, parsed(before), 100.0)
    assert not dialect.server_is_down(interval)
    return dialect.name, answers(dialect, interval)


def known(found: dict[str, Answer]) -> dict[str, float]:
    return {name: answer.value for name, answer in found.items() if answer.value is not None}


def why(found: dict[str, Answer], name: str) -> WhyUnknown:
    unknown = found[name].unknown
    assert unknown is not None
    return unknown.why


def test_node_exporter() -> None:
    first = page_text("node_exporter")
    base = changed(
        first,
        {
            "node_load1": 3.0,
            "node_memory_MemTotal_bytes": 8000.0,
            "node_memory_MemAvailable_bytes": 6000.0,
            'node_network_speed_bytes{device="eth0"}': 1000.0,
            "node_netstat_Tcp_CurrEstab": 42.0,
            "node_sockstat_TCP_inuse": 43.0,
            "node_sockstat_TCP_tw": 44.0,
            "node_sockstat_TCP_orphan": 45.0,
            "node_filefd_allocated": 250.0,
            "node_filefd_maximum": 1000.0,
            "node_nf_conntrack_entries": 48.0,
            "node_nf_conntrack_entries_limit": 50.0,
        },
    )
    second = grown(
        base,
        {
            'node_cpu_seconds_total{cpu="0",mode="idle"}': 1.0,
            'node_cpu_seconds_total{cpu="0",mode="user"}': 7.0,
            'node_cpu_seconds_total{cpu="0",mode="softirq"}': 2.0,
            'node_cpu_seconds_total{cpu="1",mode="idle"}': 6.0,
            'node_cpu_seconds_total{cpu="1",mode="iowait"}': 3.0,
            'node_cpu_seconds_total{cpu="1",mode="steal"}': 1.0,
            'node_network_receive_bytes_total{device="eth0"}': 500.0,
            'node_network_receive_bytes_total{device="ifb0"}': 9999.0,
            'node_network_transmit_bytes_total{device="eth0"}': 8000.0,
            'node_disk_read_bytes_total{device="vda"}': 4096.0,
            'node_disk_written_bytes_total{device="vda"}': 8192.0,
            'node_disk_written_bytes_total{device="zram0"}': 9999.0,
            'node_disk_io_time_seconds_total{device="vda"}': 2.5,
            "node_netstat_Tcp_OutSegs": 200.0,
            "node_netstat_Tcp_RetransSegs": 3.0,
            "node_netstat_TcpExt_ListenDrops": 20.0,
            "node_netstat_TcpExt_ListenOverflows": 10.0,
            'node_disk_read_time_seconds_total{device="vda"}': 0.6,
            'node_disk_reads_completed_total{device="vda"}': 200.0,
            "node_vmstat_pswpin": 50.0,
            "node_vmstat_pgmajfault": 70.0,
            "node_vmstat_oom_kill": 1.0,
            'node_softnet_dropped_total{cpu="0"}': 30.0,
            'node_softnet_dropped_total{cpu="1"}': 10.0,
            'node_softnet_times_squeezed_total{cpu="1"}': 20.0,
            "node_nf_conntrack_stat_drop": 5.0,
            "node_nf_conntrack_stat_early_drop": 3.0,
            "node_pressure_cpu_waiting_seconds_total": 5.0,
            "node_pressure_io_waiting_seconds_total": 1.0,
        },
    )
    name, found = evaluated(base, second, Role.NODE)
    assert name == "node_exporter"
    assert known(found) == pytest.approx(
        {
            "cpu_percent": 50.0,
            "cpu_busiest_core_percent": 90.0,
            "cpu_iowait_percent": 15.0,
            "cpu_steal_percent": 5.0,
            "cpu_softirq_percent": 10.0,
            "cpu_cores": 2.0,
            "load_per_core": 1.5,
            "memory_used_bytes": 2000.0,
            "memory_total_bytes": 8000.0,
            "memory_used_percent": 25.0,
            "memory_swap_in_per_second": 5.0,
            "memory_major_faults_per_second": 7.0,
            "memory_oom_kills_per_second": 0.1,
            "softnet_dropped_per_second": 4.0,
            "softnet_squeezed_per_second": 2.0,
            "conntrack_percent": 96.0,
            "conntrack_drops_per_second": 0.8,
            "disk_read_seconds": 0.003,
            "network_in_bytes_per_second": 50.0,
            "network_out_bytes_per_second": 800.0,
            "network_link_percent": 80.0,
            "disk_read_bytes_per_second": 409.6,
            "disk_write_bytes_per_second": 819.2,
            "disk_busy_percent": 25.0,
            "tcp_connections": 42.0,
            "tcp_sockets": 43.0,
            "tcp_time_wait": 44.0,
            "tcp_orphans": 45.0,
            "tcp_retransmit_ratio": 0.015,
            "tcp_listen_drops_per_second": 2.0,
            "tcp_listen_overflows_per_second": 1.0,
            "file_descriptors": 250.0,
            "file_descriptors_percent": 25.0,
            "pressure_cpu_percent": 50.0,
            "pressure_io_percent": 10.0,
            "pressure_memory_percent": 0.0,
        }
    )


def test_memory_without_the_kernels_estimate() -> None:
    page = changed(
        page_text("node_exporter"),
        {
            "node_memory_MemAvailable_bytes": None,
            "node_memory_MemTotal_bytes": 8000.0,
            "node_memory_MemFree_bytes": 1000.0,
            "node_memory_Buffers_bytes": 2000.0,
            "node_memory_Cached_bytes": 3000.0,
        },
    )
    _, found = evaluated(page, page, Role.NODE)
    assert found["memory_used_bytes"].value == 2000.0
    assert found["memory_used_percent"].value == 25.0
    assert found["memory_used_bytes"].note == "from MemFree, Buffers and Cached"


def test_what_a_provider_holds_back_is_summed_over_its_allowances() -> None:
    allowances = ("bw_in", "bw_out", "pps", "conntrack")
    first = page_text("node_exporter") + "".join(
        f'node_ethtool_{name}_allowance_exceeded{{device="eth0"}} 0\n' for name in allowances
    )
    second = grown(
        first,
        {
            'node_ethtool_bw_out_allowance_exceeded{device="eth0"}': 80.0,
            'node_ethtool_pps_allowance_exceeded{device="eth0"}': 20.0,
        },
    )
    _, found = evaluated(first, second, Role.NODE)
    assert found["network_allowance_exceeded_per_second"].value == 10.0
    _, found = evaluated(page_text("node_exporter"), page_text("node_exporter"), Role.NODE)
    unknown = found["network_allowance_exceeded_per_second"].unknown
    assert unknown is not None
    assert unknown.how_to_get == "run node_exporter with --collector.ethtool; EC2's ena driver has it"


def test_cadvisor_says_which_container_its_quota_holds_back_most() -> None:
    first = page_text("cadvisor")
    periods, throttled = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"
    origin, packager = (
        'id="/docker/1",image="nginx:1.25",name="origin"',
        'id="/docker/2",image="packager:2",name="packager"',
    )

    def after(*grown_by: float) -> str:
        series = [f"{family}{{{labels}}}" for labels in (origin, packager) for family in (periods, throttled)]
        return "\n".join(
            next(
                (
                    f"{name} {float(line.split()[-2]) + by}"
                    for name, by in zip(series, grown_by, strict=True)
                    if line.startswith(f"{name} ")
                ),
                line,
            )
            for line in first.splitlines()
        )

    name, found = evaluated(first, after(100, 80, 100, 5), Role.PROMETHEUS)
    assert name == "cAdvisor"
    assert known(found) == {"cpu_throttled_percent": 80.0}
    _, found = evaluated(first, after(0, 0, 0, 0), Role.PROMETHEUS)
    assert why(found, "cpu_throttled_percent") is WhyUnknown.NOTHING_HAPPENED


def test_a_virtual_device_has_no_link_use() -> None:
    page = page_text("node_exporter")
    _, found = evaluated(page, page, Role.NODE)
    assert why(found, "network_link_percent") is WhyUnknown.NOT_EXPORTED
    assert found["network_out_bytes_per_second"].value == 0.0


def test_stub_status() -> None:
    first = page_text("nginx_stub_status")
    second = grown(
        changed(first, {"nginx_connections_active": 9.0, "nginx_connections_waiting": 5.0}),
        {"nginx_connections_accepted": 30.0, "nginx_connections_handled": 10.0, "nginx_http_requests_total": 250.0},
    )
    name, found = evaluated(first, second)
    assert name == "nginx-prometheus-exporter (stub_status)"
    assert known(found) == {
        "nginx_connections": 9.0,
        "nginx_connections_reading": 0.0,
        "nginx_connections_writing": 1.0,
        "nginx_connections_waiting": 5.0,
        "nginx_accepts_per_second": 3.0,
        "nginx_drops_per_second": 2.0,
        "nginx_requests_per_second": 25.0,
    }


def test_stub_status_with_request_times_beside_it() -> None:
    family = "nginx_http_request_duration_seconds"
    times = f'{family}_bucket{{le="0.1"}} 0\n{family}_bucket{{le="+Inf"}} 0\n{family}_sum 0\n{family}_count 0\n'
    first = page_text("nginx_stub_status") + times
    name, found = evaluated(
        first,
        grown(
            first,
            {
                f'{family}_bucket{{le="0.1"}}': 10.0,
                f'{family}_bucket{{le="+Inf"}}': 10.0,
                f"{family}_sum": 0.5,
                f"{family}_count": 10.0,
            },
        ),
    )
    assert name == "nginx-prometheus-exporter (stub_status)"
    assert known(found)["nginx_connections"] == 1.0
    assert known(found)["nginx_request_seconds_p50"] == pytest.approx(0.05)
    assert known(found)["nginx_request_seconds_mean"] == pytest.approx(0.05)


def test_a_status_class_is_not_0_where_the_page_has_no_status() -> None:
    page = 'nginx_metric_errors_total 0\nnginx_http_requests_total{host="a"} 7\n'
    _, found = evaluated(page, page)
    assert found["nginx_requests_per_second"].value == 0.0
    for name in ("nginx_responses_2xx_per_second", "nginx_responses_5xx_per_second"):
        unknown = found[name].unknown
        assert unknown is not None
        assert unknown.why is WhyUnknown.NOT_EXPORTED
        assert unknown.how_to_get == "give the counter nginx_http_requests_total the label status"


def test_plus() -> None:
    first = page_text("nginx_plus")
    second = grown(
        first,
        {
            "nginxplus_connections_accepted": 20.0,
            "nginxplus_connections_dropped": 10.0,
            "nginxplus_http_requests_total": 300.0,
            'nginxplus_server_zone_responses{code="2xx",server_zone="live"}': 200.0,
            'nginxplus_server_zone_responses{code="2xx",server_zone="vod"}': 50.0,
            'nginxplus_server_zone_responses{code="5xx",server_zone="live"}': 5.0,
            'nginxplus_server_zone_sent{server_zone="live"}': 1e6,
            'nginxplus_server_zone_sent{server_zone="vod"}': 1e5,
            'nginxplus_cache_hit_responses{cache="media"}': 85.0,
            'nginxplus_cache_stale_responses{cache="media"}': 5.0,
            'nginxplus_cache_miss_responses{cache="media"}': 10.0,
        },
    )
    name, found = evaluated(first, second)
    assert name == "nginx-prometheus-exporter (NGINX Plus)"
    assert known(found) == pytest.approx(
        {
            "nginx_connections": 12.0,
            "nginx_connections_waiting": 5.0,
            "nginx_accepts_per_second": 2.0,
            "nginx_drops_per_second": 1.0,
            "nginx_requests_per_second": 30.0,
            "nginx_responses_1xx_per_second": 0.0,
            "nginx_responses_2xx_per_second": 25.0,
            "nginx_responses_3xx_per_second": 0.0,
            "nginx_responses_4xx_per_second": 0.0,
            "nginx_responses_5xx_per_second": 0.5,
            "nginx_out_bytes_per_second": 1.1e5,
            "nginx_cache_hit_ratio": 0.9,
        }
    )


def vts_growth(host: str, times: float) -> dict[str, float]:
    labels = f'host="{host}"'
    buckets = {"0.005": 10, "0.010": 20, "0.050": 80, "0.100": 90, "0.500": 98, "1.000": 100, "+Inf": 100}
    return {
        series: value * times
        for series, value in {
            f'nginx_vts_server_bytes_total{{{labels},direction="in"}}': 7e5,
            f'nginx_vts_server_bytes_total{{{labels},direction="out"}}': 1e6,
            f'nginx_vts_server_requests_total{{{labels},code="2xx"}}': 90.0,
            f'nginx_vts_server_requests_total{{{labels},code="4xx"}}': 10.0,
            f'nginx_vts_server_requests_total{{{labels},code="total"}}': 100.0,
            f"nginx_vts_server_request_seconds_total{{{labels}}}": 4.0,
            f"nginx_vts_server_request_duration_seconds_sum{{{labels}}}": 5.0,
            f"nginx_vts_server_request_duration_seconds_count{{{labels}}}": 100.0,
            f'nginx_vts_server_cache_total{{{labels},status="miss"}}': 25.0,
            f'nginx_vts_server_cache_total{{{labels},status="hit"}}': 70.0,
            f'nginx_vts_server_cache_total{{{labels},status="stale"}}': 5.0,
            f'nginx_vts_server_cache_total{{{labels},status="scarce"}}': 50.0,
            **{
                f'nginx_vts_server_request_duration_seconds_bucket{{{labels},le="{bound}"}}': float(count)
                for bound, count in buckets.items()
            },
        }.items()
    }


def test_vts_counts_each_request_once() -> None:
    first = page_text("nginx_vts")
    second = grown(
        first,
        {
            'nginx_vts_main_connections{status="accepted"}': 40.0,
            'nginx_vts_main_connections{status="handled"}': 30.0,
            **vts_growth("live.example", 2),
            **vts_growth("vod.example", 1),
            **vts_growth("*", 3),
            'nginx_vts_upstream_response_seconds_total{upstream="packager",backend="10.0.0.7:8080"}': 9.0,
        },
    )
    name, found = evaluated(first, second)
    assert name == "nginx-module-vts"
    assert known(found) == pytest.approx(
        {
            "nginx_connections": 9.0,
            "nginx_connections_reading": 1.0,
            "nginx_connections_writing": 3.0,
            "nginx_connections_waiting": 5.0,
            "nginx_accepts_per_second": 4.0,
            "nginx_drops_per_second": 1.0,
            "nginx_requests_per_second": 30.0,
            "nginx_responses_1xx_per_second": 0.0,
            "nginx_responses_2xx_per_second": 27.0,
            "nginx_responses_3xx_per_second": 0.0,
            "nginx_responses_4xx_per_second": 3.0,
            "nginx_responses_5xx_per_second": 0.0,
            "nginx_out_bytes_per_second": 3e5,
            "nginx_request_seconds_mean": 0.05,
            "nginx_request_seconds_p50": 0.03,
            "nginx_request_seconds_p95": 0.35,
            "nginx_request_seconds_p99": 0.75,
            "nginx_upstream_ratio": 0.75,
            "nginx_cache_hit_ratio": 0.75,
        }
    )


def test_vts_without_buckets_has_an_average_only() -> None:
    family = "nginx_vts_server_request_duration_seconds"
    first = page_text("nginx_vts")
    for part in ("bucket", "sum", "count"):
        first = without(first, f"{family}_{part}")
    second = grown(
        first,
        {
            'nginx_vts_server_requests_total{host="live.example",code="2xx"}': 10.0,
            'nginx_vts_server_request_seconds_total{host="live.example"}': 2.0,
        },
    )
    _, found = evaluated(first, second)
    assert found["nginx_request_seconds_mean"].value == pytest.approx(0.2)
    assert why(found, "nginx_request_seconds_p95") is WhyUnknown.NOT_EXPORTED
    assert found["nginx_request_seconds_p95"].unknown is not None
    assert found["nginx_request_seconds_p95"].unknown.how_to_get == "set vhost_traffic_status_histogram_buckets"


LOG_HIST = "nginx_http_response_time_seconds_hist"


def access_log_growth() -> dict[str, float]:
    labels = 'method="GET",status="200"'
    return {
        f"nginx_http_response_count_total{{{labels}}}": 80.0,
        'nginx_http_response_count_total{method="GET",status="404"}': 15.0,
        'nginx_http_response_count_total{method="GET",status="503"}': 5.0,
        f"nginx_http_response_size_bytes{{{labels}}}": 2e6,
        f"{LOG_HIST}_sum{{{labels}}}": 8.0,
        f"nginx_http_response_time_seconds_sum{{{labels}}}": 8.0,
        f"nginx_http_upstream_time_seconds_sum{{{labels}}}": 2.0,
        f"{LOG_HIST}_count{{{labels}}}": 80.0,
        **{f'{LOG_HIST}_bucket{{{labels},le="{bound}"}}': 40.0 for bound in ("0.05", "0.1")},
        **{
            f'{LOG_HIST}_bucket{{{labels},le="{bound}"}}': 80.0
            for bound in ("0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
        },
    }


@pytest.mark.parametrize("namespace", ["nginx", "my_site"])
def test_access_log(namespace: str) -> None:
    first = page_text("nginx_access_log")
    second = grown(first, access_log_growth())
    first, second = (page.replace("nginx_http", f"{namespace}_http") for page in (first, second))
    name, found = evaluated(first, second)
    assert name == "access-log exporter"
    assert known(found) == pytest.approx(
        {
            "nginx_requests_per_second": 10.0,
            "nginx_responses_1xx_per_second": 0.0,
            "nginx_responses_2xx_per_second": 8.0,
            "nginx_responses_3xx_per_second": 0.0,
            "nginx_responses_4xx_per_second": 1.5,
            "nginx_responses_5xx_per_second": 0.5,
            "nginx_out_bytes_per_second": 2e5,
            "nginx_request_seconds_mean": 0.1,
            "nginx_request_seconds_p50": 0.05,
            "nginx_request_seconds_p95": 0.235,
            "nginx_request_seconds_p99": 0.247,
            "nginx_upstream_ratio": 0.25,
        }
    )


def test_a_summarys_own_quantiles_are_shown_as_what_they_are() -> None:
    page = page_text("nginx_access_log")
    for part in ("bucket", "sum", "count"):
        page = without(page, f"{LOG_HIST}_{part}")
    _, found = evaluated(page, page)
    assert found["nginx_request_seconds_p50"] == Answer(0.02, note="the exporter's own summary, over its own window")
    assert found["nginx_request_seconds_p99"].value == 0.4
    assert why(found, "nginx_request_seconds_p95") is WhyUnknown.NOT_EXPORTED  # it has 0.9 and 0.99
    assert why(found, "nginx_request_seconds_mean") is WhyUnknown.NOTHING_HAPPENED


def test_quantiles_of_several_summaries_are_not_merged() -> None:
    page = page_text("nginx_access_log")
    for part in ("bucket", "sum", "count"):
        page = without(page, f"{LOG_HIST}_{part}")
    page += 'nginx_http_response_time_seconds{method="GET",status="404",quantile="0.5"} 0.9\n'
    _, found = evaluated(page, page)
    assert why(found, "nginx_request_seconds_p50") is WhyUnknown.NOT_MERGEABLE


def test_ingress() -> None:
    first = page_text("nginx_ingress")
    base = 'controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",controller_pod="p-1"'
    prefix, hist = "nginx_ingress_controller", f'{base},host="live.example",status="200"'
    second = grown(
        first,
        {
            f'{prefix}_nginx_process_connections_total{{{base},state="accepted"}}': 20.0,
            f'{prefix}_nginx_process_connections_total{{{base},state="handled"}}': 10.0,
            f"{prefix}_nginx_process_requests_total{{{base}}}": 500.0,
            f'{prefix}_requests{{{base},host="live.example",method="GET",status="200"}}': 400.0,
            f'{prefix}_requests{{{base},host="live.example",method="GET",status="404"}}': 50.0,
            f"{prefix}_response_size_sum{{{hist}}}": 1e6,
            f"{prefix}_request_duration_seconds_sum{{{hist}}}": 20.0,
            f"{prefix}_response_duration_seconds_sum{{{hist}}}": 15.0,
            f"{prefix}_request_duration_seconds_count{{{hist}}}": 400.0,
            **{
                f'{prefix}_request_duration_seconds_bucket{{{hist},le="{bound}"}}': 400.0
                for bound in ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
            },
        },
    )
    name, found = evaluated(first, second)
    assert name == "ingress-nginx controller"
    assert known(found) == pytest.approx(
        {
            "nginx_connections": 12.0,
            "nginx_connections_reading": 0.0,
            "nginx_connections_writing": 4.0,
            "nginx_connections_waiting": 8.0,
            "nginx_accepts_per_second": 2.0,
            "nginx_drops_per_second": 1.0,
            "nginx_requests_per_second": 50.0,
            "nginx_responses_1xx_per_second": 0.0,
            "nginx_responses_2xx_per_second": 40.0,
            "nginx_responses_3xx_per_second": 0.0,
            "nginx_responses_4xx_per_second": 5.0,
            "nginx_responses_5xx_per_second": 0.0,
            "nginx_out_bytes_per_second": 1e5,
            "nginx_request_seconds_mean": 0.05,
            "nginx_request_seconds_p50": 0.075,
            "nginx_request_seconds_p95": 0.0975,
            "nginx_request_seconds_p99": 0.0995,
            "nginx_upstream_ratio": 0.75,
        }
    )


def test_lua() -> None:
    first = page_text("nginx_lua")
    labels = 'host="live.example"'
    second = grown(
        first,
        {
            f'nginx_http_requests_total{{{labels},status="200"}}': 40.0,
            f'nginx_http_requests_total{{{labels},status="404"}}': 10.0,
            f"nginx_http_request_duration_seconds_sum{{{labels}}}": 1.0,
            f"nginx_http_request_duration_seconds_count{{{labels}}}": 50.0,
            **{
                f'nginx_http_request_duration_seconds_bucket{{{labels},le="{bound}"}}': 50.0
                for bound in ("00.050", "00.100", "01.000", "+Inf")
            },
        },
    )
    name, found = evaluated(first, second)
    assert name == "nginx-lua-prometheus"
    assert known(found) == pytest.approx(
        {
            "nginx_connections": 8.0,
            "nginx_connections_reading": 0.0,
            "nginx_connections_writing": 2.0,
            "nginx_connections_waiting": 6.0,
            "nginx_requests_per_second": 5.0,
            "nginx_responses_1xx_per_second": 0.0,
            "nginx_responses_2xx_per_second": 4.0,
            "nginx_responses_3xx_per_second": 0.0,
            "nginx_responses_4xx_per_second": 1.0,
            "nginx_responses_5xx_per_second": 0.0,
            "nginx_request_seconds_mean": 0.02,
            "nginx_request_seconds_p50": 0.03,
            "nginx_request_seconds_p95": 0.048,
            "nginx_request_seconds_p99": 0.0496,
        }
    )


def test_haproxy() -> None:
    first = page_text("haproxy")
    second = grown(
        changed(
            first, {"haproxy_process_idle_time_percent": 35.0, 'haproxy_backend_current_queue{proxy="origin"}': 3.0}
        ),
        {
            'haproxy_frontend_connections_total{proxy="media"}': 20.0,
            'haproxy_frontend_connections_total{proxy="stats"}': 1.0,
            'haproxy_frontend_http_requests_total{proxy="media"}': 100.0,
            'haproxy_frontend_http_responses_total{proxy="media",code="2xx"}': 80.0,
            'haproxy_frontend_http_responses_total{proxy="media",code="5xx"}': 20.0,
            'haproxy_frontend_bytes_out_total{proxy="media"}': 1e6,
            'haproxy_frontend_http_cache_lookups_total{proxy="media"}': 100.0,
            'haproxy_frontend_http_cache_hits_total{proxy="media"}': 60.0,
        },
    )
    name, found = evaluated(first, second)
    assert name == "haproxy"
    assert known(found) == pytest.approx(
        {
            "haproxy_connections": 1.0,
            "haproxy_accepts_per_second": 2.1,
            "haproxy_requests_per_second": 10.0,
            "haproxy_responses_2xx_per_second": 8.0,
            "haproxy_responses_3xx_per_second": 0.0,
            "haproxy_responses_4xx_per_second": 0.0,
            "haproxy_responses_5xx_per_second": 2.0,
            "haproxy_out_bytes_per_second": 1e5,
            "haproxy_busy_percent": 65.0,
            "haproxy_queue": 3.0,
            "haproxy_servers_down": 1.0,
            "haproxy_cache_hit_ratio": 0.6,
        }
    )


def test_varnish() -> None:
    first = page_text("varnish")
    second = grown(
        first,
        {
            'varnish_main_sessions{type="conn"}': 20.0,
            'varnish_main_sessions{type="dropped"}': 10.0,
            "varnish_main_client_req": 100.0,
            "varnish_main_s_resp_bodybytes": 1e6,
            "varnish_main_cache_hit": 75.0,
            "varnish_main_cache_miss": 25.0,
            "varnish_main_backend_req": 30.0,
            "varnish_main_backend_fail": 5.0,
            "varnish_main_n_lru_nuked": 1.0,
        },
    )
    name, found = evaluated(first, second)
    assert name == "prometheus-varnish-exporter"
    assert known(found) == pytest.approx(
        {
            "varnish_sessions_per_second": 2.0,
            "varnish_drops_per_second": 1.0,
            "varnish_requests_per_second": 10.0,
            "varnish_out_bytes_per_second": 1e5,
            "varnish_cache_hit_ratio": 0.75,
            "varnish_backend_fetches_per_second": 3.0,
            "varnish_backend_failures_per_second": 0.5,
            "varnish_threads": 200.0,
            "varnish_storage_bytes": 251.0,
            "varnish_evictions_per_second": 0.1,
        }
    )


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("page", "dialect"),
    [
        ("node_exporter", "node_exporter"),
        ("nginx_stub_status", "nginx-prometheus-exporter (stub_status)"),
        ("nginx_stub_status_down", "nginx-prometheus-exporter (stub_status)"),
        ("nginx_plus", "nginx-prometheus-exporter (NGINX Plus)"),
        ("nginx_vts", "nginx-module-vts"),
        ("nginx_access_log", "access-log exporter"),
        ("nginx_ingress", "ingress-nginx controller"),
        ("nginx_lua", "nginx-lua-prometheus"),
        ("haproxy", "haproxy"),
        ("varnish", "prometheus-varnish-exporter"),
        ("varnish_down", "prometheus-varnish-exporter"),
    ],
)
def test_a_page_is_recognised_whatever_flag_named_it(page: str, dialect: str, role: Role) -> None:
    found = BUILT_IN.recognised(parsed(page_text(page)), role)
    assert found is not None
    assert found.name == dialect


def test_a_page_of_something_else_is_not_recognised() -> None:
    assert BUILT_IN.recognised(parsed("go_goroutines 7\nprocess_open_fds 9\n"), Role.NGINX) is None


def test_a_page_that_lost_its_families_is_still_what_it_was() -> None:
    plus = BUILT_IN.recognised(parsed(page_text("nginx_plus")), Role.NGINX)
    assert plus is not None
    assert BUILT_IN.recognised(parsed("go_goroutines 7\n"), Role.NGINX, plus) is plus


def test_each_role_expects_its_groups() -> None:
    assert {info.group for info in BUILT_IN.expected(Role.NGINX)} == {Group.NGINX}
    groups = {info.group for info in BUILT_IN.expected(Role.NODE)}
    assert groups == {
        Group.CPU,
        Group.MEMORY,
        Group.NETWORK,
        Group.DISK,
        Group.TCP,
        Group.FILES,
        Group.PRESSURE,
    }


@pytest.mark.parametrize(
    "page", ["nginx_stub_status", "nginx_plus", "nginx_vts", "nginx_access_log", "nginx_ingress", "nginx_lua"]
)
def test_what_a_dialect_does_not_carry_says_how_to_get_it(page: str) -> None:
    dialect = BUILT_IN.recognised(parsed(page_text(page)), Role.NGINX)
    assert dialect is not None
    carried = {one.signal.name for one in dialect.rows} | {dialect.up_signal}
    missing = {info.name for info in BUILT_IN.covered(dialect)} - carried
    assert {name for name in missing if not dialect.how_to_get.get(name)} <= {
        "nginx_connections_reading",  # NGINX Plus has no figure for these
        "nginx_connections_writing",
    }
