"""https: one TLS configuration for all clients, one session store for each; TLS as OpenSSL reads it.

Over TLS 1.3 that is the first answer of a connection, with the tickets that come before it; then `skipping` goes on.

Rules:

- OpenSSL reads from the socket itself, record by record, into the scratch buffer that all connections share. A pair of
  memory BIOs would save system calls, but costs a copy and keeps its largest buffer for each connection; with the
  low-water mark, which spares wake-ups here too, reading the socket is also the cheaper of the two in CPU time.
- The low-water mark counts encrypted bytes, of which OpenSSL may hold one unfinished record: it stays 32 KiB below
  what is still to come. More than 256 KiB spares nothing here, as decryption takes nearly all the time.
- A record taken from the socket is taken whole, since no readiness will be reported for what OpenSSL holds.
- An end without a TLS close is a loss, not an end (RFC 8446 6.1, RFC 9112 9.8).
- Each client resumes its own sessions only: two viewers share none. One is taken for each route, and another one only
  when a server did not resume it any more.
- Before Python 3.12.8 and 3.13.1, to ask `ssl` for a session loses about 6 KB for good (CPython issue 116810), beside
  the 7 KB that a session has. There it is the second connection's: most clients have one connection, and the memory
  that each viewer would cost is more than what one resumption less changes.
"""

import errno
import os
import socket
import ssl
import sys
import termios
from collections.abc import Callable
from typing import NamedTuple, cast

from hls_swarm.errors import SettingsError
from hls_swarm.http.asking.target import Route
from hls_swarm.http.h1.stream import SCRATCH_BYTES, Reception, Stream, is_acknowledged, queued_bytes
from hls_swarm.http.options import Http2, TlsOptions
from hls_swarm.http.tls.secrets import Secrets

_LOW_WATER_BYTES = 256 << 10
_HELD_BYTES = 32 << 10
_SMALL_BYTES = 96 << 10
_ALERT_BYTES = 40  # the record of an alert has 24 to 31, that of the shortest request more
_TURN_BYTES = 1 << 20
_RECORD_LIMIT_BYTES = 1 << 14  # OpenSSL makes one record of so much, and no larger ones

H2_PROTOCOL = "h2"
_PROTOCOLS = {
    Http2.NEVER: ["http/1.1"],
    Http2.OFFERED: [H2_PROTOCOL, "http/1.1"],
    Http2.REQUIRED: [H2_PROTOCOL],
}

SESSIONS_ARE_FREE = sys.version_info >= (3, 13, 1) or (3, 12, 8) <= sys.version_info < (3, 13)
"""Whether this Python gives sessions without losing memory."""

Sessions = dict[Route, ssl.SSLSession]


class Takeover(NamedTuple):
    """What it takes to go on without OpenSSL; the shares are those of `SkippingStream`."""

    secrets: Secrets
    verify_share: float
    verify_at: float


