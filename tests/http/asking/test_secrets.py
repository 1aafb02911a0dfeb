"""Who is asked, and who is told what is secret."""

import asyncio
import base64
import socket
from pathlib import Path

import pytest
from tests.http.running import fetched, request, until, with_client
from tests.http.scripted import ScriptedOrigin, Turn, response, scripted

from hls_swarm.http import Client, ClientContext, ClientOptions, Identity, fetch
from hls_swarm.http.client import MOST_CONNECTIONS
from hls_swarm.http.opening.resolver import Address, Resolver
from hls_swarm.records import Exchange, FailureKind

SECRETS = (
    ("Authorization", "Bearer s3cret"),
    ("Cookie", "id=s3cret"),
    ("X-Api-Key", "s3cret"),
    ("X-Mine", "s3cret"),
    ("X-Kept", "yes"),
)


def here(turn: Turn) -> None:
    """`/to/X` redirects to X."""
    if turn.path.startswith("/to/"):
        turn.send(response(b"moved", "302 Found", f"Location: {turn.path.removeprefix('/to/')}"))
    else:
        turn.send(response(b"here"))


def secrets_in(origin: ScriptedOrigin) -> list[int]:
    return [head.count(b"s3cret") for head in origin.heads]


def options(*origins: str, **more: tuple[str, ...]) -> ClientOptions:
    return ClientOptions(headers=SECRETS, origins=origins, sensitive_headers=("x-mine",), **more)  # type: ignore[arg-type]


def asked(option: ClientOptions, *urls: str, identity: Identity | None = None) -> list[Exchange]:
    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(url)) for url in urls]

    return with_client(use, options=option, identity=identity)


def test_secrets_go_to_the_origin_of_the_run_and_not_to_hosts_that_its_playlists_name() -> None:
    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        there = f"http://127.0.0.2:{other.port}/seg.ts"
        urls = (origin.url("/m.m3u8"), there, origin.url("/to//again"), origin.url(f"/to/{there}"))
        assert {exchange.failure for exchange in asked(options(origin.url()), *urls)} == {None}
        assert secrets_in(origin) == [4] * 4
        assert secrets_in(other) == [0, 0]
        assert all(b"X-Kept: yes" in head for head in other.heads)


def test_other_port_of_the_same_host_is_another_origin() -> None:
    with scripted(here) as origin, scripted(here) as other:
        asked(options(origin.url()), other.url())
        assert secrets_in(other) == [0]


def test_host_that_is_trusted_is_told_and_knows_the_way_back() -> None:
    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        there = f"http://127.0.0.2:{other.port}"
        asked(
            options(origin.url(), trusted_hosts=("127.0.0.2",)), f"{there}/seg.ts", f"{there}/to/{origin.url('/back')}"
        )
        assert secrets_in(other) == [4, 4]
        assert secrets_in(origin) == [4]


def test_secret_of_a_viewer_makes_any_header_one() -> None:
    identity = Identity(headers=(("X-Play", "for s3cret"),), user_agent="player s3cret", secret="s3cret")
    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        asked(
            ClientOptions(origins=(origin.url(),)), origin.url(), f"http://127.0.0.2:{other.port}/", identity=identity
        )
        assert (secrets_in(origin), secrets_in(other)) == ([2], [0])


def test_user_and_password_go_along_on_their_origin_only() -> None:
    basic = b"Authorization: Basic " + base64.b64encode(b"u:p")
    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        first = f"http://u:p@127.0.0.1:{origin.port}/to//real.m3u8"
        there = f"http://127.0.0.2:{other.port}/"
        option = ClientOptions(origins=(first,))
        asked(option, first, origin.url("/full.ts"), there, origin.url(f"/to/{there}"), origin.url("/to//again"))
        assert [basic in head for head in origin.heads] == [True] * 6
        assert [b"Authorization" in head for head in other.heads] == [False, False]
        asked(ClientOptions(origins=(first,), trusted_hosts=("127.0.0.2",)), first, there)
        assert basic in other.heads[-1]


def test_credentials_of_a_playlist_do_not_take_the_place_of_the_users() -> None:
    with scripted(here) as origin:
        own, others = (f"http://{user}@127.0.0.1:{origin.port}/" for user in ("u:p", "evil:e"))
        asked(ClientOptions(origins=(own,)), own, others, origin.url("/after"))
        assert b"Basic " + base64.b64encode(b"u:p") in origin.heads[2]


def test_viewers_of_one_context_share_no_credentials() -> None:
    async def use(client: Client) -> None:
        other = Client(client.context)
        try:
            await fetch(client, request(f"http://u:p@127.0.0.1:{origin.port}/"))
            await fetch(other, request(origin.url("/other")))
        finally:
            other.close()

    with scripted(here) as origin:
        with_client(use)
        assert [b"Authorization" in head for head in origin.heads] == [True, False]


def test_origin_of_one_viewer_is_given_with_its_identity() -> None:
    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        there = f"http://127.0.0.2:{other.port}/m.m3u8"

        async def use(client: Client) -> None:
            await fetch(client, request(there))
            own = Client(client.context, Identity(origins=(there,)))
            try:
                await fetch(own, request(there))
            finally:
                own.close()

        with_client(use, options=options(origin.url()))
        assert secrets_in(other) == [0, 4]


