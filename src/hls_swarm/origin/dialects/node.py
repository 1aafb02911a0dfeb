"""The table of node_exporter: the machine's CPU, memory, network, disks, TCP, files and pressure."""

from collections.abc import Callable

from hls_swarm.origin.dialects.formulas import gauge, gauge_percent, increase_ratio, rate, share_of_time, sum_of_rates
from hls_swarm.origin.dialects.signals import Dialect, row
from hls_swarm.origin.interval import NOTHING_HAPPENED, Inputs, NotKnown, counted_device, label_in, whole_disk
from hls_swarm.snapshot.origin.metrics import Unknown, WhyUnknown

_CPU = "node_cpu_seconds_total"
_IDLE_MODES = frozenset({"idle", "iowait"})
_MEMORY = "node_memory_{}_bytes".format
_RECEIVED, _SENT, _SPEED = (
    "node_network_receive_bytes_total",
    "node_network_transmit_bytes_total",
    "node_network_speed_bytes",
)


def _busy(inputs: Inputs) -> float:
    """CPU time that was neither idle nor waiting for I/O, of all cores."""
    spent = inputs.increases()
    whole = sum(seconds for _, seconds in spent)
    if whole <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    idle = sum(seconds for series, seconds in spent if series.label("mode") in _IDLE_MODES)
    return 100 * (1 - idle / whole)


def _busiest(inputs: Inputs) -> float:
    """The same of each core, the greatest."""
    idle: dict[str, float] = {}
    whole: dict[str, float] = {}
    for series, seconds in inputs.increases():
        core = series.label("cpu")
        whole[core] = whole.get(core, 0.0) + seconds
        if series.label("mode") in _IDLE_MODES:
            idle[core] = idle.get(core, 0.0) + seconds
    shares = [1 - idle.get(core, 0.0) / seconds for core, seconds in whole.items() if seconds > 0]
    if not shares:
        raise NotKnown(NOTHING_HAPPENED)
    return 100 * max(shares)


def _in_mode(mode: str) -> Callable[[Inputs], float]:
    """CPU time in one mode, of all cores."""
    of_mode = label_in("mode", mode)

    def share(inputs: Inputs) -> float:
        whole = inputs.increase()
        if whole <= 0:
            raise NotKnown(NOTHING_HAPPENED)
        return 100 * inputs.increase(where=of_mode) / whole

    return share


def _cores(inputs: Inputs) -> float:
    return float(len({series.label("cpu") for series, _ in inputs.values()}))


def _load_per_core(inputs: Inputs) -> float:
    return inputs.total(0) / len({series.label("cpu") for series, _ in inputs.values(1)})


def _used(inputs: Inputs) -> float:
    """Total less what is available; the kernel's own estimate, or its parts before Linux 3.14."""
    return inputs.total(0) - sum(inputs.total(nth) for nth in range(1, len(inputs.families)))


def _used_percent(inputs: Inputs) -> float:
    whole = inputs.total(0)
    if whole <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return 100 * _used(inputs) / whole


def _link_use(inputs: Inputs) -> float:
    """Sending rate by the speed of the link, of the fullest; virtual devices report a speed that is not positive."""
    speeds = {series.label("device"): speed for series, speed in inputs.values(1) if speed > 0}
    if not speeds:
        raise NotKnown(_NO_SPEED)
    seconds = inputs.seconds
    shares = [
        sent / seconds / speeds[name]
        for series, sent in inputs.increases(0)
        if (name := series.label("device")) in speeds
    ]
    if not shares:
        raise NotKnown(_NO_SPEED)
    return 100 * max(shares)


def _busiest_disk(inputs: Inputs) -> float:
    return min(100.0, 100 * max(seconds for _, seconds in inputs.increases()) / inputs.seconds)


_DEVICES = "the devices that count are the physical ones, or those of --origin-metrics-interface: is one on the page?"
_NO_SPEED = Unknown(WhyUnknown.NOT_EXPORTED, "no network device tells its speed", "virtual devices have none")
_CONNTRACK_DROPS = ("node_nf_conntrack_stat_drop", "node_nf_conntrack_stat_early_drop")
_CONNTRACK = "needs the conntrack module in the kernel, which a firewall loads"
_AVAILABLE = (_MEMORY("MemTotal"), _MEMORY("MemAvailable"))
_FREE = (_MEMORY("MemTotal"), _MEMORY("MemFree"), _MEMORY("Buffers"), _MEMORY("Cached"))

