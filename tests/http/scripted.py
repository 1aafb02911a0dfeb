"""An origin that says exactly what a test tells it to, over real sockets on 127.0.0.1."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator

Script = Callable[["Turn"], None]


class Turn:
    """One request that a connection brought, and the means to answer it.

    Attributes:
        head: the request head, as received.
        nth: how many requests the connection had brought before.
        connection: how many connections the origin had taken before.
    """

    def __init__(self, sock: socket.socket, head: bytes, nth: int, connection: int) -> None:
        self.sock = sock
        self.head = head
        self.nth = nth
        self.connection = connection

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode("ascii")

    def field(self, name: str) -> str | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.decode("latin-1").partition(": ")
            if key.lower() == name.lower():
                return value
        return None

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_slowly(self, pieces: Iterable[bytes], pause: float = 0.0005) -> None:
        """Each piece as a segment of its own, as far as TCP allows."""
        for piece in pieces:
            self.sock.sendall(piece)
            time.sleep(pause)

    def close(self) -> None:
        """End the connection in order."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def reset(self) -> None:
        """End it with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise ConnectionAbortedError

    def wait_for_end(self) -> None:
        """Say nothing until the client has gone."""
        with contextlib.suppress(OSError):
            while self.sock.recv(4096):
                pass
        raise ConnectionAbortedError


class ScriptedOrigin:
    """Runs a script for each request, one thread for each connection.

    Attributes:
        heads: every request head that was read, in order.
        connections: connections taken.
        tls: what the next connection is served with, if it is over TLS.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._script = script
        self.tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def url(self, path: str = "/", scheme: str | None = None) -> str:
        return f"{scheme or ('https' if self.tls else 'http')}://127.0.0.1:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [head.split(b" ", 2)[1].decode("ascii") for head in self.heads]

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
        for sock in self._socks:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socks.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, self.connections))
            self.connections += 1
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket, number: int) -> None:
        sock = raw
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(raw, server_side=True)
                self._socks.append(sock)
            nth, data = 0, b""
            while True:
                while b"\r\n\r\n" not in data:
                    piece = sock.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                self.heads.append(head)
                self._script(Turn(sock, head, nth, number))
                nth += 1
        except OSError as error:  # the client's going is part of many tests
            self.errors.append(error)
        finally:
            with contextlib.suppress(OSError):
                sock.close()


@contextlib.contextmanager
def scripted(script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[ScriptedOrigin]:
    """A running origin, closed with the block."""
    origin = ScriptedOrigin(script, tls=tls, host=host)
    try:
        yield origin
    finally:
        origin.close()


def answering(response: bytes) -> Script:
    """A script that gives one answer to everything."""
    return lambda turn: turn.send(response)


def response(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """A response with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
