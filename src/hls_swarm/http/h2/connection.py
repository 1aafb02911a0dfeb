"""One HTTP/2 connection of a viewer: requests go out as they come, answers come in side by side.

Rules, beside those of `multiplexing.connection`:

- GOAWAY below a request, and REFUSED_STREAM, say that it was not processed.
- The low-water mark follows the bytes of a body only while it is the only thing to come.
- So does dropping: while one long body is all that comes over TLS, what is like what came before is dropped in the
  kernel, see `layout`. Records that lead there are read one by one, so that nothing behind them is taken.
"""

import asyncio
from time import perf_counter

from hls_swarm.http.asking.target import Route
from hls_swarm.http.failures import phrase
from hls_swarm.http.h1.connection import BodyUse, Exchanger, Fate, Pool, fate_of
from hls_swarm.http.h1.head import Framing, Head, MalformedHead
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.fields import CODING, decoded_fields, parse_fields
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, code_name
from hls_swarm.http.h2.layout import Layout
from hls_swarm.http.h2.lookout import Lookout
from hls_swarm.http.h2.session import GoingAway, Session
from hls_swarm.http.multiplexing.connection import Answering, MultiplexedConnection
from hls_swarm.http.multiplexing.events import BrokenProtocolError, HeadReceived, StreamReset
from hls_swarm.records import BODY_START_BYTES, Failure, FailureKind
from hls_swarm.stats.hosts import VersionTally

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
_BROKEN, _CANCEL = ErrorCode.PROTOCOL_ERROR, ErrorCode.CANCEL
_KEEP, _REFUSE = BodyUse.KEEP, BodyUse.REFUSE
_LENGTH = Framing.LENGTH


class H2Answering(Answering):
    """See `Answering`."""

    __slots__ = ("steps",)

    _connection: "H2Connection"

    def __init__(self, connection: "H2Connection", exchanger: Exchanger, number: int) -> None:
        self._connection = connection
        self.exchanger = exchanger
        self.number = number
        self.head = None
        self.kept = None
        self.left = 0
        self.steps = 0  # records read one by one since some were dropped

    def unread_bytes(self) -> int:
        """Body bytes that have arrived and were not counted, as far as they can be told from those of other streams."""
        return self._connection.unread_of(self)

    def arrived_bytes(self) -> int:
        """Those of the unread bytes that the viewer has."""
        return self._connection.arrived_of(self)


