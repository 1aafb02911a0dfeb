"""Whether this machine can carry the run, said before anything starts.

Rules:

- What can not work refuses the run; what may go wrong under full load is a warning. Both come with the command that
  mends it. Facts that the system does not tell are not judged.
- Only limits of this very process are raised by the program itself: settings of the whole system stay the operator's.
- Nothing is asked of the network: how many addresses a name has is not known here.
"""

import ipaddress
import math
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import urlsplit

from hls_swarm.engine.host.facts import Facts
from hls_swarm.engine.sessions import plan_of
from hls_swarm.settings.network import parse_override, parse_source_addresses
from hls_swarm.settings.run import Settings

CONNECTIONS_PER_VIEWER = 2
"""A segment and a playlist reload at the same time, each on a connection of its own."""
CONNECTIONS_PER_VIEWER_ALL = 6
"""With `--variant all`: what the client opens to one host at most."""
OWN_DESCRIPTORS = 64
"""Pipes, event loop, libraries, resolver of one worker."""
PROCESS_BYTES = 60 << 20
"""Memory of one process of the run, before its first viewer."""
VIEWER_BYTES = 16 << 10
"""Memory of one more viewer in a worker, on plain connections; bench/density.py measures it."""
TLS_VIEWER_BYTES = 64 << 10
"""The same over TLS, HTTP/1.1 or HTTP/2: 15 to 20 KB, and what OpenSSL takes while many shake hands."""
MOST_TRIED = 1_000_000
"""Viewers of one machine; nobody has asked for more."""
HTTP3_VIEWER_BYTES = 160 << 10
"""The same over HTTP/3: QUIC's connection has 55 KB, and holds what arrives in another order than it was sent."""
HTTP3_HANDSHAKE = 1.8
"""What it takes to open a connection over QUIC by what TLS over TCP takes; bench/http3.py measures it."""
HTTP3_VIEWERS_PER_CORE = 700
"""Viewers at 3 Mbit/s that a core carries over HTTP/3, where each datagram is read and acknowledged by this program;
bench/http3.py measures it. With a tenth of the bytes it is some four times as many."""
UDP_BUFFER_BYTES = 1 << 20
"""What HTTP/3 asks of the kernel for each connection, as browsers do."""
_AT_ONCE_SECONDS = 1.0
MEASURED_FROM_PER_SECOND = 100.0
"""A slower ramp over TLS is none that a machine has to be asked about."""


