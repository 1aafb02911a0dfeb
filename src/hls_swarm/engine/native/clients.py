"""Settings to HTTP clients: one per viewer, and those of the scraper."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from hls_swarm.engine.native.identities import Identities, read_lists
from hls_swarm.http import Client, ClientContext, ClientOptions, Limits, TlsOptions
from hls_swarm.http.fetcher import Fetcher
from hls_swarm.http.tls.context import tls_context
from hls_swarm.settings.network import parse_override
from hls_swarm.settings.run import Settings

_NO_CACHE = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"))


def client_options(settings: Settings) -> ClientOptions:
    """What all viewers have in common."""
    host = urlsplit(settings.url).hostname or ""
    options = ClientOptions(
        headers=(_NO_CACHE if settings.no_cache else ()) + settings.headers,
        resolve=_overrides(settings, host),
        tls=TlsOptions(
            settings.ca_file,
            settings.insecure,
            settings.client_certificate,
            settings.client_key,
            settings.verify_bodies / 100,
        ),
        proxy=settings.proxy,
        limits=Limits(settings.connect_timeout, settings.first_byte_timeout, settings.no_progress_timeout),
    )
    return msgspec.structs.replace(options, user_agent=settings.user_agent) if settings.user_agent else options


def check_clients(settings: Settings) -> None:
    """Look at the files that the viewers' clients need, before anything is started.

    Raises:
        SettingsError: one that can not be used.
    """
    read_lists(settings)
    tls = client_options(settings).tls
    if tls != TlsOptions():
        tls_context(tls)


def fetchers(settings: Settings, identities: Identities, loop: asyncio.AbstractEventLoop) -> Callable[[int], Fetcher]:
    """Makes the client of the viewer with a given number; all share one context, and nothing that is a viewer's own."""
    context = ClientContext(loop, client_options(settings))

    def new_fetcher(number: int) -> Fetcher:
        return Client(context, identities.identity(number))

    return new_fetcher


def scraper_fetcher(loop: asyncio.AbstractEventLoop) -> Callable[[], Fetcher]:
    """Makes the clients of the scraper of the origin's metrics: nothing of the viewers' settings applies to them."""
    context = ClientContext(loop)
    return lambda: Client(context)


def _overrides(settings: Settings, host: str) -> tuple[str, ...]:
    """Of several for one host and port, all addresses count: they become one override."""
    merged: dict[str, list[str]] = {}
    for text in settings.resolve:
        override = parse_override(text, host)
        end = override.index("]:") + 2 if override.startswith("[") else override.index(":") + 1
        place = override[: override.index(":", end)]
        merged.setdefault(place, []).append(override[len(place) + 1 :])
    return tuple(f"{place}:{','.join(addresses)}" for place, addresses in merged.items())
