"""Which answer a request gets."""

import gzip
from dataclasses import dataclass
from http import HTTPStatus

import pytest

from hls_swarm.http.serving.visitors import Visitors
from hls_swarm.testorigin.resources import PLAYLIST_TYPE, Caching, Resource, Sites
from hls_swarm.testorigin.serving.answers import Answer, Request, answer, byte_range, target_path
from hls_swarm.testorigin.serving.trouble.faults import Faults, parse_fault


class Pages:
    """A site of one page."""

    def __init__(self, path: str, body: bytes, *, metered: bool = True) -> None:
        self.path = path
        self.page = Resource("text/x-test", body, Caching.REVALIDATE, etag='"7"', metered=metered)

    def find(self, path: str) -> Resource | None:
        return self.page if path == self.path else None


SITE = Sites((Pages("/a b", b"0123456789"), Pages("/metrics", b"up 1\n", metered=False)))


def ask(method: str = "GET", target: str = "/a%20b", hosts: int = 1, version: str = "1.1", **headers: str) -> Answer:
    fields = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return answer(Request(0.0, method, target, version, fields, hosts, keep_alive=True), SITE)


def body(given: Answer) -> bytes:
    assert isinstance(given.content, bytes)
    return given.content[given.offset : given.offset + given.length]


def fields(given: Answer) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in given.fields.decode().splitlines())


def test_get_gives_the_whole() -> None:
    given = ask()
    assert (given.status, body(given), given.metered) == (HTTPStatus.OK, b"0123456789", True)
    assert fields(given) == {
        "Content-Type": "text/x-test",
        "Content-Length": "10",
        "Cache-Control": "no-cache",
        "Accept-Ranges": "bytes",
        "ETag": '"7"',
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "*",
    }


def test_head_gives_the_same_head_without_a_body() -> None:
    given = ask("HEAD")
    assert (given.fields, given.content, given.length) == (ask().fields, None, 0)


@pytest.mark.parametrize(
    ("asked", "status", "expected", "content_range"),
    [
        pytest.param("bytes=0-", HTTPStatus.PARTIAL_CONTENT, b"0123456789", "bytes 0-9/10", id="all of it"),
        pytest.param("bytes=2-4", HTTPStatus.PARTIAL_CONTENT, b"234", "bytes 2-4/10", id="some of it"),
        pytest.param("bytes=8-99", HTTPStatus.PARTIAL_CONTENT, b"89", "bytes 8-9/10", id="past the end"),
        pytest.param("bytes=-3", HTTPStatus.PARTIAL_CONTENT, b"789", "bytes 7-9/10", id="the end"),
        pytest.param("bytes=-99", HTTPStatus.PARTIAL_CONTENT, b"0123456789", "bytes 0-9/10", id="more than all"),
        pytest.param("bytes=10-", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, None, "bytes */10", id="outside"),
        pytest.param("bytes=-0", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, None, "bytes */10", id="the last none"),
        pytest.param("bytes=4-2", HTTPStatus.OK, b"0123456789", None, id="backwards"),
        pytest.param("bytes=0-1,4-5", HTTPStatus.OK, b"0123456789", None, id="two ranges"),
        pytest.param("bytes=-", HTTPStatus.OK, b"0123456789", None, id="no number"),
        pytest.param("lines=1-2", HTTPStatus.OK, b"0123456789", None, id="another unit"),
        pytest.param(f"bytes={'9' * 5000}-", HTTPStatus.OK, b"0123456789", None, id="a very long number"),
    ],
)
def test_ranges(asked: str, status: HTTPStatus, expected: bytes | None, content_range: str | None) -> None:
    given = ask(range=asked)
    assert given.status is status
    assert expected is None or body(given) == expected
    assert fields(given).get("Content-Range") == content_range
    assert fields(given)["Content-Length"] == str(given.length)


