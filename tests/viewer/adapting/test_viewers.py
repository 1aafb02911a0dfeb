"""Viewers that adapt, on scripted links: what they ask for, and why they change."""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.viewer.world import Answer, World

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.records import SwitchReason, VariantChosen, ViewerStopped
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment, Quit
from hls_swarm.viewer.machine import State, Viewer
from hls_swarm.viewer.profiles import PROFILES
from hls_swarm.viewer.session import Session

MASTER = "http://origin/master.m3u8"
LADDER = (600, 1500, 3000, 6000)  # kbit/s
SECONDS = 4
Rate = Callable[[float], float]
"""Bits per second at an instant."""


@lru_cache
def multivariant(ladder: tuple[int, ...] = LADDER, audio: bool = False) -> MultivariantPlaylist:
    tag = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a{0}",NAME="en",DEFAULT=YES,URI="audio-{0}/p.m3u8"'
    lines = ["#EXTM3U", *(tag.format(kilobits) for kilobits in ladder if audio)]
    for kilobits in ladder:
        group = f',AUDIO="a{kilobits}"' if audio else ""
        rates = f"BANDWIDTH={kilobits}000,AVERAGE-BANDWIDTH={kilobits * 9 // 10}000"
        picture = f'CODECS="avc1.4d401e,mp4a.40.2",RESOLUTION={kilobits}x{kilobits}'
        lines += [f"#EXT-X-STREAM-INF:{rates},{picture}{group}", f"{kilobits}/p.m3u8"]
    playlist = parse_playlist("\n".join([*lines, ""]).encode(), MASTER)
    assert isinstance(playlist, MultivariantPlaylist)
    return playlist


