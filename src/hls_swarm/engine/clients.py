"""Settings to HTTP clients: one per viewer, and those of the scraper."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from hls_swarm.http import Client, ClientContext, ClientOptions
from hls_swarm.http.fetcher import Fetcher
from hls_swarm.settings import Settings

_NO_CACHE = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"))


def client_options(settings: Settings) -> ClientOptions:
    """What all viewers have in common."""
    headers = (_NO_CACHE if settings.no_cache else ()) + settings.headers
    resolve: tuple[str, ...] = ()
    if settings.resolve is not None:
        resolve = (f"{urlsplit(settings.url).hostname}:*:{settings.resolve}",)
    if settings.user_agent:
        return ClientOptions(user_agent=settings.user_agent, headers=headers, resolve=resolve)
    return ClientOptions(headers=headers, resolve=resolve)


def fetchers(settings: Settings, loop: asyncio.AbstractEventLoop) -> Callable[[int], Fetcher]:
    """Makes the client of the viewer with a given number; all share one context, and nothing that is a viewer's own."""
    context = ClientContext(loop, client_options(settings))

    def new_fetcher(number: int) -> Fetcher:  # noqa: ARG001 - an identity per viewer is chosen by its number
        return Client(context)

    return new_fetcher


def scraper_fetcher(loop: asyncio.AbstractEventLoop) -> Callable[[], Fetcher]:
    """Makes the clients of the scraper of the origin's metrics: nothing of the viewers' settings applies to them."""
    context = ClientContext(loop)
    return lambda: Client(context)
