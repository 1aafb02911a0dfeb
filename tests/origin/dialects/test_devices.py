from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.origin.pages import page_text, parsed

from hls_swarm.origin.dialects.devices import LocalLoad, counted_network_devices, whole_disks
from hls_swarm.origin.exposition.page import Page


def network_page(
    devices: list[str],
    *,
    addresses: dict[str, str] | None = None,
    links: dict[str, tuple[int, int]] | None = None,
    **facts: dict[str, int],
) -> str:
    lines = [f'node_network_receive_bytes_total{{device="{device}"}} 1' for device in devices]
    lines += [f'node_network_info{{address="{of}",device="{device}"}} 1' for device, of in (addresses or {}).items()]
    for device, (own, link) in (links or {}).items():
        lines.append(f'node_network_iface_id{{device="{device}"}} {own}')
        lines.append(f'node_network_iface_link{{device="{device}"}} {link}')
    for family, values in facts.items():
        lines += [f'node_network_{family}{{device="{device}"}} {value}' for device, value in values.items()]
    return "\n".join(lines) + "\n"


MASTER, SLAVE, UP = 0x400, 0x800, 0x1003
BOND = ["lo", "bond0", "eth0", "eth1", "eth2"]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(network_page(["lo", "eth0"]), {"eth0"}, id="loopback"),
        pytest.param(network_page(["lo"]), set(), id="loopback alone"),
        pytest.param(network_page(["enp3s0", "wlan0", "ib0"]), {"enp3s0", "wlan0", "ib0"}, id="cards"),
        pytest.param(
            network_page(
                [
                    "eth0",
                    "docker0",
                    "veth1a2b",
                    "br-12ab",
                    "virbr0",
                    "cni0",
                    "flannel.1",
                    "cali12",
                    "tun0",
                    "tap0",
                    "ifb0",
                    "dummy0",
                    "wg0",
                    "br0",
                    "vlan5",
                ]
            ),
            {"eth0"},
            id="virtual devices",
        ),
        pytest.param(network_page(["eth0", "eth0.100", "eth0.100.7", "eth1.5"]), {"eth0", "eth1.5"}, id="VLANs"),
        pytest.param(
            network_page(["eth0", "storage"], links={"eth0": (2, 2), "storage": (3, 2)}),
            {"eth0"},
            id="VLAN by its link",
        ),
        pytest.param(network_page(["lo", "eth0"], links={"lo": (1, 1), "eth0": (2, 7)}), {"eth0"}, id="in a container"),
        pytest.param(
            network_page(BOND, addresses={"lo": "0", "bond0": "a", "eth0": "a", "eth1": "a", "eth2": "b"}),
            {"bond0", "eth2"},
            id="bond by address",
        ),
        pytest.param(network_page(BOND), {"bond0"}, id="bond without addresses"),
        pytest.param(
            network_page(
                ["uplink", "p1", "p2", "p3"],
                flags={"uplink": UP | MASTER, "p1": UP | SLAVE, "p2": UP | SLAVE, "p3": UP},
                name_assign_type={"uplink": 3, "p1": 4, "p2": 4, "p3": 4},
            ),
            {"uplink", "p3"},
            id="bond of any name by its flags",
        ),
        pytest.param(
            network_page(["uplink", "p1", "p2"], addresses={"uplink": "a", "p1": "a", "p2": "a"})
            + 'node_bonding_slaves{master="uplink"} 2\n',
            {"uplink"},
            id="bond of any name by its module",
        ),
        pytest.param(
            network_page(
                ["uplink", "p1", "p2"],
                addresses={"uplink": "a", "p1": "a", "p2": "a"},
                name_assign_type={"uplink": 3, "p1": 4, "p2": 4},
            ),
            {"uplink"},
            id="team of any name",
        ),
        pytest.param(
            network_page(["p1", "p2"], addresses={"p1": "a", "p2": "a"}, flags={"p1": UP | SLAVE, "p2": UP | SLAVE}),
            {"p1", "p2"},
            id="members of a bond that is not shown",
        ),
        pytest.param(
            network_page(
                ["eth0", "enP5s1"], addresses={"eth0": "a", "enP5s1": "a"}, flags={"eth0": UP, "enP5s1": UP | SLAVE}
            ),
            {"eth0"},
            id="virtual function below a synthetic device",
        ),
        pytest.param(network_page(["eth0", "enP5s1"]), {"eth0"}, id="virtual function, by names alone"),
        pytest.param(network_page(["enP2p1s0f0", "enP2p1s0f1"]), {"enP2p1s0f0", "enP2p1s0f1"}, id="cards of a domain"),
        pytest.param(
            network_page(
                ["lan", "p1", "guest"],
                addresses={"lan": "a", "p1": "a", "guest": "b"},
                name_assign_type={"lan": 3, "p1": 4, "guest": 3},
            ),
            {"p1"},
            id="bridge of any name over a card",
        ),
        pytest.param(
            network_page(["eth0", "office"], protocol_type={"eth0": 1, "office": 65534}), {"eth0"}, id="tunnel"
        ),
        pytest.param(
            network_page(["loop", "eth0"], flags={"loop": 0x9, "eth0": UP}), {"eth0"}, id="loopback of any name"
        ),
        pytest.param(
            network_page(["a", "b", "eth0"], links={"a": (2, 3), "b": (3, 2), "eth0": (4, 4)}),
            {"eth0"},
            id="veth with both ends here",
        ),
        pytest.param(
            network_page(
                ["eth0", "net1"], name_assign_type={"eth0": 3, "net1": 3}, links={"eth0": (5, 9), "net1": (7, 11)}
            ),
            {"eth0", "net1"},
            id="in a container, named by whom made them",
        ),
    ],
)
def test_each_byte_counts_once(page: str, expected: set[str]) -> None:
    assert counted_network_devices(parsed(page), frozenset()) == expected


