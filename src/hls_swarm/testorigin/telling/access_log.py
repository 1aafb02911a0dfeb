"""The access log: one line for each answer, when it ends.

Combined log format, as Apache and nginx write it, and after it the request time in seconds with three decimals (nginx:
`$request_time`). Body bytes are those handed to the kernel: less than the resource's size where a client went away.

    127.0.0.1 - - [31/Jan/2026:14:05:09 +0000] "GET /live/720p/seg-12.ts HTTP/1.1" 200 750120 "-" "player/1" 0.004
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from hls_swarm.testorigin.serving.answers import Request
from hls_swarm.testorigin.settings import LogTo

_FLUSH_LINES = 500


class AccessLog:
    """Buffered lines on their way to a file.

    Args:
        place: the file to append to, or standard output, or nowhere.
        wall: the clock, seconds since 1970.

    Raises:
        OSError: the file can not be opened.
    """

    def __init__(self, place: Path | LogTo, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._lines: list[str] = []
        self._second, self._stamp = -1, ""
        self.lost_lines = 0
        self._owned = isinstance(place, Path)
        if isinstance(place, Path):
            self._descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        else:
            self._descriptor = 1 if place is LogTo.STDOUT else -1

    def add(self, peer: str, request: Request, status: HTTPStatus, body_bytes: int, seconds: float) -> None:
        """Note one answer that ended."""
        if self._descriptor < 0:
            return
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
        line = f"{request.method} {quoted(request.target)} HTTP/{request.version}" if request.method else ""
        referer = quoted(request.headers.get(b"referer", "-"))
        agent = quoted(request.headers.get(b"user-agent", "-"))
        self._lines.append(
            f'{peer} - - [{self._stamp}] "{line}" {status.value} {body_bytes} "{referer}" "{agent}" {seconds:.3f}\n'
        )
        if len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered. Lines that can not be written are dropped and counted, so that memory is bounded."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        view = memoryview("".join(lines).encode("latin-1", "replace"))
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            if self.lost_lines == 0:
                with suppress(OSError):  # nobody may be there to read it
                    sys.stderr.write(f"hls-swarm origin: access log: {error.strerror}; lines are lost\n")
                    sys.stderr.flush()
            self.lost_lines += len(lines)

    def close(self) -> None:
        """Write what is buffered and let go of the file."""
        self.flush()
        if self._owned and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def quoted(text: str) -> str:
    r"""A client's text as one field of the log: quotes, backslashes and what is not printable ASCII as \xHH (nginx)."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(
        char if " " <= char <= "~" and char not in '"\\' else f"\\x{byte:02X}"
        for byte, char in ((ord(char) & 0xFF, char) for char in text)
    )
