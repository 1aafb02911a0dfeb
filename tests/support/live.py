"""A live source: two variants of a stream, written into nginx's folder segment by segment, with mishaps on demand.

Segments are padding, packet by packet of MPEG-TS, as large as their declared bitrate: no viewer looks further.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

SEGMENT_SECONDS = 2.0
WINDOW = 6
KEPT = 30
"""Segments that stay on the disk: those of the window, and those that slow viewers still ask for."""
VARIANTS = {"low": 120_000, "high": 240_000}
"""Bits per second by the folder's name."""


_PACKET = b"\x47\x1f\xff\x10" + b"\xff" * 184
"""A null packet of ISO/IEC 13818-1."""


class Mishap(StrEnum):
    """What becomes of new segments."""

    NONE = "none"
    MISSING = "missing"  # listed, not there
    EMPTY = "empty"  # there, without a byte


class LiveSource:
    """Writes a stream into `root`/live as time goes on."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "live"
        self._written = 0
        self.mishap = Mishap.NONE
        for name in VARIANTS:
            (self._folder / name).mkdir(parents=True)
        lines = ["#EXTM3U"]
        for name, rate in VARIANTS.items():
            lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={rate},AVERAGE-BANDWIDTH={rate}", f"{name}/live.m3u8"]
        _replace(self._folder / "main.m3u8", "\n".join([*lines, ""]).encode())

    def write_next(self, wall_at: float) -> None:
        """One more segment of each variant, which began at `wall_at` (Unix seconds)."""
        number, mishap = self._written, self.mishap
        self._written += 1
        first = max(0, self._written - WINDOW)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS:.0f}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for listed in range(first, self._written):
            began = datetime.fromtimestamp(wall_at + (listed - number) * SEGMENT_SECONDS, UTC)
            lines += [f"#EXT-X-PROGRAM-DATE-TIME:{began.isoformat(timespec='milliseconds')}"]
            lines += [f"#EXTINF:{SEGMENT_SECONDS},", f"{listed}.ts"]
        for name, rate in VARIANTS.items():
            body = _PACKET * round(rate / 8 * SEGMENT_SECONDS / len(_PACKET)) if mishap is Mishap.NONE else b""
            if mishap is not Mishap.MISSING:
                _replace(self._folder / name / f"{number}.ts", body)
            _replace(self._folder / name / "live.m3u8", "\n".join([*lines, ""]).encode())
            (self._folder / name / f"{number - KEPT}.ts").unlink(missing_ok=True)


@contextmanager
def live_source(root: Path) -> Iterator[LiveSource]:
    """A live source that writes on until the block ends."""
    source, over = LiveSource(root), threading.Event()
    began, wall_began = time.monotonic(), time.time()
    for ago in reversed(range(WINDOW)):
        source.write_next(wall_began - (ago + 1) * SEGMENT_SECONDS)

    def write() -> None:
        nth = 0
        while not over.wait(max(0.0, began + (nth + 1) * SEGMENT_SECONDS - time.monotonic())):
            source.write_next(wall_began + nth * SEGMENT_SECONDS)
            nth += 1

    thread = threading.Thread(target=write, name="live source")
    thread.start()
    try:
        yield source
    finally:
        over.set()
        thread.join()


def _replace(path: Path, content: bytes) -> None:
    """Whole at any moment for who reads it."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
