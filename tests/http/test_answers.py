"""Every kind of answer, fed whole, byte by byte, and with bytes after its end."""

import gzip
import time
import zlib

import msgspec
import pytest
from tests.http.running import BRIEF, RECEPTIONS, Outcome, fetched, outcome, request, with_client
from tests.http.scripted import Script, Turn, response, scripted

from hls_swarm.http import Client, Request, fetch
from hls_swarm.http.h1.stream import PORTABLE, Reception
from hls_swarm.records import BODY_START_BYTES, Exchange, FailureKind

BODY = b"#EXTM3U\n" + bytes(range(256)) * 3
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = gzip.compress(BODY)


def chunked(body: bytes, size: int, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    lines = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
    return lines + b"0\r\n" + trailer + b"\r\n"


def head_length(answer: bytes) -> int:
    """Of all heads, interim ones included."""
    end = answer.index(b"\r\n\r\n") + 4
    return end + head_length(answer[end:]) if answer.startswith(b"HTTP/1.1 1") and answer[end:] else end


def good(answer: bytes, body: bytes = BODY) -> tuple[bytes, Outcome]:
    head = head_length(answer)
    status = int(answer.split(b"HTTP/1.")[-1].split(b" ")[1])
    return answer, Outcome(status, body, len(answer) - head, head, 1, None)


def bad(answer: bytes, status: int | None, body_bytes: int, kind: FailureKind) -> tuple[bytes, Outcome]:
    return answer, Outcome(status, None, body_bytes, 0 if status is None else head_length(answer), 1, kind)


def gzip_answer() -> tuple[bytes, Outcome]:
    answer = response(GZIPPED, "200 OK", "Content-Encoding: gzip")
    return answer, Outcome(200, BODY, len(GZIPPED), head_length(answer), 1, None)


ENDED = {
    "length": good(response(BODY)),
    "empty": good(response(b""), b""),
    "no reason phrase": good(b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", b"hi"),
    "chunked": good(CHUNKED + chunked(BODY, 100)),
    "chunks of one byte": good(CHUNKED + chunked(b"tiny body", 1), b"tiny body"),
    "chunk extension": good(CHUNKED + chunked(BODY, 300, b';name="value"')),
    "trailer": good(CHUNKED + chunked(BODY, 300, trailer=b"X-Sum: 1\r\n")),
    "empty chunked": good(CHUNKED + b"0\r\n\r\n", b""),
    "204 with a length": good(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", b""),
    "interim": good(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(BODY)),
    "two interim": good(b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + response(BODY)),
    "gzip": gzip_answer(),
    "not found": bad(response(b"nope", "404 Not Found"), 404, 4, FailureKind.HTTP_STATUS),
    "unavailable, chunked": bad(
        b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 503, 12, FailureKind.HTTP_STATUS
    ),
    "not modified, unasked": bad(b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, 0, FailureKind.HTTP_STATUS),
    "part of it, unasked": bad(
        response(b"abc", "206 Partial Content", "Content-Range: bytes 0-2/9"), 206, 3, FailureKind.RANGE
    ),
    "redirect to nowhere": bad(response(b"go", "302 Found"), 302, 2, FailureKind.REDIRECT),
    "redirect to another scheme": bad(
        response(b"", "301 Moved", "Location: ftp://127.0.0.1/"), 301, 0, FailureKind.REDIRECT
    ),
    "unknown content coding": bad(response(b"abc", "200 OK", "Content-Encoding: br"), 200, 3, FailureKind.MALFORMED),
    "broken gzip": bad(response(b"abc", "200 OK", "Content-Encoding: gzip"), 200, 3, FailureKind.MALFORMED),
}
"""Answers whose end is known from what they say."""

BROKEN_OFF = {
    "read to close": good(OK + b"\r\n" + BODY),
    "read to close, nothing": good(OK + b"\r\n", b""),
    "HTTP/1.0": good(b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
    "short of its length": bad(OK + b"Content-Length: 10\r\n\r\nshort", 200, 5, FailureKind.TRUNCATED),
    "long, short of its length": bad(
        OK + b"Content-Length: 900000\r\n\r\n" + b"x" * 300, 200, 300, FailureKind.TRUNCATED
    ),
    "inside a chunk": bad(CHUNKED + b"a\r\nshort", 200, 8, FailureKind.TRUNCATED),
    "before the last chunk": bad(CHUNKED + b"2\r\nhi\r\n", 200, 7, FailureKind.TRUNCATED),
    "inside the head": bad(b"HTTP/1.1 200 OK\r\nContent-Le", None, 0, FailureKind.CONNECTION_LOST),
    "before the head": bad(b"", None, 0, FailureKind.CONNECTION_LOST),
    "after an interim answer": (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        Outcome(None, None, 0, 25, 1, FailureKind.CONNECTION_LOST),
    ),
}
"""Answers that the end of the connection ends."""

MALFORMED = {
    "another protocol": bad(b"SSH-2.0-OpenSSH_9.2\r\n", None, 0, FailureKind.MALFORMED),
    "HTTP/2": bad(b"HTTP/2 200\r\n\r\n", None, 0, FailureKind.MALFORMED),
    "bare line feeds": bad(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", None, 0, FailureKind.MALFORMED),
    "two lengths": bad(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", None, 0, FailureKind.MALFORMED),
    "length that is none": bad(OK + b"Content-Length: -1\r\n\r\n", None, 0, FailureKind.MALFORMED),
    "length beside chunks": bad(
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", None, 0, FailureKind.MALFORMED
    ),
    "unasked transfer coding": bad(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", None, 0, FailureKind.MALFORMED),
    "folded line": bad(OK + b"A: b\r\n c\r\n\r\n", None, 0, FailureKind.MALFORMED),
    "switching protocols": bad(
        b"HTTP/1.1 101 Sure\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", None, 0, FailureKind.MALFORMED
    ),
    "chunk size that is none": bad(CHUNKED + b"zz\r\n", 200, 0, FailureKind.MALFORMED),
    "chunk longer than its size": bad(CHUNKED + b"2\r\nabc\r\n", 200, 0, FailureKind.MALFORMED),
}
"""Answers that break the protocol; how many body bytes were read by then depends on how they came."""

USES = [
    pytest.param(True, None, id="kept"),
    pytest.param(False, None, id="dropped"),
    pytest.param(False, PORTABLE, id="dropped, portable"),
]
"""Whether a body is kept, and else how it is dropped."""


def script_for(answer: bytes, feed: str, *, close: bool) -> Script:
    def script(turn: Turn) -> None:
        if feed == "byte by byte":
            turn.send_slowly((answer[at : at + 1] for at in range(len(answer))), pause=0.00002)
        elif feed == "with bytes after it":
            turn.send(answer + b"HTTP/1.1 418 Teapot\r\n\r\n")
        else:
            turn.send(answer)
        if close:
            turn.close()

    return script


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("feed", ["whole", "byte by byte", "with bytes after it"])
@pytest.mark.parametrize(("keep_body", "reception"), USES)
@pytest.mark.parametrize(("answer", "expected"), ENDED.values(), ids=ENDED.keys())
def test_answer_that_ends_by_itself(
    answer: bytes, expected: Outcome, keep_body: bool, reception: Reception | None, feed: str, loop: str
) -> None:
    if not keep_body:
        undecoded = expected.failure is FailureKind.MALFORMED  # content codings matter to kept bodies only
        expected = expected._replace(body=None, failure=None if undecoded else expected.failure)
    with scripted(script_for(answer, feed, close=False)) as origin:
        got = fetched(origin.url(), keep_body=keep_body, loop=loop, reception=reception)
    assert outcome(got) == expected


@pytest.mark.slow
@pytest.mark.parametrize("feed", ["whole", "byte by byte"])
@pytest.mark.parametrize(("keep_body", "reception"), USES)
@pytest.mark.parametrize(("answer", "expected"), BROKEN_OFF.values(), ids=BROKEN_OFF.keys())
def test_answer_that_the_connection_ends(
    answer: bytes, expected: Outcome, keep_body: bool, reception: Reception | None, feed: str
) -> None:
    if not keep_body:
        expected = expected._replace(body=None)
    with scripted(script_for(answer, feed, close=True)) as origin:
        assert outcome(fetched(origin.url(), keep_body=keep_body, reception=reception)) == expected


@pytest.mark.parametrize("keep_body", [True, False], ids=["kept", "dropped"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(response(BODY), id="plain"),
        pytest.param(response(b""), id="empty"),
        pytest.param(response(b"s" * 300_001), id="long"),
        pytest.param(response(BODY, "200 OK", "Age: 7", "Retry-After: 3", "Content-Type: text/plain"), id="fields"),
        pytest.param(response(BODY, "200 OK", "Set-Cookie: a=1", "Alt-Svc: clear"), id="remembered"),
        pytest.param(response(GZIPPED, "200 OK", "Content-Encoding: gzip"), id="coded"),
        pytest.param(response(b"no", "404 Not Found"), id="refused"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + response(BODY), id="interim first"),
    ],
)
def test_an_answer_on_a_connection_that_has_served_is_the_same_however_it_comes(answer: bytes, keep_body: bool) -> None:
    def script(turn: Turn) -> None:
        if turn.path == "/pieces":
            turn.send_slowly([answer[:9], answer[9:-1], answer[-1:]], pause=0.02)
        else:
            turn.send(answer)

    async def use(client: Client) -> list[Exchange]:
        paths = ("/before", "/whole", "/pieces")
        return [await fetch(client, request(origin.url(path), keep_body=keep_body)) for path in paths]

    with scripted(script) as origin:
        _, whole, pieces = with_client(use)
        assert origin.connections == 1
    known = {"connect_seconds", "url", "final_url", "due_at", "started_at", "ended_at", "sent_at", "first_byte_at"}
    told = [
        {name: value for name, value in msgspec.structs.asdict(each).items() if name not in known}
        for each in (whole, pieces)
    ]
    starts = [each.pop("body_start") or b"" for each in told]
    assert starts[0].startswith(starts[1])  # of what comes in pieces less may be seen
    assert told[0] == told[1]
    times = [whole.started_at, whole.sent_at, whole.first_byte_at, whole.ended_at]
    assert times == sorted(time for time in times if time is not None)


@pytest.mark.parametrize("feed", ["whole", "byte by byte", "with bytes after it"])
@pytest.mark.parametrize(("answer", "expected"), MALFORMED.values(), ids=MALFORMED.keys())
def test_answer_that_breaks_the_protocol(answer: bytes, expected: Outcome, feed: str) -> None:
    with scripted(script_for(answer, feed, close=False)) as origin:
        got = outcome(fetched(origin.url(), keep_body=True))
    assert got._replace(body_bytes=0) == expected


@pytest.mark.parametrize("reception", RECEPTIONS)
@pytest.mark.parametrize("tail", [b"x", b"x" * 100_000], ids=["one byte", "many bytes"])
def test_large_dropped_body_is_counted_to_the_byte(tail: bytes, reception: Reception | None) -> None:
    body = b"s" * 3_000_001
    with scripted(lambda turn: turn.send(response(body) + (tail if turn.path == "/more" else b""))) as origin:
        assert outcome(fetched(origin.url(), reception=reception)).body_bytes == len(body)
        got = fetched(origin.url("/more"), reception=reception)
        assert outcome(got) == Outcome(200, None, len(body), 44, 1, None)


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_large_chunks_are_dropped_to_the_byte(reception: Reception | None) -> None:
    answer = CHUNKED + chunked(b"s" * 3_000_000, 700_000)
    with scripted(lambda turn: turn.send(answer)) as origin:
        got = fetched(origin.url(), reception=reception)
        assert outcome(got) == Outcome(200, None, len(answer) - 47, 47, 1, None)


@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        pytest.param(response(b"x" * 101), 100, id="declared"),
        pytest.param(CHUNKED + chunked(b"x" * 101, 10), 100, id="chunked"),
        pytest.param(
            response(zlib.compress(b"x" * 101), "200 OK", "Content-Encoding: deflate"), 100, id="when decompressed"
        ),
    ],
)
def test_kept_body_over_its_limit_is_malformed(answer: bytes, limit: int) -> None:
    with scripted(script_for(answer, "whole", close=False)) as origin:
        got = fetched(origin.url(), keep_body=True, max_body_bytes=limit)
        assert got.body is None
        assert got.failure is not None
        assert got.failure.kind is FailureKind.MALFORMED
        assert f"over {limit} bytes" in got.failure.detail
        assert fetched(origin.url(), keep_body=True, max_body_bytes=101).failure is None


def test_head_over_its_limit_is_malformed() -> None:
    with scripted(lambda turn: turn.send(OK + b"X-Filler: " + b"x" * 70_000)) as origin:
        assert outcome(fetched(origin.url())) == Outcome(None, None, 0, 0, 1, FailureKind.MALFORMED)


def test_long_body_of_an_error_is_not_read() -> None:
    with scripted(lambda turn: turn.send(response(b"x" * 1_000_000, "500 Oops"))) as origin:
        got = fetched(origin.url())
        assert (got.status, got.failure and got.failure.status) == (500, 500)
        assert got.body_bytes < 1_000_000


@pytest.mark.parametrize(
    ("fields", "age", "retry_after"),
    [
        pytest.param((), None, None, id="none"),
        pytest.param(("Age: 12", "Retry-After: 30"), 12.0, 30.0, id="seconds"),
        pytest.param(
            ("Date: Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After: Mon, 01 Jan 2024 00:01:00 GMT"), None, 60.0, id="date"
        ),
        pytest.param(("Retry-After: Mon, 01 Jan 2024 00:01:00 GMT",), None, None, id="date that says nothing"),
        pytest.param(("Age: old", "Retry-After: later"), None, None, id="no numbers"),
    ],
)
def test_age_and_retry_after(fields: tuple[str, ...], age: float | None, retry_after: float | None) -> None:
    with scripted(lambda turn: turn.send(response(b"", "503 Busy", *fields))) as origin:
        got = fetched(origin.url())
        assert (got.age_seconds, got.retry_after_seconds) == (age, retry_after)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(response(b"abcde", "206 Partial", "Content-Range: bytes 10-14/100"), None, id="as asked"),
        pytest.param(response(b"abcde", "206 Partial", "Content-Range: bytes 10-14/*"), None, id="unknown total"),
        pytest.param(
            response(b"abcde", "206 Partial", "Content-Range: bytes 11-15/100"), FailureKind.RANGE, id="moved"
        ),
        pytest.param(response(b"abc", "206 Partial", "Content-Range: bytes 10-12/13"), FailureKind.RANGE, id="short"),
        pytest.param(response(b"abc", "206 Partial", "Content-Range: bytes 10-14/99"), FailureKind.RANGE, id="length"),
        pytest.param(response(b"abcde", "206 Partial"), FailureKind.RANGE, id="unsaid"),
        pytest.param(response(b"x" * 100), FailureKind.RANGE, id="the whole"),
        pytest.param(response(b"", "416 No"), FailureKind.HTTP_STATUS, id="refused"),
    ],
)
def test_byte_range(answer: bytes, kind: FailureKind | None) -> None:
    with scripted(lambda turn: turn.send(answer)) as origin:
        got = fetched(origin.url(), keep_body=True, byte_range=(10, 5))
        assert (got.failure and got.failure.kind) == kind
        assert got.body == (b"abcde" if kind is None else None)
        assert b"Range: bytes=10-14\r\n" in origin.heads[0] + b"\r\n"


def test_every_field_of_an_exchange_is_what_its_name_says() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nAge: 7\r\nRetry-After: 3\r\n\r\n"
    before = time.perf_counter()
    with scripted(lambda turn: turn.send(head + b"whole")) as origin:
        asked = Request(origin.url("/a"), before - 2.0, BRIEF, None, True)
        got = with_client(lambda client: fetch(client, asked))
    after = time.perf_counter()
    assert got.due_at == before - 2.0
    assert got.sent_at is not None
    assert got.first_byte_at is not None
    assert before <= got.started_at <= got.sent_at <= got.first_byte_at <= got.ended_at <= after
    assert got.connect_seconds is not None
    assert 0 < got.connect_seconds < after - before
    assert (got.url, got.final_url, got.status, got.requests_sent) == (origin.url("/a"), origin.url("/a"), 200, 1)
    assert (got.head_bytes, got.body_bytes, got.body) == (len(head), 5, b"whole")
    assert (got.age_seconds, got.retry_after_seconds) == (7.0, 3.0)
    assert (got.dns_seconds, got.tls_seconds, got.failure, got.connections_opened) == (None, None, None, None)
    assert got.timed


PAGE = b"<html>" + b"x" * 500
MEDIA = b"G" + bytes(187) * 1000


@pytest.mark.parametrize("reception", RECEPTIONS)
@pytest.mark.parametrize(
    ("pieces", "start"),
    [
        pytest.param([response(PAGE)], PAGE[:BODY_START_BYTES], id="with the head"),
        pytest.param([response(b"{}")], b"{}", id="short"),
        pytest.param([response(b"")], b"", id="empty"),
        pytest.param([response(PAGE)[: -len(PAGE)], PAGE], PAGE[:BODY_START_BYTES], id="after the head"),
        pytest.param([CHUNKED, chunked(PAGE, 100)], PAGE[:BODY_START_BYTES], id="chunked"),
        pytest.param(
            [OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n", b"\x1f\x8b\x08"], b"\x1f\x8b\x08", id="coded"
        ),
        pytest.param([response(MEDIA)[: -len(MEDIA)], MEDIA], None, id="long and after the head"),
    ],
)
def test_start_of_a_dropped_body_is_shown_where_it_was_seen(
    pieces: list[bytes], start: bytes | None, reception: Reception | None
) -> None:
    with scripted(lambda turn: turn.send_slowly(pieces, 0.05)) as origin:
        got = fetched(origin.url(), reception=reception)
    assert (got.failure, got.body, got.body_start) == (None, None, start)


def test_length_and_coding_are_those_that_the_answer_declares() -> None:
    def script(turn: Turn) -> None:
        match turn.path:
            case "/coded":
                turn.send(response(b"\x1f\x8b\x08", "200 OK", "Content-Encoding: gzip"))
            case "/chunked":
                turn.send(CHUNKED + chunked(PAGE, 100))
            case "/elsewhere":
                turn.send(response(b"moved", "302 F", "Location: /coded"))

    with scripted(script) as origin:
        said = [fetched(origin.url(path)) for path in ("/coded", "/chunked", "/elsewhere")]
    assert [(each.content_length, each.content_encoding) for each in said] == [(3, "gzip"), (None, None), (3, "gzip")]


def test_content_type_is_the_answers_own() -> None:
    with scripted(lambda turn: turn.send(response(b"{}", "404 No", "Content-Type: text/html; charset=x "))) as origin:
        assert fetched(origin.url()).content_type == "text/html; charset=x"
    with scripted(lambda turn: turn.send(response(b"{}"))) as origin:
        assert fetched(origin.url()).content_type is None


def test_start_of_a_body_is_that_of_the_last_answer() -> None:
    def script(turn: Turn) -> None:
        turn.send(response(b"moved", "302 F", "Location: /new") if turn.path == "/" else response(MEDIA))

    with scripted(script) as origin:
        got = fetched(origin.url())
    assert got.body_bytes == len(MEDIA) + 5
    assert got.body_start != b"moved"


@pytest.mark.parametrize(
    ("answer", "body", "goes_on"),
    [
        pytest.param(b"HTTP/1.1 204 None\r\n\r\n", b"", True, id="204"),
        pytest.param(b"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello", b"", False, id="204 with a body"),
        pytest.param(b"HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n", b"", True, id="204 chunked"),
        pytest.param(b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", b"", True, id="205"),
        pytest.param(b"HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nhi", b"hi", True, id="205 with a body"),
        pytest.param(b"HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", True, id="205 chunked"),
        pytest.param(b"HTTP/1.1 304 Same\r\nContent-Length: 99\r\n\r\n", None, True, id="304 with a length"),
        pytest.param(b"HTTP/1.1 304 Same\r\n\r\nhello", None, False, id="304 with a body"),
    ],
)
def test_answer_ends_where_its_status_says(answer: bytes, body: bytes | None, goes_on: bool) -> None:
    """RFC 9112 6.3: whatever follows belongs to no answer, and ends the connection."""

    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(origin.url(), keep_body=True)) for _ in range(3)]

    with scripted(lambda turn: turn.send(answer)) as origin:
        got = with_client(use)
        assert origin.connections == (1 if goes_on else 3)
    assert [exchange.body for exchange in got] == [body] * 3
    assert {exchange.requests_sent for exchange in got} == {1}


def test_endless_interim_answers_are_malformed() -> None:
    with scripted(lambda turn: turn.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000)) as origin:
        got = fetched(origin.url())
    assert got.failure is not None
    assert (got.failure.kind, got.failure.detail) == (FailureKind.MALFORMED, "more than 32 interim answers")


@pytest.mark.parametrize(
    ("encoding", "unknown"),
    [
        ("UTF-8", "utf-8"),
        ("aws-chunked, gzip", "aws-chunked"),
        ("x" * 99, "x" * 24),
        ("gzip", None),
        ("identity,", None),
    ],
)
def test_coding_that_is_none_is_named(encoding: str, unknown: str | None) -> None:
    body = GZIPPED if "gzip" in encoding else BODY
    with scripted(lambda turn: turn.send(response(body, "200 OK", f"Content-Encoding: {encoding}"))) as origin:
        got = fetched(origin.url(), keep_body=True)
    assert (got.failure, got.body, got.unknown_coding) == (None, BODY, unknown)
