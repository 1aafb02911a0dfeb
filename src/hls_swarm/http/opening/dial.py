"""Opening a connection: lookup, TCP, a proxy's tunnel and TLS, each with its time.

Rules:

- Addresses race as RFC 8305 says: the next attempt starts when one failed, or 250 ms after the last began; the first
  to connect wins and the others are closed.
- The attempt that failed last is the one reported, unless this machine had no descriptor or port left, which ends
  the race at once: no other address would mend that.
- Nothing is reported before `start` has returned.
- The time limit is the caller's to keep: it calls `cancel`.
"""

import asyncio
import errno
import socket
import ssl
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from hls_swarm.errors import raised
from hls_swarm.http.asking.target import Route
from hls_swarm.http.context import ClientContext
from hls_swarm.http.failures import bind_failure, connect_failure, phrase, socket_failure, tls_failure
from hls_swarm.http.h1.head import MalformedHead, check_start, parse_head
from hls_swarm.http.h1.stream import Reception, Stream, TcpStream
from hls_swarm.http.h3.driver import QuicSessions
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.opening.resolver import LIFETIME_SECONDS, Address, LookupFailed
from hls_swarm.http.options import Http2
from hls_swarm.http.pacing.link import Link
from hls_swarm.http.tls.context import H2_PROTOCOL, SESSIONS_ARE_FREE, Sessions, TlsStream, wrapped
from hls_swarm.http.tls.secrets import Secrets
from hls_swarm.records import Blame, Failure, FailureKind

_ATTEMPT_DELAY_SECONDS = 0.25
_MOST_REMEMBERED = 32
_SOCKET_KIND = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)
_BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen when connecting, so ports are used up per destination


class Memory:
    """What one client keeps from one connection to the next.

    Attributes:
        addresses: by host: until when a lookup holds, and what it found.
        sessions: TLS sessions to resume; `quic_sessions` are those of QUIC.
        h1_routes: routes that were found to speak HTTP/1.1 only.
        tls_routes: routes to which a connection over TLS was opened.
    """

    __slots__ = ("addresses", "h1_routes", "quic_sessions", "sessions", "tls_routes")

    def __init__(self) -> None:
        self.addresses: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self.sessions: Sessions = {}
        self.quic_sessions: QuicSessions = {}
        self.h1_routes: set[Route] = set()
        self.tls_routes: set[Route] = set()

    def make_room(self) -> None:
        """Forget the oldest of what a playlist with many hosts has brought."""
        for kept in (self.addresses, self.sessions, self.quic_sessions):
            if len(kept) >= _MOST_REMEMBERED:
                del kept[next(iter(kept))]  # type: ignore[arg-type]  # each has its own keys


class Dialer(Protocol):
    """Whom a connection is opened for."""

    def connected(self, dial: "Dial", opened: Stream | QuicPath) -> None:
        """What was opened is ready for requests; it is the callee's to close."""

    def not_connected(self, dial: "Dial", failure: Failure) -> None:
        """There will be no connection."""


