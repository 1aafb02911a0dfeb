"""The seam between a client and the fetches that it has in flight: what each needs of the other.

These are for the type checker alone: nothing is looked up here while a request is under way.
"""

from typing import Protocol

from hls_swarm.http.asking.fields import FieldBlock
from hls_swarm.http.asking.target import Route, Target
from hls_swarm.http.context import ClientContext
from hls_swarm.http.h1.connection import Connection
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h2.connection import H2Connection
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.opening.dial import Dial, Dialer
from hls_swarm.http.options import Identity
from hls_swarm.stats.hosts import VersionTally

AnyConnection = Connection | H2Connection | H3Connection
"""A connection of whatever version."""


class Pending(Protocol):
    """A fetch as its client sees it."""

    @property
    def body_bytes(self) -> int:
        """See `fetcher.InFlight`."""

    @property
    def route(self) -> Route | None:
        """Whom the hop under way is asked of."""

    @property
    def deadline(self) -> float:
        """When the next time limit is reached, if nothing happens before; monotonic."""

    def proceed(self) -> None:
        """Ask, now that a connection may be had."""

    def expire(self, now: float) -> None:
        """End if a time limit is reached."""

    def cancel(self) -> None:
        """See `fetcher.InFlight`."""

    def broke(self, error: Exception) -> None:
        """End for an exception that nobody expects, a bug, in a callback that worked for it."""


class Owner(Protocol):
    """A client as a fetch of its own sees it.

    Attributes:
        fields: header fields of every request.
        identity: what tells this viewer from others.
        asks_plainly: a request consists of its target and the fields, as far as the client knows.
        alarm_at: when its alarm rings: only what is due earlier is to be watched for.
    """

    context: ClientContext
    fields: FieldBlock
    identity: Identity
    asks_plainly: bool
    alarm_at: float

    def connection(self, route: Route) -> AnyConnection | None:
        """An idle connection, if there is one."""

    def dial(self, route: Route, dialer: Dialer) -> Dial | None:
        """Open a connection; None at the limit of connections for a host."""

    def dialed(self, dial: Dial, opened: Stream | QuicPath | None) -> AnyConnection | None:
        """A dial ended, with something opened or without; the connection that is made of it."""

    def wait(self, fetching: Pending) -> None:
        """Call `proceed` when a connection may be had."""

    def ended(self, fetching: Pending) -> None:
        """A fetch has an end, whatever it is."""

    def watch(self, deadline: float) -> None:
        """See to it that `expire` is called at this time or soon after."""

    def keep_credentials(self, target: Target) -> None:
        """Remember the user information of a URL for its origin."""

    def authorization(self, target: Target) -> str | None:
        """The Authorization field of a request that its URL, or one before it, asks for."""

    def keep_cookies(self, fields: tuple[str, ...], target: Target) -> None:
        """Take in the Set-Cookie fields of an answer."""

    def keep_alternatives(self, field: str, route: Route, host: VersionTally) -> None:
        """Take in the Alt-Svc field of an answer."""

    def cookies(self, target: Target) -> str | None:
        """The Cookie field of a request."""
