"""From what the operating system says to a `Failure` with the right blame.

Rules:

- No descriptor, no local port, no memory for a socket: this machine's fault (`DESCRIPTORS`, `PORTS`).
- Everything else that a connection attempt can meet is the network's or the origin's: `CONNECT`.
- EADDRNOTAVAIL means "no local port left" and also "no local address of that family": a UDP socket, which has ports
  of its own and sends nothing when connected, tells the two apart.
"""

import errno
import os
import re
import socket
import ssl

from hls_swarm.records import Failure, FailureKind

_NO_DESCRIPTOR = {
    errno.EMFILE: "limit of open files of this process reached",
    errno.ENFILE: "open files of this machine",
}
_NO_MEMORY = {errno.ENOBUFS, errno.ENOMEM}
_WORDS = {
    errno.ECONNREFUSED: "connection refused by",
    errno.EHOSTUNREACH: "no route to",
    errno.ENETUNREACH: "network unreachable:",
    errno.ETIMEDOUT: "no answer to connecting from",
    errno.ECONNRESET: "connection reset by",
    errno.EACCES: "connecting forbidden here to",
    errno.EPERM: "connecting forbidden here to",
}
_OPENSSL_PLACE = re.compile(r"^\[[A-Z0-9_: ]+\] | \(_ssl\.c:\d+\)$")
"""Where in the code it came from, before and behind OpenSSL's words."""


def authority(host: str, port: int) -> str:
    """`host:port` as a URL writes it: an IPv6 address in brackets (RFC 3986 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def phrase(error: OSError) -> str:
    """The operating system's words for an error, without its number."""
    if isinstance(error, ssl.SSLError):
        return _tls_words(error)
    return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()


def is_end_in_order(error: OSError | None) -> bool:
    """Whether the peer closed its side of a connection in order, as far as TCP knows; None is no error."""
    return error is None or isinstance(error, ssl.SSLEOFError)


def socket_failure(error: OSError) -> Failure:
    """Why no socket could be made: always this machine's doing."""
    words = _NO_DESCRIPTOR.get(error.errno or 0) or f"no socket: {phrase(error)}"
    return Failure(FailureKind.DESCRIPTORS, words)


def connect_failure(code: int, family: int, address: tuple[str, int]) -> Failure:
    """Why connecting to an address failed with an errno.

    Args:
        address: host and port that were connected to.
    """
    where = authority(*address)
    if code in _NO_DESCRIPTOR or code in _NO_MEMORY:
        return socket_failure(OSError(code, ""))
    if code == errno.EADDRINUSE or (code == errno.EADDRNOTAVAIL and _has_local_address(family, address)):
        return Failure(FailureKind.PORTS, f"no local port left to connect to {where}")
    if code == errno.EADDRNOTAVAIL:
        return Failure(FailureKind.CONNECT, f"no local address to reach {where} from")
    words = _WORDS.get(code)
    return Failure(FailureKind.CONNECT, f"{words} {where}" if words else f"{os.strerror(code).lower()}: {where}")


def bind_failure(error: OSError, source: str) -> Failure:
    """Why a socket could not take the local address that the settings name: this machine's doing."""
    return Failure(FailureKind.PORTS, f"cannot connect from {source}: {phrase(error)}")


def tls_failure(error: OSError, host: str) -> Failure:
    """Why a TLS handshake failed, certificate checks included."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(FailureKind.TLS, f"certificate of {host} not accepted: {error.verify_message.lower()}")
    return Failure(FailureKind.TLS, f"TLS handshake with {host}: {phrase(error)}")


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLEOFError):
        return "closed without a TLS close"
    # Python has no reason for what OpenSSL did not raise, and for alerts that it has no name of.
    reason = getattr(error, "reason", None) or _OPENSSL_PLACE.sub("", error.strerror or "")
    return reason.replace("_", " ").lower() if reason else "TLS error"


def _has_local_address(family: int, address: tuple[str, int]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True
