"""CMCD: what players tell, as text and by player; vectors from players' sources and from hls.js as observed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.records import Exchange, Failure, FailureKind
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.cmcd.encoding import Token, Value, dictionary, encoded, headers, relative_path, rounded
from hls_swarm.viewer.cmcd.events import Events
from hls_swarm.viewer.cmcd.keys import ObjectType, Player, Standing, said
from hls_swarm.viewer.cmcd.reporter import Reporter
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS

BASE = "http://cdn/vod/720p/"
AT = Standing(
    version=1,
    object=ObjectType.MUXED,
    session="S",
    url="http://cdn/seg6.ts",
    throughput_bps=4_481_394.0,
    media_seconds=4.0,
    bitrate_bps=1_500_000,
    top_bps=6_000_000,
    lowest_bps=600_000,
    buffer_seconds=11.96,
    appended_seconds=13.0,
    next_url="http://cdn/seg7.ts",
    stream=Token("v"),
    has_played=True,
    buffering=False,
    playing_bps=600_000,
    state=Token("p"),
    nth=7,
)


def told(player: Player, **changes: object) -> str:
    return dictionary(said(player, AT._replace(**changes)))  # type: ignore[arg-type]


def test_hls_js_version_1() -> None:
    assert told(Player.HLSJS) == (
        'bl=12000,br=1500,d=4000,dl=12000,mtp=4500,nor="seg7.ts",ot=av,rtp=7500,sf=h,sid="S",st=v,tb=6000'
    )


def test_hls_js_version_2() -> None:
    text = told(Player.HLSJS, version=2, bitrate_bps=1_500_128, top_bps=6_000_480, content="C")
    assert text == (
        'bl=(12000),br=(1500),cid="C",d=4000,dl=12000,lb=(600),mtp=(4500),nor=("seg7.ts"),ot=av,pb=(600),rtp=7500,sf=h,'
        'sid="S",sn=7,st=v,sta=p,tb=(6000),tpb=(6000.48),v=2'
    )


def test_hls_js_tells_before_it_knows_anything() -> None:
    first = Standing(1, ObjectType.MANIFEST, "S", "http://cdn/a.m3u8", 500_000.0)
    assert dictionary(said(Player.HLSJS, first)) == 'mtp=500,ot=m,sf=h,sid="S",su'


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"object": ObjectType.MANIFEST},
            'bl=13000,br=1500,mtp=4500,ot=m,sf=h,sid="S",st=v',
            id="a playlist tells of the newest append",
        ),
        pytest.param(
            {"object": ObjectType.INIT, "media_seconds": None, "appended_seconds": None},
            'br=1500,d=0,mtp=4500,ot=i,sf=h,sid="S",st=v',
            id="init section",
        ),
        pytest.param(
            {"object": ObjectType.AUDIO},
            'bl=12000,br=600,d=4000,dl=12000,mtp=4500,ot=a,rtp=3000,sf=h,sid="S",st=v',
            id="audio is told as the lowest level",
        ),
        pytest.param(
            {"starved": True, "buffering": True, "next_url": None},
            'bl=12000,br=1500,bs,d=4000,dl=12000,mtp=4500,ot=av,rtp=7500,sf=h,sid="S",st=v,su,tb=6000',
            id="after a stall, at the end of the list",
        ),
        pytest.param(
            {"object": ObjectType.TEXT, "appended_seconds": None},
            'br=1500,d=4000,mtp=4500,ot=tt,sf=h,sid="S",st=v',
            id="subtitles",
        ),
        pytest.param({"object": ObjectType.KEY}, "", id="nothing with a key"),
        pytest.param(
            {"next_url": AT.url, "object": ObjectType.UNKNOWN},
            'bl=12000,br=1500,d=4000,dl=12000,mtp=4500,rtp=7500,sf=h,sid="S",st=v,tb=6000',
            id="byte ranges of one resource, without CODECS",
        ),
    ],
)
def test_hls_js_by_what_is_asked_for(changes: dict[str, object], expected: str) -> None:
    assert told(Player.HLSJS, **changes) == expected


@pytest.mark.parametrize(
    ("player", "changes", "expected"),
    [
        pytest.param(
            Player.MEDIA3,
            {"bitrate_bps": 1_500_001, "next_range": (0, 100)},
            'bl=12000,br=1501,d=4000,dl=12000,mtp=4500,nor="seg7.ts",nrr="0-99",ot=av,sf=h,sid="S",st=v,tb=6000',
            id="Media3 rounds up and names the next range",
        ),
        pytest.param(Player.MEDIA3, {"object": ObjectType.MANIFEST}, 'ot=m,sf=h,sid="S",st=v', id="Media3's playlists"),
        pytest.param(
            Player.SHAKA,
            {"buffer_seconds": 8.0},
            'bl=8000,br=1500,d=4000,dl=8000,nor="seg7.ts",ot=av,rtp=3800,sf=h,sid="S",st=v,tb=6000',
            id="Shaka's rtp by its buffer",
        ),
        pytest.param(
            Player.SHAKA,
            {"buffer_seconds": 0.0, "buffering": True},
            'br=1500,d=4000,dl=0,nor="seg7.ts",ot=av,rtp=60000,sf=h,sid="S",st=v,su,tb=6000',
            id="Shaka without a buffer",
        ),
        pytest.param(
            Player.SHAKA,
            {"looks_into": True, "stream": Token("l"), "buffering": True},
            'd=0,sf=h,sid="S",st=v,su',
            id="Shaka, what it looks into before play",
        ),
        pytest.param(
            Player.SHAKA,
            {"object": ObjectType.MANIFEST, "stream": Token("l")},
            'br=1500,ot=m,sf=h,sid="S",st=v',
            id="Shaka's playlists, which are never live",
        ),
        pytest.param(
            Player.SHAKA,
            {"object": ObjectType.MANIFEST, "stream": None, "has_played": False},
            'ot=m,sf=h,sid="S",st=v',
            id="Shaka's first playlist",
        ),
        pytest.param(
            Player.SHAKA,
            {"version": 2, "stream": Token("l"), "startup_milliseconds": 313, "latency_milliseconds": 7028},
            'bl=12000,br=1500,d=4000,dl=12000,ltc=7028,msd=313,nor=("seg7.ts"),ot=av,rtp=2500,sf=h,sid="S",sn=7,st=l,'
            "tb=6000,v=2",
            id="Shaka, version 2",
        ),
        pytest.param(
            Player.SHAKA,
            {"audio_apart": True, "object": ObjectType.VIDEO},
            'bl=12000,br=1500,d=4000,dl=12000,nor="seg7.ts",ot=v,sf=h,sid="S",st=v',
            id="Shaka with audio apart",
        ),
        pytest.param(
            Player.MEDIA3,
            {"rate": 1.03, "next_url": None},
            'bl=12000,br=1500,d=4000,dl=11600,mtp=4500,ot=av,pr=1.03,sf=h,sid="S",st=v,tb=6000',
            id="Media3 catching up: the deadline is sooner",
        ),
        pytest.param(
            Player.MEDIA3,
            {"rate": 0.97, "object": ObjectType.INIT},
            'mtp=4500,ot=i,pr=0.97,sf=h,sid="S",st=v',
            id="Media3 falling back",
        ),
        pytest.param(Player.SHAKA, {"object": ObjectType.KEY}, 'br=1500,ot=k,sf=h,sid="S",st=v', id="Shaka's keys"),
    ],
)
def test_other_players(player: Player, changes: dict[str, object], expected: str) -> None:
    assert told(player, **changes) == expected


@pytest.mark.parametrize(("version", "field"), [(1, "CMCD-Session"), (2, "CMCD-Status")])
def test_the_speed_of_play_is_in_another_field_in_each_version(version: int, field: str) -> None:
    fields = dict(headers(said(Player.MEDIA3, AT._replace(version=version, rate=1.03))))
    assert [name for name, value in fields.items() if "pr=1.03" in value] == [field]


def test_an_answer_is_told_with_its_times_and_without_what_was_told_with_its_request() -> None:
    viewer = Viewer(1, "http://cdn/master.m3u8", HLSJS, parse_variant("highest"))
    events = Events(Reporter(viewer, Player.HLSJS, 2, "S", "film"), 1_700_000_000.0, 0.0)
    url = "http://cdn/seg-1.ts?t=1"
    came = Exchange(url, url, 10.0, 10.0, 10.5004, first_byte_at=10.0616, status=200, body_bytes=1000)
    events.answered(came, 10.6)
    report = events.take()
    assert report == (
        b'bl=(0),cid="film",e=rr,mtp=(500),rc=200,sf=h,sid="S",sn=0,sta=d,ts=1700000010000,ttfb=62,ttlb=500,'
        b'url="http://cdn/seg-1.ts?t=1",v=2\n'
    )
    assert events.told(report, Exchange("", "", 0.0, 0.0, 1.0, status=204)) == 1
    assert events.take() is None


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (503, FailureKind.HTTP_STATUS, True),
        (429, FailureKind.HTTP_STATUS, True),
        (None, FailureKind.CONNECT, True),
        (400, FailureKind.HTTP_STATUS, False),
        (410, FailureKind.HTTP_STATUS, False),
    ],
)
def test_what_a_collector_did_not_take_was_not_told(status: int | None, kind: FailureKind, again: bool) -> None:
    viewer = Viewer(1, "http://cdn/master.m3u8", HLSJS, parse_variant("highest"))
    events = Events(Reporter(viewer, Player.HLSJS, 2, "S"), 0.0, 0.0)
    events.observe(0.0)
    report = events.take()
    assert report is not None
    failed = Exchange("", "", 0.0, 0.0, 1.0, status=status, failure=Failure(kind, "no", status))
    assert events.told(report, failed) == 0
    assert events.take() is None  # nothing has happened meanwhile
    events.observe(40.0)
    following = events.take()
    assert events.is_over is (status == 410)
    if following is not None:
        assert (following.startswith(report), following.count(b"\n")) == (again, 1 + again * report.count(b"\n"))


def test_lines_for_a_collector_that_never_takes_any_are_bounded() -> None:
    viewer = Viewer(1, "http://cdn/master.m3u8", HLSJS, parse_variant("highest"))
    events = Events(Reporter(viewer, Player.HLSJS, 2, "S"), 0.0, 0.0)
    for at in range(0, 9000, 30):
        events.observe(float(at))
        report = events.take()
        assert report is not None
        assert report.count(b"\n") <= 100
        events.told(report, Exchange("", "", 0.0, 0.0, 1.0, status=None, failure=Failure(FailureKind.CONNECT, "no")))


def test_header_fields_have_the_keys_of_their_own() -> None:
    assert headers(said(Player.HLSJS, AT._replace(starved=True, buffering=True))) == (
        ("CMCD-Object", "br=1500,d=4000,ot=av,tb=6000"),
        ("CMCD-Request", 'bl=12000,dl=12000,mtp=4500,nor="seg7.ts",su'),
        ("CMCD-Session", 'sf=h,sid="S",st=v'),
        ("CMCD-Status", "bs,rtp=7500"),
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (BASE + "seg-1.ts", "../720p/seg-1.ts"),  # as hls.js was observed to write it
        (BASE + "seg-1.ts?t=1", "../720p/seg-1.ts?t=1"),
        ("http://other/seg-1.ts", "http://other/seg-1.ts"),
        ("http://cdn/seg-1.ts", "../../seg-1.ts"),
    ],
)
def test_the_next_object_is_told_as_a_path_from_here(url: str, path: str) -> None:
    assert relative_path(url, BASE + "seg-0.ts") == path


@pytest.mark.parametrize(
    ("value", "step", "result"), [(250, 100, 300), (249.9, 100, 200), (-50, 100, 0), (1499.5, 1, 1500), (0, 100, 0)]
)
def test_halves_are_rounded_up(value: float, step: int, result: int) -> None:
    assert rounded(value, step) == result


NAMES = st.sampled_from(["br", "cid", "nor", "ot", "rtp", "su", "bs", "sid", "tb"])
ITEMS = st.one_of(st.integers(-(10**9), 10**9), st.text(max_size=20), st.sampled_from([Token("av"), Token("h")]))
VALUES = st.one_of(ITEMS, st.booleans(), st.none(), st.lists(ITEMS, max_size=3).map(tuple))
_STRING, _NUMBER = r'"(?:[ !#-\[\]-~]|\\["\\])*"', r"-?\d+(?:\.\d{1,3})?"
_ITEM = rf"(?:{_STRING}|{_NUMBER}|[a-z]+)"
_MEMBER = rf"[a-z]+(?:=(?:{_ITEM}|\({_ITEM}(?: {_ITEM})*\)))?"


@given(st.dictionaries(NAMES, VALUES))
def test_any_data_is_a_structured_field_dictionary_with_sorted_keys(data: dict[str, Value]) -> None:
    text = dictionary(data)
    assert text == "" or re.fullmatch(rf"{_MEMBER}(,{_MEMBER})*", text)
    # All of it, and nothing else, stands in the header fields too.
    parts = [value for _, value in headers(data)]
    assert sum(map(len, parts)) + max(0, len(parts) - 1) == len(text)
    keys = [key for key in sorted(data) if data[key] not in (None, False, "", ())]
    assert [found for found in keys if not re.search(rf"(^|,){found}(=|,|$)", text)] == []


@given(st.text(max_size=40))
def test_a_percent_encoded_path_has_nothing_that_a_query_or_a_string_could_not_have(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9!'()*._~%-]*", encoded(text))


@given(
    buffer=st.floats(0, 600),
    bitrate=st.integers(1, 10**8),
    throughput=st.floats(0, 10**10),
    version=st.sampled_from([1, 2]),
    player=st.sampled_from(Player),
    kind=st.sampled_from(ObjectType),
)
def test_rates_and_times_are_in_hundreds(
    buffer: float, bitrate: int, throughput: float, version: int, player: Player, kind: ObjectType
) -> None:
    data = said(
        player,
        AT._replace(
            version=version, object=kind, buffer_seconds=buffer, bitrate_bps=bitrate, throughput_bps=throughput
        ),
    )
    for key in ("bl", "dl", "mtp", "rtp"):
        value = data.get(key)
        number = value[0] if isinstance(value, tuple) else value
        assert number is None or (isinstance(number, int) and number >= 0 and number % 100 == 0)
    assert data.get("sid") == "S" or not data


@given(st.sampled_from(["http://[", "//[x/a.ts", "http://\uff0fa/b.ts"]) | st.text(max_size=12))
def test_the_address_of_the_next_object_may_be_none(url: str) -> None:
    assert isinstance(relative_path(url, BASE + "seg-0.ts"), str)
    assert isinstance(relative_path(BASE + "seg-0.ts", url), str)
