"""A standard stream as the place where a person reads: foreign text as it is, and a stream that breaks told once.

Rules:

- No text is mark-up, and nothing in it acts on the terminal: an origin may put anything into a URL.
- A stream may break at any time: whoever read it has gone (`| head -1`), its disk is full, its terminal was closed. A
  run does not end for that. `trouble` says what happened; what is shown afterwards is dropped.
"""

import errno
import os
from contextlib import suppress
from io import StringIO
from typing import IO, Protocol, cast

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from hls_swarm.foreign import visible

WIDE = 140
"""Columns of what is no terminal: nobody reads a file in 80."""


class Stream(Protocol):
    """What can be written to: a standard stream, or what takes its place."""

    def write(self, text: str, /) -> int:
        """Write a text. Raises OSError."""

    def flush(self) -> None:
        """Write what waits in a buffer. Raises OSError."""

    def fileno(self) -> int:
        """The descriptor behind it. Raises OSError where there is none."""


class _Shape:
    """A stream as the library sees it: what it is, and nothing that could be written to."""

    def __init__(self, stream: Stream) -> None:
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self.isatty = getattr(stream, "isatty", lambda: False)
        self.fileno = stream.fileno

    def write(self, text: str, /) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing waits here."""


class AsItIs:
    """What is drawn, with every character that would act on a terminal spelled out."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def plain_text(renderable: RenderableType, width: int = WIDE) -> str:
    """What a file has of it: no colours, no blanks at the ends of lines."""
    page = StringIO()
    Output(page, width).show(renderable)
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


class Output:
    """One of the standard streams.

    Attributes:
        console: draws for it, and knows whether it is a terminal.
        trouble: why what was shown last did not arrive; None as long as everything did.
    """

    def __init__(self, stream: Stream, width: int | None = None) -> None:
        self.console = Console(
            file=cast("IO[str]", _Shape(stream)), markup=False, emoji=False, highlight=False, width=width
        )
        self.trouble: OSError | None = None
        self._stream = stream

    def show(self, renderable: RenderableType, *, wrap: bool = True) -> None:
        """Draw something; without `wrap` a text stays on its line, however long."""
        if self.trouble is None:
            with self.console.capture() as capture:
                self.console.print(AsItIs(renderable), soft_wrap=not wrap)
            self.write(capture.get())

    def write(self, text: str) -> None:
        """Write a text that is ready."""
        if self.trouble is not None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            self.trouble = error
            self._forget()

    def _forget(self) -> None:
        """Point the stream at nothing, or what waits in its buffer is refused again at every flush."""
        with suppress(OSError, ValueError):  # no file: nothing waits
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
            self._stream.flush()

    @property
    def trouble_text(self) -> str | None:
        """The trouble for a person; None if there is none, or only that the reader has gone, as it may."""
        if self.trouble is None or self.trouble.errno == errno.EPIPE:
            return None
        return (self.trouble.strerror or str(self.trouble)).lower()