def test_of_one_address_the_device_counts_that_carried_most_in_the_interval() -> None:
    def page(synthetic: int, function: int) -> Page:
        bytes_ = {"eth0": synthetic, "enP5s1": function}
        lines = [f'node_network_receive_bytes_total{{device="{device}"}} {n}' for device, n in bytes_.items()]
        lines += [f'node_network_info{{address="a",device="{device}"}} 1' for device in bytes_]
        return parsed("\n".join(lines) + "\n")

    assert counted_network_devices(page(900, 1000), frozenset()) == {"enP5s1"}
    assert counted_network_devices(page(1000, 1090), frozenset(), page(900, 1000)) == {"eth0"}


@given(st.data())
def test_whatever_is_stacked_upon_it_a_byte_on_the_wire_counts_once(data: st.DataObject) -> None:
    names = [f"net{number}" for number in range(30)]
    Random(data.draw(st.integers(0, 99))).shuffle(names)
    machine = Machine(iter(range(2, 100)), iter(names))
    for kind in data.draw(st.lists(st.sampled_from(["card", "bond", "team", "function"]), min_size=1, max_size=3)):
        bytes_ = [data.draw(st.integers(0, 10**6)) for _ in range(2)]
        lower = machine.uplink(kind, bytes_)
        for upper in data.draw(st.lists(st.sampled_from(["vlan", "bridge", "macvlan", "tunnel", "veth"]), max_size=2)):
            machine.stack(upper, lower, data.draw(st.integers(0, sum(bytes_))))
    page = parsed(machine.page())
    counted = counted_network_devices(page, frozenset())
    samples = page.by_name["node_network_receive_bytes_total"]
    assert sum(value for series, value in samples if series.label("device") in counted) == machine.wire


