"""One viewer's HTTP client: its connections, its time limits and what it has in flight.

Rules:

- A request takes an idle connection of its route, else opens one, else, at the limit of connections that browsers
  have for a host, waits for one.
- A playlist may name any number of hosts: beyond `MOST_CONNECTIONS`, idle connections to other hosts are closed, those
  used longest ago first.
- Over HTTP/2 and HTTP/3 there is one connection to a host, and fetches share it; while it is not known yet what the
  host speaks, they wait for the first one.
- User and password of a URL go to its origin for as long as the client lives, as browsers do (RFC 7617 2.2).
- One alarm per client, set for the earliest time limit of what is in flight. It is moved only to an earlier time:
  when it rings for a limit that no longer stands, it is set anew. So a fetch that goes well sets none, and those of
  all clients share one timer (`alarms`).
"""

from collections.abc import Callable
from math import inf
from time import perf_counter, time

from hls_swarm.http.asking.cookies import CookieJar
from hls_swarm.http.asking.target import Route, Target
from hls_swarm.http.context import ClientContext
from hls_swarm.http.exchange import Fetching
from hls_swarm.http.fetcher import Request
from hls_swarm.http.h1.connection import Connection, Served
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h2.connection import H2Connection
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.opening.alternatives import h3_offer
from hls_swarm.http.opening.dial import Dial, Dialer, Memory
from hls_swarm.http.opening.following import Follower
from hls_swarm.http.opening.quic import QuicDial
from hls_swarm.http.options import Http2, Http3, Identity
from hls_swarm.http.pacing.h1 import PacedConnection
from hls_swarm.http.pacing.h2 import PacedH2Connection
from hls_swarm.http.pacing.h3 import PacedH3Connection
from hls_swarm.http.pacing.link import Link
from hls_swarm.http.seam import AnyConnection, Pending
from hls_swarm.records import Exchange
from hls_swarm.stats.hosts import HTTP1, HTTP2, HTTP3, VersionTally

_NOBODY = Identity()
MOST_CONNECTIONS = 16
"""Connections of one client to all hosts, from which on idle ones to other hosts are closed."""
_MOST_CREDENTIALS = 32


