"""Every way of packaging that the origin serves, parsed by our own parser and taken apart."""

import itertools
import struct
import subprocess

import pytest
from tests.support.programs import require

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, MediaType, MultivariantPlaylist
from hls_swarm.testorigin.media.aes import encrypt_cbc
from hls_swarm.testorigin.media.clip import load_clip
from hls_swarm.testorigin.media.cmaf import load_cmaf
from hls_swarm.testorigin.media.mpegts import NULL_PACKET, PACKET_BYTES
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.resources import Resource
from hls_swarm.testorigin.titles import Titles

BASE = "http://origin"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def clock_fixture() -> Clock:
    return Clock()


@pytest.fixture(name="titles")
def titles_fixture(clock: Clock) -> Titles:
    timeline = LiveTimeline(started_at=100.0, started_wall=1e9, segment_seconds=2, window=20)
    return Titles([VariantStream(variant) for variant in load_clip()], load_cmaf(), timeline, clock)


def found(titles: Titles, path: str) -> Resource:
    resource = titles.find(path)
    assert resource is not None, path
    return resource


def body(titles: Titles, path: str) -> bytes:
    content = found(titles, path).content
    assert isinstance(content, bytes)
    return content


def media(titles: Titles, path: str) -> MediaPlaylist:
    playlist = parse_playlist(body(titles, path), BASE + path)
    assert isinstance(playlist, MediaPlaylist)
    assert playlist.violations == ()
    return playlist


@pytest.mark.parametrize("title", ["vod", "dvr", "fmp4", "ranges", "aes", "discontinuity"])
def test_every_playlist_and_every_object_it_names_is_there(titles: Titles, title: str) -> None:
    path = f"/{title}/master.m3u8"
    master = parse_playlist(body(titles, path), BASE + path)
    assert isinstance(master, MultivariantPlaylist)
    assert master.violations == ()
    followed = [v.uri for v in master.variants] + [r.uri for r in master.renditions if r.uri is not None]
    for uri in followed:
        playlist = media(titles, uri.removeprefix(BASE))
        for segment in (*playlist.segments[:2], playlist.segments[-1]):
            for part in (
                segment.uri,
                *([segment.key.uri] if segment.key else []),
                *([segment.init.uri] if segment.init else []),
            ):
                assert found(titles, part.removeprefix(BASE)).size > 0
    assert titles.find(f"/{title}/360p/seg-999999.ts") is None
    assert titles.find(f"/{title}/nothing") is None


def test_vod_has_an_end_and_three_variants(titles: Titles) -> None:
    playlist = media(titles, "/vod/720p/playlist.m3u8")
    assert (len(playlist.segments), playlist.ended, playlist.is_live) == (30, True, False)


def test_the_dvr_window_moves_with_the_clock_and_stands_still_in_a_pause(titles: Titles, clock: Clock) -> None:
    path = "/dvr/360p/playlist.m3u8"
    assert (media(titles, path).media_sequence, len(media(titles, path).segments)) == (0, 20)
    clock.now = 106.5
    before = media(titles, path)
    assert before.media_sequence == 3
    assert before.is_live
    titles.pause(10.0)
    clock.now = 117.9
    assert media(titles, path) == before
    clock.now = 118.0
    after = media(titles, path)
    assert after.media_sequence == 4
    # No media was lost: dates go on without a gap.
    dates = [segment.program_date_time for segment in after.segments]
    assert dates[-1] == pytest.approx(dates[0] + 19 * 2.0)  # type: ignore[operator] # both are dated


def test_fragmented_mp4_has_init_sections_and_audio_of_its_own_and_its_clock_goes_on(titles: Titles) -> None:
    master = parse_playlist(body(titles, "/fmp4/master.m3u8"), f"{BASE}/fmp4/master.m3u8")
    assert isinstance(master, MultivariantPlaylist)
    (audio,) = master.group(MediaType.AUDIO, "aac")
    assert audio.uri == f"{BASE}/fmp4/audio/playlist.m3u8"
    assert body(titles, "/fmp4/video-360p/init.mp4")[4:8] == b"ftyp"

    def decode_time(nth: int) -> int:
        segment = body(titles, f"/fmp4/video-360p/seg-{nth}.m4s")
        at = segment.index(b"tfdt") + 4
        time: int = struct.unpack_from(">Q" if segment[at] else ">I", segment, at + 4)[0]
        return time

    times = [decode_time(nth) for nth in range(9)]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [2 * 12_800] * 8


def test_byte_ranges_are_of_one_file_without_gaps(titles: Titles) -> None:
    ranges = [segment.byte_range for segment in media(titles, "/ranges/360p/playlist.m3u8").segments]
    at = 0
    for byte_range in ranges:
        assert byte_range is not None
        assert byte_range[0] == at
        at += byte_range[1]
    whole = body(titles, "/ranges/360p/all.ts")
    assert len(whole) == at
    assert NULL_PACKET not in [whole[place : place + PACKET_BYTES] for place in range(0, len(whole), PACKET_BYTES)]


def test_keys_change_and_segments_are_encrypted(titles: Titles) -> None:
    playlist = media(titles, "/aes/360p/playlist.m3u8")
    keys = [segment.key.uri.rpartition("/")[2] for segment in playlist.segments if segment.key is not None]
    assert sorted(set(keys)) == ["key-0.bin", "key-1.bin", "key-2.bin"]
    assert len(keys) == 30
    assert len(body(titles, "/aes/360p/key-1.bin")) == 16
    assert len(body(titles, "/aes/360p/seg-3.ts")) % 16 == 0


def test_discontinuities_are_marked(titles: Titles) -> None:
    playlist = media(titles, "/discontinuity/360p/playlist.m3u8")
    assert [segment.sequence for segment in playlist.segments if segment.discontinuity] == [5, 10, 15, 20, 25]


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 5000])
def test_aes_is_that_of_fips_197(size: int) -> None:
    # SP 800-38A, F.2.1: the first block of the CBC example; the rest against OpenSSL where there is one.
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    vector = bytes(range(16))
    block = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert encrypt_cbc(block, key, vector)[:16].hex() == "7649abac8119b246cee98e9b12e9197d"
    data = bytes(n * 7 & 255 for n in range(size))
    openssl = [require("openssl"), "enc", "-aes-128-cbc", "-K", key.hex(), "-iv", vector.hex()]
    assert encrypt_cbc(data, key, vector) == subprocess.run(openssl, input=data, capture_output=True, check=True).stdout
