"""Round trips of a sample of connections, as the kernel estimates them: what tells a full network from a slow server.

Rules:

- The estimate is the smoothed one of tcp(7), TCP_INFO. Each request gives it a value, from its sending to its
  acknowledgement: on a path whose queue is full it rises, while a slow answer leaves it as it is.
- Some connections are enough, and cost four system calls each a second. One that closes makes room for the next.
- Where the system has no TCP_INFO, nothing is known; nor of QUIC, whose connections are no business of the kernel.
"""

import socket
import struct
from typing import Protocol

from hls_swarm.http.h1.stream import Stream

MOST = 20
"""Connections of one event loop that are looked at."""
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_RTT = struct.Struct("=I")
_RTT_AT = 68
"""Place of tcpi_rtt in struct tcp_info of linux/tcp.h, in bytes: 8 of single ones, then 15 numbers of 4."""


class Connected(Protocol):
    """A connection, as far as it is looked at here; its stream may become another one."""

    @property
    def stream(self) -> Stream:
        """What it reads and writes."""


class RoundTrips:
    """The sample of one event loop."""

    def __init__(self) -> None:
        self._connections: dict[object, Connected] = {}

    def opened(self, connection: Connected) -> None:
        """A connection is there."""
        if len(self._connections) < MOST:
            self._connections[connection] = connection

    def closed(self, connection: object) -> None:
        """It is gone, or about to be."""
        self._connections.pop(connection, None)

    def read(self) -> list[float]:
        """The round trips now, in seconds; of connections that have none yet, nothing."""
        found = (round_trip(connection.stream.fd) for connection in self._connections.values())
        return [seconds for seconds in found if seconds is not None]


def round_trip(descriptor: int) -> float | None:
    """The kernel's estimate for a TCP socket, in seconds; None if there is none."""
    if _TCP_INFO is None or descriptor < 0:
        return None
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:
        return None  # closed meanwhile
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RTT_AT + _RTT.size)
    except OSError:
        return None  # no TCP socket
    finally:
        sock.detach()
    microseconds = _RTT.unpack_from(info, _RTT_AT)[0] if len(info) >= _RTT_AT + _RTT.size else 0
    return microseconds / 1e6 or None
