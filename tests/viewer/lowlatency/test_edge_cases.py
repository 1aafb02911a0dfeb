"""What few streams have and every origin may have: init sections that change, old answers, other variants' reports."""

from dataclasses import replace

import pytest
from msgspec import structs
from tests.viewer.conftest import multivariant
from tests.viewer.lowlatency.edge import PART, URL, Edge, playlist
from tests.viewer.world import Answer, World

from hls_swarm.hls.playlist import MediaPlaylist, RenditionReport
from hls_swarm.records import EdgeFault, EdgeFaultSeen, SettingUnmet, StallStarted
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS, MEDIA3, SHAKA, STEADY, Profile

PLAYERS = [pytest.param(profile, id=profile.name) for profile in (HLSJS, MEDIA3, SHAKA, STEADY)]
MASTER = "http://origin/live/master.m3u8"


def world(profile: Profile, edge: Edge, url: str = URL) -> World:
    return World(Viewer(7, url, profile, parse_variant("highest"), 1_000_000_000.0), edge)


def queries(made: World) -> list[str]:
    return [action.url.removeprefix(URL) for _, action in made.asked if isinstance(action, FetchPlaylist)]


@pytest.mark.parametrize("profile", [SHAKA, STEADY], ids=["shaka", "steady"])
def test_a_hinted_init_section_is_asked_for_before_its_first_part(profile: Profile) -> None:
    made = world(profile, Edge(second_init=12)).run(8.0)
    asked = made.segments()
    at = asked.index("second.mp4")
    assert asked[at - 1 : at + 3] == ["11.3.mp4", "second.mp4", "12.0.mp4", "12.1.mp4"]
    assert asked.count("init.mp4") == asked.count("second.mp4") == 1
    hinted = [a for _, a in made.asked if isinstance(a, FetchSegment) and a.url.endswith(("second.mp4", "12.0.mp4"))]
    assert [(fetch.hinted, fetch.media_seconds) for fetch in hinted] == [(True, None), (True, PART)]
    # Part 12.0 is there at 3.5 s; both were asked for when the part before it was listed.
    (at_seconds,) = (t for t, a in made.asked if a.url.endswith("second.mp4"))
    assert at_seconds == pytest.approx(3.0, abs=0.06)
    assert not [record for record in made.records if isinstance(record, StallStarted | EdgeFaultSeen)]


@pytest.mark.parametrize("profile", [HLSJS, MEDIA3], ids=["hlsjs", "media3"])
def test_who_asks_for_no_hinted_init_section_asks_for_it_while_its_first_segment_is_made(profile: Profile) -> None:
    made = world(profile, Edge(second_init=12)).run(8.0)
    asked = made.segments()
    assert asked.count("second.mp4") == 1
    assert asked.index("second.mp4") < asked.index("12.1.mp4")


def test_a_hinted_init_section_that_does_not_come_is_given_up_and_asked_for_again_when_it_is_listed() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        return Answer(0.02, 404) if action.url.endswith("second.mp4") and now < 3.4 else answer

    made = world(STEADY, Edge(alters, second_init=12)).run(8.0)
    assert [r.kind for r in made.records if isinstance(r, EdgeFaultSeen)] == [EdgeFault.HINT_LOST]
    assert made.segments().count("second.mp4") == 2
    assert made.segments().count("12.0.mp4") == 1


def test_a_hinted_init_section_that_is_hinted_at_no_more_is_cancelled() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        if action.url.endswith("second.mp4"):
            return Answer(60.0)  # held for ever
        listed = answer.playlist
        if isinstance(listed, MediaPlaylist) and now + answer.seconds > 3.4:
            parts = listed.next_sequence * 4 + len(listed.open_parts)
            return replace(answer, playlist=playlist(parts))
        return answer

    made = world(STEADY, Edge(alters, second_init=12)).run(8.0)
    assert [r.kind for r in made.records if isinstance(r, EdgeFaultSeen)] == [EdgeFault.HINT_LOST]
    assert made.segments()[-1].startswith("14.")


