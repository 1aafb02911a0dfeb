"""TLS 1.3 whose bodies are counted and not decrypted, from the first answer of a connection on.

Rules:

- A record's header is in the clear: an unpadded record of n protected bytes carries n - 17 of content. While a body of
  known length is dropped, records that lie within it are dropped in the kernel, and only counted.
- Everything that may be something else is decrypted and authenticated: heads, bodies that are kept, records of at most
  3 KiB (a ticket, KeyUpdate, an alert), and the record in which a body ends. The number of a record is part of what
  authenticates it, so the last record proves how many records were dropped, and that the body ends where it should.
- What is dropped is not authenticated: a body that was changed on the way passes, as on a plain connection. Each
  `verify_share`-th body is decrypted whole.
- A server that pads its records (RFC 8446 5.4) is known by the first record of a body, which is decrypted on each
  connection: from then on everything is.
- Servers send a long body in records of one size. After a record, as many as have arrived are assumed to be like it;
  before they are dropped, all at once, the header behind them is looked at, at an offset (SO_PEEK_OFF, on TCP since
  Linux 6.9): only if it is the same again, or that of the record in which the body ends, are they. Else, and where
  there is no such option, one record is dropped after the other.
- What has come of a body with its head is left in the kernel until as much is there as the low-water mark can wait for:
  to drop it at once would be the same system calls twice.
"""

import socket
import ssl
import termios
from collections.abc import Iterable
from contextlib import suppress

from hls_swarm.http.h1.stream import SCRATCH_BYTES, is_acknowledged, queued_bytes
from hls_swarm.http.h2.layout import Place
from hls_swarm.http.tls.protection import ALERT, APPLICATION_DATA, HANDSHAKE, Opened, Protection, protected_bytes
from hls_swarm.http.tls.sizes import CONTENT_LIMIT_BYTES, HEADER_BYTES, OVERHEAD_BYTES, RECORD_BYTES

SMALL_BYTES = 3 << 10
"""A record of at most so many protected bytes is always decrypted."""
_SO_PEEK_OFF = 42
_WIRE_LIMIT_BYTES = CONTENT_LIMIT_BYTES + RECORD_BYTES
_LOW_WATER_BYTES = 1 << 20
_SMALL_WAIT_BYTES = 32 << 10
_AT_ONCE_BYTES = 64 << 10
"""What is read with less is looked at as a single record first."""
_OPENED_AT_BYTES = SCRATCH_BYTES // 2
"""Where in the scratch buffer opened content is put; protected bytes are read into its beginning."""
_TURN_BYTES = 4 << 20
"""After so many bytes others have their turn."""
_UNSEEN_RECORDS = 16
"""Records without data that OpenSSL may have read unseen before this stream began, such as session tickets."""
_HANDSHAKE_LIMIT_BYTES = 64 << 10
_IDLE_RECORDS = 100
"""Records without data in a row: tickets, key updates, empty ones."""
_OUT_LIMIT_BYTES = 64 << 10
_KEY_UPDATE, _NEW_SESSION_TICKET = 24, 4
_KEY_UPDATE_ANSWER = b"\x18\x00\x00\x01\x00"
_CLOSE_NOTIFY, _USER_CANCELED = 0, 90


