"""What all clients of one event loop share: nothing of it belongs to a single viewer."""

import asyncio
import ssl
import weakref
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from hls_swarm.errors import SettingsError
from hls_swarm.hls.cache import DIRECTIVE, PASSING
from hls_swarm.http.alarms import Alarms
from hls_swarm.http.asking.fields import FieldBlock, default_fields, field_block
from hls_swarm.http.asking.target import CACHED_URL_CHARACTERS, BadUrl, Route, Target, parse_target
from hls_swarm.http.fetcher import Timeouts
from hls_swarm.http.h1.stream import SCRATCH_BYTES, Reception, system_reception
from hls_swarm.http.h2.lookout import Lookout
from hls_swarm.http.h3.driver import QuicSetup, is_installed
from hls_swarm.http.h3.path import Datagrams
from hls_swarm.http.opening.reach import Reach
from hls_swarm.http.opening.resolver import Resolver
from hls_swarm.http.options import ClientOptions, Http2, Identity, Limits, TlsOptions
from hls_swarm.http.round_trips import RoundTrips
from hls_swarm.http.tls.context import Takeover, tls_context
from hls_swarm.http.tls.secrets import KeyLog, Secrets
from hls_swarm.stats.hosts import Hosts, HostTally, host_tally

_GOLDEN_RATIO = 0.6180339887498949  # its multiples, modulo 1, are spread evenly from the first few on


LIMITS_APART_SECONDS = 0.02
"""Time limits are looked at together: most were set for fetches that have ended well by the time they ring."""


class TlsSetup(NamedTuple):
    """What connections over TLS are made with.

    Attributes:
        key_log: where handshakes leave their secrets; None where bodies over TLS are not skipped.
    """

    context: ssl.SSLContext
    key_log: KeyLog | None


_MOST_TARGETS = 4096


