"""The packaged clip: what the origin streams, over and over, for as long as it runs.

A clip is one period of a picture and a tone that repeat with that period, as transport stream packets cut into parts
that each begin with PAT, PMT and a keyframe of a closed GOP. The period is a whole number of video frames and of AAC
frames, so that the first frame after the last one is exactly one frame later, in both. `tools/make_clip.py` makes it.
"""

from dataclasses import dataclass
from importlib import resources

import msgspec

from hls_swarm.testorigin.media.mpegts import PACKET_BYTES


class VariantDescription(msgspec.Struct, frozen=True):
    """One variant, as the clip's index file describes it.

    Attributes:
        codecs: RFC 6381 names, as EXT-X-STREAM-INF wants them.
        bitrate: what the stream is brought to with null packets, in bit/s of transport stream.
        part_packets: packets of each part, in order.
    """

    name: str
    file: str
    codecs: str
    width: int
    height: int
    bitrate: int
    part_packets: tuple[int, ...]


class ClipDescription(msgspec.Struct, frozen=True):
    """The clip's index file.

    Attributes:
        part_seconds: the media in one part, of every variant.
        frame_rate: video frames per second.
        video_pid, audio_pid: the same in every variant.
    """

    part_seconds: int
    frame_rate: int
    video_pid: int
    audio_pid: int
    variants: tuple[VariantDescription, ...]


@dataclass(frozen=True)
class ClipVariant:
    """One variant of the clip with its packets.

    Attributes:
        parts: transport stream packets, part by part.
    """

    name: str
    codecs: str
    width: int
    height: int
    frame_rate: int
    bitrate: int
    part_seconds: int
    video_pid: int
    audio_pid: int
    parts: tuple[bytes, ...]

    @property
    def period_seconds(self) -> int:
        """After how much media it repeats."""
        return self.part_seconds * len(self.parts)


INDEX_FILE = "clip.json"


def describe_clip() -> ClipDescription:
    """The packaged clip's index, without its packets; the lowest bitrate first."""
    folder = resources.files("hls_swarm.testorigin") / "clip"
    return msgspec.json.decode((folder / INDEX_FILE).read_bytes(), type=ClipDescription)


def load_clip() -> tuple[ClipVariant, ...]:
    """The packaged clip's variants, lowest bitrate first.

    Raises:
        ValueError: a file does not have the parts that the index says.
    """
    folder = resources.files("hls_swarm.testorigin") / "clip"
    description = describe_clip()
    return tuple(
        _variant(description, variant, (folder / variant.file).read_bytes()) for variant in description.variants
    )


def _variant(clip: ClipDescription, variant: VariantDescription, stream: bytes) -> ClipVariant:
    if len(stream) != sum(variant.part_packets) * PACKET_BYTES:
        raise ValueError(f"{variant.file}: {len(stream)} bytes are not the {sum(variant.part_packets)} packets indexed")
    parts = []
    at = 0
    for packets in variant.part_packets:
        parts.append(stream[at : at + packets * PACKET_BYTES])
        at += packets * PACKET_BYTES
    return ClipVariant(
        name=variant.name,
        codecs=variant.codecs,
        width=variant.width,
        height=variant.height,
        frame_rate=clip.frame_rate,
        bitrate=variant.bitrate,
        part_seconds=clip.part_seconds,
        video_pid=clip.video_pid,
        audio_pid=clip.audio_pid,
        parts=tuple(parts),
    )
