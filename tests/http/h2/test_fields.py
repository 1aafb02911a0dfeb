"""Field blocks: what is encoded decodes with another implementation, and the other way round."""

import contextlib

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.asking.fields import default_fields, field_block
from hls_swarm.http.asking.target import parse_target
from hls_swarm.http.h1.head import Framing, MalformedHead
from hls_swarm.http.h2.fields import CODING, decoded_fields, field_literals, parse_fields, request_block
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=40)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=400)


def encoded(*fields: tuple[str, str], huffman: bool = True) -> bytes:
    encoder = Encoder()
    encoder.header_table_size = 0
    return encoder.encode([(name.encode(), value.encode()) for name, value in fields], huffman=huffman)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_our_literals_decode_elsewhere(fields: list[tuple[str, str]]) -> None:
    fields = [(name, value) for name, value in fields if name != "host"]
    decoded = Decoder().decode(field_literals(tuple(fields)))
    assert [(str(name), str(value)) for name, value in decoded] == fields


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.booleans())
def test_what_is_encoded_elsewhere_is_decoded(fields: list[tuple[str, str]], huffman: bool) -> None:
    block = encoded(*fields, huffman=huffman)
    assert [(name.decode(), value.decode()) for name, value in decoded_fields(block)] == fields


def test_a_request_decodes_elsewhere() -> None:
    block = request_block("/live/a.ts?x=1", "origin.example:8443", tls=True)
    block += field_literals((("User-Agent", "hls-swarm"), ("Host", "left out"), ("Cookie", "a=b"), ("X-New", "1")))
    assert [(str(name), str(value)) for name, value in Decoder().decode(block)] == [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "origin.example:8443"),
        (":path", "/live/a.ts?x=1"),
        ("user-agent", "hls-swarm"),
        ("cookie", "a=b"),
        ("x-new", "1"),
    ]


def test_credentials_are_never_indexed() -> None:
    for name in ("Authorization", "Cookie", "Proxy-Authorization"):
        assert field_literals(((name, "secret"),))[0] & 0xF0 == 0x10


def test_a_head_is_what_its_fields_say() -> None:
    head = parse_fields(
        encoded(
            (":status", "206"),
            ("content-length", "500"),
            ("content-range", "bytes 0-499/1000"),
            ("content-type", "video/mp2t"),
            ("age", "3"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("retry-after", "7"),
            ("location", "/x"),
            ("content-encoding", "gzip"),
        )
    )
    assert (head.status, head.framing, head.length, head.keep_alive) == (206, Framing.LENGTH, 500, True)
    assert (head.content_range, head.content_type, head.age_seconds) == ((0, 499), "video/mp2t", 3.0)
    assert (head.set_cookies, head.retry_after_seconds) == (("a=b", "c=d"), 7.0)
    assert (head.location, head.content_encoding) == ("/x", "gzip")


@pytest.mark.parametrize(
    ("fields", "framing", "length"),
    [
        (((":status", "200"),), Framing.CLOSE, 0),
        (((":status", "204"),), Framing.LENGTH, 0),
        (((":status", "304"), ("content-length", "9")), Framing.LENGTH, 0),
        (((":status", "103"),), Framing.LENGTH, 0),
    ],
)
def test_how_a_body_ends(fields: tuple[tuple[str, str], ...], framing: Framing, length: int) -> None:
    head = parse_fields(encoded(*fields))
    assert (head.framing, head.length) == (framing, length)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param((("content-length", "1"),), id="no status"),
        pytest.param((("a", "b"), (":status", "200")), id="status late"),
        pytest.param(((":status", "200"), (":status", "200")), id="status twice"),
        pytest.param(((":status", "200"), (":path", "/")), id="another pseudo-header field"),
        pytest.param(((":status", "2000"),), id="long status"),
        pytest.param(((":status", "099"),), id="low status"),
        pytest.param(((":status", "101"),), id="switched"),
        pytest.param(((":status", "200"), ("Upper", "x")), id="upper case"),
        pytest.param(((":status", "200"), ("connection", "close")), id="connection"),
        pytest.param(((":status", "200"), ("transfer-encoding", "chunked")), id="transfer coding"),
        pytest.param(((":status", "200"), ("a b", "x")), id="space in a name"),
        pytest.param(((":status", "200"), ("a", "x\r\ny")), id="line end in a value"),
        pytest.param(((":status", "200"), ("content-length", "x")), id="length"),
        pytest.param(((":status", "200"), ("content-length", "1"), ("content-length", "2")), id="lengths"),
    ],
)
def test_malformed_heads(fields: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(MalformedHead):
        parse_fields(encoded(*fields))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xbe", id="index 62: a table that holds nothing"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\xff", id="endless integer"),
        pytest.param(b"\x00\x05ab", id="cut name"),
        pytest.param(b"\x00\x01a", id="no value"),
        pytest.param(b"\x00\x01a\x05ab", id="cut value"),
        pytest.param(b"\x00\x81\xff\x00", id="Huffman"),
        pytest.param(b"\x3f\xe1\x1f", id="a larger table"),
        pytest.param(b"\x88\x20", id="a table change that is late"),
    ],
)
def test_broken_blocks_end_the_connection(block: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decoded_fields(block)
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR


def test_a_table_of_nothing_may_be_said_first() -> None:
    assert decoded_fields(b"\x20\x88") == [(b":status", b"200")]


@given(st.binary(max_size=300))
def test_any_bytes_are_fields_or_an_error(block: bytes) -> None:
    with contextlib.suppress(ProtocolError, MalformedHead):
        assert 100 <= parse_fields(block).status <= 999


def test_a_plain_request_is_what_http_1_1_has() -> None:
    target = parse_target("https://origin.example:8443/a%20b.m3u8?x=1: 2")
    block = field_block(default_fields("agent/1"), (("X-Name", " a: b; \u00e9 "), ("Empty", "")))
    asked = request_block("/a%20b.m3u8?x=1:%202", "origin.example:8443", tls=True) + field_literals(block.fields)
    for _ in range(2):
        assert CODING.plain_block(target.request_line, target.host_line, True, block.full) == asked
