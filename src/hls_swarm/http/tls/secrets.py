"""The traffic secrets of a handshake that OpenSSL made, as its key log tells them (RFC 9850).

Python's `ssl` writes the log to a file that is named; here that is memory of this process (memfd_create(2)), never a
disk. Handshakes of one context share it, so it is emptied after each step of one: what a step writes is its own.
"""

import os
import ssl
import sys
from pathlib import Path
from typing import NamedTuple

_CLIENT, _SERVER = "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"


class Secrets(NamedTuple):
    """What both directions of a connection are protected with from the handshake's end on (RFC 8446 7.1)."""

    client: bytes
    server: bytes


class KeyLog:
    """The key log of one TLS context.

    Args:
        context: logs here from now on.
        copy_to: a file to which every line goes as well, for a person who decrypts a capture.

    Raises:
        OSError: this system has no memory files.
    """

    def __init__(self, context: ssl.SSLContext, copy_to: str | None = None) -> None:
        if sys.platform != "linux":
            raise OSError("no memory files on this system")
        self._fd = os.memfd_create("tls-key-log", os.MFD_CLOEXEC)
        self._copy_to = Path(copy_to) if copy_to else None
        context.keylog_filename = f"/proc/self/fd/{self._fd}"
        self.take()

    def take(self) -> Secrets | None:
        """The secrets that were logged since the last call, if a handshake has come so far; forgets the rest."""
        size = os.fstat(self._fd).st_size
        if not size:
            return None
        text = os.pread(self._fd, size, 0).decode("ascii")
        os.ftruncate(self._fd, 0)
        if self._copy_to is not None:
            with self._copy_to.open("a", encoding="ascii") as file:
                file.write(text)
        found: dict[str, bytes] = {}
        for line in text.splitlines():
            label, _, rest = line.partition(" ")
            if label in (_CLIENT, _SERVER):
                found[label] = bytes.fromhex(rest.partition(" ")[2])
        if len(found) < 2:
            return None
        return Secrets(found[_CLIENT], found[_SERVER])

    def close(self) -> None:
        """Give the memory back."""
        os.close(self._fd)
