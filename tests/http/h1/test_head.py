import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.builders.wire import field_values

from hls_swarm.http.h1.head import MAX_HEAD_BYTES, Framing, Head, MalformedHead, check_start, parse_head


@pytest.mark.parametrize(
    ("lines", "head"),
    [
        pytest.param("200 OK|Content-Length: 10", Head(200, Framing.LENGTH, 10, True, is_plain=True), id="length"),
        pytest.param(
            "200 OK|content-length:10  ", Head(200, Framing.LENGTH, 10, True, is_plain=True), id="case and space"
        ),
        pytest.param("200 OK|Transfer-Encoding: Chunked", Head(200, Framing.CHUNKED, 0, True), id="chunked"),
        pytest.param(
            "200 OK|Content-Length: 7|content-length: 7",
            Head(200, Framing.LENGTH, 7, True, is_plain=True),
            id="length twice",
        ),
        pytest.param(
            "200 OK|Content-Length: 7, 7", Head(200, Framing.LENGTH, 7, True, is_plain=True), id="length in a list"
        ),
        pytest.param(
            "200 OK|Content-Length: " + "0" * 1000 + "7", Head(200, Framing.LENGTH, 7, True, is_plain=True), id="zeros"
        ),
        pytest.param("200 OK", Head(200, Framing.CLOSE, 0, False), id="read to close"),
        pytest.param("204 No Content", Head(204, Framing.LENGTH, 0, True), id="204"),
        pytest.param("304 Not Modified|Content-Length: 99", Head(304, Framing.LENGTH, 0, True), id="304"),
        pytest.param("204 No Content|Transfer-Encoding: chunked", Head(204, Framing.LENGTH, 0, True), id="204 chunked"),
        pytest.param("205 Reset|Content-Length: 5", Head(205, Framing.LENGTH, 5, True), id="205 as any other"),
        pytest.param("205 Reset", Head(205, Framing.CLOSE, 0, False), id="205 to close"),
        pytest.param("103 Early Hints", Head(103, Framing.LENGTH, 0, True), id="interim"),
        pytest.param(
            "200 OK|Content-Length: 1|Connection: x, Close",
            Head(200, Framing.LENGTH, 1, False),
            id="close among options",
        ),
        pytest.param(
            "302 Found|Content-Length: 0|Location: /x", Head(302, Framing.LENGTH, 0, True, location="/x"), id="location"
        ),
        pytest.param(
            "200 OK|Content-Length: 0|Set-Cookie: a=1, b|Set-Cookie: c=2",
            Head(200, Framing.LENGTH, 0, True, set_cookies=("a=1, b", "c=2")),
            id="cookies are never joined",
        ),
        pytest.param(
            "200 OK|Content-Length: 0|Content-Encoding: gzip|Content-Encoding: deflate",
            Head(200, Framing.LENGTH, 0, True, content_encoding="gzip, deflate"),
            id="lists are joined",
        ),
        pytest.param(
            "206 Partial|Content-Length: 5|Content-Range: bytes 0-4/9",
            Head(206, Framing.LENGTH, 5, True, content_range=(0, 4)),
            id="range",
        ),
        pytest.param(
            "200 OK|Content-Length: 0|Age: 7",
            Head(200, Framing.LENGTH, 0, True, age_seconds=7.0, is_plain=True),
            id="age",
        ),
    ],
)
def test_head(lines: str, head: Head) -> None:
    assert parse_head(b"HTTP/1.1 " + lines.replace("|", "\r\n").encode() + b"\r\n\r\n") == head


@pytest.mark.parametrize(
    ("connection", "keep_alive"), [("keep-alive", True), ("Keep-Alive", True), ("", False), ("close", False)]
)
def test_http_1_0_connection_lives_on_only_if_it_says_so(connection: str, keep_alive: bool) -> None:
    field = f"Connection: {connection}\r\n" if connection else ""
    assert parse_head(f"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n{field}\r\n".encode()).keep_alive is keep_alive


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
)
def test_what_is_no_response_head(data: bytes) -> None:
    with pytest.raises(MalformedHead):
        parse_head(data)


@pytest.mark.parametrize("data", [b"H", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
def test_beginning_that_may_become_a_head(data: bytes) -> None:
    check_start(data)


@pytest.mark.parametrize(
    "data", [b"<html>", b"\x15\x03\x01", b"HTTP/2", b"HTTP/1.1 200 OK\n\n", b"HTTP/1.1 " + b"x" * MAX_HEAD_BYTES]
)
def test_beginning_that_can_not(data: bytes) -> None:
    with pytest.raises(MalformedHead):
        check_start(data)


NAMES = ("Age", "Retry-After", "Date", "Content-Length", "Content-Range", "Content-Encoding", "Set-Cookie", "Location")


@given(st.lists(st.tuples(st.sampled_from(NAMES), field_values()), max_size=6))
@example([("Age", "9" * 400)])
@example([("Content-Length", "0" * 5000 + "5")])
@example([("Content-Length", "5"), ("Content-Length", "9" * 5000)])
@example([("Retry-After", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"), ("Date", "Mon, 01 Jan 2024 00:00:00 GMT")])
def test_head_is_read_or_malformed_whatever_its_values(fields: list[tuple[str, str]]) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    data = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("utf-8", "surrogateescape")
    try:
        head = parse_head(data)
    except MalformedHead:
        return
    assert 0 <= head.length < 2**63
    for seconds in (head.age_seconds, head.retry_after_seconds):
        assert seconds is None or 0 <= seconds <= 2**31


def test_cookies_of_one_head_are_bounded() -> None:
    lines = "".join(f"Set-Cookie: k{n}=v\r\n" for n in range(1000))
    head = parse_head(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())
    assert head.set_cookies == tuple(f"k{n}=v" for n in range(64))
