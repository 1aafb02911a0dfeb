"""Hostile QUIC without a network: datagrams on their way between two connections, and what a client makes of them.

    python -m bench.fuzz.quic [--datagrams 1000000] [--seed 1] [--pem FOLDER]

A client of ours and a server of another hand shake hands in memory, on a clock of their own, and the client asks for
objects again and again. Before it takes in what the server sends, datagrams are broken at random: bytes changed, cut
out, doubled, cut short, put together as a kernel does or in sizes that it never has, sent twice, swapped, lost, made
up. The server itself misbehaves on streams where it can: answers that are broken (as in `bench.fuzz.h3`), streams
nobody opened, resets, ends. A connection is used for many datagrams, as a handshake takes as long as a hundred of
them.

Keys are new each time: a connection of a seed comes again in kind, and not to the byte. It stops, with the
connection's number, at anything else than an answer or an end with words: an exception, more body counted than was
sent, an end without words, a deadline that does not move, more than a second of processor time.
"""

import argparse
import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.fuzz.h3 import on_a_request, on_a_stream_of_its_own
from bench.fuzz.peer import SLOWEST_SECONDS, broken
from qh3 import QuicConfiguration, QuicConnection, QuicConnectionError, quic_events

from hls_swarm.http.asking.target import parse_target
from hls_swarm.http.h3 import frames
from hls_swarm.http.h3.driver import Driver, QuicSessions, QuicSetup
from hls_swarm.http.h3.fields import request_block
from hls_swarm.http.h3.frames import frame
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived
from hls_swarm.http.options import TlsOptions

GET = request_block("/a.ts", "origin.example", tls=True)
HEAD = frame(frames.HEADERS, b"\0\0\xd9")
ROUTE = parse_target("https://origin.example/").route
ADDRESS = ("192.0.2.1", 443)
TURNS = 60
"""Of one connection: in each, both say what they have to say."""
_ROUND_TRIP_SECONDS = 0.01


