"""Settings to HTTP clients: one per viewer, and those of the scraper."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from urllib.parse import urlsplit

import msgspec

from hls_swarm.engine.native.identities import Identities, has_own_host, read_lists
from hls_swarm.http import Client, ClientContext, ClientOptions, Identity, Limits, TlsOptions
from hls_swarm.http.browsing.client import BrowserClient
from hls_swarm.http.browsing.page import Page
from hls_swarm.http.fetcher import Fetcher
from hls_swarm.http.h1.content import READABLE
from hls_swarm.http.h3.driver import QuicSetup
from hls_swarm.http.pacing.link import Link
from hls_swarm.http.tls.context import tls_context
from hls_swarm.records import AsideFetched, Exchange, ObjectKind, Record
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.network import parse_override
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_mix
from hls_swarm.stats.hosts import Hosts
from hls_swarm.viewer.profiles import PROFILES

_NO_CACHE = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"))


def client_options(settings: Settings) -> ClientOptions:
    """What all viewers have in common.

    URLs with a place for a viewer's own text in their host are not among the origins: they are each viewer's identity.
    """
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
        origins=tuple(url for url in settings.urls if not has_own_host(url)),
        trusted_hosts=settings.trust_host,
        only_hosts=settings.only_host,
        sensitive_headers=settings.sensitive_header,
    )
    return msgspec.structs.replace(options, user_agent=settings.user_agent) if settings.user_agent else options


def _collector_options(settings: Settings, url: str) -> ClientOptions:
    """What clients of a collector have in common: the way to it, and that no other host is asked."""
    options = client_options(settings)
    return msgspec.structs.replace(
        options, headers=(), origins=(url,), trusted_hosts=(), only_hosts=(urlsplit(url).hostname or "",), redirects=0
    )


def page_of(settings: Settings) -> Page | None:
    """The page that viewers in browsers run in; None: nothing of a browser is sent."""
    if settings.browser_origin is None:
        return None
    own = frozenset(name.lower() for name, _ in _NO_CACHE) if settings.no_cache else frozenset[str]()
    return Page(settings.browser_origin.rstrip("/"), settings.browser_credentials, own)


def check_clients(settings: Settings) -> None:
    """Look at what the clients are to send and at the files that they need, before anything is started.

    Raises:
        SettingsError: something that can not be used.
    """
    _check_codings("header", settings.headers)
    _check_codings("origin_metrics_header", settings.origin_metrics_headers)
    read_lists(settings)
    tls = client_options(settings).tls
    if tls != TlsOptions():
        tls_context(tls)
    if settings.http == "3":
        QuicSetup(tls)


class Fetchers:
    """Makes the clients of viewers: all share one context, and nothing that is a viewer's own."""

    def __init__(self, settings: Settings, identities: Identities, loop: asyncio.AbstractEventLoop) -> None:
        self._context = ClientContext(loop, client_options(settings))
        if settings.http == "3" or (self._context.follows_http3 and _may_be_offered_http3(settings)):
            # Now, as getting ready takes a quarter of a second, for which the first to need it would hold up all
            # others; and without the extra a run of HTTP/3 ends here, and no viewer fails for it.
            self._context.quic()
        self._identities = identities
        self._page = page_of(settings)
        self._in_full = settings.cmcd == "query"
        self._collector: ClientContext | None = None
        if settings.cmcd_collector is not None:
            self._collector = ClientContext(loop, _collector_options(settings, settings.cmcd_collector))

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


def _check_codings(field: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Refuse to ask for a content coding that can not be read: a playlist in it would be of no use."""
    for name, value in headers:
        if name.lower() != "accept-encoding":
            continue
        codings = {coding.partition(";")[0].strip().lower() for coding in value.split(",")}
        unreadable = sorted(codings - READABLE - {""})
        if unreadable:
            raise SettingValueError(
                field,
                f"Accept-Encoding asks for {', '.join(unreadable)}, which can not be read here: "
                "leave it to gzip, deflate and identity",
            )


def _overrides(settings: Settings, host: str) -> tuple[str, ...]:
    """Of several for one host and port, all addresses count: they become one override."""
    merged: dict[str, list[str]] = {}
    for text in settings.resolve:
        override = parse_override(text, host)
        end = override.index("]:") + 2 if override.startswith("[") else override.index(":") + 1
        place = override[: override.index(":", end)]
        merged.setdefault(place, []).append(override[len(place) + 1 :])
    return tuple(f"{place}:{','.join(addresses)}" for place, addresses in merged.items())
