"""The viewer's decisions, as whole lists of actions."""

from collections.abc import Callable
from typing import Any

import pytest

from hls_swarm.hls.playlist import KeyMethod, MediaPlaylist, MultivariantPlaylist
from hls_swarm.records import (
    EndReason,
    Failure,
    FailureKind,
    LatencyObserved,
    ObjectKind,
    PassReason,
    PlaybackStarted,
    Record,
    SegmentsExpired,
    SegmentsPassed,
    SequenceReset,
    SettingUnmet,
    StallEnded,
    StallStarted,
    VariantChosen,
    ViewerStopped,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import (
    Action,
    Event,
    FetchFailed,
    FetchPlaylist,
    FetchSegment,
    PlaylistLoaded,
    Quit,
    Report,
    SegmentLoaded,
    Start,
    Stop,
    TimeReached,
    Wait,
)
from hls_swarm.viewer.machine import State, Viewer
from hls_swarm.viewer.profiles import HLSJS

MASTER = "http://origin/live/master.m3u8"
MEDIA = "http://origin/live/720p.m3u8"
Live = Callable[..., MediaPlaylist]
Multivariant = Callable[..., MultivariantPlaylist]


def viewer(url: str = MEDIA, variant: str = "highest", **options: Any) -> Viewer:
    return Viewer(7, url, HLSJS, parse_variant(variant), **options)


def segment(number: int, due_at: float, url: str = MEDIA, **changes: Any) -> FetchSegment:
    fields: dict[str, Any] = {
        "kind": ObjectKind.SEGMENT,
        "url": url.rpartition("/")[0] + f"/seg-{number}.ts",
        "track": 0,
        "due_at": due_at,
        "first_byte_seconds": 10.0,
        "total_seconds": 120.0,
        "media_seconds": 2.0,
    }
    return FetchSegment(**(fields | changes))


def playlist(due_at: float, track: int | None = 0, url: str = MEDIA, *, retry: bool = False) -> FetchPlaylist:
    return FetchPlaylist(url, track, due_at, None if track is None else 10.0, 20.0, retry=retry)


def records(actions: list[Action]) -> list[Record]:
    return [action.record for action in actions if isinstance(action, Report)]


def http_error(status: int, *, track: int | None = 0, of_playlist: bool, at: float, url: str = MEDIA) -> FetchFailed:
    return FetchFailed(track, of_playlist, Failure(FailureKind.HTTP_STATUS, f"HTTP {status}", status), url, at)


def playing(live: Live, at: float = 0.0) -> Viewer:
    """A viewer of a live media playlist that has just begun to play segment 13 at `at` + 0.2."""
    made = viewer()
    made.handle(Start(), at)
    made.handle(PlaylistLoaded(None, live(), started_at=at), at + 0.1)
    made.handle(SegmentLoaded(0), at + 0.2)
    assert made.state is State.PLAYING
    return made


class TestStartup:
    def test_play_asks_for_the_first_playlist(self) -> None:
        made = viewer()
        assert made.handle(Start(), 5.0) == [playlist(5.0, None)]
        assert made.state is State.STARTING

    def test_a_live_viewer_joins_three_target_durations_from_the_edge(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 5.0)
        # Six segments of 2 s: the edge is at 12, the join position at 12 - 3 * 2 = 6: the start of segment 13.
        actions = made.handle(PlaylistLoaded(None, live(first=10), started_at=5.0), 5.1)
        assert actions == [segment(13, 5.1), Wait(7.0)]

    def test_hold_back_moves_the_join_point_into_a_segment(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        listed = live(first=10, tags="#EXT-X-SERVER-CONTROL:HOLD-BACK=7")
        actions = made.handle(PlaylistLoaded(None, listed, started_at=0.0), 0.1)
        assert actions[0] == segment(12, 0.1)
        made.handle(SegmentLoaded(0), 0.2)
        assert made.buffer_seconds(0.2) == pytest.approx(1.0)  # joined 1 s into a segment of 2 s

    def test_play_starts_with_the_first_complete_segment(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 5.0)
        made.handle(PlaylistLoaded(None, live(), started_at=5.0), 5.1)
        actions = made.handle(SegmentLoaded(0), 5.3)
        assert actions == [Report(PlaybackStarted(7, 5.3, pytest.approx(0.3))), segment(14, 5.3)]  # type: ignore[arg-type] # an approximate float
        assert made.state is State.PLAYING
        assert made.buffer_seconds(5.3) == 2.0

    def test_vod_starts_at_its_beginning_and_is_not_loaded_again(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        actions = made.handle(PlaylistLoaded(None, live(first=0, segments=4, ended=True), started_at=0.0), 0.1)
        assert actions == [segment(0, 0.1)]


class TestVariants:
    @pytest.mark.parametrize(
        ("variant", "chosen"),
        [
            ("highest", [3_000_000]),
            ("lowest", [800_000]),
            ("first", [1_600_000]),
            ("all", [1_600_000, 800_000, 3_000_000]),
        ],
    )
    def test_choice(self, multivariant: Multivariant, variant: str, chosen: list[int]) -> None:
        made = viewer(MASTER, variant)
        made.handle(Start(), 1.0)
        actions = made.handle(PlaylistLoaded(None, multivariant(1_600_000, 800_000, 3_000_000), started_at=1.0), 1.1)
        assert [action for action in actions if isinstance(action, FetchPlaylist)] == [
            playlist(1.1, track, f"http://origin/live/{bandwidth}.m3u8") for track, bandwidth in enumerate(chosen)
        ]
        assert records(actions) == [
            VariantChosen(7, 1.1, f"{bandwidth // 1000}k", bandwidth, False) for bandwidth in chosen
        ]

    @pytest.mark.parametrize(
        ("variant", "words"),
        [
            ("4k", "of 3 variants (1600k, 800k, 3000k) none has 4,000 bit/s or less: 800k is played"),
            ("9999p", "of 3 variants (1600k, 800k, 3000k) none is 9999 lines high: 800k is played"),
            ("3M", None),
            ("highest", None),
        ],
    )
    def test_a_wish_that_no_variant_meets_is_said(
        self, multivariant: Multivariant, variant: str, words: str | None
    ) -> None:
        made = viewer(MASTER, variant)
        made.handle(Start(), 1.0)
        actions = made.handle(PlaylistLoaded(None, multivariant(1_600_000, 800_000, 3_000_000), started_at=1.0), 1.1)
        said = [record for record in records(actions) if isinstance(record, SettingUnmet)]
        assert said == ([] if words is None else [SettingUnmet(7, 1.1, "variant", words)])

    def test_demuxed_audio_is_a_track_of_its_own_and_play_waits_for_both(
        self, multivariant: Multivariant, live: Live
    ) -> None:
        made = viewer(MASTER)
        made.handle(Start(), 0.0)
        actions = made.handle(PlaylistLoaded(None, multivariant(800_000, audio=True), started_at=0.0), 0.1)
        assert [action.url for action in actions if isinstance(action, FetchPlaylist)] == [
            "http://origin/live/800000.m3u8",
            "http://origin/live/audio.m3u8",
        ]
        made.handle(PlaylistLoaded(0, live(), started_at=0.1), 0.2)
        made.handle(PlaylistLoaded(1, live(), started_at=0.1), 0.2)
        made.handle(SegmentLoaded(0), 0.3)
        assert made.state is State.STARTING
        assert records(made.handle(SegmentLoaded(1), 0.4)) == [PlaybackStarted(7, 0.4, 0.4)]

    def test_a_buffer_is_that_of_the_track_with_the_least(self, multivariant: Multivariant, live: Live) -> None:
        made = viewer(MASTER)
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, multivariant(800_000, audio=True), started_at=0.0), 0.0)
        for track in (0, 1):
            made.handle(PlaylistLoaded(track, live(), started_at=0.0), 0.0)
        for track in (0, 0, 1):
            made.handle(SegmentLoaded(track), 0.0)
        assert made.buffer_seconds(0.0) == 2.0


class TestReload:
    """hls.js: the target duration, or the last segment's if shorter and near the edge; half of it if unchanged."""

    def test_a_changed_playlist_is_loaded_again_a_target_duration_after_the_load_began(self, live: Live) -> None:
        made = playing(live)  # the first load began at 0.0
        assert made.handle(TimeReached(), 2.0)[0] == playlist(2.0)

    def test_a_due_time_is_kept_although_the_timer_was_late(self, live: Live) -> None:
        made = playing(live)
        assert playlist(2.0) in made.handle(TimeReached(), 2.7)

    def test_an_unchanged_playlist_is_loaded_again_after_half_the_target_duration(self, live: Live) -> None:
        made = playing(live)
        made.handle(SegmentLoaded(0), 0.3)
        made.handle(SegmentLoaded(0), 0.4)  # 6 s of media: nothing else is due
        made.handle(TimeReached(), 2.0)
        assert made.handle(PlaylistLoaded(0, live(), started_at=2.0), 2.1) == [Wait(3.0)]
        assert made.handle(TimeReached(), 3.001)[0] == playlist(3.0)

    def test_no_second_load_while_one_is_in_flight(self, live: Live) -> None:
        made = playing(live)
        made.handle(TimeReached(), 2.0)
        assert not any(isinstance(action, FetchPlaylist) for action in made.handle(TimeReached(), 2.1))

    def test_a_short_last_segment_near_the_edge_brings_the_reload_forward(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        actions = made.handle(PlaylistLoaded(None, live(duration=1.0), started_at=0.0), 0.1)
        assert actions[-1] == Wait(1.0)

    def test_an_ended_playlist_is_not_loaded_again(self, live: Live) -> None:
        made = playing(live)
        made.handle(TimeReached(), 2.0)
        made.handle(PlaylistLoaded(0, live(first=11, ended=True), started_at=2.0), 2.05)
        for number in range(3):
            made.handle(SegmentLoaded(0), 2.1 + number / 10)
        assert made.handle(TimeReached(), 4.0) == []


class TestBuffer:
    def test_the_next_segment_follows_at_once_while_there_is_room(self, live: Live) -> None:
        made = playing(live)
        assert made.handle(SegmentLoaded(0), 0.3) == [segment(15, 0.3)]

    def test_nothing_is_fetched_past_the_edge_until_the_playlist_brings_more(self, live: Live) -> None:
        made = playing(live)
        made.handle(SegmentLoaded(0), 0.3)
        assert made.handle(SegmentLoaded(0), 0.4) == []
        made.handle(TimeReached(), 2.0)
        actions = made.handle(PlaylistLoaded(0, live(first=11), started_at=2.0), 2.1)
        assert [action for action in actions if isinstance(action, FetchSegment)] == [segment(16, 2.1)]

    def test_a_full_buffer_stops_fetching_until_media_was_played(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, live(first=0, segments=40, ended=True), started_at=0.0), 0.0)
        fetched = 1
        actions = made.handle(SegmentLoaded(0), 0.5)
        while any(isinstance(action, FetchSegment) for action in actions):
            fetched += 1
            actions = made.handle(SegmentLoaded(0), 0.5)
        # hls.js holds 30 s, which 15 segments of 2 s do not exceed; the 16th does, until 2 s of it were played.
        assert (fetched, made.buffer_seconds(0.5), actions) == (16, 32.0, [Wait(2.5)])
        assert made.handle(TimeReached(), 2.504)[0] == segment(16, 2.5)

    def test_the_target_follows_the_bitrate(self) -> None:
        assert HLSJS.buffer_target_seconds(None) == 30.0
        assert HLSJS.buffer_target_seconds(3_000_000) == 160.0
        assert HLSJS.buffer_target_seconds(40_000_000) == 30.0
        assert HLSJS.buffer_target_seconds(300_000) == 600.0


class TestStalls:
    def test_a_stall_is_dated_when_the_buffer_ran_out_and_not_when_it_was_noticed(self, live: Live) -> None:
        made = playing(live)  # 2 s of media from 0.2 on
        assert records(made.handle(TimeReached(), 2.5)) == [StallStarted(7, pytest.approx(2.2))]  # type: ignore[arg-type] # an approximate float
        assert made.state is State.STALLED
        assert made.buffer_seconds(2.5) == 0.0

    def test_play_goes_on_with_the_next_complete_segment(self, live: Live) -> None:
        made = playing(live)
        made.handle(TimeReached(), 2.3)
        (ended,) = records(made.handle(SegmentLoaded(0), 3.7))
        assert isinstance(ended, StallEnded)
        assert ended.at == 3.7
        assert ended.stall_seconds == pytest.approx(1.5)
        assert made.state is State.PLAYING
        assert made.buffer_seconds(3.7) == pytest.approx(2.0)

    def test_media_that_arrives_in_time_prevents_the_stall(self, live: Live) -> None:
        made = playing(live)
        assert records(made.handle(SegmentLoaded(0), 2.199)) == []
        assert made.state is State.PLAYING
        assert made.buffer_seconds(2.2) == pytest.approx(2.0)

    def test_waiting_to_start_is_not_a_stall(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, live(), started_at=0.0), 0.1)
        assert records(made.handle(TimeReached(), 60.0)) == []
        assert made.state is State.STARTING


