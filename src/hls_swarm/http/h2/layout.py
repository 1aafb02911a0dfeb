"""How a server lays the DATA frames of a long body into TLS records: pure, learnt from what was decrypted.

Rules:

- Servers repeat themselves: nginx has four frames of 8 KiB in two full records and a small one, and then again. Where a
  frame begins with a record, one period ends and the next one begins.
- Most servers write frames of one size and cut what they write into records of one size. Where a period is like that,
  it is known from anywhere in it where it ends, and what the last one of a body, a shorter one, begins with.
- A period is a guess. Who uses it looks at the record and at the frame that should begin in a place before anything
  is dropped (`tls.skipping`).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from hls_swarm.http.h2 import frames
from hls_swarm.http.tls.sizes import HEADER_BYTES, OVERHEAD_BYTES, RECORD_BYTES

_MOST_DROPPED_BYTES = 4 << 20
_LOOKED_AT_BYTES = HEADER_BYTES + frames.HEADER_BYTES


class Place(NamedTuple):
    """Where a record should begin that begins with a DATA frame.

    Attributes:
        wire_bytes, records, body_bytes: of what comes before it.
        record: its header.
        content: what it begins with.
    """

    wire_bytes: int
    records: int
    body_bytes: int
    record: bytes
    content: bytes


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

    @property
    def is_regular(self) -> bool:
        """Whether all frames are of one size, cut into records of one size."""
        laid = self.laid(self.content_bytes(self.body_bytes))
        return self.body_bytes % self.frame_bytes == 0 and laid == (self.wire_bytes, self.records)

    @property
    def record_bytes(self) -> int:
        """Content of its first record."""
        return (self.record[3] << 8 | self.record[4]) - OVERHEAD_BYTES

    def content_bytes(self, body_bytes: int, begun: int = 0) -> int:
        """What frames of so much body take.

        Args:
            begun: body bytes of these, in a frame that has begun.
        """
        return body_bytes + frames.HEADER_BYTES * -((begun - body_bytes) // self.frame_bytes)

    def laid(self, content_bytes: int) -> tuple[int, int]:
        """Bytes on the wire and records of so much content."""
        records = -(-content_bytes // self.record_bytes)
        return content_bytes + RECORD_BYTES * records, records


class Leaping(Protocol):
    """A stream of records that can be dropped by the period; `tls.skipping` has it."""

    @property
    def is_drained(self) -> bool:
        """Whether nothing is held back of what was taken off the socket: what is still to come is reported."""

    @property
    def may_leap(self) -> bool:
        """Whether some of what comes may be dropped unseen, now or soon."""

    def receive_record(self) -> tuple[bytes, memoryview]:
        """One record's header and its data, nothing behind it being taken; see `Stream.receive_view` for the rest."""

    def arrived(self) -> int | None:
        """Bytes that have arrived and were not taken; None where none of them may be dropped unseen."""

    def awaits(self, count: int) -> int:
        """For how many `Stream.expect` lets one wait, with so many bytes that are known to come."""

    def leap(self, places: Iterable[Place]) -> Place | None:
        """Drop what comes before the first of the places that is as it should be; which one that is."""


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

    def places(self, stream: int, begun: int, taken: int, left: int, arrived: int) -> Iterator[Place]:
        """Where a period should begin among what has arrived, the farthest first.

        Args:
            stream: whose body it is.
            begun: what is still to come of a DATA frame that has begun.
            taken: of the body.
            left: of the body, `begun` included.
        """
        period = self.period
        if period is None:
            return
        wire = records = body = 0
        is_regular = period.is_regular
        if begun:
            body = period.body_bytes - taken % period.body_bytes
            if not is_regular or body >= left or (body - begun) % period.frame_bytes:
                return
            wire, records = period.laid(period.content_bytes(body, begun))
        most = (left - body - 1) // period.body_bytes
        arrived = min(arrived - _LOOKED_AT_BYTES, _MOST_DROPPED_BYTES) - wire
        count = min(most, arrived // period.wire_bytes)
        halving = False
        while count >= 0 and (count or wire):
            behind = left - body - count * period.body_bytes
            if is_regular or behind >= period.body_bytes:
                yield Place(
                    wire + count * period.wire_bytes,
                    records + count * period.records,
                    body + count * period.body_bytes,
                    *self._beginning(period, stream, behind),
                )
                if not count:
                    return
            # Some end a body with a frame of its own: only the last one is another then.
            count = count // 2 if halving else count - 1
            halving = True

    def _beginning(self, period: Period, stream: int, left: int) -> tuple[bytes, bytes]:
        """The record and the frame that a period begins with of which so much body is left."""
        frame = data_header(stream, min(period.frame_bytes, left), ends=left <= period.frame_bytes)
        if left >= period.body_bytes:
            return period.record, frame
        content = min(period.content_bytes(left), period.record_bytes)
        return period.record[:3] + (content + OVERHEAD_BYTES).to_bytes(2, "big"), frame

    def _mark(self, record: bytes, content: memoryview) -> None:
        if self._record and self._body_bytes:
            self.period = Period(self._wire_bytes, self._records, self._body_bytes, self._record, self._frame_bytes)
        self.leave()
        if len(content) >= frames.HEADER_BYTES:
            length, kind, flags, _ = frames.frame_header(content, 0)
            if kind == frames.DATA and not flags and length:
                self._record, self._frame_bytes = record, length


def data_header(stream: int, length: int, *, ends: bool = False) -> bytes:
    """What a DATA frame begins with that is not padded."""
    return length.to_bytes(3, "big") + frames.frame(frames.DATA, frames.END_STREAM if ends else 0, stream)[3:]
