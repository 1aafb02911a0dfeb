"""What a parser makes of an answer: nothing that a stream may have is a failure, and what is none is one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.hls.playlist import KeyMethod
from hls_swarm.records import BODY_START_BYTES, Exchange, FailureKind, ObjectKind
from hls_swarm.viewer.actions import FetchSegment
from hls_swarm.viewer.parsing import Parser

URL = "http://origin/live/a.ts"
TS = (b"\x47" + b"\x00" * 187) * 4000
DECLARED = 3_000_000


def asked(kind: ObjectKind = ObjectKind.SEGMENT, **changes: Any) -> FetchSegment:
    fields: dict[str, Any] = {"media_seconds": 4.0 if kind is ObjectKind.SEGMENT else None} | changes
    return FetchSegment(kind, URL, fields.pop("track", 0), 0.0, None, None, **fields)


def came(body: bytes, *, seen: bool = True, **changes: Any) -> Exchange:
    start = body[:BODY_START_BYTES] if seen else None
    fields: dict[str, Any] = {"body_bytes": len(body), "body_start": start, "content_length": len(body), "status": 200}
    return Exchange(URL, URL, 0.0, 0.0, 0.1, **(fields | changes))


def kind_of(action: FetchSegment, exchange: Exchange, parser: Parser | None = None) -> FailureKind | None:
    verdict = (parser or Parser()).verdict(action, exchange)
    return None if verdict is None else verdict.failure.kind


def box(name: bytes, content: bytes = b"\x00" * 600) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


MEDIA = [
    pytest.param(TS, id="TS"),
    pytest.param(TS[:188], id="one TS packet"),
    pytest.param(b"junk that hls.js goes past" + TS, id="TS with something before it"),
    *(pytest.param(box(name), id=name.decode()) for name in (b"ftyp", b"styp", b"moof", b"sidx", b"emsg", b"prft")),
    pytest.param(b"ID3\x04" + b"\x00" * 600, id="ID3"),
    pytest.param(b"\xff\xf1" + b"\x50" * 600, id="ADTS"),
    pytest.param(b"\xff\xfb" + b"\x50" * 600, id="MP3"),
    pytest.param(b"\x0b\x77" + b"\x50" * 600, id="AC-3"),
    pytest.param(b"WEBVTT", id="WebVTT without a cue"),
    pytest.param(b"\xef\xbb\xbfWEBVTT\n\n" + b"x" * 600, id="WebVTT with a byte order mark"),
    pytest.param(b'<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml">' + b" " * 600, id="TTML"),
    pytest.param(b"\x00\x01\x02unknown, and too little of it is seen"[:40] + b"\x00" * 5000, id="seen too little"),
]


@pytest.mark.parametrize("body", MEDIA)
@pytest.mark.parametrize("kind", [ObjectKind.SEGMENT, ObjectKind.INIT])
def test_what_players_know_is_media(body: bytes, kind: ObjectKind, request: pytest.FixtureRequest) -> None:
    seen = 40 if "too little" in request.node.callspec.id else BODY_START_BYTES
    assert kind_of(asked(kind), came(body, body_start=body[:seen])) is None


NO_MEDIA = [
    pytest.param(b"<!DOCTYPE html><html><body>Sorry</body></html>", "an HTML page", id="HTML"),
    pytest.param(b"\xef\xbb\xbf\r\n <HTML>" + b"x" * 5000, "an HTML page", id="HTML after blanks"),
    pytest.param(b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "an XML text", id="XML"),
    pytest.param(b'{"error": "not found"}', "a JSON text", id="JSON"),
    pytest.param(b"#EXTM3U\n#EXT-X-VERSION:3\n", "a playlist", id="a playlist"),
    pytest.param(b"\x00" * 5000, "what begins like no container of media", id="zeros"),
    pytest.param(b"GIF89a" + b"\x01" * 5000, "what begins like no container of media", id="a picture with a G first"),
    pytest.param(b"Service is at capacity", "what begins like no container of media", id="words"),
]


@pytest.mark.parametrize(("body", "name"), NO_MEDIA)
@pytest.mark.parametrize("kind", [ObjectKind.SEGMENT, ObjectKind.INIT])
def test_what_no_player_could_play_is_told_by_what_it_is(body: bytes, name: str, kind: ObjectKind) -> None:
    verdict = Parser().verdict(asked(kind), came(body))
    assert verdict is not None
    assert (verdict.failure.kind, verdict.plays) == (FailureKind.NOT_MEDIA, False)
    assert verdict.failure.detail == f"{name}, where media was expected"


@pytest.mark.parametrize("kind", [ObjectKind.SEGMENT, ObjectKind.INIT])
@pytest.mark.parametrize("track", [0, 1])
@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(came(b""), id="no bytes"),
        pytest.param(came(b"", seen=False), id="no bytes, over HTTP/2"),
        pytest.param(came(b"", status=204), id="204"),
        pytest.param(came(b"", body_bytes=154), id="no bytes after a redirect with a page"),
        pytest.param(came(b"", seen=False, body_bytes=5, content_length=None), id="no bytes, chunked"),
    ],
)
def test_an_empty_body_is_no_media(exchange: Exchange, track: int, kind: ObjectKind) -> None:
    assert kind_of(asked(kind, track=track, key_method=KeyMethod.AES_128), exchange) is FailureKind.EMPTY_MEDIA


def test_what_is_encrypted_or_coded_is_not_judged_by_how_it_begins() -> None:
    noise = bytes(range(7, 247)) * 20
    assert kind_of(asked(), came(noise)) is FailureKind.NOT_MEDIA
    assert kind_of(asked(key_method=KeyMethod.AES_128), came(noise)) is None
    assert kind_of(asked(key_method=KeyMethod.SAMPLE_AES), came(noise)) is FailureKind.NOT_MEDIA
    assert kind_of(asked(), came(noise, content_encoding="br")) is None
    page = b"<!doctype html>" + b"x" * 1009
    assert kind_of(asked(key_method=KeyMethod.AES_128), came(page)) is FailureKind.NOT_MEDIA


SHORT = [
    pytest.param(TS[:376], {"bitrate_bps": DECLARED}, True, id="PAT and PMT alone"),
    pytest.param(TS[:1880], {"bitrate_bps": DECLARED}, True, id="ten packets in 4 s"),
    pytest.param(TS[:18_800], {"bitrate_bps": DECLARED}, False, id="a black picture: 25 packets a second"),
    pytest.param(TS[:2068], {"bitrate_bps": DECLARED}, False, id="as little as any codec makes"),
    pytest.param(TS[:1880], {"bitrate_bps": 64_000}, False, id="a tiny variant"),
    pytest.param(TS[:1880], {}, False, id="nothing to compare it with"),
    pytest.param(TS[:188], {"bitrate_bps": DECLARED, "media_seconds": 0.2}, False, id="the last one of a stream"),
    pytest.param(b"WEBVTT\n\n", {"track": 2}, False, id="subtitles"),
    pytest.param(TS[:1880], {"track": 1}, False, id="a gap in the audio"),
]


@pytest.mark.parametrize(("body", "changes", "short"), SHORT)
def test_a_segment_is_too_short_only_if_no_stream_could_have_it(
    body: bytes, changes: dict[str, Any], short: bool
) -> None:
    for seen in (True, False):
        found = kind_of(asked(**changes), came(body, seen=seen))
        assert found is (FailureKind.SHORT_MEDIA if short else None)


def test_without_a_declared_bandwidth_a_segment_is_held_against_those_before_it() -> None:
    parser = Parser()
    assert kind_of(asked(), came(TS), parser) is None
    verdict = parser.verdict(asked(), came(TS[:1880]))
    assert verdict is not None
    assert verdict.failure.detail == "a segment of 4 s with 1880 bytes, where others have up to 752000 bytes"
    assert kind_of(asked(), came(TS[:3760]), parser) is None
    assert kind_of(asked(track=1), came(TS[:1880]), parser) is None


class TestCut:
    def test_a_segment_that_ends_within_a_packet_is_told_and_played(self) -> None:
        parser = Parser()
        for _ in range(4):
            assert parser.verdict(asked(), came(TS, seen=False)) is None
        for _ in range(2):
            verdict = parser.verdict(asked(), came(TS[:409_600], seen=False))
            assert verdict is not None
            assert (verdict.failure.kind, verdict.plays) == (FailureKind.CUT_MEDIA, True)
            assert verdict.failure.detail == "a segment of 409600 bytes ends within a TS packet: it was cut"
        assert parser.verdict(asked(), came(TS, seen=False)) is None

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"content_length": None}, id="chunked: the size is not known"),
            pytest.param({"content_length": len(TS)}, id="a redirect's page counts as body"),
            pytest.param({"content_encoding": "gzip"}, id="coded"),
        ],
    )
    def test_a_size_that_is_not_the_segments_own_says_nothing(self, changes: dict[str, Any]) -> None:
        parser = Parser()
        for _ in range(4):
            parser.verdict(asked(), came(TS))
        assert parser.verdict(asked(), came(TS + b"\x47" * 150, **changes)) is None

    def test_what_was_never_ts_is_not_taken_for_it(self) -> None:
        parser = Parser()
        for size in (18_800, 18_988, 18_801, 18_802, 19_176, 18_803):
            assert parser.verdict(asked(), came(box(b"styp")[:400] + b"\x00" * (size - 400))) is None

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"bitrate_bps": 800_000}, id="another variant"),
            pytest.param({"bitrate_bps": DECLARED, "has_init": True}, id="the same bitrate, with an init section"),
        ],
    )
    def test_a_ladder_may_have_other_containers_beside_ts(self, changes: dict[str, Any]) -> None:
        parser = Parser()
        for _ in range(2):
            for _ in range(4):
                assert parser.verdict(asked(bitrate_bps=DECLARED), came(TS)) is None
            assert parser.verdict(asked(**changes), came(box(b"moof") + b"\x00" * 160_805, seen=False)) is None
        for _ in range(4):
            parser.verdict(asked(bitrate_bps=DECLARED), came(TS))
        assert kind_of(asked(bitrate_bps=DECLARED), came(TS[:409_600]), parser) is FailureKind.CUT_MEDIA

    def test_an_encrypted_segment_after_an_init_section_has_whole_blocks(self) -> None:
        action = asked(key_method=KeyMethod.AES_128, has_init=True)
        assert kind_of(action, came(b"\x07" * 50_000)) is None
        assert kind_of(action, came(b"\x07" * 50_001)) is FailureKind.CUT_MEDIA

    def test_an_encrypted_segment_has_whole_blocks(self) -> None:
        action = asked(key_method=KeyMethod.AES_128)
        parser = Parser()
        for blocks in (100, 101, 188, 94):
            assert parser.verdict(action, came(b"\x07" * 16 * blocks * 50)) is None
        assert kind_of(action, came(b"\x07" * 50_001), parser) is FailureKind.CUT_MEDIA
        assert parser.verdict(action, came(b"\x07" * 50_001, content_length=None)) is None


@pytest.mark.parametrize(
    ("method", "size", "wrong"),
    [
        (KeyMethod.AES_128, 16, False),
        (KeyMethod.AES_128, 32, True),
        (KeyMethod.AES_128, 0, True),
        (KeyMethod.AES_256, 32, False),
        (KeyMethod.AES_256, 16, True),
        (KeyMethod.SAMPLE_AES, 1000, False),  # what a licence is, its format says
    ],
)
def test_a_key_has_the_size_of_its_method(method: KeyMethod, size: int, wrong: bool) -> None:
    found = kind_of(asked(ObjectKind.KEY, key_method=method), came(b"<" * size))
    assert found is (FailureKind.BAD_KEY if wrong else None)


packets = st.integers(20, 4000).map(lambda count: TS[: 188 * count])
boxes = st.integers(3000, 700_000).map(lambda size: box(b"moof", b"\x00" * 500) + box(b"mdat", b"\x00" * size))


@given(st.lists(st.one_of(packets, boxes), max_size=12), st.sampled_from([None, 64_000, 8_000_000]), st.booleans())
def test_no_stream_of_whole_segments_of_any_size_is_called_a_failure(
    bodies: list[bytes], declared: int | None, seen: bool
) -> None:
    parsers = {kind: Parser() for kind in ("ts", "mp4")}
    for body in bodies:
        parser = parsers["ts" if body[:1] == b"\x47" else "mp4"]
        assert parser.verdict(asked(bitrate_bps=declared), came(body, seen=seen)) is None


@given(
    st.binary(max_size=700),
    st.integers(0, 700),
    st.sampled_from(list(KeyMethod)),
    st.sampled_from([ObjectKind.SEGMENT, ObjectKind.INIT, ObjectKind.KEY]),
)
def test_it_has_a_word_for_anything(body: bytes, seen: int, method: KeyMethod, kind: ObjectKind) -> None:
    verdict = Parser().verdict(asked(kind, key_method=method), came(body, body_start=body[:seen]))
    assert verdict is None or verdict.failure.blame == "origin"
