"""What this machine has of everything that a run can run short of.

What the system does not tell is None: other systems than Linux tell less, and what is not loaded has no limit.
"""

import errno
import ipaddress
import os
import resource
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil

from hls_swarm.engine.host.handshakes import handshakes_per_second
from hls_swarm.settings.network import AddressPool

_SYSCTL = Path("/proc/sys")
_CGROUP = Path("/sys/fs/cgroup")
_SOURCES_TRIED = 1024
"""Local addresses that are tried out before the run; of a larger pool the first ones."""


@dataclass(frozen=True)
class Facts:
    """The machine's limits.

    Args:
        descriptors_hard: file descriptors that one process may have; None without limit.
        local_ports: ports that the kernel chooses from for outgoing connections.
        memory_available_bytes: what can be used without swapping, and within the limit of the service.
        conntrack_max, conntrack_used: entries of the connection tracking table; None if it is not loaded.
        tcp_memory_bytes: what all TCP buffers of the machine may take together.
        receive_buffer_bytes: what one connection's receive buffer starts with.
        udp_buffer_bytes: the most that a socket may ask for (net.core.rmem_max).
        udp_memory_bytes: what all UDP buffers of the machine may take together.
        cores: that this process may run on.
        foreign_sources: addresses to connect from that are not this machine's.
        handshakes_per_second: connections over TLS that one core can open.
    """

    descriptors_hard: int | None = None
    local_ports: int | None = None
    memory_available_bytes: int | None = None
    conntrack_max: int | None = None
    conntrack_used: int | None = None
    tcp_memory_bytes: int | None = None
    receive_buffer_bytes: int | None = None
    page_bytes: int = 4096
    foreign_sources: tuple[str, ...] = ()
    handshakes_per_second: float | None = None
    udp_buffer_bytes: int | None = None
    udp_memory_bytes: int | None = None
    cores: int | None = None


def read_facts(
    sources: AddressPool, *, handshakes: bool = False, sysctl: Path = _SYSCTL, cgroup: Path = _CGROUP
) -> Facts:
    """Look at the machine; nothing is changed and nothing goes over the network.

    Args:
        handshakes: find out how fast it makes those of TLS, which takes about 0.2 s.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ports, tcp_memory = _numbers(sysctl / "net/ipv4/ip_local_port_range"), _numbers(sysctl / "net/ipv4/tcp_mem")
    buffers = _numbers(sysctl / "net/ipv4/tcp_rmem")
    udp_buffer, udp_memory = _numbers(sysctl / "net/core/rmem_max"), _numbers(sysctl / "net/ipv4/udp_mem")
    conntrack, used = (_numbers(sysctl / f"net/netfilter/nf_conntrack_{name}") for name in ("max", "count"))
    page = resource.getpagesize()
    return Facts(
        descriptors_hard=None if hard == resource.RLIM_INFINITY else hard,
        local_ports=ports[1] - ports[0] + 1 if len(ports) == 2 else None,
        memory_available_bytes=_memory(cgroup),
        conntrack_max=conntrack[0] if conntrack else None,
        conntrack_used=used[0] if used else None,
        tcp_memory_bytes=tcp_memory[2] * page if len(tcp_memory) == 3 else None,
        receive_buffer_bytes=buffers[1] if len(buffers) == 3 else None,
        page_bytes=page,
        foreign_sources=foreign(islice(map(sources.address_of, range(sources.count)), _SOURCES_TRIED)),
        handshakes_per_second=handshakes_per_second() if handshakes else None,
        udp_buffer_bytes=udp_buffer[0] if udp_buffer else None,
        udp_memory_bytes=udp_memory[2] * page if len(udp_memory) == 3 else None,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )


def raise_descriptor_limit(needed: int) -> None:
    """Raise this process's limit, which its children inherit, as far as is needed; the hard one where that is allowed.

    What is not allowed stays as it is: `Facts.descriptors_hard` says what came of it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    except (ValueError, OSError):  # the hard limit is the administrator's
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def public_addresses() -> tuple[str, ...]:
    """Those of this machine that anybody on the internet may reach, if no firewall is between."""
    kinds = {socket.AF_INET, socket.AF_INET6}
    return public(each.address for device in psutil.net_if_addrs().values() for each in device if each.family in kinds)


def public(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those that are of the internet, and not of a network of one's own."""
    return tuple(sorted(each for each in addresses if ipaddress.ip_address(each).is_global))


def foreign(addresses: Iterable[str | None]) -> tuple[str, ...]:
    """Those that no socket of this machine can be bound to."""
    out = []
    for address in addresses:
        if address is None:
            continue
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    out.append(address)
    return tuple(out)


def _memory(cgroup: Path) -> int:
    """Available on the machine, or left within the control group, whichever is less."""
    available = psutil.virtual_memory().available
    limit, used = _numbers(cgroup / "memory.max"), _numbers(cgroup / "memory.current")
    return min(available, limit[0] - used[0]) if limit and used else available


def _numbers(file: Path) -> tuple[int, ...]:
    """The numbers in a file; none if it is not there, or says that there is no limit."""
    try:
        words = file.read_text().split()
    except OSError:
        return ()
    return tuple(map(int, words)) if all(word.isdigit() for word in words) else ()
