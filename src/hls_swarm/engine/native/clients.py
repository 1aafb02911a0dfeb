"""Settings to HTTP clients: one per viewer, and those of the scraper."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from hls_swarm.engine.native.identities import Identities
from hls_swarm.engine.native.options import NO_CACHE, client_options, collector_options
from hls_swarm.http import Client, ClientContext, Identity
from hls_swarm.http.browsing.client import BrowserClient
from hls_swarm.http.browsing.page import Page
from hls_swarm.http.fetcher import Fetcher
from hls_swarm.http.h3.path import Datagrams
from hls_swarm.http.pacing.link import Link
from hls_swarm.records import AsideFetched, Exchange, ObjectKind, Record
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_mix
from hls_swarm.stats.hosts import Hosts
from hls_swarm.viewer.profiles import PROFILES


def page_of(settings: Settings) -> Page | None:
    """The page that viewers in browsers run in; None: nothing of a browser is sent."""
    if settings.browser_origin is None:
        return None
    own = frozenset(name.lower() for name, _ in NO_CACHE) if settings.no_cache else frozenset[str]()
    return Page(settings.browser_origin.rstrip("/"), settings.browser_credentials, own)


class Fetchers:
    """Makes the clients of viewers: all share one context, and nothing that is a viewer's own."""

    def __init__(self, settings: Settings, identities: Identities, loop: asyncio.AbstractEventLoop) -> None:
        self._context = ClientContext(loop, client_options(settings))
        # Now, as getting ready takes a tenth of a second, for which the first to need it would hold up all others; and
        # without the extra a run of HTTP/3 ends here, and no viewer fails for it.
        if settings.http == "3":
            self._context.quic()
        elif _may_be_offered_http3(settings):
            self._context.follows_http3()
        self._identities = identities
        self._page = page_of(settings)
        self._in_full = settings.cmcd == "query"
        self._collector: ClientContext | None = None
        if settings.cmcd_collector is not None:
            self._collector = ClientContext(loop, collector_options(settings, settings.cmcd_collector))

    def __call__(self, number: int, report: Callable[[Record], None]) -> Fetcher:
        """The client of the viewer with this number, which reports what it asks besides what it is told to."""
        client = self._client(self._context, number, self._identities.identity(number), report, ObjectKind.PREFLIGHT)
        rate = self._identities.rate(number, perf_counter())
        client.link = None if rate is None else Link(rate)
        if self._in_full:
            client.asks_plainly = False
        return client

    def collector_client(self, number: int, report: Callable[[Record], None]) -> Fetcher:
        """The client of that viewer's reports to a collector: nothing that is the origin's alone goes there."""
        if self._collector is None:
            raise ValueError("no collector is named")
        viewer = self._identities.identity(number)
        agent = viewer.user_agent
        if agent is not None and viewer.secret is not None and viewer.secret in agent:
            agent = None
        identity = Identity(user_agent=agent, source_address=viewer.source_address)
        client = self._client(self._collector, number, identity, report, ObjectKind.CMCD_REPORT)
        client.asks_plainly = False
        return client

    def _client(
        self,
        context: ClientContext,
        number: int,
        identity: Identity,
        report: Callable[[Record], None],
        preflights: ObjectKind,
    ) -> Client:
        """A client of a viewer; its preflights count as what they are, or as what they are for."""
        if self._page is None or not self._identities.sessions.profile(number).in_browser:
            return Client(context, identity)

        def preflight_made(exchange: Exchange) -> None:
            report(AsideFetched(number, preflights, exchange, exchange.failure))

        return BrowserClient(context, identity, self._page, preflight_made)

    def round_trips(self) -> list[float]:
        """Round trips of some connections now, in seconds."""
        return self._context.round_trips.read()

    @property
    def datagrams(self) -> Datagrams:
        """What came over HTTP/3 so far."""
        return self._context.datagrams

    @property
    def hosts(self) -> Hosts:
        """Who was asked so far."""
        return self._context.hosts


def scraper_fetcher(loop: asyncio.AbstractEventLoop) -> Callable[[], Fetcher]:
    """Makes the clients of the scraper of the origin's metrics: nothing of the viewers' settings applies to them."""
    context = ClientContext(loop)
    return lambda: Client(context)


def _may_be_offered_http3(settings: Settings) -> bool:
    """Whether there are viewers who follow an offer of HTTP/3."""
    browsers = any(PROFILES[name].speaks_http2 for name, _ in parse_mix(settings.profile))
    return settings.http == "auto" and browsers and any(url.lower().startswith("https:") for url in settings.urls)
