"""One HTTP/1.1 connection: reads request heads, sends answers, in order, and holds no buffer of its own.

Rules:

- Nothing waits: each call does what the socket takes at once, and the loop calls again when it is ready.
- One answer at a time. While one is under way, nothing more is read than what came in one read, so pipelined requests
  are bounded by that.
- A request may have to wait for what is not there yet (`held`): like an answer under way, but reading goes on until one
  more request is there, so that a client that goes away meanwhile is noticed.
- A file goes to the wire by itself; one call for each time the socket is ready.
- Each state has a deadline, which the server looks at once a second: a head must be complete in time after its first
  byte, an answer must make progress, and an idle connection is closed after a while.
- Where this side closes first, it shuts down its sending half and reads on for a moment, so that a reset can not
  destroy an answer that is still on its way (RFC 9112 9.6).
"""

import time
from collections import deque
from functools import lru_cache, partial
from http import HTTPStatus

import httptools

from hls_swarm.testorigin.resources import StoredFile
from hls_swarm.testorigin.serving.answers import KEPT_HEADERS, Answer, Request, refused, unanswered
from hls_swarm.testorigin.serving.held import Held
from hls_swarm.testorigin.serving.owner import (
    MAX_HEAD_BYTES,
    MAX_REQUEST_BODY_BYTES,
    TRICKLE_SECONDS,
    Owner,
    State,
)
from hls_swarm.testorigin.serving.watched import Watched
from hls_swarm.testorigin.serving.wire import Wire


@lru_cache(maxsize=64)
def _status_line(status: HTTPStatus) -> bytes:
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii")


