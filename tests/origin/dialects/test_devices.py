import pytest
from tests.origin.pages import page_text, parsed

from hls_swarm.origin.dialects.devices import counted_network_devices, whole_disks


def network_page(
    devices: list[str],
    *,
    addresses: dict[str, str] | None = None,
    links: dict[str, tuple[int, int]] | None = None,
) -> str:
    lines = [f'node_network_receive_bytes_total{{device="{device}"}} 1' for device in devices]
    lines += [f'node_network_info{{address="{of}",device="{device}"}} 1' for device, of in (addresses or {}).items()]
    for device, (own, link) in (links or {}).items():
        lines.append(f'node_network_iface_id{{device="{device}"}} {own}')
        lines.append(f'node_network_iface_link{{device="{device}"}} {link}')
    return "\n".join(lines) + "\n"


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
    ],
)
def test_each_byte_counts_once(page: str, expected: set[str]) -> None:
    assert counted_network_devices(parsed(page), frozenset()) == expected


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
