"""Who got the load and over which HTTP, as views and files show it: hosts with most requests first, the rest as one."""

from collections.abc import Mapping
from dataclasses import dataclass

from hls_swarm.stats.hosts import HTTP2, HTTP3, OTHER_HOSTS, HostTally, Versions, merge_versions

MOST_SHOWN = 100


@dataclass(frozen=True)
class VersionFigures:
    """Requests over one version of HTTP.

    Args:
        version: as in its name: `1.1`, `2`, `3`.
        connections: those opened for it.
        resumed: of these, those that went on with the TLS session of an earlier one.
    """

    version: str
    requests: int
    connections: int
    resumed: int = 0

    @property
    def name(self) -> str:
        """As people call it."""
        return f"HTTP/{self.version}"


@dataclass(frozen=True)
class HostFigures:
    """One host.

    Args:
        host: `host:port`, or the name of all further ones together.
        addresses: what it resolved to.
        errors: exchanges with it that failed.
        versions: the same requests and connections by version of HTTP, the lowest first.
        offers_http3: it said so to viewers in browsers.
    """

    host: str
    requests: int
    connections: int
    addresses: tuple[str, ...]
    errors: int = 0
    versions: tuple[VersionFigures, ...] = ()
    offers_http3: bool = False

    @property
    def words(self) -> str:
        """Its name and addresses, these only where they say more than the name."""
        literal = self.host.rpartition(":")[0].strip("[]")
        addresses = ", ".join(address for address in self.addresses if address != literal)
        return f"{self.host} ({addresses})" if addresses else self.host

    @property
    def http2_connections(self) -> int:
        """Of all connections, those that speak HTTP/2."""
        return self._connections_over(HTTP2)

    @property
    def http3_connections(self) -> int:
        """Of all connections, those over QUIC."""
        return self._connections_over(HTTP3)

    def _connections_over(self, version: str) -> int:
        return sum(figures.connections for figures in self.versions if figures.version == version)

    @property
    def http_words(self) -> str:
        """Which versions of HTTP were spoken with it, and whether it offered another; empty: no connection was made."""
        words = versions_words(self.versions)
        if self.offers_http3 and not self.http3_connections:
            return f"{words}, HTTP/3 offered, not taken"
        return words


def versions_words(versions: tuple[VersionFigures, ...]) -> str:
    """Those that requests were made with, else those of connections: `HTTP/2 and HTTP/3`."""
    asked = [figures.name for figures in versions if figures.requests]
    return " and ".join(asked or [figures.name for figures in versions])


def version_figures(hosts: Mapping[str, HostTally]) -> tuple[VersionFigures, ...]:
    """Requests to all hosts by version of HTTP, the lowest first."""
    merged: Versions = {}
    for tally in hosts.values():
        merge_versions(merged, tally.versions)
    return _figures(merged)


def _figures(versions: Versions) -> tuple[VersionFigures, ...]:
    return tuple(
        VersionFigures(version, tally.requests, tally.connections, tally.resumed)
        for version, tally in sorted(versions.items())
        if tally.requests or tally.connections
    )


def host_figures(hosts: Mapping[str, HostTally], most: int = MOST_SHOWN) -> tuple[HostFigures, ...]:
    """All hosts that a connection was made to, at most so many apart."""
    asked = [
        HostFigures(
            name,
            tally.requests,
            tally.connections,
            tuple(tally.addresses),
            tally.errors,
            _figures(tally.versions),
            tally.offers_http3,
        )
        for name, tally in hosts.items()
        if name != OTHER_HOSTS and (tally.requests or tally.connections)
    ]
    asked.sort(key=lambda host: (-host.requests, host.host))
    shown, rest = asked[:most], asked[most:]
    others = hosts.get(OTHER_HOSTS)
    if rest or others is not None:
        further = {host.host: hosts[host.host] for host in rest}
        if others is not None:
            further[OTHER_HOSTS] = others
        requests = sum(tally.requests for tally in further.values())
        connections = sum(tally.connections for tally in further.values())
        errors = sum(tally.errors for tally in further.values())
        shown.append(HostFigures(OTHER_HOSTS, requests, connections, (), errors, version_figures(further)))
    return tuple(shown)
