"""Playlists as text: RFC 8216, version 3 (floating-point EXTINF is what asks for it)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hls_swarm.testorigin.media.cmaf import AUDIO, VIDEO
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline

_VERSION = 3
MEDIA_PLAYLIST_NAME = "playlist.m3u8"


def segment_name(segment: int) -> str:
    """The file name of a segment, beside its media playlist."""
    return f"seg-{segment}.ts"


def multivariant_playlist(streams: Sequence[VariantStream]) -> str:
    """The variants of a stream, in the order given (RFC 8216 4.3.4.2).

    BANDWIDTH is the peak segment bit rate and AVERAGE-BANDWIDTH the mean, null packets included: both what the network
    carries.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for stream in streams:
        variant = stream.variant
        peak = stream.peak_part_bytes() * 8 // variant.part_seconds
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={variant.bitrate},"
            f'CODECS="{variant.codecs}",RESOLUTION={variant.width}x{variant.height},FRAME-RATE={variant.frame_rate:.3f}'
        )
        lines.append(f"{variant.name}/{MEDIA_PLAYLIST_NAME}")
    return "\n".join(lines) + "\n"


def cmaf_multivariant_playlist(version: int) -> str:
    """Two variants of fragmented MP4 and their audio, which is apart."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines.append(
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,'
        f'CHANNELS="2",URI="{AUDIO}/{MEDIA_PLAYLIST_NAME}"'
    )
    for name, (codec, width, height, bandwidth) in VIDEO.items():
        lines.append(
            f'#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},CODECS="{codec},mp4a.40.2",RESOLUTION={width}x{height},'
            f'FRAME-RATE=25.000,AUDIO="aac"'
        )
        lines.append(f"{name}/{MEDIA_PLAYLIST_NAME}")
    return "\n".join(lines) + "\n"


def media_playlist(timeline: LiveTimeline, newest: int) -> str:
    """The window that ends with segment `newest` (RFC 8216 4.3.2 and 4.3.3); the same for every variant."""
    oldest = timeline.oldest_listed(newest)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{timeline.segment_seconds}",
        f"#EXT-X-MEDIA-SEQUENCE:{oldest}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    for segment in range(oldest, newest + 1):
        lines.append(program_date_time_line(timeline.program_date_time(segment)))
        lines.append(f"#EXTINF:{timeline.segment_seconds:.5f},")
        lines.append(segment_name(segment))
    return "\n".join(lines) + "\n"


def program_date_time_line(wall: float) -> str:
    """The date of the first frame of the segment that follows."""
    return f"#EXT-X-PROGRAM-DATE-TIME:{iso_8601(wall)}"


def iso_8601(wall: float) -> str:
    """An instant with milliseconds, as RFC 8216 4.3.2.6 asks."""
    moment = datetime.fromtimestamp(round(wall, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
