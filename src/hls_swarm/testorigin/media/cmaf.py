"""The clip as fragmented MP4: an init section and segments for any number, with decode times of their own.

The clip repeats, its clock does not: of each repetition, `tfdt` (baseMediaDecodeTime, ISO/IEC 14496-12 8.8.12) and the
sequence number in `mfhd` are written anew, so no segment needs a discontinuity.
"""

import struct
from dataclasses import dataclass
from importlib import resources

import msgspec

CMAF_INDEX_FILE = "cmaf.json"
PERIOD_SECONDS = 8
VIDEO = {"video-360p": ("avc1.4d401e", 640, 360, 110_000), "video-540p": ("avc1.4d401f", 960, 540, 140_000)}
"""The tracks with a picture: codec, width, height, BANDWIDTH together with the audio."""
AUDIO = "audio"


class CmafTrack(msgspec.Struct, frozen=True):
    """One track, as the index file describes it.

    Attributes:
        timescale: ticks per second of its decode times.
        init_bytes: size of its init section, which its file begins with.
        segment_bytes: size of each segment of the clip, in order.
    """

    file: str
    timescale: int
    init_bytes: int
    segment_bytes: tuple[int, ...]


@dataclass(frozen=True)
class CmafStream:
    """One track as an endless stream of segments."""

    init: bytes
    timescale: int
    segments: tuple[bytes, ...]

    def segment(self, nth: int) -> bytes:
        """Segment n of the stream, counted from 0."""
        loop, place = divmod(nth, len(self.segments))
        data = bytearray(self.segments[place])
        at = data.index(b"tfdt") + 4
        version = data[at]
        layout = ">Q" if version else ">I"
        (time,) = struct.unpack_from(layout, data, at + 4)
        struct.pack_into(layout, data, at + 4, time + loop * PERIOD_SECONDS * self.timescale)
        struct.pack_into(">I", data, data.index(b"mfhd") + 8, nth + 1)
        return bytes(data)


def load_cmaf() -> dict[str, CmafStream]:
    """The packaged tracks, by name."""
    folder = resources.files("hls_swarm.testorigin") / "clip"
    index = msgspec.json.decode((folder / CMAF_INDEX_FILE).read_bytes(), type=dict[str, CmafTrack])
    streams = {}
    for name, track in index.items():
        data = (folder / track.file).read_bytes()
        at, segments = track.init_bytes, []
        for size in track.segment_bytes:
            segments.append(data[at : at + size])
            at += size
        streams[name] = CmafStream(data[: track.init_bytes], track.timescale, tuple(segments))
    return streams
