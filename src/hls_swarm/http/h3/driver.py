"""An HTTP/3 connection without I/O: QUIC by qh3, HTTP/3 by `session`. Datagrams in, events and datagrams out.

Rules:

- Of qh3 only its documented interface is used (its page on API stability names it). It is an extra: nothing here
  imports it before a connection is made.
- Certificates are judged by `tls.chains`, once for all viewers: qh3 would read all authorities anew for each
  connection, which takes 70 ms with a system's. Until then nothing but the handshake has been sent.
- A session is resumed as over TCP: by the client that has it, on its next connection to the route. Each ticket is
  taken once (RFC 8446 C.4), as browsers do, and the newest one is kept. The certificate was judged with the first one.
- No early data (0-RTT): a request that may be replayed, refused and sent again within QUIC, or answered with 425, is in
  the log another number of times than anybody here could count. A ticket is kept without its leave for that.
- Instants are the caller's clock, monotonic seconds.
"""

import ssl
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from hls_swarm.errors import SettingsError
from hls_swarm.foreign import one_line
from hls_swarm.http.asking.target import Route, literal_address
from hls_swarm.http.h3.frames import ALPN, ErrorCode, ProtocolError, code_name
from hls_swarm.http.h3.session import CONTROL_STREAM_ID, Event, Send, Session
from hls_swarm.http.options import TlsOptions

if TYPE_CHECKING:
    from qh3 import QuicConfiguration, SessionTicket


INSTALL = "HTTP/3 needs the extra http3: pip install 'hls-swarm[http3]'"
IDLE_SECONDS = 30.0
"""A connection without a datagram for so long has ended, as in browsers."""
PING_SECONDS = 15.0
"""While an answer is waited for, the peer hears of us so often."""
SILENCE_SECONDS = 5.0
"""A peer that acknowledges nothing for so long is gone: there is no way to it any more."""
_INITIAL_RTT_SECONDS = 0.1
"""Chromium's guess until there is a measurement; twice as long it waits for an answer before it asks again."""
_MOST_REASON = 80
_BAD_CERTIFICATE = 0x100 + 42  # CRYPTO_ERROR with the alert bad_certificate (RFC 9001 4.8)
_CRYPTO_FRAME = 0x06
_TRANSPORT_CODES = {
    0x0: "no error",
    0x1: "internal error",
    0x2: "connection refused",
    0x3: "flow control error",
    0x4: "stream limit error",
    0x5: "stream state error",
    0x6: "final size error",
    0x7: "frame encoding error",
    0x8: "transport parameter error",
    0x9: "connection id limit error",
    0xA: "protocol violation",
    0xB: "invalid token",
    0xD: "crypto buffer exceeded",
    0xE: "key update error",
    0xF: "aead limit reached",
    0x10: "no viable path",
}


def is_installed(find: Callable[[str], object] = find_spec) -> bool:
    """Whether the extra is there; `find` looks for a module."""
    return find("qh3") is not None


QuicSessions = dict[Route, "SessionTicket"]
"""What one client may resume, by whom it leads to."""


class Ended(NamedTuple):
    """Why a connection is no more.

    Attributes:
        words: for a person, a few.
        is_tls: it was the handshake's cryptography, or a certificate.
        is_broken: the peer broke the protocol.
    """

    words: str
    is_tls: bool = False
    is_broken: bool = False


class QuicSetup:
    """What all connections of an event loop are made with.

    Args:
        find: looks for a module.

    Attributes:
        chains: judges the peers' certificates; None: any is accepted.
        errors: what qh3 raises when a connection can not go on.

    Raises:
        SettingsError: the extra is not installed, or a file that is missing or is not what it should be.
    """

    def __init__(self, options: TlsOptions, find: Callable[[str], object] = find_spec) -> None:
        if not is_installed(find):
            raise SettingsError(INSTALL)
        from qh3 import QuicConfiguration, QuicConnection, QuicConnectionError

        # Here, as it takes a tenth of a second of processor time, which a run without HTTP/3 should not spend.
        from hls_swarm.http.tls.chains import Chains, trusted_by

        self.errors = (QuicConnectionError, ValueError)
        try:
            self.chains: Chains | None = None if options.insecure else Chains(trusted_by(options))
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"CA file {options.ca_file}: {_words(error)}") from None
        self._configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=[ALPN],
            idle_timeout=IDLE_SECONDS,
            initial_rtt=_INITIAL_RTT_SECONDS,
            verify_mode=ssl.CERT_NONE,
        )
        if options.certificate is not None:
            try:
                self._configuration.load_cert_chain(options.certificate, options.key)
            except Exception as error:  # noqa: BLE001 - whatever its readers of files raise
                raise SettingsError(f"client certificate {options.certificate}: {_words(error)}") from None
            if self._configuration.private_key is None:
                raise SettingsError(f"client certificate {options.certificate}: no private key for it")
        # The first handshake of a process has its cryptography get ready, 30 ms: not while viewers wait for each other.
        QuicConnection(configuration=self.configuration("origin.example")).connect(("127.0.0.1", 1), 0.0)

    def configuration(
        self, host: str, window_bytes: int | None = None, session: "SessionTicket | None" = None
    ) -> "QuicConfiguration":
        """For a connection to this host.

        Args:
            window_bytes: what the peer may send ahead; None: as much as browsers let it.
            session: is resumed, if the peer does so.
        """
        name = None if literal_address(host) else host
        if window_bytes is None:
            return replace(self._configuration, server_name=name, session_ticket=session)
        return replace(
            self._configuration,
            server_name=name,
            session_ticket=session,
            max_data=window_bytes,
            max_stream_data=window_bytes,
        )


