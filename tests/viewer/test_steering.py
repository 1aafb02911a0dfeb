"""Content steering: manifests, clones and addresses as pure functions, and viewers that are steered."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.viewer.world import Answer, World

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.records import (
    AsideFetched,
    Failure,
    FailureKind,
    ObjectKind,
    PathwayChosen,
    PathwayReason,
    VariantChosen,
    ViewerStopped,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment, FetchSteering
from hls_swarm.viewer.choosing.steering import (
    Clone,
    Pathways,
    asked_with,
    move,
    parse_manifest,
    replaced,
    same_place,
    with_parameter,
)
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import FFMPEG, HLSJS, MEDIA3, SHAKA, Profile

MASTER = "http://origin/live/master.m3u8"
Reason = PathwayReason


def presentation(*pathways: str, tag: str = 'SERVER-URI="/steer",PATHWAY-ID="A"', audio: bool = False) -> bytes:
    """Two variants on each pathway."""
    lines = ["#EXTM3U"]
    if tag:
        lines.append(f"#EXT-X-CONTENT-STEERING:{tag}")
    for pathway in pathways:
        group = f',AUDIO="{pathway}"' if audio else ""
        if audio:
            lines.append(
                f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{pathway}",NAME="en",DEFAULT=YES,STABLE-RENDITION-ID="en",'
                f'URI="http://{pathway.lower()}/audio.m3u8"'
            )
        for bandwidth in (1000, 2000):
            lines += [
                f'#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}{group},PATHWAY-ID="{pathway}",STABLE-VARIANT-ID="v{bandwidth}"',
                f"http://{pathway.lower()}/{bandwidth}.m3u8",
            ]
    return "\n".join([*lines, ""]).encode()


def parsed(body: bytes) -> MultivariantPlaylist:
    playlist = parse_playlist(body, MASTER)
    assert isinstance(playlist, MultivariantPlaylist)
    return playlist


def media(url: str, first: int) -> MediaPlaylist:
    """A live playlist of six segments beside it."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for number in range(first, first + 6):
        date = f"2026-01-31T14:{number // 30:02}:{number % 30 * 2:02}Z"
        lines += [f"#EXT-X-PROGRAM-DATE-TIME:{date}", "#EXTINF:2,", f"seg-{number}.ts"]
    playlist = parse_playlist("\n".join([*lines, ""]).encode(), url)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def says(*priority: str, ttl: float | None = 10.0, **more: Any) -> bytes:
    data: dict[str, Any] = {"VERSION": 1, "PATHWAY-PRIORITY": list(priority), **more}
    if ttl is not None:
        data["TTL"] = ttl
    return json.dumps(data).encode()