class Client:
    """Implements `Fetcher`; one per viewer.

    Args:
        identity: what tells this viewer from others, as the origin sees it.
        link: its own, which all its connections share; None: it reads as fast as bytes come.

    Attributes:
        alarm_at: when its alarm rings; monotonic, infinite if it is not set.
        asks_plainly: a request consists of its target and the fields, as far as the client knows.

    Raises:
        SettingsError: a header field of the identity that can not be sent.
    """

    __slots__ = (
        "_closed",
        "_connections",
        "_cookies",
        "_credentials",
        "_dials",
        "_follower",
        "_given",
        "_in_flight",
        "_memory",
        "_waiting",
        "alarm_at",
        "asks_plainly",
        "context",
        "fields",
        "identity",
        "link",
    )

    def __init__(self, context: ClientContext, identity: Identity = _NOBODY, link: Link | None = None) -> None:
        if identity.origins:
            context.give(identity.origins)
        self.context = context
        self.identity = identity
        self.link = link
        self.fields = context.fields(identity)
        self.asks_plainly = not context.proxy_fields and "host" not in self.fields.names
        self._closed = False
        self._connections: list[AnyConnection] = []
        self._dials: list[Dial] = []
        self._in_flight: list[Pending] = []
        self._waiting: list[Pending] = []
        self._memory = Memory()
        self._follower: Follower | None = None
        self._cookies: CookieJar | None = None
        self._credentials: dict[Route, str] | None = None
        self._given: str | None = None
        self.alarm_at = inf

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> Fetching:
        """See `Fetcher.fetch`.

        Raises:
            ValueError: a header field of the request that can not be sent.
        """
        fetching = Fetching(self, request, done)
        if self._closed:
            self.context.loop.call_soon(fetching.cancel)
        else:
            self._in_flight.append(fetching)
            fetching.start()
        return fetching

    def close(self) -> None:
        """See `Fetcher.close`."""
        self._closed = True
        for fetching in self._in_flight.copy():
            fetching.cancel()
        for connection in self._connections.copy():
            connection.close()
        if self._follower is not None:
            self._follower.close()
        self.alarm_at = inf

    def connection(self, route: Route) -> AnyConnection | None:
        """An idle connection, if there is one."""
        connections = self._connections
        if self._follower is not None and route.tls:
            found = self._of_two(self._follower, route)
            if found is not None or self._follower.is_worth_waiting_for(route):
                return found
        for connection in connections:
            if connection.is_idle and (connection.route is route or connection.route == route):
                if connection is not connections[-1]:  # in the order of their use
                    connections.remove(connection)
                    connections.append(connection)
                return connection
        return None

    def dial(self, route: Route, dialer: Dialer) -> Dial | None:
        """Open a connection; None at the limit of connections for a host."""
        if self._multiplexes(route):
            return None
        if self._follower is not None and self._follower.is_worth_waiting_for(route):
            return None
        count = sum(connection.route == route for connection in self._connections)
        count += sum(dial.route == route for dial in self._dials)
        if count >= self.context.options.connections_per_host:
            return None
        if len(self._connections) + len(self._dials) >= MOST_CONNECTIONS:
            self._close_idle()
        identity = self.identity
        source, memory = identity.source_address, self._memory
        if route.tls and identity.http3 is Http3.REQUIRED:
            dial: Dial = QuicDial(self.context, dialer, route, source, memory, self.link)
        else:
            dial = Dial(self.context, dialer, route, source, memory, identity.http2, self.link)
        self._dials.append(dial)
        dial.start()
        return dial

    def dialed(self, dial: Dial, opened: Stream | QuicPath | None) -> AnyConnection | None:
        """A dial ended, with something opened or without."""
        self._dials.remove(dial)
        if isinstance(opened, QuicPath):
            return self._adopt(dial, opened)
        if opened is not None:
            spoken = dial.host.over(HTTP2 if dial.speaks_h2 else HTTP1)
            spoken.connections += 1
            spoken.resumed += dial.was_resumed
            connection = self._connection_of(dial, opened, spoken)
            self._connections.append(connection)
            self.context.round_trips.opened(connection)
            if self.identity.http2 is not Http2.NEVER:
                if not dial.speaks_h2:
                    self._memory.h1_routes.add(dial.route)
                self._serve_waiting_soon()
            return connection
        self._serve_waiting_soon()
        return None

    def _adopt(self, dial: Dial, path: QuicPath) -> H3Connection:
        spoken = dial.host.over(HTTP3)
        spoken.connections += 1
        spoken.resumed += dial.was_resumed
        loop, link = self.context.loop, self.link
        if link is None:
            connection = H3Connection(loop, path, dial.route, spoken, self)
        else:
            connection = PacedH3Connection(loop, path, dial.route, spoken, self, link)
        connection.is_alternative = self.identity.http3 is Http3.ADVERTISED
        self._connections.append(connection)
        self._serve_waiting_soon()
        return connection

    def _of_two(self, follower: Follower, route: Route) -> AnyConnection | None:
        """An idle connection over HTTP/3, else one over HTTP/2 while the other is to come."""
        other: H2Connection | None = None
        for connection in self._connections:
            if connection.route == route and connection.is_idle:
                if isinstance(connection, H3Connection):
                    return connection
                if isinstance(connection, H2Connection):
                    other = connection
        if not self._has_http3(route):
            follower.consider(route)
        return other

    def _connection_of(self, dial: Dial, stream: Stream, spoken: VersionTally) -> Connection | H2Connection:
        loop, link = self.context.loop, self.link
        if link is None:
            if dial.speaks_h2:
                return H2Connection(loop, stream, dial.route, spoken, self, self.context.lookout)
            return Connection(loop, stream, dial.route, spoken, self)
        paced = PacedH2Connection if dial.speaks_h2 else PacedConnection
        return paced(loop, stream, dial.route, spoken, self, link)

    def wait(self, fetching: Pending) -> None:
        """Call `Pending.proceed` when a connection may be had."""
        self._waiting.append(fetching)

    def ended(self, fetching: Pending) -> None:
        """A fetch has an end, whatever it is."""
        if fetching in self._in_flight:
            self._in_flight.remove(fetching)
        if self._waiting and fetching in self._waiting:
            self._waiting.remove(fetching)

    def released(self, connection: Served) -> None:
        """See `connection.Pool`."""
        if not self._waiting:
            return
        for fetching in self._waiting.copy():
            if fetching.route == connection.route and connection.is_idle and fetching in self._waiting:
                self._waiting.remove(fetching)
                fetching.proceed()

    def closed(self, connection: Served) -> None:
        """See `connection.Pool`."""
        self._connections = [other for other in self._connections if other is not connection]
        self.context.round_trips.closed(connection)
        if self._follower is not None and isinstance(connection, H3Connection) and connection.was_lost:
            self._follower.lost(connection.route)
        self._serve_waiting_soon()

    def keep_credentials(self, target: Target) -> None:
        """Remember the user information of a URL for its origin; the first of an origin holds."""
        if target.authorization is None:
            return
        if self._credentials is None:
            self._credentials, self._given = {}, target.authorization
            self.asks_plainly = False
        if len(self._credentials) < _MOST_CREDENTIALS:
            self._credentials.setdefault(target.route, target.authorization)

    def authorization(self, target: Target) -> str | None:
        """The Authorization field of a request that its URL, or one before it, asks for."""
        if target.authorization is not None or self._credentials is None:
            return target.authorization
        known = self._credentials.get(target.route)
        return self._given if known is None and self.context.reach.trusts_by_name(target.route) else known

    def keep_cookies(self, fields: tuple[str, ...], target: Target) -> None:
        """Take in the Set-Cookie fields of an answer."""
        if self._cookies is None:
            self._cookies = CookieJar()
            self.asks_plainly = False
        for field in fields:
            self._cookies.store(field, target, perf_counter(), time())

    def keep_alternatives(self, field: str, route: Route, host: VersionTally) -> None:
        """Take in the Alt-Svc field of an answer: only over TLS an offer is to be believed."""
        if self.identity.http3 is not Http3.ADVERTISED or not route.tls:
            return
        follower = self._follower
        if follower is None:
            if h3_offer(field, route) is None:
                return
            if not self.context.follows_http3():
                host.offers_http3 = True
                return
            source, wake = self.identity.source_address, self._serve_waiting_soon
            follower = Follower(self.context, source, self._memory, self.link, self._adopt, wake)
            self._follower = follower
        if follower.keep(route, field):
            host.offers_http3 = True

    def cookies(self, target: Target) -> str | None:
        """The Cookie field of a request."""
        return None if self._cookies is None else self._cookies.header(target, perf_counter())

    def watch(self, deadline: float) -> None:
        """See to it that `Pending.expire` is called at this time or soon after."""
        if deadline < self.alarm_at:
            self.alarm_at = deadline
            self.context.alarms.set(self)

    def ring(self, now: float) -> None:
        """See `alarms.Alarmed`."""
        self.alarm_at = inf
        for fetching in self._in_flight.copy():
            try:
                fetching.expire(now)
            except Exception as error:  # noqa: BLE001 - a bug; it ends this fetch, and no other one
                fetching.broke(error)
        self.watch(min((fetching.deadline for fetching in self._in_flight), default=inf))

    def _multiplexes(self, route: Route) -> bool:
        """Whether there is, or may soon be, a connection for many requests to wait for: one to a host is enough."""
        if route.tls and self.identity.http3 is Http3.REQUIRED:
            return any(dial.route == route for dial in self._dials) or self._has_http3(route)
        if self._follower is not None and self._has_http3(route):
            return True
        http2 = self.identity.http2
        if http2 is Http2.NEVER or route in self._memory.h1_routes or not (route.tls or http2 is Http2.REQUIRED):
            return False
        return any(dial.route == route for dial in self._dials) or any(
            isinstance(connection, H2Connection) and connection.route == route and connection.takes_more
            for connection in self._connections
        )

    def _has_http3(self, route: Route) -> bool:
        return any(
            connection.route == route and connection.takes_more
            for connection in self._connections
            if isinstance(connection, H3Connection)
        )

    def _close_idle(self) -> None:
        """Close the idle connection that was used longest ago."""
        for connection in self._connections:
            if connection.is_unused:
                connection.close()
                return

    def _serve_waiting_soon(self) -> None:
        if self._waiting:
            self.context.loop.call_soon(self._serve_waiting)

    def _serve_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for fetching in waiting:
            try:
                fetching.proceed()
            except Exception as error:  # noqa: BLE001 - as above
                fetching.broke(error)
