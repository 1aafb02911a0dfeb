"""A connection of a viewer on which answers come side by side, whatever the version: what it does with them.

Rules:

- The same `Exchanger` that HTTP/1.1 serves: what is counted and when means the same.
- A request that the peer says it did not process is in no access log: it is not counted, and made up for once, on a
  new connection (RFC 9113 8.7, RFC 9114 4.1.1).
- A cancelled request ends its stream, not the connection.
- What is wrong with one answer ends its stream; what leaves the connection in an unknown state ends that.
"""

import asyncio
from abc import abstractmethod
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from hls_swarm.errors import raised
from hls_swarm.http.asking.target import Route
from hls_swarm.http.h1.connection import BodyUse, Exchanger, Fate, Pool
from hls_swarm.http.h1.head import Framing, Head, MalformedHead
from hls_swarm.http.multiplexing.events import BodyReceived, BrokenProtocolError, HeadReceived, StreamReset
from hls_swarm.records import Failure, FailureKind
from hls_swarm.stats.hosts import VersionTally

_KEEP, _REFUSE = BodyUse.KEEP, BodyUse.REFUSE
_LENGTH = Framing.LENGTH


class Answering:
    """One request and the answer to it; what an exchange holds while it waits for that.

    Attributes:
        number: of the stream.
        kept: pieces of a body that is wanted.
        left: bytes still to come of a body of known length.
    """

    __slots__ = ("_connection", "exchanger", "head", "kept", "left", "number")

    _connection: "MultiplexedConnection[Any]"
    exchanger: Exchanger
    number: int
    head: Head | None
    kept: list[bytes] | None
    left: int

    @property
    def host(self) -> VersionTally:
        """See `MultiplexedConnection`."""
        return self._connection.host

    def poll(self) -> None:
        """Take what has arrived."""
        self._connection.poll()

    def close(self) -> None:
        """End the stream; the exchanger is not told."""
        self._connection.cancel(self)


class Opens(Protocol):
    """A session, as far as it says whether requests can be sent."""

    is_going_away: bool

    @property
    def can_open(self) -> bool:
        """Whether one more stream may be opened now."""


A = TypeVar("A", bound=Answering)