class Dial:
    """One connection being opened.

    Attributes:
        host: what is counted of whom it leads to.
        speaks_h2: whether HTTP/2 is spoken on the stream that it delivered.
        was_resumed: whether TLS went on with the session of an earlier connection.
        dns_seconds, connect_seconds, tls_seconds: set as each is done; None for what was not needed.
    """

    __slots__ = (
        "_attempts",
        "_began_at",
        "_candidates",
        "_context",
        "_dialer",
        "_failure",
        "_http2",
        "_link",
        "_lookup",
        "_memory",
        "_offered",
        "_opening",
        "_peer",
        "_secrets",
        "_source",
        "_timer",
        "connect_seconds",
        "dns_seconds",
        "host",
        "route",
        "speaks_h2",
        "tls_seconds",
        "was_resumed",
    )

    def __init__(
        self,
        context: ClientContext,
        dialer: Dialer,
        route: Route,
        source: str | None,
        memory: Memory,
        http2: Http2 = Http2.NEVER,
        link: Link | None = None,
    ) -> None:
        self.route = route
        self._link = link
        self.speaks_h2 = http2 is Http2.REQUIRED
        self._http2 = http2
        self.host = context.host(route)
        self.dns_seconds: float | None = None
        self.connect_seconds: float | None = None
        self.tls_seconds: float | None = None
        self.was_resumed = False
        self._context = context
        self._dialer: Dialer | None = dialer
        self._source = source
        self._memory = memory
        self._began_at = 0.0
        self._candidates: list[Address] = []
        self._attempts: list[socket.socket] = []
        self._peer = context.proxy or route
        self._opening: socket.socket | None = None  # connected, but not ready yet
        self._offered: ssl.SSLSession | None = None
        self._failure: Failure | None = None
        self._lookup: asyncio.Task[None] | None = None
        self._secrets: Secrets | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; the dialer hears of the end later."""
        host, port = self._peer.host, self._peer.port
        addresses = self._context.resolver.known(host, port)
        if addresses is None and host in self._memory.addresses:
            until, found = self._memory.addresses[host]
            if perf_counter() < until:
                addresses = tuple(address.at_port(port) for address in found)
        if addresses is None:
            self._lookup = self._context.loop.create_task(self._look_up(host, port))
        else:
            self._race(addresses)

    def cancel(self) -> None:
        """Give up; the dialer hears no more."""
        self._dialer = None
        self._end_race(None)
        self._stop_opening()
        if self._lookup is not None:
            self._lookup.cancel()

    def _guarded(self, step: Callable[..., None], *arguments: object) -> None:
        """A step that the loop calls: a bug in it ends the dial, which nobody would hear of again otherwise."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - as said
            self._break(error)

    def _break(self, error: Exception) -> None:
        whose = f"a connection to {self.route.authority}"
        self._context.loop.call_exception_handler({"message": whose, "exception": error})
        self._end_race(None)
        self._fail(Failure(FailureKind.INTERNAL, raised(error)))

    async def _look_up(self, host: str, port: int) -> None:
        began_at = perf_counter()
        try:
            addresses = await self._context.resolver.look_up(host, port)
        except LookupFailed as error:
            self._context.loop.call_soon(self._guarded, self._fail, error.failure)  # no part of this task
            return
        except Exception as error:  # noqa: BLE001 - see `_guarded`
            self._break(error)
            return
        finally:
            self._lookup = None
        now = perf_counter()
        self.dns_seconds = now - began_at
        context = self._context
        if context.proxy is None:
            found, addresses = addresses, tuple(a for a in addresses if context.reach.may_connect(a.sockaddr[0]))
            if not addresses:
                words = f"{host} leads to {found[0].sockaddr[0]}, which is not asked unless the URL itself names it"
                context.loop.call_soon(self._guarded, self._fail, Failure(FailureKind.HOST_NOT_ALLOWED, words))
                return
        self._memory.make_room()
        self._memory.addresses[host] = (now + LIFETIME_SECONDS, addresses)
        self._guarded(self._race, addresses)

    def _race(self, addresses: tuple[Address, ...]) -> None:
        self._began_at = perf_counter()
        if self._context.proxy is None:
            for address in addresses:
                self.host.resolved(address.sockaddr[0])
        self._candidates = self._context.resolver.in_turn(addresses)
        self._candidates.reverse()
        if self._source is not None:
            family = socket.AF_INET6 if ":" in self._source else socket.AF_INET
            self._candidates = [address for address in self._candidates if address.family == family]
            if not self._candidates:
                self._failure = Failure(FailureKind.CONNECT, f"no address of the family of {self._source}")
        self._attempt()

    def _attempt(self) -> None:
        """Try the next address that a connection attempt can at least begin to."""
        loop = self._context.loop
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._candidates:
            address = self._candidates.pop()
            sock = self._socket(address)
            if sock is None:
                break
            code = sock.connect_ex(address.sockaddr)
            if code in (0, errno.EINPROGRESS):
                self._attempts.append(sock)
                loop.add_writer(sock.fileno(), self._guarded, self._attempt_ended, sock, address)
                if self._candidates:
                    self._timer = loop.call_later(_ATTEMPT_DELAY_SECONDS, self._guarded, self._attempt)
                return
            sock.close()
            if self._failed(connect_failure(code, address.family, address.host_and_port)):
                break
        if not self._attempts and self._failure is not None:
            self._memory.addresses.pop(self._peer.host, None)  # whatever was known of it is of no use
            loop.call_soon(self._guarded, self._fail, self._failure)

    def _socket(self, address: Address) -> socket.socket | None:
        try:
            sock = socket.socket(address.family, _SOCKET_KIND)
        except OSError as error:
            self._failed(socket_failure(error))
            return None
        sock.setblocking(False)
        if self._link is not None:  # before it is connected: the window's scale follows from it
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._link.buffer_bytes)
        if self._source is None:
            return sock
        try:
            if sys.platform == "linux":
                sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self._source, 0))
        except OSError as error:
            sock.close()
            self._failed(bind_failure(error, self._source))
            return None
        return sock

    def _failed(self, failure: Failure) -> bool:
        """Remember why an attempt failed; True if no other address would fare better."""
        self._failure = failure
        if failure.blame is Blame.GENERATOR:
            self._candidates.clear()
            return True
        return False

    def _attempt_ended(self, sock: socket.socket, address: Address) -> None:
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self._end_race(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.route.tls and self._context.proxy is not None:
                self._ask_for_tunnel(sock)
            else:
                self._reached(sock)
            return
        self._context.loop.remove_writer(sock.fileno())
        self._attempts.remove(sock)
        sock.close()
        self._failed(connect_failure(code, address.family, address.host_and_port))
        self._attempt()

    def _end_race(self, winner: socket.socket | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for sock in self._attempts:
            self._context.loop.remove_writer(sock.fileno())
            if sock is not winner:
                sock.close()
        self._attempts.clear()
        self._candidates.clear()

    def _ask_for_tunnel(self, sock: socket.socket) -> None:
        """RFC 9110 9.3.6."""
        authority, fields = self.route.authority, self._context.proxy_fields
        request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n".encode("ascii") + fields + b"\r\n"
        self._opening = sock
        try:
            sock.send(request)  # the first bytes of a connection always fit
        except OSError as error:
            self._context.loop.call_soon(self._guarded, self._tunnel_failed, f"lost: {phrase(error)}")
            return
        self._context.loop.add_reader(sock.fileno(), self._guarded, self._read_tunnel, sock, bytearray())

    def _read_tunnel(self, sock: socket.socket, answer: bytearray) -> None:
        try:
            data = sock.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._tunnel_failed(f"lost: {phrase(error)}")
            return
        answer += data
        end = answer.find(b"\r\n\r\n") + 4
        try:
            if end < 4:
                check_start(bytes(answer))
                if not data:
                    self._tunnel_failed("closed the connection")
                return
            status = parse_head(bytes(answer[:end])).status
        except MalformedHead as error:
            self._tunnel_failed(f"answered what is not HTTP: {error}")
            return
        if not 200 <= status < 300:
            self._tunnel_failed(f"answered CONNECT with status {status}")
        elif len(answer) > end:
            self._tunnel_failed("sent bytes ahead of the tunnel")
        else:
            self._context.loop.remove_reader(sock.fileno())
            self._opening = None
            self._reached(sock)

    def _tunnel_failed(self, words: str) -> None:
        self._fail(Failure(FailureKind.CONNECT, f"proxy {words}"))

    def _reached(self, sock: socket.socket) -> None:
        """There is a TCP path to the route."""
        now = perf_counter()
        self.connect_seconds = now - self._began_at
        if not self.route.tls:
            self._deliver(TcpStream(sock, self._context.scratch, self._reception))
            return
        self._began_at = now
        try:
            self._offered = self._memory.sessions.get(self.route)
            tls = wrapped(self._context.tls(self._http2).context, sock, self.route.host, self._offered)
        except (OSError, ValueError) as error:
            sock.close()
            words = error if isinstance(error, OSError) else OSError(str(error))
            self._fail(tls_failure(words, self.route.host))
            return
        self._opening = tls
        self._shake_hands(tls)

    def _shake_hands(self, tls: ssl.SSLSocket) -> None:
        loop, fd = self._context.loop, tls.fileno()
        key_log = self._context.tls(self._http2).key_log
        try:
            try:
                tls.do_handshake()
            finally:
                if key_log is not None:
                    self._secrets = key_log.take() or self._secrets
        except ssl.SSLWantReadError:
            loop.remove_writer(fd)
            loop.add_reader(fd, self._guarded, self._shake_hands, tls)
            return
        except ssl.SSLWantWriteError:
            loop.add_writer(fd, self._guarded, self._shake_hands, tls)
            return
        except OSError as error:
            self._fail(tls_failure(error, self.route.host))
            return
        self.tls_seconds = perf_counter() - self._began_at
        if self._offered is not None:
            self.was_resumed = tls.session_reused is True
            if not self.was_resumed:
                self._forget_session(self._offered)
        loop.remove_writer(fd)
        loop.remove_reader(fd)
        self._opening = None
        self.speaks_h2 = tls.selected_alpn_protocol() == H2_PROTOCOL
        if self._http2 is Http2.REQUIRED and not self.speaks_h2:
            tls.close()
            self._fail(Failure(FailureKind.TLS, f"{self.route.host} does not speak HTTP/2"))
            return
        context, secrets = self._context, self._secrets
        takeover = None if secrets is None else context.takeover(secrets)
        memory, route = self._memory, self.route
        sessions = memory.sessions if SESSIONS_ARE_FREE or route in memory.tls_routes else None
        if len(memory.tls_routes) < _MOST_REMEMBERED:
            memory.tls_routes.add(route)
        self._deliver(TlsStream(tls, context.scratch, self._reception, sessions, self.route, takeover))

    @property
    def _reception(self) -> Reception:
        """A link of the viewer's own says when there is something to read; no low-water mark does."""
        reception = self._context.reception
        return reception if self._link is None else Reception(reception.discard_flags, follows_low_water=False)

    def _forget_session(self, offered: ssl.SSLSession) -> None:
        """The server did not resume it, and will not: the next one is kept."""
        sessions = self._memory.sessions
        if sessions.get(self.route) is offered:
            del sessions[self.route]

    def _stop_opening(self) -> None:
        sock, self._opening = self._opening, None
        if sock is not None:
            self._context.loop.remove_reader(sock.fileno())
            self._context.loop.remove_writer(sock.fileno())
            sock.close()

    def _deliver(self, opened: Stream | QuicPath) -> None:
        dialer, self._dialer = self._dialer, None
        if dialer is None:
            opened.close()
        else:
            dialer.connected(self, opened)

    def _fail(self, failure: Failure) -> None:
        self._stop_opening()
        dialer, self._dialer = self._dialer, None
        if dialer is not None:
            dialer.not_connected(self, failure)
