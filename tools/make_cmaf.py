"""Make the fragmented MP4 form of the embedded origin's clip from its transport streams: needs an ffmpeg.

    python tools/make_cmaf.py

Nothing is encoded again. Video and audio become tracks of their own; of each segment only `moof` and `mdat` are kept,
since the origin writes the decode times anew for each repetition of the clip.
"""

import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hls_swarm.testorigin.media.cmaf import CMAF_INDEX_FILE, CmafTrack

CLIP = Path(__file__).parent.parent / "src" / "hls_swarm" / "testorigin" / "clip"
TRACKS = {"video-360p": ("360p", "v"), "video-540p": ("540p", "v"), "audio": ("360p", "a")}
SEGMENT_SECONDS = 2


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes at the top of an ISO base media file, by type (ISO/IEC 14496-12 4.2)."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at : at + size]
        at += size


def track(name: str, variant: str, stream: str, folder: Path) -> CmafTrack:
    """Write one track's file and describe it."""
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(CLIP / f"{variant}.ts"),
        "-map",
        f"0:{stream}",
        "-c",
        "copy",
    ]
    command += ["-bsf:a", "aac_adtstoasc"] if stream == "a" else []
    command += ["-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_list_size", "0", "-hls_segment_type", "fmp4"]
    command += ["-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", str(folder / "%03d.m4s")]
    subprocess.run([*command, str(folder / "index.m3u8")], check=True)  # noqa: S603  (the command is all ours)
    init = (folder / "init.mp4").read_bytes()
    segments = [
        b"".join(box for kind, box in boxes(path.read_bytes()) if kind in {b"moof", b"mdat"})
        for path in sorted(folder.glob("*.m4s"))
    ]
    media_header = init.index(b"mdhd") + 4
    (timescale,) = struct.unpack_from(">I", init, media_header + 12)
    (CLIP / f"{name}.cmaf").write_bytes(init + b"".join(segments))
    return CmafTrack(f"{name}.cmaf", timescale, len(init), tuple(len(segment) for segment in segments))


def main() -> None:
    """Write each track and the index."""
    tracks = {}
    for name, (variant, stream) in TRACKS.items():
        with tempfile.TemporaryDirectory() as folder:
            tracks[name] = track(name, variant, stream, Path(folder))
    (CLIP / CMAF_INDEX_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(tracks), indent=2) + b"\n")
    sys.stdout.write(f"{CLIP}: {sum(path.stat().st_size for path in CLIP.iterdir())} bytes\n")


if __name__ == "__main__":
    main()
