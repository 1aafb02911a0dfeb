"""An HTTP/2 origin that says exactly what a test tells it to, with another implementation of the protocol below it."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, RequestReceived, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError

Script = Callable[["Request"], None]


class Request:
    """One request, and the means to answer it.

    Attributes:
        fields: as they came, pseudo-header fields among them.
        nth: how many requests the connection had brought before.
        connection: how many connections the origin had taken before.
    """

    def __init__(self, served: "_Served", stream: int, fields: dict[str, str], nth: int) -> None:
        self._served = served
        self.stream = stream
        self.fields = fields
        self.nth = nth
        self.connection = served.number

    @property
    def path(self) -> str:
        return self.fields[":path"]

    def head(self, status: int = 200, *more: tuple[str, str], end: bool = False) -> None:
        self._served.h2.send_headers(self.stream, [(":status", str(status)), *more], end_stream=end)
        self._served.flush()

    def body(self, data: bytes, *, end: bool = True, pad: int | None = None) -> None:
        served = self._served
        at = 0
        while at < len(data) or (end and not data):
            room = min(served.h2.local_flow_control_window(self.stream) - (pad or 0) - 1, 16_000)
            if room <= 0:
                served.read()
                continue
            piece = data[at : at + room]
            at += len(piece)
            served.h2.send_data(self.stream, piece, end_stream=end and at >= len(data), pad_length=pad)
            served.flush()
            if not data:
                return

    def answer(self, data: bytes = b"", status: int = 200, *more: tuple[str, str]) -> None:
        self.head(status, ("content-length", str(len(data))), *more, end=not data)
        if data:
            self.body(data)

    def trailers(self, *fields: tuple[str, str]) -> None:
        self._served.h2.send_headers(self.stream, list(fields), end_stream=True)
        self._served.flush()

    def reset(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        self._served.h2.reset_stream(self.stream, code)
        self._served.flush()

    def go_away(self, last: int) -> None:
        self._served.h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=last)
        self._served.flush()

    def close(self) -> None:
        raise ConnectionAbortedError

    def raw(self, data: bytes) -> None:
        self._served.sock.sendall(data)


class _Served:
    def __init__(self, origin: "Http2Origin", sock: socket.socket, number: int) -> None:
        self.origin = origin
        self.sock = sock
        self.number = number
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests = 0
        self._waiting: list[Request] = []

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def read(self) -> bool:
        data = self.sock.recv(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                fields = {str(name): str(value) for name, value in event.headers or []}
                assert event.stream_id is not None
                self._waiting.append(Request(self, event.stream_id, fields, self._requests))
                self._requests += 1
            elif isinstance(event, StreamReset):
                assert event.stream_id is not None
                self.origin.resets.append(event.stream_id)
                self.origin.reset_codes.append(int(event.error_code or 0))
            elif isinstance(event, ConnectionTerminated):
                self.origin.ends.append(int(event.error_code or 0))
            else:
                assert isinstance(event, object | WindowUpdated)
        self.flush()
        return True

    def serve(self) -> None:
        self.h2.update_settings(self.origin.settings)
        self.h2.initiate_connection()
        self.flush()
        try:
            while self.read():
                while self._waiting and len(self._waiting) >= self.origin.batch:
                    batch, self._waiting = self._waiting, []
                    for request in batch:
                        self.origin.requests.append(request)
                    for request in batch:
                        self.origin.script(request)
        except (OSError, ProtocolError):
            pass
        finally:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()


class Http2Origin:
    """Runs a script for each request, one thread for each connection.

    Attributes:
        batch: requests that are waited for before the first of them is answered.
        requests: every request that came, in order.
        resets, reset_codes: streams that a client ended, and what for.
    """

    def __init__(
        self, script: Script, tls: ssl.SSLContext | None, batch: int = 1, settings: dict[int, int] | None = None
    ) -> None:
        self.script = script
        self.batch = batch
        self.settings: dict[int, int] = settings or {}
        self.requests: list[Request] = []
        self.resets: list[int] = []
        self.reset_codes: list[int] = []
        self.ends: list[int] = []
        self.connections = 0
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def url(self, path: str = "/") -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock, self.connections))
            self.connections += 1
            self._socks.append(sock)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._socks.append(sock)
        except OSError:
            return
        _Served(self, sock, number).serve()


@contextmanager
def http2_origin(
    script: Script,
    tls: ssl.SSLContext | None = None,
    batch: int = 1,
    settings: dict[int, int] | None = None,
) -> Iterator[Http2Origin]:
    origin = Http2Origin(script, tls, batch, settings)
    try:
        yield origin
    finally:
        origin.close()


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
