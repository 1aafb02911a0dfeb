"""A viewer's HTTP client in a browser: what it adds to requests, preflights, and the CORS check of every answer.

Rules:

- An answer that the page's script may not read is of no use to the player, whatever its status: `CORS`. A browser tells
  its script no more than that.
- A preflight is a request of its own: it is reported before what it was for goes out, and counts as what it is.
- Cookies are neither kept nor sent beyond the page's own origin, unless the script asks with credentials.
- Of an answer from another origin a script sees Age and Retry-After only where they are exposed.

A client outside a browser is `http.client.Client`, which knows nothing of this.
"""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import msgspec

from hls_swarm.http.asking.fields import FieldBlock, FieldCoding, Fields, default_fields, field_block
from hls_swarm.http.asking.target import Route, Target
from hls_swarm.http.browsing.cors import NULL_ORIGIN, PreflightCache, asked_for, exposes, preflight_refusal, refusal
from hls_swarm.http.browsing.page import Page, Relation
from hls_swarm.http.client import Client
from hls_swarm.http.context import ClientContext
from hls_swarm.http.exchange import USELESS_BODY_BYTES, Fetching
from hls_swarm.http.fetcher import Request
from hls_swarm.http.h1.connection import BodyUse
from hls_swarm.http.h1.head import Head
from hls_swarm.http.options import Identity
from hls_swarm.http.pacing.link import Link
from hls_swarm.records import Exchange, Failure, FailureKind

_ACCEPT_ENCODING, _IDENTITY = b"\r\nAccept-Encoding: ", b"identity\r\n"
_MOST_KNOWN = 256


class BrowserClient(Client):
    """Implements `Fetcher` for a player in a page.

    Args:
        page: where the player runs.
        preflight_made: takes the exchange of every preflight when it has ended.
    """

    __slots__ = ("_known", "allowed", "page", "preflight_made")

    def __init__(
        self,
        context: ClientContext,
        identity: Identity,
        page: Page,
        preflight_made: Callable[[Exchange], None],
        link: Link | None = None,
    ) -> None:
        super().__init__(context, identity, link)
        self.asks_plainly = False
        self.page = page
        self.preflight_made = preflight_made
        self.allowed = PreflightCache()
        self._known: dict[tuple[Route, Relation, bool, bool], Fields] = {}

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> Fetching:
        """See `Fetcher.fetch`."""
        return self.begin(_BrowserFetching(self, request, done))

    def begin(self, fetching: Fetching) -> Fetching:
        """Take up a fetch of whatever kind."""
        if self._closed:
            self.context.loop.call_soon(fetching.cancel)
        else:
            self._in_flight.append(fetching)
            fetching.start()
        return fetching

    def keep_cookies(self, fields: tuple[str, ...], target: Target) -> None:
        """See `Owner.keep_cookies`."""
        if self._has_cookies(target):
            super().keep_cookies(fields, target)

    def cookies(self, target: Target) -> str | None:
        """See `Owner.cookies`."""
        return super().cookies(target) if self._has_cookies(target) else None

    def page_fields(self, hop: "_Hop") -> Fields:
        """What the browser adds to a request."""
        key = (hop.route, hop.relation, hop.cors, hop.tainted)
        known = self._known.get(key)
        if known is None:
            while len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            made = self.page.fields(hop.route, hop.relation, cors=hop.cors, tainted=hop.tainted)
            known = self._known[key] = tuple(field for field in made if field[0].lower() not in self.fields.names)
        return known

    def _has_cookies(self, target: Target) -> bool:
        return self.page.credentials or target.route == self.page.route


class _Hop(NamedTuple):
    """Where one hop of a request goes, as its browser sees it; see `Page.fields`."""

    route: Route
    relation: Relation
    cors: bool
    tainted: bool

    def to(self, page: Page, route: Route) -> "_Hop":
        """A redirect from here."""
        relation = max(self.relation, page.relation(route), key=lambda one: one.rank)
        return _Hop(
            route, relation, self.cors or route != page.route, self.tainted or (self.cors and route != self.route)
        )


def _first_hop(page: Page, route: Route) -> _Hop:
    return _Hop(route, page.relation(route), route != page.route, False)