@dataclass
class Cdn:
    """An origin whose hosts can fail, and a steering server whose answers change with time."""

    playlist: MultivariantPlaylist
    answers: list[tuple[float, Answer]]
    broken: set[str] = field(default_factory=set)
    broken_from: float = 0.0

    def origin(self, action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        if action.url == MASTER:
            return Answer(playlist=self.playlist)
        if now >= self.broken_from and any(part in action.url for part in self.broken):
            return Answer(status=404)
        if isinstance(action, FetchPlaylist):
            return Answer(playlist=media(action.url, 10 + int(now // 2)))
        return Answer(size_bytes=1000)

    def steering(self, _: FetchSteering, now: float) -> Answer:
        return [answer for at, answer in self.answers if at <= now][-1]


def watched(
    *answers: tuple[float, Answer],
    until: float = 9.0,
    profile: Profile = HLSJS,
    variant: str = "highest",
    body: bytes | None = None,
    broken: tuple[str, ...] = (),
    broken_from: float = 0.0,
) -> World:
    cdn = Cdn(parsed(body or presentation("A", "B")), list(answers), set(broken), broken_from)
    viewer = Viewer(1, MASTER, profile, parse_variant(variant))
    return World(viewer, cdn.origin, steering=cdn.steering).run(until)


def pathways(world: World) -> list[tuple[str, PathwayReason]]:
    return [(record.pathway, record.reason) for record in world.records if isinstance(record, PathwayChosen)]


def hosts(world: World, *, of_segments: bool = True) -> list[str]:
    """Whom segments, or playlists, were asked of, each only where it changes."""
    kind = FetchSegment if of_segments else FetchPlaylist
    asked = [action.url.split("/")[2] for _, action in world.asked if isinstance(action, kind) and action.url != MASTER]
    return [host for nth, host in enumerate(asked) if nth == 0 or asked[nth - 1] != host]


class TestViewers:
    def test_the_server_is_asked_just_before_the_first_playlist_and_then_each_ttl(self) -> None:
        world = watched((0.0, Answer(body=says("A", "B", ttl=3.0))))
        assert [round(at, 2) for at, _ in world.steering_asked] == [0.01, 3.02, 6.03]
        assert world.steering_asked[0][1] == "http://origin/steer?_HLS_pathway=A&_HLS_throughput=500000"
        assert "_HLS_throughput=500000" not in world.steering_asked[1][1]
        assert pathways(world) == [("A", Reason.START)]
        assert hosts(world) == ["a"]

    def test_a_new_priority_moves_the_viewer_with_its_buffer_to_the_same_variant(self) -> None:
        world = watched((0.0, Answer(body=says("A", "B", ttl=3.0))), (3.0, Answer(body=says("B", "A"))))
        assert pathways(world) == [("A", Reason.START), ("B", Reason.STEERED)]
        assert hosts(world) == ["a", "b"]
        assert all(
            action.url.endswith("/2000.m3u8") for _, action in world.asked[1:] if isinstance(action, FetchPlaylist)
        )
        numbers = [action.url.rpartition("-")[2] for _, action in world.asked if isinstance(action, FetchSegment)]
        assert len(set(numbers)) == len(numbers)
        assert world.steering_asked[-1][1].startswith("http://origin/steer?_HLS_pathway=A&")

    def test_a_segment_on_its_way_ends_before_the_viewer_goes_where_it_is_sent(self) -> None:
        slow = Answer(seconds=1.5, size_bytes=1000)
        cdn = Cdn(parsed(presentation("A", "B")), [(0.0, Answer(seconds=0.5, body=says("B", "A")))])

        def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
            return slow if isinstance(action, FetchSegment) else cdn.origin(action, now)

        world = World(Viewer(1, MASTER, HLSJS, parse_variant("highest")), origin, steering=cdn.steering).run(6.0)
        asked = [
            (round(at, 2), action.url) for at, action in world.asked if "/seg-" in action.url or "b/" in action.url
        ]
        assert asked[:3] == [(0.02, "http://a/seg-13.ts"), (1.52, "http://b/2000.m3u8"), (1.53, "http://b/seg-14.ts")]

    @pytest.mark.parametrize("variant", ["highest", "auto"])
    def test_a_failed_pathway_is_left_once_all_its_variants_have_failed(self, variant: str) -> None:
        answer = (0.0, Answer(body=says("A", "B", ttl=4.0)))
        world = watched(answer, variant=variant, broken=("http://a/seg",), broken_from=2.0)
        assert pathways(world) == [("A", Reason.START), ("B", Reason.FAILED)]
        playlists = [action.url for _, action in world.asked if isinstance(action, FetchPlaylist)]
        assert "http://a/1000.m3u8" in playlists
        assert hosts(world) == ["a", "b"]
        # The server still prefers A, which has its penalty.
        assert len(world.steering_asked) > 1

    def test_a_renditions_playlist_that_fails_leaves_the_pathway_at_once(self) -> None:
        body = presentation("A", "B", audio=True)
        world = watched((0.0, Answer(body=says("A", "B"))), body=body, broken=("http://a/audio.m3u8",))
        assert pathways(world) == [("A", Reason.START), ("B", Reason.FAILED)]
        assert not any(isinstance(record, ViewerStopped) for record in world.records)
        assert hosts(world)[-1] == "b"

    @pytest.mark.parametrize(
        ("answer", "times"),
        [
            pytest.param(Answer(status=503), [0.01, 1.02], id="5xx once more, then with the next TTL"),
            pytest.param(Answer(status=404), [0.01], id="4xx"),
            pytest.param(Answer(kind=FailureKind.FIRST_BYTE_TIMEOUT), [0.01, 0.02, 0.03], id="late: twice more"),
            pytest.param(Answer(body=b"<html>"), [0.01], id="no manifest"),
            pytest.param(Answer(body=says("B", VERSION=2)), [0.01], id="another version"),
            pytest.param(Answer(status=410), [0.01], id="gone"),
        ],
    )
    def test_a_server_that_fails_costs_nothing_else(self, answer: Answer, times: list[float]) -> None:
        world = watched((0.0, answer), until=20.0)
        assert [round(at, 2) for at, _ in world.steering_asked] == times
        assert pathways(world) == [("A", Reason.START)]
        assert hosts(world) == ["a"]
        assert world.viewer.stalls == 0

    @pytest.mark.parametrize(("profile", "again"), [(HLSJS, []), (MEDIA3, [7]), (SHAKA, [1, 300])])
    def test_429_is_taken_as_each_player_takes_it(self, profile: Profile, again: list[int]) -> None:
        world = watched((0.0, Answer(status=429, retry_after_seconds=7.0)), until=310.0, profile=profile)
        waits = [later - earlier for (earlier, _), (later, _) in pairwise(world.steering_asked)]
        assert [round(wait) for wait in waits[: max(1, len(again))]] == again

    def test_a_clone_is_another_place_for_the_same(self) -> None:
        clones = [
            {"ID": "C", "BASE-ID": "A", "URI-REPLACEMENT": {"HOST": "c", "PARAMS": {"z": "1", "k": "2"}}},
            {"ID": "D", "BASE-ID": "C", "URI-REPLACEMENT": {"PER-VARIANT-URIS": {"v2000": "http://d/own.m3u8"}}},
        ]
        body = says("D", "C", ttl=3.0, **{"PATHWAY-CLONES": clones})
        world = watched((0.0, Answer(body=body)), (3.0, Answer(body=says("C", "D"))))
        assert pathways(world) == [("A", Reason.START), ("D", Reason.STEERED), ("C", Reason.STEERED)]
        asked = [action.url for _, action in world.asked if isinstance(action, FetchPlaylist)]
        assert "http://d/own.m3u8" in asked
        assert asked[-1] == "http://c/2000.m3u8?k=2&z=1"

    def test_an_address_to_ask_next_is_taken_in(self) -> None:
        world = watched((0.0, Answer(body=says("A", ttl=3.0, **{"RELOAD-URI": "next?s=7"}))))
        assert world.steering_asked[1][1].startswith("http://origin/next?s=7&_HLS_pathway=A&_HLS_throughput=")

    def test_a_manifest_in_the_address_itself_is_asked_of_nobody(self) -> None:
        tag = 'SERVER-URI="data:application/json,' + says("B", "A").decode().replace('"', "%22").replace(" ", "") + '"'
        world = watched((0.0, Answer()), body=presentation("A", "B", tag=tag + ',PATHWAY-ID="A"'))
        assert world.steering_asked == []
        assert pathways(world) == [("A", Reason.START), ("B", Reason.STEERED)]

    @pytest.mark.parametrize("profile", [HLSJS, SHAKA], ids=["hls.js", "shaka"])
    def test_a_wrong_manifest_in_the_address_itself_is_told_once(self, profile: Profile) -> None:
        tag = 'SERVER-URI="data:application/json;base64,bm8=",PATHWAY-ID="A"'
        world = watched((0.0, Answer()), body=presentation("A", "B", tag=tag), profile=profile, until=700.0)
        told = [record for record in world.records if isinstance(record, AsideFetched)]
        assert [(each.kind, each.exchange.url, each.exchange.requests_sent) for each in told] == [
            (ObjectKind.STEERING, "data:application/json;base64,bm8=", 0)
        ]
        assert told[0].failure == Failure(FailureKind.BAD_STEERING, "the steering manifest is no JSON")
        assert pathways(world) == [("A", Reason.START)]

    def test_ffmpeg_knows_no_steering(self) -> None:
        world = watched((0.0, Answer()), profile=FFMPEG)
        assert world.steering_asked == []
        assert pathways(world) == []
        assert any(isinstance(record, VariantChosen) for record in world.records)


class TestShaka:
    """Shaka's own ways, from its source and as its browser build does."""

    def test_nothing_is_loaded_before_the_first_answer_which_is_asked_for_without_a_word(self) -> None:
        world = watched((0.0, Answer(seconds=0.5, body=says("B", "A", ttl=3.0))), profile=SHAKA)
        assert [url for _, url in world.steering_asked[:2]] == [
            "http://origin/steer",
            world.steering_asked[1][1],
        ]
        assert world.steering_asked[1][1].startswith("http://origin/steer?_HLS_pathway=B&_HLS_throughput=")
        assert [round(at, 2) for at, _ in world.steering_asked] == [0.01, 3.51, 7.01]
        assert [(round(at, 2), action.url) for at, action in world.asked[1:2]] == [(0.51, "http://b/2000.m3u8")]
        assert hosts(world) == ["b"]

    def test_a_server_that_fails_delays_the_start_by_its_second_try(self) -> None:
        world = watched((0.0, Answer(status=503)), profile=SHAKA, until=320.0)
        assert [round(at, 2) for at, _ in world.steering_asked] == [0.01, 1.02, 301.03, 302.04]
        assert {url for _, url in world.steering_asked} == {"http://origin/steer"}
        assert [(round(at, 2), action.url) for at, action in world.asked[1:2]] == [(1.03, "http://a/2000.m3u8")]

    @pytest.mark.parametrize(
        ("answer", "times"),
        [
            pytest.param(Answer(status=410), [0.01, 1.02, 301.03, 302.04], id="gone"),
            pytest.param(Answer(body=b"<html>"), [0.01, 300.02], id="no manifest"),
            pytest.param(Answer(body=says("B", VERSION=2)), [0.01], id="another version"),
            pytest.param(Answer(body=says("A", ttl=9.0, **{"RELOAD-URI": "next"})), [0.01], id="a relative address"),
        ],
    )
    def test_what_ends_the_asking(self, answer: Answer, times: list[float]) -> None:
        world = watched((0.0, answer), until=305.0, profile=SHAKA)
        assert [round(at, 2) for at, _ in world.steering_asked] == times
        assert hosts(world) == ["a"]

    def test_the_playlist_stays_and_its_segments_are_asked_for_elsewhere(self) -> None:
        again = Answer(body=says("A", "B", ttl=3.0))
        world = watched((0.0, again), (2.0, Answer(body=says("B", "A", ttl=60.0))), until=12.0, profile=SHAKA)
        assert pathways(world) == [("A", Reason.START), ("B", Reason.STEERED)]
        assert hosts(world) == ["a", "b"]
        numbers = [action.url.rpartition("-")[2] for _, action in world.asked if isinstance(action, FetchSegment)]
        assert len(set(numbers)) == len(numbers)
        # The playlist goes there with its next reload.
        loads = [(round(at, 2), action.url) for at, action in world.asked if isinstance(action, FetchPlaylist)]
        assert next(at for at, url in loads if url.startswith("http://b/")) > world.steering_asked[1][0] + 0.5

    def test_clones_are_not_known(self) -> None:
        more: dict[str, Any] = {"PATHWAY-CLONES": [{"ID": "C", "BASE-ID": "A", "URI-REPLACEMENT": {"HOST": "c"}}]}
        world = watched((0.0, Answer(body=says("C", **more))), profile=SHAKA)
        assert hosts(world) == ["a"]


@pytest.mark.parametrize(
    ("old", "new", "uri", "expected"),
    [
        ("http://a/p.m3u8", "http://b/p.m3u8", "http://a/s-1.ts", "http://b/s-1.ts"),
        ("http://h/a/low/p.m3u8", "http://h/b/low/p.m3u8?x=1", "http://h/a/init/0.mp4", "http://h/b/init/0.mp4"),
        ("http://h/a/low/p.m3u8", "http://h/b/low/p.m3u8", "http://cdn/a/low/1.ts", "http://cdn/a/low/1.ts"),
        ("http://h/a/p.m3u8", "http://h/b/other.m3u8", "http://h/a/1.ts", "http://h/b/1.ts"),
    ],
)
def test_where_a_playlists_segments_are_on_another_pathway(old: str, new: str, uri: str, expected: str) -> None:
    assert move(old, new).of(uri) == expected


def test_who_is_sent_on_leaves_all_places_before() -> None:
    first = move("http://a/p.m3u8", "http://b/p.m3u8")
    second = move("http://b/p.m3u8", "http://c/p.m3u8", first)
    back = move("http://c/p.m3u8", "http://a/p.m3u8", second)
    for uri in ("http://a/1.ts", "http://b/1.ts", "http://c/1.ts"):
        assert second.of(uri) == "http://c/1.ts"
        assert back.of(uri) == "http://a/1.ts"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://h/s?v=1", "http://h/s?v=1&_HLS_pathway=CDN-A&_HLS_throughput=5140000"),
        ("http://h/s?_HLS_pathway=x&v=1", "http://h/s?_HLS_pathway=CDN-A&v=1&_HLS_throughput=5140000"),
        ("http://h/s", "http://h/s?_HLS_pathway=CDN-A&_HLS_throughput=5140000"),
    ],
)
def test_what_a_server_is_told(uri: str, expected: str) -> None:
    assert asked_with(uri, "CDN-A", 5_140_000.7) == expected


def test_throughput_is_told_in_32_bits_as_javascript_cuts_it() -> None:
    assert asked_with("http://h/s", "A", 3e9).endswith("_HLS_throughput=-1294967296")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"TTL":1}', "VERSION None"),
        (says(VERSION="1"), "VERSION 1, which is not 1"),
    ],
)
def test_what_is_no_manifest(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_manifest(body)


@pytest.mark.parametrize(("ttl", "seconds"), [(None, 300.0), ("9", 300.0), (True, 300.0), (0, 1.0), (12, 12.0)])
def test_how_long_a_manifest_holds(ttl: Any, seconds: float) -> None:
    assert parse_manifest(says("A", ttl=ttl)).ttl_seconds == seconds


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_members_of_any_type_do_no_harm(value: Any) -> None:
    members = dict.fromkeys(("TTL", "RELOAD-URI", "PATHWAY-PRIORITY", "PATHWAY-CLONES"), value)
    found = parse_manifest(json.dumps({"VERSION": 1, **members}).encode())
    assert found.ttl_seconds >= 1.0
    assert all(isinstance(each, str) for each in found.priority)


def test_a_host_is_replaced_and_its_port_stays() -> None:
    assert replaced("http://u@a:8080/x?q", Clone("A", "B", "b")) == "http://u@b:8080/x?q"
    assert replaced("http://[::1]:80/x", Clone("A", "B", "b")) == "http://b:80/x"
    assert replaced("http://[::1]/x", Clone("A", "B", "b")) == "http://b/x"


@given(
    st.lists(st.sampled_from(["A", "B", "C", "X"]), max_size=5),
    st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=8),
)
def test_nobody_goes_to_a_pathway_with_a_penalty_or_without_variants(
    priority: list[str], history: list[tuple[float, bool]]
) -> None:
    paths = Pathways(parsed(presentation("A", "B", "C")), subtitles=True)
    penalised: dict[str, float] = {}
    now = 0.0
    for passed, fails in history:
        now += passed
        if fails:
            penalised.setdefault(paths.current, now + 300.0)
            paths.penalise(now, 300.0)
        penalised = {name: until for name, until in penalised.items() if until > now}
        wanted = paths.preferred(priority, now)
        if wanted is not None:
            assert wanted in {"A", "B", "C"} - penalised.keys() - {paths.current}
            earlier = priority[: priority.index(wanted)] if priority else []
            assert all(each in penalised or each == "X" for each in earlier)
            paths.current = wanted


