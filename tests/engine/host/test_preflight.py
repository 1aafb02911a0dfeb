import math
from pathlib import Path

import pytest

from hls_swarm.engine.host.facts import Facts, foreign, read_facts
from hls_swarm.engine.host.handshakes import OVERHEAD, handshakes_per_second
from hls_swarm.engine.host.preflight import Finding, Needs, Severity, findings, needs_of
from hls_swarm.settings.network import parse_source_addresses
from hls_swarm.settings.run import Settings

MB = 1_000_000
AMPLE = Facts(
    descriptors_hard=1_048_576,
    local_ports=28_232,
    memory_available_bytes=8_000 * MB,
    conntrack_max=262_144,
    conntrack_used=20,
    tcp_memory_bytes=2_000 * MB,
    receive_buffer_bytes=131_072,
)
TEN_THOUSAND = Needs(viewers=10_000, workers=2, connections_per_viewer=2, destinations=1)


def words_of(found: tuple[Finding, ...]) -> list[tuple[Severity, str]]:
    return [(finding.severity, finding.text.partition(":")[0]) for finding in found]


def test_an_ample_machine_lacks_nothing() -> None:
    assert findings(TEN_THOUSAND, AMPLE) == ()


def test_what_is_not_known_is_not_judged() -> None:
    assert findings(Needs(10_000_000, 1, 6), Facts()) == ()


@pytest.mark.parametrize(
    ("needs", "facts", "severity", "text"),
    [
        pytest.param(
            TEN_THOUSAND,
            Facts(descriptors_hard=4096),
            Severity.REFUSES,
            "too few file descriptors: a worker needs 10064 and the hard limit is 4096; raise it (ulimit -Hn 10064, or "
            "LimitNOFILE= of the service), use more --workers or fewer --clients",
            id="descriptors",
        ),
        pytest.param(
            TEN_THOUSAND,
            Facts(memory_available_bytes=300 * MB),
            Severity.REFUSES,
            "too little memory: 10000 viewers on 2 workers need about 353 MB and 300 MB are available; use fewer "
            "--clients, fewer --workers or a larger machine (MemoryMax= of the service, if that is the limit)",
            id="memory",
        ),
        pytest.param(
            Needs(30_000, 2, 2, destinations=1),
            Facts(local_ports=28_232),
            Severity.REFUSES,
            "too few local ports: up to 60000 connections to one address, and 28232 ports for them "
            "(net.ipv4.ip_local_port_range); name 3 local addresses with --source-address, or widen the range (sysctl "
            "-w net.ipv4.ip_local_port_range='1024 65535')",
            id="ports for less than one connection each",
        ),
        pytest.param(
            Needs(20_000, 2, 2, destinations=1),
            Facts(local_ports=28_232),
            Severity.WARNS,
            "too few local ports: up to 40000 connections to one address, and 28232 ports for them "
            "(net.ipv4.ip_local_port_range); name 2 local addresses with --source-address, or widen the range (sysctl "
            "-w net.ipv4.ip_local_port_range='1024 65535')",
            id="ports for one connection each",
        ),
        pytest.param(
            TEN_THOUSAND,
            Facts(conntrack_max=16_384, conntrack_used=100),
            Severity.WARNS,
            "the connection tracking table may overflow, and packets be dropped: 20000 connections beside 100 there, "
            "of 16384; raise it (sysctl -w net.netfilter.nf_conntrack_max=32768) or exempt the load from tracking",
            id="conntrack",
        ),
        pytest.param(
            TEN_THOUSAND,
            Facts(tcp_memory_bytes=700 * MB, receive_buffer_bytes=131_072),
            Severity.WARNS,
            "the kernel's memory for TCP may run short when all viewers download at once: 10000 receive buffers are "
            "1,311 MB, the limit 700 MB; raise it (sysctl -w net.ipv4.tcp_mem='262144 393216 524288')",
            id="socket buffers",
        ),
        pytest.param(
            TEN_THOUSAND,
            Facts(foreign_sources=("10.0.0.10", "10.0.0.11")),
            Severity.REFUSES,
            "--source-address: 10.0.0.10 and 1 more not of this machine; add each (ip address add 10.0.0.10/32 dev "
            "DEVICE)",
            id="source addresses",
        ),
        pytest.param(
            Needs(10_000, 2, 2, destinations=1, tls=True, starts_per_second=2000.0),
            Facts(handshakes_per_second=634.0),
            Severity.WARNS,
            "viewers may start late: 2,000 viewers a second come over TLS, and the workers (2) can make about 1,268 "
            "handshakes a second on this machine; let them come more slowly (--ramp-rate 1200) or use more cores",
            id="handshakes",
        ),
        pytest.param(
            Needs(10_000, 2, 2, destinations=1, tls=True, starts_per_second=math.inf),
            Facts(handshakes_per_second=634.0),
            Severity.WARNS,
            "viewers may start late: 10,000 at once come over TLS, and the workers (2) can make about 1,268 "
            "handshakes a second on this machine; let them come more slowly (--ramp-rate 1200) or use more cores",
            id="handshakes all at once",
        ),
        pytest.param(
            Needs(1400, 2, 2, destinations=1, tls=True, starts_per_second=2000.0, http3=True),
            Facts(handshakes_per_second=634.0),
            Severity.WARNS,
            "viewers may start late: 2,000 viewers a second come over HTTP/3, and the workers (2) can make about 704 "
            "handshakes a second on this machine; let them come more slowly (--ramp-rate 700) or use more cores",
            id="handshakes over HTTP/3",
        ),
        pytest.param(
            Needs(10, 2, 2, tls=True, http3=True),
            Facts(udp_buffer_bytes=212_992),
            Severity.WARNS,
            "datagrams may be lost on this machine: HTTP/3 asks for receive buffers of 1,024 KiB, and the kernel gives "
            "208 KiB; raise it (sysctl -w net.core.rmem_max=1048576)",
            id="UDP buffers",
        ),
        pytest.param(
            Needs(1000, 2, 2, tls=True, http3=True),
            Facts(udp_buffer_bytes=4 << 20, udp_memory_bytes=400 << 20),
            Severity.WARNS,
            "the kernel's memory for UDP may run short when all viewers download at once: 1000 receive buffers are "
            "1,049 MB, the limit 419 MB; raise it (sysctl -w net.ipv4.udp_mem='131072 196608 262144')",
            id="UDP memory",
        ),
        pytest.param(
            Needs(1401, 2, 2, tls=True, http3=True),
            Facts(cores=8),
            Severity.WARNS,
            "this machine's processor may be too slow: over HTTP/3 a core carries about 700 viewers of 3 Mbit/s, more "
            "of lower rates, and 1,401 are to run on 2 cores; use fewer --clients, more cores (--workers), more "
            "machines (--agents), or --http 2",
            id="viewers over HTTP/3",
        ),
    ],
)
def test_what_the_machine_lacks(needs: Needs, facts: Facts, severity: Severity, text: str) -> None:
    assert findings(needs, facts) == (Finding(severity, text),)


