"""One fetch under way: from a request to its `Exchange`, over as many hops as it takes.

Rules:

- `done` is called exactly once, never inside `Client.fetch`.
- A request counts as sent when it was written whole, unless it is known that the origin did not take it: then it is in
  no access log (see `connection.Fate`). One that brought not one byte of an answer, by a reset or because it was
  given up on, counts too, and is said to be unsettled: whether a log has it can not be known.
- A connection that had served before and ends without one byte of an answer is made up for once, on a new one
  (RFC 9110 9.2.2, RFC 9112 9.3.1), as browsers do. If the request counts, its failure counts too.
- Body bytes are all bytes after a head as they came, the chunked coding's own and those before decompression included:
  what nginx logs as `$body_bytes_sent`.
- The body of an answer that is of no use (an error, a redirect) is read and counted, so that the connection can go
  on, unless it is long.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from math import inf
from time import perf_counter

import msgspec

from hls_swarm.errors import raised
from hls_swarm.foreign import masked
from hls_swarm.http.asking.fields import extended
from hls_swarm.http.asking.request import Asking
from hls_swarm.http.asking.target import CACHED_URL_CHARACTERS, BadUrl, Route, Target, joined, shown_url
from hls_swarm.http.fetcher import Progress, Request
from hls_swarm.http.h1.connection import BodyUse, Connection, Fate
from hls_swarm.http.h1.content import MalformedContent, decoded_before, decoding, unknown_coding
from hls_swarm.http.h1.head import Framing, Head
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h2.connection import H2Answering
from hls_swarm.http.h3.connection import H3Answering
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.judging import REDIRECTS, refusal
from hls_swarm.http.opening.dial import Dial
from hls_swarm.http.options import Http2, Http3
from hls_swarm.http.seam import AnyConnection, Owner
from hls_swarm.records import BODY_START_BYTES, Exchange, Failure, FailureKind, Unanswered

USELESS_BODY_BYTES = 256 << 10
"""A body that is of no use is read up to here, so that its connection can go on."""


class _Phase(Enum):
    """What is waited for, and so which time limit holds beside the total."""

    WAITING = "waiting"  # for one of the connections that a client has for a host
    CONNECTING = "connecting"
    SENDING = "sending"
    ANSWER = "answer"
    BODY = "body"


# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_WAITING, _CONNECTING, _SENDING, _ANSWER, _BODY = _Phase
_KEEP, _DROP, _REFUSE = BodyUse
_LENGTH, _CLOSE = Framing.LENGTH, Framing.CLOSE
_NO_HTTP2, _NO_HTTP3 = Http2.NEVER, Http3.NEVER


class _DialTimes(msgspec.Struct, frozen=True, gc=False):
    """What opening connections for a fetch took."""

    dns_seconds: float | None = None
    connect_seconds: float | None = None
    tls_seconds: float | None = None


class Fetching(Asking):
    """A fetch under way; implements `InFlight`, and serves its connection and its dial."""

    __slots__ = (
        "_body_bytes",
        "_connection",
        "_dial",
        "_dialed",
        "_done",
        "_failure",
        "_head",
        "_head_bytes",
        "_hop_counted",
        "_hop_from",
        "_is_useful",
        "_limit",
        "_payload_bytes",
        "_phase",
        "_requests_sent",
        "_retried",
        "_sent_at",
        "_since",
        "_started_at",
        "_target",
        "_timeouts",
        "_unanswered",
        "body_start",
        "first_byte_at",
        "keeps_body",
        "takes_whole",
    )

    def __init__(self, client: Owner, request: Request, done: Callable[[Exchange], None]) -> None:
        self._started_at = perf_counter()
        self._client = client
        self._request = request
        limited = client.context.timeouts
        self._timeouts = request.timeouts if limited is None else limited(request.timeouts)
        self._done: Callable[[Exchange], None] | None = done
        self._fields = extended(client.fields, request.headers) if request.headers else client.fields
        self.keeps_body = request.keep_body
        self.body_start: bytes | None = None
        self.takes_whole = False
        self._target: Target | None = None
        self._home = None
        self._connection: AnyConnection | H2Answering | H3Answering | None = None
        self._dial: Dial | None = None
        self._failure: Failure | None = None
        self._head: Head | None = None
        self._is_useful = False  # whether the answer is what was asked for, as far as its head says
        self._phase = _WAITING
        self._limit: float | None = None
        self._since = self._started_at
        self._sent_at: float | None = None
        self.first_byte_at: float | None = None
        self._dialed: _DialTimes | None = None
        self._requests_sent = 0
        self._head_bytes = 0
        self._body_bytes = 0
        self._payload_bytes = 0
        self._hops = 0
        self._hop_from = 0
        self._hop_counted = False
        self._retried = False
        self._unanswered: Unanswered | None = None

    @property
    def body_bytes(self) -> int:
        """See `InFlight.body_bytes`."""
        connection = self._connection
        return self._body_bytes + (connection.unread_bytes() if connection is not None else 0)

    def progress(self) -> Progress:
        """See `InFlight.progress`."""
        connection, head = self._connection, self._head
        if connection is not None:
            connection.poll()
            connection = self._connection
        arrived = self._body_bytes + (connection.arrived_bytes() if connection is not None else 0)
        size = head.length if head is not None and head.framing is _LENGTH else None
        first = None if head is None else self.first_byte_at
        return Progress(self._started_at, first, arrived - self._hop_from, size)

    @property
    def route(self) -> Route | None:
        """Whom the hop under way is asked of."""
        return None if self._target is None else self._target.route

    @property
    def deadline(self) -> float:
        """When the next time limit is reached, if nothing happens before."""
        total, limit = self._timeouts.total, self._limit
        return min(
            inf if total is None else self._started_at + total,
            inf if limit is None else self._since + limit,
        )

    def start(self) -> None:
        """Begin; nothing is reported before this returns."""
        client = self._client
        try:
            target = client.context.targets[self._request.url]
        except BadUrl as error:
            client.context.loop.call_soon(self._end, Failure(error.kind, str(error)))
            return
        self._target = self._home = target
        if target.authorization is not None:
            client.keep_credentials(target)
        total = self._timeouts.total
        if total is not None and self._started_at + total < client.alarm_at:
            client.watch(self._started_at + total)
        self.proceed()

    def cancel(self) -> None:
        """See `InFlight.cancel`."""
        self._abort(Failure(FailureKind.CANCELLED, "cancelled"))

    def broke(self, error: Exception) -> None:
        """End for an exception that nobody expects, a bug, in a callback that worked for this fetch."""
        route = self.route
        whose = "a request" if route is None else f"a request to {route.authority}"
        self._client.context.loop.call_exception_handler({"message": whose, "exception": error})
        self._abort(Failure(FailureKind.INTERNAL, raised(error)))

    def proceed(self) -> None:
        """Ask: on an idle connection, or on a new one, or later."""
        target = self._target
        if target is None or self._done is None:
            return
        connection = self._client.connection(target.route)
        if connection is not None:
            self._ask(connection, target)
        else:
            self._open(target.route)

    def expire(self, now: float) -> None:
        """End the fetch if it has reached a time limit."""
        if now < self.deadline:
            return
        if self._phase is _BODY and self._connection is not None:
            self._connection.poll()  # bytes below the low-water mark are progress too; they may even be the last ones
            if self._done is None or now < self.deadline:
                return
        total = self._timeouts.total
        if total is not None and now >= self._started_at + total:
            self._abort(Failure(FailureKind.TOTAL_TIMEOUT, f"not complete after {total:g} s"))
            return
        limit = self._limit
        match self._phase:
            case _Phase.CONNECTING:
                kind, words = FailureKind.CONNECT_TIMEOUT, f"not connected after {limit:g} s"
            case _Phase.BODY:
                kind, words = FailureKind.NO_PROGRESS_TIMEOUT, f"no body bytes for {limit:g} s"
            case _:
                kind, words = FailureKind.FIRST_BYTE_TIMEOUT, f"no answer after {limit:g} s"
        self._abort(Failure(kind, words))

    # What a dial reports

    def connected(self, dial: Dial, opened: Stream | QuicPath) -> None:
        """See `dial.Dialer`."""
        self._dial = None
        self._note_times(dial)
        connection = self._client.dialed(dial, opened)
        try:
            if connection is not None and self._target is not None:
                self._ask(connection, self._target)
        except Exception as error:  # noqa: BLE001 - a bug; the dial has ended and hears of nothing any more
            self.broke(error)

    def not_connected(self, dial: Dial, failure: Failure) -> None:
        """See `dial.Dialer`."""
        self._dial = None
        self._note_times(dial)
        self._client.dialed(dial, None)
        self._end(failure)

    # What a connection reports

    def request_sent(self, at: float) -> None:
        """See `connection.Exchanger`."""
        self._sent_at = at
        if not self._hop_counted:  # as `_count_hop`, without the call: this is in each request's way
            self._hop_counted = True
            self._requests_sent += 1
            connection = self._connection
            if connection is not None:
                connection.host.requests += 1
        if self._phase is _SENDING:
            self._phase, self._since = _ANSWER, at
            limit = self._limit
            if limit is not None and at + limit < self._client.alarm_at:
                self._client.watch(at + limit)

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        """See `connection.Exchanger`."""
        self._head_bytes += size_bytes
        if not self._hop_counted:  # answered before it was written whole: it was on the wire nevertheless
            self._count_hop()
        if head.status < 200:
            return _DROP
        self._head = head
        if head.set_cookies and self._target is not None:
            self._client.keep_cookies(head.set_cookies, self._target)
        if head.alt_svc is not None and self._target is not None and self._connection is not None:
            self._client.keep_alternatives(head.alt_svc, self._target.route, self._connection.host)
        # As `_enter`, without the call: this is in each request's way.
        self._phase, self._since = _BODY, self.first_byte_at or self._since
        limit = self._limit = self._timeouts.no_progress
        if limit is not None:
            self._client.watch(self._since + limit)
        if head.status != 200 or self._request.byte_range is not None:
            failure = self._failure = refusal(head, self._request.byte_range)
            if failure is not None or head.status in REDIRECTS:
                return _REFUSE if head.length > USELESS_BODY_BYTES else _DROP
        self._is_useful = True
        if not self.keeps_body:
            return _DROP
        if head.length <= self._request.max_body_bytes:
            return _KEEP
        self._failure = self._too_long()
        return _REFUSE

    def body_received(self, count: int, payload_bytes: int) -> bool:
        """See `connection.Exchanger`."""
        self._body_bytes += count
        if self._timeouts.no_progress is not None:
            self._since = perf_counter()
        if not self._is_useful or self._failure is not None:
            return self._body_bytes - self._hop_from <= USELESS_BODY_BYTES
        if payload_bytes and self.keeps_body:
            self._payload_bytes += payload_bytes
            if self._payload_bytes > self._request.max_body_bytes:
                self._failure = self._too_long()
                return False
        return True

    def answered(self, body: bytes | None) -> None:
        """See `connection.Exchanger`."""
        self._connection = None
        head = self._head
        if self._failure is not None or head is None:
            self._end(self._failure)
        elif not self._is_useful:
            self._follow(head)
        elif body is None or head.content_encoding is None:
            self._end(None, body)
        elif (known := decoded_before(body, head.content_encoding, self._request.max_body_bytes)) is not None:
            self._end(None, known)
        else:
            coding, done = unknown_coding(head.content_encoding), self._done
            if coding is not None and done is not None:  # rare: no fetch pays for it that has none
                self._done = lambda exchange: done(msgspec.structs.replace(exchange, unknown_coding=coding))
            self._decode(decoding(body, head.content_encoding, self._request.max_body_bytes))

    def answered_whole(self, head: Head, size_bytes: int, body: bytes, at: float) -> None:
        """See `connection.Exchanger`; what `head_received`, `body_received` and `_end` come to for such an answer."""
        self._connection = None
        client, request, home, length = self._client, self._request, self._home, head.length
        has_more_to_say = self._dialed is not None or self._unanswered is not None or client.identity.secret is not None
        if has_more_to_say or home is None or length > request.max_body_bytes:
            self._head, self._head_bytes = head, self._head_bytes + size_bytes
            self._body_bytes += length
            if not self.keeps_body:
                self.body_start = body[:BODY_START_BYTES]
                self._end(None)
            elif length <= request.max_body_bytes:
                self._end(None, body)
            else:
                self._end(self._too_long())
            return
        done, self._done = self._done, None
        if done is None:
            return
        client.ended(self)
        # By position, see `_end`.
        done(
            Exchange(
                home.shown,
                request.url,
                request.due_at,
                self._started_at,
                perf_counter(),
                self._sent_at,
                at,
                None,
                None,
                None,
                self._requests_sent,
                200,
                self._head_bytes + size_bytes,
                length,
                body if self.keeps_body else None,
                head.age_seconds,
                head.retry_after_seconds,
                None,
                None,
                True,
                head.content_type,
                None if self.keeps_body else body[:BODY_START_BYTES],
                length,
            )
        )

    def lost(self, failure: Failure, *, stale: bool, fate: Fate) -> None:
        """See `connection.Exchanger`."""
        connection, self._connection = self._connection, None
        silent = self.first_byte_at is None  # not even an interim answer came
        if silent and self._hop_counted:
            if fate is Fate.REFUSED:
                self._requests_sent -= 1
                self._hop_counted = False
                if connection is not None:
                    connection.host.requests -= 1
            elif fate is Fate.UNKNOWN:
                self._note_unsettled()
        if stale and silent and not self._retried and self._target is not None:
            self._retried = True
            if self._hop_counted:
                self._hop_counted = False
                before = self._unanswered or Unanswered()
                self._unanswered = Unanswered(before.unsettled, before.repeated + 1, failure)
            if isinstance(connection, H3Answering):  # over HTTP/2, if there is a connection, where that is left
                self.proceed()
            else:
                self._open(self._target.route)
        else:
            self._end(self._failure or failure)

    # What it does itself

    def _decode(self, steps: Iterator[bytes | None]) -> None:
        """Take the content codings off the body, one step in a turn of the loop."""
        if self._done is None:
            return
        try:
            body = next(steps)
        except MalformedContent as error:
            self._end(Failure(FailureKind.MALFORMED, str(error)))
            return
        except Exception as error:  # noqa: BLE001 - a bug; in a callback of the loop nobody else would hear of it
            self.broke(error)
            return
        if body is None:
            self._client.context.loop.call_soon(self._decode, steps)
        else:
            self._end(None, body)

    def _count_hop(self) -> None:
        self._hop_counted = True
        self._requests_sent += 1
        connection = self._connection
        if connection is not None:
            connection.host.requests += 1

    def _note_unsettled(self) -> None:
        before = self._unanswered or Unanswered()
        self._unanswered = Unanswered(before.unsettled + 1, before.repeated, before.failure)

    def _begin_hop(self) -> None:
        self._hop_from = self._body_bytes
        self._is_useful = False
        self.first_byte_at = self._head = self.body_start = None
        self.proceed()

    def _open(self, route: Route) -> None:
        dial = self._client.dial(route, self)
        if dial is None:
            # For a stream of a connection a peer may let one wait for ever; one of six connections comes free.
            identity = self._client.identity
            shares = identity.http2 is not _NO_HTTP2 or identity.http3 is not _NO_HTTP3
            limit = self._timeouts.first_byte if shares else None
            self._enter(_WAITING, perf_counter(), limit)
            self._client.wait(self)
        else:
            self._dial = dial
            self._enter(_CONNECTING, perf_counter(), self._timeouts.connect)

    def _ask(self, connection: AnyConnection, target: Target) -> None:
        client, request = self._client, self._request
        self._connection = connection
        self._phase, self._limit = _SENDING, self._timeouts.first_byte
        self._hop_counted = False
        plainly = self.takes_whole = (
            client.asks_plainly
            and target.trusted
            and not (self._hops or request.headers or request.byte_range is not None)
        )
        if not isinstance(connection, Connection):
            coding = connection.coding
            if plainly:
                block = coding.plain_block(target.request_line, target.host_line, target.route.tls, self._fields.full)
            else:
                block = self._request_block(target, coding)
            self._connection = connection.send(self, block)
        elif plainly:
            connection.send(self, b"".join((target.request_line, target.host_line, self._fields.full, b"\r\n")))
        else:
            connection.send(self, self._request_bytes(target))

    def _too_long(self) -> Failure:
        return Failure(FailureKind.MALFORMED, f"body over {self._request.max_body_bytes} bytes")

    def _follow(self, head: Head) -> None:
        """Go where a redirect points (RFC 9110 15.4); a GET stays one for all of them."""
        target, context = self._target, self._client.context
        limit = context.options.redirects
        if target is None or not head.location:
            self._end(Failure(FailureKind.REDIRECT, f"status {head.status} without a location"))
        elif self._hops >= limit:
            self._end(Failure(FailureKind.REDIRECT, f"more than {limit} redirects"))
        else:
            try:
                target = context.new_target(joined(target.url, head.location))
            except BadUrl as error:
                kind = FailureKind.REDIRECT if error.kind is FailureKind.MALFORMED else error.kind
                self._end(Failure(kind, str(error)))
                return
            self._target = target
            self._client.keep_credentials(target)
            self._hops += 1
            self._retried = False
            self._begin_hop()

    def _enter(self, phase: _Phase, at: float, limit: float | None) -> None:
        """From now on this is waited for, at most so many seconds."""
        self._phase = phase
        self._since = at
        self._limit = limit
        if limit is not None:
            self._client.watch(at + limit)

    def _note_times(self, dial: Dial) -> None:
        before = self._dialed or _DialTimes()
        self._dialed = _DialTimes(
            _sum(before.dns_seconds, dial.dns_seconds),
            _sum(before.connect_seconds, dial.connect_seconds),
            _sum(before.tls_seconds, dial.tls_seconds),
        )

    def _abort(self, failure: Failure) -> None:
        """End from outside, with whatever is under way."""
        if self._done is None:
            return
        connection, dial = self._connection, self._dial
        self._connection = self._dial = None
        if connection is not None:
            if self._hop_counted and self.first_byte_at is None:
                self._note_unsettled()
            self._body_bytes += connection.unread_bytes()
            connection.close()
        if dial is not None:
            self._note_times(dial)
            dial.cancel()
            self._client.dialed(dial, None)
        self._end(failure)

    def _end(self, failure: Failure | None, body: bytes | None = None) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        client, request, head, home = self._client, self._request, self._head, self._home
        client.ended(self)
        if failure is None and home is not None and not self._hops and client.identity.secret is None:
            url, final_url = home.shown, request.url
        else:
            url, final_url, failure = self._shown(failure)
        times = self._dialed
        dns = connect = tls = status = age = retry_after = content_type = length = encoding = None
        if times is not None:
            dns, connect, tls = times.dns_seconds, times.connect_seconds, times.tls_seconds
        if head is not None:
            status, age, retry_after = head.status, head.age_seconds, head.retry_after_seconds
            content_type, encoding = head.content_type, head.content_encoding
            if head.framing is _LENGTH:
                length = head.length
        # By position: by name it takes six times as long, twice for each segment and viewer.
        done(
            Exchange(
                url,
                final_url,
                request.due_at,
                self._started_at,
                perf_counter(),
                self._sent_at,
                self.first_byte_at,
                dns,
                connect,
                tls,
                self._requests_sent,
                status,
                self._head_bytes,
                self._body_bytes,
                body,
                age,
                retry_after,
                failure,
                None,
                True,
                content_type,
                self.body_start,
                length,
                encoding,
                # A stream of HTTP/2 has an end of its own, and its connection goes on.
                length is None
                and body is not None
                and head is not None
                and head.framing is _CLOSE
                and not head.keep_alive,
                self._unanswered,
            )
        )

    def _shown(self, failure: Failure | None) -> tuple[str, str, Failure | None]:
        """Where it began and where it ended, and its failure, without what is secret."""
        target, home, url = self._target, self._home, self._request.url
        final_url = target.url if target is not None and self._hops else url
        url = shown_url(url) if home is None else home.shown
        if failure is not None and len(final_url) > CACHED_URL_CHARACTERS:
            final_url = url  # nothing is resolved against it
        secret = self._client.identity.secret
        if secret is not None:
            url = masked(url, (secret,))
            if failure is not None:
                failure = msgspec.structs.replace(failure, detail=masked(failure.detail, (secret,)))
        return url, final_url, failure


def _sum(before: float | None, more: float | None) -> float | None:
    return more if before is None else before + (more or 0.0)
