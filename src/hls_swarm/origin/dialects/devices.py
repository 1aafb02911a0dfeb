"""Which network devices and disks count, so that each byte counts once.

A byte that leaves a container passes a veth, a bridge and a network card, and node_exporter counts it on each. What
counts is the device nearest to the wire, or the bond over several of them.
"""

import re
from collections.abc import Iterable

from hls_swarm.origin.exposition.parser import Page

_VIRTUAL = re.compile(
    r"lo\d*|(?:docker|veth|br-|virbr|lxcbr|lxdbr|vmbr|cni|flannel|cali|cilium|lxc|kube-|nodelocaldns|weave|vxlan|geneve|"
    r"tun|tap|wg|tailscale|zt|vnet|macvtap|ipvlan|ifb|dummy|gre|gretap|erspan|sit|ip6tnl|ip_vti|ip6_vti|tunl|ip6gre|"
    r"ovs-|nlmon|vlan|bonding_masters).*|br\d*"
)
_BOND = re.compile(r"(?:bond|team)\d*")
_VLAN = re.compile(r"(.+)\.\d+(?:\.\d+)?")
_WIRED = re.compile(r"e(?:th|n|m).*|p\d+p\d+.*")
_NOT_A_DISK = re.compile(r"(?:loop|ram|zram|fd|sr)\d+")
_PARTITION = re.compile(r"((?:nvme\d+n|mmcblk|nbd|md)\d+)p\d+|((?:[hsv]|xv)d[a-z]+)\d+")
_STACKED = re.compile(r"dm-\d+|md\d+|drbd\d+|bcache\d+")

DEVICE_FAMILIES = ("node_network_iface_id", "node_network_iface_link", "node_network_info")
"""What tells a device from one it lies upon, where the page has it."""


def counted_network_devices(page: Page, named: frozenset[str]) -> frozenset[str]:
    """The network devices of a node_exporter page whose bytes count.

    Those that are named, if any are. Else all but loopback, bridges, tunnels, container ends and other devices without
    a wire, but VLANs (their bytes pass the parent too), but members of a bond (they pass the bond). A bond's members
    are known by its hardware address, which they take over; on a page without addresses, wired devices beside a bond
    are taken for its members.
    """
    on_page = {series.label("device") for series, _ in page.by_name.get("node_network_receive_bytes_total", ())}
    if named:
        return frozenset(on_page & named)
    primary = {device for device in on_page if not _VIRTUAL.fullmatch(device)}
    primary -= {device for device in primary if (vlan := _VLAN.fullmatch(device)) and vlan[1] in on_page}
    primary -= _linked_to_others(page, primary) if len(primary) > 1 else set()
    bonds = {device for device in primary if _BOND.fullmatch(device)}
    if bonds:
        primary -= _bond_members(page, bonds, primary - bonds)
    return frozenset(primary)


def _linked_to_others(page: Page, devices: set[str]) -> set[str]:
    """Devices that lie upon another of these, such as a VLAN with a name of its own (`iface_link` is not its own)."""
    own = {series.label("device"): index for series, index in page.by_name.get("node_network_iface_id", ())}
    owner = {index: device for device, index in own.items() if device in devices}
    return {
        series.label("device")
        for series, index in page.by_name.get("node_network_iface_link", ())
        if owner.get(index, series.label("device")) != series.label("device")
    }


def _bond_members(page: Page, bonds: set[str], others: set[str]) -> set[str]:
    addresses = {
        series.label("device"): series.label("address") for series, _ in page.by_name.get("node_network_info", ())
    }
    if not addresses:
        return {device for device in others if _WIRED.fullmatch(device)}
    of_bonds = {addresses.get(bond) for bond in bonds} - {None, ""}
    return {device for device in others if addresses.get(device) in of_bonds}


def whole_disks(devices: Iterable[str]) -> frozenset[str]:
    """Whole devices: no partitions, no loop, RAM or removable devices.

    What is stacked upon disks (device mapper, RAID, ...) counts only where the disks below are not on the page.
    """
    disks = {device for device in devices if not _NOT_A_DISK.fullmatch(device)}
    whole = {
        device for device in disks if not ((part := _PARTITION.fullmatch(device)) and (part[1] or part[2]) in disks)
    }
    below = {device for device in whole if not _STACKED.fullmatch(device)}
    return frozenset(below or whole)