def test_a_range_is_for_get_and_for_the_same_entity() -> None:
    assert ask("HEAD", range="bytes=0-1").status is HTTPStatus.OK
    assert ask(range="bytes=0-1", if_range='"7"').status is HTTPStatus.PARTIAL_CONTENT
    assert ask(range="bytes=0-1", if_range='"8"').status is HTTPStatus.OK


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        pytest.param('"7"', HTTPStatus.NOT_MODIFIED, id="the same"),
        pytest.param('"6", W/"7"', HTTPStatus.NOT_MODIFIED, id="weak, in a list"),
        pytest.param("*", HTTPStatus.NOT_MODIFIED, id="any"),
        pytest.param('"6"', HTTPStatus.OK, id="another"),
    ],
)
def test_if_none_match(tags: str, status: HTTPStatus) -> None:
    given = ask(if_none_match=tags, range="bytes=0-1") if status is HTTPStatus.NOT_MODIFIED else ask(if_none_match=tags)
    assert given.status is status
    assert (given.content is None) == (status is HTTPStatus.NOT_MODIFIED)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param(ask(target="/b"), HTTPStatus.NOT_FOUND, id="no such path"),
        pytest.param(ask("POST"), HTTPStatus.METHOD_NOT_ALLOWED, id="POST"),
        pytest.param(ask(hosts=0), HTTPStatus.BAD_REQUEST, id="no Host"),
        pytest.param(ask(hosts=2), HTTPStatus.BAD_REQUEST, id="two Hosts"),
        pytest.param(ask(hosts=0, version="1.0"), HTTPStatus.OK, id="HTTP/1.0 needs no Host"),
        pytest.param(ask("OPTIONS"), HTTPStatus.NO_CONTENT, id="a browser's preflight"),
    ],
)
def test_other_answers(given: Answer, status: HTTPStatus) -> None:
    assert given.status is status
    assert fields(given)["Access-Control-Allow-Origin"] == "*"


def test_a_method_not_allowed_names_those_that_are() -> None:
    assert fields(ask("DELETE"))["Allow"] == "GET, HEAD, OPTIONS"
    assert fields(ask("OPTIONS"))["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


def test_a_refusal_is_said_in_words() -> None:
    given = answer(Request(0.0, refusal=HTTPStatus.REQUEST_TIMEOUT), SITE)
    assert (given.status, body(given)) == (HTTPStatus.REQUEST_TIMEOUT, b"408 Request Timeout\n")


def test_metrics_are_not_metered() -> None:
    assert not ask(target="/metrics").metered
    assert not ask("HEAD", target="/metrics").metered


@pytest.mark.parametrize(
    ("target", "path"),
    [
        pytest.param("/a/b?x=/c", "/a/b", id="query"),
        pytest.param("/a%20b%2Fc", "/a b/c", id="escapes"),
        pytest.param("http://h:1/a/b?x", "/a/b", id="absolute form"),
        pytest.param("http://h", "/", id="absolute form without path"),
        pytest.param("*", "/*", id="asterisk form"),
        pytest.param("host:1", "/host:1", id="authority form"),
        pytest.param("/a%ZZ%", "/a%ZZ%", id="broken escapes"),
        pytest.param("/../../etc/passwd", "/../../etc/passwd", id="dots mean nothing"),
    ],
)
def test_target_paths(target: str, path: str) -> None:
    assert target_path(target) == path


def test_byte_range_of_nothing() -> None:
    assert byte_range("bytes=0-", 0) == (0, 0)


@pytest.mark.parametrize(
    ("status", "length"), [pytest.param(204, None), pytest.param(205, "0"), pytest.param(304, None)]
)
def test_a_status_without_a_body_has_none(status: int, length: str | None) -> None:
    faults = Faults()
    faults.set(parse_fault(f"status={status}"), 0.0)
    given = answer(Request(0.0, "GET", "/a%20b", "1.1", {}, 1, keep_alive=True), SITE, faults, 1.0)
    assert (given.status, given.content, given.length) == (status, None, 0)
    assert fields(given).get("Content-Length") == length


CONTROL = Sites((Pages("/control/faults", b"reset\n", metered=False),))


def ask_control(**headers: str) -> Answer:
    kept = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    request = Request(0.0, "GET", "/control/%66aults", "1.1", kept, 1, keep_alive=True)
    return answer(request, CONTROL, visitors=Visitors("127.0.0.1"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"host": "127.0.0.1:17080"}, 200, id="curl"),
        pytest.param({"host": "localhost:17080", "sec_fetch_site": "none"}, 200, id="typed into a browser"),
        pytest.param({"host": "127.0.0.1:17080", "referer": "http://127.0.0.1:17080/"}, 200, id="a link of its own"),
        pytest.param({"host": "evil.example"}, 403, id="a name that was made to point here"),
        pytest.param({"host": "127.0.0.1:17080", "sec_fetch_site": "cross-site"}, 403, id="an image of a stranger"),
        pytest.param({"host": "127.0.0.1:17080", "origin": "http://evil.example"}, 403, id="a script of a stranger"),
        pytest.param({"host": "127.0.0.1:17080", "referer": "http://evil.example/"}, 403, id="an old browser"),
    ],
)
def test_control_pages_are_for_no_page_of_another_site(headers: dict[str, str], status: int) -> None:
    given = ask_control(**headers)
    assert given.status == status
    assert body(given) == b"reset\n" if status == 200 else b"reset" not in body(given)
    assert "Access-Control-Allow-Origin" not in fields(given)


