"""The machine's families from the kernel's files, in node_exporter's names and units."""

import os
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

from hls_swarm.testorigin.telling.machine import MADE_LINK, MachineCollector, MadeLink

FILES = {
    "proc/stat": "cpu  300 0 0 0 0 0 0 0 0 0\ncpu0 100 200 300 400 500 600 700 800 0 0\ncpu1 1 2 3 4 5 6 7 8 0 0\n"
    "intr 12345 1 2 3\nctxt 99\nbtime 1769860000\nprocesses 77\nprocs_running 3\nprocs_blocked 1\nsoftirq 1 2\n",
    "proc/meminfo": "MemTotal:       1000 kB\nMemAvailable:    600 kB\nActive(anon):      5 kB\nHugePages_Total:   4\n",
    "proc/loadavg": "0.50 1.25 2.00 1/234 5678\n",
    "proc/net/dev": "Inter-| Receive | Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n"
    "    lo: 111 2 3 4 5 6 7 8 999 10 11 12 13 14 15 16\n  eth0:500 1 0 0 0 0 0 0 600 2 0 0 0 0 0 0\n",
    "proc/diskstats": "8 0 sda 10 20 30 4000 50 60 70 8000 9 10000 11000 0 0 0 0\n 8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n"
    "   7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n",
    "proc/sys/fs/file-nr": "1024\t0\t90000\n",
    "proc/net/snmp": "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: ActiveOpens RetransSegs MaxConn\nTcp: 12 34 -1\n",
    "proc/net/netstat": "TcpExt: SyncookiesSent ListenDrops TW\nTcpExt: 0 5 6\n",
    "proc/net/sockstat": "sockets: used 300\nTCP: inuse 20 orphan 1 tw 7 alloc 30 mem 2\n",
    "sys/class/net/lo/operstate": "unknown\n",
    "sys/class/net/eth0/operstate": "up\n",
    "sys/class/net/eth0/speed": "10000\n",
    "sys/class/net/eth1/operstate": "down\n",
    "sys/class/net/eth1/speed": "-1\n",
    "sys/block/sda/size": "1\n",
    "sys/block/loop0/size": "1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def scrape(root: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(MachineCollector(lambda: 1_769_868_309.5, root / "proc", root / "sys"))
    return registry


TICK = 1 / os.sysconf("SC_CLK_TCK")
ETH0, LO, SDA = {"device": "eth0"}, {"device": "lo"}, {"device": "sda"}


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        pytest.param("node_time_seconds", {}, 1_769_868_309.5, id="time"),
        pytest.param("node_boot_time_seconds", {}, 1_769_860_000, id="boot time"),
        pytest.param("node_cpu_seconds_total", {"cpu": "0", "mode": "user"}, 100 * TICK, id="user"),
        pytest.param("node_cpu_seconds_total", {"cpu": "0", "mode": "idle"}, 400 * TICK, id="idle"),
        pytest.param("node_cpu_seconds_total", {"cpu": "1", "mode": "steal"}, 8 * TICK, id="steal"),
        pytest.param("node_context_switches_total", {}, 99, id="context switches"),
        pytest.param("node_procs_running", {}, 3, id="running"),
        pytest.param("node_memory_MemTotal_bytes", {}, 1_024_000, id="memory"),
        pytest.param("node_memory_MemAvailable_bytes", {}, 614_400, id="available"),
        pytest.param("node_memory_Active_anon_bytes", {}, 5120, id="a name with parentheses"),
        pytest.param("node_memory_HugePages_Total", {}, 4, id="a field that is no size"),
        pytest.param("node_load1", {}, 0.5, id="load 1"),
        pytest.param("node_load15", {}, 2.0, id="load 15"),
        pytest.param("node_network_receive_bytes_total", LO, 111, id="loopback received"),
        pytest.param("node_network_transmit_bytes_total", LO, 999, id="loopback sent"),
        pytest.param("node_network_transmit_bytes_total", ETH0, 600, id="sent"),
        pytest.param("node_network_speed_bytes", ETH0, 1.25e9, id="10 Gbit/s"),
        pytest.param("node_network_speed_bytes", {"device": "eth1"}, None, id="no speed"),
        pytest.param("node_network_speed_bytes", LO, None, id="loopback has no speed"),
        pytest.param("node_network_up", ETH0, 1, id="up"),
        pytest.param("node_disk_read_bytes_total", SDA, 30 * 512, id="disk read"),
        pytest.param("node_disk_written_bytes_total", SDA, 70 * 512, id="disk written"),
        pytest.param("node_disk_read_time_seconds_total", SDA, 4.0, id="disk read time"),
        pytest.param("node_disk_io_now", SDA, 9, id="disk in flight"),
        pytest.param("node_disk_io_time_seconds_total", SDA, 10.0, id="disk busy"),
        pytest.param("node_disk_read_bytes_total", {"device": "sda1"}, None, id="no partitions"),
        pytest.param("node_disk_read_bytes_total", {"device": "loop0"}, None, id="no loop devices"),
        pytest.param("node_filefd_allocated", {}, 1024, id="descriptors"),
        pytest.param("node_filefd_maximum", {}, 90_000, id="descriptors at most"),
        pytest.param("node_netstat_Tcp_RetransSegs", {}, 34, id="retransmitted"),
        pytest.param("node_netstat_TcpExt_ListenDrops", {}, 5, id="dropped by a full backlog"),
        pytest.param("node_netstat_TcpExt_TW", {}, None, id="not one of node_exporter's defaults"),
        pytest.param("node_sockstat_TCP_inuse", {}, 20, id="sockets"),
        pytest.param("node_sockstat_TCP_tw", {}, 7, id="time-wait"),
        pytest.param("node_sockstat_TCP_mem_bytes", {}, 2 * os.sysconf("SC_PAGE_SIZE"), id="socket memory"),
        pytest.param("node_sockstat_sockets_used", {}, 300, id="all sockets"),
        pytest.param("node_scrape_collector_success", {"collector": "netstat"}, 1, id="success"),
    ],
)
def test_values(root: Path, name: str, labels: dict[str, str], value: float | None) -> None:
    assert scrape(root).get_sample_value(name, labels) == value


