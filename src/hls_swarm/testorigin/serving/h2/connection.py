"""One HTTP/2 connection: requests are answered side by side, in turn, as their windows let them.

Rules:

- As over HTTP/1.1, nothing waits, and what a body is not yet to be sent of is asked for when it goes out.
- A piece of one body, four frames at most, and then it is the next stream's turn.
- No more is made ready than the wire is about to take, and each piece is accounted for: what the log says of a body is
  what was handed to the kernel, to the byte, frames not counted.
- A request that waits (`held`) costs no more here than over HTTP/1.1, and holds up no other.
- What closes an HTTP/1.1 connection on purpose (a body that is cut, a reset) ends the stream alone.
"""

import os
import time
from collections import deque
from functools import partial
from http import HTTPStatus

from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError
from hls_swarm.testorigin.resources import StoredFile
from hls_swarm.testorigin.serving.answers import Answer, Request, refused, unanswered
from hls_swarm.testorigin.serving.h2.heads import Asked, line_literals, status_block
from hls_swarm.testorigin.serving.h2.session import (
    DATA_BYTES,
    BodyReceived,
    RequestReceived,
    Session,
    StreamReset,
)
from hls_swarm.testorigin.serving.held import Held
from hls_swarm.testorigin.serving.owner import (
    MAX_REQUEST_BODY_BYTES,
    TRICKLE_SECONDS,
    Owner,
    State,
)
from hls_swarm.testorigin.serving.watched import Watched
from hls_swarm.testorigin.serving.wire import RECORD_BYTES, Wire

_PIECE_BYTES = 4 * DATA_BYTES
_READY_BYTES = 64 << 10
"""No more is made ready while so much waits for the socket."""
_OUT_LIMIT_BYTES = 256 << 10
"""Of frames that answer the client's own, such as PING."""


class _Stream:
    """One request and its answer.

    Attributes:
        at: where the next byte of the body is in its content.
        left: bytes of the body that are still to be made ready.
        sent: bytes of it that were handed to the kernel.
        allowance: bytes that may be made ready by now; None: all.
        block: the head, until it is made ready.
        breaks: the body ends before its time, on purpose.
        is_waiting: it is in the line of those that are to be sent.
    """

    __slots__ = (
        *("allowance", "answer", "at", "block", "body_in", "breaks", "free_at", "held", "is_waiting", "left"),
        *("number", "request", "sent"),
    )

    def __init__(self, number: int, request: Request) -> None:
        self.number, self.request = number, request
        self.answer: Answer | None = None
        self.held: Held | None = None
        self.at = self.left = self.sent = self.body_in = 0
        self.allowance: int | None = None
        self.free_at: float | None = None
        self.block: bytes | None = None
        self.breaks = self.is_waiting = False


class _Piece:
    """Frames on their way to the wire.

    Attributes:
        head_bytes: of them that come before those of the body.
        body_bytes: of the stream's body.
        size: of all of it.
        is_last: nothing of the stream follows.
    """

    __slots__ = ("body_bytes", "data", "head_bytes", "is_last", "size", "stream")

    def __init__(
        self,
        data: bytes,
        stream: _Stream | None = None,
        head_bytes: int = 0,
        body_bytes: int = 0,
        *,
        is_last: bool = False,
    ) -> None:
        self.data, self.size = memoryview(data), len(data)
        self.stream, self.head_bytes, self.body_bytes, self.is_last = stream, head_bytes, body_bytes, is_last

    @property
    def sent_body(self) -> int:
        """Bytes of the body in what was taken of it."""
        frames_whole, rest = divmod(max(0, self.size - len(self.data) - self.head_bytes), RECORD_BYTES)
        return min(self.body_bytes, frames_whole * DATA_BYTES + max(0, rest - frames.HEADER_BYTES))


