"""Redirects, cookies, header fields and credentials: what is asked of whom."""

import pytest
from tests.http.running import fetched, request, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.errors import SettingsError
from hls_swarm.http import Client, ClientContext, ClientOptions, Identity, fetch
from hls_swarm.records import Exchange, FailureKind


def redirecting(turn: Turn) -> None:
    """`/to/X` redirects to X; `/count/N` redirects N times."""
    if turn.path.startswith("/to/"):
        turn.send(response(b"moved", "302 Found", f"Location: {turn.path.removeprefix('/to/')}"))
    elif turn.path.startswith("/count/") and turn.path != "/count/0":
        turn.send(response(b"", "307 On", f"Location: /count/{int(turn.path[7:]) - 1}"))
    else:
        turn.send(response(b"here"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_followed_and_both_answers_count(status: int) -> None:
    def script(turn: Turn) -> None:
        if turn.path == "/old":
            turn.send(response(b"moved", f"{status} Moved", "Location: /new"))
        else:
            turn.send(response(b"here"))

    with scripted(script) as origin:
        got = fetched(origin.url("/old"), keep_body=True)
    assert (got.status, got.body, got.requests_sent, got.body_bytes) == (200, b"here", 2, 9)
    assert (got.url, got.final_url) == (origin.url("/old"), origin.url("/new"))
    assert (origin.paths, origin.connections) == (["/old", "/new"], 1)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("next.m3u8", "/a/b/next.m3u8"),
        ("../up.m3u8?x=1", "/a/up.m3u8?x=1"),
        ("//HOST/other", "/other"),
        ("/with space", "/with%20space"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/part#fragment", "/part"),
        ("?query", "/a/b/c?query"),
    ],
)
def test_location_is_relative_to_what_was_asked(location: str, path: str) -> None:
    def script(turn: Turn) -> None:
        if turn.nth == 0:
            where = location.replace("HOST", f"127.0.0.1:{origin.port}")
            turn.send(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: " + where.encode() + b"\r\n\r\n")
        else:
            turn.send(response(b"here"))

    with scripted(script) as origin:
        got = fetched(origin.url("/a/b/c"))
        assert got.failure is None
        assert origin.paths[1] == path
        assert got.final_url == origin.url(path)


def test_ten_redirects_are_followed_and_no_more() -> None:
    with scripted(redirecting) as origin:
        assert fetched(origin.url("/count/10")).failure is None
        got = fetched(origin.url("/count/11"))
    assert got.failure is not None
    assert (got.failure.kind, got.failure.detail) == (FailureKind.REDIRECT, "more than 10 redirects")
    assert (got.status, got.requests_sent) == (307, 11)


def test_long_redirect_body_costs_the_connection_not_the_redirect() -> None:
    def script(turn: Turn) -> None:
        if turn.path == "/old":
            turn.send(response(b"x" * 600_000, "302 Found", "Location: /new"))
        turn.send(response(b"here"))

    with scripted(script) as origin:
        assert fetched(origin.url("/old"), keep_body=True).body == b"here"
        assert origin.connections == 2


def test_credentials_stay_with_the_origin_they_are_for() -> None:
    mine = (("Authorization", "Bearer secret"), ("Cookie", "id=secret"), ("X-Kept", "yes"))
    with scripted(lambda turn: turn.send(response(b"here"))) as other, scripted(redirecting) as origin:
        url = origin.url(f"/to/{other.url('/there')}")
        assert fetched(url, headers=mine).failure is None
        assert (
            with_client(lambda client: fetch(client, request(url)), options=ClientOptions(headers=mine)).status == 200
        )
    for head in origin.heads:
        assert head.count(b"secret") == 2
    for head in other.heads:
        assert b"secret" not in head
        assert b"X-Kept: yes" in head
    assert (len(origin.heads), len(other.heads)) == (2, 2)


def test_credentials_go_along_within_an_origin_and_return_to_it() -> None:
    with scripted(redirecting) as origin:
        fetched(origin.url("/count/2"), headers=(("Authorization", "Bearer secret"),))
        assert [b"secret" in head for head in origin.heads] == [True] * 3


def test_user_information_of_a_url_is_sent_as_basic_and_shown_nowhere() -> None:
    with scripted(redirecting) as origin:
        got = fetched(f"http://us%20er:pass@127.0.0.1:{origin.port}/to/there")
        assert b"Authorization: Basic dXMgZXI6cGFzcw==" in origin.heads[0]
        assert got.final_url == origin.url("/to/there")
        assert got.url == f"http://***@127.0.0.1:{origin.port}/to/there"


def test_fields_have_their_order_and_replace_each_other() -> None:
    options = ClientOptions(user_agent="player/1", headers=(("X-One", "1"), ("accept", "video/*")))
    identity = Identity(headers=(("X-Two", "2"), ("x-one", "one")))
    asked = (("X-Three", "3"), ("X-Two", "two"))
    with scripted(lambda turn: turn.send(response())) as origin:
        with_client(
            lambda client: fetch(client, request(origin.url("/p?q=1"), headers=asked)),
            options=options,
            identity=identity,
        )
    assert origin.heads[0].decode().split("\r\n") == [
        "GET /p?q=1 HTTP/1.1",
        f"Host: 127.0.0.1:{origin.port}",
        "User-Agent: player/1",
        "accept: video/*",
        "Accept-Encoding: gzip, deflate",
        "x-one: one",
        "X-Two: two",
        "X-Three: 3",
    ]


def test_host_can_be_named_by_the_user() -> None:
    with scripted(lambda turn: turn.send(response())) as origin:
        fetched(origin.url(), options=ClientOptions(headers=(("Host", "cdn.example"),)))
        assert [line for line in origin.heads[0].split(b"\r\n") if line.lower().startswith(b"host")] == [
            b"Host: cdn.example"
        ]


@pytest.mark.parametrize("field", [("X", "a\r\nY: b"), ("X Y", "a"), ("", "a"), ("Transfer-Encoding", "chunked")])
def test_field_that_would_not_arrive_as_one_is_refused(field: tuple[str, str]) -> None:
    async def use(client: Client) -> Exchange:
        with pytest.raises(ValueError, match="header field"):
            client.fetch(request("http://127.0.0.1:9/", headers=(field,)), lambda _: None)
        with pytest.raises(SettingsError, match="header field"):
            ClientContext(client.context.loop, ClientOptions(headers=(field,)))
        with pytest.raises(SettingsError, match="header field"):
            Client(client.context, Identity(headers=(field,)))
        return await fetch(client, request("http://127.0.0.1:1/"))

    assert with_client(use).failure is not None


def test_cookies_are_kept_per_client_and_sent_back() -> None:
    def script(turn: Turn) -> None:
        turn.send(response(b"", "200 OK", "Set-Cookie: session=42; Path=/live", "Set-Cookie: other=1; Max-Age=0"))

    async def use(client: Client) -> None:
        other = Client(client.context)
        try:
            for each in (client, client, other):
                await fetch(each, request(origin.url("/live/a")))
            await fetch(client, request(origin.url("/vod/a")))
        finally:
            other.close()

    with scripted(script) as origin:
        with_client(use)
    cookies = [line for head in origin.heads for line in head.split(b"\r\n") if line.startswith(b"Cookie")]
    assert cookies == [b"Cookie: session=42"]
    assert b"session=42" in origin.heads[1]


def test_cookie_of_a_redirect_is_sent_to_where_it_leads() -> None:
    def script(turn: Turn) -> None:
        if turn.path == "/login":
            turn.send(response(b"", "302 Found", "Location: /play", "Set-Cookie: token=abc"))
        else:
            turn.send(response())

    with scripted(script) as origin:
        fetched(origin.url("/login"))
        assert b"\r\nCookie: token=abc" in origin.heads[1]


def test_override_leads_any_name_to_an_address() -> None:
    with scripted(lambda turn: turn.send(response(b"here"))) as origin:
        options = ClientOptions(resolve=(f"cdn.example:{origin.port}:127.0.0.1",))
        got = fetched(f"http://cdn.example:{origin.port}/", options=options)
    assert (got.status, got.dns_seconds) == (200, None)
    assert f"Host: cdn.example:{origin.port}".encode() in origin.heads[0]


def test_override_leads_an_ipv6_host_elsewhere() -> None:
    with scripted(lambda turn: turn.send(response(b"here"))) as origin:
        options = ClientOptions(resolve=("[2001:db8::1]:*:127.0.0.1",))
        assert fetched(f"http://[2001:db8::1]:{origin.port}/", options=options).status == 200


@pytest.mark.parametrize(
    "override",
    [
        "",
        "host:80",
        "host:port:127.0.0.1",
        "host:80:localhost",
        ":80:127.0.0.1",
        "::1:80:127.0.0.1",
        "host:80:[fe80::1%no_such]",
    ],
)
def test_override_that_is_none_is_a_settings_error(override: str) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(SettingsError, match="--resolve"):
            ClientContext(client.context.loop, ClientOptions(resolve=(override,)))

    with_client(use)


@pytest.mark.parametrize("scope", ["no_such", "0", "9" * 20])
def test_address_beyond_an_interface_that_is_not_there_is_no_host(scope: str) -> None:
    got = fetched(f"http://[fe80::1%{scope}]:1/")
    assert got.failure is not None
    assert got.failure.kind is FailureKind.DNS
    assert got.failure.detail.startswith(f"no such host: fe80::1%{scope[:20]}")


def test_name_is_looked_up_and_timed() -> None:
    with scripted(lambda turn: turn.send(response(b"here"))) as origin:
        got = fetched(f"http://localhost:{origin.port}/")
    assert got.status == 200
    assert got.dns_seconds is not None
    assert got.dns_seconds > 0


def test_name_that_can_not_be_is_a_dns_failure() -> None:
    got = fetched(f"http://{'a' * 64}.example/")  # a label of 64 octets: refused here, without a question to anyone
    assert got.failure is not None
    assert got.failure.kind is FailureKind.DNS
    assert got.requests_sent == 0


def test_next_address_is_tried_when_one_refuses() -> None:
    with scripted(lambda turn: turn.send(response(b"here"))) as origin:
        options = ClientOptions(resolve=(f"cdn.example:{origin.port}:127.0.0.9,::1,127.0.0.1",))
        for _ in range(3):
            assert fetched(f"http://cdn.example:{origin.port}/", options=options).failure is None


def test_clients_begin_at_different_addresses() -> None:
    seen: list[str] = []

    def script(turn: Turn) -> None:
        seen.append(turn.sock.getsockname()[0])
        turn.send(response())

    async def use(client: Client) -> None:
        for _ in range(4):
            viewer = Client(client.context)
            await fetch(viewer, request(f"http://cdn.example:{origin.port}/"))
            viewer.close()

    with scripted(script, host="0.0.0.0") as origin:
        with_client(use, options=ClientOptions(resolve=(f"*:{origin.port}:127.0.0.1,127.0.0.2",)))
    assert sorted(seen) == ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"]


def test_ipv6_literal() -> None:
    with scripted(lambda turn: turn.send(response(b"here")), host="::1") as origin:
        got = fetched(f"http://[::1]:{origin.port}/x", keep_body=True)
    assert got.body == b"here"
    assert f"Host: [::1]:{origin.port}".encode() in origin.heads[0]


def test_a_secret_is_sent_and_shown_nowhere() -> None:
    async def use(client: Client) -> tuple[Exchange, Exchange]:
        wrong = await fetch(client, request("ftp://s3cret/"))
        return await fetch(client, request(origin.url("/a.m3u8?token=s3cret"))), wrong

    with scripted(lambda turn: turn.send(response(b""))) as origin:
        got, wrong = with_client(use, identity=Identity(secret="s3cret"))
        assert [head.split()[1] for head in origin.heads] == [b"/a.m3u8?token=s3cret"]
        assert (got.status, got.url) == (200, origin.url("/a.m3u8?token=***"))
        assert got.final_url == origin.url("/a.m3u8?token=s3cret")
    assert wrong.failure is not None
    assert wrong.url == "ftp://***/"
