"""A film on a disk, and on the disk alone: no segment of it is in memory when it is there."""

import os
from pathlib import Path

from tests.support.live import SEGMENT_SECONDS

SEGMENT_BYTES = 120_000


def write_film(folder: Path, segments: int) -> None:
    """A media playlist `film.m3u8` and its segments, packets of MPEG-TS."""
    folder.mkdir(parents=True)
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS:.0f}", "#EXT-X-PLAYLIST-TYPE:VOD"]
    body = b"\x47\x1f\xff\x10" + b"\xff" * 184
    body *= SEGMENT_BYTES // len(body)
    for nth in range(segments):
        lines += [f"#EXTINF:{SEGMENT_SECONDS},", f"{nth}.ts"]
        with (folder / f"{nth}.ts").open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    (folder / "film.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