class Pair:
    """A client and a server, and what is between them.

    Attributes:
        taken: datagrams that the client was given.
        sent, counted: body bytes that the server has sent, and that the client has told of.
    """

    def __init__(self, draw: random.Random, setup: QuicSetup, server: QuicConfiguration, known: "Sessions") -> None:
        self.draw = draw
        self.now = 0.0
        self.taken = self.sent = self.counted = 0
        self.honest = draw.random() < 0.3
        self._sessions = known if draw.random() < 0.3 else None
        self.client = Driver(setup, ROUTE, ADDRESS, self.now, 0.0, None, self._sessions)
        first = self.client.datagrams(self.now)
        original = first[0][6 : 6 + first[0][5]]
        self.server: Any = QuicConnection(
            configuration=server,
            original_destination_connection_id=original,
            session_ticket_handler=known.tickets.append,
            session_ticket_fetcher=known.fetch,
        )
        self._waiting = first
        self._answered: list[int] = []
        self._late: list[bytes] = []

    def run(self) -> None:
        """Turn by turn to the end."""
        for _ in range(TURNS):
            self.now += _ROUND_TRIP_SECONDS / 2
            self._serve()
            self.now += _ROUND_TRIP_SECONDS / 2
            self._deliver()
            ended = self.client.ended
            if ended is not None:
                assert ended.words
                self.client.datagrams(self.now)
                return
            self._ask()
            self._keep_time()

    def _serve(self) -> None:
        """The server takes in what the client sent, and answers, well or not."""
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.server.receive_datagram(data, ADDRESS, self.now)
        while (event := self.server.next_event()) is not None:
            try:
                self._react(event)
            except (QuicConnectionError, ValueError):  # the client has closed it meanwhile, or the stream is over
                return

    def _react(self, event: Any) -> None:
        draw, server = self.draw, self.server
        if isinstance(event, quic_events.HandshakeCompleted):
            server.send_stream_data(3, b"\0" + frames.settings({}))
            if not self.honest and draw.random() < 0.3:
                server.send_stream_data(draw.choice((3, 7, 11)), on_a_stream_of_its_own(draw))
        elif isinstance(event, quic_events.StreamDataReceived) and event.stream_id & 3 == 0 and event.end_stream:
            answer = HEAD + frame(frames.DATA, bytes(draw.choice((0, 100, 5000, 40_000))))
            if not self.honest:
                answer = self._spoiled(answer)
            self.sent += len(answer)
            server.send_stream_data(event.stream_id, answer, self.honest or draw.random() < 0.9)
            if not self.honest and draw.random() < 0.1:
                step = draw.choice((server.reset_stream, server.stop_stream))
                step(draw.choice((event.stream_id, 2, 3)), draw.choice((0x100, 0x10B, 7, 1 << 40)))

    def _spoiled(self, answer: bytes) -> bytes:
        draw = self.draw
        match draw.randrange(4):
            case 0:
                return broken(draw, answer)
            case 1:
                return HEAD + b"".join(on_a_request(draw) for _ in range(draw.randrange(6)))
            case _:
                return answer

    def _deliver(self) -> None:
        """The client takes in what the server sent, and what became of it on the way."""
        draw = self.draw
        datagrams, self._late = self._late, []
        try:
            datagrams += [data for data, _ in self.server.datagrams_to_send(self.now)]
        except (
            ValueError
        ):  # what it was made to do to its streams was too much for the server: it is silent from now on
            self._keep_time()
        if draw.random() < 0.1:
            draw.shuffle(datagrams)
        at = 0
        while at < len(datagrams):
            together = draw.choice((1, 1, 2, 8))
            group, at = datagrams[at : at + together], at + together
            sizes = {len(data) for data in group[:-1]}
            segment = len(group[0])
            if len(sizes) > 1 or len(group[-1]) > segment:
                group, at = group[:1], at - together + 1
            self._one(b"".join(group), segment, len(group))

    def _one(self, data: bytes, segment: int, count: int) -> None:
        draw, client = self.draw, self.client
        match draw.randrange(14):
            case 0:
                data = broken(draw, data)
            case 1:
                segment = draw.choice((1, 7, 1200, 1 << 16, max(1, len(data) - 1)))
            case 2:
                self._late.append(data[:segment])
                return
            case 3:
                return
            case 4:
                self._take(draw.randbytes(draw.choice((1, 20, 50, 1200))), 1 << 16, 1)
            case 5:
                self._take(data, segment, count)  # and again below
            case 6:
                self._take(bytes((data[0] ^ (1 << draw.randrange(8)),)) + data[1:], segment, count)
        if data and client.ended is None:
            self._take(data, segment, count)

    def _take(self, data: bytes, segment: int, count: int) -> None:
        client, since = self.client, time.process_time()
        if client.ended is not None:
            return
        client.receive(data, max(segment, 1), self.now)
        self.taken += count
        for event in client.told():
            if isinstance(event, BodyReceived):
                self.counted += event.size_bytes
            elif isinstance(event, HeadReceived):
                assert event.size_bytes > 0
        spent = time.process_time() - since
        assert spent < SLOWEST_SECONDS, f"it took {spent:.1f} s"
        assert self.counted <= self.sent, f"{self.counted} bytes of {self.sent}"

    def _ask(self) -> None:
        session, draw = self.client.session, self.draw
        if self.client.is_connected:
            while session.can_open and draw.random() < 0.6:
                number = session.request(GET, keeps=draw.random() < 0.5)
                if draw.random() < 0.1:
                    session.cancel(number)
            if draw.random() < 0.02:
                self.client.ping()
        self._waiting += self.client.datagrams(self.now)

    def _keep_time(self) -> None:
        """Let the deadlines of both come, if nothing is on its way."""
        if self._waiting and self.draw.random() < 0.9:
            return
        deadlines = [self.client.deadline, self.server.get_timer()]
        due = min((at for at in deadlines if at is not None), default=self.now)
        self.now = max(self.now, min(due, self.now + 1.0))
        deadline = self.client.deadline
        if deadline is not None and deadline <= self.now:
            self.client.expire(self.now)
            after = self.client.deadline
            self._waiting += self.client.datagrams(self.now)
            assert self.client.ended is not None or after is None or after > deadline or self._waiting
        timer = self.server.get_timer()
        if timer is not None and timer <= self.now:
            self.server.handle_timer(self.now)


class Sessions(QuicSessions):
    """What clients may resume, and the tickets that the server knows."""

    def __init__(self) -> None:
        super().__init__()
        self.tickets: list[Any] = []

    def fetch(self, name: bytes) -> Any:
        """The session of a ticket; None: it is not known."""
        del self.tickets[:-50]
        return next((ticket for ticket in self.tickets if ticket.ticket == name), None)


def server_configuration(folder: Path) -> QuicConfiguration:
    """What the server is made with: a certificate of its own."""
    key, pem = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=origin.example", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(command, check=True, capture_output=True)
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(str(pem), str(key))
    return configuration


def main() -> None:
    """Make connections until there were enough datagrams."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    setup, known = QuicSetup(TlsOptions(insecure=True)), Sessions()
    with tempfile.TemporaryDirectory() as folder:
        server = server_configuration(Path(folder))
    datagrams = number = connected = resumed = ended = counted = 0
    began = time.monotonic()
    while datagrams < options.datagrams:
        draw = random.Random(f"{options.seed} {number}")
        try:
            pair = Pair(draw, setup, server, known)
            pair.run()
        except Exception as error:
            raise SystemExit(f"connection {number} of seed {options.seed}: {error!r}") from error
        number += 1
        datagrams += pair.taken
        connected += pair.client.is_connected
        resumed += pair.client.was_resumed
        ended += pair.client.ended is not None
        counted += pair.counted
    print(
        f"QUIC: {datagrams:,} datagrams on {number:,} connections in {time.monotonic() - began:.0f} s "
        f"(seed {options.seed}): {connected:,} shook hands, {resumed:,} of them resumed, {ended:,} ended early, "
        f"{counted / 1e6:,.0f} MB of bodies",
        flush=True,
    )


if __name__ == "__main__":
    main()