class TestSequence:
    def test_expired_segments_are_counted_and_the_first_listed_one_follows(self, live: Live) -> None:
        made = playing(live)
        made.handle(SegmentLoaded(0), 0.3)
        made.handle(SegmentLoaded(0), 0.4)  # 13, 14, 15 are loaded, 16 is next
        made.handle(TimeReached(), 2.0)
        actions = made.handle(PlaylistLoaded(0, live(first=18), started_at=2.0), 2.1)
        assert SegmentsExpired(7, 2.1, 2) in records(actions)
        assert [action for action in actions if isinstance(action, FetchSegment)] == [segment(18, 2.1)]

    def test_out_of_the_window_with_an_empty_buffer_the_viewer_joins_anew(self, live: Live) -> None:
        made = playing(live)
        made.handle(http_error(404, of_playlist=False, at=0.3), 0.4)  # 14 is given up
        made.handle(http_error(404, of_playlist=False, at=0.4), 0.5)  # 15 too
        made.handle(TimeReached(), 2.0)
        made.handle(TimeReached(), 2.3)
        assert made.state is State.STALLED
        actions = made.handle(PlaylistLoaded(0, live(first=20), started_at=2.0), 9.0)
        # The edge is at 12, less 6 of hold back, less 1 s for the stall (hls.js): 5, inside segment 22.
        assert SegmentsExpired(7, 9.0, 6) in records(actions)
        assert [action for action in actions if isinstance(action, FetchSegment)] == [segment(22, 9.0)]

    def test_a_sequence_that_began_anew_is_joined_anew(self, live: Live) -> None:
        made = playing(live)
        made.handle(SegmentLoaded(0), 0.3)
        made.handle(SegmentLoaded(0), 0.4)
        made.handle(TimeReached(), 2.0)
        actions = made.handle(PlaylistLoaded(0, live(first=0), started_at=2.0), 2.1)
        assert [action for action in actions if isinstance(action, FetchSegment)] == [segment(3, 2.1)]

    def test_a_leap_of_the_numbers_is_a_reset_and_nothing_expired(self, live: Live) -> None:
        made = playing(live)
        made.handle(SegmentLoaded(0), 0.3)
        made.handle(SegmentLoaded(0), 0.4)
        made.handle(TimeReached(), 2.0)
        actions = made.handle(PlaylistLoaded(0, live(first=1_700_000_000), started_at=2.0), 2.1)
        assert SequenceReset(7, 2.1) in records(actions)
        assert not any(isinstance(record, SegmentsExpired) for record in records(actions))
        assert [action for action in actions if isinstance(action, FetchSegment)] == [segment(1_700_000_003, 2.1)]

    def test_a_gap_is_passed_over(self, live: Live) -> None:
        text = live(first=10)
        made = viewer()
        made.handle(Start(), 0.0)
        segments = tuple(
            type(s)(**{name: getattr(s, name) for name in s.__struct_fields__} | {"gap": s.sequence == 13})
            for s in text.segments
        )
        gapped = type(text)(**{n: getattr(text, n) for n in text.__struct_fields__} | {"segments": segments})
        actions = made.handle(PlaylistLoaded(None, gapped, started_at=0.0), 0.1)
        assert actions[:2] == [Report(SegmentsPassed(7, 0.1, 1, PassReason.GAP)), segment(14, 0.1)]


