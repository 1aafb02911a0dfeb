"""Peers over QUIC that do exactly what a test tells them to; those that speak HTTP/3 have it from another hand."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.http.certificates import Certificate

Drops = Callable[[int], bool]
"""Whether the datagram with this number, either way, is lost."""


class Peer:
    """Serves QUIC on a free port of 127.0.0.1 with one thread.

    Attributes:
        lines: connections, in the order in which they came.
        lost: datagrams that were dropped on the way.
    """

    def __init__(self, pem: Certificate, *, drops: Drops | None = None, alpn: str = "h3", **more: Any) -> None:
        from qh3 import QuicConfiguration

        self.lines: list[Line] = []
        self.lost = 0
        self._drops = drops
        self._datagrams = 0
        self._by_address: dict[tuple[str, int], Line] = {}
        self._configuration = QuicConfiguration(is_client=False, alpn_protocols=[alpn], **more)
        self._configuration.load_cert_chain(pem.certificate, pem.key)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.setblocking(False)
        self.port: int = self._sock.getsockname()[1]
        self._ends = False
        self._thread = threading.Thread(target=self._serve)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.port}{path}"

    def handle(self, line: "Line", event: Any) -> None:
        """An event of QUIC."""

    def accepts(self, data: bytes, address: tuple[str, int]) -> dict[str, Any] | None:
        """What a connection that begins with this datagram is made with; None: there is to be none."""
        del address
        return {"original_destination_connection_id": destination(data)}

    def opened(self, line: "Line") -> None:
        """A connection came; nothing of it has been read."""

    def _serve(self) -> None:
        while not self._ends:
            now = time.monotonic()
            deadlines = [line.quic.get_timer() for line in self.lines]
            wait = min([0.05, *(deadline - now for deadline in deadlines if deadline is not None)])
            select.select([self._sock], [], [], max(0.0, wait))
            self._read()
            now = time.monotonic()
            for line in self.lines:
                deadline = line.quic.get_timer()
                if deadline is not None and deadline <= now:
                    line.quic.handle_timer(now)
                line.step()

    def _read(self) -> None:
        while True:
            try:
                data, address = self._sock.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:
                continue
            if self._is_lost():
                continue
            line = self._by_address.get(address)
            if line is None:
                accepted = self.accepts(data, address)
                if accepted is None:
                    continue
                line = self._by_address[address] = Line(self, address, data, accepted)
                self.lines.append(line)
                self.opened(line)
            if not line.is_silent:
                line.quic.receive_datagram(data, address, time.monotonic())

    def _is_lost(self) -> bool:
        self._datagrams += 1
        lost = self._drops is not None and self._drops(self._datagrams)
        self.lost += lost
        return lost

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        if not self._is_lost():
            with contextlib.suppress(OSError):
                self._sock.sendto(data, address)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ends = True
        self._thread.join(5)
        self._sock.close()
        assert not self._thread.is_alive()


def destination(first: bytes) -> bytes:
    """The connection that a client's first datagram names (RFC 9000 17.2): behind flags, version and a length."""
    return first[6 : 6 + first[5]]


def source(first: bytes) -> bytes:
    """What the client calls it: behind that."""
    rest = first[6 + first[5] :]
    return rest[1 : 1 + rest[0]]


class Line:
    """One connection of a `Peer`."""

    def __init__(self, peer: Peer, address: tuple[str, int], first: bytes, accepted: dict[str, Any]) -> None:
        from qh3 import QuicConnection

        self.quic: Any = QuicConnection(configuration=peer._configuration, **accepted)
        self.peer = peer
        self.address = address
        self.number = len(peer.lines)
        self.first = first
        self.is_silent = False
        self.requests = 0
        self.h3: Any = None
        self.waiting: list[Request] = []

    def step(self) -> None:
        from qh3 import QuicConnectionError

        with contextlib.suppress(QuicConnectionError):  # the client has closed it meanwhile
            self._step()

    def _step(self) -> None:
        while (event := self.quic.next_event()) is not None:
            self.peer.handle(self, event)
        self.flush()

    def flush(self) -> None:
        for data, address in self.quic.datagrams_to_send(time.monotonic()):
            self.peer.send(data, address)

    def raw(self, stream: int, data: bytes, *, ends: bool = False) -> None:
        self.quic.send_stream_data(stream, data, ends)


