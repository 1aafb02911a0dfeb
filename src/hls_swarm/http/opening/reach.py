"""Whom a run asks, and who gets to know its secrets: what a playlist or a redirect may lead to.

Rules:

- A playlist is a stranger's: it may name any host. What the user gave for an origin (scheme, host and port of a URL
  that the user wrote) goes to that origin, and to hosts that the user trusts by name, but to no other.
- With a list of hosts, nothing is asked of any other; the hosts of the user's own URLs are always on it.
- Addresses that name no host of their own are never asked: link-local ones (where clouds keep their metadata), groups,
  "any" and "all". What counts is the address that a connection would go to, so a name that leads there is refused too.
  Only a user's own URL that names such an address itself makes it one that is meant.
- Without any URL of the user nothing is known of whose secrets they are: everything may be asked.
"""

import ipaddress
import socket
from collections.abc import Iterable

from hls_swarm.http.asking.target import BadUrl, Route, literal_address, parse_target
from hls_swarm.records import FailureKind

_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DIGITS = frozenset("0123456789abcdefx.")


class HostNotAllowed(BadUrl):
    """A host that is not to be asked; the text says why."""

    kind = FailureKind.HOST_NOT_ALLOWED


class Reach:
    """The limits of one run.

    Args:
        origins: URLs that the user wrote.
        trusted: hosts (`host` or `host:port`) that get the secrets of the origins too.
        only: hosts that are asked, besides those of the origins; none is all hosts.

    Attributes:
        confines: whether there are limits at all.
    """

    def __init__(self, origins: Iterable[str] = (), trusted: Iterable[str] = (), only: Iterable[str] = ()) -> None:
        self._home: set[Route] = set()
        self._named: set[str] = set()
        self._trusted = frozenset(map(_plain, trusted))
        self._only = frozenset(map(_plain, only))
        self.confines = False
        self.give(origins)

    def give(self, origins: Iterable[str]) -> bool:
        """Take in more URLs that the user wrote; whether that changed anything. What is no URL is passed over."""
        before = len(self._home)
        for url in origins:
            try:
                route = parse_target(url).route
            except BadUrl:
                continue
            self._home.add(route)
            self._named.add(route.host)
        self.confines = bool(self._home)
        return len(self._home) != before

    def check(self, route: Route) -> None:
        """Refuse what is not to be asked.

        Raises:
            HostNotAllowed: in a few words for a person.
        """
        host = route.host
        if host in self._named:
            return
        if self._only and not _is_among(self._only, route):
            raise HostNotAllowed(f"{route.authority} is none of the hosts of --only-host: it was not asked")
        address = _address_of(host)
        if address is not None and self.confines and not self.may_connect(str(address)):
            raise HostNotAllowed(f"{host} is {_what_it_is(address)}: it is not asked unless the URL itself names it")

    def may_connect(self, address: str) -> bool:
        """Whether a name may lead to this address."""
        return not self.confines or _what_it_is(ipaddress.ip_address(address.partition("%")[0])) is None

    def trusts(self, route: Route) -> bool:
        """Whether the secrets of the origins may be told there; True for all if there are no limits."""
        return not self.confines or route in self._home or self.trusts_by_name(route)

    def trusts_by_name(self, route: Route) -> bool:
        """Whether the user named it as one to trust."""
        return bool(self._trusted) and _is_among(self._trusted, route)


def _plain(host: str) -> str:
    """As a route has it: in lower case, and an IPv6 address without brackets unless a port follows."""
    return host.lower().strip("[]") if host.endswith("]") else host.lower()


def _is_among(hosts: frozenset[str], route: Route) -> bool:
    return route.host in hosts or route.authority in hosts


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, in the spellings of old too: `0xa9.254.43518` (inet_aton(3))."""
    address = literal_address(host)
    if address is None and host and _DIGITS.issuperset(host):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return address


def _what_it_is(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    """What kind of address that nobody may load it is; None if it is none of these."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _what_it_is(inner)
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "an unspecified address"
    if address == _BROADCAST:
        return "the broadcast address"
    return None
