"""Connected byte streams without buffers of their own: TCP, and TLS over it.

Rules:

- The kernel drops a body that nobody keeps: on Linux, receiving with MSG_TRUNC takes bytes off a TCP socket without
  copying them (tcp(7)); elsewhere they are copied into a scratch buffer that all connections share. Which of both is
  found out once, as a `Reception`, and never asked again.
- SO_RCVLOWAT follows the bytes left, up to 1 MiB, so the process is woken once per MiB and not once per packet. The
  kernel caps it at half the largest receive buffer, wakes early when memory is short, and always for the end of the
  stream or a reset. It never exceeds what is still to come, and is 1 again when a body has ended. Where a system does
  not take it, or may not wake for the end, it is left alone: more wake-ups, and nothing else is different.
- TCP_NODELAY: a request is one small write that must not wait for an acknowledgement.
- Methods raise BlockingIOError when the stream would wait, another OSError when it is lost; no bytes mean its end.
"""

import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hls_swarm.http.h2.layout import Leaping

_LOW_WATER_BYTES = 1 << 20
_SMALL_BYTES = 32 << 10  # a rest so short comes in one or two wake-ups anyway: not worth the system calls
SCRATCH_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Reception:
    """What spares work when bytes are taken off a socket.

    Attributes:
        discard_flags: for receiving what nobody keeps: MSG_TRUNC where the kernel then copies nothing, else 0.
        follows_low_water: whether SO_RCVLOWAT follows the bytes left.
    """

    discard_flags: int
    follows_low_water: bool


PORTABLE = Reception(discard_flags=0, follows_low_water=False)
"""Asks nothing of the system but POSIX."""


def system_reception(
    platform: str = sys.platform, new_socket: Callable[[], socket.socket] = socket.socket
) -> Reception:
    """The most that this system can do.

    Args:
        new_socket: makes a TCP socket to try things out on.
    """
    if platform != "linux":
        return PORTABLE
    try:
        with new_socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 2)
    except OSError:  # what only looks like Linux may know neither this option nor what it is for
        return Reception(socket.MSG_TRUNC, follows_low_water=False)
    return Reception(socket.MSG_TRUNC, follows_low_water=True)


class Stream(Protocol):
    """One connection's bytes, in order, both ways."""

    @property
    def fd(self) -> int:
        """The descriptor to watch."""

    def receive(self, limit: int) -> bytes:
        """Some bytes, at most `limit`; none at the end of the stream."""

    def receive_view(self, limit: int) -> bytes | memoryview:
        """The same without a copy of one's own: it holds until any stream of the event loop is read again."""

    def discard(self, limit: int) -> int:
        """Drop some bytes, at most `limit`; 0 at the end of the stream."""

    def send(self, data: bytes) -> int:
        """Write; how many bytes went out."""

    def expect(self, count: int) -> None:
        """`count` more bytes are known to come; 0 for the answer to the next request, whatever its length."""

    def unread_bytes(self) -> int:
        """Bytes that have arrived and were not taken yet, as far as that is known."""

    def is_acknowledged(self) -> bool:
        """Whether the peer's machine has acknowledged all that was sent, and did not reset the connection."""

    @property
    def leaping(self) -> Leaping | None:
        """Itself, where records of TLS can be dropped in the kernel though frames of HTTP/2 are in them."""

    def answered(self) -> "Stream":
        """An answer has ended and the connection goes on: what reads the next one, from the same descriptor."""

    def close(self) -> None:
        """Give the descriptor back."""


class TcpStream:
    """Plain TCP on a connected non-blocking socket.

    Args:
        scratch: shared by all streams of an event loop; its content means nothing.
        reception: what the system can do, shared likewise.
    """

    __slots__ = ("_low_water", "_reception", "_scratch", "fd", "receive", "send", "sock")

    leaping = None

    def __init__(self, sock: socket.socket, scratch: bytearray, reception: Reception) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        # The socket's own methods: one call less for each request and each answer.
        self.receive: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes], int] = sock.send
        self._scratch = scratch
        self._reception = reception
        self._low_water = 1

    def receive_view(self, limit: int) -> bytes | memoryview:
        """See `Stream`."""
        view = memoryview(self._scratch)[: min(limit, SCRATCH_BYTES)]
        return view[: self.sock.recv_into(view)]

    def discard(self, limit: int) -> int:
        """See `Stream`."""
        return self.sock.recv_into(self._scratch, min(limit, SCRATCH_BYTES), self._reception.discard_flags)

    def expect(self, count: int) -> None:
        """See `Stream`."""
        if not self._reception.follows_low_water:
            return
        low_water = self._low_water
        if count >= _LOW_WATER_BYTES:
            wanted = _LOW_WATER_BYTES
        elif count > _SMALL_BYTES or 0 < count < low_water:
            wanted = count
        elif count:
            return
        else:
            wanted = 1
        if wanted != low_water:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            self._low_water = wanted

    def unread_bytes(self) -> int:
        """See `Stream`."""
        return queued_bytes(self.fd, termios.FIONREAD)

    def is_acknowledged(self) -> bool:
        """See `Stream`."""
        return is_acknowledged(self.sock)

    def answered(self) -> "TcpStream":
        """See `Stream`."""
        return self

    def close(self) -> None:
        """See `Stream`."""
        self.sock.close()


def queued_bytes(fd: int, queue: int) -> int:
    """Bytes in a socket's receive (FIONREAD) or send queue (TIOCOUTQ), see tcp(7)."""
    (count,) = struct.unpack("i", fcntl.ioctl(fd, queue, b"\0\0\0\0"))
    return int(count)


def is_acknowledged(sock: socket.socket) -> bool:
    """See `Stream.is_acknowledged`."""
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    return queued_bytes(sock.fileno(), termios.TIOCOUTQ) == 0
