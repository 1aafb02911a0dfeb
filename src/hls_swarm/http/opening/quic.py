"""Opening an HTTP/3 connection: lookup, then QUIC's handshake, which is TLS's too.

Rules:

- Addresses are tried one after the other, and not side by side as over TCP: the next one when the system says that
  nobody listens, or that there is no way. That is how Chromium does it, which leaves the race to TCP.
- What QUIC's handshake takes is `connect_seconds`; there is no time of TLS beside it.
"""

from socket import SO_RCVBUF, SOL_SOCKET
from time import perf_counter, time

from hls_swarm.http.asking.target import Route
from hls_swarm.http.context import ClientContext
from hls_swarm.http.failures import bind_failure, connect_failure, socket_failure
from hls_swarm.http.h3.driver import Driver
from hls_swarm.http.h3.frames import ErrorCode
from hls_swarm.http.h3.path import RECEIVE_BUFFER_BYTES, QuicPath, udp_socket
from hls_swarm.http.opening.dial import Dial, Dialer, Memory
from hls_swarm.http.pacing.link import Link
from hls_swarm.records import Failure, FailureKind

_LEAST_WINDOW_BYTES = 32 << 10


class QuicDial(Dial):
    """One QUIC connection being opened; its dialer is given a `QuicPath`.

    Args:
        port: of the host, where that is not the route's own.
    """

    __slots__ = ("_path", "_port", "_where")

    def __init__(
        self,
        context: ClientContext,
        dialer: Dialer,
        route: Route,
        source: str | None,
        memory: Memory,
        link: Link | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(context, dialer, route, source, memory, link=link)
        self._port = route.port if port is None else port
        self._path: QuicPath | None = None
        self._where: tuple[int, tuple[str, int]] = (0, ("", 0))

    @property
    def is_answered(self) -> bool:
        """Whether anything has come from the peer."""
        return self._path is not None and self._path.driver.was_heard

    def _attempt(self) -> None:
        """Try the next address to which there may be a way."""
        while self._candidates:
            address = self._candidates.pop().at_port(self._port)
            wanted = None if self._link is None else max(2 * self._link.tick_bytes, _LEAST_WINDOW_BYTES)
            try:
                sock = udp_socket(address.family, RECEIVE_BUFFER_BYTES if wanted is None else 2 * wanted)
            except OSError as error:
                self._failed(socket_failure(error))
                break
            if self._source is not None:
                try:
                    sock.bind((self._source, 0))
                except OSError as error:
                    sock.close()
                    self._failed(bind_failure(error, self._source))
                    break
            code = sock.connect_ex(address.sockaddr)
            if code == 0:
                self._where = address.family, address.host_and_port
                context, now = self._context, perf_counter()
                # A datagram takes up to twice its size there.
                window = None if wanted is None else min(wanted, sock.getsockopt(SOL_SOCKET, SO_RCVBUF) // 2)
                sessions = self._memory.quic_sessions
                driver = Driver(context.quic(), self.route, address.sockaddr[:2], now, time(), window, sessions)
                self._path = QuicPath(
                    context.loop, sock, driver, context.scratch, context.datagrams, self._progress, window
                )
                self._path.flush()
                return
            sock.close()
            if self._failed(connect_failure(code, address.family, address.host_and_port)):
                break
        if self._failure is not None:
            self._memory.addresses.pop(self._peer.host, None)
            self._context.loop.call_soon(self._guarded, self._fail, self._failure)

    def _progress(self) -> None:
        self._guarded(self._step)

    def _step(self) -> None:
        path = self._path
        if path is None:
            return
        path.read()
        driver = path.driver
        ended, error = driver.ended, path.error
        if ended is not None:
            kind = FailureKind.TLS if ended.is_tls else FailureKind.CONNECT
            self._stop_opening()
            names_host = ended.words.startswith("certificate of")
            words = ended.words if names_host else f"QUIC handshake with {self.route.host}: {ended.words}"
            self._fail(Failure(kind, words))
        elif error is not None:
            self._stop_opening()
            self._failed(connect_failure(error.errno or 0, *self._where))
            self._attempt()
        elif driver.is_connected:
            self.connect_seconds = perf_counter() - self._began_at
            self.was_resumed = driver.was_resumed
            self._path = None
            path.flush()
            self._deliver(path)
        else:
            path.flush()

    def _stop_opening(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            path.close(ErrorCode.H3_REQUEST_CANCELLED)
        super()._stop_opening()
