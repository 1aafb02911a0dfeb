"""A connection of which nothing is known yet: whether it speaks TLS, and which version of HTTP.

Rules:

- One port has all of it, so that one address serves every client: a TLS handshake begins with the byte 22, which no
  request does; HTTP/2 begins with its preface (RFC 9113 3.4), and everything else is HTTP/1.1.
- Over TLS the client offers versions and this side takes HTTP/2 if it is among them (ALPN, RFC 7301).
"""

import socket
import ssl

from hls_swarm.http.h2.frames import PREFACE
from hls_swarm.testorigin.serving.owner import Owner, State
from hls_swarm.testorigin.serving.wire import PlainWire, TlsWire

_HANDSHAKE = b"\x16"


class Opening:
    """Finds out, and hands what it has read to the server.

    Args:
        tls: what a handshake is made with; None: there is no TLS here.
    """

    __slots__ = ("_early", "_owner", "_socket", "_tls", "_writes_watched", "deadline", "descriptor", "peer", "state")

    is_held = False

    def __init__(self, owner: Owner, connected: socket.socket, peer: str, tls: ssl.SSLContext | None) -> None:
        self._owner = owner
        self._socket = connected
        self.descriptor = connected.fileno()
        self.peer = peer
        self.deadline = owner.now() + owner.idle_seconds
        self.state = State.IDLE
        self._tls = tls
        self._early = b""
        self._writes_watched = False
        owner.watch_reads(self, True)

    def readable(self) -> None:
        """See `Connected`."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._shake(self._socket)
            return
        buffer = self._owner.read_buffer
        try:
            tls = None if self._early else self._tls
            if tls is not None and self._socket.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
                self._begin_tls(tls)
                return
            count = self._socket.recv_into(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # reset: the client is gone, and there is nothing to tell anybody
            self.close()
            return
        if not count:
            self.close()
            return
        data = memoryview(buffer)[:count]
        if self._early:
            data = memoryview(self._early + data)
        start = bytes(data[: len(PREFACE)])
        if start == PREFACE:
            self._owner.opened(self, PlainWire(self._socket), data, http2=True)
        elif PREFACE.startswith(start):
            self._early = start
            self._owner.changed_state(self.state, State.READING)
            self.state = State.READING
            self.deadline = self._owner.now() + self._owner.head_seconds
        else:
            self._owner.opened(self, PlainWire(self._socket), data, http2=False)

    def writable(self) -> None:
        """See `Connected`."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._shake(self._socket)

    def expire(self) -> None:
        """See `Connected`."""
        self.close()

    def close(self) -> None:
        """See `Connected`."""
        if self.state is State.CLOSED:
            return
        self._owner.watch_reads(self, False)
        self._watch_writes(False)
        self._owner.changed_state(self.state, State.CLOSED)
        self.state = State.CLOSED
        self._socket.close()
        self._owner.closed(self)

    def _begin_tls(self, tls: ssl.SSLContext) -> None:
        self._owner.changed_state(self.state, State.READING)
        self.state = State.READING
        self.deadline = self._owner.now() + self._owner.head_seconds
        self._socket = tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._shake(self._socket)

    def _shake(self, connected: ssl.SSLSocket) -> None:
        """Go on with the handshake."""
        try:
            connected.do_handshake()
        except ssl.SSLWantReadError:
            self._watch_writes(False)
        except ssl.SSLWantWriteError:
            self._watch_writes(True)
        except OSError:  # the client does not trust us, or has gone: it knows why
            self.close()
        else:
            self._watch_writes(False)
            http2 = connected.selected_alpn_protocol() == "h2"
            self._owner.opened(self, TlsWire(connected), memoryview(b""), http2=http2)

    def _watch_writes(self, wanted: bool) -> None:
        if wanted is not self._writes_watched:
            self._writes_watched = wanted
            self._owner.watch_writes(self, wanted)
