"""The server of the origin: many connections, one thread, no copies where there need be none.

The listening socket and each connection are watched by the event loop; see `opening`, `connection` and `h2` for
what one connection does.
"""

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from hls_swarm import __version__
from hls_swarm.http.serving.visitors import Visitors
from hls_swarm.testorigin.lowlatency.alike import Alike
from hls_swarm.testorigin.lowlatency.stream import LowLatencyStream, Refusal
from hls_swarm.testorigin.resources import Resource, Site, StoredFile
from hls_swarm.testorigin.serving.answers import Answer, Request, answer, message, refused, target_path, target_query
from hls_swarm.testorigin.serving.connection import Connection
from hls_swarm.testorigin.serving.control import RequestLog
from hls_swarm.testorigin.serving.h2.connection import H2Connection
from hls_swarm.testorigin.serving.held import Held
from hls_swarm.testorigin.serving.opening import Opening
from hls_swarm.testorigin.serving.owner import READ_BYTES, Connected, State
from hls_swarm.testorigin.serving.trouble.cors import CorsRule
from hls_swarm.testorigin.serving.trouble.faults import Faults
from hls_swarm.testorigin.serving.trouble.limits import Limits
from hls_swarm.testorigin.serving.wire import Wire
from hls_swarm.testorigin.settings import OriginSettings
from hls_swarm.testorigin.telling.access_log import AccessLog
from hls_swarm.testorigin.telling.traffic import Traffic

_BACKLOG = 65_535  # the kernel cuts it to net.core.somaxconn
_ACCEPTS_AT_ONCE = 256
_ACCEPT_PAUSE_SECONDS = 0.1
_SWEEP_SECONDS = 1.0
_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


_VIEWER_COOKIE = b"hls-swarm-viewer="


def _viewer(peer: str, request: Request) -> str:
    """Who asks: as it was told to call itself, else by where it comes from and what it says of its player."""
    return request.headers.get(b"cookie") or f"{peer} {request.headers.get(b'user-agent', '')}"


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on an address, ready for an event loop.

    Raises:
        OSError: the address is in use, or not one of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it: the end of an answer must not wait for an acknowledgement of its beginning.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True, slots=True)
class _Only:
    """A site of one resource, which is found already."""

    resource: Resource

    def find(self, path: str) -> Resource:  # noqa: ARG002 it was found by its path already
        """The resource, whatever the path."""
        return self.resource