def test_host_that_is_not_among_the_only_ones_is_not_asked() -> None:
    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        there = f"http://127.0.0.2:{other.port}/seg.ts"
        urls = (origin.url("/m.m3u8"), there, origin.url(f"/to/{there}"))
        good, refused, redirected = asked(options(origin.url(), only_hosts=("cdn.example",)), *urls)
        assert other.connections == 0
    assert good.failure is None
    for got, sent in ((refused, 0), (redirected, 1)):
        assert got.failure is not None
        assert (got.failure.kind, got.requests_sent) == (FailureKind.HOST_NOT_ALLOWED, sent)
        assert got.failure.detail == f"127.0.0.2:{other.port} is none of the hosts of --only-host: it was not asked"


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "0"])
def test_address_that_nobody_may_load_is_not_asked(host: str) -> None:
    with scripted(here) as origin, scripted(here, host="0.0.0.0") as other:
        url = f"http://{host}:{other.port}/latest"
        got, redirected = asked(ClientOptions(origins=(origin.url(),)), url, origin.url(f"/to/{url}"))
        assert other.heads == []
        for each in (got, redirected):
            assert each.failure is not None
            assert each.failure.kind is FailureKind.HOST_NOT_ALLOWED
    with scripted(here, host="0.0.0.0") as other:
        url = f"http://0.0.0.0:{other.port}/"
        assert asked(ClientOptions(origins=(url,)), url)[0].failure is None


class Leading(Resolver):
    """Leads every name to one address."""

    async def look_up(self, host: str, port: int) -> tuple[Address, ...]:
        return (Address(socket.AF_INET, ("169.254.169.254", port)),)


def test_name_that_leads_to_such_an_address_is_not_asked() -> None:
    async def main() -> Exchange:
        loop = asyncio.get_running_loop()
        limits = ClientOptions(origins=("http://origin.example/",))
        client = Client(ClientContext(loop, limits, resolver=Leading(loop, ())))
        return await fetch(client, request("http://metadata.example/latest"))

    got = asyncio.run(main())
    assert got.failure is not None
    assert got.failure.kind is FailureKind.HOST_NOT_ALLOWED
    assert "metadata.example leads to 169.254.169.254" in got.failure.detail


def test_every_host_is_counted_with_its_requests_and_addresses() -> None:
    async def use(client: Client) -> None:
        for url in (origin.url("/a"), origin.url(f"/to/http://cdn.example:{other.port}/"), origin.url("/b")):
            await fetch(client, request(url))
        hosts = client.context.hosts
        assert {name: (tally.requests, tally.connections, tally.addresses) for name, tally in hosts.items()} == {
            f"127.0.0.1:{origin.port}": (3, 1, ["127.0.0.1"]),
            f"cdn.example:{other.port}": (1, 1, ["127.0.0.2"]),
        }

    with scripted(here) as origin, scripted(here, host="127.0.0.2") as other:
        with_client(use, options=ClientOptions(resolve=("cdn.example:*:127.0.0.2",)))


def test_playlist_of_many_hosts_does_not_take_the_descriptors() -> None:
    hosts = [f"127.0.1.{number}" for number in range(1, 60)]

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def use(client: Client) -> list[Exchange]:
        before, got = descriptors(), []
        for host in hosts:
            got.append(await fetch(client, request(f"http://{host}:{origin.port}/")))
            got.append(await fetch(client, request(origin.url())))
        await until(lambda: descriptors() - before <= 2 * MOST_CONNECTIONS)  # both ends are in this process
        return got

    with scripted(here, host="0.0.0.0") as origin:
        got = with_client(use)
        assert {exchange.failure for exchange in got} == {None}
        assert origin.connections == len(hosts) + 1  # the one that is used again and again stays


@pytest.mark.parametrize("length", [70_000, 10 << 20])
def test_url_that_no_server_takes_is_a_failure_and_is_shown_cut(length: int) -> None:
    url = f"http://u:p@127.0.0.1:1/{'a' * length}"
    got = fetched(url)
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.URL_TOO_LONG, 0)
    assert got.url.startswith("http://***@127.0.0.1:1/aaa")
    assert got.url.endswith(f"({len(url)} characters)")
    assert len(got.url) < 500
    assert got.final_url == got.url


def test_long_url_that_a_server_may_take_is_asked_whole_and_shown_cut() -> None:
    with scripted(here) as origin:
        got = fetched(origin.url("/" + "b" * 30_000))
        assert got.failure is None
        assert origin.paths == ["/" + "b" * 30_000]
    assert len(got.url) < 500
    assert got.final_url == origin.url("/" + "b" * 30_000)


def test_secret_in_a_url_that_is_shown_cut_is_not_shown() -> None:
    token = "s3cret" * 500
    with scripted(here) as origin:
        url = origin.url(f"/list?token={token}")
        (got,) = asked(ClientOptions(), url, identity=Identity(secret=token))
    assert (got.status, token in got.final_url) == (200, True)
    assert got.url == origin.url(f"/list?token=***... ({len(url)} characters)")