class _BrowserFetching(Fetching):
    """A fetch of the page's script."""

    __slots__ = ("_browser", "_cleared", "_hop", "_preflight")

    def __init__(self, client: BrowserClient, request: Request, done: Callable[[Exchange], None]) -> None:
        super().__init__(client, request, done)
        self._browser = client
        self._hop: _Hop | None = None
        self._cleared = False
        self._preflight: _Preflighting | None = None

    def proceed(self) -> None:
        """See `Pending.proceed`."""
        target, client = self._target, self._browser
        if target is None or self._done is None or self._preflight is not None:
            return
        if not self._cleared:
            before, page = self._hop, client.page
            hop = self._hop = _first_hop(page, target.route) if before is None else before.to(page, target.route)
            names = self._names_to_ask_for(target) if hop.cors else ()
            if names and not client.allowed.covers(target.url, names, perf_counter()):
                self._ask_first(hop, target, names)
                return
            self._cleared = True
        super().proceed()

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        """See `connection.Exchanger`."""
        use = super().head_received(head, size_bytes)
        hop, page = self._hop, self._browser.page
        if head.status < 200 or hop is None or not hop.cors:
            return use
        credentials = page.credentials
        reason = refusal(head.cors, NULL_ORIGIN if hop.tainted else page.origin, credentials=credentials)
        if reason is not None:
            status = "" if head.status == 200 else f" (status {head.status})"
            self._failure = Failure(FailureKind.CORS, f"{reason}{status}")
            return BodyUse.REFUSE if head.length > USELESS_BODY_BYTES else BodyUse.DROP
        if head.age_seconds is not None and not exposes(head.cors, "age", credentials=credentials):
            head = self._head = msgspec.structs.replace(head, age_seconds=None)
        if head.retry_after_seconds is not None and not exposes(head.cors, "retry-after", credentials=credentials):
            self._head = msgspec.structs.replace(head, retry_after_seconds=None)
        return use

    def _begin_hop(self) -> None:
        self._cleared = False
        super()._begin_hop()

    def _names_to_ask_for(self, target: Target) -> tuple[str, ...]:
        block = self._fields
        sent = block.fields if self._is_told_all(target) else block.shared
        return asked_for(sent, self._browser.page.of_the_browser)

    def _ask_first(self, hop: _Hop, target: Target, names: tuple[str, ...]) -> None:
        client = self._browser
        request = Request(target.url, perf_counter(), self._timeouts)
        self._preflight = _Preflighting(client, request, self._preflighted, hop, names)
        client.begin(self._preflight)

    def _preflighted(self, exchange: Exchange) -> None:
        self._preflight = None
        self._browser.preflight_made(exchange)
        failure = exchange.failure
        if failure is None:
            self._cleared = True
            super().proceed()
        elif failure.kind is not FailureKind.CANCELLED:
            self._end(Failure(failure.kind, f"preflight: {failure.detail}"))

    def _abort(self, failure: Failure) -> None:
        preflight, self._preflight = self._preflight, None
        if preflight is not None and self._done is not None:
            preflight.cancel()
        super()._abort(failure)

    def _request_head(self, target: Target) -> bytes:
        data = super()._request_head(target)
        hop = self._hop
        if hop is None:
            return data
        if self._request.byte_range is not None:
            data = _with_identity(data)
        return data + _lines(self._browser.page_fields(hop))

    def _request_block(self, target: Target, coding: FieldCoding) -> bytes:
        data = super()._request_block(target, coding)
        return data if self._hop is None else data + coding.field_literals(self._browser.page_fields(self._hop))


class _Preflighting(Fetching):
    """The question whether a page may ask: OPTIONS, with nothing of the request but the names of its fields."""

    __slots__ = ("_browser", "_hop", "_names")

    def __init__(
        self,
        client: BrowserClient,
        request: Request,
        done: Callable[[Exchange], None],
        hop: _Hop,
        names: tuple[str, ...],
    ) -> None:
        super().__init__(client, request, done)
        self._browser, self._hop, self._names = client, hop, names
        self._fields = _preflight_block(client, hop, names)

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        """See `connection.Exchanger`."""
        use = super().head_received(head, size_bytes)
        if head.status < 200:
            return use
        page, hop, target = self._browser.page, self._hop, self._target
        origin = NULL_ORIGIN if hop.tainted else page.origin
        reason = preflight_refusal(head.status, head.cors, origin, self._names, credentials=page.credentials)
        self._failure = None if reason is None else Failure(FailureKind.CORS, reason)
        if reason is None and head.cors is not None and target is not None:
            self._browser.allowed.keep(target.url, head.cors, perf_counter(), credentials=page.credentials)
        return BodyUse.REFUSE if head.length > USELESS_BODY_BYTES else BodyUse.DROP

    def _request_bytes(self, target: Target) -> bytes:
        client = self._browser
        parts = [b"OPTIONS", target.request_line[3:], target.host_line, self._fields.full]
        if not target.route.tls:
            parts.append(client.context.proxy_fields)
        return b"".join((*parts, b"\r\n"))

    def _request_block(self, target: Target, coding: FieldCoding) -> bytes:
        authority = target.host_line[6:-2].decode("ascii")
        path = target.request_line[4:-11].decode("ascii")
        asked = coding.request_block(path, authority, tls=target.route.tls, method="OPTIONS")
        return asked + coding.field_literals(self._fields.fields)


def _preflight_block(client: BrowserClient, hop: _Hop, names: tuple[str, ...]) -> FieldBlock:
    agents = [value for name, value in client.fields.fields if name.lower() == "user-agent"]
    asked = client.page.preflight_fields(hop.route, hop.relation, names, tainted=hop.tainted)
    return field_block((), default_fields(agents[0] if agents else ""), asked)


def _lines(fields: Fields) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")


def _with_identity(data: bytes) -> bytes:
    """A part of a body is asked for as it is, not compressed."""
    before, found, rest = data.partition(_ACCEPT_ENCODING)
    return before + found + _IDENTITY + rest.partition(b"\r\n")[2] if found else data
