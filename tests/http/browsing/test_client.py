"""A client in a browser: what it adds to requests, which preflights it makes, which answers it keeps from a player."""

import asyncio
from collections.abc import Iterable

import pytest
import uvloop
from tests.http.running import request, until
from tests.http.scripted import ScriptedOrigin, Turn, response, scripted

from hls_swarm.http import ClientContext, ClientOptions, Identity, fetch
from hls_swarm.http.browsing.client import BrowserClient
from hls_swarm.http.browsing.page import Page
from hls_swarm.records import Exchange, Failure, FailureKind

PAGE = "https://player.example"
ALL = ("Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: *")


def answering(*fields: str, status: str = "200 OK") -> "Script":
    return Script(fields, fields, status)


class Script:
    """Answers OPTIONS and GET with fields of their own."""

    def __init__(self, preflight: Iterable[str], plain: Iterable[str], status: str = "200 OK") -> None:
        self.preflight, self.plain, self.status = tuple(preflight), tuple(plain), status

    def __call__(self, turn: Turn) -> None:
        if turn.head.startswith(b"OPTIONS "):
            turn.send(response(b"", "204 No Content", *self.preflight))
        else:
            turn.send(response(b"media", self.status, *self.plain))


def browse(
    origin: ScriptedOrigin,
    *paths: str,
    page: Page | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    own: tuple[tuple[str, str], ...] = (),
    byte_range: tuple[int, int] | None = None,
) -> tuple[list[Exchange], list[Exchange]]:
    """Fetch one after the other in one browser; gives the exchanges, and those of preflights."""

    async def main() -> tuple[list[Exchange], list[Exchange]]:
        made: list[Exchange] = []
        context = ClientContext(asyncio.get_running_loop(), ClientOptions(headers=headers))
        client = BrowserClient(context, Identity(), page or Page(PAGE), made.append)
        try:
            asked = [request(origin.url(path), keep_body=True, headers=own, byte_range=byte_range) for path in paths]
            return [await fetch(client, each) for each in asked], made
        finally:
            client.close()

    return uvloop.run(main())


def fields_of(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines if line)}


def methods(origin: ScriptedOrigin) -> list[str]:
    return [head.split(b" ")[0].decode() for head in origin.heads]


def test_a_simple_request_says_what_chromium_says_and_makes_no_preflight() -> None:
    with scripted(answering(*ALL)) as origin:
        (got,), made = browse(origin, "/a.m3u8")
    fields = fields_of(origin.heads[0])
    assert (got.failure, got.body, made) == (None, b"media", [])
    assert {
        name: fields.get(name) for name in ("Origin", "Referer", "Accept", "Accept-Encoding", "Accept-Language")
    } == {
        "Origin": PAGE,
        "Referer": f"{PAGE}/",
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Accept-Language": "en-US,en;q=0.9",
    }
    assert {name: value for name, value in fields.items() if name.startswith("Sec-Fetch")} == {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
    }


def test_a_range_is_asked_for_uncompressed_and_without_a_preflight() -> None:
    def script(turn: Turn) -> None:
        turn.send(response(b"medi", "206 Partial", "Content-Range: bytes 0-3/5", *ALL))

    with scripted(script) as origin:
        (got,), made = browse(origin, "/a.ts", byte_range=(0, 4))
    fields = fields_of(origin.heads[0])
    assert (got.failure, made, fields["Range"], fields["Accept-Encoding"]) == (None, [], "bytes=0-3", "identity")