class MultiplexedConnection(Generic[A]):  # no ABC: to ask whether something is an instance of one takes longer
    """A connection to one route, and the answers that are being read from it.

    Args:
        session: what it speaks.
        host: what is counted of whom it leads to; `requests` of it is the exchanger's to count.
        pool: is told when a request can be sent, or the connection is gone.
    """

    __slots__ = ("_answering", "_is_closed", "_is_reused", "_loop", "_pool", "_session", "host", "route")

    version: str
    """Its name, for a person."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, session: Opens, route: Route, host: VersionTally, pool: Pool
    ) -> None:
        self.host = host
        self.route = route
        self._loop = loop
        self._pool = pool
        self._session = session
        self._answering: dict[int, A] = {}
        self._is_reused = False
        self._is_closed = False

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
        """None of the connection as a whole: an answer has its own."""
        return 0

    def arrived_bytes(self) -> int:
        """See `unread_bytes`."""
        return 0

    def cancel(self, answering: A) -> None:
        """End a stream; its exchanger is not told."""
        if self._forget(answering):
            self._write()
            self._after_an_end()

    @abstractmethod
    def poll(self) -> None:
        """Take what has arrived, also what nobody would be woken for."""

    @abstractmethod
    def close(self) -> None:
        """Close at once; no exchanger is told."""

    def _known_left(self) -> int | None:
        """Body bytes that are still to come; None: that is not known of every stream."""
        left = 0
        for answering in self._answering.values():
            if answering.head is None or answering.left <= 0:
                return None
            left += answering.left
        return left

    # What a version does in its own way

    @abstractmethod
    def _parse(self, block: bytes) -> Head:
        """The head that a block of fields is.

        Raises:
            MalformedHead: it is not that of an answer.
            BrokenProtocolError: it can not be read.
        """

    @abstractmethod
    def _write(self) -> None:
        """Send what there is to send."""

    @abstractmethod
    def _forget(self, answering: A, *, broken: bool = False) -> bool:
        """Wait for it no longer; its stream ends, if it has not. False: it was not waited for.

        Args:
            broken: it is malformed, which tells the peer (RFC 9113 8.1.1, RFC 9114 4.1.2).
        """

    @abstractmethod
    def _after_an_end(self) -> None:
        """A stream has ended: another may begin, or this was the last one."""

    @abstractmethod
    def _take_trailers(self, answering: A, event: HeadReceived) -> None:
        """A block of fields has come behind a head."""

    @abstractmethod
    def _take_reset(self, answering: A, event: StreamReset) -> None:
        """The peer ended the stream."""

    @abstractmethod
    def _refute(self, error: BrokenProtocolError) -> None:
        """The peer broke the protocol: it is told, and all is lost."""

    @abstractmethod
    def _lose_all(self, failure: Failure) -> None:
        """The connection is gone, or of no use any more."""

    # What all do alike

    def _break(self, error: Exception) -> None:
        """An exception that nobody expects, a bug, ends what is waited for here, which would wait for ever."""
        self._loop.call_exception_handler({"message": f"requests to {self.route.authority}", "exception": error})
        if not self._is_closed:
            self._lose_all(Failure(FailureKind.INTERNAL, raised(error)))

    def _dispatch(self, event: HeadReceived | BodyReceived | StreamReset) -> None:
        answering = self._answering.get(event.stream)
        if answering is None:
            return
        if isinstance(event, BodyReceived):
            self._take_body(answering, event)
        elif isinstance(event, HeadReceived):
            self._take_head(answering, event)
        else:
            self._take_reset(answering, event)

    def _take_head(self, answering: A, event: HeadReceived) -> None:
        if answering.head is not None:
            self._take_trailers(answering, event)
            return
        exchanger = answering.exchanger
        try:
            head = self._parse(event.block)
        except MalformedHead as error:
            self._lose(answering, self._malformed(str(error)))
            return
        except BrokenProtocolError as error:
            self._refute(error)
            return
        exchanger.first_byte_at = perf_counter()
        use = exchanger.head_received(head, event.size_bytes)
        if head.status < 200:
            if event.ends:
                self._lose(answering, self._malformed("an interim head and no other"))
            return
        answering.head = head
        answering.left = head.length
        answering.kept = [] if use is _KEEP else None
        if use is _REFUSE:
            self._finish(answering, None)
        elif event.ends:
            self._end(answering)

    def _take_body(self, answering: A, event: BodyReceived) -> None:
        head, kept, exchanger = answering.head, answering.kept, answering.exchanger
        if head is None:
            words = "a body before its head" if event.size_bytes else "a stream that ends without an answer"
            self._lose(answering, self._malformed(words))
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
                self._lose(answering, self._malformed(f"a body over its {head.length} bytes"))
                return
            if not exchanger.body_received(event.size_bytes, grown):
                self._finish(answering, None)
                return
        if event.ends:
            self._end(answering)

    def _end(self, answering: A) -> None:
        """The stream ended; that is the end of the answer, if it is whole."""
        head = answering.head
        if head is not None and head.framing is _LENGTH and answering.left > 0:
            words = f"stream ended in the body, {answering.left} bytes missing"
            self._lose(answering, Failure(FailureKind.TRUNCATED, words))
        else:
            self._finish(answering, None if answering.kept is None else b"".join(answering.kept))

    def _finish(self, answering: A, body: bytes | None) -> None:
        """The answer is here, or its body is of no use."""
        self._is_reused = True
        self._forget(answering)
        self._after_an_end()
        answering.exchanger.answered(body)

    def _malformed(self, words: str) -> Failure:
        return Failure(FailureKind.MALFORMED, f"{self.version}: {words}")

    def _lose(self, answering: A, failure: Failure, *, refused: bool = False) -> None:
        """One answer will not become complete; `refused`: its request was not processed."""
        self._forget(answering, broken=failure.kind is FailureKind.MALFORMED)
        answering.exchanger.lost(failure, stale=refused, fate=Fate.REFUSED if refused else Fate.TAKEN)
        self._after_an_end()  # last: what was refused may be asked for again here

    def _lose_waiting(self, failure: Failure, *, stale: bool, fate: Fate) -> None:
        """No answer will become complete: the connection closes.

        Args:
            stale, fate: see `Exchanger.lost`, of those of which nothing has come.
        """
        waiting = list(self._answering.values())
        self.close()
        for answering in waiting:
            if answering.head is not None:
                words = failure.detail.replace("before an answer", "in the body")
                kind = FailureKind.TRUNCATED if failure.kind is FailureKind.CONNECTION_LOST else failure.kind
                answering.exchanger.lost(Failure(kind, words), stale=False, fate=Fate.TAKEN)
            else:
                answering.exchanger.lost(failure, stale=stale, fate=fate)