class Machine:
    """Devices as Linux tells of them, and the bytes that came over their wires."""

    def __init__(self, indices: Iterator[int], names: Iterator[str]) -> None:
        self._indices, self._names = indices, names
        self._lines = ['node_network_receive_bytes_total{device="lo"} 999999999', 'node_network_flags{device="lo"} 9']
        self.wire = 0

    def page(self) -> str:
        return "\n".join(self._lines) + "\n"

    def uplink(self, kind: str, bytes_: list[int]) -> tuple[int, str]:
        """Cards, or what stands for two of them; its index and address."""
        if kind == "card":
            self.wire += bytes_[0]
            return self._add(bytes_[0], name_type=4)
        self.wire += sum(bytes_)
        if kind == "function":  # the synthetic device counts what passes its function, too
            top = self._add(sum(bytes_), name_type=1)
            self._add(bytes_[0], name_type=4, flags=UP | SLAVE, address=top[1])
            return top
        top = self._add(sum(bytes_), name_type=3, flags=UP | MASTER if kind == "bond" else UP)
        for one in bytes_:
            self._add(one, name_type=4, flags=UP | SLAVE if kind == "bond" else UP, address=top[1])
        return top

    def stack(self, kind: str, lower: tuple[int, str], bytes_: int) -> None:
        """Something whose bytes pass what is below it."""
        index, address = lower
        match kind:
            case "vlan":
                self._add(bytes_, name_type=3, link=index, address=address)
            case "macvlan":
                self._add(bytes_, name_type=3, link=index)
            case "bridge":
                self._add(bytes_, name_type=3, address=address)
            case "tunnel":
                self._add(bytes_, name_type=3, protocol=65534, address="")
            case _:
                self._add(bytes_, name_type=4, link=1000)

    def _add(
        self,
        bytes_: int,
        *,
        name_type: int,
        flags: int = UP,
        link: int = 0,
        protocol: int = 1,
        address: str | None = None,
    ) -> tuple[int, str]:
        index, name = next(self._indices), next(self._names)
        made = f"02:00:00:00:00:{index:02x}" if address is None else address
        of_device = f'{{device="{name}"}}'
        self._lines += [
            f"node_network_receive_bytes_total{of_device} {bytes_}",
            f"node_network_flags{of_device} {flags}",
            f"node_network_name_assign_type{of_device} {name_type}",
            f"node_network_protocol_type{of_device} {protocol}",
            f"node_network_iface_id{of_device} {index}",
            f"node_network_iface_link{of_device} {link or index}",
            f'node_network_info{{address="{made}",device="{name}"}} 1',
        ]
        return index, made


HERE = LocalLoad("lo", 1_700_000_000.0)


@pytest.mark.parametrize(
    ("devices", "booted_at", "expected"),
    [
        pytest.param(["lo", "eth0", "docker0"], 1_700_000_001, {"lo", "eth0"}, id="of this machine"),
        pytest.param(["eth0"], 1_700_000_000, set(), id="without the loopback device"),
        pytest.param(["lo", "eth0"], 1_600_000_000, {"eth0"}, id="of another machine, through a tunnel"),
        pytest.param(["lo", "eth0"], None, {"eth0"}, id="of nobody knows which"),
    ],
)
def test_the_loopback_device_counts_if_the_load_comes_over_it(
    devices: list[str], booted_at: float | None, expected: set[str]
) -> None:
    page = network_page(devices) + ("" if booted_at is None else f"node_boot_time_seconds {booted_at}\n")
    assert counted_network_devices(parsed(page), frozenset(), None, HERE) == expected
    assert counted_network_devices(parsed(page), frozenset({"eth0"}), None, HERE) == {"eth0"}


def test_named_devices_are_taken_as_they_are() -> None:
    page = parsed(network_page(["lo", "eth0", "docker0"]))
    assert counted_network_devices(page, frozenset({"lo", "docker0", "eth9"})) == {"lo", "docker0"}


def test_a_real_page() -> None:
    assert counted_network_devices(parsed(page_text("node_exporter")), frozenset()) == {"eth0"}


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        pytest.param("sda sda1 sda2 vda vda15 xvda xvda1", "sda vda xvda", id="partitions"),
        pytest.param("nvme0n1 nvme0n1p1 mmcblk0 mmcblk0p2", "nvme0n1 mmcblk0", id="partitions with a p"),
        pytest.param("xvda1", "xvda1", id="a partition whose disk is not there"),
        pytest.param("sda loop0 ram0 zram0 sr0 fd0", "sda", id="no disks"),
        pytest.param("sda dm-0 md0 md0p1", "sda", id="stacked on a disk"),
        pytest.param("dm-0", "dm-0", id="stacked alone"),
        pytest.param("sdaa sdaa1", "sdaa", id="two letters"),
    ],
)
def test_whole_disks(devices: str, expected: str) -> None:
    assert whole_disks(devices.split()) == set(expected.split())
