"""One HTTP/2 connection of a viewer: requests go out as they come, answers come in side by side.

Rules:

- The same `Exchanger` that HTTP/1.1 serves: what is counted and when means the same.
- A request that the peer says it did not process (GOAWAY below it, REFUSED_STREAM) is in no access log: it is not
  counted, and made up for once, on a new connection (RFC 9113 8.7).
- A cancelled request ends its stream, not the connection.
- The low-water mark follows the bytes of a body only while it is the only thing to come.
- So does dropping: while one long body is all that comes over TLS, what is like what came before is dropped in the
  kernel, see `layout`. Records that lead there are read one by one, so that nothing behind them is taken.
"""

import asyncio
from time import perf_counter

from hls_swarm.errors import raised
from hls_swarm.http.asking.target import Route
from hls_swarm.http.failures import phrase
from hls_swarm.http.h1.connection import BodyUse, Exchanger, Fate, Pool, fate_of
from hls_swarm.http.h1.head import Framing, Head, MalformedHead
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h2.fields import CODING, parse_fields
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, code_name
from hls_swarm.http.h2.layout import Layout, data_header
from hls_swarm.http.h2.session import BodyReceived, Event, GoingAway, HeadReceived, Session, StreamReset
from hls_swarm.records import Failure, FailureKind
from hls_swarm.stats.hosts import HostTally

_READ_BYTES = 256 << 10
_HEAD_READ_BYTES = 16 << 10
_FEW_BYTES = 8 << 10
_LONG_BYTES = 64 << 10
_MOST_STEPS = 64
"""Records of one body that are read one by one before it is read as any other is."""
_MOST_FUTILE = 2
"""Bodies for which that happened, after which no more is tried on this connection."""
_TURN_BYTES = 4 << 20
"""After so many bytes other connections have their turn."""
_KEEP, _REFUSE = BodyUse.KEEP, BodyUse.REFUSE
_LENGTH = Framing.LENGTH


class Answering:
    """One request and the answer to it; what an exchange holds while it waits for that.

    Attributes:
        number: of the stream.
    """

    __slots__ = ("_connection", "exchanger", "head", "kept", "left", "number", "steps", "unsent")

    def __init__(self, connection: "H2Connection", exchanger: Exchanger, number: int) -> None:
        self._connection = connection
        self.exchanger = exchanger
        self.number = number
        self.head: Head | None = None
        self.kept: list[bytes] | None = None
        self.left = 0  # of a body of known length
        self.unsent = True
        self.steps = 0  # records read one by one since some were dropped

    @property
    def host(self) -> HostTally:
        """See `H2Connection`."""
        return self._connection.host

    def unread_bytes(self) -> int:
        """Body bytes that have arrived and were not counted: they can not be told from those of other streams."""
        return 0

    def arrived_bytes(self) -> int:
        """See `unread_bytes`."""
        return 0

    def poll(self) -> None:
        """Take what has arrived below the low-water mark."""
        self._connection.poll()

    def close(self) -> None:
        """End the stream; the exchanger is not told."""
        self._connection.cancel(self)


