"""Cuts what ffmpeg writes to standard error into lines, and a line into its parts.

Rules:

- A line ends with `\\n` or `\\r` (statistics lines end with the second). Bytes may come in any pieces.
- A line is `[context @ 0xADDRESS] [level] message`, each part in brackets absent where it does not apply; from FFmpeg 8
  on `YYYY-MM-DD HH:MM:SS.mmm ` comes first if asked for. Header fields of a request and option errors are bare text.
- A line is kept up to `MAX_LINE_BYTES`, the rest of it is thrown away: ffmpeg quotes what the origin sent.
- At most a given number of lines is read in one second; what is beyond is counted and dropped. The pipe is always
  emptied: a player that waits for its log to be read would play worse than it can.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

MAX_LINE_BYTES = 8192
MAX_WORDS = 2
"""Last grave lines that are kept, to say why a process ended."""


class Level(IntEnum):
    """How grave a line is; the smaller the graver."""

    PANIC = 0
    FATAL = 1
    ERROR = 2
    WARNING = 3
    INFO = 4
    VERBOSE = 5
    DEBUG = 6
    TRACE = 7


_LEVELS = {level.name.lower().encode(): level for level in Level}
_LINE = re.compile(
    rb"(?:\d{4}-\d\d-\d\d (?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)\.(?P<ms>\d{3}) )?"
    rb"(?:\[(?P<context>[^\[\]@]{1,64}) @ (?P<address>0x[0-9a-f]{1,16}|\(nil\))\] )*"
    rb"(?:\[(?P<level>panic|fatal|error|warning|info|verbose|debug|trace)\] )?"
    rb"(?P<message>.*)",
    re.DOTALL,
)
# Frame by frame chatter of demuxers and parsers is nine lines in ten, and of no use: it is told by its first bytes.
_CHATTER = re.compile(
    rb"(?:\d{4}-\d\d-\d\d [0-9:.]{12} )?\[(?:mpegts|h264|hevc|mov,mp4|aac|extract_extradata|NULL)[^\]]*\] "
    rb"\[(?:trace|debug)\] (?!Opening )"
)


_WRAPPER = re.compile(
    rb"^(?:Error opening input(?: files)?|Error opening output files|Task finished with error code): "
)
_WRAPPER_ONLY = (b"Error opening input file ", b"Error opening output file ")
_USERINFO = re.compile(r"(?<=//)[^/@\s']*@")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line in its parts.

    Args:
        stamp: seconds since the midnight before, as the process's own clock says; None if the line has none.
        context: what speaks, such as `http` or `in#0/hls`; empty if nothing is named.
        address: which of its kind, such as `0x55b7b78af1c0`.
        level: None for a line without one.
    """

    stamp: float | None
    context: bytes
    address: bytes
    level: Level | None
    message: bytes


def parse_line(line: bytes) -> LogLine:
    """The parts of one line; any bytes are a line."""
    match = _LINE.match(line)
    if match is None:
        raise AssertionError("every part of the pattern is optional")
    stamp = None
    if match["h"] is not None:
        stamp = int(match["h"]) * 3600 + int(match["m"]) * 60 + int(match["s"]) + int(match["ms"]) / 1000
    level = _LEVELS[match["level"]] if match["level"] else None
    return LogLine(stamp, match["context"] or b"", match["address"] or b"", level, match["message"])


class LineReader:
    """Cuts bytes into lines.

    Args:
        lines_per_second: most lines that are read in one second; the rest is counted in `dropped`.

    Attributes:
        dropped: lines not read so far.
    """

    __slots__ = ("_budget", "_left", "_pending", "_second", "_skipping", "dropped")

    def __init__(self, lines_per_second: int) -> None:
        self.dropped = 0
        self._budget = self._left = lines_per_second
        self._second = -1
        self._pending = b""
        self._skipping = False

    def feed(self, data: bytes, now: float) -> list[LogLine]:
        """Every line that is complete now and worth a look; blank ones and the chatter of demuxers are left out."""
        if int(now) != self._second:
            self._second, self._left = int(now), self._budget
        *lines, pending = (self._pending + data).replace(b"\r", b"\n").split(b"\n")
        if self._skipping and lines:
            del lines[0]
            self._skipping = False
        if len(pending) > MAX_LINE_BYTES:
            if not self._skipping:
                lines.append(pending)
            pending, self._skipping = b"", True
        self._pending = pending
        if len(lines) > self._left:
            self.dropped += len(lines) - self._left
            del lines[self._left :]
        self._left -= len(lines)
        return [parse_line(line[:MAX_LINE_BYTES]) for line in lines if line and not _CHATTER.match(line)]

    def flush(self) -> list[LogLine]:
        """The line that the process did not end, after its last byte."""
        pending, self._pending = self._pending, b""
        return [parse_line(pending)] if pending and not self._skipping else []


class GraveWords:
    """The last grave lines of a process: why it ended, in its own words.

    FFmpeg 8 says a reason up to four times over, wrapped each time: it is kept once. Of a process that never got as
    far as naming levels, the last bare line is the reason.
    """

    __slots__ = ("_bare", "_kept")

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._bare = ""

    def add(self, line: LogLine) -> None:
        """Take in a line, grave or not."""
        if line.level is None and not line.context and line.message.strip():
            self._bare = _shown(line.message)
        elif line.level is not None and line.level <= Level.ERROR and not line.message.startswith(_WRAPPER_ONLY):
            cause = _shown(_WRAPPER.sub(b"", line.message))
            if cause and not any(cause in known for known in self._kept):
                self._kept.append(cause)
                del self._kept[:-MAX_WORDS]

    @property
    def text(self) -> str:
        """All in one line; empty if there are none."""
        return "; ".join(self._kept) or self._bare


def _shown(message: bytes) -> str:
    return _USERINFO.sub("***@", message.strip()[:300].decode(errors="replace"))


class StampClock:
    """Turns the stamps of a process into instants of the monotonic clock.

    A line is read some time after it was written, and never before: the least difference ever seen between the two
    clocks is the best guess at their offset. A jump of the wall clock starts the guess anew.
    """

    __slots__ = ("_offset",)

    _MOST_DELAY_SECONDS = 30.0

    def __init__(self) -> None:
        self._offset: float | None = None

    def instant(self, stamp: float, now: float) -> float:
        """The instant at which a line with this stamp, read `now`, was written."""
        offset = now - stamp
        if self._offset is None or not 0 <= offset - self._offset <= self._MOST_DELAY_SECONDS:
            self._offset = offset
        return stamp + self._offset
