"""From a host to the addresses to try, in order.

Rules:

- A literal address and an overridden host need no lookup, and then no lookup time is reported.
- Every client looks up for itself, as every viewer does, and keeps the answer for a minute, as browsers do when the
  system's resolver tells no lifetime.
- Families alternate, IPv6 first (RFC 8305 4); within a family each lookup begins one address further on, so that
  many clients of one machine spread over all addresses as clients of many resolvers do.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from hls_swarm.errors import SettingsError
from hls_swarm.http.asking.target import literal_address
from hls_swarm.http.failures import socket_failure
from hls_swarm.records import Failure, FailureKind

LIFETIME_SECONDS = 60.0
_ANY = "*"
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_OVERRIDE = re.compile(r"(\[[^]]+\]|[^:\[\]]+):(\d{1,5}|\*):(.+)", re.ASCII)
_FAMILIES = frozenset({int(socket.AF_INET), int(socket.AF_INET6)})


class Address(NamedTuple):
    """Where to connect."""

    family: int
    sockaddr: tuple[str, int, *tuple[int, ...]]

    @property
    def host_and_port(self) -> tuple[str, int]:
        """For a person to read."""
        return self.sockaddr[0], self.sockaddr[1]

    def at_port(self, port: int) -> "Address":
        """The same machine at another port."""
        host, before, *rest = self.sockaddr
        return self if before == port else self._replace(sockaddr=(host, port, *rest))


class LookupFailed(Exception):  # noqa: N818 - it carries a failure, it is none of the program's errors
    """A host has no address, or the resolver does not answer."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.detail)


class Resolver:
    """Looks hosts up for all clients of an event loop.

    Args:
        overrides: `host:port:address[,address...]`, see `ClientOptions.resolve`.

    Raises:
        SettingsError: an override that is none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, overrides: Sequence[str]) -> None:
        self._loop = loop
        self._overrides = dict(_override(text) for text in overrides)
        self._turn = 0
        self.known = lru_cache(maxsize=256)(self._known)

    async def look_up(self, host: str, port: int) -> tuple[Address, ...]:
        """Ask the system.

        Raises:
            LookupFailed: there is no address to connect to.
        """
        if literal_address(host) is not None:
            scope = host.partition("%")[2]
            raise LookupFailed(
                Failure(FailureKind.DNS, f"no such host: {host}: no interface of this machine is {scope}")
            )
        try:
            infos = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except (OSError, UnicodeError) as error:
            raise LookupFailed(_lookup_failure(error, host)) from None
        addresses = [
            Address(family, (str(sockaddr[0]), int(sockaddr[1]), *map(int, sockaddr[2:])))
            for family, _, _, _, sockaddr in infos
            if family in _FAMILIES
        ]
        if not addresses:
            raise LookupFailed(Failure(FailureKind.DNS, f"no such host: {host}"))
        return tuple(dict.fromkeys(addresses))

    def in_turn(self, addresses: tuple[Address, ...]) -> list[Address]:
        """The order in which this client tries them."""
        if len(addresses) == 1:
            return [addresses[0]]
        self._turn += 1
        six = _rotated([address for address in addresses if address.family == socket.AF_INET6], self._turn)
        four = _rotated([address for address in addresses if address.family == socket.AF_INET], self._turn)
        return [address for pair in zip_longest(six, four) for address in pair if address is not None]

    def _known(self, host: str, port: int) -> tuple[Address, ...] | None:
        """Addresses that need no lookup; None if one is needed."""
        for key in ((host, port), (_ANY, port), (host, 0), (_ANY, 0)):
            if key in self._overrides:
                return tuple(_address(address, port) for address in self._overrides[key])
        address = _literal(host)
        return None if address is None else (_address(address, port),)


def _rotated(addresses: list[Address], turn: int) -> list[Address]:
    at = turn % len(addresses) if addresses else 0
    return addresses[at:] + addresses[:at]


def _literal(host: str) -> IpAddress | None:
    """The address, if the host is one that can be connected to: not beyond an interface that this machine has not."""
    address = literal_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        try:
            _interface(address.scope_id)
        except (OSError, OverflowError):
            return None
    return address


def _address(address: IpAddress, port: int) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return Address(socket.AF_INET, (str(address), port))
    scope = _interface(address.scope_id) if address.scope_id else 0
    return Address(socket.AF_INET6, (str(address).partition("%")[0], port, 0, scope))


def _interface(scope_id: str) -> int:
    """The number of an IPv6 address's interface, which its scope has or names (RFC 4007 11.2)."""
    name = socket.if_indextoname(int(scope_id)) if scope_id.isdecimal() else scope_id
    return socket.if_nametoindex(name)


def _override(text: str) -> tuple[tuple[str, int], tuple[IpAddress, ...]]:
    match = _OVERRIDE.fullmatch(text.strip())
    if match is None:
        raise SettingsError(f"--resolve takes host:port:address, not {text!r}")
    host, port, addresses = match.groups()
    literals = [_literal(address.strip().strip("[]")) for address in addresses.split(",")]
    known = tuple(literal for literal in literals if literal is not None)
    if len(known) < len(literals):
        raise SettingsError(f"--resolve {text!r}: {addresses!r} is not an address")
    return (host.strip("[]").lower(), 0 if port == _ANY else int(port)), known


def _lookup_failure(error: OSError | UnicodeError, host: str) -> Failure:
    try:
        socket.socket().close()
    except OSError as lack:  # without a descriptor the resolver can ask nobody, and says that the host is unknown
        return socket_failure(lack)
    if not isinstance(error, socket.gaierror):
        return Failure(FailureKind.DNS, f"cannot look up {host}: {error}")
    if error.errno == socket.EAI_SYSTEM:
        return Failure(FailureKind.DNS, f"cannot look up {host}: the system's resolver failed")
    if error.errno == socket.EAI_AGAIN:
        return Failure(FailureKind.DNS, f"no answer to looking up {host}")
    return Failure(FailureKind.DNS, f"no such host: {host}")