def test_a_file_that_is_not_there_leaves_its_families_out(root: Path) -> None:
    (root / "proc/net/snmp").unlink()
    registry = scrape(root)
    assert registry.get_sample_value("node_netstat_Tcp_RetransSegs") is None
    assert registry.get_sample_value("node_scrape_collector_success", {"collector": "netstat"}) == 0
    assert registry.get_sample_value("node_load1") == 0.5


def test_this_machine_says_what_psutil_says() -> None:
    registry = CollectorRegistry()
    registry.register(MachineCollector(lambda: 0.0))
    memory = psutil.virtual_memory()
    assert registry.get_sample_value("node_memory_MemTotal_bytes") == memory.total
    assert registry.get_sample_value("node_boot_time_seconds") == psutil.boot_time()
    sent = registry.get_sample_value("node_network_transmit_bytes_total", LO)
    assert sent is not None
    assert sent <= psutil.net_io_counters(pernic=True, nowrap=False)["lo"].bytes_sent
    times = psutil.cpu_times(percpu=True)
    user = registry.get_sample_value("node_cpu_seconds_total", {"cpu": "0", "mode": "user"})
    assert user is not None
    assert 0 <= times[0].user - user < 5


def test_a_limit_of_bandwidth_is_a_link_of_that_speed(root: Path) -> None:
    registry = CollectorRegistry()
    made = MachineCollector(lambda: 0.0, root / "proc", root / "sys", lambda: MadeLink(2.5e6, 1234))
    registry.register(made)
    device = {"device": MADE_LINK}
    assert registry.get_sample_value("node_network_speed_bytes", device) == 2.5e6
    assert registry.get_sample_value("node_network_up", device) == 1
    assert registry.get_sample_value("node_network_transmit_bytes_total", device) == 1234
    assert registry.get_sample_value("node_network_receive_bytes_total", device) == 0
    assert registry.get_sample_value("node_network_transmit_bytes_total", ETH0) == 600
