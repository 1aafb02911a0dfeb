"""QPACK without a dynamic table: what is written another implementation reads, and the other way round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.h1.head import Framing, MalformedHead
from hls_swarm.http.h3.fields import decoded_fields, field_literals, parse_fields, request_block
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError
from hls_swarm.http.h3.static_table import STATIC

NAMES = st.sampled_from(["accept", "x-mine", "cookie", "user-agent", "authorization", "x" * 200])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=300)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_what_is_written_reads_back(fields: list[tuple[str, str]]) -> None:
    section = request_block("/a?b", "o.example", tls=True) + field_literals(tuple(fields))
    pseudo = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"o.example"), (b":path", b"/a?b")]
    assert decoded_fields(section) == pseudo + [(name.encode(), value.encode()) for name, value in fields]


@given(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=6))
@pytest.mark.usefixtures("extra")
def test_another_implementation_understands_it(fields: list[tuple[str, str]]) -> None:
    from qh3._hazmat import QpackDecoder, QpackEncoder

    named = [(name.encode(), value.encode()) for name, value in fields]
    _, read = QpackDecoder(0, 0).feed_header(0, b"\0\0" + field_literals(tuple(fields)))
    assert [tuple(pair) for pair in read] == named
    _, written = QpackEncoder().encode(0, named)
    assert decoded_fields(written) == named


@pytest.mark.usefixtures("extra")
def test_the_static_table_is_everybodys() -> None:
    from qh3._hazmat import QpackDecoder

    indexed = [0xC0 | index if index < 63 else None for index in range(len(STATIC))]
    section = b"\0\0" + b"".join(
        bytes((first,)) if first is not None else bytes((0xFF, index - 63)) for index, first in enumerate(indexed)
    )
    _, read = QpackDecoder(0, 0).feed_header(0, section)
    assert tuple(tuple(pair) for pair in read) == STATIC
    assert decoded_fields(section) == list(STATIC)


def test_a_head() -> None:
    head = parse_fields(b"\0\0\xd9" + field_literals((("content-length", "12"), ("age", "3"), ("set-cookie", "a=b"))))
    assert (head.status, head.framing, head.length) == (200, Framing.LENGTH, 12)
    assert (head.age_seconds, head.set_cookies, head.keep_alive) == (3, ("a=b",), True)


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(b"\0\0", id="no status"),
        pytest.param(b"\0\0\xd9\xd9", id="two"),
        pytest.param(b"\0\0\xc1", id="a request's"),
        pytest.param(b"\0\0\xd9" + field_literals((("Transfer-Encoding", "chunked"),)), id="of HTTP/1.1"),
        pytest.param(b"\0\0\xd9\x22aB\x01x", id="upper case"),
    ],
)
def test_what_is_no_head(section: bytes) -> None:
    with pytest.raises(MalformedHead):
        parse_fields(section)


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0", id="no base"),
        pytest.param(b"\1\0\xd9", id="entries required"),
        pytest.param(b"\0\x80\xd9", id="a base below 0"),
        pytest.param(b"\0\0\x80", id="dynamic"),
        pytest.param(b"\0\0\x10", id="behind the base"),
        pytest.param(b"\0\0\x40\x01x", id="named dynamically"),
        pytest.param(b"\0\0\x00\x01x", id="named behind the base"),
        pytest.param(b"\0\0\xff\x24", id="index 99"),
        pytest.param(b"\0\0\xff\xff\xff\xff\xff\xff", id="endless integer"),
        pytest.param(b"\0\0\x5f", id="cut in an index"),
        pytest.param(b"\0\0\x51", id="cut before a value"),
        pytest.param(b"\0\0\x51\x05ab", id="cut in a value"),
        pytest.param(b"\0\0\x51\x81\x00", id="bad Huffman"),
    ],
)
def test_what_can_not_be_read(section: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decoded_fields(section)
    assert caught.value.code is ErrorCode.QPACK_DECOMPRESSION_FAILED


def test_any_base_will_do_where_no_entries_are_required() -> None:
    assert decoded_fields(b"\0\x05\xd9") == decoded_fields(b"\0\x7f\x80\x01\xd9") == [(b":status", b"200")]