def test_an_old_answer_is_made_up_for_before_any_media_is_asked_for() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        is_cached = isinstance(action, FetchPlaylist) and action.url == URL
        # Five parts ago: of segment 11 one part was there.
        return replace(answer, playlist=playlist(45), age_seconds=2.5) if is_cached else answer

    for profile in (HLSJS, STEADY):
        made = world(profile, Edge(alters, phase=4.0)).run(3.0)
        # Two seconds of media are missing, a segment: of the one after it the part is asked for that would come next.
        assert queries(made)[:3] == [
            "",
            "?_HLS_msn=12&_HLS_part=1&_HLS_skip=YES",
            "?_HLS_msn=12&_HLS_part=2&_HLS_skip=YES",
        ]
        playlists = [at for at, action in made.asked if isinstance(action, FetchPlaylist)]
        media = [at for at, action in made.asked if isinstance(action, FetchSegment)]
        assert media[0] >= playlists[1] + 0.005
    for profile in (MEDIA3, SHAKA):
        made = world(profile, Edge(alters, phase=4.0)).run(3.0)
        assert queries(made)[1] == "?_HLS_msn=11&_HLS_part=1&_HLS_skip=YES"


def test_an_answer_that_is_too_old_is_followed_by_one_that_does_not_wait() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        is_first = isinstance(action, FetchPlaylist) and now == 0.0
        return replace(answer, playlist=playlist(62), age_seconds=10.0) if is_first else answer

    made = world(HLSJS, Edge(alters, phase=20.0)).run(2.0)
    assert queries(made)[1:3] == [
        "?_HLS_skip=YES",
        "?_HLS_msn=20&_HLS_part=2&_HLS_skip=YES",
    ]


@pytest.mark.parametrize("profile", PLAYERS)
def test_date_ranges_are_left_out_of_deltas_where_the_server_can(profile: Profile) -> None:
    server = "CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES,PART-HOLD-BACK=1.5"
    made = world(profile, Edge(server=server)).run(4.0)
    assert queries(made)[1] == "?_HLS_msn=10&_HLS_part=2&_HLS_skip=v2"
    assert all(query.endswith("_HLS_skip=v2") for query in queries(made)[1:])


@pytest.mark.parametrize(
    ("profile", "first"),
    [
        pytest.param(HLSJS, "?_HLS_msn=11&_HLS_part=2", id="hlsjs: what was reported of it"),
        pytest.param(SHAKA, "", id="shaka: plainly"),
    ],
)
def test_a_variant_that_is_gone_to_is_asked_for_as_the_one_before_reported_of_it(profile: Profile, first: str) -> None:
    reports = (RenditionReport("http://origin/live/800000.m3u8", 11, 2),)

    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        if action.url == MASTER:
            return Answer(0.01, playlist=multivariant(1_600_000, 800_000))
        if isinstance(answer.playlist, MediaPlaylist):
            answer = replace(answer, playlist=structs.replace(answer.playlist, rendition_reports=reports))
        return Answer(0.01, 404) if "/1600000." in action.url and now > 3.0 else answer

    made = world(profile, Edge(alters), MASTER).run(12.0)
    asked = [action.url for _, action in made.asked if isinstance(action, FetchPlaylist)]
    other = next(url for url in asked if "/800000." in url)
    assert other.partition(".m3u8")[2] == first
    assert not made.stopped
    assert made.viewer.buffer_seconds(made.now) > 0


@pytest.mark.parametrize(
    ("server", "missing"),
    [
        ("CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0", "PART-HOLD-BACK"),
        ("CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5", "CAN-BLOCK-RELOAD"),
    ],
)
@pytest.mark.parametrize("profile", [MEDIA3, SHAKA, STEADY], ids=lambda profile: profile.name)
def test_parts_without_the_rest_of_low_latency_are_not_played_and_it_is_said(
    profile: Profile, server: str, missing: str
) -> None:
    made = world(profile, Edge(server=server)).run(12.0)
    names = [name.removesuffix(".mp4") for name in made.segments()]
    assert not [name for name in names if "." in name]
    assert len(names) > 5
    assert not [record for record in made.records if isinstance(record, EdgeFaultSeen)]
    (unmet,) = [record for record in made.records if isinstance(record, SettingUnmet)]
    assert (unmet.setting, unmet.words) == (
        "latency",
        f"the stream has parts, but no {missing}: played the usual way",
    )