def test_a_field_of_the_players_own_is_asked_about_first() -> None:
    with scripted(answering(*ALL)) as origin:
        (got,), (preflight,) = browse(origin, "/a.ts", headers=(("X-Session", "7"),), own=(("CMCD-Object", "ot=av"),))
    asked, sent = fields_of(origin.heads[0]), fields_of(origin.heads[1])
    assert methods(origin) == ["OPTIONS", "GET"]
    assert asked["Access-Control-Request-Method"] == "GET"
    assert asked["Access-Control-Request-Headers"] == "cmcd-object,x-session"
    assert (asked["Origin"], asked["Sec-Fetch-Mode"]) == (PAGE, "cors")
    assert "X-Session" not in asked
    assert (sent["X-Session"], sent["CMCD-Object"]) == ("7", "ot=av")
    assert (preflight.requests_sent, preflight.status, preflight.failure) == (1, 204, None)
    assert (got.requests_sent, got.failure, origin.connections) == (1, None, 1)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        pytest.param(ALL, ["OPTIONS", "GET", "GET", "OPTIONS", "GET"], id="each URL once, for five seconds"),
        pytest.param((*ALL, "Access-Control-Max-Age: 0"), ["OPTIONS", "GET"] * 3, id="not at all"),
        pytest.param((*ALL, "Access-Control-Max-Age: 9999999"), ["OPTIONS", "GET", "GET", "OPTIONS", "GET"], id="long"),
    ],
)
def test_what_a_preflight_allowed_is_remembered_for_its_url(fields: tuple[str, ...], asked: list[str]) -> None:
    with scripted(answering(*fields)) as origin:
        got, made = browse(origin, "/a", "/a", "/b", headers=(("X-A", "1"),))
    assert methods(origin) == asked
    assert len(made) == asked.count("OPTIONS")
    assert [each.failure for each in got] == [None] * 3


@pytest.mark.parametrize(
    ("preflight", "words"),
    [
        pytest.param((), "preflight: no Access-Control-Allow-Origin", id="nothing"),
        pytest.param(
            ("Access-Control-Allow-Origin: *",), "preflight: Access-Control-Allow-Headers lacks x-a", id="names"
        ),
        pytest.param(
            ("Access-Control-Allow-Origin: https://other.example",),
            f"preflight: Access-Control-Allow-Origin is https://other.example, not {PAGE}",
            id="another page",
        ),
    ],
)
def test_a_preflight_that_does_not_allow_it_fails_what_it_was_for(preflight: tuple[str, ...], words: str) -> None:
    with scripted(Script(preflight, ALL)) as origin:
        (got,), (made,) = browse(origin, "/a", headers=(("X-A", "1"),))
    assert got.failure == Failure(FailureKind.CORS, words)
    assert (got.requests_sent, made.requests_sent, methods(origin)) == (0, 1, ["OPTIONS"])


def test_a_preflight_with_another_status_is_no_leave() -> None:
    def script(turn: Turn) -> None:
        turn.send(response(b"no", "405 Not Allowed", *ALL))

    with scripted(script) as origin:
        (got,), (made,) = browse(origin, "/a", headers=(("X-A", "1"),))
    assert got.failure == Failure(FailureKind.CORS, "preflight: status 405")
    assert made.status == 405


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        pytest.param((), "200 OK", "no Access-Control-Allow-Origin", id="none"),
        pytest.param((), "404 Not Found", "no Access-Control-Allow-Origin (status 404)", id="none on an error"),
        pytest.param(ALL[:1] * 2, "200 OK", "Access-Control-Allow-Origin has several values: *, *", id="twice"),
    ],
)
def test_an_answer_that_the_script_may_not_read_is_a_failure_of_its_own(
    fields: tuple[str, ...], status: str, words: str
) -> None:
    with scripted(answering(*fields, status=status)) as origin:
        (got,), _ = browse(origin, "/a")
    assert (got.failure, got.body) == (Failure(FailureKind.CORS, words), None)
    assert (got.status, got.body_bytes, got.requests_sent) == (int(status[:3]), 5, 1)


def test_an_error_that_the_script_may_read_is_what_it_is() -> None:
    with scripted(answering(*ALL, status="404 Not Found")) as origin:
        (got,), _ = browse(origin, "/a")
    assert got.failure == Failure(FailureKind.HTTP_STATUS, "status 404", 404)


def test_the_pages_own_origin_needs_no_leave() -> None:
    with scripted(answering()) as origin:
        (got,), made = browse(origin, "/a", page=Page(origin.url("").rstrip("/")), headers=(("X-A", "1"),))
    fields = fields_of(origin.heads[0])
    assert (got.failure, made, "Origin" in fields, fields["Sec-Fetch-Site"]) == (None, [], False, "same-origin")


