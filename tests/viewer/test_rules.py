"""Each rule by which one player differs from another, seen from outside: what is asked for, when, and what is said."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs
from tests.builders.playlists import Multivariant, Playlist, Segment, Variant
from tests.viewer.world import Answer, World

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.records import (
    DatesMoved,
    EndReason,
    FailureKind,
    LicenceUnasked,
    LowLatencyUnused,
    ObjectKind,
    PassReason,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    PlaylistOlder,
    PlaylistStale,
    Record,
    SeekEnded,
    SegmentsMutated,
    SegmentsPassed,
    SequenceReset,
    SettingUnmet,
    StallEnded,
    StallStarted,
    VariantChosen,
    ViewerStopped,
)
from hls_swarm.settings.spellings import JoinKind, JoinPoint, parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment, PlaylistLoaded, SegmentLoaded, Start
from hls_swarm.viewer.machine import State, Viewer
from hls_swarm.viewer.profiles import FFMPEG, HLSJS, MEDIA3, PROFILES, SHAKA, STEADY, Profile
from hls_swarm.viewer.session import Intent, Pause, Seek, Session

BASE = "http://origin/live"
MEDIA = f"{BASE}/720p.m3u8"
MASTER = f"{BASE}/master.m3u8"


def media(playlist: Playlist, url: str = MEDIA) -> MediaPlaylist:
    parsed = parse_playlist(playlist.body, url)
    assert isinstance(parsed, MediaPlaylist)
    return parsed


def live(
    first: int, count: int = 6, *, durations: Sequence[float] = (), url: str = MEDIA, **options: Any
) -> MediaPlaylist:
    lengths = list(durations) or [2.0] * count
    segments = [Segment(first + nth, length) for nth, length in enumerate(lengths)]
    return media(Playlist(first, segments, target_duration=math.ceil(max(lengths)), **options), url)


def vod(count: int = 30, **options: Any) -> MediaPlaylist:
    return live(0, count, end=True, type="VOD", **options)


def multivariant(*variants: Variant, tags: Sequence[str] = ()) -> MultivariantPlaylist:
    parsed = parse_playlist(Multivariant(variants, tags).body, MASTER)
    assert isinstance(parsed, MultivariantPlaylist)
    return parsed


def rising(now: float, **options: Any) -> MediaPlaylist:
    """The window of six at an instant: one more segment every 2 s; equal windows are the same object."""
    first = 100 + int(now // 2)
    key = (first, tuple(sorted(options.items())))
    if key not in _WINDOWS:
        _WINDOWS[key] = live(first, **options)
    return _WINDOWS[key]


_WINDOWS: dict[Any, MediaPlaylist] = {}


def of(world: World, kind: type[Record]) -> list[Any]:
    return [record for record in world.records if isinstance(record, kind)]


def world(
    profile: Profile,
    playlist: Callable[[str, float], MediaPlaylist | MultivariantPlaylist] = lambda url, now: rising(now),
    *,
    url: str = MEDIA,
    variant: str = "highest",
    session: Session | None = None,
    segment: Callable[[str, float], Answer] = lambda url, now: Answer(),
    status: Callable[[str, float], int | None] = lambda url, now: 200,
) -> World:
    viewer = Viewer(7, url, profile, parse_variant(variant), session=session)

    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        if isinstance(action, FetchSegment):
            return segment(action.url.rpartition("/")[2], now)
        name = action.url.rpartition("/")[2]
        code = status(name, now)
        return Answer(status=code, playlist=playlist(name, now) if code == 200 else None)

    return World(viewer, origin)


def first_segment(profile: Profile, playlist: MediaPlaylist) -> str:
    return world(profile, lambda url, now: playlist).run(0.05).segments()[0]


def playlist_loads(made: World) -> list[float]:
    return [round(now, 3) for now, action in made.asked if isinstance(action, FetchPlaylist)]


def replace_gaps(playlist: MediaPlaylist, *numbers: int) -> MediaPlaylist:
    """The same with gaps in the place of some segments."""
    segments = tuple(
        structs.replace(segment, gap=segment.sequence in numbers or segment.gap) for segment in playlist.segments
    )
    return structs.replace(playlist, segments=segments)


TOLD = replace(SHAKA, probes_captions=False)
"""Shaka on a stream that says whether it has closed captions."""


class TestJoinPoint:
    # Ten segments: 100 to 109. With lengths of 4, 3 and 2 s at the end, the last three are 9 s, three targets are 12 s.
    PLAIN = live(100, durations=[4.0] * 7 + [4.0, 3.0, 2.0])
    HELD = live(100, durations=[4.0] * 10, tags=["#EXT-X-SERVER-CONTROL:HOLD-BACK=14.0"])
    START = live(100, durations=[4.0] * 10, tags=["#EXT-X-START:TIME-OFFSET=-22.0"])

    @pytest.mark.parametrize(
        ("profile", "playlist", "joins"),
        [
            pytest.param(HLSJS, PLAIN, 106, id="hls.js: 3 x target duration"),
            pytest.param(MEDIA3, PLAIN, 106, id="Media3: 3 x target duration"),
            pytest.param(TOLD, PLAIN, 106, id="Shaka: the sum of the last three EXTINF, and 2 s before"),
            pytest.param(FFMPEG, PLAIN, 107, id="FFmpeg: the third-last segment"),
            pytest.param(HLSJS, HELD, 106, id="hls.js: HOLD-BACK"),
            pytest.param(TOLD, HELD, 106, id="Shaka: HOLD-BACK, and 2 s before"),
            pytest.param(FFMPEG, HELD, 107, id="FFmpeg: no HOLD-BACK"),
            pytest.param(MEDIA3, START, 104, id="Media3: EXT-X-START before all else"),
            pytest.param(FFMPEG, START, 107, id="FFmpeg: no EXT-X-START"),
        ],
    )
    def test_live(self, profile: Profile, playlist: MediaPlaylist, joins: int) -> None:
        assert first_segment(profile, playlist) == f"segment{joins}.ts"

    @pytest.mark.parametrize(
        ("profile", "precise", "buffered"),
        [
            pytest.param(MEDIA3, "NO", 4.0, id="Media3: the whole segment"),
            pytest.param(MEDIA3, "YES", 2.0, id="Media3: from the very position on (PRECISE)"),
            pytest.param(HLSJS, "NO", 2.0, id="hls.js: always from the position on"),
        ],
    )
    def test_a_precise_start_begins_within_its_segment(self, profile: Profile, precise: str, buffered: float) -> None:
        """Four segments of 4 s: 10 s before the end is 2 s into the second one."""
        tags = [f"#EXT-X-START:TIME-OFFSET=-10,PRECISE={precise}"]
        playlist = live(100, durations=[4.0] * 4, tags=tags, end=True)
        viewer = Viewer(7, MEDIA, profile, parse_variant("highest"))
        viewer.handle(Start(), 0.0)
        actions = viewer.handle(PlaylistLoaded(None, playlist, 0.0), 0.0)
        assert [a.url.rpartition("/")[2] for a in actions if isinstance(a, FetchSegment)] == ["segment101.ts"]
        viewer.handle(SegmentLoaded(0), 0.0)
        assert viewer.buffer_seconds(0.0) == buffered

    @pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
    def test_segments_of_0_s_are_asked_for(self, profile: Profile) -> None:
        made = world(profile, lambda url, now: live(0, durations=[0.0, 0.0, 2.0, 0.0], end=True, type="VOD")).run(9.0)
        assert made.segments() == [f"segment{n}.ts" for n in range(4)]
        assert [record.reason for record in of(made, ViewerStopped)] == [EndReason.ENDED]

    @pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
    def test_vod_starts_at_its_beginning(self, profile: Profile) -> None:
        assert first_segment(profile, vod()) == "segment0.ts"

    @pytest.mark.parametrize(
        ("join", "playlist", "joins"),
        [
            pytest.param(JoinPoint(JoinKind.START), HELD, 100, id="live, start of the window"),
            pytest.param(JoinPoint(JoinKind.BEHIND, 10.0), HELD, 104, id="live, DVR offset"),
            pytest.param(JoinPoint(JoinKind.BEHIND, 1e6), HELD, 100, id="live, offset beyond the window"),
            pytest.param(JoinPoint(JoinKind.RANDOM), HELD, 103, id="live, random"),
            pytest.param(JoinPoint(JoinKind.RANDOM), vod(), 15, id="VOD, random"),
            pytest.param(JoinPoint(JoinKind.BEHIND, 10.0), vod(), 25, id="VOD, before its end"),
        ],
    )
    def test_session(self, join: JoinPoint, playlist: MediaPlaylist, joins: int) -> None:
        session = Session(join=join, join_draw=0.5)
        assert world(HLSJS, lambda url, now: playlist, session=session).run(0.05).segments()[0] == f"segment{joins}.ts"

    @pytest.mark.parametrize(
        ("playlist", "words"),
        [
            (HELD, "the live window is {} s long, 600 s back is beyond it: viewers begin at its start"),
            (vod(), "the stream is {} s long, 600 s back is beyond it: viewers begin at its start"),
        ],
        ids=["live", "VOD"],
    )
    def test_a_start_before_everything_is_said(self, playlist: MediaPlaylist, words: str) -> None:
        session = Session(join=JoinPoint(JoinKind.BEHIND, 600.0))
        made = world(HLSJS, lambda url, now: playlist, session=session).run(0.05)
        assert [(record.setting, record.words) for record in of(made, SettingUnmet)] == [
            ("join", words.format(round(playlist.duration)))
        ]
        within = Session(join=JoinPoint(JoinKind.BEHIND, 4.0))
        assert not of(world(HLSJS, lambda url, now: playlist, session=within).run(0.05), SettingUnmet)


class TestReload:
    """The playlist of each case changes every 4 s with a last segment of 3 s, target duration 4; loads take 10 ms."""

    @pytest.mark.parametrize(
        ("profile", "first", "unchanged"),
        [
            pytest.param(HLSJS, 3.0, 2.0, id="hls.js: the last segment near the edge"),
            pytest.param(MEDIA3, 4.0, 2.0, id="Media3, 8216: the target duration"),
            pytest.param(STEADY, 3.0, 2.0, id="8216bis: the last segment"),
            pytest.param(FFMPEG, 3.01, 2.0, id="FFmpeg: the last segment, from the end of the load"),
            pytest.param(TOLD, 3.01, 3.0, id="Shaka: the last segment, unchanged or not"),
        ],
    )
    def test_rule(self, profile: Profile, first: float, unchanged: float) -> None:
        held = live(100, durations=[4.0, 4.0, 4.0, 4.0, 3.0])
        loads = playlist_loads(world(profile, lambda url, now: held).run(8.0))
        assert loads[1] == pytest.approx(first, abs=0.002)
        assert loads[2] - loads[1] == pytest.approx(unchanged, abs=0.011)

    def test_hls_js_far_from_the_edge_waits_the_target_duration(self) -> None:
        held = live(100, durations=[4.0] * 9 + [3.0])
        session = Session(join=JoinPoint(JoinKind.START))
        assert playlist_loads(world(HLSJS, lambda url, now: held, session=session).run(5.0))[1] == 4.0

    def test_a_load_that_took_longer_than_the_delay_is_followed_at_once(self) -> None:
        made = world(MEDIA3)
        fast = made.origin
        made.origin = lambda action, now: (
            Answer(3.0, 200, rising(now)) if isinstance(action, FetchPlaylist) else fast(action, now)
        )
        assert playlist_loads(made.run(7.0)) == [0.0, 3.0, 6.0]

    def test_hls_js_keeps_its_beat_through_retries_and_loads_once_more_at_once(self) -> None:
        made = world(HLSJS, status=lambda url, now: 503 if 5.9 < now < 8.0 else 200)
        # Due at 6.0 and failed, retried at 7.0 and 9.0; the next was scheduled for 8.0, which is past.
        assert playlist_loads(made.run(11.5)) == [0.0, 2.0, 4.0, 6.0, 7.01, 9.02, 9.03, 10.03]

    def test_shaka_takes_off_the_mean_time_of_loads_but_not_after_the_first(self) -> None:
        made = world(TOLD)
        fast = made.origin
        made.origin = lambda action, now: (
            Answer(0.5, 200, rising(now)) if isinstance(action, FetchPlaylist) else fast(action, now)
        )
        assert playlist_loads(made.run(8.0)) == pytest.approx([0.0, 2.5, 4.5, 6.5])

    def test_ffmpeg_asks_only_when_it_needs_a_segment(self) -> None:
        made = world(FFMPEG, segment=lambda url, now: Answer(5.0)).run(14.0)
        assert playlist_loads(made) == [0.0]  # three segments of 5 s: nothing is needed before 15 s

    def test_vod_and_ended_playlists_are_not_loaded_again(self) -> None:
        assert playlist_loads(world(HLSJS, lambda url, now: vod()).run(30.0)) == [0.0]


class TestBuffer:
    @pytest.mark.parametrize(
        ("profile", "held"),
        [
            pytest.param(HLSJS, 30.0, id="hls.js: 30 s, bitrate unknown"),
            pytest.param(MEDIA3, 50.0, id="Media3: 50 s"),
            pytest.param(SHAKA, 10.0, id="Shaka: 10 s"),
        ],
    )
    def test_target_of_vod(self, profile: Profile, held: float) -> None:
        made = world(profile, lambda url, now: vod(60)).run(20.0)
        assert held - 2.0 <= made.viewer.buffer_seconds(20.0) <= held + 2.0

    def test_ffmpeg_reads_all_at_once(self) -> None:
        assert len(world(FFMPEG, lambda url, now: vod(60)).run(1.0).segments()) == 60

    @pytest.mark.parametrize(
        ("profile", "target_duration", "segments_needed"),
        [
            pytest.param(HLSJS, 1, 1, id="hls.js: the first segment"),
            pytest.param(TOLD, 1, 1, id="Shaka: anything"),
            pytest.param(MEDIA3, 1, 2, id="Media3: 1 s"),
        ],
    )
    def test_start_threshold(self, profile: Profile, target_duration: int, segments_needed: int) -> None:
        halves = live(100, durations=[0.5] * 20 + [1.0] * 4)
        at_segment = Session(join=JoinPoint(JoinKind.START))
        made = world(profile, lambda url, now: halves, session=at_segment, segment=lambda url, now: Answer(1.0)).run(
            9.0
        )
        (started,) = of(made, PlaybackStarted)
        assert started.startup_seconds == pytest.approx(0.01 + segments_needed)

    def test_media3_needs_2_s_to_go_on_after_a_stall(self) -> None:
        ones = live(0, durations=[1.0] * 40, end=True)
        slow = lambda url, now: Answer(0.01 if now < 0.035 else 1.5)  # noqa: E731 - three at once, then too slow
        made = world(MEDIA3, lambda url, now: ones, segment=slow).run(9.0)
        (stall, *_) = of(made, StallStarted)
        (resumed, *_) = of(made, StallEnded)
        arrivals = [
            now + 1.5 for now, action in made.asked if isinstance(action, FetchSegment) and now > stall.at - 1.5
        ]
        assert resumed.at == pytest.approx(arrivals[1])


class TestStalls:
    def test_a_scripted_pause_of_the_origin_gives_the_stall_that_arithmetic_gives(self) -> None:
        """Joined 6 s behind the edge with one segment of 2 s at a time: nothing is listed between 10 s and 20 s."""

        def paused(url: str, now: float) -> MediaPlaylist:
            return rising(now if now < 10.0 else max(10.0, now - 10.0))

        made = world(STEADY, paused).run(40.0)
        (started,), (ended,) = of(made, StallStarted), of(made, StallEnded)
        # Play began at 0.02 at the start of segment 103; 110 is listed at 10.0 as the last before the pause, which is
        # 8 segments or 16 s of media, so the buffer ends at 16.02. The next is listed at 22.0 and loaded when the
        # reload finds it.
        assert started.at == pytest.approx(16.02, abs=0.05)
        found = next(now for now, action in made.asked if isinstance(action, FetchPlaylist) and now >= 22.0)
        assert ended.stall_seconds == pytest.approx(found + 0.02 - 16.02, abs=0.05)

    def test_hls_js_adds_a_second_of_latency_per_stall_and_no_more_than_a_target_duration(self) -> None:
        assert HLSJS.stall_latency_seconds == 1.0
        assert MEDIA3.stall_latency_seconds == 0.5


class TestStale:
    HELD = live(100)

    @pytest.mark.parametrize(
        ("profile", "gives_up_after"),
        [
            pytest.param(HLSJS, None, id="hls.js: never"),
            pytest.param(MEDIA3, 7.0, id="Media3: 3.5 x target duration"),
            pytest.param(FFMPEG, 101.9, id="FFmpeg: a hundred loads in vain"),
        ],
    )
    def test_giving_up(self, profile: Profile, gives_up_after: float | None) -> None:
        made = world(profile, lambda url, now: self.HELD).run(110.0)
        stops = of(made, ViewerStopped)
        if gives_up_after is None:
            assert stops == []
        else:
            (stop,) = stops
            assert (stop.reason, stop.failure.kind) == (EndReason.FAILED, FailureKind.STALE_PLAYLIST)
            assert gives_up_after <= stop.at < gives_up_after + 1.1

    def test_is_noticed_after_one_and_a_half_target_durations_and_measured_when_it_ends(self) -> None:
        made = world(HLSJS, lambda url, now: rising(0.0) if now < 9.0 else rising(now)).run(12.0)
        began, over = of(made, PlaylistStale)
        assert began.stale_seconds is None
        assert began.at == pytest.approx(3.01)  # loads at 2.0 and 3.0: the second finds 1.5 x 2 s gone by
        assert over.stale_seconds == pytest.approx(9.0)
        assert over.added == 4  # two seconds each


class TestSequence:
    def test_a_reset_is_said_and_joined_anew(self) -> None:
        made = world(HLSJS, lambda url, now: rising(now) if now < 5.0 else live(0)).run(7.0)
        assert len(of(made, SequenceReset)) == 1
        assert "segment3.ts" in made.segments()

    @pytest.mark.parametrize(
        ("profile", "loads"),
        [
            pytest.param(HLSJS, 5, id="hls.js takes it for a change: a target duration"),
            pytest.param(MEDIA3, 6, id="Media3 goes on with what it has: half of it"),
        ],
    )
    def test_an_older_copy_is_said_and_costs_no_segment(self, profile: Profile, loads: int) -> None:
        def origin(url: str, now: float) -> MediaPlaylist:
            return rising(now - 6.0 if 3.9 < now < 5.9 else now)

        made = world(profile, origin).run(9.9)
        older = of(made, PlaylistOlder)
        assert {record.url for record in older} == {MEDIA}
        assert len(older) >= 1
        assert not of(made, SequenceReset)
        assert made.segments() == sorted(set(made.segments()), key=made.segments().index)
        assert sum(isinstance(action, FetchPlaylist) for _, action in made.asked) == loads

    def test_moved_dates_are_said(self) -> None:
        viewer = Viewer(7, MEDIA, HLSJS, parse_variant("highest"))
        viewer.handle(Start(), 0.0)
        viewer.handle(PlaylistLoaded(None, live(100), 0.0), 0.1)
        moved = PlaylistLoaded(0, live(101), 2.0, url=MEDIA, dates_moved=-36.0)
        assert DatesMoved(7, 2.1, MEDIA, -36.0) in [getattr(a, "record", None) for a in viewer.handle(moved, 2.1)]

    def test_other_bytes_are_no_change(self) -> None:
        """hls.js and Media3 look at what is listed: reloads after half a target duration, stale."""
        made = world(HLSJS, lambda url, now: live(100, tail=[f"## generated {now}"])).run(9.9)
        assert [round(at, 1) for at, action in made.asked if isinstance(action, FetchPlaylist)] == [0, *range(2, 10)]
        assert [record.stale_seconds for record in of(made, PlaylistStale)] == [None]

    def test_a_duration_that_is_told_later_is_credited_later(self) -> None:
        """A packager that does not know yet how long its newest segment is."""

        def origin(url: str, now: float) -> MediaPlaylist:
            return live(100 + int(now // 2), durations=[2.0, 2.0, 2.0, 2.0, 2.0, 0.0])

        made = world(HLSJS, origin).run(29.9)
        assert not of(made, StallStarted)
        assert sum(isinstance(action, FetchPlaylist) for _, action in made.asked) == 15

    def test_low_latency_that_is_not_used_is_said_once(self) -> None:
        tags = ["#EXT-X-PART-INF:PART-TARGET=0.5", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5"]
        ordinary = replace(HLSJS, low_latency=None)
        made = world(ordinary, lambda url, now: rising(now, tags=tuple(tags))).run(9.9)
        assert [record.viewer for record in of(made, LowLatencyUnused)] == [7]
        assert not of(world(HLSJS).run(9.9), LowLatencyUnused)

    @pytest.mark.parametrize(
        ("formats", "said"),
        [
            pytest.param(["com.apple.streamingkeydelivery"], [7], id="FairPlay"),
            pytest.param(["urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", "identity"], [], id="a plain key beside it"),
            pytest.param(["identity"], [], id="a plain key"),
        ],
    )
    def test_keys_of_a_drm_system_are_said_once(self, formats: list[str], said: list[int]) -> None:
        tags = tuple(f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:,k",KEYFORMAT="{one}"' for one in formats)
        made = world(HLSJS, lambda url, now: rising(now, tags=tags)).run(9.9)
        assert [record.viewer for record in of(made, LicenceUnasked)] == said

    def test_a_mutation_is_said(self) -> None:
        viewer = Viewer(7, MEDIA, HLSJS, parse_variant("highest"))
        viewer.handle(Start(), 0.0)
        viewer.handle(PlaylistLoaded(None, live(100), 0.0), 0.1)
        viewer.handle(PlaylistLoaded(0, live(101), 2.0), 2.1)
        said = [getattr(a, "record", None) for a in viewer.handle(PlaylistLoaded(0, live(102), 4.0, None, 3), 4.1)]
        assert SegmentsMutated(7, 4.1, 3) in said


LOW, HIGH = Variant("low.m3u8", 1_000_000, "RESOLUTION=640x360"), Variant("high.m3u8", 3_000_000, "RESOLUTION=1280x720")
SPARE = Variant("spare.m3u8", 3_000_000, "RESOLUTION=1280x720")


class TestFailover:
    def tried(self, profile: Profile, status: int | None, *variants: Variant, seconds: float = 60.0) -> list[str]:
        """The playlists asked for when that of `high` always fails with a status."""
        master = multivariant(*variants)
        made = world(
            profile,
            lambda url, now: master if url == "master.m3u8" else rising(now, url=f"{BASE}/{url}"),
            url=MASTER,
            status=lambda url, now: status if url == "high.m3u8" else 200,
        ).run(seconds)
        names = [name for name in made.urls() if name.endswith(".m3u8")]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name][:4]

    @pytest.mark.parametrize(
        ("profile", "status", "variants", "order"),
        [
            pytest.param(HLSJS, 404, (LOW, HIGH, SPARE), ["low.m3u8"], id="hls.js: another level first"),
            pytest.param(HLSJS, 404, (HIGH, SPARE), ["spare.m3u8"], id="hls.js: then a redundant stream"),
            pytest.param(MEDIA3, 404, (LOW, HIGH, SPARE), ["spare.m3u8"], id="Media3: another location first"),
            pytest.param(MEDIA3, 503, (LOW, HIGH), ["low.m3u8"], id="Media3: then another track"),
            pytest.param(SHAKA, 500, (LOW, HIGH), ["low.m3u8"], id="Shaka: after its retries"),
        ],
    )
    def test_order(self, profile: Profile, status: int, variants: tuple[Variant, ...], order: list[str]) -> None:
        assert self.tried(profile, status, *variants) == ["master.m3u8", "high.m3u8", *order]

    def test_ffmpeg_stays_and_fails(self) -> None:
        assert self.tried(FFMPEG, 404, LOW, HIGH) == ["master.m3u8", "high.m3u8"]

    def test_goes_on_where_it_was_by_date_and_not_by_number(self) -> None:
        def dated(name: str, now: float) -> MediaPlaylist:
            first = 100 + int(now // 2)
            shift = 500 if name == "low.m3u8" else 0  # the variants count differently
            segments = [Segment(first + shift + n, date=2.0 * (first + n)) for n in range(6)]
            return media(Playlist(first + shift, segments), f"{BASE}/{name}")

        master = multivariant(LOW, HIGH)
        made = world(
            HLSJS,
            lambda url, now: master if url == "master.m3u8" else dated(url, now),
            url=MASTER,
            segment=lambda url, now: Answer(status=404 if url == "segment105.ts" else 200),
        ).run(5.0)
        assert made.segments()[:5] == [
            "segment103.ts",
            "segment104.ts",
            "segment105.ts",
            "segment605.ts",
            "segment606.ts",
        ]
        assert [(c.label, c.failover) for c in of(made, VariantChosen)] == [("720p 3000k", False), ("360p 1000k", True)]


class TestGaps:
    def gapped(self, url: str, now: float) -> MediaPlaylist:
        segments = [Segment(n, gap=n in {4, 5} and "high" in url, uri=f"{url[0]}{n}.ts") for n in range(8)]
        return media(Playlist(0, segments, end=True), f"{BASE}/{url}")

    def test_are_not_fetched_and_counted_where_there_is_no_other_variant(self) -> None:
        made = world(HLSJS, lambda url, now: self.gapped("high.m3u8", now)).run(20.0)
        assert made.segments() == ["h0.ts", "h1.ts", "h2.ts", "h3.ts", "h6.ts", "h7.ts"]
        assert [(r.count, r.reason) for r in of(made, SegmentsPassed)] == [(2, PassReason.GAP)]

    def test_are_filled_from_another_variant(self) -> None:
        master = multivariant(LOW, HIGH)
        made = world(HLSJS, lambda url, now: master if url == "master.m3u8" else self.gapped(url, now), url=MASTER).run(
            20.0
        )
        assert made.segments() == ["h0.ts", "h1.ts", "h2.ts", "h3.ts", "l4.ts", "l5.ts", "l6.ts", "l7.ts"]


class TestRenditions:
    TAGS = (
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="en.m3u8"',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="de",URI="de.m3u8"',
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="en",DEFAULT=YES,URI="subs.m3u8"',
    )

    def made(self, profile: Profile, segment: Callable[[str, float], Answer] = lambda url, now: Answer()) -> World:
        master = multivariant(Variant("high.m3u8", 3_000_000, 'AUDIO="a",SUBTITLES="s"'), tags=self.TAGS)

        def playlists(url: str, now: float) -> MediaPlaylist | MultivariantPlaylist:
            if url == "master.m3u8":
                return master
            segments = [Segment(n, uri=f"{url[0]}{n}.ts") for n in range(10)]
            return media(Playlist(0, segments, end=True), f"{BASE}/{url}")

        return world(profile, playlists, url=MASTER, segment=segment)

    def test_only_the_selected_ones_are_fetched(self) -> None:
        asked = set(self.made(HLSJS).run(1.0).urls())
        assert {"high.m3u8", "en.m3u8", "subs.m3u8"} <= asked
        assert "de.m3u8" not in asked
        assert "subs.m3u8" not in self.made(STEADY).run(1.0).urls()

    @pytest.mark.parametrize(("profile", "starts"), [(HLSJS, True), (MEDIA3, False)], ids=["hls.js", "Media3"])
    def test_whether_play_waits_for_subtitles(self, profile: Profile, starts: bool) -> None:
        made = self.made(profile, lambda url, now: Answer(99.0 if url[0] == "s" else 0.01)).run(5.0)
        assert bool(of(made, PlaybackStarted)) is starts

    def test_subtitles_that_fail_are_done_without(self) -> None:
        made = self.made(HLSJS, lambda url, now: Answer(status=404 if url[0] == "s" else 200)).run(30.0)
        (stop,) = of(made, ViewerStopped)
        assert stop.reason is EndReason.ENDED

    def test_audio_joins_where_the_video_does(self) -> None:
        master = multivariant(Variant("high.m3u8", 3_000_000, 'AUDIO="a"'), tags=self.TAGS[:1])

        def playlists(url: str, now: float) -> MediaPlaylist | MultivariantPlaylist:
            if url == "master.m3u8":
                return master
            first = 50 if url[0] == "e" else 100
            segments = [Segment(first + n, date=1000.0 + 2 * n, uri=f"{url[0]}{first + n}.ts") for n in range(6)]
            return media(Playlist(first, segments), f"{BASE}/{url}")

        made = world(HLSJS, playlists, url=MASTER).run(0.05)
        assert {made.segments()[0], made.segments()[1]} == {"h103.ts", "e53.ts"}


class TestRetries:
    def tries(self, profile: Profile, kind: str, answer: Answer, seconds: float = 200.0) -> list[float]:
        """Waits between the tries for the first object of a kind."""
        master = multivariant(HIGH)
        held = live(100)
        made = world(profile, lambda url, now: master if url == "master.m3u8" else held, url=MASTER)
        good, times = made.origin, []

        def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
            name = action.url.rpartition("/")[2]
            if name == {"multivariant": "master.m3u8", "media": "high.m3u8", "segment": "segment103.ts"}[kind]:
                times.append(now)
                return answer
            return good(action, now)

        made.origin = origin
        made.run(seconds)
        return [round(later - earlier, 2) for earlier, later in pairwise(times)]

    @pytest.mark.parametrize(
        ("profile", "kind", "status", "waits"),
        [
            pytest.param(HLSJS, "multivariant", 503, [1.0], id="hls.js, multivariant playlist: 1"),
            pytest.param(HLSJS, "media", 503, [1.0, 2.0], id="hls.js, media playlist: 2"),
            pytest.param(HLSJS, "segment", 503, [1.0, 2.0, 4.0, 8.0, 8.0, 8.0], id="hls.js, segment: 6, up to 8 s"),
            pytest.param(HLSJS, "segment", 404, [], id="hls.js: never a 4xx"),
            pytest.param(MEDIA3, "media", 404, [0.0, 1.0, 2.0], id="Media3: 3, a 4xx too"),
            pytest.param(MEDIA3, "segment", 502, [0.0, 1.0, 2.0], id="Media3: (n - 1) s"),
            pytest.param(FFMPEG, "segment", 503, [], id="FFmpeg: none"),
        ],
    )
    def test_waits(self, profile: Profile, kind: str, status: int, waits: list[float]) -> None:
        assert self.tries(profile, kind, Answer(0.0, status)) == pytest.approx(waits, abs=0.02)

    def test_shaka_tries_twice_waits_a_second_and_begins_anew_while_live(self) -> None:
        waits = self.tries(SHAKA, "segment", Answer(0.0, 404), seconds=8.0)
        assert waits == pytest.approx([1.0, 1.1] * 3 + [1.0], abs=0.02)

    def test_shaka_on_demand_fails_a_second_after_its_last_try(self) -> None:
        made = world(SHAKA, lambda url, now: vod(), segment=lambda url, now: Answer(status=404)).run(10.0)
        assert [now for now, action in made.asked if isinstance(action, FetchSegment)] == pytest.approx([0.01, 1.02])
        assert of(made, ViewerStopped)[0].at == pytest.approx(2.03)


class TestProbe:
    """Shaka looks into a segment for closed captions where nothing is said of them, and keeps it for one use."""

    def asked(self, profile: Profile, playlist: MediaPlaylist, *, tags: Sequence[str] = ()) -> list[str]:
        master = multivariant(HIGH, tags=tags)
        return (
            world(profile, lambda url, now: master if url == "master.m3u8" else playlist, url=MASTER).run(1).segments()
        )

    def test_live_the_middle_one(self) -> None:
        held = live(100, durations=[4.0] * 10)
        # Play begins at 107, 2 s before that is 106; 104 is of no use.
        assert self.asked(SHAKA, held)[:3] == ["segment104.ts", "segment106.ts", "segment107.ts"]

    def test_live_the_middle_one_where_play_begins(self) -> None:
        held = live(100, durations=[4.0] * 6)
        assert self.asked(SHAKA, held) == [f"segment{number}.ts" for number in (102, 103, 104, 105)]

    def test_on_demand_the_first_which_is_played(self) -> None:
        assert self.asked(SHAKA, vod(10))[:3] == ["segment0.ts", "segment1.ts", "segment2.ts"]

    def test_gaps_are_gone_around_and_what_is_kept_is_used_behind_them(self) -> None:
        playlist = replace_gaps(vod(6), 0)
        assert self.asked(SHAKA, playlist)[:3] == ["segment1.ts", "segment2.ts", "segment3.ts"]

    def test_of_fragmented_mp4_three(self) -> None:
        asked = self.asked(SHAKA, vod(10, tags=['#EXT-X-MAP:URI="init.mp4"']))
        assert asked[:6] == ["init.mp4", "segment0.ts", "segment4.ts", "segment9.ts", "segment1.ts", "segment2.ts"]

    def test_not_where_captions_are_told_of(self) -> None:
        tag = '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="en",INSTREAM-ID="CC1"'
        assert self.asked(SHAKA, live(100, durations=[4.0] * 10), tags=[tag])[0] == "segment106.ts"

    def test_reloads_count_from_its_end(self) -> None:
        held = live(100, durations=[4.0] * 6)
        made = world(SHAKA, lambda url, now: held, segment=lambda url, now: Answer(1.0)).run(6.0)
        assert playlist_loads(made) == pytest.approx([0.0, 5.01])

    def test_what_fails_leads_elsewhere_and_nothing_is_looked_into_there(self) -> None:
        master = multivariant(LOW, HIGH)
        made = world(
            SHAKA,
            lambda url, now: (
                master if url == "master.m3u8" else vod(10, url=f"{BASE}/{url.removesuffix('.m3u8')}/p.m3u8")
            ),
            url=MASTER,
        )
        answers = made.origin
        made.origin = lambda action, now: (
            Answer(status=404) if isinstance(action, FetchSegment) and "/high/" in action.url else answers(action, now)
        )
        made.run(4.0)
        asked = [action.url.removeprefix(f"{BASE}/") for _, action in made.asked if isinstance(action, FetchSegment)]
        assert asked[:4] == ["high/segment0.ts", "high/segment0.ts", "low/segment0.ts", "low/segment1.ts"]

    def test_hls_js_does_not(self) -> None:
        assert self.asked(HLSJS, live(100, durations=[4.0] * 10))[0] == "segment107.ts"


class TestPolling:
    """Shaka looks on a beat of its own whether it can load; loads take 10 ms."""

    def times(self, made: World) -> list[float]:
        return [round(now, 2) for now, action in made.asked if isinstance(action, FetchSegment)]

    def test_while_its_buffer_is_full_each_half_second(self) -> None:
        times = self.times(world(SHAKA, lambda url, now: vod(60), segment=lambda url, now: Answer(0.2)).run(12.0))
        # Five segments of 2 s fill it; play began with the first, so there is room at 2.2 - 1.2 s from the last one on.
        assert times[:6] == [0.01, 0.21, 0.41, 0.61, 0.81, 1.01]
        assert all((later - 1.21) % 0.5 == pytest.approx(0.0, abs=0.011) for later in times[6:7])

    def test_while_nothing_new_is_listed_each_second_or_half_a_segment(self) -> None:
        made = world(SHAKA, lambda url, now: rising(now), segment=lambda url, now: Answer(0.3)).run(14.0)
        times = self.times(made)
        # Four segments at once, the last of which is here at 1.21; each that follows begins whole seconds after the one
        # before it was here, though the playlist that lists it may have come earlier.
        assert times[:4] == [0.01, 0.31, 0.61, 0.91]
        gaps = [round(later - earlier - 0.3, 2) for earlier, later in pairwise(times[3:])]
        assert gaps
        assert all(gap in {1.0, 2.0, 3.0} for gap in gaps)

    def test_hls_js_does_not_poll(self) -> None:
        times = self.times(world(HLSJS, lambda url, now: rising(now), segment=lambda url, now: Answer(0.3)).run(14.0))
        loads = playlist_loads(
            world(HLSJS, lambda url, now: rising(now), segment=lambda url, now: Answer(0.3)).run(14.0)
        )
        assert {round(at + 0.01, 2) for at in loads} >= set(times[3:])


class TestUnplayable:
    """What came whole and is of no use."""

    def played(self, profile: Profile, kind: FailureKind, *numbers: int, count: int = 4) -> World:
        """VOD of which segments with these numbers are of no use."""
        bad = {f"segment{number}.ts" for number in numbers}
        held = vod(count)
        return world(
            profile, lambda url, now: held, segment=lambda url, now: Answer(0.01, kind=kind if url in bad else None)
        ).run(60.0)

    @pytest.mark.parametrize(
        ("profile", "kind", "asked"),
        [
            pytest.param(HLSJS, FailureKind.EMPTY_MEDIA, [0, 1, 2, 3], id="hls.js goes on behind an empty segment"),
            pytest.param(HLSJS, FailureKind.NOT_MEDIA, [0, 1, 2, 3], id="hls.js goes on behind what it can not parse"),
            pytest.param(MEDIA3, FailureKind.EMPTY_MEDIA, [0, 1, 2, 3], id="Media3 reads an empty segment to its end"),
            pytest.param(SHAKA, FailureKind.SHORT_MEDIA, [0, 1, 2, 3], id="Shaka appends next to nothing"),
            pytest.param(FFMPEG, FailureKind.NOT_MEDIA, [0, 1, 2, 3], id="FFmpeg looks for the next packet"),
            pytest.param(STEADY, FailureKind.EMPTY_MEDIA, [0, 1, 1, 1, 2, 3], id="no player in particular asks again"),
        ],
    )
    def test_one_is_passed_over(self, profile: Profile, kind: FailureKind, asked: list[int]) -> None:
        made = self.played(profile, kind, 1)
        assert made.segments() == [f"segment{number}.ts" for number in asked]
        assert [(passed.count, passed.reason) for passed in of(made, SegmentsPassed)] == [(1, PassReason.UNAVAILABLE)]
        (end,) = of(made, ViewerStopped)
        assert (end.reason, end.played) == (EndReason.ENDED, True)

    @pytest.mark.parametrize("profile", [MEDIA3, SHAKA])
    def test_media3_and_shaka_give_up_on_what_they_can_not_parse(self, profile: Profile) -> None:
        made = self.played(profile, FailureKind.NOT_MEDIA, 1)
        (end,) = of(made, ViewerStopped)
        assert (end.reason, end.failure.kind, end.object) == (
            EndReason.FAILED,
            FailureKind.NOT_MEDIA,
            ObjectKind.SEGMENT,
        )
        assert made.segments() == ["segment0.ts", "segment1.ts"]

    @pytest.mark.parametrize("profile", [HLSJS, MEDIA3, SHAKA, FFMPEG])
    def test_a_stream_of_nothing_else_fails_at_its_end(self, profile: Profile) -> None:
        made = self.played(profile, FailureKind.EMPTY_MEDIA, *range(8), count=8)
        (end,) = of(made, ViewerStopped)
        assert (end.reason, end.played, end.failure.kind) == (EndReason.FAILED, False, FailureKind.NOTHING_TO_PLAY)
        assert len(made.segments()) == 8

    def test_media_that_is_of_no_use_adds_nothing_to_the_buffer(self) -> None:
        made = self.played(HLSJS, FailureKind.EMPTY_MEDIA, 1, 2)
        (end,) = of(made, ViewerStopped)
        (start,) = of(made, PlaybackStarted)
        assert end.at - start.at == pytest.approx(4.0)


class TestPerson:
    def test_a_pause_stands_still_and_goes_on(self) -> None:
        session = Session(intents=iter([Intent(3.0, Pause(4.0))]))
        made = world(HLSJS, lambda url, now: vod(5), session=session).run(20.0)
        (paused,), (resumed,), (stop,) = of(made, PauseStarted), of(made, PauseEnded), of(made, ViewerStopped)
        assert (paused.at, resumed.at) == (3.0, 7.0)
        assert stop.at == pytest.approx(0.02 + 10.0 + 4.0)

    def test_a_seek_within_the_buffer_loads_nothing(self) -> None:
        session = Session(intents=iter([Intent(3.0, Seek(4.0))]))
        made = world(HLSJS, lambda url, now: vod(10), session=session).run(30.0)
        assert of(made, SeekEnded) == [SeekEnded(7, 3.0, 0.0)]
        assert len(made.segments()) == 10
        assert of(made, ViewerStopped)[0].at == pytest.approx(16.02)

    def test_a_seek_out_of_the_buffer_clears_it_and_its_restart_time_is_measured(self) -> None:
        session = Session(intents=iter([Intent(3.0, Seek(None, 0.5))]))
        made = world(SHAKA, lambda url, now: vod(60), session=session, segment=lambda url, now: Answer(0.3)).run(9.0)
        (ended,) = of(made, SeekEnded)
        # Where it goes is the start of segment 30; Shaka loads the one before first, to be safe, then this.
        assert ended.restart_seconds == pytest.approx(0.6)
        assert "segment29.ts" in made.segments()
        assert "segment20.ts" not in made.segments()

    def test_a_session_ends_when_it_is_long_enough(self) -> None:
        made = world(HLSJS, session=Session(length_seconds=12.5)).run(20.0)
        (stop,) = of(made, ViewerStopped)
        assert (stop.at, stop.reason) == (12.5, EndReason.LEFT)

    def test_a_session_that_ends_cancels_what_is_in_flight(self) -> None:
        made = world(HLSJS, session=Session(length_seconds=3.0), segment=lambda url, now: Answer(9.0)).run(20.0)
        assert made.stopped
        assert made.in_flight == 0

    def test_vod_loops(self) -> None:
        made = world(HLSJS, lambda url, now: vod(3), session=Session(loops=True)).run(13.0)
        assert made.segments() == [f"segment{n}.ts" for n in [0, 1, 2] * 3]
        assert made.viewer.state is State.PLAYING


class TestVariantChoice:
    VARIANTS = (HIGH, LOW, Variant("audio.m3u8", 64_000))

    @pytest.mark.parametrize(
        ("choice", "chosen"),
        [
            pytest.param("2M", "low.m3u8", id="a bitrate: the highest within it"),
            pytest.param("3000000", "high.m3u8", id="a bitrate that is met exactly"),
            pytest.param("10k", "audio.m3u8", id="a bitrate below all: the lowest"),
            pytest.param("720p", "high.m3u8", id="a height"),
            pytest.param("1080p", "high.m3u8", id="a height above all"),
            pytest.param("480p", "low.m3u8", id="a height between: the next lower"),
            pytest.param("100p", "audio.m3u8", id="a height below all: the lowest bitrate"),
        ],
    )
    def test_by_value(self, choice: str, chosen: str) -> None:
        master = multivariant(*self.VARIANTS)
        made = world(HLSJS, lambda url, now: master if url == "master.m3u8" else vod(), url=MASTER, variant=choice)
        assert made.run(0.015).urls() == ["master.m3u8", chosen]

    def test_random_is_even_over_encodings(self) -> None:
        master = multivariant(*self.VARIANTS, SPARE)
        seen = set()
        for nth in range(30):
            session = Session(variant_draw=nth / 30)
            made = world(HLSJS, lambda url, now: master, url=MASTER, variant="random", session=session)
            seen.add(made.run(0.015).urls()[1])
        assert seen == {"high.m3u8", "low.m3u8", "audio.m3u8"}