@pytest.mark.parametrize(
    "needs",
    [
        pytest.param(Needs(10_000, 2, 2, tls=True, starts_per_second=1200.0), id="slow enough"),
        pytest.param(Needs(10_000, 2, 2, tls=False, starts_per_second=1e9), id="not over TLS"),
        pytest.param(Needs(500, 2, 2, tls=True, starts_per_second=math.inf), id="few at once"),
    ],
)
def test_handshakes_that_can_be_made(needs: Needs) -> None:
    assert findings(needs, Facts(handshakes_per_second=634.0)) == ()


def test_memory_over_tls() -> None:
    plain, tls = Needs(10_000, 2, 2), Needs(10_000, 2, 2, tls=True)
    assert tls.memory_bytes - plain.memory_bytes == 10_000 * (48 << 10)


def test_what_http3_needs() -> None:
    needs = Needs(1400, 2, 2, tls=True, http3=True)
    assert needs.memory_bytes - Needs(1400, 2, 2).memory_bytes == 1400 * (144 << 10)
    assert findings(needs, Facts(udp_buffer_bytes=1 << 20, udp_memory_bytes=2 << 30)) == ()
    assert findings(Needs(700, 2, 2, tls=True, http3=True), Facts(cores=1)) == ()
    assert len(findings(Needs(701, 2, 2, tls=True, http3=True), Facts(cores=1))) == 1
    assert findings(Needs(10_000, 2, 2, tls=True), Facts(cores=1, udp_buffer_bytes=1, udp_memory_bytes=1)) == ()
    assert findings(needs, Facts(tcp_memory_bytes=1, receive_buffer_bytes=131_072)) == ()
    assert findings(Needs(10, 2, 2, tls=True), Facts(udp_buffer_bytes=212_992)) == ()


def test_handshakes_of_this_machine() -> None:
    """In processor time, of which each reading of a clock is a millisecond here."""
    ticks = iter(range(1_000_000))
    assert 0 < handshakes_per_second(lambda: next(ticks) / 1000) < 1000 / OVERHEAD


@pytest.mark.parametrize(
    ("needs", "lacks"),
    [
        pytest.param(Needs(14_116, 2, 2, destinations=1), False, id="just enough"),
        pytest.param(Needs(14_117, 2, 2, destinations=1), True, id="one too many"),
        pytest.param(Needs(28_000, 2, 2, sources=2, destinations=1), False, id="two sources"),
        pytest.param(Needs(28_000, 2, 2, destinations=2), False, id="two destinations"),
        pytest.param(Needs(28_000, 2, 2), True, id="destinations not known"),
    ],
)
def test_room_for_connections(needs: Needs, lacks: bool) -> None:
    assert bool(findings(needs, Facts(local_ports=28_232))) is lacks


