"""One keep-alive connection: a request goes out, one answer comes in, its body is dropped or handed on.

Rules:

- One request at a time; nothing is pipelined.
- No buffer stays with an idle connection, and none is needed to drop a body.
- A dropped body of known length never enters this process: see stream.py. What of it has arrived with its head is
  dropped with it: where the process has much to do that is often all, and neither wake-up nor low-water mark is needed.
- What arrives after the end of an answer, or while no request is out, ends the connection (RFC 9112 9.2).
- Nothing here decides: an `Exchanger` says what to do with a body and learns how the answer ended.
"""

import asyncio
import errno
from enum import Enum
from time import perf_counter
from typing import Protocol

from hls_swarm.errors import raised
from hls_swarm.http.asking.target import Route
from hls_swarm.http.failures import is_end_in_order, phrase
from hls_swarm.http.h1.chunked import ChunkedReader, MalformedChunk
from hls_swarm.http.h1.head import MAX_HEAD_BYTES, Framing, Head, MalformedHead, check_start, parse_head
from hls_swarm.http.h1.stream import Stream
from hls_swarm.records import BODY_START_BYTES, Failure, FailureKind
from hls_swarm.stats.hosts import VersionTally

_HEAD_READ_BYTES = 4096  # little more than a head, so that little of the body after it is copied
_BODY_READ_BYTES = 64 << 10
_MOST_INTERIM = 32


class BodyUse(Enum):
    """What becomes of a body."""

    KEEP = "keep"
    DROP = "drop"
    REFUSE = "refuse"  # not worth its bytes: close the connection instead


class Fate(Enum):
    """What became of a request that was not answered whole.

    A request that was acknowledged on a connection which then ended in order was taken: whoever does not read a request
    ends the connection with a reset. One on a connection that ended in order without acknowledging it, or with a
    reset after that, came too late. A reset alone does not tell: it comes when the origin has read a request and ends
    the connection hard, and also when it has not read it, or knows nothing of the connection any more.
    """

    TAKEN = "taken"  # it is in the origin's log
    REFUSED = "refused"  # it is in no log
    UNKNOWN = "unknown"


class Exchanger(Protocol):
    """The exchange that a connection works for.

    Attributes:
        body_start: is set to the first bytes of a body that is dropped, if they are seen.
        first_byte_at: is set when the first byte of an answer arrived, which may be an interim one.
        takes_whole: whether a plain answer that came whole may be handed over in one step, `answered_whole`.
    """

    keeps_body: bool
    body_start: bytes | None
    first_byte_at: float | None
    takes_whole: bool

    def request_sent(self, at: float) -> None:
        """The request was written whole."""

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        """A head is complete; the answer is needed for final ones only."""

    def body_received(self, count: int, payload_bytes: int) -> bool:
        """Body bytes arrived; False to read no further and close the connection.

        Args:
            count: as received, the chunked coding's own bytes included.
            payload_bytes: how many of them a kept body grew by.
        """

    def answered(self, body: bytes | None) -> None:
        """The answer ended, or was refused. The connection is free or closed.

        Args:
            body: the whole body, if it was to be kept.
        """

    def answered_whole(self, head: Head, size_bytes: int, body: bytes, at: float) -> None:
        """The answer came whole at this instant, and its head is plain. The connection is free.

        In place of `head_received`, `body_received` and `answered`, for whom `takes_whole` and after `request_sent`.
        """

    def lost(self, failure: Failure, *, stale: bool, fate: Fate) -> None:
        """The answer will not become complete. The connection is closed.

        Args:
            stale: a connection that had served before ended without one byte of an answer (RFC 9112 9.3.1).
            fate: what became of the request.
        """


class Served(Protocol):
    """A connection as its pool sees it, of whatever version."""

    @property
    def route(self) -> Route:
        """Where it leads."""

    @property
    def is_idle(self) -> bool:
        """Whether a request can be sent now."""


class Pool(Protocol):
    """Whom a connection belongs to."""

    def released(self, connection: "Served") -> None:
        """The connection is free for another request."""

    def closed(self, connection: "Served") -> None:
        """The connection is gone."""


class _Stage(Enum):
    IDLE = "idle"
    HEAD = "head"
    SKIP = "skip"  # a dropped body, or a chunk of it, of which `_left` bytes are still to come
    BODY = "body"
    CLOSED = "closed"


# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_IDLE, _HEAD, _SKIP, _BODY, _CLOSED = _Stage
_KEEP, _DROP, _REFUSE = BodyUse
_LENGTH, _CHUNKED, _CLOSE = Framing.LENGTH, Framing.CHUNKED, Framing.CLOSE


_Whole = tuple[bytes, Head, int, bytes]
"""An answer that came in one piece, its head, where that ends, and its body."""
_MOST_WHOLE, _MOST_WHOLE_BYTES = 64, 16 << 10
_whole: dict[int, _Whole] = {}
"""The last of the answers whose bodies were kept, by their size, the oldest first: all viewers of a live stream are
answered within moments, with the same bytes."""


def _remember(data: bytes, head: Head, end: int, body: bytes) -> None:
    if head.status != 200 or len(data) > _MOST_WHOLE_BYTES:
        return
    if len(data) not in _whole and len(_whole) >= _MOST_WHOLE:
        del _whole[next(iter(_whole))]
    _whole[len(data)] = data, head, end, body


class Connection:
    """A stream to one route, and the answer that is being read from it, if any.

    Args:
        host: what is counted of whom it leads to; `requests` of it is the exchanger's to count.
        pool: is told when the connection is free or gone.
    """

    __slots__ = (
        "_chunks",
        "_exchanger",
        "_head",
        "_interim",
        "_is_reused",
        "_kept",
        "_left",
        "_loop",
        "_partial",
        "_pool",
        "_stage",
        "_unsent",
        "host",
        "is_idle",
        "route",
        "stream",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: Stream, route: Route, host: VersionTally, pool: Pool
    ) -> None:
        self.stream = stream
        self.host = host
        self.route = route
        self._is_reused = False
        self._interim = 0
        self._loop = loop
        self._pool = pool
        self._exchanger: Exchanger | None = None
        self._stage = _IDLE
        self.is_idle = True
        self._head: Head | None = None
        self._chunks: ChunkedReader | None = None
        self._kept: bytearray | None = None
        self._left = 0
        self._partial = b""
        self._unsent = b""
        loop.add_reader(stream.fd, self._readable)

    speaks_h2 = False
    takes_at_once = True
    """Whether what has come of a body by the time of its head is taken with that."""

    @property
    def is_unused(self) -> bool:
        """Whether nothing is waited for."""
        return self._stage is _IDLE

    def send(self, exchanger: Exchanger, data: bytes) -> None:
        """Send a request and read the answer to it; the connection must be idle."""
        self._exchanger = exchanger
        self._stage = _HEAD
        self.is_idle = False
        try:
            sent = self.stream.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the connection is lost: the reader is called with it, outside of this call
        if sent == len(data):
            exchanger.request_sent(perf_counter())
        else:
            self._unsent = data[sent:]
            self._loop.add_writer(self.stream.fd, self._writable)

    def unread_bytes(self) -> int:
        """Body bytes that have arrived and were not counted yet."""
        if self._stage is not _SKIP:
            return 0
        return min(self._left, self.stream.unread_bytes())

    def arrived_bytes(self) -> int:
        """Those of the unread bytes that the viewer has: all of them, but for a link of its own (`pacing`)."""
        return self.unread_bytes()

    def poll(self) -> None:
        """Take what has arrived below the low-water mark, so that slow progress is seen as progress."""
        if self._stage is _SKIP:
            self._readable()

    def close(self) -> None:
        """Close at once; the exchanger, if any, is not told."""
        if self._stage is _CLOSED:
            return
        self._stage = _CLOSED
        self.is_idle = False
        self._exchanger = self._kept = self._chunks = self._head = None
        self._loop.remove_reader(self.stream.fd)
        if self._unsent:
            self._unsent = b""
            self._loop.remove_writer(self.stream.fd)
        self.stream.close()
        self._pool.closed(self)

    def _writable(self) -> None:
        exchanger = self._exchanger
        try:
            self._send_on()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(exchanger, error)

    def _send_on(self) -> None:
        try:
            sent = self.stream.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = 0
            self._loop.remove_writer(self.stream.fd)  # lost: left to the reader, as in `send`
        self._unsent = self._unsent[sent:]
        if sent and not self._unsent:
            self._loop.remove_writer(self.stream.fd)
            if self._exchanger is not None:
                self._exchanger.request_sent(perf_counter())

    def _readable(self) -> None:
        stage = self._stage
        exchanger = self._exchanger
        try:
            if exchanger is None:
                self._watch_idle()
            elif stage is _HEAD:
                self._read_head(exchanger)
            elif stage is _SKIP:
                self._skip(exchanger)
            else:
                self._read_body(exchanger)
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(exchanger, error)

    def _break(self, exchanger: Exchanger | None, error: Exception) -> None:
        """An exception that nobody expects, a bug, ends the exchange in which it was raised, which would wait for ever.

        If it was raised in what follows an exchange that has ended, it is told and changes nothing.
        """
        self._loop.call_exception_handler({"message": f"a request to {self.route.authority}", "exception": error})
        if self._exchanger is exchanger:
            self.close()
        if exchanger is not None:
            exchanger.lost(Failure(FailureKind.INTERNAL, raised(error)), stale=False, fate=Fate.UNKNOWN)

    def _watch_idle(self) -> None:
        try:
            self.stream.receive(1)
        except BlockingIOError:
            return  # a TLS record that carries no data, such as a session ticket
        except OSError:
            pass  # reset: as good as closed
        self.close()

    def _receive(self, limit: int) -> bytes | None:
        """What has arrived; None if there is nothing to do for the caller."""
        try:
            data = self.stream.receive(limit)
        except BlockingIOError:
            return None
        except OSError as error:
            self._ended(error)
            return None
        if not data:
            self._ended(None)
            return None
        return data

    def _skip(self, exchanger: Exchanger) -> None:
        try:
            count = self.stream.discard(self._left)
        except BlockingIOError:
            return
        except OSError as error:
            self._ended(error)
            return
        if not count:
            self._ended(None)
            return
        left = self._left = self._left - count
        chunks = self._chunks
        if not exchanger.body_received(count, 0):
            self._refuse(exchanger)
            return
        self.stream.expect(left)
        if chunks is not None:
            chunks.skip(count)
            if not left:
                self._read_on(exchanger)
        elif not left:
            self._complete(exchanger, None, is_over=True)

    def _read_on(self, exchanger: Exchanger) -> None:
        """After a chunk: TLS may hold the next bytes already, and would not report them again."""
        self._stage = _BODY
        self._read_body(exchanger)

    def _read_head(self, exchanger: Exchanger) -> None:
        # As `_receive`, without the call: this is in each request's way.
        try:
            data = self.stream.receive(_BODY_READ_BYTES if exchanger.keeps_body else _HEAD_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._ended(error)
            return
        if not data:
            self._ended(None)
            return
        at = perf_counter()
        if self._partial:
            data = self._partial + data
            self._partial = b""
        else:
            exchanger.first_byte_at = at
        keeps = exchanger.keeps_body
        if keeps and self.takes_at_once:
            known = _whole.get(len(data))
            if known is not None and known[0] == data:
                self._take_known(exchanger, known, at)
                return
        whole = data
        while True:
            end = data.find(b"\r\n\r\n") + 4
            try:
                if end < 4 or end > MAX_HEAD_BYTES:
                    check_start(data if end < 4 else data[:end])
                    self._partial = data
                    return
                head = parse_head(data[:end])
            except MalformedHead as error:
                self._lose(Failure(FailureKind.MALFORMED, str(error)))
                return
            if head.is_plain and exchanger.takes_whole and self.takes_at_once and not self._unsent:
                missing = head.length + end - len(data)
                if not missing:
                    body = data[end:]
                    if keeps and body and data is whole:
                        _remember(data, head, end, body)
                    self._hand_over(exchanger, head, end, body, at)
                    return
                if missing > 0 and not keeps and len(data) > end:
                    self._drop_plain(exchanger, head, data, end, at)
                    return
            use = exchanger.head_received(head, end)
            if head.status >= 200:
                break
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                self._lose(Failure(FailureKind.MALFORMED, f"more than {_MOST_INTERIM} interim answers"))
                return
            data = data[end:]
            if not data:
                return
            exchanger.first_byte_at = perf_counter()
        if keeps and data is whole and head.framing is _LENGTH and head.length and end + head.length == len(data):
            _remember(data, head, end, data[end:])
        self._begin_body(exchanger, head, use, data, end)

    def _hand_over(self, exchanger: Exchanger, head: Head, end: int, body: bytes, at: float) -> None:
        """As `_take_all` and `_complete`, in one step: playlists mostly come like this."""
        self._exchanger = None
        self._interim = 0
        self._stage = _IDLE
        self.is_idle = self._is_reused = True
        self.stream = self.stream.answered()
        self._pool.released(self)
        exchanger.answered_whole(head, end, body, at)

    def _take_known(self, exchanger: Exchanger, known: "_Whole", at: float) -> None:
        """As below, of an answer that another connection had, byte for byte: nothing is taken apart again."""
        data, head, end, body = known
        if head.is_plain and exchanger.takes_whole and not self._unsent:
            self._hand_over(exchanger, head, end, body, at)
            return
        use = exchanger.head_received(head, end)
        if use is not _KEEP:
            self._begin_body(exchanger, head, use, data, end)
            return
        self._head, self._interim = head, 0
        if exchanger.body_received(len(body), len(body)):
            self._complete(exchanger, body, is_over=True)
        else:
            self._refuse(exchanger)

    def _begin_body(self, exchanger: Exchanger, head: Head, use: BodyUse, data: bytes, at: int) -> None:
        self._head = head
        self._interim = 0
        arrived = len(data) - at
        if head.framing is _LENGTH:
            self._left = head.length
            if arrived == head.length or (arrived > head.length and use is not _REFUSE):
                self._take_all(exchanger, data, at, use)
                return
        if use is _REFUSE:
            exchanger.body_received(arrived, 0)
            self._refuse(exchanger)
            return
        if head.framing is _LENGTH and use is _DROP and (arrived or head.length > _HEAD_READ_BYTES):
            self._begin_drop(exchanger, data, at, arrived)
            return
        self._kept = bytearray() if use is _KEEP else None
        self._chunks = ChunkedReader() if head.framing is _CHUNKED else None
        self._stage = _BODY
        if arrived:
            self._take(exchanger, data[at:])
        elif head.framing is _LENGTH and head.length <= _HEAD_READ_BYTES:
            return  # so short a body is read as cheaply as it is dropped, and its start is seen
        self._skip_next()

    def _drop_plain(self, exchanger: Exchanger, head: Head, data: bytes, end: int, at: float) -> None:
        """A plain answer whose body nobody keeps, and whose beginning came with the head: often all has come by now."""
        arrived = len(data) - end
        dropped, lost = self._drop(head.length - arrived)
        if arrived + dropped == head.length:
            self._hand_over(exchanger, head, end, data[end : end + BODY_START_BYTES], at)
            return
        exchanger.head_received(head, end)
        self._head, self._interim, self._left = head, 0, head.length
        self._go_on_dropping(exchanger, data, end, dropped, lost)

    def _begin_drop(self, exchanger: Exchanger, data: bytes, at: int, arrived: int) -> None:
        """A body of known length that nobody keeps: its beginning came with the head, the rest is in the kernel."""
        dropped, lost = self._drop(self._left - arrived) if self.takes_at_once else (0, None)
        self._go_on_dropping(exchanger, data, at, dropped, lost)

    def _drop(self, count: int) -> tuple[int, OSError | None]:
        """Drop what has come of so many bytes: how many had, and what the connection was lost for."""
        try:
            return self.stream.discard(count), None  # none at an end, which the reader is called with again
        except BlockingIOError:
            return 0, None
        except OSError as error:
            return 0, error

    def _go_on_dropping(self, exchanger: Exchanger, data: bytes, at: int, dropped: int, lost: OSError | None) -> None:
        """After the first look at a body that nobody keeps."""
        arrived = len(data) - at
        if arrived:
            exchanger.body_start = data[at : at + BODY_START_BYTES]
        self._stage = _SKIP
        left = self._left = self._left - arrived - dropped
        if (arrived or dropped) and not exchanger.body_received(arrived + dropped, 0):
            self._refuse(exchanger)
        elif lost is not None:
            self._ended(lost)
        elif left:
            self.stream.expect(left)
        else:
            self._complete(exchanger, None, is_over=True)

    def _take_all(self, exchanger: Exchanger, data: bytes, at: int, use: BodyUse) -> None:
        """The whole body came with the head, as playlists do."""
        end = at + self._left
        is_over = end == len(data)
        if use is _KEEP:
            body = data[at:end]
        else:
            body = None
            exchanger.body_start = data[at : at + BODY_START_BYTES] if is_over else data[at:end][:BODY_START_BYTES]
        if self._left and not exchanger.body_received(self._left, self._left):
            self._refuse(exchanger)
        else:
            self._complete(exchanger, body, is_over=is_over)

    def _read_body(self, exchanger: Exchanger) -> None:
        data = self._receive(min(self._left or _BODY_READ_BYTES, _BODY_READ_BYTES))
        if data is not None:
            self._take(exchanger, data)
            self._skip_next()

    def _take(self, exchanger: Exchanger, data: bytes) -> None:
        """Read body bytes in this process: a kept body, or one whose length is not known beforehand."""
        kept, chunks = self._kept, self._chunks
        start = bytearray() if kept is None and exchanger.body_start is None else None
        held = 0 if kept is None else len(kept)
        payload = start if kept is None else kept
        if chunks is not None:
            try:
                count = chunks.feed(data, payload)
            except MalformedChunk as error:
                self._lose(Failure(FailureKind.MALFORMED, str(error)))
                return
            finished = chunks.finished
        elif self._left:
            count = min(len(data), self._left)
            self._left -= count
            finished = not self._left
            if payload is not None:
                payload += data[:count]
        else:
            count = len(data)
            finished = False
            if payload is not None:
                payload += data
        if start:
            exchanger.body_start = bytes(start[:BODY_START_BYTES])
        if not exchanger.body_received(count, 0 if kept is None else len(kept) - held):
            self._refuse(exchanger)
        elif finished:
            self._complete(exchanger, None if kept is None else bytes(kept), is_over=count == len(data))

    def _skip_next(self) -> None:
        """Let the kernel drop what is known to be nothing but dropped body."""
        if self._stage is not _BODY or self._kept is not None:
            return
        if self._chunks is not None:
            self._left = self._chunks.payload_left
        if self._left:
            self._stage = _SKIP
            self.stream.expect(self._left)

    def _complete(self, exchanger: Exchanger, body: bytes | None, *, is_over: bool) -> None:
        """The answer has ended; `is_over` if nothing came after it."""
        head = self._head
        self._exchanger = self._head = self._kept = self._chunks = None
        self._left = 0
        self._stage = _IDLE
        self.is_idle = self._is_reused = True
        if is_over and not self._unsent and head is not None and head.keep_alive:
            self.stream = self.stream.answered()
            self._pool.released(self)
        else:
            self.close()
        exchanger.answered(body)

    def _refuse(self, exchanger: Exchanger) -> None:
        self.close()
        exchanger.answered(None)

    def _ended(self, error: OSError | None) -> None:
        """The stream ended, in order or not."""
        exchanger, head = self._exchanger, self._head
        words = "closed" if error is None else f"lost: {phrase(error)}"
        if exchanger is None:
            self.close()
        elif head is None:
            where = "in the head of the answer" if self._partial else "before an answer"
            self._lose(Failure(FailureKind.CONNECTION_LOST, f"connection {words} {where}"), error)
        elif head.framing is _CLOSE and error is None:
            self._complete(exchanger, None if self._kept is None else bytes(self._kept), is_over=False)
        else:
            missing = f", {self._left} bytes missing" if head.framing is _LENGTH else ""
            self._lose(Failure(FailureKind.TRUNCATED, f"connection {words} in the body{missing}"), error)

    def _lose(self, failure: Failure, error: OSError | None = None) -> None:
        exchanger = self._exchanger
        silent = failure.kind is FailureKind.CONNECTION_LOST and not self._partial
        fate = fate_of(error, self.stream) if silent else Fate.TAKEN
        self.close()
        if exchanger is not None:
            exchanger.lost(failure, stale=silent and self._is_reused, fate=fate)


def fate_of(error: OSError | None, stream: Stream) -> Fate:
    """What a lost connection says of a request that brought not one byte of an answer."""
    if not is_end_in_order(error):
        return Fate.REFUSED if error is not None and error.errno == errno.EPIPE else Fate.UNKNOWN
    return Fate.TAKEN if stream.is_acknowledged() else Fate.REFUSED