def test_a_stream_is_for_players_of_any_site() -> None:
    foreign = {b"host": "evil.example", b"origin": "http://evil.example", b"sec-fetch-site": "cross-site"}
    request = Request(0.0, "GET", "/a%20b", "1.1", foreign, 1, keep_alive=True)
    given = answer(request, SITE, visitors=Visitors("127.0.0.1"))
    assert (given.status, fields(given)["Access-Control-Allow-Origin"]) == (HTTPStatus.OK, "*")


PLAYLIST = Resource(PLAYLIST_TYPE, b"#EXTM3U\n" * 100, Caching.REVALIDATE, etag='"7"')


@dataclass
class Playlists:
    """A site of one playlist."""

    def find(self, path: str) -> Resource | None:
        return PLAYLIST if path == "/a.m3u8" else None


def ask_for_playlist(method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return answer(Request(0.0, method, "/a.m3u8", "1.1", named, 1, keep_alive=True), Playlists())


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        ("gzip, deflate", True),
        ("br, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("br", False),
        ("", False),
    ],
)
def test_playlists_are_gzipped_for_who_accepts_it(accepted: str, is_zipped: bool) -> None:
    given = ask_for_playlist(accept_encoding=accepted)
    named = fields(given)
    assert named["Vary"] == "Accept-Encoding"
    assert named.get("Content-Encoding") == ("gzip" if is_zipped else None)
    assert (gzip.decompress(body(given)) if is_zipped else body(given)) == PLAYLIST.content
    assert given.length == int(named["Content-Length"]) == len(body(given))
    assert named["ETag"] == ('"7-gzip"' if is_zipped else '"7"')


def test_a_gzipped_playlist_has_its_own_validator_and_head_and_no_ranges() -> None:
    zipped = ask_for_playlist(accept_encoding="gzip")
    assert ask_for_playlist(accept_encoding="gzip", if_none_match='"7-gzip"').status is HTTPStatus.NOT_MODIFIED
    assert ask_for_playlist(accept_encoding="gzip", if_none_match='"7"').status is HTTPStatus.OK
    assert ask_for_playlist("HEAD", accept_encoding="gzip").fields == zipped.fields
    part = ask_for_playlist(accept_encoding="gzip", range="bytes=0-6")
    assert (part.status, body(part)) == (HTTPStatus.PARTIAL_CONTENT, b"#EXTM3U")


def test_nothing_else_is_gzipped() -> None:
    assert fields(ask(accept_encoding="gzip")) == fields(ask())


class Waited:
    """A site of one playlist that requests with directives waited for: it says another thing each time."""

    def __init__(self) -> None:
        self.count = 0

    def find(self, path: str) -> Resource:
        self.count += 1
        return Resource(PLAYLIST_TYPE, b"#EXTM3U\n" * self.count, Caching.BRIEFLY, max_age=12)


def test_a_frozen_playlist_is_not_kept_for_as_long_as_what_was_waited_for() -> None:
    site, faults, asked = Waited(), Faults(), Request(0.0, "GET", "/a.m3u8?_HLS_msn=3", "1.1", {}, 1, keep_alive=True)
    faults.set(parse_fault("frozen,for=4s"), 10.0)
    given = [answer(asked, site, faults, now) for now in (9.0, 10.0, 11.0, 14.0)]
    assert [body(each).count(b"M3U") for each in given] == [1, 2, 2, 4]
    assert [fields(each)["Cache-Control"] for each in given] == ["max-age=12", "max-age=12", "max-age=1", "max-age=12"]
