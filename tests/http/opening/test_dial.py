"""Opening connections: lookups, the race of addresses, and what each client remembers."""

import asyncio
import contextlib
import socket

import pytest
from tests.http.running import request, with_client
from tests.http.scripted import response, scripted

from hls_swarm.http import Client, ClientOptions, Identity, Timeouts, fetch
from hls_swarm.http.opening.resolver import Address, Resolver
from hls_swarm.records import Exchange, FailureKind


class FakeResolver(Resolver):
    """Answers from a list, and counts the questions; without a list, never answers."""

    def __init__(self, client: Client, addresses: list[tuple[str, int]] | None) -> None:
        super().__init__(client.context.loop, ())
        self._addresses = addresses
        self.asked: list[str] = []

    async def look_up(self, host: str, port: int) -> tuple[Address, ...]:
        self.asked.append(host)
        if self._addresses is None:
            await asyncio.Event().wait()
        return tuple(Address(socket.AF_INET, address) for address in self._addresses or ())


def test_each_client_looks_up_for_itself_and_remembers() -> None:
    async def use(client: Client) -> tuple[list[str], list[bool]]:
        resolver = client.context.resolver = FakeResolver(client, [("127.0.0.1", origin.port)])
        other = Client(client.context)
        looked_up = []
        for each in (client, client, other):
            got = await fetch(each, request(f"http://cdn.example:{origin.port}/"))
            assert got.failure is None
            looked_up.append(got.dns_seconds is not None)
        other.close()
        return resolver.asked, looked_up

    with scripted(lambda turn: turn.send(response(b"", "200 OK", "Connection: close"))) as origin:
        asked, looked_up = with_client(use)
    assert asked == ["cdn.example"] * 2
    assert looked_up == [True, False, True]


def test_what_was_remembered_is_forgotten_when_nobody_answers_there() -> None:
    async def use(client: Client) -> list[str]:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            resolver = client.context.resolver = FakeResolver(client, [nobody.getsockname()])
            for _ in range(2):
                got = await fetch(client, request("http://cdn.example/"))
                assert got.failure is not None
                assert got.failure.kind is FailureKind.CONNECT
        return resolver.asked

    assert with_client(use) == ["cdn.example"] * 2


@pytest.mark.parametrize("end", ["limit", "cancel", "close"])
def test_lookup_that_never_ends_is_ended(end: str) -> None:
    async def use(client: Client) -> Exchange:
        client.context.resolver = FakeResolver(client, None)
        ended: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        limits = Timeouts(connect=0.05 if end == "limit" else None, total=None)
        under_way = client.fetch(request("http://cdn.example/", timeouts=limits), ended.set_result)
        await asyncio.sleep(0.01)
        if end == "cancel":
            under_way.cancel()
        elif end == "close":
            client.close()
        return await ended

    got = with_client(use)
    assert got.failure is not None
    assert got.failure.kind is (FailureKind.CONNECT_TIMEOUT if end == "limit" else FailureKind.CANCELLED)


def test_host_without_addresses_of_the_source_family() -> None:
    got = with_client(
        lambda client: fetch(client, request("http://[::1]:9/")), identity=Identity(source_address="127.0.0.1")
    )
    assert got.failure is not None
    assert got.failure.kind is FailureKind.CONNECT


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_address_that_does_not_answer_is_overtaken(loop: str) -> None:
    with scripted(lambda turn: turn.send(response(b"here"))) as origin, contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.2", origin.port), backlog=0))
        for _ in range(4):  # a full queue: the kernel drops what else would join it
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        options = ClientOptions(resolve=(f"*:{origin.port}:127.0.0.1,127.0.0.2",))

        async def use(client: Client) -> list[Exchange]:
            url = f"http://cdn.example:{origin.port}/"
            viewers = [Client(client.context) for _ in range(2)]  # one begins at either address
            got = [await fetch(viewer, request(url, timeouts=Timeouts(total=5.0))) for viewer in viewers]
            for viewer in viewers:
                viewer.close()
            return got

        got = with_client(use, options=options, loop=loop)
    assert [(each.failure, each.status) for each in got] == [(None, 200)] * 2


def test_families_alternate_and_clients_take_turns() -> None:
    async def use(client: Client) -> list[list[str]]:
        six = [Address(socket.AF_INET6, (f"2001:db8::{n}", 80, 0, 0)) for n in (1, 2)]
        four = [Address(socket.AF_INET, (f"192.0.2.{n}", 80)) for n in (1, 2, 3)]
        resolver = Resolver(client.context.loop, ())
        return [[address.sockaddr[0] for address in resolver.in_turn((*four, *six))] for _ in range(2)]

    assert with_client(use) == [
        ["2001:db8::2", "192.0.2.2", "2001:db8::1", "192.0.2.3", "192.0.2.1"],
        ["2001:db8::1", "192.0.2.3", "2001:db8::2", "192.0.2.1", "192.0.2.2"],
    ]
