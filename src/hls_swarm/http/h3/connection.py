"""One HTTP/3 connection of a viewer: requests go out as they come, answers come in side by side.

Rules, beside those of `multiplexing.connection`:

- GOAWAY at or below a request, and H3_REQUEST_REJECTED, say that it was not processed (RFC 9114 4.1.1, 5.2).
- When a connection ends, what of it was taken can not be known: nobody here learns what the peer acknowledged.
"""

import asyncio
from time import perf_counter

from hls_swarm.http.asking.target import Route
from hls_swarm.http.failures import phrase
from hls_swarm.http.h1.connection import Exchanger, Fate, Pool
from hls_swarm.http.h1.head import Head
from hls_swarm.http.h3.fields import CODING, decoded_fields, parse_fields
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError, code_name
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.h3.session import GoingAway, Session
from hls_swarm.http.multiplexing.connection import Answering, MultiplexedConnection
from hls_swarm.http.multiplexing.events import BodyReceived, BrokenProtocolError, HeadReceived, StreamReset
from hls_swarm.records import Failure, FailureKind
from hls_swarm.stats.hosts import VersionTally


class H3Answering(Answering):
    """See `Answering`.

    Attributes:
        has_trailers: nothing but the end may follow.
    """

    __slots__ = ("has_trailers",)

    def __init__(self, connection: "H3Connection", exchanger: Exchanger, number: int) -> None:
        self._connection = connection
        self.exchanger = exchanger
        self.number = number
        self.head = None
        self.kept = None
        self.left = 0
        self.has_trailers = False

    def unread_bytes(self) -> int:
        """Body bytes that have arrived and were not counted: not known, as they are encrypted."""
        return 0

    def arrived_bytes(self) -> int:
        """See `unread_bytes`."""
        return 0


class H3Connection(MultiplexedConnection[H3Answering]):
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
        "_path",
        "_was_full",
        "is_alternative",
        "was_lost",
    )

    version = "HTTP/3"
    coding = CODING
    _session: Session

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: QuicPath, route: Route, host: VersionTally, pool: Pool
    ) -> None:
        super().__init__(loop, path.driver.session, route, host, pool)
        self._path = path
        self._was_full = False
        self.is_alternative = False
        self.was_lost = False
        path.changed = self._changed

    def send(self, exchanger: Exchanger, block: bytes) -> H3Answering:
        """Send a request; the connection must be idle."""
        number = self._session.request(block, keeps=exchanger.keeps_body)
        answering = self._answering[number] = H3Answering(self, exchanger, number)
        self._path.awaits = True
        self._path.flush()
        exchanger.request_sent(perf_counter())
        return answering

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

    def _read(self) -> None:
        self._path.read()
        self._take()

    def _take(self) -> None:
        """What has been read means this."""
        for event in self._path.driver.told():
            if isinstance(event, GoingAway):
                self._go_away(event)
            else:
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

    def _write(self) -> None:
        self._path.flush()

    def _parse(self, block: bytes) -> Head:
        return parse_fields(block)

    def _take_trailers(self, answering: H3Answering, event: HeadReceived) -> None:
        try:
            decoded_fields(event.block)
            if answering.has_trailers:
                raise ProtocolError(ErrorCode.H3_FRAME_UNEXPECTED, "a head behind trailers")
        except ProtocolError as error:
            self._refute(error)
            return
        answering.has_trailers = True

    def _take_body(self, answering: H3Answering, event: BodyReceived) -> None:
        if answering.has_trailers and event.size_bytes:
            self._refute(ProtocolError(ErrorCode.H3_FRAME_UNEXPECTED, "a body behind trailers"))
        else:
            super()._take_body(answering, event)

    def _forget(self, answering: H3Answering, *, broken: bool = False) -> bool:
        if self._answering.pop(answering.number, None) is None:
            return False
        self._session.cancel(answering.number, ErrorCode.H3_MESSAGE_ERROR if broken else ErrorCode.H3_REQUEST_CANCELLED)
        return True

    def _refute(self, error: BrokenProtocolError) -> None:
        self._path.driver.close(ErrorCode(error.code), str(error))
        self._lose_all(self._malformed(str(error)))

    def _take_reset(self, answering: H3Answering, event: StreamReset) -> None:
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
        lost = failure.kind is FailureKind.CONNECTION_LOST
        stale = self._is_reused and lost
        if self.is_alternative and (lost or failure.kind is FailureKind.MALFORMED):
            stale = True
            self.was_lost = bool(self._answering)
        self._lose_waiting(failure, stale=stale, fate=Fate.UNKNOWN)

    def _after_an_end(self) -> None:
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