NODE = Dialect(
    name="node_exporter",
    signs=("node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_exporter_build_info", "node_load1"),
    rows=(
        row("cpu_percent", _CPU, by=_busy),
        row("cpu_busiest_core_percent", _CPU, by=_busiest),
        row("cpu_iowait_percent", _CPU, by=_in_mode("iowait")),
        row("cpu_steal_percent", _CPU, by=_in_mode("steal")),
        row("cpu_softirq_percent", _CPU, by=_in_mode("softirq")),
        row("cpu_cores", _CPU, by=_cores),
        row("load_per_core", "node_load1", _CPU, by=_load_per_core),
        row("memory_used_bytes", *_AVAILABLE, by=_used),
        row("memory_used_bytes", *_FREE, by=_used, note="from MemFree, Buffers and Cached"),
        row("memory_total_bytes", _MEMORY("MemTotal"), by=gauge),
        row("memory_used_percent", *_AVAILABLE, by=_used_percent),
        row("memory_used_percent", *_FREE, by=_used_percent, note="from MemFree, Buffers and Cached"),
        row("memory_swap_in_per_second", "node_vmstat_pswpin", by=rate),
        row("memory_major_faults_per_second", "node_vmstat_pgmajfault", by=rate),
        row("memory_oom_kills_per_second", "node_vmstat_oom_kill", by=rate),
        row("network_in_bytes_per_second", _RECEIVED, by=rate, where=counted_device),
        row("network_out_bytes_per_second", _SENT, by=rate, where=counted_device),
        row("network_link_percent", _SENT, _SPEED, by=_link_use, where=counted_device),
        row("disk_read_bytes_per_second", "node_disk_read_bytes_total", by=rate, where=whole_disk),
        row("disk_write_bytes_per_second", "node_disk_written_bytes_total", by=rate, where=whole_disk),
        row("network_allowance_exceeded_per_second", "*_allowance_exceeded", by=rate),
        row("softnet_dropped_per_second", "node_softnet_dropped_total", by=rate),
        row("softnet_squeezed_per_second", "node_softnet_times_squeezed_total", by=rate),
        row("conntrack_percent", "node_nf_conntrack_entries", "node_nf_conntrack_entries_limit", by=gauge_percent),
        row("conntrack_drops_per_second", *_CONNTRACK_DROPS, by=sum_of_rates),
        row(
            "disk_read_seconds",
            "node_disk_read_time_seconds_total",
            "node_disk_reads_completed_total",
            by=increase_ratio,
            where=whole_disk,
        ),
        row("disk_busy_percent", "node_disk_io_time_seconds_total", by=_busiest_disk, where=whole_disk),
        row("tcp_connections", "node_netstat_Tcp_CurrEstab", by=gauge),
        row("tcp_sockets", "node_sockstat_TCP_inuse", by=gauge),
        row("tcp_time_wait", "node_sockstat_TCP_tw", by=gauge),
        row("tcp_orphans", "node_sockstat_TCP_orphan", by=gauge),
        row("tcp_retransmit_ratio", "node_netstat_Tcp_RetransSegs", "node_netstat_Tcp_OutSegs", by=increase_ratio),
        row("tcp_listen_drops_per_second", "node_netstat_TcpExt_ListenDrops", by=rate),
        row("tcp_listen_overflows_per_second", "node_netstat_TcpExt_ListenOverflows", by=rate),
        row("file_descriptors", "node_filefd_allocated", by=gauge),
        row("file_descriptors_percent", "node_filefd_allocated", "node_filefd_maximum", by=gauge_percent),
        row("pressure_cpu_percent", "node_pressure_cpu_waiting_seconds_total", by=share_of_time),
        row("pressure_io_percent", "node_pressure_io_waiting_seconds_total", by=share_of_time),
        row("pressure_memory_percent", "node_pressure_memory_waiting_seconds_total", by=share_of_time),
    ),
    how_to_get={
        "cpu_throttled_percent": "cAdvisor counts it: name a Prometheus that scrapes it, with --prometheus",
        "network_allowance_exceeded_per_second": "run node_exporter with --collector.ethtool; EC2's ena driver has it",
        "conntrack_percent": _CONNTRACK,
        "conntrack_drops_per_second": _CONNTRACK,
        "network_in_bytes_per_second": _DEVICES,
        "network_out_bytes_per_second": _DEVICES,
        "network_link_percent": "node_exporter reads it from sysfs with the netclass collector, on by default",
        "pressure_cpu_percent": "needs Linux 4.20 or later with psi=1 on the kernel's command line",
        "pressure_io_percent": "needs Linux 4.20 or later with psi=1 on the kernel's command line",
        "pressure_memory_percent": "needs Linux 4.20 or later with psi=1 on the kernel's command line",
    },
)
"""node_exporter 0.16 and later, and what speaks like it (Grafana Alloy)."""
