"""What a connection's bytes go through: a socket as it is, or TLS on it.

Rules of TLS here:

- OpenSSL reads one record at a time, whole, since the buffer that all connections share holds one. So nothing waits in
  it that no event would tell of.
- A record that the socket does not take is kept by OpenSSL, which has to be asked again with as many bytes at least;
  what they are does not matter any more. Whoever sends offers the same bytes again, more or fewer.
"""

import os
import socket
import ssl
import struct
from contextlib import suppress
from typing import Protocol

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time
RECORD_BYTES = 1 << 14
_TURN_BYTES = 16 * RECORD_BYTES
"""After so many bytes other connections have their turn."""


class Wire(Protocol):
    """Bytes to and from a client; every call that would wait raises BlockingIOError, a lost client another OSError."""

    descriptor: int

    def receive(self, buffer: bytearray) -> int:
        """How many bytes came; 0: no more will."""

    def send(self, data: memoryview, *, more: bool = False) -> int:
        """How many bytes were taken.

        Args:
            more: what follows comes at once, and belongs in the same packet.
        """

    def send_file(self, file: int, offset: int, count: int) -> int:
        """The same for bytes of a file."""

    def finish(self) -> None:
        """Nothing more is sent; what comes is still read."""

    def reset_at_close(self) -> None:
        """Let the end be a reset."""

    def close(self) -> None:
        """Let go of it."""


class PlainWire:
    """A socket as it is."""

    __slots__ = ("_socket", "descriptor", "receive")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.descriptor = connected.fileno()
        self.receive = connected.recv_into

    def send(self, data: memoryview, *, more: bool = False) -> int:
        """See `Wire`."""
        return self._socket.send(data, socket.MSG_MORE if more else 0)

    def send_file(self, file: int, offset: int, count: int) -> int:
        """See `Wire`; from the page cache, with sendfile(2)."""
        return os.sendfile(self.descriptor, file, offset, count)

    def finish(self) -> None:
        """See `Wire`."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset_at_close(self) -> None:
        """See `Wire`."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)

    def close(self) -> None:
        """See `Wire`."""
        self._socket.close()


class TlsWire:
    """TLS on a socket, its handshake done."""

    __slots__ = ("_owed", "_socket", "descriptor")

    def __init__(self, connected: ssl.SSLSocket) -> None:
        self._socket = connected
        self.descriptor = connected.fileno()
        self._owed = 0

    def receive(self, buffer: bytearray) -> int:
        """See `Wire`."""
        try:
            return self._socket.recv_into(buffer)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def send(self, data: memoryview, *, more: bool = False) -> int:  # noqa: ARG002 a record goes out when it is made
        """See `Wire`."""
        total, end = 0, min(len(data), _TURN_BYTES)
        while total < end or not total:
            piece: memoryview | bytes = data[total : total + RECORD_BYTES]
            if len(piece) < self._owed:
                piece = bytes(self._owed)
            try:
                count = self._socket.send(piece)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._owed = len(piece)
                if not total:
                    raise BlockingIOError from None
                break
            self._owed = 0
            total += count
        return total

    def send_file(self, file: int, offset: int, count: int) -> int:
        """See `Wire`."""
        return self.send(memoryview(os.pread(file, min(count, _TURN_BYTES), offset)))

    def finish(self) -> None:
        """See `Wire`."""
        with suppress(ssl.SSLError):  # what the client says to that is not waited for
            self._socket.unwrap()
        self._socket.shutdown(socket.SHUT_WR)

    def reset_at_close(self) -> None:
        """See `Wire`."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)

    def close(self) -> None:
        """See `Wire`."""
        self._socket.close()