def test_the_same_place_is_the_same_encoding_or_rank() -> None:
    paths = Pathways(parsed(presentation("A", "B")), subtitles=True)
    a, b = paths.options("A"), paths.options("B")
    assert same_place(a[1], a, b).main.url == "http://b/2000.m3u8"
    assert same_place(a[1], a, b[:1]).main.url == "http://b/1000.m3u8"


def test_a_parameter_takes_the_place_of_its_like() -> None:
    assert with_parameter("http://h/?a=1&b=2&a=3", "a", "x y") == "http://h/?a=x%20y&b=2"


ODD = st.sampled_from(["http://[", "//[x", "http://\uff0fa/", "[", "a b\r\nc", "", "?", "#", "http://h:x/"]) | st.text(
    max_size=12
)


@given(ODD, ODD, ODD)
def test_no_address_of_a_stranger_is_an_exception(reload_uri: str, host: str, uri: str) -> None:
    clone = Clone("A", "C", host or None, {"k": uri}, {"v2000": uri}, {})
    pathways = Pathways(parsed(presentation("A", "B")), subtitles=False)
    pathways.add([clone])
    urls = [option.main.url for option in pathways.options("C")]
    assert len(urls) == 2
    assert all("\r" not in replaced(url, clone) for url in urls)
    assert "_HLS_pathway=A" in asked_with(reload_uri, "A", 1e6)


@pytest.mark.parametrize("reload_uri", ["http://[", "//[x/steer", "http://\uff0fa/"])
def test_a_viewer_plays_on_where_the_next_address_is_none(reload_uri: str) -> None:
    world = watched((0.0, Answer(body=says("A", ttl=3.0, **{"RELOAD-URI": reload_uri}))))
    assert len(world.steering_asked) == 3
    assert hosts(world) == ["a"]


def test_clones_without_end_are_not_kept_without_end() -> None:
    pathways = Pathways(parsed(presentation("A", "B")), subtitles=False)
    for manifest in range(5):
        pathways.add([Clone("A", f"{manifest}-{number}", "h") for number in range(100)])
    assert len(pathways.ids) == 200
