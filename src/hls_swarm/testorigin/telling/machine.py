"""What this machine says of itself, under node_exporter's names, types and units.

The kernel's text files are read at each scrape: the same sources as node_exporter's collectors of the same names. A
file that is not there (a container may hide some) leaves its families out and sets
`node_scrape_collector_success` to 0.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, UnknownMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_STAT_NAMES = {
    "intr": ("node_intr", CounterMetricFamily, "Interrupts serviced."),
    "ctxt": ("node_context_switches", CounterMetricFamily, "Context switches."),
    "processes": ("node_forks", CounterMetricFamily, "Forks."),
    "btime": ("node_boot_time_seconds", GaugeMetricFamily, "When the machine was booted, in unixtime."),
    "procs_running": ("node_procs_running", GaugeMetricFamily, "Processes that can run."),
    "procs_blocked": ("node_procs_blocked", GaugeMetricFamily, "Processes that wait for I/O."),
}
_NETWORK_COLUMNS = (
    *(f"receive_{name}" for name in ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")),
    *(f"transmit_{name}" for name in ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")),
)
_SECTOR_BYTES = 512
_DISK_COLUMNS: tuple[tuple[str, float] | None, ...] = (
    ("reads_completed", 1),
    ("reads_merged", 1),
    ("read_bytes", _SECTOR_BYTES),
    ("read_time_seconds", 0.001),
    ("writes_completed", 1),
    ("writes_merged", 1),
    ("written_bytes", _SECTOR_BYTES),
    ("write_time_seconds", 0.001),
    None,  # requests in flight: the one gauge
    ("io_time_seconds", 0.001),
    ("io_time_weighted_seconds", 0.001),
)
_NO_DISK = re.compile(r"(z?ram|loop|fd)\d+")
_NETSTAT_FIELDS = re.compile(
    r"Tcp_(ActiveOpens|PassiveOpens|CurrEstab|InSegs|OutSegs|RetransSegs|OutRsts|InErrs)"
    r"|TcpExt_(Listen\w+|Syncookies\w+|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
)
_BYTES_PER_SECOND_OF_MEGABIT = 1e6 / 8


MADE_LINK = "limit0"
"""The device that stands for a limit of bandwidth."""


class MadeLink(NamedTuple):
    """A link that is made by waiting: what it may carry a second, and what it has carried."""

    bytes_per_second: float
    sent_bytes: int


class MachineCollector(Collector):
    """The machine's families, read anew at each scrape.

    Args:
        wall: the clock, seconds since 1970.
        proc, sys: where procfs and sysfs are mounted.
        link: that the origin's bandwidth is limited to; None: it is not.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        link: Callable[[], MadeLink] | None = None,
    ) -> None:
        self._wall, self._proc, self._sys, self._link = wall, proc, sys, link
        self._ticks_per_second = os.sysconf("SC_CLK_TCK")
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def collect(self) -> Iterator[Metric]:
        """All families that can be had now."""
        yield GaugeMetricFamily("node_time_seconds", "System time in seconds since epoch (1970).", self._wall())
        success = GaugeMetricFamily(
            "node_scrape_collector_success", "Whether a collector's sources could be read.", labels=["collector"]
        )
        collectors: dict[str, Callable[[], Iterable[Metric]]] = {
            "stat": self._stat,
            "meminfo": self._meminfo,
            "loadavg": self._loadavg,
            "netdev": self._netdev,
            "netclass": self._netclass,
            "diskstats": self._diskstats,
            "filefd": self._filefd,
            "netstat": self._netstat,
            "sockstat": self._sockstat,
        }
        for name, collect in collectors.items():
            try:
                yield from tuple(collect())
            except OSError:
                success.add_metric([name], 0)
            else:
                success.add_metric([name], 1)
        yield success

    def _lines(self, *path: str) -> list[str]:
        return self._proc.joinpath(*path).read_text("ascii", "replace").splitlines()

    def _stat(self) -> Iterator[Metric]:
        cpu = CounterMetricFamily("node_cpu_seconds", "Seconds the CPUs spent in each mode.", labels=["cpu", "mode"])
        yield cpu
        for line in self._lines("stat"):
            name, *values = line.split()
            if name.startswith("cpu") and name != "cpu":
                for mode, ticks in zip(_CPU_MODES, values, strict=False):
                    cpu.add_metric([name.removeprefix("cpu"), mode], int(ticks) / self._ticks_per_second)
            elif name in _STAT_NAMES:
                family, kind, documentation = _STAT_NAMES[name]
                yield kind(family, documentation, float(values[0]))

    def _meminfo(self) -> Iterator[Metric]:
        for line in self._lines("meminfo"):
            name, value, *unit = line.replace(":", " ").split()
            name = name.replace("(", "_").replace(")", "")
            in_bytes = unit == ["kB"]
            yield GaugeMetricFamily(
                f"node_memory_{name}{'_bytes' if in_bytes else ''}",
                f"Memory information field {name}.",
                int(value) * (1024 if in_bytes else 1),
            )

    def _loadavg(self) -> Iterator[Metric]:
        for minutes, load in zip((1, 5, 15), self._lines("loadavg")[0].split(), strict=False):
            yield GaugeMetricFamily(f"node_load{minutes}", f"{minutes}m load average.", float(load))

    def _netdev(self) -> Iterator[Metric]:
        families = [
            CounterMetricFamily(f"node_network_{name}", f"Network device statistic {name}.", labels=["device"])
            for name in _NETWORK_COLUMNS
        ]
        for line in self._lines("net", "dev")[2:]:
            device, _, values = line.partition(":")
            for family, value in zip(families, values.split(), strict=True):
                family.add_metric([device.strip()], int(value))
        if self._link is not None:
            sent = {"transmit_bytes": self._link().sent_bytes}
            for family, name in zip(families, _NETWORK_COLUMNS, strict=True):
                family.add_metric([MADE_LINK], sent.get(name, 0))
        yield from families

    def _netclass(self) -> Iterator[Metric]:
        speed = GaugeMetricFamily(
            "node_network_speed_bytes", "Speed of a device in bytes per second, where it has one.", labels=["device"]
        )
        up = GaugeMetricFamily("node_network_up", "1 if the device's operational state is up.", labels=["device"])
        for device in sorted((self._sys / "class" / "net").iterdir()):
            state = _text(device / "operstate")
            if state is not None:
                up.add_metric([device.name], state == "up")
            megabits = _text(device / "speed")
            if megabits is not None and int(megabits) > 0:
                speed.add_metric([device.name], int(megabits) * _BYTES_PER_SECOND_OF_MEGABIT)
        if self._link is not None:
            up.add_metric([MADE_LINK], 1)
            speed.add_metric([MADE_LINK], self._link().bytes_per_second)
        yield from (speed, up)

    def _diskstats(self) -> Iterator[Metric]:
        families = [
            CounterMetricFamily(f"node_disk_{column[0]}", f"Disk statistic {column[0]}.", labels=["device"])
            if column is not None
            else GaugeMetricFamily("node_disk_io_now", "I/Os in progress.", labels=["device"])
            for column in _DISK_COLUMNS
        ]
        whole_disks = {path.name for path in (self._sys / "block").iterdir()}
        for line in self._lines("diskstats"):
            _, _, device, *values = line.split()
            if device in whole_disks and not _NO_DISK.fullmatch(device):
                for family, column, value in zip(families, _DISK_COLUMNS, values, strict=False):
                    family.add_metric([device], int(value) * (column[1] if column is not None else 1))
        yield from families

    def _filefd(self) -> Iterator[Metric]:
        allocated, _, maximum = self._lines("sys", "fs", "file-nr")[0].split()
        yield GaugeMetricFamily("node_filefd_allocated", "File descriptors in use.", float(allocated))
        yield GaugeMetricFamily("node_filefd_maximum", "File descriptors there can be.", float(maximum))

    def _netstat(self) -> Iterator[Metric]:
        for file in ("snmp", "netstat"):
            for name, value in _paired_lines(self._lines("net", file)).items():
                if _NETSTAT_FIELDS.fullmatch(name):
                    yield UnknownMetricFamily(f"node_netstat_{name}", f"Statistic {name}.", float(value))

    def _sockstat(self) -> Iterator[Metric]:
        for line in self._lines("net", "sockstat"):
            protocol, *fields = line.replace(":", " ").split()
            for name, value in zip(fields[::2], fields[1::2], strict=True):
                family = f"node_sockstat_{protocol}_{name}"
                yield GaugeMetricFamily(family, f"Number of {protocol} sockets in state {name}.", int(value))
                if name == "mem":
                    documentation = f"Memory of {protocol} sockets in bytes."
                    yield GaugeMetricFamily(f"{family}_bytes", documentation, int(value) * self._page_bytes)


def _paired_lines(lines: list[str]) -> Mapping[str, str]:
    """A table whose lines come in pairs, names and values, each after the protocol: `Tcp: A B` and `Tcp: 1 2`."""
    table = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        protocol, *fields = names.split()
        for name, value in zip(fields, values.split()[1:], strict=True):
            table[protocol.removesuffix(":") + "_" + name] = value
    return table


def _text(path: Path) -> str | None:
    """A small file's text; None where the kernel has nothing to say (a device that is down has no speed)."""
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return None
