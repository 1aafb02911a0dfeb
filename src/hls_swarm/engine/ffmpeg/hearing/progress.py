"""What ffmpeg's `-progress` says: blocks of `key=value` lines, each ended by `progress=continue` or `progress=end`.

Rules:

- Only `out_time_us` is read: media written so far, in microseconds, counted from the first packet of the process.
  `out_time_ms` is the same number under a wrong name, `total_size` is N/A with the null muxer, and `speed` is an
  average since the start, which hides a stall the longer the run is.
- N/A, a negative position (before the first packet of all streams) and anything that is no number say nothing.
- Bytes may come in any pieces; a line is kept up to a bound, and what is longer is no line of ffmpeg's.
"""

from dataclasses import dataclass

MAX_LINE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """One block.

    Args:
        position_seconds: media written so far; None if the block does not say.
        is_last: whether the process says that it is the last one.
    """

    position_seconds: float | None
    is_last: bool


class ProgressReader:
    """Cuts bytes into blocks."""

    __slots__ = ("_pending", "_position", "_skipping")

    def __init__(self) -> None:
        self._pending = b""
        self._position: float | None = None
        self._skipping = False

    def feed(self, data: bytes) -> list[Progress]:
        """Every block that is complete now."""
        *lines, pending = (self._pending + data).split(b"\n")
        blocks = []
        for line in lines:
            if self._skipping:
                self._skipping = False
                continue
            block = self._line(line)
            if block is not None:
                blocks.append(block)
        if len(pending) > MAX_LINE_BYTES:
            pending, self._skipping = b"", True
        self._pending = pending
        return blocks

    def _line(self, line: bytes) -> Progress | None:
        key, _, value = line.partition(b"=")
        if key == b"out_time_us":
            self._position = _microseconds(value.strip())
        elif key == b"progress":
            block = Progress(self._position, value.strip() == b"end")
            self._position = None
            return block
        return None


def _microseconds(value: bytes) -> float | None:
    if not value.isdigit() or len(value) > 18:
        return None
    return int(value) / 1e6
