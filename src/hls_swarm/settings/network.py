"""How a person names addresses: those to connect to, and those to connect from.

Rules:

- Each `parse_...` raises ValueError with a text for the person who wrote it.
- Nothing here looks anything up: names are names, addresses are literals.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

_OVERRIDE = re.compile(r"(?P<host>\[[^]]+\]|[^:\[\]\s]+):(?P<port>\d{1,5}|\*):(?P<addresses>\S+)", re.ASCII)
_MANY = 2**31
"""Addresses in one pool from which on nobody can mean it; a /64 of IPv6 is cut to as many."""


@dataclass(frozen=True)
class AddressBlock:
    """Addresses that follow one another.

    Args:
        first: the lowest of them as a number.
        version: 4 or 6.
    """

    first: int
    count: int
    version: int

    def __getitem__(self, nth: int) -> str:
        """The one at place `nth`, from 0."""
        number = self.first + nth
        return str(ipaddress.IPv4Address(number) if self.version == 4 else ipaddress.IPv6Address(number))


@dataclass(frozen=True)
class AddressPool:
    """Local addresses that viewers connect from, shared out by number."""

    blocks: tuple[AddressBlock, ...] = ()

    @property
    def count(self) -> int:
        """How many addresses there are; 0 leaves the choice to the kernel."""
        return sum(block.count for block in self.blocks)

    def address_of(self, viewer: int) -> str | None:
        """The address of the viewer with this number: round robin; None if the kernel chooses."""
        if not self.blocks:
            return None
        nth = viewer % self.count
        for block in self.blocks:
            if nth < block.count:
                return block[nth]
            nth -= block.count
        raise AssertionError("a remainder is below what it was divided by")


def parse_source_addresses(texts: Sequence[str]) -> AddressPool:
    """A pool from addresses, ranges `10.0.0.10-10.0.0.20` and networks `10.0.0.0/24`.

    Of an IPv4 network the first and the last address are left out, as they name the network and everybody in it
    (RFC 1122 3.2.1.3).

    Raises:
        ValueError: something that is none of these, or an address that is named twice.
    """
    blocks: list[AddressBlock] = []
    for text in texts:
        block = _block(text)
        for other in blocks:
            if other.version == block.version and _overlap(other, block):
                raise ValueError(f"{text} names addresses that are named already: name each once")
        blocks.append(block)
    return AddressPool(tuple(blocks))


def parse_override(text: str, host: str) -> str:
    """`host:port:address[,address...]` from that or from a bare address, which stands for every port of `host`.

    Args:
        host: of the run's URL.

    Raises:
        ValueError: neither of both.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _is_address(bare):
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:*:{bare}"
    match = _OVERRIDE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an IP address: write one such as 192.0.2.7, or host:port:address")
    if match["port"] != "*" and not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"{text!r} has a bad port: it must be from 1 to 65535, or *")
    for address in match["addresses"].split(","):
        if not _is_address(address.strip("[]")):
            raise ValueError(f"{address!r} in {text!r} is not an IP address: write one such as 192.0.2.7")
    return text


def _block(text: str) -> AddressBlock:
    try:
        if "/" in text:
            network = ipaddress.ip_network(text)
            first, count = int(network.network_address), network.num_addresses
            if network.version == 4 and network.prefixlen < 31:
                first, count = first + 1, count - 2
            return AddressBlock(first, min(count, _MANY), network.version)
        low, dash, high = (part.strip() for part in text.partition("-"))
        lowest = ipaddress.ip_address(low)
        highest = ipaddress.ip_address(high) if dash else lowest
    except ValueError as error:
        reason = "its host bits are set" if "host bits" in str(error) else "it is no such thing"
        raise ValueError(
            f"{text!r} must be an address, a range 10.0.0.10-10.0.0.20 or a network 10.0.0.0/24: {reason}"
        ) from None
    if "%" in text:
        raise ValueError(f"{text!r} has a zone: link-local addresses can not be connected from")
    if lowest.version != highest.version or int(lowest) > int(highest):
        raise ValueError(f"{text!r} does not go from a lower to a higher address of one family")
    return AddressBlock(int(lowest), min(int(highest) - int(lowest) + 1, _MANY), lowest.version)


def _overlap(one: AddressBlock, other: AddressBlock) -> bool:
    return one.first < other.first + other.count and other.first < one.first + one.count


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