class H2Connection:
    """A stream of bytes to one route, and the answers that are being read from it.

    Args:
        host: what is counted of whom it leads to; `requests` of it is the exchanger's to count.
        pool: is told when a request can be sent, or the connection is gone.
    """

    __slots__ = (
        "_answering",
        "_futile",
        "_is_closed",
        "_is_reused",
        "_layout",
        "_loop",
        "_pool",
        "_session",
        "_writes",
        "host",
        "route",
        "stream",
    )

    speaks_h2 = True
    coding = CODING

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: Stream, route: Route, host: HostTally, pool: Pool
    ) -> None:
        self.stream = stream
        self.host = host
        self.route = route
        self._loop = loop
        self._pool = pool
        self._session = Session()
        self._layout = Layout()
        self._futile = 0
        self._answering: dict[int, Answering] = {}
        self._is_reused = False
        self._is_closed = False
        self._writes = False
        loop.add_reader(stream.fd, self._readable)

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
        """See `Answering`."""
        return 0

    def arrived_bytes(self) -> int:
        """See `Answering`."""
        return 0

    def send(self, exchanger: Exchanger, block: bytes) -> Answering:
        """Send a request; the connection must be idle."""
        number = self._session.request(block, keeps=exchanger.keeps_body)
        answering = self._answering[number] = Answering(self, exchanger, number)
        if len(self._answering) > 1:
            self.stream.expect(0)
        self._write()
        return answering

    def cancel(self, answering: Answering) -> None:
        """End a stream; its exchanger is not told."""
        if self._answering.pop(answering.number, None) is None:
            return
        self._session.cancel(answering.number)
        self.stream.expect(0)
        self._write()
        self._after_an_end()

    def poll(self) -> None:
        """Take what has arrived below the low-water mark, so that slow progress is seen as progress."""
        self._readable()

    def close(self) -> None:
        """Close at once; no exchanger is told."""
        if self._is_closed:
            return
        self._is_closed = True
        self._answering.clear()
        self._loop.remove_reader(self.stream.fd)
        if self._writes:
            self._writes = False
            self._loop.remove_writer(self.stream.fd)
        self.stream.close()
        self._pool.closed(self)

    # Writing

    def _write(self) -> None:
        out = self._session.out
        try:
            while out:
                sent = self.stream.send(bytes(out))
                del out[:sent]
        except BlockingIOError:
            if not self._writes:
                self._writes = True
                self._loop.add_writer(self.stream.fd, self._writable)
            return
        except OSError:
            return  # the connection is lost: the reader is called with it, outside of this call
        self._note_sent()

    def _writable(self) -> None:
        self._loop.remove_writer(self.stream.fd)
        self._writes = False
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _break(self, error: Exception) -> None:
        """An exception that nobody expects, a bug, ends what is waited for here, which would wait for ever."""
        self._loop.call_exception_handler({"message": f"requests to {self.route.authority}", "exception": error})
        if not self._is_closed:
            self._lose_all(Failure(FailureKind.INTERNAL, raised(error)))

    def _note_sent(self) -> None:
        now = perf_counter()
        for answering in self._answering.values():
            if answering.unsent:
                answering.unsent = False
                answering.exchanger.request_sent(now)

    # Reading

    def _readable(self) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _read(self) -> None:
        total = 0
        while not self._is_closed and total < _TURN_BYTES:
            answering = self._long_body()
            try:
                if answering is None:
                    data = self.stream.receive_view(self._read_bytes())
                elif leapt := self._leap(answering):
                    total += leapt
                    continue
                else:
                    total += self._step(answering)
                    continue
            except BlockingIOError:
                break
            except OSError as error:
                self._ended(error)
                return
            if not data:
                self._ended(None)
                return
            total += len(data)
            self._take(data)
            if len(data) < _FEW_BYTES and self.stream.leaping is not None and self.stream.leaping.is_drained:
                break  # that was all, or the reader is called again: to look would cost a small answer a tenth
        if not self._is_closed:
            self._follow_the_body()

    # A long body over TLS, see `layout`

    def _long_body(self) -> Answering | None:
        """The answer that is all that comes, if it is worth the while to drop what can be unseen."""
        if self.stream.leaping is None or len(self._answering) != 1 or self._futile >= _MOST_FUTILE:
            return None
        (answering,) = self._answering.values()
        head = answering.head
        if head is None or head.framing is not _LENGTH or answering.kept is not None or answering.left < _LONG_BYTES:
            return None
        return answering if answering.steps < _MOST_STEPS else None

    def _read_bytes(self) -> int:
        """How much to read at once: with a head little of what can be dropped."""
        if self.stream.leaping is None or len(self._answering) != 1 or self._futile >= _MOST_FUTILE:
            return _READ_BYTES
        (answering,) = self._answering.values()
        return _HEAD_READ_BYTES if answering.head is None else _READ_BYTES

    def _leap(self, answering: Answering) -> int:
        """Drop what is like what came before; how many bytes of body."""
        stream, period = self.stream.leaping, self._layout.period
        if stream is None or period is None or not self._session.is_between_frames:
            return 0
        # Behind them comes at least one more, so that it begins as they do.
        most = answering.left // period.body_bytes - 1
        count = stream.leap(period, most, data_header(answering.number, period.frame_bytes)) if most > 0 else 0
        if count:
            answering.steps = self._futile = 0
            self._layout.leave()
            try:
                events = self._session.step_over(answering.number, count * period.body_bytes)
            except ProtocolError as error:
                self._refute(error)
            else:
                self._dispatch_all(events)
        return count * period.body_bytes

    def _step(self, answering: Answering) -> int:
        """Read one record, to come to where it can be leapt from; its bytes."""
        stream, layout, session = self.stream.leaping, self._layout, self._session
        if stream is None:
            raise AssertionError("only a stream that leaps has long bodies")
        header, data = stream.receive_record()
        if not data:
            self._ended(None)
            return 0
        layout.add(header, data, between_frames=session.is_between_frames)
        answering.steps += 1
        if answering.steps == _MOST_STEPS:
            self._futile += 1
        left, size = answering.left, len(data)
        self._take(data)
        layout.count(left - answering.left)
        return size

    def _take(self, data: memoryview) -> None:
        try:
            events = self._session.receive(data)
        except ProtocolError as error:
            self._refute(error)
            return
        self._dispatch_all(events)

    def _refute(self, error: ProtocolError) -> None:
        """The peer broke the protocol: it is told, and all is lost."""
        self._write()
        self._lose_all(Failure(FailureKind.MALFORMED, f"HTTP/2: {error}"))

    def _dispatch_all(self, events: list[Event]) -> None:
        for event in events:
            self._dispatch(event)
            if self._is_closed:
                return
        if self._session.out:
            self._write()

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

    def _head(self, answering: Answering, event: HeadReceived) -> None:
        exchanger = answering.exchanger
        if answering.head is not None:  # trailers
            if event.ends:
                self._end(answering)
            return
        try:
            head = parse_fields(event.block)
        except (MalformedHead, ProtocolError) as error:
            failure = Failure(FailureKind.MALFORMED, f"HTTP/2: {error}")
            if isinstance(error, ProtocolError):
                self._lose_all(failure)
            else:
                self._lose(answering, failure)
            return
        exchanger.first_byte(perf_counter())
        use = exchanger.head_received(head, event.size_bytes)
        if head.status < 200:
            if event.ends:
                self._lose(answering, Failure(FailureKind.MALFORMED, "HTTP/2: an interim head and no other"))
            return
        answering.head = head
        answering.left = head.length
        if use is _REFUSE:
            self._finish(answering, None)
        elif event.ends:
            answering.kept = [] if use is _KEEP else None
            self._end(answering)
        else:
            answering.kept = [] if use is _KEEP else None

    def _body(self, answering: Answering, event: BodyReceived) -> None:
        head, kept = answering.head, answering.kept
        grown = 0
        if kept is not None:
            kept.extend(event.pieces)
            grown = event.size_bytes
        elif event.start and answering.exchanger.body_start is None:
            answering.exchanger.body_start = event.start
        if event.size_bytes:
            answering.left -= event.size_bytes
            if head is not None and head.framing is _LENGTH and answering.left < 0:
                failure = Failure(FailureKind.MALFORMED, f"HTTP/2: a body over its {head.length} bytes")
                answering.exchanger.body_received(event.size_bytes, grown)
                self._lose(answering, failure)
                return
            if not answering.exchanger.body_received(event.size_bytes, grown):
                self._finish(answering, None)
                return
        if event.ends:
            self._end(answering)

    def _end(self, answering: Answering) -> None:
        """The stream ended; that is the end of the answer, if it is whole."""
        head = answering.head
        if head is not None and head.framing is _LENGTH and answering.left > 0:
            words = f"stream ended in the body, {answering.left} bytes missing"
            self._lose(answering, Failure(FailureKind.TRUNCATED, words))
        else:
            self._finish(answering, None if answering.kept is None else b"".join(answering.kept))

    def _finish(self, answering: Answering, body: bytes | None) -> None:
        """The answer is here, or its body is of no use."""
        self._is_reused = True
        if self._answering.pop(answering.number, None) is not None:
            self._session.cancel(answering.number)  # nothing, if the stream has ended
        if not self._answering:
            self.stream.expect(0)
            if not self._writes:
                self.stream = self.stream.answered()
        self._after_an_end()
        answering.exchanger.answered(body)

    def _reset(self, answering: Answering, event: StreamReset) -> None:
        if event.code == ErrorCode.REFUSED_STREAM:
            failure = Failure(FailureKind.CONNECTION_LOST, "stream refused")
            self._lose(answering, failure, refused=True)
            return
        words = f"stream reset: {code_name(event.code)}"
        kind = FailureKind.CONNECTION_LOST if answering.head is None else FailureKind.TRUNCATED
        self._lose(answering, Failure(kind, words))

    def _go_away(self, event: GoingAway) -> None:
        refused = [one for number, one in self._answering.items() if number > event.last]
        for answering in refused:
            failure = Failure(FailureKind.CONNECTION_LOST, f"connection going away: {code_name(event.code)}")
            self._lose(answering, failure, refused=True)
        self._after_an_end()

    def _ended(self, error: OSError | None) -> None:
        words = "closed" if error is None else f"lost: {phrase(error)}"
        fate = fate_of(error, self.stream)
        self._lose_all(Failure(FailureKind.CONNECTION_LOST, f"connection {words} before an answer"), fate)

    def _lose_all(self, failure: Failure, fate: Fate = Fate.TAKEN) -> None:
        waiting = list(self._answering.values())
        stale = self._is_reused and failure.kind is FailureKind.CONNECTION_LOST
        self.close()
        for answering in waiting:
            if answering.head is not None:
                words = failure.detail.replace("before an answer", "in the body")
                kind = FailureKind.TRUNCATED if failure.kind is FailureKind.CONNECTION_LOST else failure.kind
                answering.exchanger.lost(Failure(kind, words), stale=False, fate=Fate.TAKEN)
            else:
                answering.exchanger.lost(failure, stale=stale, fate=fate)

    def _lose(self, answering: Answering, failure: Failure, *, refused: bool = False) -> None:
        if self._answering.pop(answering.number, None) is not None:
            self._session.cancel(answering.number)
        answering.exchanger.lost(failure, stale=refused, fate=Fate.REFUSED if refused else Fate.TAKEN)
        self._after_an_end()  # last: what was refused may be asked for again here

    def _after_an_end(self) -> None:
        """A stream has ended: another may begin, or this was the last one."""
        if self._is_closed:
            return
        if self._session.is_going_away:
            if not self._answering:
                self.close()
        elif self._session.can_open:
            self._pool.released(self)

    def _follow_the_body(self) -> None:
        """Be woken once for much, where much of one body is all that is to come."""
        if len(self._answering) != 1:
            return
        (answering,) = self._answering.values()
        head = answering.head
        if head is not None and head.framing is _LENGTH and answering.left > 0:
            self.stream.expect(answering.left)
