"""Log lines that nginx sends over UDP, one a datagram, in the syslog format of RFC 3164.

`<190>Nov 23 16:31:47 host nginx: LINE`, or without the host (`nohostname`). What was thrown away because nobody read it
in time is known to the kernel only: Linux tells it per socket in `/proc/net/udp`.
"""

import asyncio
import os
import re
import socket
from pathlib import Path

from hls_swarm.errors import RunError
from hls_swarm.logexporter.tail import TakeLine

RECEIVE_BUFFER_BYTES = 4 << 20
"""Asked for; Linux gives at most `net.core.rmem_max`."""

_HEADER = re.compile(rb"<\d{1,3}>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d (?:\S+ )?[A-Za-z0-9_]+: ")
_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))


class SyslogReceiver(asyncio.DatagramProtocol):
    """Gives the line of each datagram to a function; a datagram that is no syslog message gives an empty one."""

    def __init__(self, take: TakeLine) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None
        self._inode = 0

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port.

        Raises:
            RunError: the address can not be had.
        """
        loop = asyncio.get_running_loop()
        try:
            receiving = _bound(host, port)
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise RunError(f"--syslog: can not listen on {host} port {port}: {words}") from error
        self._inode = os.fstat(receiving.fileno()).st_ino
        bound: int = receiving.getsockname()[1]
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=receiving)
        return bound

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 (asyncio's signature)
        """See `asyncio.DatagramProtocol`."""
        header = _HEADER.match(data)
        self._take(data[header.end() :].rstrip(b"\n") if header else b"")

    def dropped(self) -> int | None:
        """Datagrams the kernel threw away; None where it does not tell."""
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
        if self._transport is not None:
            self._transport.close()


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    receiving = socket.socket(family, kind, protocol)
    try:
        receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        receiving.setblocking(False)
        receiving.bind(address)
    except OSError:
        receiving.close()
        raise
    return receiving