class H2Connection(MultiplexedConnection[H2Answering]):
    """A stream of bytes to one route, and the answers that are being read from it.

    Args:
        host: what is counted of whom it leads to; `requests` of it is the exchanger's to count.
        pool: is told when a request can be sent, or the connection is gone.
        lookout: looks at it while it waits for much; None: whoever asks polls.
    """

    __slots__ = (
        "_futile",
        "_layout",
        "_lookout",
        "_polls",
        "_sole",
        "_unsent",
        "_writes",
        "stream",
    )

    version = "HTTP/2"
    speaks_h2 = True
    coding = CODING
    _session: Session

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stream: Stream,
        route: Route,
        host: VersionTally,
        pool: Pool,
        lookout: Lookout | None = None,
    ) -> None:
        super().__init__(loop, Session(), route, host, pool)
        self._lookout = lookout
        self.stream = stream
        self._layout = Layout()
        self._futile = 0
        self._sole: H2Answering | None = None  # if there is but one of them
        self._unsent: list[H2Answering] = []
        self._polls = False  # all that has come is to be taken, not only what is worth it
        self._writes = False
        loop.add_reader(stream.fd, self._readable)

    @property
    def awaited_stream(self) -> int:
        """See `lookout.Waiting`."""
        sole = self._sole
        return 0 if sole is None or sole.head is None else sole.number

    def unread_of(self, answering: H2Answering) -> int:
        """See `H2Answering.unread_bytes`: of a body that is all that comes; less what frames have of their own."""
        head = answering.head
        if answering is not self._sole or head is None or head.framing is not _LENGTH or answering.left <= 0:
            return 0
        return min(answering.left, self._session.body_in(answering.number, self.stream.unread_bytes()))

    def arrived_of(self, answering: H2Answering) -> int:
        """See `H2Answering.arrived_bytes`."""
        return self.unread_of(answering)

    def send(self, exchanger: Exchanger, block: bytes) -> H2Answering:
        """Send a request; the connection must be idle."""
        number = self._session.request(block, keeps=exchanger.keeps_body)
        answering = H2Answering(self, exchanger, number)
        if self._answering:
            self._sole = None
            self.stream.expect(0)
        else:
            self._sole = answering
        self._answering[number] = answering
        self._unsent.append(answering)
        self._write()
        return answering

    def _forget(self, answering: H2Answering, *, broken: bool = False) -> bool:
        held = self._answering
        if held.pop(answering.number, None) is None:
            return False
        self._session.cancel(answering.number, _BROKEN if broken else _CANCEL)
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

    def _take_whole(self, answering: H2Answering, data: bytes | memoryview) -> bool:
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
        at = exchanger.first_byte_at = perf_counter()
        if head.is_plain and exchanger.takes_whole and not self._unsent:
            self._free()
            exchanger.answered_whole(head, end, bytes(data[begin:]), at)
            return True
        use = exchanger.head_received(head, end)
        body = None
        if use is _KEEP:
            body = bytes(data[begin:])
        elif use is not _REFUSE:
            exchanger.body_start = bytes(data[begin : begin + BODY_START_BYTES])
        if use is not _REFUSE and size and not exchanger.body_received(size, 0 if body is None else size):
            body = None
        self._free()
        exchanger.answered(body)
        return True

    def _free(self) -> None:
        """After the only answer: as `_finish`, without what is done for an end in the middle, for each small answer."""
        self._is_reused = True
        self._answering.clear()
        self._sole = None
        if not self._writes:
            self.stream = self.stream.answered()
        self._after_an_end()

    # A long body over TLS, see `layout`

    def _is_long(self, answering: H2Answering) -> bool:
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

    def _leap(self, answering: H2Answering, *, waits: bool) -> int:
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
            self._lose_for(error)
            return place.body_bytes
        answering.left -= place.body_bytes  # and more is to come: a place is before the end
        if not answering.exchanger.body_received(place.body_bytes, 0):
            self._finish(answering, None)
        if self._session.out:
            self._write()
        return place.body_bytes

    def _step(self, answering: H2Answering) -> int:
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
            self._lose_for(error)
            return
        for event in events:
            if isinstance(event, GoingAway):
                self._go_away(event)
            else:
                self._dispatch(event)
            if self._is_closed:
                return
        session = self._session
        if session.out:
            self._write()
            if session.has_more_room:
                session.has_more_room = False
                self._after_an_end()

    def _parse(self, block: bytes) -> Head:
        return parse_fields(block)

    def _take_trailers(self, answering: H2Answering, event: HeadReceived) -> None:
        try:
            decoded_fields(event.block)
        except ProtocolError as error:
            self._refute(error)
            return
        if event.ends:
            self._end(answering)
        else:
            self._lose(answering, self._malformed("trailers that do not end the stream"))

    def _finish(self, answering: H2Answering, body: bytes | None) -> None:
        self._is_reused = True
        self._forget(answering)
        if not self._answering and not self._writes:
            self.stream = self.stream.answered()
        self._after_an_end()
        answering.exchanger.answered(body)

    def _take_reset(self, answering: H2Answering, event: StreamReset) -> None:
        if event.code == ErrorCode.REFUSED_STREAM:
            self._lose(answering, Failure(FailureKind.CONNECTION_LOST, "stream refused"), refused=True)
            return
        kind = FailureKind.CONNECTION_LOST if answering.head is None else FailureKind.TRUNCATED
        self._lose(answering, Failure(kind, f"stream reset: {code_name(event.code)}"))

    def _go_away(self, event: GoingAway) -> None:
        refused = [one for number, one in self._answering.items() if number > event.last]
        for answering in refused:
            failure = Failure(FailureKind.CONNECTION_LOST, f"connection going away: {code_name(event.code)}")
            self._lose(answering, failure, refused=True)
        self._after_an_end()

    def _refute(self, error: BrokenProtocolError) -> None:
        self._session.refute(error.code)
        self._lose_for(error)

    def _lose_for(self, error: BrokenProtocolError) -> None:
        """The peer broke the protocol, and what there is to send tells it so."""
        self._write()
        self._lose_all(self._malformed(str(error)))

    def _ended(self, error: OSError | None) -> None:
        words = "closed" if error is None else f"lost: {phrase(error)}"
        blamed_for = self._session.blamed_for
        if blamed_for is not None:
            words = f"closed for {code_name(blamed_for)}"
        fate = fate_of(error, self.stream)
        self._lose_all(Failure(FailureKind.CONNECTION_LOST, f"connection {words} before an answer"), fate)

    def _lose_all(self, failure: Failure, fate: Fate = Fate.TAKEN) -> None:
        stale = self._is_reused and failure.kind is FailureKind.CONNECTION_LOST
        self._lose_waiting(failure, stale=stale, fate=fate)

    def _after_an_end(self) -> None:
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
