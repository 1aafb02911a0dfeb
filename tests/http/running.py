"""Runs fetches of one client on either event loop and compares what can be compared of an exchange."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import pytest
import uvloop

from hls_swarm.http import Client, ClientContext, ClientOptions, Identity, Request, Timeouts, fetch
from hls_swarm.http.h1.stream import PORTABLE, Reception
from hls_swarm.records import Exchange, FailureKind

T = TypeVar("T")
BRIEF = Timeouts(connect=5.0, first_byte=5.0, no_progress=5.0, total=10.0)
RECEPTIONS = [pytest.param(None, id="this system's"), pytest.param(PORTABLE, id="portable")]
"""How bodies are dropped: what they come to must not depend on it."""


class Outcome(NamedTuple):
    """What a fetch came to, without its times."""

    status: int | None
    body: bytes | None
    body_bytes: int
    head_bytes: int
    requests_sent: int
    failure: FailureKind | None


def outcome(exchange: Exchange) -> Outcome:
    return Outcome(
        exchange.status,
        exchange.body,
        exchange.body_bytes,
        exchange.head_bytes,
        exchange.requests_sent,
        None if exchange.failure is None else exchange.failure.kind,
    )


def with_client(
    use: Callable[[Client], Awaitable[T]],
    *,
    options: ClientOptions | None = None,
    identity: Identity | None = None,
    loop: str = "uvloop",
    reception: Reception | None = None,
) -> T:
    """Run with a client of its own, closed at the end."""

    async def main() -> T:
        context = ClientContext(asyncio.get_running_loop(), options, reception)
        client = Client(context) if identity is None else Client(context, identity)
        try:
            return await use(client)
        finally:
            client.close()

    return uvloop.run(main()) if loop == "uvloop" else asyncio.run(main())


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread or a socket will bring about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is a thread that fulfils it, which knows no asyncio.Event
            await asyncio.sleep(0.002)


def request(
    url: str,
    *,
    keep_body: bool = False,
    timeouts: Timeouts = BRIEF,
    byte_range: tuple[int, int] | None = None,
    max_body_bytes: int = 1 << 20,
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    return Request(url, time.perf_counter(), timeouts, byte_range, keep_body, max_body_bytes, headers)


def fetched(
    url: str,
    *,
    options: ClientOptions | None = None,
    loop: str = "uvloop",
    reception: Reception | None = None,
    **more: object,
) -> Exchange:
    """One fetch by a new client."""
    asked = request(url, **more)  # type: ignore[arg-type]  # passed on as they are
    return with_client(lambda client: fetch(client, asked), options=options, loop=loop, reception=reception)
