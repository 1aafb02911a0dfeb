"""Log lines that nginx sends over UDP, one a datagram, in the syslog format of RFC 3164.

`<190>Nov 23 16:31:47 host nginx: LINE`, or without the host (`nohostname`).

Rules:

- UDP loses, so what is lost is counted. A datagram for which the receive buffer has no room is dropped by the kernel,
  which counts it for the socket: Linux tells it in `/proc/net/udp`. What was received and what was dropped add up to
  what arrived at the machine; what a network lost on the way here is known to nobody, so let nginx send to 127.0.0.1.
- The buffer is large, because this process has lowered priority beside an origin under load. Who may administer the
  network (CAP_NET_ADMIN) gets what is asked for, everybody else at most `net.core.rmem_max` (socket(7)).
- Reading is bounded, and level-triggered: what is left is read in the next turn.
"""

import asyncio
import os
import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

from hls_swarm.errors import RunError
from hls_swarm.logexporter.tail import TakeLine

RECEIVE_BUFFER_BYTES = 16 << 20
"""Asked for: some 20,000 log lines, as the kernel counts each with its bookkeeping."""
TURN_DATAGRAMS = 2_000
"""Read before anything else gets its turn."""
REPORT_SECONDS = 10.0
"""Losses are told in the log at most this often."""

_SO_RCVBUFFORCE = 33  # socket(7); Python has no name for it
_LONGEST_BYTES = 65_535
_HEADER = re.compile(rb"<\d{1,3}>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d (?:\S+ )?[A-Za-z0-9_]+: ")
_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))


class SyslogReceiver:
    """Gives the line of each datagram to a function; a datagram that is no syslog message gives an empty one.

    Args:
        buffer_bytes: what to ask the kernel for.

    Attributes:
        received: datagrams read so far.
        buffer_bytes: what the kernel gave; once started.
    """

    def __init__(self, take: TakeLine, buffer_bytes: int = RECEIVE_BUFFER_BYTES) -> None:
        self.received = 0
        self.buffer_bytes = buffer_bytes
        self._asked = buffer_bytes
        self._take = take
        self._socket: socket.socket | None = None
        self._inode = 0

    def start(self, host: str, port: int) -> int:
        """Listen, in the running event loop; gives the port.

        Raises:
            RunError: the address can not be had.
        """
        loop = asyncio.get_running_loop()
        try:
            receiving = _bound(host, port, self._asked)
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise RunError(f"--syslog: can not listen on {host} port {port}: {words}") from error
        self._socket = receiving
        self.buffer_bytes = _buffer_bytes(receiving)
        self._inode = os.fstat(receiving.fileno()).st_ino
        loop.add_reader(receiving, self.read)
        bound: int = receiving.getsockname()[1]
        return bound

    @property
    def problem(self) -> str:
        """What a person should change; empty if the buffer is as large as it was asked to be."""
        if self.buffer_bytes >= self._asked:
            return ""
        return (
            f"--syslog: the kernel gives a receive buffer of {self.buffer_bytes} bytes instead of {self._asked}: "
            f"bursts of log lines may be dropped; raise it with sysctl -w net.core.rmem_max={self._asked}"
        )

    def read(self) -> bool:
        """Take in what has arrived; whether there may be more than one turn takes."""
        receiving = self._socket
        if receiving is None:
            return False
        for _ in range(TURN_DATAGRAMS):
            try:
                data = receiving.recv(_LONGEST_BYTES)
            except BlockingIOError:
                return False
            self.received += 1
            header = _HEADER.match(data)
            self._take(data[header.end() :].rstrip(b"\n") if header else b"")
        return True

    def dropped(self) -> int | None:
        """Datagrams that the kernel threw away for want of room; None where it does not tell."""
        for table in _TABLES:
            try:
                lines = table.read_text(encoding="ascii").splitlines()
            except OSError:
                continue  # not Linux, or no IPv6
            for line in lines[1:]:
                columns = line.split()
                if int(columns[9]) == self._inode:
                    return int(columns[12])
        return None

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None


class LossReport:
    """What the log says of losses: once for each time in which there were some, and not oftener than it can be read."""

    def __init__(self) -> None:
        self._told = 0
        self._next_at = 0.0

    def line(self, dropped: int | None, now: float) -> str:
        """The line to log now; empty if there is nothing new to say, or not yet.

        Args:
            dropped: since the start; None is not known.
            now: seconds by the monotonic clock.
        """
        if dropped is None or dropped == self._told or now < self._next_at:
            return ""
        new, self._told, self._next_at = dropped - self._told, dropped, now + REPORT_SECONDS
        return (
            f"--syslog: {new} log lines were dropped by the kernel before they could be read, {dropped} since the "
            "start: requests and bytes are too low by as much"
        )


def _bound(host: str, port: int, buffer_bytes: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    receiving = socket.socket(family, kind, protocol)
    try:
        receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        if sys.platform == "linux" and _buffer_bytes(receiving) < buffer_bytes:
            with suppress(PermissionError):  # then `problem` says what to do
                receiving.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
        receiving.setblocking(False)
        receiving.bind(address)
    except OSError:
        receiving.close()
        raise
    return receiving


def _buffer_bytes(receiving: socket.socket) -> int:
    """As asked for: Linux doubles it for its bookkeeping, and tells the double (socket(7))."""
    told: int = receiving.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return told // 2 if sys.platform == "linux" else told