Script = Callable[["Request"], None]


class Request:
    """One request, and the means to answer it.

    Attributes:
        fields: as they came, pseudo-header fields among them.
        nth: how many requests the connection had brought before.
        connection: how many connections the origin had taken before.
    """

    def __init__(self, line: Line, stream: int, fields: list[tuple[bytes, bytes]]) -> None:
        self.line = line
        self.stream = stream
        self.fields = {name.decode(): value.decode() for name, value in fields}
        self.nth = line.requests
        self.connection = line.number

    @property
    def path(self) -> str:
        return self.fields[":path"]

    def head(self, status: int = 200, *more: tuple[str, str], end: bool = False) -> None:
        pairs = [(":status", str(status)), *more]
        self.line.h3.send_headers(self.stream, [(name.encode(), value.encode()) for name, value in pairs], end)

    def body(self, data: bytes, *, end: bool = True) -> None:
        self.line.h3.send_data(self.stream, data, end)

    def answer(self, data: bytes = b"", status: int = 200, *more: tuple[str, str]) -> None:
        self.head(status, ("content-length", str(len(data))), *more, end=not data)
        if data:
            self.body(data)

    def reset(self, code: int) -> None:
        self.line.quic.reset_stream(self.stream, code)

    def raw(self, data: bytes, *, ends: bool = False) -> None:
        self.line.raw(self.stream, data, ends=ends)

    def go_away(self, first: int) -> None:
        """On the control stream, which is the first of this peer's own."""
        self.line.raw(3, b"\x07\x01" + bytes((first,)))

    def close(self, code: int = 0x100, *, frame: int | None = None) -> None:
        self.line.quic.close(code, frame, "that is all")


class H3Origin(Peer):
    """Runs a script for each request.

    Attributes:
        batch: requests that are waited for before the first of them is answered.
        requests: every request that came, in order.
        stopped, stop_codes: streams whose answer a client did not want any more, and why.
    """

    def __init__(self, script: Script, pem: Certificate, batch: int = 1, **more: Any) -> None:
        super().__init__(pem, **more)
        self.script = script
        self.batch = batch
        self.requests: list[Request] = []
        self.stopped: list[int] = []
        self.stop_codes: list[int] = []
        self.ends: list[int] = []

    def handle(self, line: Line, event: Any) -> None:
        from qh3 import H3Connection, h3_events, quic_events

        if isinstance(event, quic_events.ProtocolNegotiated):
            line.h3 = H3Connection(line.quic)
        elif isinstance(event, quic_events.StopSendingReceived):
            self.stopped.append(event.stream_id)
            self.stop_codes.append(event.error_code)
        elif isinstance(event, quic_events.ConnectionTerminated):
            self.ends.append(event.error_code)
        if line.h3 is None:
            return
        for told in line.h3.handle_event(event):
            if isinstance(told, h3_events.HeadersReceived):
                line.waiting.append(Request(line, told.stream_id, told.headers))
                line.requests += 1
        while line.waiting and len(line.waiting) >= self.batch:
            batch, line.waiting = line.waiting, []
            self.requests += batch
            for request in batch:
                self.script(request)


@contextmanager
def serving(peer: Peer) -> Iterator[Peer]:
    peer.start()
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def h3_origin(script: Script, pem: Certificate, batch: int = 1, **more: Any) -> Iterator[H3Origin]:
    origin = H3Origin(script, pem, batch, **more)
    with serving(origin):
        yield origin
