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
from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.fields import CODING, parse_fields
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, code_name
from hls_swarm.http.h2.layout import Layout
from hls_swarm.http.h2.lookout import Lookout
from hls_swarm.http.h2.session import Event, GoingAway, Session
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived, StreamReset
from hls_swarm.records import BODY_START_BYTES, Failure, FailureKind
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

    __slots__ = ("_connection", "exchanger", "head", "kept", "left", "number", "steps")

    def __init__(self, connection: "H2Connection", exchanger: Exchanger, number: int) -> None:
        self._connection = connection
        self.exchanger = exchanger
        self.number = number
        self.head: Head | None = None
        self.kept: list[bytes] | None = None
        self.left = 0  # of a body of known length
        self.steps = 0  # records read one by one since some were dropped

    @property
    def host(self) -> HostTally:
        """See `H2Connection`."""
        return self._connection.host

    def unread_bytes(self) -> int:
        """Body bytes that have arrived and were not counted, as far as they can be told from those of other streams."""
        return self._connection.unread_of(self)

    def arrived_bytes(self) -> int:
        """Those of the unread bytes that the viewer has."""
        return self._connection.arrived_of(self)

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
        lookout: looks at it while it waits for much; None: whoever asks polls.
    """

    __slots__ = (
        "_answering",
        "_futile",
        "_is_closed",
        "_is_reused",
        "_layout",
        "_lookout",
        "_loop",
        "_polls",
        "_pool",
        "_session",
        "_sole",
        "_unsent",
        "_writes",
        "host",
        "route",
        "stream",
    )

    speaks_h2 = True
    coding = CODING

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stream: Stream,
        route: Route,
        host: HostTally,
        pool: Pool,
        lookout: Lookout | None = None,
    ) -> None:
        self._lookout = lookout
        self.stream = stream
        self.host = host
        self.route = route
        self._loop = loop
        self._pool = pool
        self._session = Session()
        self._layout = Layout()
        self._futile = 0
        self._answering: dict[int, Answering] = {}
        self._sole: Answering | None = None  # if there is but one of them
        self._unsent: list[Answering] = []
        self._is_reused = False
        self._is_closed = False
        self._polls = False  # all that has come is to be taken, not only what is worth it
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

    @property
    def awaited_stream(self) -> int:
        """See `lookout.Waiting`."""
        sole = self._sole
        return 0 if sole is None or sole.head is None else sole.number

    def unread_bytes(self) -> int:
        """See `Answering`."""
        return 0

    def arrived_bytes(self) -> int:
        """See `Answering`."""
        return 0

    def unread_of(self, answering: Answering) -> int:
        """See `Answering.unread_bytes`: of a body that is all that comes; less frames' own bytes, about 0.1%."""
        head = answering.head
        if answering is not self._sole or head is None or head.framing is not _LENGTH or answering.left <= 0:
            return 0
        return min(answering.left, self.stream.unread_bytes() * 1023 // 1024)

    def arrived_of(self, answering: Answering) -> int:
        """See `Answering.arrived_bytes`."""
        return self.unread_of(answering)

    def send(self, exchanger: Exchanger, block: bytes) -> Answering:
        """Send a request; the connection must be idle."""
        number = self._session.request(block, keeps=exchanger.keeps_body)
        answering = Answering(self, exchanger, number)
        if self._answering:
            self._sole = None
            self.stream.expect(0)
        else:
            self._sole = answering
        self._answering[number] = answering
        self._unsent.append(answering)
        self._write()
        return answering

    def cancel(self, answering: Answering) -> None:
        """End a stream; its exchanger is not told."""
        if not self._forget(answering):
            return
        self._write()
        self._after_an_end()

    def _forget(self, answering: Answering) -> bool:
        """Wait for it no longer; its stream ends, if it has not. False: it was not waited for."""
        held = self._answering
        if held.pop(answering.number, None) is None:
            return False
        self._session.cancel(answering.number)
        self._sole = next(iter(held.values())) if len(held) == 1 else None
        self.stream.expect(0)
        return True

    def poll(self) -> None:
        """Take what has arrived below the low-water mark, so that slow progress is seen as progress."""
        self._polls = True
        self._readable()
        self._polls = False

    def close(self) -> None:
        """Close at once; no exchanger is told."""
        if self._is_closed:
            return
        self._is_closed = True
        self._answering.clear()
        self._sole = None
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
        unsent = self._unsent
        if not unsent:
            return
        now, self._unsent = perf_counter(), []
        for answering in unsent:
            if answering.number in self._answering:
                answering.exchanger.request_sent(now)

    # Reading

    def _readable(self) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _read(self) -> None:
        total, waits = 0, False
        while not self._is_closed and total < _TURN_BYTES:
            sole, leaping = self._sole, self.stream.leaping
            try:
                if sole is None:
                    data = self.stream.receive_view(_READ_BYTES)
                elif sole.head is None:
                    # With a head little of what can be dropped.
                    data = self.stream.receive_view(_READ_BYTES if leaping is None else _HEAD_READ_BYTES)
                    if self._take_whole(sole, data):
                        if leaping is not None and leaping.is_drained:
                            return
                        total += len(data)
                        continue
                elif leaping is not None and leaping.may_leap and self._is_long(sole):
                    leapt = self._leap(sole, waits=waits and not self._polls)
                    waits = leapt > 0
                    total += leapt or self._step(sole)
                    continue
                else:
                    data = self.stream.receive_view(_READ_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._ended(error)
                return
            if not data:
                self._ended(None)
                return
            size = len(data)
            total += size
            waits = True
            self._take(data)
            if leaping is not None and leaping.is_drained and (size < _FEW_BYTES or self._has_just_asked()):
                break  # that was all, or the reader is called again: to look would cost a small answer a tenth
        if not self._is_closed:
            self._follow_the_body()

    def _has_just_asked(self) -> bool:
        """Whether nothing can have come yet of what is waited for."""
        return not self._answering or (self._sole is not None and self._sole.head is None)

    def _take_whole(self, answering: Answering, data: bytes | memoryview) -> bool:
        """Take in an answer that came whole and alone, in one step; False: it is not like that, nothing was done."""
        found = self._session.whole_answer(data, answering.number)
        if found is None:
            return False
        end, begin = found
        try:
            head = parse_fields(bytes(data[frames.HEADER_BYTES : end]))
        except (MalformedHead, ProtocolError):
            return False
        size = len(data) - begin
        if head.status < 200 or head.framing is not _LENGTH or head.length != size:
            return False
        self._session.take_whole(answering.number, size)
        exchanger = answering.exchanger
        exchanger.first_byte(perf_counter())
        use = exchanger.head_received(head, end)
        body = None
        if use is _KEEP:
            body = bytes(data[begin:])
        elif use is not _REFUSE:
            exchanger.body_start = bytes(data[begin : begin + BODY_START_BYTES])
        if use is not _REFUSE and size and not exchanger.body_received(size, 0 if body is None else size):
            body = None
        # As `_finish`, without what is done for an end in the middle: this is in each request's way.
        self._is_reused = True
        self._answering.clear()
        self._sole = None
        if not self._writes:
            self.stream = self.stream.answered()
        self._after_an_end()
        exchanger.answered(body)
        return True

    # A long body over TLS, see `layout`

    def _is_long(self, answering: Answering) -> bool:
        """Whether it is worth the while to drop what can be unseen of what is all that comes."""
        head = answering.head
        return (
            answering.left >= _LONG_BYTES
            and answering.kept is None
            and answering.steps < _MOST_STEPS
            and self._futile < _MOST_FUTILE
            and head is not None
            and head.framing is _LENGTH
        )

    def _leap(self, answering: Answering, *, waits: bool) -> int:
        """Drop what is like what came before; how many bytes of body.

        Args:
            waits: a head or as much as could be was taken just before.

        Raises:
            BlockingIOError: it is better to wait until more has come, which is dropped with less work.
        """
        stream, head, left = self.stream.leaping, answering.head, answering.left
        begun = self._session.begun_bytes(answering.number)
        if stream is None or head is None or begun is None or self._layout.period is None or left >= head.length:
            return 0  # what a body begins with is looked at
        arrived = stream.arrived()
        if arrived is None:
            return 0
        if waits and arrived < stream.awaits(_with_frames(left)):
            raise BlockingIOError
        place = stream.leap(self._layout.places(answering.number, begun, head.length - left, left, arrived))
        if place is None:
            return 0
        answering.steps = self._futile = 0
        self._layout.leave()
        try:
            self._session.step_over(answering.number, place.body_bytes)
        except ProtocolError as error:
            self._refute(error)
            return place.body_bytes
        answering.left -= place.body_bytes  # and more is to come: a place is before the end
        if not answering.exchanger.body_received(place.body_bytes, 0):
            self._finish(answering, None)
        if self._session.out:
            self._write()
        return place.body_bytes

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

    def _take(self, data: bytes | memoryview) -> None:
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
        self._forget(answering)
        if not self._answering and not self._writes:
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
        self._forget(answering)
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
        """Be woken once for much, where much of one body is all that is to come; else for whatever comes.

        Behind the last byte of a body its end may come as a frame of its own, as servers in Go send it.
        """
        answering, left = self._sole, 0
        if answering is not None:
            head = answering.head
            if head is not None and head.framing is _LENGTH:
                left = answering.left
        if left > 0:
            self.stream.expect(_with_frames(left))
            if self._lookout is not None:
                self._lookout.watch(self)
        else:
            self.stream.expect(0)


def _with_frames(body_bytes: int) -> int:
    """The least that comes with so much body: no frame is larger than what it may be."""
    return body_bytes + frames.HEADER_BYTES * ((body_bytes - 1) // frames.FRAME_LIMIT_BYTES)
