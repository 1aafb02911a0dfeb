"""Which network devices and disks count, so that each byte counts once.

A byte that leaves a container passes a veth, a bridge and a network card, and node_exporter counts it on each. What
counts is the device nearest to the wire, or the one that stands for several of them. The page tells which that is:

- Whose bytes pass another device: `node_network_iface_link` is the index of what a VLAN, a macvlan or a tunnel lies
  upon, or of a veth's other end. `node_network_flags` has IFF_SLAVE for the members of a bond, and for the virtual
  function below Hyper-V's synthetic device (Azure's accelerated networking). `node_network_name_assign_type` 3 is a
  name that somebody gave while making the device, which no driver of a card does. `node_network_protocol_type` of a
  tunnel is neither Ethernet nor InfiniBand. A container may have nothing but such devices; then they count.
- What stands for others: IFF_MASTER, a name in `node_bonding_slaves`, or a made device with the hardware address of two
  cards (a team).
- Devices that are left and have one hardware address carry the same bytes: the one that carried most in the interval
  includes the others. It alone counts, so that a sum is too small at worst, and never doubled.
- The loopback device counts, too, where the load comes over it: its bytes pass no other device.
- Names are the last resort: for what the page does not tell (older exporters, collectors that are off).
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from hls_swarm.origin.exposition.parser import Page

_VIRTUAL = re.compile(
    r"lo\d*|(?:docker|veth|br-|virbr|lxcbr|lxdbr|vmbr|cni|flannel|cali|cilium|lxc|kube-|nodelocaldns|weave|vxlan|geneve|"
    r"tun|tap|wg|tailscale|zt|vnet|macvtap|ipvlan|ifb|dummy|gre|gretap|erspan|sit|ip6tnl|ip_vti|ip6_vti|tunl|ip6gre|"
    r"ovs-|nlmon|vlan|bonding_masters).*|br\d*"
)
_BOND = re.compile(r"(?:bond|team)\d*")
_VLAN = re.compile(r"(.+)\.\d+(?:\.\d+)?")
_WIRED = re.compile(r"e(?:th|n|m).*|p\d+p\d+.*")
_SYNTHETIC, _VIRTUAL_FUNCTION = re.compile(r"eth\d+"), re.compile(r"enP\d+(?:p\d+)?s\d+.*")
_NOT_A_DISK = re.compile(r"(?:loop|ram|zram|fd|sr)\d+")
_PARTITION = re.compile(r"((?:nvme\d+n|mmcblk|nbd|md)\d+)p\d+|((?:[hsv]|xv)d[a-z]+)\d+")
_STACKED = re.compile(r"dm-\d+|md\d+|drbd\d+|bcache\d+")
_NO_ADDRESS = re.compile(r"[0:]*")

# linux/if.h and linux/if_arp.h
_IFF_LOOPBACK, _IFF_MASTER, _IFF_SLAVE = 0x8, 0x400, 0x800
_ARPHRD_LOOPBACK, _ARPHRD_WIRED = 772, frozenset({1, 32})
_NET_NAME_USER = 3

_RECEIVED, _SENT = "node_network_receive_bytes_total", "node_network_transmit_bytes_total"

_BOOTED = "node_boot_time_seconds"
_CLOCK_SECONDS = 5.0
"""By how much two readings of one boot time may differ: a clock was set meanwhile."""

DEVICE_FAMILIES = (
    *("node_network_iface_id", "node_network_iface_link", "node_network_info", "node_network_flags"),
    *("node_network_name_assign_type", "node_network_protocol_type", "node_bonding_slaves"),
    "node_boot_time_seconds",
)
"""What tells a device from one it lies upon, where the page has it."""


class LocalLoad(NamedTuple):
    """That the load comes from the same machine.

    Attributes:
        device: over which it comes; the loopback device.
        booted_at: when this machine was, Unix seconds: a page with another time, or with none, is taken for that of
            another machine, such as one at the far end of a tunnel.
    """

    device: str
    booted_at: float

    def is_seen_by(self, page: Page) -> bool:
        """Whether a page is of this machine."""
        return any(abs(value - self.booted_at) < _CLOCK_SECONDS for _, value in page.by_name.get(_BOOTED, ()))


def counted_network_devices(
    page: Page, named: frozenset[str], before: Page | None = None, load: LocalLoad | None = None
) -> frozenset[str]:
    """The network devices of a node_exporter page whose bytes count: those that are named, else see above.

    Args:
        before: the page at the beginning of the interval, by which it is told what carried most.
        load: that the load comes from this machine. If the page does not show the device that it comes over, none
            counts: the others have none of the load's bytes.
    """
    on_page = {series.label("device") for series, _ in page.by_name.get(_RECEIVED, ())}
    if named:
        return frozenset(on_page & named)
    if load is not None and load.is_seen_by(page):
        return _automatic(page, on_page, before) | {load.device} if load.device in on_page else frozenset()
    return _automatic(page, on_page, before)


def _automatic(page: Page, on_page: set[str], before: Page | None) -> frozenset[str]:
    facts = _facts(page, on_page)
    left = {device for device in on_page if not (_VIRTUAL.fullmatch(device) or device in facts.loopback)}
    left -= {device for device in left if (vlan := _VLAN.fullmatch(device)) and vlan[1] in on_page}
    left -= facts.linked
    masters = left & (facts.masters | _standing_for_cards(left, facts))
    left -= _members(left, masters, facts)
    for software in (facts.ends, facts.tunnels, facts.made):
        left = (left - (software - masters)) or left
    return frozenset(_one_of_each_address(left, masters, facts, _carried(page, before)))


@dataclass(frozen=True)
class _Facts:
    """What a page says of its devices.

    Attributes:
        linked: lie upon another of them.
        slaves: have IFF_SLAVE.
        masters: stand for others.
        ends: have their other end, or what they lie upon, on another page.
        tunnels: carry packets, not frames.
        made: by somebody, under a name of their choice.
        addresses: hardware addresses of those that have one.
        tells: whether the page has anything by which members can be known.
    """

    loopback: frozenset[str]
    linked: frozenset[str]
    slaves: frozenset[str]
    masters: frozenset[str]
    ends: frozenset[str]
    tunnels: frozenset[str]
    made: frozenset[str]
    addresses: Mapping[str, str]
    tells: bool


def _facts(page: Page, devices: set[str]) -> _Facts:
    flags = {device: int(value) for device, value in _by_device(page, "node_network_flags").items()}
    kinds, names = _by_device(page, "node_network_protocol_type"), _by_device(page, "node_network_name_assign_type")
    loopback = {device for device, bits in flags.items() if bits & _IFF_LOOPBACK}
    loopback |= {device for device, kind in kinds.items() if kind == _ARPHRD_LOOPBACK}
    index_of, link_of = _by_device(page, "node_network_iface_id"), _by_device(page, "node_network_iface_link")
    owner = {index: device for device, index in index_of.items() if device not in loopback}
    bonds = {series.label("master") for series, _ in page.by_name.get("node_bonding_slaves", ())}
    masters = {device for device in devices if device in bonds or flags.get(device, 0) & _IFF_MASTER}
    addresses = {
        series.label("device"): series.label("address").lower()
        for series, _ in page.by_name.get("node_network_info", ())
        if not _NO_ADDRESS.fullmatch(series.label("address"))
    }
    return _Facts(
        loopback=frozenset(loopback),
        linked=frozenset(device for device, link in link_of.items() if owner.get(link, device) != device),
        slaves=frozenset(device for device, bits in flags.items() if bits & _IFF_SLAVE),
        masters=frozenset(masters or {device for device in devices if _BOND.fullmatch(device)}),
        ends=frozenset(device for device, link in link_of.items() if index_of.get(device, link) != link),
        tunnels=frozenset(device for device, kind in kinds.items() if kind not in _ARPHRD_WIRED),
        made=frozenset(device for device, kind in names.items() if kind == _NET_NAME_USER),
        addresses=addresses,
        tells=bool(flags or addresses),
    )


def _by_device(page: Page, family: str) -> dict[str, float]:
    return {series.label("device"): value for series, value in page.by_name.get(family, ()) if isfinite(value)}


def _standing_for_cards(devices: set[str], facts: _Facts) -> set[str]:
    """Made devices with the hardware address of two cards or more: nothing but what stands for them has that."""
    cards = [facts.addresses.get(device) for device in devices - facts.made - facts.slaves]
    return {device for device in devices & facts.made if cards.count(facts.addresses.get(device, "")) > 1}


def _members(devices: set[str], masters: set[str], facts: _Facts) -> set[str]:
    """Those whose bytes pass one of the others."""
    others = devices - masters
    if not facts.tells:
        if masters:
            return {device for device in others if _WIRED.fullmatch(device)}
        synthetic = any(_SYNTHETIC.fullmatch(device) for device in others)
        return {device for device in others if synthetic and _VIRTUAL_FUNCTION.fullmatch(device)}
    slaves = facts.slaves
    if masters:
        return others & (slaves | _with_addresses_of(masters, others, facts))
    return others & slaves & _with_addresses_of(others - slaves, others, facts)


def _with_addresses_of(devices: AbstractSet[str], others: AbstractSet[str], facts: _Facts) -> set[str]:
    addresses = {facts.addresses.get(device) for device in devices} - {None}
    return {device for device in others if facts.addresses.get(device) in addresses}


def _one_of_each_address(
    devices: set[str], masters: set[str], facts: _Facts, carried: Mapping[str, tuple[float, float]]
) -> set[str]:
    """Of devices with one hardware address the one that carried most; slaves whose master is not shown count all."""
    best: dict[str, str] = {}
    for device in sorted(devices):
        alone = device in facts.slaves and not masters
        key = device if alone else facts.addresses.get(device, device)
        rival = best.get(key)
        if rival is None or carried.get(device, (0.0, 0.0)) > carried.get(rival, (0.0, 0.0)):
            best[key] = device
    return set(best.values())


def _carried(page: Page, before: Page | None) -> dict[str, tuple[float, float]]:
    """Bytes of each device in the interval, then since it is there."""
    now, then = _bytes(page), {} if before is None else _bytes(before)
    return {
        device: (max(0.0, bytes_ - then[device]) if device in then else 0.0, bytes_) for device, bytes_ in now.items()
    }


def _bytes(page: Page) -> dict[str, float]:
    received, sent = _by_device(page, _RECEIVED), _by_device(page, _SENT)
    return {device: bytes_ + sent.get(device, 0.0) for device, bytes_ in received.items()}


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