class Driver:
    """One connection.

    Args:
        route: whom it leads to.
        address: of the peer.
        now: monotonic, as in all that follows; `wall_time` is what certificates are judged by, seconds since 1970.
        window_bytes: see `QuicSetup.configuration`.
        sessions: one is taken from there to be resumed, and that of this connection is left there; None: neither.

    Attributes:
        session: HTTP/3 of it.
        was_resumed: its TLS went on with an earlier session.
        is_connected: the handshake is done, and the peer is who it should be.
        ended: why it is no more; None while it is.
        heard_at: when a datagram came last; until one has, when it began.
        was_heard: whether one has.
    """

    __slots__ = (
        "_address",
        "_events",
        "_host",
        "_pings",
        "_quic",
        "_route",
        "_sessions",
        "_setup",
        "_ticket",
        "_wall_time",
        "ended",
        "heard_at",
        "is_connected",
        "session",
        "was_heard",
        "was_resumed",
    )

    def __init__(
        self,
        setup: QuicSetup,
        route: Route,
        address: tuple[str, int],
        now: float,
        wall_time: float,
        window_bytes: int | None = None,
        sessions: QuicSessions | None = None,
    ) -> None:
        from qh3 import QuicConnection, quic_events

        self._setup = setup
        self._route = route
        self._host = route.host.removesuffix(".").partition("%")[0]
        self._address = address
        self._events = quic_events
        self._wall_time = wall_time
        self._pings = 0
        self.session = Session()
        self.is_connected = False
        self.ended: Ended | None = None
        self.heard_at = now
        self.was_heard = False
        self.was_resumed = False
        self._sessions = sessions
        self._ticket: SessionTicket | None = None  # one that came before the peer was known
        offered = None if sessions is None else sessions.pop(route, None)
        configuration = setup.configuration(self._host, window_bytes, offered)
        keep = None if sessions is None else self._keep
        self._quic = QuicConnection(configuration=configuration, session_ticket_handler=keep)
        self._quic.connect(address, now)

    @property
    def deadline(self) -> float | None:
        """When `expire` is to be called, if no datagram comes before."""
        return None if self.ended is not None else self._quic.get_timer()

    def receive(self, data: bytes, segment_bytes: int, now: float) -> None:
        """Take in a datagram, or several of one size (the last may be shorter) that the kernel put together."""
        self.heard_at = now
        self.was_heard = True
        if len(data) <= segment_bytes:
            self._hear(self._quic.receive_datagram, data, self._address, now)
        else:
            self._hear(self._quic.receive_gro_buffer, data, segment_bytes, self._address, now)
        self._take_events()
        if self.is_connected and self.ended is None:
            self._look_for_an_end()

    def expire(self, now: float) -> None:
        """The deadline has come."""
        self._guarded(self._quic.handle_timer, now)
        self._take_events()

    def awaits_acknowledgement(self, now: float) -> bool:
        """Whether the peer should have acknowledged something by now."""
        return self.ended is None and self._quic.should_wait_for_ack(now)

    def give_up(self, words: str) -> None:
        """End it for what the caller knows."""
        self.ended = Ended(words)

    def told(self) -> list[Event]:
        """What it all meant; see `Session.told`."""
        return self.session.told()

    def ping(self) -> None:
        """Let the peer know that we are still there."""
        self._pings += 1
        self._guarded(self._quic.send_ping, self._pings)

    def datagrams(self, now: float) -> list[bytes]:
        """What is to be sent now."""
        if self.is_connected:
            out = self.session.out
            for step in out:
                if isinstance(step, Send):
                    self._guarded(self._quic.send_stream_data, step.stream, step.data, step.ends)
                else:
                    self._guarded(self._quic.stop_stream, step.stream, int(step.code))
            out.clear()
        try:
            return [data for data, _ in self._quic.datagrams_to_send(now)]
        except self._setup.errors as error:
            self._break(error)
            return []

    def close(self, code: ErrorCode = ErrorCode.H3_NO_ERROR, words: str = "") -> None:
        """Say good-bye; what there is to send for that is among the next datagrams."""
        self._guarded(self._quic.close, int(code), None, words)

    def _guarded(self, step: Callable[..., object], *arguments: object) -> None:
        """What qh3 raises when a connection is no more, or was broken by what came."""
        try:
            step(*arguments)
        except self._setup.errors as error:
            self._break(error)

    def _hear(self, step: Callable[..., object], *arguments: object) -> None:
        """What a peer makes qh3 raise, in whichever of its parsers: it ends this connection, and nothing else."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - as said
            self._break(error)

    def _break(self, error: Exception) -> None:
        if self.ended is None:
            self.ended = Ended(f"QUIC: {str(error).lower() or type(error).__name__}", is_broken=True)

    def _look_for_an_end(self) -> None:
        """Whether the peer has closed the connection: QUIC tells only when it has drained it, a while later.

        To write nothing sends nothing, and fails on a connection that is closed; and nothing is lost by taking the
        time of draining for over.
        """
        try:
            self._quic.send_stream_data(CONTROL_STREAM_ID, b"")
        except self._setup.errors:
            drained_at = self._quic.get_timer()
            if drained_at is not None:
                self._guarded(self._quic.handle_timer, drained_at)
            self._take_events()
            if self.ended is None:
                self.ended = Ended("closed")

    def _take_events(self) -> None:
        quic, events, session = self._quic, self._events, self.session
        try:
            while (event := quic.next_event()) is not None:
                if type(event) is events.StreamDataReceived:  # the usual one, a datagram each
                    session.receive(event.stream_id, event.data, ends=event.end_stream)
                elif isinstance(event, events.StreamReset):
                    session.reset(event.stream_id, event.error_code)
                elif isinstance(event, events.StopSendingReceived):
                    session.refused(event.stream_id)
                elif isinstance(event, events.HandshakeCompleted):
                    self._connect(was_resumed=event.session_resumed)
                elif isinstance(event, events.ConnectionTerminated) and self.ended is None:
                    self.ended = _ended(event.error_code, event.frame_type, event.reason_phrase)
        except ProtocolError as error:
            self.close(error.code, str(error))
            self.ended = Ended(f"HTTP/3: {error}", is_broken=True)
        session.streams_allowed = quic.max_concurrent_bidi_streams

    def _connect(self, *, was_resumed: bool) -> None:
        chains, quic = self._setup.chains, self._quic
        self.was_resumed = was_resumed
        if chains is not None and not was_resumed:
            own = quic.get_peercert()
            shown = [] if own is None else [own, *quic.get_issuercerts()]
            chain = tuple(bytes(certificate.public_bytes()) for certificate in shown)
            words = chains.refusal(chain, self._host, self._wall_time)
            if words is not None:
                quic.close(_BAD_CERTIFICATE, _CRYPTO_FRAME, "bad certificate")
                self.ended = Ended(f"certificate of {self._host} not accepted: {words}", is_tls=True)
                return
        self.is_connected = True
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            self._keep(ticket)

    def _keep(self, ticket: "SessionTicket") -> None:
        """A session to resume, once it is known that the peer is who it should be."""
        if not self.is_connected:
            self._ticket = ticket
        elif self._sessions is not None:
            self._sessions[self._route] = replace(ticket, max_early_data_size=None, other_extensions=[])


def _words(error: Exception) -> str:
    """Why a file is of no use."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror:
        return error.strerror.lower()
    return "not in PEM format, or of a kind that can not be used"


def _ended(code: int, frame: int | None, reason: str) -> Ended:
    """Of a QUIC connection that ended by itself (RFC 9000 10, 20)."""
    said = f" ({one_line(reason)[:_MOST_REASON]})" if reason else ""
    if frame is None and code >= ErrorCode.H3_NO_ERROR:
        return Ended(f"closed: {code_name(code)}{said}")
    if 0x100 <= code < 0x200:
        return Ended(f"ended by TLS alert {code - 0x100}{said}", is_tls=True)
    return Ended(f"closed: {_TRANSPORT_CODES.get(code, f'QUIC error {code:#x}')}{said}")
