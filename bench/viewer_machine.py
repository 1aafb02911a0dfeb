"""What a viewer's decisions cost: the state machine alone, without sockets, beside the m3u8 library's parser.

One cycle is what a live viewer does once per segment: the reload falls due, the playlist arrives changed, a segment is
asked for, the segment arrives. The peer is `m3u8.loads` of the same six-segment playlist, which a generator built on
that library would pay once in the same cycle. Both are timed in turns in one process; the best of the rounds counts.

    .venv/bin/python bench/viewer_machine.py [PROFILE]
"""

import sys
from time import perf_counter

import m3u8

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer import profiles
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment, PlaylistLoaded, SegmentLoaded, Start, TimeReached
from hls_swarm.viewer.machine import Viewer

CYCLES = 2_000
ROUNDS = 7
URL = "http://origin/live/720p/playlist.m3u8"


def body(first: int) -> bytes:
    """A window of six segments of 2 s."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for number in range(first, first + 6):
        lines += [f"#EXT-X-PROGRAM-DATE-TIME:2026-01-31T14:{number // 30 % 60:02}:{number % 30 * 2:02}.000Z"]
        lines += ["#EXTINF:2.00000,", f"seg-{number}.ts"]
    return "\n".join([*lines, ""]).encode()


def playlists() -> list[MediaPlaylist]:
    """One window per cycle, as the cache would hand them over."""
    out = []
    for first in range(CYCLES + 1):
        playlist = parse_playlist(body(first), URL)
        assert isinstance(playlist, MediaPlaylist)
        out.append(playlist)
    return out


def machine_seconds(windows: list[MediaPlaylist], profile: profiles.Profile) -> float:
    """Seconds for one cycle."""
    viewer = Viewer(0, URL, profile, parse_variant("highest"))
    viewer.handle(Start(), 0.0)
    actions = viewer.handle(PlaylistLoaded(None, windows[0], 0.0), 0.01)
    while any(isinstance(action, FetchSegment) for action in actions):
        actions = viewer.handle(SegmentLoaded(0), 0.02)
    began = perf_counter()
    for cycle in range(1, CYCLES + 1):
        at = 2.0 * cycle
        actions = viewer.handle(TimeReached(), at)
        assert any(type(action) is FetchPlaylist for action in actions)
        actions = viewer.handle(PlaylistLoaded(0, windows[cycle], at), at + 0.005)
        assert any(type(action) is FetchSegment for action in actions)
        viewer.handle(SegmentLoaded(0), at + 0.015)
    return (perf_counter() - began) / CYCLES


def library_seconds(text: str) -> float:
    """Seconds for one parse with m3u8."""
    began = perf_counter()
    for _ in range(CYCLES // 10):
        m3u8.loads(text, URL)
    return (perf_counter() - began) / (CYCLES // 10)


def main() -> None:
    """Measure and print."""
    profile = getattr(profiles, (sys.argv[1] if len(sys.argv) > 1 else "hlsjs").upper())
    windows, text = playlists(), body(0).decode()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(machine_seconds(windows, profile))
        theirs.append(library_seconds(text))
    best, peer = min(ours), min(theirs)
    print(f"viewer machine ({profile.name}), one playlist and one segment: {best * 1e6:.1f} us")
    print(f"m3u8 {m3u8.__name__} parsing that playlist once:             {peer * 1e6:.1f} us")
    print(f"ratio: the machine's whole cycle costs {best / peer:.2f} of one parse")


if __name__ == "__main__":
    main()
