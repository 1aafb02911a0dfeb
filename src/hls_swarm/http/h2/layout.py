"""How a server lays the DATA frames of a long body into TLS records: pure, learnt from what was decrypted.

Rules:

- Servers repeat themselves: nginx has four frames of 8 KiB in two full records and a small one, and then again. Where a
  frame begins with a record, one period ends and the next one begins.
- A period is a guess. Who uses it looks at the record and at the frame that should begin behind so many periods before
  anything is dropped (`tls.skipping`).
"""

from typing import NamedTuple, Protocol

from hls_swarm.http.h2 import frames


class Period(NamedTuple):
    """What a server sends again and again.

    Attributes:
        wire_bytes: of its records, headers included.
        records: how many there are.
        body_bytes: payload of its DATA frames.
        record: header of its first record.
        frame_bytes: payload of its first DATA frame.
    """

    wire_bytes: int
    records: int
    body_bytes: int
    record: bytes
    frame_bytes: int


class Leaping(Protocol):
    """A stream of records that can be dropped by the period; `tls.skipping` has it."""

    @property
    def is_drained(self) -> bool:
        """Whether nothing is held back of what was taken off the socket: what is still to come is reported."""

    def receive_record(self) -> tuple[bytes, memoryview]:
        """One record's header and its data, nothing behind it being taken; see `Stream.receive_view` for the rest."""

    def leap(self, period: Period, most: int, first: bytes) -> int:
        """Drop periods; how many.

        Args:
            most: no more than so many.
            first: what the record behind them must begin with, decrypted.
        """


class Layout:
    """What is known of one connection's server.

    Attributes:
        period: the newest guess.
    """

    __slots__ = ("_body_bytes", "_frame_bytes", "_record", "_records", "_wire_bytes", "period")

    def __init__(self) -> None:
        self.period: Period | None = None
        self.leave()

    def leave(self) -> None:
        """What comes next was not seen from its beginning."""
        self._record = b""
        self._wire_bytes = self._records = self._body_bytes = self._frame_bytes = 0

    def add(self, record: bytes, content: memoryview, *, between_frames: bool) -> None:
        """Take in a record before it is read.

        Args:
            record: its header.
            between_frames: whether a frame begins with it.
        """
        if between_frames:
            self._mark(record, content)
        self._records += 1
        self._wire_bytes += len(record) + (record[3] << 8 | record[4])

    def count(self, body_bytes: int) -> None:
        """So much of a body was in it."""
        self._body_bytes += body_bytes

    def _mark(self, record: bytes, content: memoryview) -> None:
        if self._record and self._body_bytes:
            self.period = Period(self._wire_bytes, self._records, self._body_bytes, self._record, self._frame_bytes)
        self.leave()
        if len(content) >= frames.HEADER_BYTES:
            length, kind, flags, _ = frames.frame_header(content, 0)
            if kind == frames.DATA and not flags and length:
                self._record, self._frame_bytes = record, length


def data_header(stream: int, length: int) -> bytes:
    """What a DATA frame begins with that is neither padded nor the last one."""
    return length.to_bytes(3, "big") + frames.frame(frames.DATA, 0, stream)[3:]