@lru_cache(8192)
def media(url: str, first: int, count: int, live: bool, independent: bool = True) -> MediaPlaylist:
    lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{SECONDS}", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    if independent:
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    if not live:
        lines.append("#EXT-X-PLAYLIST-TYPE:VOD")
    for number in range(first, first + count):
        if live:
            minute, second = divmod(number * SECONDS, 60)
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:2026-01-31T{10 + minute // 60}:{minute % 60:02}:{second:02}.000Z")
        lines += [f"#EXTINF:{SECONDS}.0,", f"seg-{number}.ts"]
    if not live:
        lines.append("#EXT-X-ENDLIST")
    playlist = parse_playlist("\n".join([*lines, ""]).encode(), url)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def kilobits_of(url: str) -> int:
    return int(url.split("/")[-2].rpartition("-")[2])


def number_of(url: str) -> int:
    return int(url.rpartition("-")[2].removesuffix(".ts"))


def transfer_seconds(rate: Rate, began: float, bits: float) -> float:
    at = began
    while bits > 1 and at < began + 600:
        step = min(0.05, bits / rate(at))
        bits -= rate(at) * step
        at += step
    return at - began


def world(
    rate: Rate,
    *,
    profile: str = "hlsjs",
    live: bool = False,
    ladder: tuple[int, ...] = LADDER,
    audio: bool = False,
    independent: bool = True,
    status: Callable[[FetchPlaylist | FetchSegment, float], int | None] = lambda action, now: 200,
    check: Callable[[World], None] = lambda world: None,
) -> World:
    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        answered = status(action, now)
        if answered != 200:
            return Answer(0.05, answered)
        if isinstance(action, FetchSegment):
            share = 0.1 if "audio" in action.url else 0.9
            bits = kilobits_of(action.url) * 1000 * share * SECONDS
            return Answer(0.05 + transfer_seconds(rate, now + 0.05, bits), size_bytes=int(bits / 8), ttfb_seconds=0.05)
        if action.url == MASTER:
            return Answer(0.05, playlist=multivariant(ladder, audio))
        first = int(now // SECONDS) if live else 0
        return Answer(0.05, playlist=media(action.url, first, 6 if live else 60, live, independent))

    viewer = Viewer(0, MASTER, PROFILES[profile], parse_variant("auto"), link_bps=rate(0))
    return World(viewer, origin, check=check)


def chosen(world: World) -> list[tuple[SwitchReason | None, int]]:
    return [
        (record.reason, (record.bitrate_bps or 0) // 1000)
        for record in world.records
        if isinstance(record, VariantChosen)
    ]


def segments(world: World) -> list[tuple[int, int]]:
    """Kilobits and number of every main segment asked for."""
    return [
        (kilobits_of(action.url), number_of(action.url))
        for _, action in world.asked
        if isinstance(action, FetchSegment) and "audio" not in action.url
    ]


def steps(*parts: tuple[float, float]) -> Rate:
    """Mbit/s from an instant on."""
    return lambda now: next(rate for at, rate in reversed(parts) if now >= at) * 1e6


@pytest.mark.parametrize("live", [False, True], ids=["on demand", "live"])
@pytest.mark.parametrize("profile", ["hlsjs", "media3", "shaka"])
def test_a_good_link_leads_to_the_top_and_stays_there(profile: str, live: bool) -> None:
    seen = world(steps((0, 20)), profile=profile, live=live).run(60)
    assert segments(seen)[-1][0] == 6000
    assert chosen(seen)[0][0] is SwitchReason.START
    kilobits = [kilobits for _, kilobits in chosen(seen)]
    if not live and profile != "shaka":
        assert kilobits == sorted(kilobits)
    assert seen.abandoned == []


@pytest.mark.parametrize("live", [False, True], ids=["on demand", "live"])
@pytest.mark.parametrize("profile", ["hlsjs", "media3", "shaka"])
def test_a_link_that_gets_narrow_leads_down(profile: str, live: bool) -> None:
    seen = world(steps((0, 12), (60, 1)), profile=profile, live=live).run(200)
    assert max(kilobits for kilobits, _ in segments(seen)) == 6000
    assert segments(seen)[-1][0] == 600


def test_segments_follow_each_other_across_changes() -> None:
    seen = world(steps((0, 2), (30, 9), (70, 1.2), (110, 5))).run(200)
    numbers = [number for _, number in segments(seen)]
    assert len({kilobits for kilobits, _ in segments(seen)}) > 2
    assert sorted(set(numbers)) == list(range(numbers[0], max(numbers) + 1))


def repeated(seen: World) -> list[tuple[int, int, int]]:
    """Where a change loads the last segment again: which one, and the kilobits before and after."""
    order = segments(seen)
    pairs = pairwise(order)
    return [(number, before, after) for (before, was), (after, number) in pairs if before != after and was == number]


def changes(seen: World) -> list[tuple[int, int, int]]:
    """The last segment before each change, and the kilobits before and after."""
    pairs = pairwise(segments(seen))
    return [(was, before, after) for (before, was), (after, _) in pairs if before != after]


def repeats_by_sound(seen: World) -> list[tuple[int, int, int]]:
    """The changes before which sound ends early: eight seconds are 375 frames of it, four half a frame less."""
    began, out = segments(seen)[0][1] % 2, []
    for change in changes(seen):
        if (change[0] + 1) % 2 > began:
            out.append(change)
            began = change[0] % 2
    return out


def test_hlsjs_loads_the_last_segment_again_after_a_change_where_sound_ends_early() -> None:
    early, all_of_them = 0, 0
    for up_at in range(12, 24, 4):
        seen = world(steps((0, 1), (up_at, 5), (70, 0.7), (120, 6)), ladder=(600, 1500)).run(230)
        assert repeated(seen) == repeats_by_sound(seen)
        assert seen.viewer.stalls == 0
        early, all_of_them = early + len(repeated(seen)), all_of_them + len(changes(seen))
    assert 0 < early < all_of_them


def test_hlsjs_live_sound_is_counted_from_the_first_segment_played() -> None:
    early, all_of_them = 0, 0
    for begins_at in (0.0, 4.0):
        for up_at in (18, 22):
            seen = world(steps((0, 1), (up_at, 5), (90, 0.7)), ladder=(600, 1500), live=True)
            seen.now = begins_at
            seen.run(begins_at + 160)
            assert repeated(seen) == repeats_by_sound(seen)
            early, all_of_them = early + len(repeated(seen)), all_of_them + len(changes(seen))
    assert 0 < early < all_of_them


def test_hlsjs_goes_straight_up_from_the_first_segment() -> None:
    seen = world(steps((0, 20)), ladder=(600, 1500, 6000)).run(20)
    assert segments(seen)[:3] == [(600, 0), (6000, 1), (6000, 2)]


def test_hlsjs_loads_nothing_again_where_sound_is_apart() -> None:
    seen = world(steps((0, 1), (20, 5), (90, 0.7)), ladder=(600, 1500), audio=True).run(160)
    assert len({kilobits for kilobits, _ in segments(seen)}) == 2
    assert repeated(seen) == []


def test_live_segments_follow_each_other_across_changes() -> None:
    seen = world(steps((0, 2), (30, 9), (70, 1.2), (110, 5)), live=True).run(200)
    numbers = [number for _, number in segments(seen)]
    assert len({kilobits for kilobits, _ in segments(seen)}) > 2
    assert sorted(set(numbers)) == list(range(numbers[0], max(numbers) + 1))


def test_on_demand_a_playlist_is_loaded_once() -> None:
    seen = world(steps((0, 2), (30, 9), (70, 1.2), (110, 5))).run(240)
    playlists = [action.url for _, action in seen.asked if isinstance(action, FetchPlaylist)]
    assert len(playlists) == len(set(playlists))


def test_a_live_change_loads_the_playlist_and_then_the_segment() -> None:
    seen = world(steps((0, 0.9), (20, 20)), live=True).run(80)
    last = 0
    for _, action in seen.asked:
        if action.url == MASTER:
            continue
        if isinstance(action, FetchSegment):
            assert kilobits_of(action.url) == last
        else:
            last = kilobits_of(action.url)


def test_a_segment_that_comes_too_slowly_is_given_up() -> None:
    seen = world(steps((0, 12), (40, 0.2))).run(120)
    assert seen.abandoned
    assert (SwitchReason.ABANDONED, 600) in chosen(seen)
    given_up = number_of(seen.abandoned[0])
    again = [kilobits for kilobits, number in segments(seen) if number == given_up]
    assert again[0] > again[-1]


def test_two_levels_never_give_up_a_segment() -> None:
    seen = world(steps((0, 12), (40, 0.35)), ladder=(600, 6000)).run(120)
    assert seen.abandoned == []


def test_a_live_segment_goes_on_until_the_other_playlist_is_here() -> None:
    seen = world(steps((0, 12), (40, 0.2)), live=True).run(160)
    if not seen.abandoned:
        pytest.fail("nothing was given up")
    given_up = seen.abandoned[0]
    times = [at for at, action in seen.asked if action.url == given_up]
    asked_after = [(at, action) for at, action in seen.asked if at > times[0]]
    assert any(isinstance(action, FetchPlaylist) for _, action in asked_after)


def test_audio_follows() -> None:
    seen = world(steps((0, 2), (30, 20)), audio=True).run(80)
    audio = {kilobits_of(action.url) for _, action in seen.asked if "audio" in action.url}
    video = {kilobits for kilobits, _ in segments(seen)}
    assert len(video) > 1
    assert audio == video


def test_a_level_that_fails_is_left_and_stays_out() -> None:
    def status(action: FetchPlaylist | FetchSegment, now: float) -> int | None:
        return 404 if "/3000/seg" in action.url else 200

    seen = world(steps((0, 4.6)), status=status).run(120)
    assert (SwitchReason.FAILED, 1500) in chosen(seen)
    after = [kilobits for kilobits, _ in segments(seen)]
    assert after.count(3000) == 1


def test_media3_loads_the_first_listed_playlist_before_it_chooses() -> None:
    seen = world(steps((0, 9)), profile="media3", ladder=(3000, 600, 6000, 1500)).run(5)
    playlists = [action.url for _, action in seen.asked if isinstance(action, FetchPlaylist)]
    assert [kilobits_of(url) for url in playlists[1:3]] == [3000, 600]
    assert segments(seen)[0][0] == 600


def test_media3_loads_a_segment_again_where_they_depend_on_each_other() -> None:
    seen = world(steps((0, 9)), profile="media3", independent=False).run(40)
    numbers = [number for _, number in segments(seen)]
    changes = sum(a != b for (a, _), (b, _) in zip(segments(seen), segments(seen)[1:], strict=False))
    assert changes > 0
    assert len(numbers) - len(set(numbers)) == changes
    assert seen.viewer.stalls == 0


@pytest.mark.parametrize("live", [False, True], ids=["on demand", "live"])
def test_shaka_asks_again_in_the_new_variant_for_what_was_on_its_way_or_had_just_come(live: bool) -> None:
    seen = world(steps((0, 1), (20, 90), (60, 1)), profile="shaka", live=live).run(140)
    order = segments(seen)
    changes = [(a, b) for a, b in pairwise(order) if a[0] != b[0]]
    assert {after[0] for _, after in changes} >= {6000, 600}
    assert all(before[1] == after[1] for before, after in changes)
    ended = {(kilobits_of(url), number_of(url)) for url in seen.abandoned}
    came_whole = [before for before, _ in changes if before not in ended]
    assert ended
    assert came_whole
    numbers = [number for _, number in order]
    assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))


def fails(kilobits: int, since: float, until: float) -> Callable[[FetchPlaylist | FetchSegment, float], int]:
    """Segments of one variant can not be had for a while."""

    def status(action: FetchPlaylist | FetchSegment, now: float) -> int:
        here = isinstance(action, FetchSegment) and kilobits_of(action.url) == kilobits
        return 503 if here and since <= now < until else 200

    return status


def test_shaka_takes_the_lowest_that_is_left_where_none_fits_and_comes_back_after_thirty_seconds() -> None:
    seen = world(steps((0, 0.9)), profile="shaka", status=fails(600, 1.0, 20.0)).run(60)
    assert chosen(seen)[:3] == [
        (SwitchReason.START, 600),
        (SwitchReason.FAILED, 1500),
        (SwitchReason.ABANDONED, 600),
    ]
    asked = [(at, action.url) for at, action in seen.asked if isinstance(action, FetchSegment)]
    left_at = next(at for at, url in asked if "/1500/" in url)
    assert next(at for at, url in asked if "/600/" in url and at > left_at) == pytest.approx(left_at + 30, abs=0.2)


def test_shaka_goes_down_by_its_estimate_where_the_highest_fails_and_up_again_after_thirty_seconds() -> None:
    seen = world(steps((0, 20)), profile="shaka", live=True, status=fails(6000, 9.0, 30.0)).run(60)
    assert [kilobits for _, kilobits in chosen(seen)] == [6000, 3000, 6000]
    assert chosen(seen)[1][0] is SwitchReason.FAILED


def test_shakas_waits_are_drawn_one_after_the_other() -> None:
    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        if isinstance(action, FetchSegment):
            return Answer(0.1, 503)
        return Answer(0.1, playlist=multivariant((600,)) if action.url == MASTER else media(action.url, 0, 60, False))

    drawn = [0.0, 0.75, 0.5]
    session = Session(retry_draw=lambda nth: drawn[nth - 1])
    seen = World(Viewer(0, MASTER, PROFILES["shaka"], parse_variant("auto"), session=session), origin).run(10)
    asked = [at for at, action in seen.asked if isinstance(action, FetchSegment)]
    assert asked == [pytest.approx(0.2), pytest.approx(0.2 + 0.1 + 0.5)]
    stopped = next(record for record in seen.records if isinstance(record, ViewerStopped))
    assert stopped.at == pytest.approx(0.8 + 0.1 + 1.25)


def test_media3_takes_what_fits_where_its_variant_fails() -> None:
    seen = world(steps((0, 1.5)), profile="media3", status=fails(600, 1.0, 20.0)).run(30)
    assert chosen(seen)[1] == (SwitchReason.FAILED, 1500)


@pytest.mark.parametrize(("looks_into_first", "adapts"), [(True, True), (False, True), (False, False)])
def test_shaka_asks_for_a_key_once_the_segment_that_needs_it_is_here(looks_into_first: bool, adapts: bool) -> None:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for number in range(4):
        if number % 2 == 0:
            lines.append(f'#EXT-X-KEY:METHOD=AES-128,URI="key-{number}.bin"')
        lines += ["#EXTINF:4,", f"seg-{number}.ts"]
    playlist = parse_playlist("\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode(), "http://origin/600/p.m3u8")
    presentation = multivariant((600,))
    if not looks_into_first:
        presentation = msgspec.structs.replace(
            presentation,
            variants=tuple(msgspec.structs.replace(v, no_closed_captions=True) for v in presentation.variants),
        )

    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        if isinstance(action, FetchSegment):
            return Answer(0.1, size_bytes=1000)
        return Answer(0.1, playlist=presentation if action.url == MASTER else playlist)

    viewer = Viewer(0, MASTER, PROFILES["shaka"], parse_variant("auto" if adapts else "highest"))
    seen = World(viewer, origin).run(30)
    asked = [action.url.rpartition("/")[2] for _, action in seen.asked if isinstance(action, FetchSegment)]
    assert asked == ["seg-0.ts", "key-0.bin", "seg-1.ts", "seg-2.ts", "key-2.bin", "seg-3.ts"]
    assert seen.viewer.state is State.ENDED
    assert seen.viewer.stalls == 0


@pytest.mark.parametrize(("live", "ends"), [(False, True), (True, False)], ids=["on demand", "live"])
def test_two_failures_of_sound_in_a_row_are_shakas_end_on_demand(live: bool, ends: bool) -> None:
    def status(action: FetchPlaylist | FetchSegment, now: float) -> int:
        return 503 if isinstance(action, FetchSegment) and "audio" in action.url and 5.0 <= now < 8.0 else 200

    seen = world(steps((0, 0.9)), profile="shaka", audio=True, ladder=(600, 1500), live=live, status=status).run(60)
    assert (seen.viewer.state is State.FAILED) is ends
    late = [at for at, action in seen.asked if isinstance(action, FetchSegment) and "audio" in action.url and at > 8.0]
    assert bool(late) is not ends


def test_shaka_lets_sound_run_ahead_of_the_picture_by_no_more_than_a_segment() -> None:
    apart = [0.0]

    def check(world: World) -> None:
        credited = [track.credited for track in world.viewer.loading.tracks]
        apart.append(max(credited, default=0.0) - min(credited, default=0.0))

    world(steps((0, 0.9)), profile="shaka", audio=True, ladder=(600,), check=check).run(60)
    assert max(apart) == SECONDS


def test_shaka_fetches_ahead_of_what_it_looked_into_whatever_its_sound_has() -> None:
    seen = world(steps((0, 20)), profile="shaka", audio=True, ladder=(600,)).run(4)
    asked = [(at, action.url) for at, action in seen.asked if isinstance(action, FetchSegment)]
    first, sound, second = asked[:3]
    assert [first[1], {sound[1], second[1]}] == [
        "http://origin/600/seg-0.ts",
        {"http://origin/audio-600/seg-0.ts", "http://origin/600/seg-1.ts"},
    ]
    assert sound[0] == second[0]


def test_shaka_ends_a_segment_on_its_way_for_what_sound_tells_of_the_link() -> None:
    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        if isinstance(action, FetchSegment):
            sound = "audio" in action.url
            # Of sound the second segment is the first that is trusted; of the picture one is on its way then.
            size = (100_000 if "seg-0" in action.url else 800_000) if sound else 600_000
            return Answer(0.8 if sound else 3.0, size_bytes=size, ttfb_seconds=0.01 if sound else 2.9)
        if action.url == MASTER:
            return Answer(0.05, playlist=multivariant(LADDER, True))
        return Answer(0.05, playlist=media(action.url, 0, 60, False))

    seen = World(Viewer(0, MASTER, PROFILES["shaka"], parse_variant("auto"), link_bps=1e6), origin).run(5.0)
    assert chosen(seen) == [(SwitchReason.START, 600), (SwitchReason.ABANDONED, 3000)]
    assert [url.split("/")[-2] for url in seen.abandoned] == ["600"]


def test_shaka_changes_at_most_each_eight_seconds_after_the_first() -> None:
    seen = world(lambda now: (20.0 if now // 5 % 2 else 0.7) * 1e6, profile="shaka").run(200)
    at = [record.at for record in seen.records if isinstance(record, VariantChosen)]
    assert len(at) > 4
    assert all(later - earlier >= 8.0 - 1e-6 for earlier, later in pairwise(at[1:]))


def test_a_player_that_does_not_adapt_plays_the_highest() -> None:
    assert {kilobits for kilobits, _ in segments(world(steps((0, 20)), profile="ffmpeg").run(10))} == {6000}


links = st.lists(st.floats(0.1, 30.0), min_size=1, max_size=8)


@pytest.mark.parametrize("profile", ["hlsjs", "media3", "shaka"])
@given(rates=links, live=st.booleans(), audio=st.booleans(), failing=st.sampled_from([None, 1500, 6000]))
@settings(max_examples=25, deadline=None)
def test_no_change_without_a_reason_and_no_buffer_below_nothing(
    profile: str, rates: list[float], live: bool, audio: bool, failing: int | None
) -> None:
    def status(action: FetchPlaylist | FetchSegment, now: float) -> int | None:
        return 503 if failing is not None and f"/{failing}/" in action.url and now % 40 > 25 else 200

    def check(world: World) -> None:
        assert world.viewer.buffer_seconds(world.now) >= 0.0

    seen = world(
        lambda now: rates[int(now // 15) % len(rates)] * 1e6,
        profile=profile,
        live=live,
        audio=audio,
        status=status,
        check=check,
    ).run(120)
    known: set[int] = set()
    current = None
    events = sorted(
        [(record.at, 0, record) for record in seen.records if isinstance(record, VariantChosen)]
        + [(at, 1, action) for at, action in seen.asked if isinstance(action, FetchSegment)],
        key=lambda event: event[:2],
    )
    for _, _, event in events:
        if isinstance(event, VariantChosen):
            assert event.reason is not None
            assert event.bitrate_bps is not None
            current = event.bitrate_bps // 1000
            known.add(current)
        elif "audio" not in event.url:
            assert kilobits_of(event.url) in known
    if not seen.stopped:
        seen.give(Quit())
    assert seen.viewer.state in {State.QUIT, State.ENDED, State.FAILED}
    assert sum(isinstance(record, ViewerStopped) for record in seen.records) == 1


@pytest.mark.parametrize("live", [False, True], ids=["on demand", "live"])
@pytest.mark.parametrize("profile", ["hlsjs", "media3", "shaka"])
def test_levels_that_declare_no_bandwidth_are_played_all_the_same(profile: str, live: bool) -> None:
    link = steps((0, 20), (8, 0.02), (40, 20))
    master = b"#EXTM3U\n" + b"".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH=0,RESOLUTION={16 * nth}x{9 * nth}\n{rate}/media.m3u8\n".encode()
        for nth, rate in enumerate(LADDER, 1)
    )
    playlist = parse_playlist(master, MASTER)
    assert isinstance(playlist, MultivariantPlaylist)

    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        if action.url == MASTER:
            return Answer(0.05, playlist=playlist)
        if isinstance(action, FetchSegment):
            bits = kilobits_of(action.url) * 1000 * SECONDS
            return Answer(0.05 + transfer_seconds(link, now, bits), size_bytes=int(bits / 8), ttfb_seconds=0.05)
        return Answer(0.05, playlist=media(action.url, int(now // SECONDS) if live else 0, 6 if live else 60, live))

    viewer = Viewer(0, MASTER, PROFILES[profile], parse_variant("auto"))
    seen = World(viewer, origin).run(90)
    assert viewer.played
    assert len(segments(seen)) > 10