class Connection(Watched):
    """One client's connection; also the callbacks of its request parser."""

    __slots__ = (
        "_answer",
        "_answering",
        "_body_in",
        "_bytes_in",
        "_file_cut",
        "_file_left",
        "_free_at",
        "_head_left",
        "_held",
        "_is_mid_request",
        "_keep_alive",
        "_out",
        "_parser",
        "_queue",
        "_read_at",
        "_reading",
    )

    def __init__(self, owner: Owner, wire: Wire, peer: str) -> None:
        super().__init__(owner, wire, peer)
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Request] = deque()
        self._reading = self._answering = Request(0.0)
        self._is_mid_request = False
        self._read_at = 0.0
        self._bytes_in = self._body_in = 0
        self._keep_alive = True
        self._answer: Answer | None = None
        self._held: Held | None = None
        self._out = memoryview(b"")
        self._head_left = 0
        self._file_left = self._file_cut = 0
        owner.watch_reads(self, True)

    @property
    def is_held(self) -> bool:
        """Whether its request waits for what is not there yet."""
        return self._held is not None

    # What the loop calls.

    def readable(self) -> None:
        """Bytes have arrived, or the client is gone."""
        if self._state is State.WRITING and (self._held is None or self._queue):
            self._watch_reads(False)
        else:
            super().readable()

    def take(self, data: memoryview) -> None:
        """Parse what has arrived and answer what is complete."""
        self._read_at = time.perf_counter()
        self._bytes_in += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request stands in the queue; what follows it would be another protocol, which is not spoken here.
            self._keep_alive = False
            if not self._queue:
                self._refuse(HTTPStatus.BAD_REQUEST)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            if self._body_in > MAX_REQUEST_BODY_BYTES:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            elif self._bytes_in - self._body_in > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        self._next()

    def writable(self) -> None:
        """The socket takes more."""
        self._send()
        if self._state is State.IDLE:
            self._next()

    def expire(self) -> None:
        """A deadline has passed."""
        if self._state is State.READING and not self._owner.is_stopping:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            self._next()
        else:
            self.close()

    def close(self) -> None:
        """End it at once; an answer under way ends with what was sent of it."""
        if self._state is State.CLOSED:
            return
        if self._held is not None:
            self._held, self._answer = None, unanswered(self._answering)
            self._head_left = 0
        if self._answer is not None:
            self._end_answer()
        self._let_go()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request line begins."""
        self._reading = Request(self._read_at)
        self._is_mid_request = True

    def on_url(self, url: bytes) -> None:
        """Some of the request target."""
        self._reading.target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One whole field."""
        name = name.lower()
        if name in KEPT_HEADERS:
            self._reading.headers[name] = value.decode("latin-1")
        if name == b"host":
            self._reading.hosts += 1

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._reading.method = self._parser.get_method().decode("ascii")
        self._reading.version = self._parser.get_http_version()
        self._reading.keep_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """A request body, which nothing here wants."""
        self._body_in += len(body)

    def on_message_complete(self) -> None:
        """One request is whole."""
        self._queue.append(self._reading)
        self._is_mid_request = False
        self._bytes_in = self._body_in = 0

    # The rest is its own.

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what can not be read with a status, after what was read before, and close."""
        self._queue.append(Request(self._read_at, refusal=status))

    def _next(self) -> None:
        """Answer requests that are complete, until one has to wait or there is none left."""
        while self._queue and self._state in {State.IDLE, State.READING}:
            self._start(self._queue.popleft())
        if self._state is State.IDLE and self._is_mid_request:
            self.deadline = self._owner.now() + self._owner.head_seconds
            self._enter(State.READING)

    def _start(self, request: Request) -> None:
        """Begin to send the answer to a request, or to wait for it."""
        answer = self._owner.answer(request)
        if isinstance(answer, Held):
            self._answering, self._held = request, answer
            self._enter(State.WRITING)
            self.deadline = answer.deadline + self._owner.stalled_seconds
            answer.keep(partial(self._woken, answer))
        else:
            self._begin(request, answer)

    def _woken(self, held: Held, in_vain: bool) -> None:
        """What the request waited for is there, or has taken too long."""
        if self._held is not held:
            return
        self._held = None
        request = self._answering
        answer = refused(request) if in_vain else self._owner.answer(request)
        if isinstance(answer, Held):
            answer = refused(request)
        self._begin(request, answer)
        if self._state is State.IDLE:
            self._next()

    def _begin(self, request: Request, answer: Answer) -> None:
        """Begin to send an answer."""
        self._keep_alive = (
            self._keep_alive and request.keep_alive and request.refusal is None and not self._owner.is_stopping
        )
        head = self._head(request, answer)
        self._answering, self._answer = request, answer
        self._head_left = len(head)
        self._file_left = self._file_cut = 0
        if isinstance(answer.content, StoredFile):
            answer.content.hold()
            self._file_left = answer.length
            self._out = memoryview(head)
        elif answer.content is not None:
            self._out = memoryview(head + answer.content[answer.offset : answer.offset + answer.length])
        else:
            self._out = memoryview(head)
        self._free_at: float | None = None
        self._enter(State.WRITING)
        treatment = answer.treatment
        if treatment.body_share is not None:
            self._cut_body(treatment.body_share)
        if treatment.delay_seconds > 0:
            self.deadline = self._owner.now() + treatment.delay_seconds + self._owner.stalled_seconds
            self._owner.later(treatment.delay_seconds, partial(self._go_on, answer))
        else:
            self._go_on(answer)

    def _head(self, request: Request, answer: Answer) -> bytes:
        if not self._keep_alive:
            persistence = b"Connection: close\r\n"
        else:
            persistence = b"Connection: keep-alive\r\n" if request.version == "1.0" else b""
        owner = self._owner
        return b"".join(
            (_status_line(answer.status), owner.common_fields(), owner.fields(request, answer), persistence, b"\r\n")
        )

    def _cut_body(self, share: float) -> None:
        """Take away the end of the body, which the head has promised."""
        answer = self._answer
        if answer is None:
            return
        kept = int(answer.length * share)
        self._keep_alive = False
        if self._file_left:
            self._file_cut = self._file_left - kept
            self._file_left = kept
        else:
            self._out = self._out[: self._head_left + kept]

    def _go_on(self, answer: Answer) -> None:
        """Send an answer that was put off, if it is still the one to send."""
        if self._state is not State.WRITING or self._answer is not answer:
            return
        if answer.treatment.reset:
            self._wire.reset_at_close()
            self.close()
        elif answer.treatment.bytes_per_second is not None:
            self._trickle(answer, answer.treatment.bytes_per_second)
        elif answer.metered and (turn := self._turn()) is not None:
            wait, piece, self._free_at = turn
            self._owner.later(wait, partial(self._take_turn, answer, piece))
        else:
            self._send()

    def _turn(self) -> tuple[float, int, float] | None:
        return self._owner.turn(self, self._answering, self._body_left, self._free_at)

    @property
    def _body_left(self) -> int:
        """Bytes of the body that can be sent next; a head that goes out before its file has none."""
        return len(self._out) - max(0, self._head_left) if self._out else self._file_left

    def _trickle(self, answer: Answer, bytes_per_second: float) -> None:
        """Send the next piece of a body that is to be slow, and the one after it when it is time."""
        if self._send_piece(answer, max(1, int(bytes_per_second * TRICKLE_SECONDS))):
            self._owner.later(TRICKLE_SECONDS, partial(self._go_on, answer))

    def _take_turn(self, answer: Answer, piece: int) -> None:
        """Send a piece of a body whose turn it is, and wait for the next turn."""
        if self._state is State.WRITING and self._answer is answer and self._send_piece(answer, piece):
            self._go_on(answer)

    def _send_piece(self, answer: Answer, piece: int) -> bool:
        """Send a piece; whether more is to come. An answer that is whole is ended, and the next one begun."""
        try:
            if self._out:
                sent = self._wire.send(self._out[: self._head_left + piece if self._head_left > 0 else piece])
                self._out = self._out[sent:]
                self._head_left -= sent
            elif self._file_left and isinstance(answer.content, StoredFile):
                offset = answer.offset + answer.length - self._file_cut - self._file_left
                count = min(piece, self._file_left)
                self._file_left -= self._wire.send_file(answer.content.descriptor, offset, count)
        except (BlockingIOError, InterruptedError):
            pass  # the socket is full: the next turn goes on
        except OSError:  # the client is gone, and the log says how far the answer got
            self.close()
            return False
        self.deadline = self._owner.now() + self._owner.stalled_seconds
        if self._out or self._file_left:
            return True
        self._finish_answer()
        if self._state is State.IDLE:
            self._next()
        return False

    def _send(self) -> None:
        """Send what the socket takes of the answer."""
        answer = self._answer
        if answer is None:
            return
        try:
            if self._out:
                sent = self._wire.send(self._out, more=self._file_left > 0)
                self._out = self._out[sent:]
                self._head_left -= sent
            if not self._out and self._file_left and isinstance(answer.content, StoredFile):
                offset = answer.offset + answer.length - self._file_cut - self._file_left
                self._file_left -= self._wire.send_file(answer.content.descriptor, offset, self._file_left)
        except (BlockingIOError, InterruptedError):
            pass  # the socket is full: go on when it is not
        except OSError:  # reset or broken pipe: the client is gone, and the log says how far the answer got
            self.close()
            return
        if self._out or self._file_left:
            self.deadline = self._owner.now() + self._owner.stalled_seconds
            self._watch_writes(True)
            return
        self._finish_answer()

    def _finish_answer(self) -> None:
        """All of it is sent: wait for the next request, or close."""
        self._end_answer()
        self._watch_writes(False)
        self._watch_reads(True)
        if self._keep_alive and not self._owner.is_stopping:
            self.deadline = self._owner.now() + self._owner.idle_seconds
            self._enter(State.IDLE)
        else:
            self._queue.clear()
            self._linger()

    def _end_answer(self) -> None:
        """Let go of the answer and tell what was sent of it."""
        answer = self._answer
        if answer is None:
            return
        self._answer = None
        if isinstance(answer.content, StoredFile):
            answer.content.release()
            sent = answer.length - self._file_cut - self._file_left
        else:
            sent = max(0, -self._head_left)
        self._out = memoryview(b"")
        self._owner.answered(self, self._answering, answer, sent)