def test_another_port_of_the_same_host_is_the_same_site() -> None:
    with scripted(answering(*ALL)) as origin:
        browse(origin, "/a", page=Page("http://127.0.0.1:1"))
    assert fields_of(origin.heads[0])["Sec-Fetch-Site"] == "same-site"


def test_beyond_a_foreign_redirect_the_page_is_not_named() -> None:
    with scripted(answering(*ALL)) as there:

        def script(turn: Turn) -> None:
            if turn.head.startswith(b"OPTIONS "):
                turn.send(response(b"", "204 No", *ALL))
            else:
                turn.send(response(b"", "302 Found", f"Location: {there.url('/b')}", *ALL))

        with scripted(script) as here:
            (got,), made = browse(here, "/a", headers=(("X-A", "1"),))
        assert (methods(here), methods(there)) == (["OPTIONS", "GET"], ["OPTIONS", "GET"])
        assert [fields_of(head)["Origin"] for head in there.heads] == ["null", "null"]
        assert (got.failure, got.requests_sent, len(made)) == (None, 2, 2)


def test_a_redirect_that_the_script_may_not_follow_ends_the_request() -> None:
    def script(turn: Turn) -> None:
        turn.send(response(b"", "302 Found", "Location: /b"))

    with scripted(script) as origin:
        (got,), _ = browse(origin, "/a")
    assert got.failure == Failure(FailureKind.CORS, "no Access-Control-Allow-Origin (status 302)")
    assert origin.paths == ["/a"]


@pytest.mark.parametrize(("credentials", "sent"), [(False, None), (True, "id=1")])
def test_cookies_go_to_other_origins_with_credentials_only(credentials: bool, sent: str | None) -> None:
    fields = (f"Access-Control-Allow-Origin: {PAGE}", "Access-Control-Allow-Credentials: true", "Set-Cookie: id=1")
    with scripted(answering(*fields)) as origin:
        got, _ = browse(origin, "/a", "/b", page=Page(PAGE, credentials=credentials))
    assert [each.failure for each in got] == [None, None]
    assert fields_of(origin.heads[1]).get("Cookie") == sent


def test_with_credentials_a_wildcard_does_not_do() -> None:
    with scripted(answering(*ALL)) as origin:
        (got,), _ = browse(origin, "/a", page=Page(PAGE, credentials=True))
    assert got.failure is not None
    assert got.failure.detail == "Access-Control-Allow-Origin is *, which does not do for a request with credentials"


@pytest.mark.parametrize(("exposed", "age"), [((), None), (("Access-Control-Expose-Headers: Date, Age",), 7.0)])
def test_an_age_that_is_not_exposed_is_not_seen(exposed: tuple[str, ...], age: float | None) -> None:
    with scripted(answering(*ALL, "Age: 7", *exposed)) as origin:
        (got,), _ = browse(origin, "/a")
    assert (got.failure, got.age_seconds) == (None, age)


def test_a_request_that_is_given_up_takes_its_preflight_with_it() -> None:
    async def main(origin: ScriptedOrigin) -> tuple[Exchange, Exchange]:
        made: list[Exchange] = []
        ended: list[Exchange] = []
        context = ClientContext(asyncio.get_running_loop(), ClientOptions(headers=(("X-A", "1"),)))
        client = BrowserClient(context, Identity(), Page(PAGE), made.append)
        under_way = client.fetch(request(origin.url("/a")), ended.append)
        await until(lambda: origin.heads)
        under_way.cancel()
        client.close()
        return ended[0], made[0]

    with scripted(Turn.wait_for_end) as origin:
        got, preflight = uvloop.run(main(origin))
    assert (got.failure and got.failure.kind, got.requests_sent) == (FailureKind.CANCELLED, 0)
    assert (preflight.failure and preflight.failure.kind, preflight.requests_sent) == (FailureKind.CANCELLED, 1)
