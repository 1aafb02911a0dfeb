"""One HTTP/3 connection of a viewer: requests go out as they come, answers come in side by side.

Rules:

- The same `Exchanger` that HTTP/1.1 and HTTP/2 serve: what is counted and when means the same.
- A request that the peer says it did not process (GOAWAY at or below it, H3_REQUEST_REJECTED) is in no access log: it
  is not counted, and made up for once, on a new connection (RFC 9114 4.1.1, 5.2).
- When a connection ends, what of it was taken can not be known: nobody here learns what the peer acknowledged.
- A cancelled request ends its stream, not the connection.
"""

import asyncio
from time import perf_counter

from hls_swarm.errors import raised
from hls_swarm.http.asking.target import Route
from hls_swarm.http.failures import phrase
from hls_swarm.http.h1.connection import BodyUse, Exchanger, Fate, Pool
from hls_swarm.http.h1.head import Framing, Head, MalformedHead
from hls_swarm.http.h3.fields import CODING, parse_fields
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError, code_name
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.h3.session import Event, GoingAway
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived, StreamReset
from hls_swarm.records import Failure, FailureKind
from hls_swarm.stats.hosts import HostTally

_KEEP, _REFUSE = BodyUse.KEEP, BodyUse.REFUSE
_LENGTH = Framing.LENGTH


class H3Answering:
    """One request and the answer to it; what an exchange holds while it waits for that.

    Attributes:
        number: of the stream.
        left: bytes still to come of a body of known length.
    """

    __slots__ = ("_connection", "exchanger", "head", "kept", "left", "number")

    def __init__(self, connection: "H3Connection", exchanger: Exchanger) -> None:
        self._connection = connection
        self.exchanger = exchanger
        self.number = -1
        self.head: Head | None = None
        self.kept: list[bytes] | None = None
        self.left = 0

    @property
    def host(self) -> HostTally:
        """See `H3Connection`."""
        return self._connection.host

    def unread_bytes(self) -> int:
        """Body bytes that have arrived and were not counted: not known, as they are encrypted."""
        return 0

    def arrived_bytes(self) -> int:
        """See `unread_bytes`."""
        return 0

    def poll(self) -> None:
        """Take what has arrived."""
        self._connection.poll()

    def close(self) -> None:
        """End the stream; the exchanger is not told."""
        self._connection.cancel(self)