class H2Connection(Watched):
    """One client's connection."""

    __slots__ = (
        "_blocked",
        "_held_until",
        "_pieces",
        "_read_at",
        "_ready_bytes",
        "_session",
        "_streams",
        "_waiting",
    )

    def __init__(self, owner: Owner, wire: Wire, peer: str) -> None:
        super().__init__(owner, wire, peer)
        self._held_until = 0.0
        self._session = Session()
        self._streams: dict[int, _Stream] = {}
        self._waiting: deque[_Stream] = deque()
        self._blocked: list[_Stream] = []
        self._pieces: deque[_Piece] = deque()
        self._ready_bytes = 0
        self._read_at = 0.0
        owner.watch_reads(self, True)

    @property
    def is_held(self) -> bool:
        """Whether all that was asked for waits for what is not there yet."""
        return bool(self._streams) and all(stream.held is not None for stream in self._streams.values())

    # What the loop calls.

    def take(self, data: memoryview) -> None:
        """Answer what has arrived."""
        self._read_at = time.perf_counter()
        session = self._session
        try:
            for event in session.receive(data):
                match event:
                    case RequestReceived(number, asked, ends):
                        self._asked(number, asked, ends=ends)
                    case BodyReceived(number, size_bytes, ends):
                        self._body(number, size_bytes, ends=ends)
                    case StreamReset(number):
                        self._leave(number)
                if self._state is State.CLOSED:
                    return
        except ProtocolError:
            self._give_up()
            return
        if session.has_opened:
            session.has_opened = False
            blocked, self._blocked = self._blocked, []
            for stream in blocked:
                self._line_up(stream)
        self._pump()

    def writable(self) -> None:
        """The socket takes more."""
        self._pump()

    def expire(self) -> None:
        """The deadline has passed."""
        self._session.out += self._session.goodbye()
        self._pump()
        self.close()

    def close(self) -> None:
        """End it at once; answers under way end with what was sent of them."""
        if self._state is State.CLOSED:
            return
        for piece in self._pieces:
            if piece.stream is not None:
                piece.stream.sent += piece.sent_body
        self._pieces.clear()
        for stream in tuple(self._streams.values()):
            self._end(stream)
        self._let_go()

    # Requests

    def _asked(self, number: int, asked: Asked, *, ends: bool) -> None:
        """A request's head is here."""
        refusal = HTTPStatus.BAD_REQUEST if asked.is_malformed else None
        request = Request(self._read_at, asked.method, asked.target, "2.0", asked.headers, refusal=refusal)
        stream = self._streams[number] = _Stream(number, request)
        if self._state is State.IDLE:
            self._enter(State.WRITING)
        self._progress()
        if ends or refusal is not None:
            self._start(stream)

    def _body(self, number: int, size_bytes: int, *, ends: bool) -> None:
        """Some of a request's body, which nothing here wants."""
        stream = self._streams.get(number)
        if stream is None or stream.answer is not None:
            return
        self._progress()
        stream.body_in += size_bytes
        if stream.body_in > MAX_REQUEST_BODY_BYTES:
            stream.request.refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if ends or stream.request.refusal is not None:
            self._start(stream)

    def _start(self, stream: _Stream) -> None:
        """Begin to send the answer to a request, or to wait for it."""
        answer = self._owner.answer(stream.request)
        if isinstance(answer, Held):
            stream.held = answer
            self._held_until = max(self._held_until, answer.deadline)
            self._progress()
            answer.keep(partial(self._woken, stream, answer))
        else:
            self._begin(stream, answer)

    def _woken(self, stream: _Stream, held: Held, in_vain: bool) -> None:
        """What a request waited for is there, or has taken too long."""
        if stream.held is not held:
            return
        stream.held = None
        answer = refused(stream.request) if in_vain else self._owner.answer(stream.request)
        if isinstance(answer, Held):
            answer = refused(stream.request)
        self._begin(stream, answer)
        self._pump()

    def _begin(self, stream: _Stream, answer: Answer) -> None:
        """Begin to send an answer."""
        request = stream.request
        stream.answer = answer
        if isinstance(answer.content, StoredFile):
            answer.content.hold()
        stream.at, stream.left = answer.offset, answer.length
        owner = self._owner
        stream.block = (
            status_block(answer.status)
            + line_literals(owner.common_fields())
            + line_literals(owner.fields(request, answer))
        )
        treatment = answer.treatment
        if treatment.body_share is not None:
            stream.left = int(answer.length * treatment.body_share)
            stream.breaks = True
        if treatment.delay_seconds > 0:
            self._held_until = max(self._held_until, owner.now() + treatment.delay_seconds)
            self._progress()
            owner.later(treatment.delay_seconds, partial(self._put_off, stream, answer))
        else:
            self._go_on(stream, answer)

    def _put_off(self, stream: _Stream, answer: Answer) -> None:
        """It is time for an answer that was put off."""
        self._go_on(stream, answer)
        self._pump()

    def _go_on(self, stream: _Stream, answer: Answer) -> None:
        """Send an answer, or the next of it, if it is still to be sent."""
        if stream.answer is not answer:
            return
        treatment = answer.treatment
        if treatment.reset:
            self._break(stream)
        elif treatment.bytes_per_second is not None:
            self._allow(stream, max(1, int(treatment.bytes_per_second * TRICKLE_SECONDS)))
            self._owner.later(TRICKLE_SECONDS, partial(self._put_off, stream, answer))
        elif answer.metered and (turn := self._turn(stream)) is not None:
            wait, piece, stream.free_at = turn
            stream.allowance = stream.allowance or 0
            self._owner.later(wait, partial(self._take_turn, stream, answer, piece))
        else:
            self._line_up(stream)

    def _turn(self, stream: _Stream) -> tuple[float, int, float] | None:
        return self._owner.turn(self, stream.request, stream.left, stream.free_at)

    def _take_turn(self, stream: _Stream, answer: Answer, piece: int) -> None:
        """It is a body's turn; the next one is asked for when the piece has been sent."""
        if stream.answer is answer:
            self._allow(stream, piece)
            self._pump()

    def _allow(self, stream: _Stream, count: int) -> None:
        stream.allowance = (stream.allowance or 0) + count
        self._line_up(stream)

    def _line_up(self, stream: _Stream) -> None:
        """There may be something of it to send."""
        if not stream.is_waiting and stream.answer is not None:
            stream.is_waiting = True
            self._waiting.append(stream)

    def _leave(self, number: int) -> None:
        """The client wants no answer any more."""
        stream = self._streams.get(number)
        if stream is not None:
            self._forget_pieces(stream)
            self._end(stream)

    def _break(self, stream: _Stream) -> None:
        """End an answer before its time, on purpose."""
        self._forget_pieces(stream)
        self._session.out += self._session.reset(stream.number, ErrorCode.INTERNAL_ERROR)
        self._end(stream)

    def _forget_pieces(self, stream: _Stream) -> None:
        """Send nothing more of a stream but the rest of what has been begun, which has to be whole."""
        for nth, piece in enumerate(self._pieces):
            if piece.stream is stream and (nth or len(piece.data) == piece.size):
                self._ready_bytes -= len(piece.data)
                piece.data, piece.size = piece.data[:0], 0
                piece.stream = None
            elif piece.stream is stream:
                stream.sent += piece.body_bytes
                piece.stream = None

    def _end(self, stream: _Stream) -> None:
        """Let go of a stream and tell what was sent of its answer."""
        answer, stream.answer, stream.held = stream.answer, None, None
        del self._streams[stream.number]
        if answer is None:
            answer = unanswered(stream.request)
        elif isinstance(answer.content, StoredFile):
            answer.content.release()
        self._owner.answered(self, stream.request, answer, stream.sent)

    # The wire

    def _pump(self) -> None:
        """Send what the wire takes."""
        if self._state is State.CLOSED:
            return
        session = self._session
        while True:
            if session.out:
                self._push(_Piece(bytes(session.out)))
                session.out.clear()
            while self._waiting and self._ready_bytes < _READY_BYTES:
                self._make_ready(self._waiting.popleft())
            if not self._flush():
                return
            if not session.out and not self._waiting:
                break
        self._settle()

    def _push(self, piece: _Piece) -> None:
        self._pieces.append(piece)
        self._ready_bytes += piece.size

    def _make_ready(self, stream: _Stream) -> None:
        """Make frames of what may be sent of a stream."""
        stream.is_waiting = False
        answer, session = stream.answer, self._session
        if answer is None:
            return
        head = b""
        count = min(stream.left, session.room(stream.number), _PIECE_BYTES)
        if stream.allowance is not None:
            count = min(count, stream.allowance)
        if stream.block is not None:
            head = session.head(stream.number, stream.block, ends=not stream.left and not stream.breaks)
            stream.block = None
        elif stream.left and not count:
            if stream.allowance != 0:
                self._blocked.append(stream)
            return
        body = b""
        if count:
            stream.left -= count
            if stream.allowance is not None:
                stream.allowance -= count
            body = session.body(
                stream.number, self._content(stream, answer, count), ends=not stream.left and not stream.breaks
            )
            stream.at += count
        is_last = not stream.left
        self._push(_Piece(head + body, stream, len(head), count, is_last=is_last))
        if not is_last and stream.allowance != 0:
            self._line_up(stream)

    def _content(self, stream: _Stream, answer: Answer, count: int) -> memoryview:
        content = answer.content
        if isinstance(content, StoredFile):
            return memoryview(os.pread(content.descriptor, count, stream.at))
        return memoryview(content or b"")[stream.at : stream.at + count]

    def _flush(self) -> bool:
        """Hand pieces to the wire; whether all were taken."""
        while self._pieces:
            piece = self._pieces[0]
            try:
                count = self._wire.send(piece.data) if piece.size else 0
            except (BlockingIOError, InterruptedError):
                self._wait()
                return False
            except OSError:  # reset or broken pipe: the client is gone, and the log says how far the answers got
                self.close()
                return False
            self._ready_bytes -= count
            self._progress()
            piece.data = piece.data[count:]
            if not piece.data:
                self._pieces.popleft()
                self._sent(piece)
        return True

    def _sent(self, piece: _Piece) -> None:
        """A piece is handed over whole."""
        stream = piece.stream
        if stream is None or stream.answer is None:
            return
        stream.sent += piece.body_bytes
        if piece.is_last:
            if stream.breaks:
                self._break(stream)
            else:
                self._end(stream)
        elif stream.allowance == 0 and stream.answer.treatment.bytes_per_second is None:
            self._go_on(stream, stream.answer)

    def _wait(self) -> None:
        """The socket is full: go on when it is not; who asks for answers and takes none is read no further."""
        self._watch_writes(True)
        if self._ready_bytes > _OUT_LIMIT_BYTES:
            self._watch_reads(False)

    def _settle(self) -> None:
        """All of what may be sent is sent."""
        self._watch_writes(False)
        self._watch_reads(True)
        if self._streams or self._state is not State.WRITING:
            return
        if self._owner.is_stopping or self._session.is_going_away:
            self._session.out += self._session.goodbye()
            self._give_up()
            return
        self._held_until = 0.0
        self.deadline = self._owner.now() + self._owner.idle_seconds
        self._enter(State.IDLE)

    def _progress(self) -> None:
        """Something has happened: there is time again."""
        self.deadline = max(self._held_until, self._owner.now()) + self._owner.stalled_seconds

    def _give_up(self) -> None:
        """Say why, end what is under way, and wait a moment for the client to close."""
        for stream in tuple(self._streams.values()):
            self._forget_pieces(stream)
            self._end(stream)
        if self._session.out:
            self._push(_Piece(bytes(self._session.out)))
            self._session.out.clear()
        if not self._flush() or self._state is State.CLOSED:
            self.close()
        else:
            self._linger()
