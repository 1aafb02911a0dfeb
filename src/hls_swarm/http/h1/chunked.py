"""The chunked transfer coding, read without I/O (RFC 9112 7.1).

Rules:

- Strict: a size line is hexadecimal digits, optional extensions, CRLF; a chunk ends in CRLF; nothing is guessed.
- A size line or the trailer section over its limit is malformed, so a peer can not make the reader hold memory.
- The reader never holds payload: it says which bytes of its input are payload.
"""

from enum import Enum

from hls_swarm.http.readings import chunk_size

_MAX_LINE_BYTES = 4096
_MAX_TRAILER_BYTES = 16 * 1024


class MalformedChunk(ValueError):  # noqa: N818 - named for what it is, as the failure kind is
    """The body breaks the chunked coding."""


class _Expect(Enum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data_end"
    TRAILER = "trailer"


class ChunkedReader:
    """Takes the bytes after a head as they arrive.

    Attributes:
        payload_left: bytes of the current chunk still to come; that many may be skipped without being fed.
        finished: the body has ended.
    """

    __slots__ = ("_expect", "_line", "_trailer_bytes", "finished", "payload_left")

    def __init__(self) -> None:
        self.payload_left = 0
        self.finished = False
        self._expect = _Expect.SIZE
        self._line = b""
        self._trailer_bytes = 0

    def feed(self, data: bytes, payload: bytearray | None) -> int:
        """Read on; returns how many bytes belonged to the body (all, unless it ended before the last).

        Args:
            payload: what the coding wraps is added to it; None drops them.

        Raises:
            MalformedChunk: the coding is broken.
        """
        at, end = 0, len(data)
        while at < end and not self.finished:
            if self._expect is _Expect.DATA:
                taken = min(self.payload_left, end - at)
                if payload is not None:
                    payload += data[at : at + taken]
                at += taken
                self.skip(taken)
            else:
                at = self._read_line(data, at)
        return at

    def skip(self, count: int) -> None:
        """`count` bytes of the current chunk were dropped elsewhere; at most `payload_left`."""
        self.payload_left -= count
        if not self.payload_left:
            self._expect = _Expect.DATA_END

    def _read_line(self, data: bytes, at: int) -> int:
        feed = data.find(b"\n", at)
        after = len(data) if feed < 0 else feed + 1
        self._line += data[at:after]
        if len(self._line) > _MAX_LINE_BYTES:
            raise MalformedChunk(f"chunk line over {_MAX_LINE_BYTES} bytes")
        if self._expect is _Expect.DATA_END and not b"\r\n".startswith(self._line):
            raise MalformedChunk("chunk longer than its size")
        if feed >= 0:
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise MalformedChunk("chunk line ends in a bare line feed")
            self._line_read(line[:-2])
        return after

    def _line_read(self, line: bytes) -> None:
        match self._expect:
            case _Expect.SIZE:
                size = chunk_size(line)
                if size is None:
                    raise MalformedChunk(f"chunk size {line[:24]!r}")
                self.payload_left = size
                self._expect = _Expect.DATA if self.payload_left else _Expect.TRAILER
            case _Expect.DATA_END:
                self._expect = _Expect.SIZE
            case _:
                self._trailer_bytes += len(line)
                if self._trailer_bytes > _MAX_TRAILER_BYTES:
                    raise MalformedChunk(f"trailer section over {_MAX_TRAILER_BYTES} bytes")
                self.finished = not line