class TestKeysAndInitSections:
    def test_both_are_fetched_once_before_the_first_segment_that_needs_them(self, live: Live) -> None:
        tags = '#EXT-X-MAP:URI="init.mp4"\n#EXT-X-KEY:METHOD=AES-128,URI="key.bin"'
        made = viewer()
        made.handle(Start(), 0.0)
        fetches = made.handle(PlaylistLoaded(None, live(segments=2, ended=True, tags=tags), started_at=0.0), 0.1)
        for at in (0.2, 0.3, 0.4):
            fetches += made.handle(SegmentLoaded(0), at)
        assert [(f.kind, f.url.rpartition("/")[2]) for f in fetches if isinstance(f, FetchSegment)] == [
            (ObjectKind.INIT, "init.mp4"),
            (ObjectKind.KEY, "key.bin"),
            (ObjectKind.SEGMENT, "seg-10.ts"),
            (ObjectKind.SEGMENT, "seg-11.ts"),
        ]

    def test_what_its_own_uri_holds_is_asked_of_nobody(self, live: Live) -> None:
        tags = '#EXT-X-MAP:URI="data:video/mp4;base64,AAAA"\n#EXT-X-KEY:METHOD=AES-128,URI="DATA:text/plain,k"'
        made = viewer()
        made.handle(Start(), 0.0)
        actions = made.handle(PlaylistLoaded(None, live(segments=1, ended=True, tags=tags), started_at=0.0), 0.1)
        assert actions == [segment(10, 0.1, key_method=KeyMethod.AES_128, has_init=True)]