class SkippingStream:
    """Implements `h1.stream.Stream` on a connected socket whose TLS OpenSSL began.

    Args:
        sock: connected, non-blocking; nothing of it is left unread in OpenSSL.
        scratch: as for `h1.stream.TcpStream`.
        reading: its `sequence` counts the records with data that OpenSSL has read; others may have come between.
        writing: its `sequence` is exact.
        verify_share: share of the bodies that are decrypted whole, 0 to 1.
        follows_low_water: see `h1.stream.Reception`.
        verify_at: where in the turn of bodies this connection begins, 0 to 1.
    """

    __slots__ = (
        "_begins",
        "_data",
        "_drop",
        "_drop_content",
        "_ended",
        "_error",
        "_follows_low_water",
        "_full",
        "_handshake",
        "_idle_records",
        "_low_water",
        "_out",
        "_out_content",
        "_pads",
        "_peeks",
        "_raw",
        "_reading",
        "_scratch",
        "_synchronised",
        "_verifies",
        "_verify_share",
        "_verify_turn",
        "_writing",
        "fd",
        "sock",
    )

    def __init__(
        self,
        sock: socket.socket,
        scratch: bytearray,
        reading: Protection,
        writing: Protection,
        verify_share: float = 0.0,
        verify_at: float = 0.0,
        *,
        follows_low_water: bool = True,
    ) -> None:
        self._follows_low_water = follows_low_water
        self.sock = sock
        self.fd = sock.fileno()
        self._scratch = scratch
        self._reading = reading
        self._writing = writing
        self._synchronised = False
        self._raw = b""  # protected bytes that were read and do not make a record yet
        self._data = b""  # content behind the end of a body
        self._drop = self._drop_content = 0  # what is left of a record that is being dropped, and what it counts for
        self._full = b""  # header of the last record that was dropped
        self._handshake = b""
        self._idle_records = 0
        self._out = b""
        self._out_content = 0
        self._ended = False
        self._error: OSError | None = None  # met behind bytes that had to be told of first
        self._pads = False
        self._peeks = True
        self._begins = True  # whether the next record is the first one that could be dropped
        self._low_water = 1
        self._verify_share = verify_share
        self._verify_turn = verify_at
        self._verifies = verify_share >= 1

    def receive(self, limit: int) -> bytes:
        """See `h1.stream.Stream`; may give more than `limit`, up to the end of a record."""
        return bytes(self.receive_view(limit))

    def receive_view(self, limit: int) -> bytes | memoryview:
        """See `h1.stream.Stream`."""
        if self._raw or self._data or self._drop or self._ended or self._error is not None or not self._synchronised:
            return self._receive_more(limit)
        # Nothing is held back: mostly all that has come is one record, which needs no buffer.
        if limit <= _AT_ONCE_BYTES:
            raw = self.sock.recv(max(_WIRE_LIMIT_BYTES, limit))
            data = self._reading.open_whole(raw)
            if data is not None:
                self._idle_records = 0
                return data
            if not raw:
                raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "closed without a TLS close")
            size = len(raw)
            self._scratch[:size] = raw
        else:
            size = self._take_in(limit)
        return self._open_all(size) or self._receive_more(limit)

    def _receive_more(self, limit: int) -> bytes | memoryview:
        """The same, whatever is held back."""
        if self._data:
            data, self._data = self._data, b""
            return data
        if self._error is not None:
            raise self._error
        while True:
            self._finish_drop()
            if self._ended:
                return b""
            view = self._open_all(self._take_in(max(limit, _WIRE_LIMIT_BYTES)))
            if view:
                return view

    @property
    def leaping(self) -> "SkippingStream":
        """See `h1.stream.Stream`."""
        return self

    @property
    def is_drained(self) -> bool:
        """See `h2.layout.Leaping`; a record that is not whole is nothing yet."""
        return not self._ended and self._error is None

    @property
    def may_leap(self) -> bool:
        """See `h2.layout.Leaping`."""
        return self._peeks and not (self._pads or self._verifies)

    def receive_record(self) -> tuple[bytes, memoryview]:
        """See `h2.layout.Leaping`."""
        if self._error is not None:
            raise self._error
        while not self._ended:
            missing = HEADER_BYTES - len(self._raw)
            if missing <= 0:
                missing += protected_bytes(self._raw)
            if missing > 0:
                self._fill(missing)
                continue
            header = self._raw[:HEADER_BYTES]
            opened = self._next_record()
            if opened is not None and self._took(opened):
                return header, opened.content
        return b"", memoryview(b"")

    def arrived(self) -> int | None:
        """See `h2.layout.Leaping`."""
        if self._raw or self._data or not (self.may_leap and self._synchronised):
            return None
        return queued_bytes(self.fd, termios.FIONREAD)

    def leap(self, places: Iterable[Place]) -> Place | None:
        """See `h2.layout.Leaping`; the same trust as in `_jump`, and the frame behind is looked at, too."""
        for place in places:
            seen = self._looks_at(place.wire_bytes, HEADER_BYTES + len(place.content))
            begins = seen[:HEADER_BYTES] == place.record
            if begins and self._reading.glimpse(seen[HEADER_BYTES:], place.records) == place.content:
                self._drop_now(place.wire_bytes)
                self._reading.sequence += place.records
                return place
        return None

    def awaits(self, count: int) -> int:
        """See `h2.layout.Leaping`."""
        return min(count + RECORD_BYTES * ((count - 1) // CONTENT_LIMIT_BYTES), _LOW_WATER_BYTES)

    def discard(self, limit: int) -> int:
        """See `h1.stream.Stream`; `limit` must not reach behind the end of a body or a chunk."""
        if self._data:
            taken = min(limit, len(self._data))
            self._data = self._data[taken:]
            return taken
        if self._error is not None:
            raise self._error
        total = 0
        try:
            while total < limit and total < _TURN_BYTES and not self._data:
                if self._drop:
                    total += self._finish_drop()
                elif not self._raw and (jumped := self._jump(limit - total)):
                    total += jumped
                    if limit - total > _SMALL_WAIT_BYTES:
                        break  # what has come since is dropped with what is waited for
                else:
                    count = self._walk(limit - total)
                    if count is None:
                        break
                    total += count
        except BlockingIOError:
            if not total:
                raise
        except OSError as error:
            if not total:
                raise
            self._error = error
        return total

    def send(self, data: bytes) -> int:
        """See `h1.stream.Stream`; after BlockingIOError the same data must be given again."""
        if not self._out:
            record = self._out = self._writing.seal(APPLICATION_DATA, data)
            self._out_content = len(data)
            sent = self.sock.send(record)
            if sent != len(record):
                self._out = record[sent:]
                raise BlockingIOError
            self._out = b""
        else:
            if not self._out_content:
                self._out += self._writing.seal(APPLICATION_DATA, data)
                self._out_content = len(data)
            self._flush()
        count, self._out_content = self._out_content, 0
        return count

    def expect(self, count: int) -> None:
        """See `h1.stream.Stream`."""
        if not self._follows_low_water:
            return
        if count:
            count -= len(self._raw) + len(self._data) + self._dropped()
        if count > _SMALL_WAIT_BYTES:
            wanted = self.awaits(count)
        elif count > 0 and self._low_water == 1:
            return
        else:
            wanted = 1
        if wanted != self._low_water:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            self._low_water = wanted

    def unread_bytes(self) -> int:
        """See `h1.stream.Stream`; less the records' own bytes, at most 0.2%."""
        queued = queued_bytes(self.fd, termios.FIONREAD) + len(self._raw)
        return len(self._data) + self._dropped() + queued * 511 // 512

    def is_acknowledged(self) -> bool:
        """See `h1.stream.Stream`."""
        return is_acknowledged(self.sock)

    def answered(self) -> "SkippingStream":
        """See `h1.stream.Stream`."""
        share = self._verify_share
        if share:
            self._verify_turn += share
            self._verifies = self._verify_turn >= 1
            if self._verifies:
                self._verify_turn -= 1
        return self

    def close(self) -> None:
        """See `h1.stream.Stream`."""
        self.sock.close()

    # Records

    def _fill(self, limit: int) -> None:
        """Take in protected bytes, at least one."""
        data = self.sock.recv(limit)
        if not data:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "closed without a TLS close")
        self._raw = self._raw + data if self._raw else data

    def _take_in(self, limit: int) -> int:
        """Protected bytes into the beginning of the scratch buffer, behind those that were held back; how many."""
        raw, scratch = self._raw, self._scratch
        held = len(raw)
        most = min(limit, _OPENED_AT_BYTES - held)
        if held:
            scratch[:held] = raw
            count = self.sock.recv_into(memoryview(scratch)[held:], most)
        else:
            count = self.sock.recv_into(scratch, most)
        if not count:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "closed without a TLS close")
        return held + count

    def _open_all(self, size: int) -> memoryview:
        """The data of all whole records in that many bytes of the scratch buffer, side by side behind them."""
        scratch = memoryview(self._scratch)
        at, out = 0, _OPENED_AT_BYTES
        try:
            while size - at >= HEADER_BYTES and not self._ended:
                header = bytes(scratch[at : at + HEADER_BYTES])
                begin = at + HEADER_BYTES
                end = begin + protected_bytes(header)
                if end > size:
                    break
                at = end
                opened = self._open(header, scratch[begin:end], scratch[out:])
                if self._took(opened):
                    out += len(opened.content)
        except OSError as error:
            if out == _OPENED_AT_BYTES:
                raise
            self._error = error
        finally:
            self._raw = bytes(scratch[at:size])
        return scratch[_OPENED_AT_BYTES:out]

    def _next_record(self) -> Opened | None:
        """The next record of what was taken in; None if it is not whole."""
        raw = self._raw
        if len(raw) < HEADER_BYTES or self._ended:
            return None
        header = raw[:HEADER_BYTES]
        end = HEADER_BYTES + protected_bytes(header)
        if len(raw) < end:
            return None
        self._raw = raw[end:]
        return self._open(header, raw[HEADER_BYTES:end], memoryview(self._scratch))

    def _open(self, header: bytes, protected: bytes | memoryview, into: memoryview) -> Opened:
        reading = self._reading
        if self._synchronised:
            return reading.open(header, protected, into)
        # How many records without data OpenSSL has read is only known to it: the number that authenticates tells.
        first = reading.sequence
        for sequence in range(first, first + _UNSEEN_RECORDS):
            reading.sequence = sequence
            try:
                opened = reading.open(header, protected, into)
            except ssl.SSLError:
                continue
            self._synchronised = True
            return opened
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, "bad record mac")

    def _took(self, opened: Opened) -> bool:
        """Whether a record holds data; any other is dealt with."""
        if opened.content_type == APPLICATION_DATA:
            if opened.padding_bytes:
                self._pads = True
            if opened.content:
                self._idle_records = 0
                return True
            self._idle()
            return False
        self._idle()
        if opened.content_type == HANDSHAKE:
            self._take_handshake(bytes(opened.content))
        elif opened.content_type == ALERT:
            number = opened.content[1] if len(opened.content) == 2 else -1
            if number == _USER_CANCELED:  # means nothing by itself: servers in Java say it before they close (6.1)
                return False
            if number != _CLOSE_NOTIFY:
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"alert {number} from the server")
            self._ended = True
        else:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"unexpected content of type {opened.content_type}")
        return False

    def _idle(self) -> None:
        """A record that brings nothing forward: a flood of them would be read for ever."""
        self._idle_records += 1
        if self._idle_records > _IDLE_RECORDS:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"over {_IDLE_RECORDS} records without data")

    def _take_handshake(self, content: bytes) -> None:
        """Messages after the handshake (RFC 8446 4.6): tickets are passed over, a key update is followed."""
        messages = self._handshake + content
        while len(messages) >= 4:
            kind, end = messages[0], 4 + int.from_bytes(messages[1:4], "big")
            if end > _HANDSHAKE_LIMIT_BYTES:
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"handshake message of {end} bytes")
            if len(messages) < end:
                break
            if kind == _KEY_UPDATE:
                self._update_keys(messages[4:end], is_last=len(messages) == end)
            elif kind != _NEW_SESSION_TICKET:
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"unexpected handshake message {kind}")
            messages = messages[end:]
        self._handshake = messages

    def _update_keys(self, body: bytes, *, is_last: bool) -> None:
        if body not in (b"\0", b"\1") or not is_last:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "malformed key update")
        self._reading.update()
        if body == b"\1":
            if len(self._out) > _OUT_LIMIT_BYTES:
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, "the server asks for key updates and takes none")
            self._out += self._writing.seal(HANDSHAKE, _KEY_UPDATE_ANSWER)
            self._writing.update()
            with suppress(BlockingIOError):  # what is left goes ahead of the next request
                self._flush()

    def _flush(self) -> None:
        sent = self.sock.send(self._out)
        self._out = self._out[sent:]
        if self._out:
            raise BlockingIOError

    # Dropping

    def _dropped(self) -> int:
        """What is gone of a record that is being dropped, and was not counted."""
        return self._drop_content - min(self._drop, self._drop_content) if self._drop else 0

    def _finish_drop(self) -> int:
        """Drop more of a record; what it counts for, once it is gone."""
        while self._drop:
            count = self.sock.recv_into(self._scratch, min(self._drop, SCRATCH_BYTES), socket.MSG_TRUNC)
            if not count:
                raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "closed without a TLS close")
            self._drop -= count
        content, self._drop_content = self._drop_content, 0
        return content

    def _walk(self, left: int) -> int | None:
        """Drop the next record or decrypt it; the content that counts, None at the end of the stream."""
        if self._ended:
            return None
        if len(self._raw) < HEADER_BYTES:
            # The last record is taken at once: it is read anyway.
            first = left + RECORD_BYTES if left <= CONTENT_LIMIT_BYTES else HEADER_BYTES
            self._fill(first - len(self._raw))
            if len(self._raw) < HEADER_BYTES:
                raise BlockingIOError
        header = self._raw[:HEADER_BYTES]
        length = protected_bytes(header)
        content = length - OVERHEAD_BYTES
        if (
            length > SMALL_BYTES
            and content < left
            and self._synchronised
            and not (self._begins or self._pads or self._verifies)
        ):
            self._reading.sequence += 1
            self._drop = HEADER_BYTES + length - len(self._raw)
            if self._drop <= 0:  # it was taken in whole already
                self._raw, self._drop = self._raw[HEADER_BYTES + length :], 0
                return content
            self._raw, self._drop_content, self._full = b"", content, header
            return self._finish_drop()
        missing = HEADER_BYTES + length - len(self._raw)
        if missing > 0:
            self._fill(missing)
        opened = self._next_record()
        if opened is None:
            raise BlockingIOError
        if not self._took(opened):
            return 0
        data = opened.content
        if length > SMALL_BYTES:
            self._begins = False
        if len(data) <= left:
            return len(data)
        self._data = bytes(data[left:])
        return left

    def _jump(self, left: int) -> int:
        """Drop many records like the last one at once; the content that they count for."""
        header = self._full
        if not header or not self._peeks or self._pads or self._verifies:
            return 0
        content = (header[3] << 8 | header[4]) - OVERHEAD_BYTES
        wire = content + OVERHEAD_BYTES + HEADER_BYTES
        count = (left - 1) // content  # the record in which the body ends is never among them
        if count < 3:
            return 0
        there = queued_bytes(self.fd, termios.FIONREAD)
        if self._low_water == 1 and self._follows_low_water and there < self.awaits(left) and left > _SMALL_WAIT_BYTES:
            raise BlockingIOError  # and whoever reads will expect the rest
        count = min(count, (there - HEADER_BYTES) // wire, SCRATCH_BYTES // wire)
        while count > 1:
            # Behind them comes one more like them, or the one in which the body ends.
            last = header[:3] + (left - count * content + OVERHEAD_BYTES).to_bytes(4, "big")[2:]
            if self._looks_at(count * wire) in (header, last):
                self._drop_now(count * wire)
                self._reading.sequence += count
                return count * content
            count //= 2
        return 0

    def _drop_now(self, count: int) -> None:
        """Drop what has arrived."""
        if self.sock.recv_into(self._scratch, count, socket.MSG_TRUNC) != count:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "bytes that had arrived are gone")

    def _looks_at(self, offset: int, count: int = HEADER_BYTES) -> bytes:
        """What is at an offset of what has arrived, which is not taken; nothing where that can not be done."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, offset)
        except OSError:
            self._peeks = False
            return b""
        return self.sock.recv(count, socket.MSG_PEEK)
