"""Who got the load: requests, connections and addresses of each host that was asked.

Rules:

- A host is `host:port`. What is counted of it over one version of HTTP is found once for a connection, and counts each
  request as `requests` elsewhere do.
- A playlist may name any number of hosts: after `MOST_HOSTS` of one worker, further ones are counted together.
"""

from bisect import insort
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

import msgspec

MOST_HOSTS = 256
"""Hosts that one worker keeps apart."""
OTHER_HOSTS = "other hosts"
"""The name of all further ones together."""
MOST_ADDRESSES = 16
"""Addresses of one host that are kept."""
_DEFAULT_PORT = {"http": 80, "https": 443}


HTTP1, HTTP2, HTTP3 = "1.1", "2", "3"
"""Versions of HTTP, as requests are told apart by them."""


class VersionTally(msgspec.Struct, array_like=True):
    """What was asked of a host over one version of HTTP.

    Attributes:
        resumed: connections that went on with the TLS session of an earlier one, among `connections`.
        offers_http3: an answer said that it can be asked over HTTP/3, to a viewer who could take that up.
    """

    requests: int = 0
    connections: int = 0
    resumed: int = 0
    offers_http3: bool = False

    def merge(self, other: Self) -> None:
        """Add another tally of the same."""
        self.requests += other.requests
        self.connections += other.connections
        self.resumed += other.resumed
        self.offers_http3 = self.offers_http3 or other.offers_http3


Versions = dict[str, VersionTally]


def merge_versions(versions: Versions, more: Mapping[str, VersionTally]) -> None:
    """Add what was asked elsewhere, version by version."""
    for version, tally in more.items():
        versions.setdefault(version, VersionTally()).merge(tally)


class HostTally(msgspec.Struct):
    """One host.

    Attributes:
        versions: what was asked, by the version of HTTP over which it was.
        addresses: what it resolved to, in alphabetical order.
        errors: exchanges with it that failed.
    """

    versions: Versions = {}
    addresses: list[str] = []
    errors: int = 0

    @property
    def requests(self) -> int:
        """Over all versions."""
        return sum(tally.requests for tally in self.versions.values())

    @property
    def connections(self) -> int:
        """Over all versions."""
        return sum(tally.connections for tally in self.versions.values())

    @property
    def offers_http3(self) -> bool:
        """It said so, over whichever version."""
        return any(tally.offers_http3 for tally in self.versions.values())

    def over(self, version: str) -> VersionTally:
        """What is counted of it over that version; made if there is none yet."""
        return self.versions.setdefault(version, VersionTally())

    def resolved(self, address: str) -> None:
        """It has this address."""
        if address not in self.addresses:
            insort(self.addresses, address)
            del self.addresses[MOST_ADDRESSES:]

    def merge(self, other: Self) -> None:
        """Add another tally of the same host."""
        merge_versions(self.versions, other.versions)
        self.errors += other.errors
        for address in other.addresses:
            self.resolved(address)


Hosts = dict[str, HostTally]


def host_tally(hosts: Hosts, name: str) -> HostTally:
    """The tally of a host, made if there is room for it; else that of all further hosts."""
    tally = hosts.get(name)
    if tally is None:
        if len(hosts) >= MOST_HOSTS:
            name = OTHER_HOSTS
        tally = hosts.setdefault(name, HostTally())
    return tally


def merge_hosts(hosts: Hosts, more: Mapping[str, HostTally]) -> None:
    """Add the hosts of another worker; what both know is added up."""
    for name, tally in more.items():
        hosts.setdefault(name, HostTally()).merge(tally)


def host_of(url: str) -> str | None:
    """`host:port` of a URL; None of one that is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _DEFAULT_PORT.get(parts.scheme)
    except ValueError:
        return None
    if not host or port is None:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