class TestFailures:
    def test_a_404_on_the_first_playlist_is_fatal_at_once(self) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        failed = http_error(404, track=None, of_playlist=True, at=0.0)
        assert made.handle(failed, 0.1) == [
            Report(
                ViewerStopped(7, 0.1, EndReason.FAILED, False, failed.failure, MEDIA, ObjectKind.MULTIVARIANT_PLAYLIST)
            ),
            Stop(),
        ]

    def test_a_500_on_the_first_playlist_is_tried_once_more_after_a_second(self) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        assert made.handle(http_error(500, track=None, of_playlist=True, at=0.0), 0.1) == [Wait(1.1)]
        assert made.handle(TimeReached(), 1.1) == [playlist(1.1, None, retry=True), Wait(None)]
        made.handle(http_error(500, track=None, of_playlist=True, at=1.1), 1.2)
        assert made.state is State.FAILED

    def test_a_timeout_is_tried_again_at_once(self) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        timeout = FetchFailed(None, True, Failure(FailureKind.TOTAL_TIMEOUT, "no answer"), MEDIA, 0.0)
        assert made.handle(timeout, 20.0) == [playlist(20.0, None, retry=True)]

    def test_a_page_that_is_no_playlist_is_fatal(self) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        bad = Failure(FailureKind.BAD_PLAYLIST, "an HTML page")
        made.handle(FetchFailed(None, True, bad, MEDIA, 0.0), 0.1)
        assert made.state is State.FAILED

    def test_an_empty_live_playlist_is_fatal_after_its_retries(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        at = 0.1
        made.handle(PlaylistLoaded(None, live(segments=0), started_at=0.0), at)
        for wait in (1.0, 2.0):
            at += wait
            again = playlist(pytest.approx(at), retry=True)  # type: ignore[arg-type] # an approximate float
            assert again in made.handle(TimeReached(), at)
            made.handle(PlaylistLoaded(0, live(segments=0), started_at=at), at)
        assert made.state is State.FAILED

    def test_a_playlist_that_has_ended_without_segments_is_fatal_at_once(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        empty = PlaylistLoaded(None, live(segments=0, ended=True), started_at=0.0, url=MEDIA)
        (end,) = records(made.handle(empty, 0.1))
        assert isinstance(end, ViewerStopped)
        assert end.failure == Failure(FailureKind.EMPTY_PLAYLIST, "the playlist has no segments")
        assert (end.url, end.object, end.stream) == (MEDIA, ObjectKind.MEDIA_PLAYLIST, "")

    def test_a_stream_that_ends_with_nothing_to_play_is_a_failure_and_no_end(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        of_no_length = PlaylistLoaded(None, live(segments=2, duration=0.0, ended=True), started_at=0.0, url=MEDIA)
        assert made.handle(of_no_length, 0.1) == [segment(10, 0.1, media_seconds=0.0)]  # asked for all the same
        assert made.handle(SegmentLoaded(0), 0.2) == [segment(11, 0.2, media_seconds=0.0)]
        (end,) = records(made.handle(SegmentLoaded(0), 0.3))
        assert isinstance(end, ViewerStopped)
        assert (end.reason, end.played, end.url) == (EndReason.FAILED, False, MEDIA)
        assert end.failure is not None
        assert end.failure.kind is FailureKind.NOTHING_TO_PLAY

    @pytest.mark.parametrize("choice", ["highest", "lowest", "first", "random", "all", "3M", "720p"])
    def test_a_multivariant_playlist_without_a_variant_is_fatal(self, choice: str, multivariant: Multivariant) -> None:
        made = viewer(MASTER, choice)
        made.handle(Start(), 0.0)
        (end,) = records(made.handle(PlaylistLoaded(None, multivariant(audio=True), started_at=0.0, url=MASTER), 0.1))
        assert isinstance(end, ViewerStopped)
        assert end.failure == Failure(FailureKind.EMPTY_PLAYLIST, "the multivariant playlist lists no variant")
        assert (end.reason, end.url, end.object) == (EndReason.FAILED, MASTER, ObjectKind.MULTIVARIANT_PLAYLIST)

    def test_what_is_fatal_names_the_stream_it_belongs_to(self, multivariant: Multivariant) -> None:
        made = viewer(MASTER, "lowest")
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, multivariant(3_000_000, 1_000_000, audio=True), 0.0, url=MASTER), 0.1)
        wrong = PlaylistLoaded(0, multivariant(1_000), 0.1, url="http://origin/live/1000000.m3u8")
        (end,) = records(made.handle(wrong, 0.2))
        assert isinstance(end, ViewerStopped)
        assert (end.url, end.object) == ("http://origin/live/1000000.m3u8", ObjectKind.MEDIA_PLAYLIST)
        assert end.stream == "variant 2 of master.m3u8"

    def test_a_rendition_is_named_by_its_name(self, multivariant: Multivariant) -> None:
        made = viewer(MASTER)
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, multivariant(3_000_000, audio=True), 0.0, url=MASTER), 0.1)
        (end,) = records(made.handle(PlaylistLoaded(1, multivariant(1_000), 0.1, url="http://origin/a"), 0.2))
        assert isinstance(end, ViewerStopped)
        assert (end.url, end.stream) == ("http://origin/a", "audio rendition en of master.m3u8")

    def test_a_segment_is_tried_again_after_a_growing_wait(self, live: Live) -> None:
        made = playing(live)
        reset = Failure(FailureKind.CONNECTION_LOST, "connection reset")
        actions = made.handle(FetchFailed(0, False, reset, MEDIA, 0.3), 0.5)
        assert actions == [Wait(1.5)]
        assert segment(14, 1.5, retry=True) in made.handle(TimeReached(), 1.5)
        made.handle(FetchFailed(0, False, reset, MEDIA, 1.5), 1.6)
        assert made.buffer_seconds(2.0) == pytest.approx(0.2)

    def test_a_missing_live_segment_is_passed_over_like_a_gap(self, live: Live) -> None:
        made = playing(live)
        actions = made.handle(http_error(404, of_playlist=False, at=0.2), 0.3)
        assert actions == [Report(SegmentsPassed(7, 0.3, 1, PassReason.UNAVAILABLE)), segment(15, 0.3)]

    def test_more_missing_segments_in_a_row_than_the_limit_are_fatal(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, live(segments=12), started_at=0.0), 0.0)
        for nth in range(3):
            made.handle(http_error(404, of_playlist=False, at=0.1), 0.1 + nth / 10)
            assert made.state is State.STARTING
        made.handle(TimeReached(), 2.0)
        made.handle(PlaylistLoaded(0, live(first=11, segments=12), started_at=2.0), 2.1)
        now = 2.2
        for wait in (1, 2, 4, 8, 8, 8):  # nothing else is left: hls.js asks again even after a 4xx
            made.handle(http_error(404, of_playlist=False, at=now), now)
            assert made.state is State.STARTING
            now += wait
            made.handle(TimeReached(), now)
        made.handle(http_error(404, of_playlist=False, at=now), now)
        assert made.state is State.FAILED

    def test_a_missing_vod_segment_is_asked_for_again_and_then_fatal(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, live(ended=True), started_at=0.0), 0.1)
        now = 0.2
        for wait in (1, 2, 4, 8, 8, 8):
            made.handle(http_error(404, of_playlist=False, at=now), now)
            assert segment(10, now + wait, retry=True) in made.handle(TimeReached(), now + wait)
            now += wait
        made.handle(http_error(404, of_playlist=False, at=now), now)
        assert made.state is State.FAILED

    def test_a_playlist_that_fails_on_reload_is_tried_again_and_play_goes_on(self, live: Live) -> None:
        made = playing(live)
        made.handle(TimeReached(), 2.0)
        made.handle(http_error(503, of_playlist=True, at=2.0), 2.05)
        assert made.state is State.PLAYING
        made.handle(SegmentLoaded(0), 2.1)
        assert playlist(3.05, retry=True) in made.handle(TimeReached(), 3.05)