def test_unknown_destinations_never_refuse() -> None:
    (finding,) = findings(Needs(1_000_000, 2, 2), Facts(local_ports=28_232))
    assert finding.severity is Severity.WARNS


def test_what_refuses_comes_first() -> None:
    facts = Facts(descriptors_hard=1, conntrack_max=1, local_ports=28_232)
    found = words_of(findings(Needs(20_000, 1, 2, destinations=1), facts))
    assert found == [
        (Severity.REFUSES, "too few file descriptors"),
        (Severity.WARNS, "too few local ports"),
        (Severity.WARNS, "the connection tracking table may overflow, and packets be dropped"),
    ]


@pytest.mark.parametrize(
    ("given", "destinations"),
    [
        pytest.param({"url": "http://origin/a"}, None, id="name"),
        pytest.param({"url": "http://192.0.2.7/a"}, 1, id="address"),
        pytest.param({"url": "http://[2001:db8::7]:8080/a"}, 1, id="IPv6 address"),
        pytest.param({"url": "http://origin/a", "resolve": ("192.0.2.7", "192.0.2.8")}, 2, id="resolve"),
        pytest.param({"url": "http://origin/a", "resolve": ("origin:80:192.0.2.7,192.0.2.8",)}, 2, id="with port"),
        pytest.param({"url": "http://origin/a", "resolve": ("*:*:192.0.2.7",)}, 1, id="any host"),
        pytest.param({"url": "http://origin/a", "resolve": ("cdn:443:192.0.2.7",)}, None, id="another host"),
        pytest.param({"url": "http://[::1]/a", "resolve": ("::2", "::3")}, 2, id="of an IPv6 host"),
        pytest.param({"url": "http://192.0.2.7/a", "proxy": "http://proxy:3128"}, None, id="proxy"),
        pytest.param({"url": "http://origin/a", "proxy": "http://192.0.2.9:3128"}, 1, id="proxy with address"),
    ],
)
def test_where_the_load_goes(given: dict[str, object], destinations: int | None) -> None:
    settings = Settings(**{"dangerous": True, **given})  # type: ignore[arg-type]  # rows of a table
    assert needs_of(settings, 1).destinations == destinations


def test_needs_of_http3() -> None:
    settings = Settings(url="https://origin/a", http="3", resolve=("192.0.2.7", "192.0.2.8"), dangerous=True)
    needs = needs_of(settings, 2)
    assert (needs.http3, needs.destinations) == (True, 1)


def test_needs_of_settings() -> None:
    source = ("127.0.0.2-127.0.0.5",)
    settings = Settings(url="https://[::1]/a", clients=101, variant="all", source_address=source, ramp_rate=200.0)
    needs = needs_of(settings, 2)
    assert needs == Needs(101, 2, 6, sources=4, destinations=1, tls=True, starts_per_second=200.0)
    assert needs.handshakes_matter
    assert (needs.descriptors, needs.connections) == (51 * 6 + 64, 606)


def test_facts_of_a_machine(tmp_path: Path) -> None:
    for name, text in {
        "net/ipv4/ip_local_port_range": "32768\t60999\n",
        "net/ipv4/tcp_mem": "100 200 300\n",
        "net/ipv4/tcp_rmem": "4096 131072 6291456\n",
        "net/core/rmem_max": "212992\n",
        "net/ipv4/udp_mem": "100 200 300\n",
        "net/netfilter/nf_conntrack_max": "262144\n",
        "net/netfilter/nf_conntrack_count": "12\n",
        "cgroup/memory.max": "50000000\n",
        "cgroup/memory.current": "20000000\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    facts = read_facts(parse_source_addresses(["192.0.2.1"]), sysctl=tmp_path, cgroup=tmp_path / "cgroup")
    assert (facts.local_ports, facts.conntrack_max, facts.conntrack_used) == (28_232, 262_144, 12)
    assert (facts.tcp_memory_bytes, facts.receive_buffer_bytes) == (300 * facts.page_bytes, 131_072)
    assert (facts.udp_buffer_bytes, facts.udp_memory_bytes) == (212_992, 300 * facts.page_bytes)
    assert facts.cores is not None
    assert facts.cores > 0
    assert facts.memory_available_bytes == 30_000_000
    assert facts.foreign_sources == ("192.0.2.1",)


def test_facts_that_a_system_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    facts = read_facts(parse_source_addresses([]), sysctl=tmp_path, cgroup=tmp_path)
    assert (facts.local_ports, facts.conntrack_max, facts.tcp_memory_bytes) == (None, None, None)
    assert (facts.udp_buffer_bytes, facts.udp_memory_bytes) == (None, None)
    assert facts.memory_available_bytes is not None
    assert facts.memory_available_bytes > 0


def test_addresses_of_this_machine() -> None:
    assert foreign([None, "127.0.0.1", "192.0.2.1"]) == ("192.0.2.1",)