class ClientContext:
    """Shared by all clients of one event loop, one per worker or scraper.

    Args:
        reception: how bodies are dropped; None takes the most that this system can do.
        resolver: looks names up; None is what the options say.

    Attributes:
        proxy, proxy_fields: what to connect to instead of the origin, and what the proxy wants to be told.
        reach: whom to ask, and whom to tell secrets.
        hosts: who was asked.
        round_trips: of some of the connections.
        alarms: for the time limits of all clients.
        datagrams: what came over HTTP/3.
        lookout: for connections over HTTP/2 that wait for much.
        targets: by URL, taken apart and remembered; `new_target` does not remember. Both raise BadUrl.
        timeouts: a request's time limits to those that hold, if the options have any of their own.
        scratch: where dropped bytes go if they must be copied at all; its content means nothing.

    Raises:
        SettingsError: an option that can not work.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: ClientOptions | None = None,
        reception: Reception | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.loop = loop
        self.options = options or ClientOptions()
        self.scratch = bytearray(SCRATCH_BYTES)
        self.reception = reception or system_reception()
        self.resolver = resolver or Resolver(loop, self.options.resolve)
        self.proxy, self.proxy_fields = _proxy(self.options.proxy)
        self.reach = Reach(self.options.origins, self.options.trusted_hosts, self.options.only_hosts)
        self.hosts: Hosts = {}
        self.round_trips = RoundTrips()
        self.alarms = Alarms(loop, LIMITS_APART_SECONDS)
        self.lookout = Lookout(loop)
        self.datagrams = Datagrams()
        self._sensitive = frozenset(name.lower() for name in self.options.sensitive_headers)
        self.targets = _Targets(self.new_target)
        self.fields = lru_cache(maxsize=1024)(self._fields)
        self.fields(Identity())
        self._taken_over = 0
        self._tls: dict[Http2, TlsSetup] = {}
        self._quic: QuicSetup | None = None
        self._follows_http3: bool | None = None
        self.timeouts = None if self.options.limits == Limits() else lru_cache(maxsize=64)(self._timeouts)
        if self.options.tls != TlsOptions():
            self.tls(Http2.NEVER)  # so that a wrong file is found before anything starts

    def tls(self, http2: Http2) -> TlsSetup:
        """For https; made when first needed, as reading the system's certificates takes a while."""
        setup = self._tls.get(http2)
        if setup is None:
            setup = self._tls[http2] = self._new_tls(http2)
        return setup

    def _new_tls(self, http2: Http2) -> TlsSetup:
        context = tls_context(self.options.tls, http2)
        if not self.reception.discard_flags or self.options.tls.verify_share >= 1:
            return TlsSetup(context, None)
        key_log = KeyLog(context, copy_to=context.keylog_filename)
        weakref.finalize(self, key_log.close)
        return TlsSetup(context, key_log)

    def quic(self) -> QuicSetup:
        """For HTTP/3; made when first needed.

        Raises:
            SettingsError: see `QuicSetup`.
        """
        if self._quic is None:
            self._quic = QuicSetup(self.options.tls)
        return self._quic

    def follows_http3(self) -> bool:
        """Whether an offer of HTTP/3 can be taken up; getting ready for that takes a moment, the first time."""
        if self._follows_http3 is None:
            self._follows_http3 = self.proxy is None and is_installed() and self._can_quic()
        return self._follows_http3

    def _can_quic(self) -> bool:
        try:
            self.quic()
        except SettingsError:
            return False  # a client certificate that OpenSSL can use and QUIC can not: it goes on over TCP
        return True

    def takeover(self, secrets: Secrets) -> Takeover:
        """How a TLS 1.3 connection with these secrets goes on; bodies to verify are spread over connections."""
        self._taken_over += 1
        share = self.options.tls.verify_share
        return Takeover(secrets, share, self._taken_over * _GOLDEN_RATIO % 1)

    def new_target(self, url: str) -> Target:
        """Take a URL apart.

        Raises:
            BadUrl: it can not be asked, or is not to be.
        """
        target = parse_target(url, absolute_form=self.proxy is not None)
        self.reach.check(target.route)
        return target if self.reach.trusts(target.route) else msgspec.structs.replace(target, trusted=False)

    def give(self, origins: tuple[str, ...]) -> None:
        """The user wrote these URLs too."""
        if self.reach.give(origins):
            self.targets.clear()  # it holds what was not trusted before

    def host(self, route: Route) -> HostTally:
        """What is counted of a host; to be found once for a connection."""
        return host_tally(self.hosts, route.authority)

    def _timeouts(self, asked: Timeouts) -> Timeouts:
        limits = self.options.limits
        return Timeouts(
            connect=asked.connect if limits.connect is None else limits.connect,
            first_byte=asked.first_byte if limits.first_byte is None else limits.first_byte,
            no_progress=asked.no_progress if limits.no_progress is None else limits.no_progress,
            total=asked.total,
        )

    def _fields(self, identity: Identity) -> FieldBlock:
        options = self.options
        agent = options.user_agent if identity.user_agent is None else identity.user_agent
        try:
            return field_block(
                (),
                default_fields(agent),
                options.headers,
                identity.headers,
                sensitive=self._sensitive,
                secret=identity.secret,
            )
        except ValueError as error:
            raise SettingsError(f"--header: {error}") from None


class _Targets(dict[str, Target]):
    """What URLs mean, the last few thousand of them: a plain look-up for each request.

    A URL with delivery directives (8216bis 6.2.5) is asked for within moments by all that ask for it at all: few are
    held.
    """

    def __init__(self, new_target: Callable[[str], Target]) -> None:
        super().__init__()
        self._new_target = new_target
        self._passing: deque[str] = deque()

    def __missing__(self, url: str) -> Target:
        target = self._new_target(url)
        if len(url) <= CACHED_URL_CHARACTERS:
            while len(self) >= _MOST_TARGETS:
                del self[next(iter(self))]
            self[url] = target
            if DIRECTIVE in url:
                self._passing.append(url)
                if len(self._passing) > PASSING:
                    self.pop(self._passing.popleft(), None)
        return target


def _proxy(url: str | None) -> tuple[Route | None, bytes]:
    if url is None:
        return None, b""
    try:
        target = parse_target(url)
    except BadUrl as error:
        raise SettingsError(f"--proxy: {error}") from None
    if target.route.tls:
        raise SettingsError("--proxy takes an http:// URL: the proxy itself is asked in plain HTTP")
    if target.authorization is None:
        return target.route, b""
    return target.route, f"Proxy-Authorization: {target.authorization}\r\n".encode("ascii")
