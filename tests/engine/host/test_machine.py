import socket
from pathlib import Path

import psutil
import pytest

from hls_swarm.engine.host.machine import (
    MachineMeter,
    descriptors_open,
    device_towards,
    loopback_device,
    own_names,
    retransmitted_segments,
)

SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin InSegs OutSegs RetransSegs InErrs
Tcp: 1 200 1000 2000 37 0
"""


def own_addresses() -> list[str]:
    return [
        entry.address for entries in psutil.net_if_addrs().values() for entry in entries
        if entry.family == socket.AF_INET
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.77"])
def test_loopback_addresses_are_reached_by_the_loopback_device(address: str) -> None:
    assert device_towards(address) == "lo"


def test_so_is_every_address_of_this_machine() -> None:
    assert {device_towards(address) for address in own_addresses()} == {"lo"}


def test_what_this_machine_is_called_on_itself() -> None:
    assert loopback_device() == "lo"
    assert {"localhost", "127.0.0.1", "::1", *own_addresses()} <= own_names()


def test_what_has_no_way_has_no_device() -> None:
    assert device_towards("::ffff:0:0") is None


def test_retransmitted_segments(tmp_path: Path) -> None:
    (tmp_path / "snmp").write_text(SNMP)
    assert retransmitted_segments(tmp_path / "snmp") == 37
    (tmp_path / "snmp").write_text("Ip: 1\n")
    assert retransmitted_segments(tmp_path / "snmp") is None
    assert retransmitted_segments(tmp_path / "nothing") is None


def test_rates_are_since_the_reading_before() -> None:
    meter = MachineMeter("lo")
    first = meter.read(100.0)
    assert first is not None
    assert (first.device, first.cpu_percent, first.received_bytes_per_second) == ("lo", None, None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(100):
            sender.sendto(b"x" * 1000, ("127.0.0.1", 9))
    second = meter.read(101.0)
    assert second is not None
    assert second.received_bytes_per_second is not None
    assert second.received_bytes_per_second >= 100_000
    assert second.cpu_percent is not None
    assert second.link_percent is None  # the loopback device has no speed


def test_descriptors() -> None:
    count = descriptors_open()
    assert count is None or count > 3
