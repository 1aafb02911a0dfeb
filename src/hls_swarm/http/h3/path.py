"""A UDP socket and the connection on it: datagrams and timers between the event loop and a `Driver`.

Rules:

- One socket for each connection, connected to the peer, so that its datagrams come to nobody else and its host's word
  that nobody listens there (ICMP) is heard.
- The kernel puts datagrams of one size together (UDP_GRO, udp(7)), up to 64 KiB: one system call and one call of QUIC
  for all of them. Where it does not know that they come one by one.
- What comes while the process is busy waits in the socket's buffer, and what does not fit there is lost: as much is
  asked for as browsers ask, which `net.core.rmem_max` may cut short. The kernel says with a later datagram how many
  were lost so (SO_RXQ_OVFL): QUIC has them sent again, as if the network had lost them, but it was this machine.
- One timer, moved only to an earlier time: when it rings for a deadline that no longer stands it is set anew.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from time import perf_counter

from hls_swarm.http.h3.driver import PING_SECONDS, SILENCE_SECONDS, Driver
from hls_swarm.http.h3.frames import ErrorCode

RECEIVE_BUFFER_BYTES = 1 << 20
"""As Chromium asks for (kQuicSocketReceiveBufferSize)."""
_DATAGRAM_BYTES = 64 << 10
_TURN_BYTES = 1 << 20
"""After so many bytes other connections have their turn."""
_SOL_UDP, _UDP_GRO = 17, 104  # linux/udp.h; Python has no names for them
_SO_RXQ_OVFL = 40  # asm-generic/socket.h
_CONTROL_BYTES = 2 * socket.CMSG_SPACE(4)
_COUNT_LIMIT = 1 << 32
_SOON_SECONDS = 0.001


class Datagrams:
    """What came over all connections of an event loop.

    Attributes:
        received: datagrams that were taken in.
        dropped: those that the kernel had no room for, as far as it has told.
    """

    __slots__ = ("dropped", "received")

    def __init__(self) -> None:
        self.received = 0
        self.dropped = 0


def udp_socket(family: int, buffer_bytes: int = RECEIVE_BUFFER_BYTES) -> socket.socket:
    """A socket for one connection, not connected yet.

    Raises:
        OSError: there is none.
    """
    sock = socket.socket(family, socket.SOCK_DGRAM | getattr(socket, "SOCK_NONBLOCK", 0))
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        try:
            sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                sock.close()
                raise
    return sock


class QuicPath:
    """A connected socket and what is spoken over it.

    Args:
        scratch: where datagrams are read to; shared, its content means nothing.
        datagrams: counts what comes.
        changed: is called when something came or a deadline passed, never inside a method here.

    Attributes:
        awaits: whether answers are waited for.
        driver: the connection.
        window_bytes: what the peer may send ahead, where that is less than usual.
        error: the system's word that there is no way to the peer any more; None: it has not said so.
    """

    __slots__ = (
        "_alarm_at",
        "_datagrams",
        "_dropped",
        "_is_closed",
        "_is_read",
        "_loop",
        "_pinged_at",
        "_sock",
        "_timer",
        "_view",
        "awaits",
        "changed",
        "driver",
        "error",
        "window_bytes",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        driver: Driver,
        scratch: bytearray,
        datagrams: Datagrams,
        changed: Callable[[], None],
        window_bytes: int | None = None,
    ) -> None:
        self.driver = driver
        self.window_bytes = window_bytes
        self.changed = changed
        self.error: OSError | None = None
        self.awaits = False
        self._loop = loop
        self._sock = sock
        self._view = memoryview(scratch)[:_DATAGRAM_BYTES]
        self._timer: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._pinged_at = 0.0
        self._is_closed = False
        self._is_read = True
        self._datagrams = datagrams
        self._dropped = 0
        loop.add_reader(sock.fileno(), self._readable)

    def flush(self) -> None:
        """Send what there is to send, and see to it that the next deadline is met."""
        for data in self.driver.datagrams(perf_counter()):
            try:
                self._sock.send(data)
            except OSError as error:
                # A datagram that the system does not take is a lost one, which QUIC sends again when it is missed.
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE):
                    self._lose(error)
                    return
        if self.driver.ended is not None:
            self._loop.call_soon(self._notify)  # whoever sends is told later, outside of its own call
        self._arm()

    def read(self, limit: int = _TURN_BYTES) -> int:
        """Take in what has come, about so many bytes at most; how many there were."""
        total, driver = 0, self.driver
        view, sock = self._view, self._sock
        while total < limit and driver.ended is None and not self._is_closed:
            try:
                count, control, _, _ = sock.recvmsg_into((view,), _CONTROL_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self.error = error
                break
            segment = count
            for level, kind, value in control:
                if level == _SOL_UDP and kind == _UDP_GRO:
                    segment = int.from_bytes(value[:4], sys.byteorder)
                elif level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                    self._note_dropped(int.from_bytes(value[:4], sys.byteorder))
            total += count
            if count:
                self._datagrams.received += -(-count // segment)
                driver.receive(bytes(view[:count]), segment, perf_counter())
        return total

    def _note_dropped(self, count: int) -> None:
        """So many were, since the socket is there; the count is one of 32 bits."""
        self._datagrams.dropped += (count - self._dropped) % _COUNT_LIMIT
        self._dropped = count

    def watch(self, *, reads: bool) -> None:
        """Whether to be called when something has come."""
        if self._is_closed or reads == self._is_read:
            return
        self._is_read = reads
        if reads:
            self._loop.add_reader(self._sock.fileno(), self._readable)
        else:
            self._loop.remove_reader(self._sock.fileno())

    def close(self, code: ErrorCode = ErrorCode.H3_NO_ERROR) -> None:
        """Say good-bye, as far as that is still possible, and give the socket back."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_read:
            self._loop.remove_reader(self._sock.fileno())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.error is None:
            self.driver.close(code)
            for data in self.driver.datagrams(perf_counter()):
                try:
                    self._sock.send(data)
                except OSError:
                    break  # whoever does not hear it finds out by the silence
        self._sock.close()

    def _lose(self, error: OSError) -> None:
        """A word of the system while sending, told later, too."""
        if self.error is None:
            self.error = error
            self._loop.call_soon(self._notify)

    def _notify(self) -> None:
        if not self._is_closed:
            self.changed()

    def _readable(self) -> None:
        self.changed()

    def _arm(self) -> None:
        deadline = self.driver.deadline
        if deadline is None:
            return
        if self.awaits:
            deadline = min(deadline, max(self.driver.heard_at, self._pinged_at) + PING_SECONDS)
        if self._timer is not None:
            if deadline >= self._alarm_at - _SOON_SECONDS:
                return
            self._timer.cancel()
        self._alarm_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - perf_counter()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        now, driver = perf_counter(), self.driver
        deadline = driver.deadline
        if self.awaits and now >= driver.heard_at + SILENCE_SECONDS and driver.awaits_acknowledgement(now):
            driver.give_up(f"lost: nothing acknowledged for {SILENCE_SECONDS:g} s")
        elif deadline is not None and deadline <= now + _SOON_SECONDS:
            driver.expire(max(now, deadline))
        elif self.awaits and now >= max(driver.heard_at, self._pinged_at) + PING_SECONDS:
            self._pinged_at = now
            driver.ping()
        else:
            self._arm()
            return
        self.changed()
