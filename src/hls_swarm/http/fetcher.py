"""The seam between what decides and what fetches: a request goes in, one `Exchange` comes out."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from hls_swarm.records import Exchange


class Timeouts(msgspec.Struct, frozen=True, gc=False):
    """Time limits of one exchange, in seconds; None is without limit.

    Attributes:
        connect: DNS, TCP and TLS together.
        first_byte: from the request being sent to the first byte of the answer.
        no_progress: the longest pause between two arrivals of body bytes.
        total: all of it.
    """

    connect: float | None = 10.0
    first_byte: float | None = 10.0
    no_progress: float | None = None
    total: float | None = 20.0


class Query(msgspec.Struct, frozen=True, gc=False):
    """One more parameter of a request's query: sent, but no part of the URL as it is shown and resolved against.

    Attributes:
        anew: whether the whole query is written anew, as `URLSearchParams` does; else it is put at the end as it is.
    """

    name: str
    value: str
    anew: bool = False


class Request(msgspec.Struct, frozen=True):
    """What to fetch.

    Attributes:
        due_at: when it should go out, by the monotonic clock.
        byte_range: first byte and length; asks for a range and expects 206.
        keep_body: hand the decoded body over in the exchange; else its bytes are counted and dropped.
        max_body_bytes: with `keep_body`, a longer body (before or after decompression) is a `MALFORMED` failure.
        headers: more header fields for this request, in order.
        query: a parameter that is added to the URL, by clients that write their requests in full.
        body: is sent with POST, by clients that write their requests in full; None is a GET.
    """

    url: str
    due_at: float
    timeouts: Timeouts
    byte_range: tuple[int, int] | None = None
    keep_body: bool = False
    max_body_bytes: int = 16 << 20
    headers: tuple[tuple[str, str], ...] = ()
    query: Query | None = None
    body: bytes | None = None


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far a fetch has come.

    Attributes:
        first_byte_at: of the final answer; None: it has not come yet.
        body_bytes: received so far; over a link of the viewer's own, what that has let through.
        size_bytes: of the whole body, if it was declared.
    """

    started_at: float
    first_byte_at: float | None
    body_bytes: int
    size_bytes: int | None


class InFlight(Protocol):
    """A fetch under way."""

    def progress(self) -> Progress:
        """How far it has come; looking may find that it has ended, and `done` is called then before this returns."""

    @property
    def body_bytes(self) -> int:
        """Body bytes received so far."""

    def cancel(self) -> None:
        """End it. `done` is called before this returns, with a `CANCELLED` failure and all that was counted."""


class Fetcher(Protocol):
    """One viewer's HTTP client: its connections, cookies and identity are its own."""

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> InFlight:
        """Begin to fetch; `done` is called exactly once, never before this returns.

        A failure is in the exchange; nothing is raised for what an origin or a network does.
        """

    def close(self) -> None:
        """Cancel what is in flight and close every connection, at once."""