def tls_context(options: TlsOptions, http2: Http2 = Http2.NEVER) -> ssl.SSLContext:
    """What every https connection is made with.

    Args:
        http2: what is said of it to the server (ALPN).

    Raises:
        SettingsError: a file that is missing or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"CA file {options.ca_file}: {_words(error)}") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as browsers and curl do, whatever this Python's default is
    if options.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(_PROTOCOLS[http2])
    if options.certificate is not None:
        try:
            context.load_cert_chain(options.certificate, options.key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"client certificate {options.certificate}: {_words(error)}") from None
    return context


def wrapped(context: ssl.SSLContext, sock: socket.socket, host: str, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    """A connected socket made ready for a handshake; `sock` is detached.

    Raises:
        OSError, ValueError: the host can not be named in TLS, or the socket is lost.
    """
    name = host.removesuffix(".").partition("%")[0]
    return context.wrap_socket(
        sock, do_handshake_on_connect=False, suppress_ragged_eofs=False, server_hostname=name, session=session
    )


class TlsStream:
    """TLS on a connected non-blocking socket, its handshake done; implements `stream.Stream`.

    Args:
        scratch, reception: as for `stream.TcpStream`.
        sessions: where the session is left for the client's next connection to the route; None: it is not kept.
        takeover: how bodies are skipped after the first answer; None where they can not be.
    """

    __slots__ = (
        "_is_within",
        "_low_water",
        "_reception",
        "_records_read",
        "_records_written",
        "_route",
        "_scratch",
        "_sessions",
        "_takeover",
        "fd",
        "sock",
    )

    leaping = None

    def __init__(
        self,
        sock: ssl.SSLSocket,
        scratch: bytearray,
        reception: Reception,
        sessions: Sessions | None,
        route: Route,
        takeover: Takeover | None = None,
    ) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self._scratch = scratch
        self._reception = reception
        self._low_water = 1
        self._sessions = sessions
        self._route = route
        self._takeover = takeover
        self._records_read = self._records_written = 0  # those with data
        self._is_within = False  # a record of which a part was read

    def receive(self, limit: int) -> bytes:
        """See `Stream`; may give more than `limit`, up to the end of a record."""
        sock = self.sock
        try:
            data = sock.read(min(limit, _RECORD_LIMIT_BYTES))  # there is no more in one: memory would be got in vain
            pending = sock.pending()
            if pending:
                data += sock.read(pending)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLEOFError as error:
            raise _loss(error) from None
        if not self._is_within:
            self._records_read += 1
        self._is_within = False
        if self._sessions is not None:
            self._keep_session(self._sessions)
        return data

    def receive_view(self, limit: int) -> bytes | memoryview:
        """See `Stream`."""
        return self.receive(limit)

    def discard(self, limit: int) -> int:
        """See `Stream`."""
        # Once for every record of 16 KiB: what is spared here is a tenth of all that is not decryption.
        read = cast("Callable[[int, bytearray], int]", self.sock.read)  # a count, as there is a buffer
        scratch, total, limit = self._scratch, 0, min(limit, SCRATCH_BYTES)
        try:
            while total < limit:
                wanted = limit - total
                count = read(wanted, scratch)
                total += count
                if not self._is_within:
                    self._records_read += 1
                self._is_within = count == wanted and self.sock.pending() > 0
                if not count or (total >= _TURN_BYTES and not self.sock.pending()):
                    break
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not total:
                raise BlockingIOError from None
        except OSError as error:
            if not total:
                raise _loss(error) from None
        return total

    def send(self, data: bytes) -> int:
        """See `Stream`."""
        try:
            sent = self.sock.send(data)
            self._records_written += -(-sent // _RECORD_LIMIT_BYTES)
            return sent
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def expect(self, count: int) -> None:
        """See `Stream`."""
        if not self._reception.follows_low_water:
            return
        wanted = min(count - _HELD_BYTES, _LOW_WATER_BYTES) if count > _SMALL_BYTES else 1
        if wanted != self._low_water:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            self._low_water = wanted

    def unread_bytes(self) -> int:
        """See `Stream`; less the records' own bytes, at most 0.2%."""
        return queued_bytes(self.fd, termios.FIONREAD) * 511 // 512

    def is_acknowledged(self) -> bool:
        """See `Stream`.

        When a connection ends without a TLS close, OpenSSL sends an alert into it: that is not what is asked about, nor
        is the reset that answers it.
        """
        return 0 < queued_bytes(self.fd, termios.TIOCOUTQ) <= _ALERT_BYTES or is_acknowledged(self.sock)

    def answered(self) -> Stream:
        """See `Stream`: the first answer is here, and with it all that OpenSSL is needed for."""
        takeover, self._takeover = self._takeover, None
        tls = self.sock
        cipher = tls.cipher()
        if takeover is None or cipher is None or tls.pending():
            return self
        # Here, as it takes a tenth of a second of processor time, which a run without https should not spend.
        from hls_swarm.http.tls.protection import SUITES, Protection
        from hls_swarm.http.tls.skipping import SkippingStream

        suite = SUITES.get(cipher[0])
        if suite is None:
            return self
        reading = Protection(suite, takeover.secrets.server, self._records_read)
        writing = Protection(suite, takeover.secrets.client, self._records_written)
        sock = socket.socket(tls.family, tls.type, tls.proto, fileno=tls.detach())
        if self._low_water != 1:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        return SkippingStream(
            sock,
            self._scratch,
            reading,
            writing,
            takeover.verify_share,
            takeover.verify_at,
            follows_low_water=self._reception.follows_low_water,
        )

    def close(self) -> None:
        """See `Stream`."""
        self.sock.close()

    def _keep_session(self, sessions: Sessions) -> None:
        """Once, when the first answer is there: by then the server has sent its tickets."""
        self._sessions = None
        if self._route in sessions:
            return
        session = self.sock.session
        if session is not None and (session.has_ticket or session.id):
            sessions[self._route] = session


def _loss(error: OSError) -> OSError:
    """A reset as what it is: CPython takes it for an end, but OpenSSL 3 gives a reason for an end only."""
    if isinstance(error, ssl.SSLEOFError) and not error.reason and ssl.OPENSSL_VERSION_INFO >= (3,):
        return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    return error


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not in PEM format").replace("_", " ").lower()
    return (error.strerror or str(error)).lower()