class H3Connection:
    """A QUIC connection to one route, and the answers that are being read from it.

    Args:
        path: its handshake is done.
        host: what is counted of whom it leads to; `requests` of it is the exchanger's to count.
        pool: is told when a request can be sent, or the connection is gone.

    Attributes:
        is_alternative: what is lost here can be asked for over TCP.
        was_lost: it ended while answers were waited for.
    """

    __slots__ = (
        "_answering",
        "_is_closed",
        "_is_reused",
        "_loop",
        "_path",
        "_pool",
        "_session",
        "_was_full",
        "host",
        "is_alternative",
        "route",
        "was_lost",
    )

    coding = CODING

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: QuicPath, route: Route, host: HostTally, pool: Pool
    ) -> None:
        self.host = host
        self.route = route
        self._loop = loop
        self._path = path
        self._pool = pool
        self._session = path.driver.session
        self._answering: dict[int, H3Answering] = {}
        self._is_reused = False
        self._is_closed = False
        self._was_full = False
        self.is_alternative = False
        self.was_lost = False
        path.changed = self._changed

    @property
    def is_idle(self) -> bool:
        """Whether a request can be sent now."""
        return not self._is_closed and self._session.can_open

    @property
    def is_unused(self) -> bool:
        """Whether nothing is waited for."""
        return not self._answering

    @property
    def takes_more(self) -> bool:
        """Whether requests will be possible on it again, once an answer has ended."""
        return not self._is_closed and not self._session.is_going_away

    def unread_bytes(self) -> int:
        """See `H3Answering`."""
        return 0

    def arrived_bytes(self) -> int:
        """See `H3Answering`."""
        return 0

    def send(self, exchanger: Exchanger, block: bytes) -> H3Answering:
        """Send a request; the connection must be idle."""
        answering = H3Answering(self, exchanger)
        answering.number = self._session.request(block, keeps=exchanger.keeps_body)
        self._answering[answering.number] = answering
        self._path.awaits = True
        self._path.flush()
        exchanger.request_sent(perf_counter())
        return answering

    def cancel(self, answering: H3Answering) -> None:
        """End a stream; its exchanger is not told."""
        if self._answering.pop(answering.number, None) is None:
            return
        self._session.cancel(answering.number)
        self._path.flush()
        self._after_an_end()

    def poll(self) -> None:
        """Take what has arrived."""
        self._changed()

    def close(self) -> None:
        """Close at once; no exchanger is told."""
        if self._is_closed:
            return
        self._is_closed = True
        self._answering.clear()
        self._path.close()
        self._pool.closed(self)

    def _changed(self) -> None:
        if self._is_closed:
            return
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _break(self, error: Exception) -> None:
        """An exception that nobody expects, a bug, ends what is waited for here, which would wait for ever."""
        self._loop.call_exception_handler({"message": f"requests to {self.route.authority}", "exception": error})
        if not self._is_closed:
            self._lose_all(Failure(FailureKind.INTERNAL, raised(error)))

    def _read(self) -> None:
        self._path.read()
        self._take()

    def _take(self) -> None:
        """What has been read means this."""
        for event in self._path.driver.told():
            self._dispatch(event)
            if self._is_closed:
                return
        if not self._check():
            return
        self._path.flush()
        if self._was_full and self._session.can_open:
            self._was_full = False
            self._pool.released(self)

    def _check(self) -> bool:
        """Whether the connection goes on."""
        ended, error = self._path.driver.ended, self._path.error
        if ended is not None:
            kind = FailureKind.MALFORMED if ended.is_broken else FailureKind.CONNECTION_LOST
            words = ended.words if ended.is_broken else f"connection {ended.words} before an answer"
            self._lose_all(Failure(kind, words))
        elif error is not None:
            words = f"connection lost: {phrase(error)} before an answer"
            self._lose_all(Failure(FailureKind.CONNECTION_LOST, words))
        return not self._is_closed

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, GoingAway):
            self._go_away(event)
            return
        answering = self._answering.get(event.stream)
        if answering is None:
            return
        if isinstance(event, BodyReceived):
            self._body(answering, event)
        elif isinstance(event, HeadReceived):
            self._head(answering, event)
        else:
            self._reset(answering, event)

    def _head(self, answering: H3Answering, event: HeadReceived) -> None:
        if answering.head is not None:
            return  # trailers
        exchanger = answering.exchanger
        try:
            head = parse_fields(event.block)
        except MalformedHead as error:
            self._lose(answering, Failure(FailureKind.MALFORMED, f"HTTP/3: {error}"))
            return
        except ProtocolError as error:
            self._path.driver.close(error.code, str(error))
            self._lose_all(Failure(FailureKind.MALFORMED, f"HTTP/3: {error}"))
            return
        exchanger.first_byte(perf_counter())
        use = exchanger.head_received(head, event.size_bytes)
        if head.status < 200:
            return
        answering.head = head
        answering.left = head.length
        answering.kept = [] if use is _KEEP else None
        if use is _REFUSE:
            self._finish(answering, None)

    def _body(self, answering: H3Answering, event: BodyReceived) -> None:
        head, kept, exchanger = answering.head, answering.kept, answering.exchanger
        if head is None:
            words = "a body before its head" if event.size_bytes else "a stream that ends without an answer"
            self._lose(answering, Failure(FailureKind.MALFORMED, f"HTTP/3: {words}"))
            return
        grown = 0
        if kept is not None:
            kept.extend(event.pieces)
            grown = event.size_bytes
        elif event.start and exchanger.body_start is None:
            exchanger.body_start = event.start
        if event.size_bytes:
            answering.left -= event.size_bytes
            if head.framing is _LENGTH and answering.left < 0:
                exchanger.body_received(event.size_bytes, grown)
                self._lose(answering, Failure(FailureKind.MALFORMED, f"HTTP/3: a body over its {head.length} bytes"))
                return
            if not exchanger.body_received(event.size_bytes, grown):
                self._finish(answering, None)
                return
        if not event.ends:
            return
        if head.framing is _LENGTH and answering.left > 0:
            words = f"stream ended in the body, {answering.left} bytes missing"
            self._lose(answering, Failure(FailureKind.TRUNCATED, words))
        else:
            self._finish(answering, None if kept is None else b"".join(kept))

    def _finish(self, answering: H3Answering, body: bytes | None) -> None:
        """The answer is here, or its body is of no use."""
        self._is_reused = True
        if self._answering.pop(answering.number, None) is not None:
            self._session.cancel(answering.number)  # nothing, if the stream has ended
        self._after_an_end()
        answering.exchanger.answered(body)

    def _reset(self, answering: H3Answering, event: StreamReset) -> None:
        if event.code == ErrorCode.H3_REQUEST_REJECTED:
            self._lose(answering, Failure(FailureKind.CONNECTION_LOST, "request rejected"), refused=True)
            return
        kind = FailureKind.CONNECTION_LOST if answering.head is None else FailureKind.TRUNCATED
        self._lose(answering, Failure(kind, f"stream reset: {code_name(event.code)}"))

    def _go_away(self, event: GoingAway) -> None:
        for answering in [one for number, one in self._answering.items() if number >= event.first]:
            self._lose(answering, Failure(FailureKind.CONNECTION_LOST, "connection going away"), refused=True)
        self._after_an_end()

    def _lose_all(self, failure: Failure) -> None:
        waiting = list(self._answering.values())
        lost = failure.kind is FailureKind.CONNECTION_LOST
        stale = self._is_reused and lost
        if self.is_alternative and (lost or failure.kind is FailureKind.MALFORMED):
            stale = True
            self.was_lost = bool(waiting)
        self.close()
        for answering in waiting:
            if answering.head is not None:
                words = failure.detail.replace("before an answer", "in the body")
                kind = FailureKind.TRUNCATED if failure.kind is FailureKind.CONNECTION_LOST else failure.kind
                answering.exchanger.lost(Failure(kind, words), stale=False, fate=Fate.TAKEN)
            else:
                answering.exchanger.lost(failure, stale=stale, fate=Fate.UNKNOWN)

    def _lose(self, answering: H3Answering, failure: Failure, *, refused: bool = False) -> None:
        if self._answering.pop(answering.number, None) is not None:
            self._session.cancel(answering.number)
        answering.exchanger.lost(failure, stale=refused, fate=Fate.REFUSED if refused else Fate.TAKEN)
        self._after_an_end()  # last: what was refused may be asked for again here

    def _after_an_end(self) -> None:
        """A stream has ended: another may begin, or this was the last one."""
        if self._is_closed:
            return
        self._path.awaits = bool(self._answering)
        if self._session.is_going_away:
            if not self._answering:
                self.close()
        elif self._session.can_open:
            self._pool.released(self)
        else:
            self._was_full = True
