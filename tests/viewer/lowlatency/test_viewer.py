"""Viewers at the live edge: what they ask for and when, what they live through, what they say of the server."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.viewer.lowlatency.edge import PART, PER_SEGMENT, URL, Edge, playlist
from tests.viewer.world import Answer, World

from hls_swarm.hls.playlist import MediaPlaylist, RenditionReport
from hls_swarm.records import (
    EdgeFault,
    EdgeFaultSeen,
    FailureKind,
    LatencyObserved,
    LowLatencyPlayed,
    PartLoaded,
    SettingUnmet,
    StallStarted,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment
from hls_swarm.viewer.choosing.choice import Source
from hls_swarm.viewer.loading.requests import reload_fetch
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.lowlatency.place import Place
from hls_swarm.viewer.machine import State, Viewer
from hls_swarm.viewer.profiles import HLSJS, MEDIA3, SHAKA, STEADY, Profile
from hls_swarm.viewer.session import Intent, Pause, Seek, Session

PLAYERS = [pytest.param(profile, id=profile.name) for profile in (HLSJS, MEDIA3, SHAKA, STEADY)]
OFFSET = 1_000_000_000.0


def world(profile: Profile, edge: Edge) -> World:
    return World(Viewer(7, URL, profile, parse_variant("highest"), OFFSET), edge)


def faults(made: World) -> list[EdgeFault]:
    return [record.kind for record in made.records if isinstance(record, EdgeFaultSeen)]


def reloads(made: World) -> list[str]:
    return [action.url.removeprefix(URL) for _, action in made.asked if isinstance(action, FetchPlaylist)]


def media(made: World) -> list[str]:
    return [name for name in made.segments() if name != "init.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("profile", PLAYERS)
@given(phase=st.floats(0.0, 7.9), fetch=st.floats(0.001, 0.1))
def test_nobody_stalls_and_nothing_is_loaded_twice(profile: Profile, phase: float, fetch: float) -> None:
    edge = Edge(phase=phase, fetch_seconds=fetch)
    made = world(profile, edge).run(20.0)
    assert not [record for record in made.records if isinstance(record, StallStarted)]
    assert faults(made) == []
    asked = media(made)
    assert len(asked) == len(set(asked))
    parts = [tuple(map(int, name.removesuffix(".mp4").split("."))) for name in asked]
    covered = [(n[0], i) for n in parts for i in ([n[1]] if len(n) == 2 else range(PER_SEGMENT))]
    numbers = [segment * PER_SEGMENT + part for segment, part in covered]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "each part once, in order, none left out"
    assert numbers[-1] >= edge.published(20.0 - 2 * fetch) - 1


@pytest.mark.parametrize("profile", PLAYERS)
def test_the_next_reload_goes_out_at_once_and_is_held(profile: Profile) -> None:
    edge = Edge()
    made = world(profile, edge).run(6.0)
    assert reloads(made)[:3] == ["", "?_HLS_msn=10&_HLS_part=2&_HLS_skip=YES", "?_HLS_msn=10&_HLS_part=3&_HLS_skip=YES"]
    assert "?_HLS_msn=11&_HLS_part=0&_HLS_skip=YES" in reloads(made)
    assert len(reloads(made)) == pytest.approx(6.0 / PART + 1, abs=1)


@pytest.mark.parametrize(
    ("profile", "first"),
    [
        pytest.param(HLSJS, ["9.0.mp4", "9.1.mp4"], id="hlsjs: the last independent part before the position"),
        pytest.param(MEDIA3, ["9.0.mp4", "9.1.mp4"], id="media3: the same, from its first frame"),
        pytest.param(SHAKA, ["10.0.mp4", "10.1.mp4"], id="shaka: with the hinted part counted as there"),
        pytest.param(STEADY, ["9.0.mp4", "9.1.mp4"], id="steady"),
    ],
)
def test_play_begins_with_a_part_that_can_be_begun_with(profile: Profile, first: list[str]) -> None:
    # The edge is at 21.0 s, the position a PART-HOLD-BACK before it: 19.5 s, in part 3 of segment 9.
    assert media(world(profile, Edge()).run(0.3))[:2] == first


def test_any_part_will_do_where_all_are_independent() -> None:
    assert media(world(HLSJS, Edge(independent=1)).run(0.3))[0] == "9.3.mp4"


def test_the_latency_is_part_hold_back_to_the_millisecond() -> None:
    made = world(HLSJS, Edge(fetch_seconds=0.001)).run(10.0)
    seen = [record for record in made.records if isinstance(record, LatencyObserved)]
    # The position was chosen when the playlist was here, and play began when the parts up to it were.
    assert seen[-1].live_seconds == pytest.approx(1.5 + 0.001 + 0.005, abs=0.002)
    assert max(s.live_seconds or 0 for s in seen) - min(s.live_seconds or 0 for s in seen) < 0.002


def test_media3_begins_with_a_frame_it_can_and_catches_up() -> None:
    made = world(MEDIA3, Edge()).run(30.0)
    seen = [record.live_seconds for record in made.records if isinstance(record, LatencyObserved)]
    assert seen[0] is not None
    assert seen[0] > 2.9
    assert seen[-1] == pytest.approx(seen[0] - 0.03 * 29, abs=0.1)


@pytest.mark.parametrize("profile", [MEDIA3, SHAKA, STEADY], ids=["media3", "shaka", "steady"])
def test_hinted_parts_are_asked_for_before_they_are_there(profile: Profile) -> None:
    made = world(profile, Edge()).run(10.0)
    hinted = [action for _, action in made.asked if isinstance(action, FetchSegment) and action.hinted]
    met = [record for record in made.records if isinstance(record, PartLoaded) and record.hinted]
    assert len(hinted) - len(met) in {0, 1}  # the last one is under way
    assert len(met) >= 18
    assert {action.media_seconds for action in hinted} == {PART}
    assert all(record.age_seconds == pytest.approx(0.005, abs=1e-6) for record in met)


def test_hlsjs_asks_for_no_hint_and_gets_each_part_when_it_is_listed() -> None:
    made = world(HLSJS, Edge()).run(10.0)
    assert not [action for _, action in made.asked if isinstance(action, FetchSegment) and action.hinted]
    ages = [r.age_seconds for r in made.records if isinstance(r, PartLoaded) and r.age_seconds is not None]
    assert ages
    assert all(age == pytest.approx(0.01, abs=1e-6) for age in ages)


def test_a_hint_that_does_not_come_true_is_given_up() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        if isinstance(action, FetchPlaylist) and isinstance(answer.playlist, MediaPlaylist) and 3.0 < now < 4.0:
            parts = answer.playlist.next_sequence * PER_SEGMENT + len(answer.playlist.open_parts)
            return replace(answer, playlist=playlist(parts, hint="99.0.mp4"))
        if action.url.endswith("99.0.mp4"):
            return Answer(0.6, 404)
        return answer

    made = world(STEADY, Edge(alters)).run(10.0)
    assert EdgeFault.HINT_LOST in faults(made)
    assert set(faults(made)) == {EdgeFault.HINT_LOST}
    assert len(set(media(made))) == len(media(made))
    assert not [record for record in made.records if isinstance(record, StallStarted)]


@pytest.mark.parametrize(
    ("profile", "status", "fault", "then"),
    [
        pytest.param(STEADY, 503, EdgeFault.UNAVAILABLE, 0.0, id="steady: plain at once"),
        pytest.param(MEDIA3, 400, EdgeFault.REFUSED, 0.0, id="media3: plain at once"),
        pytest.param(HLSJS, 503, EdgeFault.UNAVAILABLE, 1.0, id="hlsjs: plain after a second"),
        pytest.param(HLSJS, 400, EdgeFault.REFUSED, 1.0, id="hlsjs: with nowhere to go, the same after 400"),
    ],
)
def test_a_reload_that_is_refused_is_followed_by_a_plain_one(
    profile: Profile, status: int, fault: EdgeFault, then: float
) -> None:
    failed: list[float] = []

    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        if isinstance(action, FetchPlaylist) and now > 3.0 and not failed:
            failed.append(now)
            return Answer(0.25, status)
        return answer

    made = world(profile, Edge(alters)).run(8.0)
    assert faults(made)[:1] == [fault]
    at, again = next((at, a) for at, a in made.asked if isinstance(a, FetchPlaylist) and at > failed[0])
    assert again.url == URL
    assert at == pytest.approx(failed[0] + 0.25 + then)
    assert not made.stopped


def test_an_answer_without_what_was_waited_for_is_told_and_hlsjs_reloads_plainly() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        return replace(answer, seconds=0.005, playlist=playlist(48)) if now > 3.0 and answer.playlist else answer

    made = world(HLSJS, Edge(alters)).run(8.0)
    assert EdgeFault.NOT_HELD in faults(made)
    assert reloads(made)[-1] == "?_HLS_skip=YES"
    at = [at for at, action in made.asked if isinstance(action, FetchPlaylist)]
    assert at[-1] - at[-2] == pytest.approx(1.0, abs=0.01)  # half a target duration


def test_a_delta_that_does_not_fit_is_asked_for_again_without_skip() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        misfits = isinstance(action, FetchPlaylist) and "skip" in action.url and 3.0 < now < 3.4
        return replace(answer, kind=FailureKind.BAD_DELTA) if misfits else answer

    for profile, again in ((HLSJS, "?_HLS_msn=12&_HLS_part=0"), (STEADY, "")):
        made = world(profile, Edge(alters)).run(5.0)
        assert faults(made) == [EdgeFault.DELTA_MISFIT]
        asked = reloads(made)
        assert asked[asked.index("?_HLS_msn=12&_HLS_part=0&_HLS_skip=YES") + 1] == again


def test_a_part_that_comes_late_is_told_and_no_hlsjs_waits_for_it_for_ever() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        is_late = isinstance(action, FetchPlaylist) and 3.0 < now < 3.4
        return replace(answer, seconds=answer.seconds + 0.8) if is_late else answer

    assert faults(world(HLSJS, Edge(alters)).run(6.0)) == [EdgeFault.LATE]


def test_parts_that_can_not_be_had_are_made_up_for_by_their_segment() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        return Answer(0.005, 404) if action.url.endswith("12.1.mp4") else answer

    made = world(STEADY, Edge(alters)).run(10.0)
    assert media(made).count("12.1.mp4") == 2  # hinted at, and listed
    assert media(made).index("12.mp4") == media(made).index("12.1.mp4") + 2
    assert not made.stopped


@pytest.mark.parametrize("profile", PLAYERS)
def test_an_ordinary_stream_whose_server_blocks_is_reloaded_by_segment(profile: Profile) -> None:
    edge = Edge(server="CAN-BLOCK-RELOAD=YES", with_parts=False)
    made = world(profile, edge).run(9.9)
    assert reloads(made)[:3] == ["", "?_HLS_msn=10", "?_HLS_msn=11"]
    assert not [record for record in made.records if isinstance(record, LowLatencyPlayed)]
    assert all("." not in name.removesuffix(".mp4") for name in media(made))


def test_who_wants_low_latency_is_told_why_there_is_none() -> None:
    wanting = replace(HLSJS, wants_low_latency=True)
    plain = world(wanting, Edge(server="HOLD-BACK=6.0", with_parts=False)).run(3.0)
    said = [record.words for record in plain.records if isinstance(record, SettingUnmet)]
    assert said == ["the stream has no parts (EXT-X-PART-INF): played the usual way"]
    unable = world(wanting, Edge(server="PART-HOLD-BACK=1.5")).run(3.0)
    assert "no CAN-BLOCK-RELOAD" in next(r.words for r in unable.records if isinstance(r, SettingUnmet))


def test_who_plays_the_usual_way_sends_no_directive() -> None:
    made = world(replace(HLSJS, low_latency=None), Edge()).run(6.0)
    assert set(reloads(made)) == {""}
    assert all("." not in name.removesuffix(".mp4") for name in media(made))


@pytest.mark.parametrize(
    ("profile", "query"),
    [
        pytest.param(HLSJS, "?_HLS_msn=10&_HLS_part=1", id="hlsjs: what the report says"),
        pytest.param(STEADY, "?_HLS_msn=10&_HLS_part=1", id="steady: the same"),
        pytest.param(SHAKA, "", id="shaka: plainly"),
    ],
)
def test_a_switch_begins_with_what_was_reported_of_the_other_playlist(profile: Profile, query: str) -> None:
    other = "http://origin/ll/low.m3u8"
    track = Track(Source(URL))
    assert profile.low_latency is not None
    track.low_latency = Place(profile.low_latency)
    track.playlist = structs.replace(playlist(42), rendition_reports=(RenditionReport(other, 10, 1),))
    track.switch(Source(other))
    assert reload_fetch(track, 0, 0.0, profile.media_playlist, None).url == other + query


@pytest.mark.parametrize("profile", PLAYERS)
def test_pauses_and_seeks_leave_a_viewer_that_plays(profile: Profile) -> None:
    intents = [Intent(3.0, Pause(5.0)), Intent(4.0, Seek(-6.0)), Intent(3.0, Seek(None)), Intent(2.0, Pause(30.0))]
    session = Session(intents=iter(intents))
    made = World(Viewer(7, URL, profile, parse_variant("highest"), OFFSET, session=session), Edge()).run(90.0)
    assert not made.stopped
    assert made.viewer.state is State.PLAYING
    assert made.viewer.buffer_seconds(made.now) > 0