class Server:
    """Serves a site on one listening socket.

    Args:
        listener: from `listening_socket`; the server closes it.
        max_connections: more wait in the kernel's backlog until others have gone.
        faults: what goes wrong on purpose.
        requests: takes every answer that ended, beside the log.
        visitors: who may ask for the control pages; None: anybody.
        limits: what there is only so much of, on purpose.
        low_latency: the stream whose requests may have to wait.
        cors: which scripts may read answers; None: those of every page.
        tls: what a handshake is made with; None: there is no TLS here.
    """

    def __init__(
        self,
        settings: OriginSettings,
        listener: socket.socket,
        site: Site,
        traffic: Traffic,
        log: AccessLog,
        max_connections: int,
        faults: Faults | None = None,
        requests: RequestLog | None = None,
        visitors: Visitors | None = None,
        limits: Limits | None = None,
        low_latency: LowLatencyStream | None = None,
        cors: CorsRule | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._alike = None if low_latency is None else Alike(low_latency)
        self._limits = limits or Limits(())
        self._cors = cors
        self._faults, self._requests, self._visitors = faults, requests, visitors
        self.read_buffer = bytearray(READ_BYTES)
        self.head_seconds = settings.head_seconds
        self.idle_seconds = settings.idle_seconds
        self.stalled_seconds = settings.stalled_seconds
        self.is_stopping = False
        self._grace_seconds = settings.grace_seconds
        self._site, self._traffic, self._log = site, traffic, log
        self._listener = listener
        self._max_connections = max_connections
        self._connections: set[Connected] = set()
        self._loop = asyncio.get_running_loop()
        self._sweeper: asyncio.TimerHandle | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._all_closed = asyncio.Event()
        self._second, self._common = -1, b""
        self._viewers = 0

    def start(self) -> None:
        """Begin to accept connections."""
        self._loop.add_reader(self._listener.fileno(), self._accept)
        self._sweep()

    async def stop(self) -> None:
        """Accept no more, let answers under way end for a while, then close everything."""
        if not self.is_stopping:
            self.is_stopping = True
            if self._resume is not None:
                self._resume.cancel()
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for connection in tuple(self._connections):
            if connection.state is not State.WRITING or connection.is_held:
                connection.expire()
        if self._connections:
            try:
                await asyncio.wait_for(self._all_closed.wait(), self._grace_seconds)
            except TimeoutError:
                for connection in tuple(self._connections):
                    connection.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._log.flush()

    def _accept(self) -> None:
        """Take connections that the kernel has completed."""
        for _ in range(_ACCEPTS_AT_ONCE):
            if len(self._connections) >= self._max_connections:
                self._pause_accepting()
                return
            try:
                connected, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    raise
                self._pause_accepting()
                return
            connected.setblocking(False)
            self._traffic.accepted += 1
            most = self._limits.connections
            if most is not None and len(self._connections) >= most:
                self._traffic.dropped += 1
                connected.close()
                continue
            self._traffic.active += 1
            self._connections.add(Opening(self, connected, address[0], self._tls))

    def _pause_accepting(self) -> None:
        """Look away from the listener, which stays readable, for a moment: until a connection has been given back."""
        self._traffic.accepts_paused += 1
        self._loop.remove_reader(self._listener.fileno())
        self._resume = self._loop.call_later(_ACCEPT_PAUSE_SECONDS, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _sweep(self) -> None:
        """Once a second: close what is past its deadline, and write the log."""
        now = self._loop.time()
        for connection in [each for each in self._connections if each.deadline < now]:
            connection.expire()
        self._log.flush()
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    # What connections need.

    def now(self) -> float:
        """The loop's clock."""
        return self._loop.time()

    def watch_reads(self, connection: Connected, wanted: bool) -> None:
        """Call `readable` when there is something to read, or no longer."""
        if wanted:
            self._loop.add_reader(connection.descriptor, connection.readable)
        else:
            self._loop.remove_reader(connection.descriptor)

    def watch_writes(self, connection: Connected, wanted: bool) -> None:
        """Call `writable` when something can be sent, or no longer."""
        if wanted:
            self._loop.add_writer(connection.descriptor, connection.writable)
        else:
            self._loop.remove_writer(connection.descriptor)

    def changed_state(self, before: State, after: State) -> None:
        """Count connections by what they do."""
        traffic = self._traffic
        traffic.reading += (after is State.READING) - (before is State.READING)
        traffic.writing += (after is State.WRITING) - (before is State.WRITING)

    def answer(self, request: Request) -> Answer | Held:
        """What to say, or what to wait for."""
        now = self._loop.time()
        site: Site = self._site
        alike, calm = self._alike, False
        if alike is not None and request.refusal is None and request.method in {"GET", "HEAD"}:
            target = request.target
            calm = self._faults is None or not self._faults.any_set
            if calm and (known := alike.find(request)) is not None:
                return refused(request) if self._limits.refuses(now) else known
            found = alike.stream.ask(target_path(target), target_query(target), now)
            if isinstance(found, Held):
                return found
            if isinstance(found, Refusal):
                return message(request, found.status, words=found.words)
            if found is not None:
                site = _Only(found)
        made = answer(request, site, self._faults, now, self._visitors)
        if alike is not None and calm and site is not self._site:
            alike.keep(request, made)
        if self._cors is not None and request.method == "OPTIONS":
            made = self._cors.answer(request, made)
        if not made.metered:
            return made
        if self._limits.refuses(now):
            return refused(request)
        if isinstance(made.content, StoredFile):
            self._limits.work()
        return made

    def common_fields(self) -> bytes:
        """Header lines of every answer of this second; Date is required of a server with a clock (RFC 9110 6.6.1)."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._common = f"Server: hls-swarm/{__version__}\r\nDate: {formatdate(second, usegmt=True)}\r\n".encode(
                "ascii"
            )
        return self._common

    def fields(self, request: Request, answer: Answer) -> bytes:
        """Header lines of this answer, without those that concern the connection."""
        fields = answer.fields if self._cors is None else self._cors.of(answer.fields)
        if self._limits.knows_viewers and answer.metered and b"cookie" not in request.headers:
            self._viewers += 1
            fields += b"Set-Cookie: %s%d; Path=/\r\n" % (_VIEWER_COOKIE, self._viewers)
        return fields

    def turn(
        self, connection: Connected, request: Request, left_bytes: int, free_at: float | None
    ) -> tuple[float, int, float] | None:
        """What of a body goes out next, see `Limits.turn`; None: there is no limit."""
        viewer = _viewer(connection.peer, request) if self._limits.knows_viewers else ""
        return self._limits.turn(self._loop.time(), left_bytes, viewer, free_at)

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back after so many seconds."""
        self._loop.call_later(seconds, callback)

    def answered(self, connection: Connected, request: Request, answer: Answer, body_bytes: int) -> None:
        """An answer ended, with so many bytes of its body sent."""
        if not answer.metered:
            self._traffic.unmetered_requests += 1
            return
        seconds = time.perf_counter() - request.began_at
        self._traffic.add_request(seconds, body_bytes)
        self._traffic.cmcd.add(request.target, request.headers)
        self._log.add(connection.peer, request, answer.status, body_bytes, seconds)
        if self._requests is not None:
            self._requests.add(request, answer.status, body_bytes, seconds)

    def opened(self, opening: Connected, wire: Wire, data: memoryview, *, http2: bool) -> None:
        """It is known what a connection speaks; the data is what was read of it."""
        self.changed_state(opening.state, State.IDLE)
        self._connections.discard(opening)
        speaking = H2Connection if http2 else Connection
        connection = speaking(self, wire, opening.peer)
        self._connections.add(connection)
        if data or http2:  # over HTTP/2 the server speaks first, too
            connection.take(data)

    def closed(self, connection: Connected) -> None:
        """The connection is gone."""
        self._connections.discard(connection)
        self._traffic.active -= 1
        if self.is_stopping and not self._connections:
            self._all_closed.set()