class TestLatency:
    def test_edge_and_live_latency_are_told_when_a_changed_playlist_arrives(self, live: Live) -> None:
        dated = "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:40Z"  # the first segment begins at 100 s
        made = viewer(wall_clock_offset=110.0)
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, live(tags=dated), started_at=0.0), 0.1)
        made.handle(SegmentLoaded(0), 0.2)  # segment 13, dated 106 to 108, plays from 0.2
        made.handle(SegmentLoaded(0), 0.3)
        made.handle(TimeReached(), 2.0)
        later = "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:42Z"
        observed = [
            record
            for record in records(made.handle(PlaylistLoaded(0, live(first=11, tags=later), started_at=2.0), 2.1))
            if isinstance(record, LatencyObserved)
        ]
        # At 2.1 the playhead is 1.9 s into segment 13: 107.9; the wall clock says 112.1; the edge is at 114.
        assert len(observed) == 1
        assert observed[0].live_seconds == pytest.approx(4.2)
        assert observed[0].edge_seconds == pytest.approx(6.1)
        assert observed[0].buffer_seconds == pytest.approx(2.1)


class TestEnd:
    def test_vod_ends_when_the_last_of_it_was_played(self, live: Live) -> None:
        made = viewer()
        made.handle(Start(), 0.0)
        made.handle(PlaylistLoaded(None, live(segments=2, ended=True), started_at=0.0), 0.1)
        made.handle(SegmentLoaded(0), 0.2)
        assert made.handle(SegmentLoaded(0), 0.3) == [Wait(4.2)]
        assert made.handle(TimeReached(), 4.201) == [
            Report(ViewerStopped(7, pytest.approx(4.2), EndReason.ENDED, True)),  # type: ignore[arg-type] # an approximate float
            Stop(),
        ]
        assert made.state is State.ENDED

    def test_quit_stops_at_once_and_for_good(self, live: Live) -> None:
        made = playing(live)
        assert made.handle(Quit(), 1.0) == [Report(ViewerStopped(7, 1.0, EndReason.QUIT, True)), Stop()]
        events: list[Event] = [Start(), TimeReached(), SegmentLoaded(0), Quit()]
        assert [made.handle(event, 2.0) for event in events] == [[], [], [], []]
