"""Who got the load, as views and files show it: the hosts with most requests first, the rest of them as one."""

from collections.abc import Mapping
from dataclasses import dataclass

from hls_swarm.stats.hosts import OTHER_HOSTS, HostTally

MOST_SHOWN = 100


@dataclass(frozen=True)
class HostFigures:
    """One host.

    Args:
        host: `host:port`, or the name of all further ones together.
        addresses: what it resolved to.
        errors: exchanges with it that failed.
        http2_connections: of all connections, those that speak HTTP/2.
        http3_connections: those over QUIC.
        offers_http3: it said so to viewers in browsers.
    """

    host: str
    requests: int
    connections: int
    addresses: tuple[str, ...]
    errors: int = 0
    http3_connections: int = 0
    offers_http3: bool = False
    http2_connections: int = 0

    @property
    def words(self) -> str:
        """Its name and addresses, these only where they say more than the name."""
        literal = self.host.rpartition(":")[0].strip("[]")
        addresses = ", ".join(address for address in self.addresses if address != literal)
        return f"{self.host} ({addresses})" if addresses else self.host

    @property
    def versions(self) -> str | None:
        """The versions of HTTP that it was asked over; None: no connection was made."""
        counts = {"HTTP/2": self.http2_connections, "HTTP/3": self.http3_connections}
        counts = {"HTTP/1.1": self.connections - sum(counts.values())} | counts
        return " and ".join(name for name, count in counts.items() if count > 0) or None

    @property
    def http_words(self) -> str | None:
        """What is to be said of them; None: it was HTTP/1.1 alone, and HTTP/3 was not offered."""
        words = [self.versions] if self.versions not in (None, "HTTP/1.1") else []
        if self.offers_http3 and not self.http3_connections:
            words.append("HTTP/3 offered, not taken")
        return ", ".join(filter(None, words)) or None


def host_figures(hosts: Mapping[str, HostTally], most: int = MOST_SHOWN) -> tuple[HostFigures, ...]:
    """All hosts that a connection was made to, at most so many apart."""
    asked = [
        HostFigures(
            name,
            tally.requests,
            tally.connections,
            tuple(tally.addresses),
            tally.errors,
            tally.http3_connections,
            tally.offers_http3,
            tally.http2_connections,
        )
        for name, tally in hosts.items()
        if name != OTHER_HOSTS and (tally.requests or tally.connections)
    ]
    asked.sort(key=lambda host: (-host.requests, host.host))
    shown, rest = asked[:most], asked[most:]
    requests, connections = sum(host.requests for host in rest), sum(host.connections for host in rest)
    errors = sum(host.errors for host in rest)
    others = hosts.get(OTHER_HOSTS)
    if others is not None:
        requests, connections = requests + others.requests, connections + others.connections
        errors += others.errors
    if rest or others is not None:
        shown.append(HostFigures(OTHER_HOSTS, requests, connections, (), errors))
    return tuple(shown)
