"""Playlists and a stepping clock for the viewer: no event loop, no sockets."""

from collections.abc import Callable

import pytest

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist

MEDIA_URL = "http://origin/live/720p.m3u8"


def live(
    first: int = 10, segments: int = 6, *, duration: float = 2.0, ended: bool = False, tags: str = ""
) -> MediaPlaylist:
    """A media playlist of equal segments named after their sequence numbers."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    lines += tags.split("\n") if tags else []
    for number in range(first, first + segments):
        lines += [f"#EXTINF:{duration},", f"seg-{number}.ts"]
    if ended:
        lines.append("#EXT-X-ENDLIST")
    playlist = parse_playlist("\n".join([*lines, ""]).encode(), MEDIA_URL)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def multivariant(*bandwidths: int, audio: bool = False) -> MultivariantPlaylist:
    """A multivariant playlist with one variant per bandwidth, named after it."""
    lines = ["#EXTM3U"]
    if audio:
        lines.append('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="audio.m3u8"')
    for bandwidth in bandwidths:
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}" + (',AUDIO="a"' if audio else ""), f"{bandwidth}.m3u8"]
    playlist = parse_playlist("\n".join([*lines, ""]).encode(), "http://origin/live/master.m3u8")
    assert isinstance(playlist, MultivariantPlaylist)
    return playlist


@pytest.fixture(name="live")
def live_fixture() -> Callable[..., MediaPlaylist]:
    return live


@pytest.fixture(name="multivariant")
def multivariant_fixture() -> Callable[..., MultivariantPlaylist]:
    return multivariant
