"""The machine that the generator runs on: processor, network device, retransmits, descriptors.

The whole machine counts, not only this program: whatever else takes its processor or its link distorts the measurement.
"""

import socket
from pathlib import Path

import psutil

from hls_swarm.snapshot.workers import MachineFigures

_OPEN_FILES = Path("/proc/self/fd")
_SNMP = Path("/proc/net/snmp")
_BITS = 8
_MEGA = 1e6
_ANY_PORT = 9


def descriptors_open() -> int | None:
    """Descriptors this process has open; None where the kernel does not say it at once (Linux before 6.2).

    The size of the folder is that number there. To list the folder instead would take milliseconds from the event
    loop of a worker with ten thousand connections.
    """
    try:
        return _OPEN_FILES.stat().st_size or None
    except OSError:
        return None


def device_towards(address: str) -> str | None:
    """The network device that the way to this address begins at; None if there is no way, or it can not be told.

    Connecting a datagram socket asks the kernel for the route and sends nothing. Traffic to an address of this very
    machine goes through its loopback device, whatever device has the address.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, _ANY_PORT))
            local = str(probe.getsockname()[0])
    except OSError:
        return None
    devices = {
        str(entry.address).partition("%")[0]: name
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == family
    }
    if local == address or address in devices:
        local = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    return devices.get(local)


def loopback_device() -> str | None:
    """The device over which this machine speaks with itself."""
    return device_towards("127.0.0.1")


def own_names() -> frozenset[str]:
    """Names and addresses by which this machine is called on itself."""
    addresses = {
        str(entry.address).partition("%")[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in {socket.AF_INET, socket.AF_INET6}
    }
    return frozenset({*addresses, "localhost", "127.0.0.1", "::1", socket.gethostname().lower()})


def booted_at() -> float:
    """When this machine was booted, Unix seconds."""
    return psutil.boot_time()


def retransmitted_segments(snmp: Path = _SNMP) -> int | None:
    """TCP segments that this machine has sent again since it started; None where the kernel does not tell."""
    try:
        lines = [line.split() for line in snmp.read_text().splitlines() if line.startswith("Tcp:")]
    except OSError:
        return None
    if len(lines) != 2 or "RetransSegs" not in lines[0]:
        return None
    return int(lines[1][lines[0].index("RetransSegs")])


class MachineMeter:
    """Figures of the time since the reading before: the first one has no rates.

    Args:
        device: that the load goes through; None takes the one that received most.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._last: dict[str, tuple[int, int]] = {}
        self._last_at: float | None = None
        self._last_retransmits: int | None = None
        psutil.cpu_percent()  # from here on it is the use since the call before

    def read(self, now: float) -> MachineFigures | None:
        """The machine since the last reading; None if it has no network device.

        Args:
            now: monotonic instant.
        """
        counters = {
            name: (device.bytes_recv, device.bytes_sent) for name, device in psutil.net_io_counters(pernic=True).items()
        }
        seconds = None if self._last_at is None or now <= self._last_at else now - self._last_at
        last, self._last, self._last_at = self._last, counters, now
        retransmits = self._retransmits(seconds)
        if not counters:
            return None
        grown = {
            name: (received - last[name][0], sent - last[name][1])
            for name, (received, sent) in counters.items()
            if name in last
        }
        if self._device in counters:
            device = self._device
        else:
            device = max(grown or counters, key=lambda name: (grown or counters)[name][0])
        rates = None if seconds is None or device not in grown else [count / seconds for count in grown[device]]
        stats = psutil.net_if_stats().get(device)
        return MachineFigures(
            cpu_percent=None if seconds is None else psutil.cpu_percent(),
            device=device,
            received_bytes_per_second=None if rates is None else rates[0],
            sent_bytes_per_second=None if rates is None else rates[1],
            link_bytes_per_second=stats.speed * _MEGA / _BITS if stats is not None and stats.speed > 0 else None,
            tcp_retransmits_per_second=retransmits,
        )

    def _retransmits(self, seconds: float | None) -> float | None:
        before, self._last_retransmits = self._last_retransmits, retransmitted_segments()
        if seconds is None or before is None or self._last_retransmits is None:
            return None
        return max(0, self._last_retransmits - before) / seconds