@dataclass(frozen=True)
class Needs:
    """What a run asks of the machine.

    Args:
        connections_per_viewer: most that one viewer has open at a time.
        sources: local addresses to connect from; 0 leaves the choice to the kernel.
        destinations: addresses that are connected to; None if a name has to be looked up for that.
        tls: whether connections are over TLS.
        http3: whether they are over QUIC, whatever the server offers.
        starts_per_second: how many viewers come a second where most do; infinity: all at once.
    """

    viewers: int
    workers: int
    connections_per_viewer: int
    sources: int = 0
    destinations: int | None = None
    tls: bool = False
    starts_per_second: float = 0.0
    http3: bool = False

    @property
    def handshakes_matter(self) -> bool:
        """Whether the machine may be too slow at opening connections."""
        return self.tls and self.starts_per_second >= MEASURED_FROM_PER_SECOND

    @property
    def descriptors(self) -> int:
        """File descriptors that the fullest of the workers needs."""
        share = -(-self.viewers // self.workers)
        return share * self.connections_per_viewer + OWN_DESCRIPTORS

    @property
    def connections(self) -> int:
        """Connections of all viewers."""
        return self.viewers * self.connections_per_viewer

    @property
    def memory_bytes(self) -> int:
        """Of all processes together."""
        each = HTTP3_VIEWER_BYTES if self.http3 else TLS_VIEWER_BYTES if self.tls else VIEWER_BYTES
        return (self.workers + 1) * PROCESS_BYTES + self.viewers * each


class Severity(Enum):
    """What a finding means for the run."""

    REFUSES = "refuses"
    WARNS = "warns"


@dataclass(frozen=True)
class Finding:
    """One thing that this machine has too little of: what, how much, and what to do."""

    severity: Severity
    text: str


def needs_of(settings: Settings, workers: int) -> Needs:
    """What these settings ask of the machine."""
    plan, http3 = plan_of(settings), settings.http == "3"
    destinations = None if (known := _known_addresses(settings)) is None else len(known)
    return Needs(
        viewers=plan.most,
        workers=workers,
        connections_per_viewer=CONNECTIONS_PER_VIEWER_ALL if settings.variant == "all" else CONNECTIONS_PER_VIEWER,
        sources=parse_source_addresses(settings.source_address).count,
        destinations=1 if http3 else destinations,  # a UDP port is taken whatever it is connected to
        tls=any(url.lower().startswith("https://") for url in settings.urls),
        starts_per_second=plan.fastest_per_second,
        http3=http3,
    )


def most_viewers(settings: Settings, workers: int, facts: Facts, least: int) -> int:
    """How many viewers of a run with that many `clients` this machine has descriptors, ports and memory for.

    Args:
        least: is answered if it has not enough for more.
    """

    def can_make(viewers: int) -> bool:
        needs = needs_of(replace(settings, clients=viewers), workers)
        return not any(finding.severity is Severity.REFUSES for finding in findings(needs, facts))

    low, high = least, MOST_TRIED
    if can_make(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if can_make(middle) else (low, middle)
    return low


def findings(needs: Needs, facts: Facts) -> tuple[Finding, ...]:
    """Everything that the machine lacks for the run, what refuses it first."""
    found = [
        finding
        for finding in (
            _sources(facts),
            _descriptors(needs, facts),
            _memory(needs, facts),
            _ports(needs, facts),
            _conntrack(needs, facts),
            _buffers(needs, facts),
            _udp_buffers(needs, facts),
            _udp_memory(needs, facts),
            _http3_viewers(needs, facts),
            _handshakes(needs, facts),
        )
        if finding is not None
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.WARNS))


def address_of_load(settings: Settings) -> str | None:
    """An address that the load goes to; None if a name has to be looked up for that."""
    return next(iter(_known_addresses(settings) or ()), None)


def _sources(facts: Facts) -> Finding | None:
    if not facts.foreign_sources:
        return None
    first, count = facts.foreign_sources[0], len(facts.foreign_sources)
    others = f" and {count - 1} more" if count > 1 else ""
    prefix = 128 if ":" in first else 32
    return Finding(
        Severity.REFUSES,
        f"--source-address: {first}{others} not of this machine; add each (ip address add {first}/{prefix} dev DEVICE)",
    )


def _descriptors(needs: Needs, facts: Facts) -> Finding | None:
    needed, hard = needs.descriptors, facts.descriptors_hard
    if hard is None or needed <= hard:
        return None
    return Finding(
        Severity.REFUSES,
        f"too few file descriptors: a worker needs {needed} and the hard limit is {hard}; raise it "
        f"(ulimit -Hn {needed}, or LimitNOFILE= of the service), use more --workers or fewer --clients",
    )


def _memory(needs: Needs, facts: Facts) -> Finding | None:
    available = facts.memory_available_bytes
    if available is None or needs.memory_bytes <= available:
        return None
    return Finding(
        Severity.REFUSES,
        f"too little memory: {needs.viewers} viewers on {needs.workers} workers need about "
        f"{_megabytes(needs.memory_bytes)} and {_megabytes(available)} are available; use fewer --clients, fewer "
        "--workers or a larger machine (MemoryMax= of the service, if that is the limit)",
    )


def _ports(needs: Needs, facts: Facts) -> Finding | None:
    if facts.local_ports is None:
        return None
    room = facts.local_ports * max(1, needs.sources) * (needs.destinations or 1)
    if needs.connections <= room:
        return None
    addresses = -(-needs.connections // (facts.local_ports * (needs.destinations or 1)))
    text = (
        f"too few local ports: up to {needs.connections} connections to one address, and {room} ports for them "
        f"(net.ipv4.ip_local_port_range); name {addresses} local addresses with --source-address, or widen the range "
        "(sysctl -w net.ipv4.ip_local_port_range='1024 65535')"
    )
    # One connection each is the least; and a name may have more addresses than one.
    certain = needs.destinations is not None and needs.viewers > room
    return Finding(Severity.REFUSES if certain else Severity.WARNS, text)


def _conntrack(needs: Needs, facts: Facts) -> Finding | None:
    if facts.conntrack_max is None:
        return None
    used = facts.conntrack_used or 0
    if used + needs.connections <= facts.conntrack_max:
        return None
    return Finding(
        Severity.WARNS,
        f"the connection tracking table may overflow, and packets be dropped: {needs.connections} connections beside "
        f"{used} there, of {facts.conntrack_max}; raise it (sysctl -w net.netfilter.nf_conntrack_max="
        f"{_rounded_up(used + needs.connections)}) or exempt the load from tracking",
    )


def _buffers(needs: Needs, facts: Facts) -> Finding | None:
    if needs.http3 or facts.tcp_memory_bytes is None or facts.receive_buffer_bytes is None:
        return None
    needed = needs.viewers * facts.receive_buffer_bytes
    if needed <= facts.tcp_memory_bytes:
        return None
    pages = _rounded_up(needed // facts.page_bytes)
    return Finding(
        Severity.WARNS,
        f"the kernel's memory for TCP may run short when all viewers download at once: {needs.viewers} receive "
        f"buffers are {_megabytes(needed)}, the limit {_megabytes(facts.tcp_memory_bytes)}; raise it "
        f"(sysctl -w net.ipv4.tcp_mem='{pages // 2} {pages * 3 // 4} {pages}')",
    )


def _udp_buffers(needs: Needs, facts: Facts) -> Finding | None:
    most = facts.udp_buffer_bytes
    if not needs.http3 or most is None or most >= UDP_BUFFER_BYTES:
        return None
    return Finding(
        Severity.WARNS,
        f"datagrams may be lost on this machine: HTTP/3 asks for receive buffers of {_kibibytes(UDP_BUFFER_BYTES)}, "
        f"and the kernel gives {_kibibytes(most)}; raise it (sysctl -w net.core.rmem_max={UDP_BUFFER_BYTES})",
    )


def _udp_memory(needs: Needs, facts: Facts) -> Finding | None:
    if not needs.http3 or facts.udp_memory_bytes is None or facts.udp_buffer_bytes is None:
        return None
    needed = needs.viewers * min(facts.udp_buffer_bytes, UDP_BUFFER_BYTES)
    if needed <= facts.udp_memory_bytes:
        return None
    pages = _rounded_up(needed // facts.page_bytes)
    return Finding(
        Severity.WARNS,
        f"the kernel's memory for UDP may run short when all viewers download at once: {needs.viewers} receive "
        f"buffers are {_megabytes(needed)}, the limit {_megabytes(facts.udp_memory_bytes)}; raise it "
        f"(sysctl -w net.ipv4.udp_mem='{pages // 2} {pages * 3 // 4} {pages}')",
    )


def _http3_viewers(needs: Needs, facts: Facts) -> Finding | None:
    cores = needs.workers if facts.cores is None else min(needs.workers, facts.cores)
    room = cores * HTTP3_VIEWERS_PER_CORE
    if not needs.http3 or needs.viewers <= room:
        return None
    return Finding(
        Severity.WARNS,
        f"this machine's processor may be too slow: over HTTP/3 a core carries about {HTTP3_VIEWERS_PER_CORE} viewers "
        f"of 3 Mbit/s, more of lower rates, and {needs.viewers:,} are to run on {cores} core{'s' * (cores > 1)}; use "
        "fewer --clients, more cores (--workers), more machines (--agents), or --http 2",
    )


def _handshakes(needs: Needs, facts: Facts) -> Finding | None:
    each = facts.handshakes_per_second
    if each is None or not needs.handshakes_matter:
        return None
    room = each * needs.workers / (HTTP3_HANDSHAKE if needs.http3 else 1.0)
    # All at once is no rate: the last of them is late by as long as all handshakes take.
    rate = needs.starts_per_second if needs.starts_per_second != math.inf else needs.viewers / _AT_ONCE_SECONDS
    if rate <= room:
        return None
    how_many = f"{rate:,.0f} viewers a second" if needs.starts_per_second != math.inf else f"{needs.viewers:,} at once"
    protocol = "HTTP/3" if needs.http3 else "TLS"
    return Finding(
        Severity.WARNS,
        f"viewers may start late: {how_many} come over {protocol}, and the workers ({needs.workers}) can make about "
        f"{room:,.0f} handshakes a second on this machine; let them come more slowly "
        f"(--ramp-rate {_rounded_down(room)}) or use more cores",
    )


def _known_addresses(settings: Settings) -> tuple[str, ...] | None:
    """Addresses that the load goes to, where that is known without a lookup."""
    if settings.proxy is not None:
        proxy = urlsplit(settings.proxy).hostname or ""
        return (proxy,) if _is_address(proxy) else None
    host = urlsplit(settings.url).hostname or ""
    named = dict.fromkeys(
        address.strip("[]")
        for text in settings.resolve
        for address in _addresses_for(parse_override(text, host), f"[{host}]" if ":" in host else host)
    )
    return tuple(named) or ((host,) if _is_address(host) else None)


def _addresses_for(override: str, host: str) -> list[str]:
    if not override.startswith((f"{host}:", "*:")):
        return []
    return override[override.index(":", len(host) + 1 if override.startswith(host) else 2) + 1 :].split(",")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _kibibytes(count: int) -> str:
    return f"{count >> 10:,} KiB"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _rounded_down(rate: float) -> int:
    """To two digits: the figure is a measurement."""
    digits = str(int(rate))
    return max(1, int(digits[:2].ljust(len(digits), "0")))


def _rounded_up(count: int) -> int:
    """The next power of two: a limit that is raised should have room."""
    return 1 << max(0, count - 1).bit_length()
