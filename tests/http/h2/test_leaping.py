"""Long bodies over HTTP/2 and TLS of which most is dropped unseen: how servers lay frames into records."""

import asyncio
import select
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import pytest
from tests.http.tls.sealing import CLIENT, RECEIVE_SECONDS, SERVER, SUITE, Server

from hls_swarm.http.asking.target import parse_target
from hls_swarm.http.h1.connection import BodyUse, Fate, Served
from hls_swarm.http.h1.head import Head
from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.connection import H2Connection
from hls_swarm.http.h2.fields import request_block
from hls_swarm.http.h2.frames import ErrorCode
from hls_swarm.http.h2.layout import Layout, Period, Place, data_header
from hls_swarm.http.h2.session import Session
from hls_swarm.http.multiplexing.events import BodyReceived
from hls_swarm.http.tls.protection import APPLICATION_DATA, HANDSHAKE, SUITES, Protection
from hls_swarm.http.tls.skipping import SkippingStream
from hls_swarm.records import BODY_START_BYTES, Failure, FailureKind
from hls_swarm.stats.hosts import VersionTally

GET = request_block("/a.ts", "origin.example", tls=True)
FULL, FRAME = 16384, 8192
BODY_BYTES = 1_500_000
PING = frames.frame(frames.PING, 0, 0, b"12345678")


class Loop:
    readable: Callable[[], None]

    def add_reader(self, _: int, call: Callable[[], None]) -> None:
        self.readable = call

    def remove_reader(self, _: int) -> None:
        pass

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise context["exception"]


class Asking:
    """Drops a body and counts it."""

    body_start: bytes | None = None

    def __init__(self, *, keeps: bool = False) -> None:
        self.keeps_body = keeps
        self.first_byte_at: float | None = None
        self.takes_whole = False
        self.body_bytes = 0
        self.body: bytes | None = None
        self.ends: list[Failure | None] = []

    def request_sent(self, at: float) -> None:
        pass

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        return BodyUse.KEEP if self.keeps_body else BodyUse.DROP

    def body_received(self, count: int, payload_bytes: int) -> bool:
        self.body_bytes += count
        return True

    def answered(self, body: bytes | None) -> None:
        self.body = body
        self.ends.append(None)

    def answered_whole(self, head: Head, size_bytes: int, body: bytes, at: float) -> None:
        raise AssertionError("nothing was to be handed over in one step")

    def lost(self, failure: Failure, *, stale: bool, fate: Fate) -> None:
        self.ends.append(failure)


class Pool:
    def released(self, connection: Served) -> None:
        pass

    def closed(self, connection: Served) -> None:
        pass


class Counting(SkippingStream):
    """Remembers how many body bytes were dropped, and may say that less has arrived than has."""

    leapt = 0
    most_arrived = 1 << 30

    def arrived(self) -> int | None:
        arrived = super().arrived()
        return None if arrived is None else min(arrived, self.most_arrived)

    def leap(self, places: Iterable[Place]) -> Place | None:
        place = super().leap(places)
        self.leapt += 0 if place is None else place.body_bytes
        return place


class Ends:
    """A connection of ours, and the server's end of it."""

    def __init__(self, ours: socket.socket, theirs: socket.socket, suite: str = "TLS_AES_128_GCM_SHA256") -> None:
        self.server = Server(theirs)
        self.server.writing = Protection(SUITES[suite], SERVER)
        reading, writing = Protection(SUITES[suite], SERVER), Protection(SUITE, CLIENT)
        self.stream = Counting(ours, bytearray(4 << 20), reading, writing)
        self.loop = Loop()
        loop, route = cast("asyncio.AbstractEventLoop", self.loop), parse_target("https://origin/").route
        self.connection = H2Connection(loop, self.stream, route, VersionTally(), Pool())
        self.server.data(frames.settings({}))
        self.wakes = 0  # for the last answer

    def get(
        self,
        lay: Callable[[bytes], list[bytes]],
        body_bytes: int = BODY_BYTES,
        *,
        keeps: bool = False,
        breaks: bool = False,
        between: Callable[[Server, int], None] | None = None,
    ) -> Asking:
        """Ask, and be answered with records as `lay` makes them of the frames of the answer.

        `between` may say something else before each record, whose number it is told.
        """
        asking = Asking(keeps=keeps)
        number = self.connection.send(asking, GET).number
        self.send(lay(answer(number, body_bytes)), between)
        self.wakes = 0
        while not asking.ends:
            self.wakes += 1
            ready, _, _ = select.select([self.stream.sock], [], [], 0.1 if breaks else RECEIVE_SECONDS)
            assert ready or (breaks and self.wakes < 100), f"{asking.body_bytes} bytes came"
            if ready:
                self.loop.readable()
            else:
                self.connection.poll()  # what ends a body early does not wake
        return asking

    def send(self, records: list[bytes], between: Callable[[Server, int], None] | None = None) -> None:
        for number, record in enumerate(records):
            if between is not None:
                between(self.server, number)
            self.server.out += self.server.writing.seal(APPLICATION_DATA, record)
        self.server.sock.sendall(self.server.out)
        self.server.out = b""


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(RECEIVE_SECONDS)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        yield ours, theirs


def answer(stream: int, body_bytes: int, frame_bytes: int = FRAME) -> bytes:
    """A head (static table: status 200; content-length as a literal), and the body in frames."""
    length = str(body_bytes).encode()
    out = frames.frame(frames.HEADERS, frames.END_HEADERS, stream, b"\x88\x0f\x0d" + bytes([len(length)]) + length)
    for at in range(0, body_bytes, frame_bytes):
        flags = frames.END_STREAM if at + frame_bytes >= body_bytes else 0
        out += frames.frame(frames.DATA, flags, stream, bytes(min(frame_bytes, body_bytes - at)))
    return out


def as_nginx(data: bytes) -> list[bytes]:
    """Four frames in two full records and what is left; the head is in the first of them."""
    records, length = [], 9 + int.from_bytes(data[:3], "big")
    ends = [length + 4 * (9 + FRAME)]
    while ends[-1] < len(data):
        ends.append(ends[-1] + 4 * (9 + FRAME))
    at = 0
    for end in ends:
        piece = data[at:end]
        records += [piece[start : start + FULL] for start in range(0, len(piece), FULL)]
        at = end
    return records


def frame_by_frame(data: bytes) -> list[bytes]:
    """Each frame is a record."""
    records, at = [], 0
    while at < len(data):
        end = at + 9 + int.from_bytes(data[at : at + 3], "big")
        records.append(data[at:end])
        at = end
    return records


def regardless(data: bytes) -> list[bytes]:
    """Full records, whatever begins where: no frame begins with a record soon."""
    return [data[at : at + FULL] for at in range(0, len(data), FULL)]


def with_pings(data: bytes) -> list[bytes]:
    """Something else between two frames, after so much that the layout is known."""
    records = as_nginx(data)
    for at in (90, 60, 30):
        records.insert(at // 3 * 3, PING)
    return records


@pytest.mark.parametrize(
    ("lay", "leaps"),
    [(as_nginx, True), (frame_by_frame, True), (regardless, False), (with_pings, True)],
    ids=["as nginx", "frame by frame", "regardless", "with pings"],
)
def test_a_long_body_is_counted_to_the_byte(
    lay: Callable[[bytes], list[bytes]], leaps: bool, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ends = Ends(*sockets)
    for _ in range(4):
        asking = ends.get(lay)
        assert (asking.ends, asking.body_bytes) == ([None], BODY_BYTES)
    assert bool(ends.stream.leapt) is leaps


def ticket(server: Server, record: int) -> None:
    if record % 30 == 29:
        server.message(HANDSHAKE, b"\x04\x00\x00\x08ticketed")


def key_update(server: Server, record: int) -> None:
    if record % 30 == 29:
        server.update_keys()


def nothing(server: Server, record: int) -> None:
    if record % 30 == 29:
        server.padded(b"", 0)


@pytest.mark.parametrize("between", [ticket, key_update, nothing], ids=["tickets", "key updates", "empty records"])
def test_what_tls_says_in_a_long_body_is_heard(
    between: Callable[[Server, int], None], sockets: tuple[socket.socket, socket.socket]
) -> None:
    ends = Ends(*sockets)
    ends.get(as_nginx)
    before = ends.stream.leapt
    for _ in range(3):
        asking = ends.get(as_nginx, between=between)
        assert (asking.ends, asking.body_bytes) == ([None], BODY_BYTES)
    assert ends.stream.leapt > before


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        pytest.param(lambda number: frames.reset(number, ErrorCode.INTERNAL_ERROR), FailureKind.TRUNCATED, id="reset"),
        pytest.param(lambda number: frames.goaway(number, ErrorCode.NO_ERROR), None, id="going away"),
        pytest.param(lambda _: frames.settings({frames.INITIAL_WINDOW_SIZE: 10}), None, id="settings"),
    ],
)
def test_what_ends_a_long_body_early_is_seen_and_what_does_not_changes_nothing(
    last: Callable[[int], bytes], kind: FailureKind | None, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ends = Ends(*sockets)
    ends.get(as_nginx)

    def lay(data: bytes) -> list[bytes]:
        number = int.from_bytes(data[5:9], "big")
        records = as_nginx(data)
        return [*records[:60], last(number), *([] if kind else records[60:])]

    asking = ends.get(lay, breaks=kind is not None)
    (failure,) = asking.ends
    assert (failure and failure.kind) == kind
    assert asking.body_bytes == (BODY_BYTES if kind is None else 20 * 4 * FRAME)


def test_most_of_what_nginx_sends_is_never_decrypted(sockets: tuple[socket.socket, socket.socket]) -> None:
    ends = Ends(*sockets)
    ends.get(as_nginx)
    before = ends.stream.leapt
    ends.get(as_nginx)
    assert ends.stream.leapt - before > BODY_BYTES * 0.95


def test_a_server_that_lays_frames_in_another_way_is_read_without_waiting_for_each_record(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ends = Ends(*sockets)
    ends.get(as_nginx)
    ends.stream.most_arrived = 200_000  # never as much as is waited for
    for _ in range(4):
        asking = ends.get(regardless)
        assert (asking.ends, asking.body_bytes) == ([None], BODY_BYTES)
        assert ends.wakes < 10  # of 92 records


def test_what_is_kept_is_read(sockets: tuple[socket.socket, socket.socket]) -> None:
    ends = Ends(*sockets)
    ends.get(as_nginx)
    before = ends.stream.leapt
    asking = ends.get(as_nginx, keeps=True)
    assert asking.body == bytes(BODY_BYTES)
    assert ends.stream.leapt == before


def test_another_cipher_is_read(sockets: tuple[socket.socket, socket.socket]) -> None:
    ends = Ends(*sockets, suite="TLS_CHACHA20_POLY1305_SHA256")
    assert [ends.get(as_nginx).body_bytes for _ in range(2)] == [BODY_BYTES] * 2
    assert ends.stream.leapt == 0


def test_a_record_that_is_missing_is_noticed_at_the_end(sockets: tuple[socket.socket, socket.socket]) -> None:
    """What is dropped is not authenticated, but the number of records is."""
    ends = Ends(*sockets)
    ends.get(as_nginx)

    def without_a_period(data: bytes) -> list[bytes]:
        records = as_nginx(data)
        return [*records[:30], *records[33:]]

    asking = ends.get(without_a_period)
    (failure,) = asking.ends
    assert failure is not None


def test_windows_are_opened_for_what_was_not_looked_at(sockets: tuple[socket.socket, socket.socket]) -> None:
    ends = Ends(*sockets)
    for _ in range(12):  # more than the connection's window
        assert ends.get(as_nginx).ends == [None]
    updates = [ends.server.received() for _ in range(12)]
    opened = [data for data in updates if frames.window_update(0, 0)[:9] in data]
    assert opened


def test_the_layout_of_nginx_is_learnt_from_one_period() -> None:
    layout, content = Layout(), memoryview(data_header(5, FRAME) + bytes(100))
    full, small = b"\x17\x03\x03\x40\x11", b"\x17\x03\x03\x00\x35"
    for record, begins in ((full, True), (full, False), (small, False)):
        layout.add(record, content, between_frames=begins)
        layout.count(4 * FRAME if record is small else 0)
    assert layout.period is None
    layout.add(full, content, between_frames=True)
    assert layout.period == Period(2 * (FULL + 22) + 36 + 22, 3, 4 * FRAME, full, FRAME)


NGINX = Period(2 * (FULL + 22) + 36 + 22, 3, 4 * FRAME, b"\x17\x03\x03\x40\x11", FRAME)


def known(period: Period) -> Layout:
    layout = Layout()
    layout.period = period
    return layout


def laid(records: list[bytes]) -> tuple[int, int]:
    """Bytes on the wire and records."""
    return sum(len(record) + 22 for record in records), len(records)


@pytest.mark.parametrize("body_bytes", [100_000, BODY_BYTES, 4 * FRAME * 10, 4 * FRAME * 10 + 1, 4 * FRAME * 10 - 1])
@pytest.mark.parametrize("read", [1, 2, 3, 4])
@pytest.mark.parametrize("lay", [as_nginx, frame_by_frame])
def test_where_the_last_period_begins_is_known_from_anywhere_in_a_body(
    lay: Callable[[bytes], list[bytes]], read: int, body_bytes: int
) -> None:
    """The place that is proposed first, if all has arrived, is where a server's records really have it."""
    period = NGINX if lay is as_nginx else Period(FRAME + 9 + 22, 1, FRAME, b"\x17\x03\x03\x20\x1a", FRAME)
    records = lay(answer(5, body_bytes))
    session = Session()
    for _ in range(3):
        session.request(GET, keeps=False)
    session.receive(frames.settings({}))
    taken = sum(
        event.size_bytes
        for record in records[:read]
        for event in session.receive(record)
        if isinstance(event, BodyReceived)
    )
    begun = session.begun_bytes(5)
    assert begun is not None
    place = next(known(period).places(5, begun, taken, body_bytes - taken, 1 << 30), None)
    if place is None:
        assert not begun  # it is there already
        assert body_bytes - taken <= period.body_bytes
        return
    behind = records[read + place.records :]
    assert (place.wire_bytes, place.records) == laid(records[read : read + place.records])
    assert place.content == behind[0][:9]
    assert place.record == b"\x17\x03\x03" + (len(behind[0]) + 17).to_bytes(2, "big")
    assert 0 < body_bytes - taken - place.body_bytes <= period.body_bytes
    session.step_over(5, place.body_bytes)
    events = [event for record in behind for event in session.receive(record)]
    assert isinstance(events[-1], BodyReceived)
    assert events[-1].ends


def test_places_come_nearer_until_there_is_none() -> None:
    places = list(known(NGINX).places(5, 0, 8 * FRAME, 40 * FRAME, 1 << 30))
    assert [place.body_bytes // (4 * FRAME) for place in places] == [9, 8, 4, 2, 1]
    assert [place.records for place in places] == [3 * 9, 3 * 8, 3 * 4, 3 * 2, 3]


def test_no_place_is_behind_what_has_arrived() -> None:
    arrived = 3 * NGINX.wire_bytes + 14
    layout = known(NGINX)
    assert next(layout.places(5, 0, 0, BODY_BYTES, arrived)).wire_bytes == 3 * NGINX.wire_bytes
    assert next(layout.places(5, 0, 0, BODY_BYTES, arrived - 1)).wire_bytes == 2 * NGINX.wire_bytes
    assert list(layout.places(5, 0, 0, BODY_BYTES, 1000)) == []
    begun = next(layout.places(5, 100, FRAME - 100, BODY_BYTES - FRAME + 100, NGINX.wire_bytes))
    assert begun.body_bytes == 3 * FRAME + 100
    assert begun.wire_bytes < NGINX.wire_bytes


def test_of_a_period_without_a_rule_only_whole_ones_are_stepped_over() -> None:
    period = NGINX._replace(records=4, wire_bytes=NGINX.wire_bytes + 22)
    assert list(known(period).places(5, 100, FRAME - 100, BODY_BYTES, 1 << 30)) == []
    places = list(known(period).places(5, 0, 0, 12 * FRAME + 1, 1 << 30))
    assert [place.body_bytes for place in places] == [8 * FRAME, 4 * FRAME]


def test_a_body_that_ends_with_an_empty_frame(sockets: tuple[socket.socket, socket.socket]) -> None:
    """Its last period begins as foreseen or one before it does."""

    def lay(data: bytes) -> list[bytes]:
        at = len(data) - 9 - (BODY_BYTES % FRAME)
        open_end = data[:at] + data[at : at + 4] + b"\0" + data[at + 5 :]
        return [*as_nginx(open_end), frames.frame(frames.DATA, frames.END_STREAM, int.from_bytes(data[5:9], "big"))]

    ends = Ends(*sockets)
    for _ in range(3):
        asking = ends.get(lay)
        assert (asking.ends, asking.body_bytes) == ([None], BODY_BYTES)
    assert ends.stream.leapt > BODY_BYTES * 2.5


def test_the_start_of_a_body_is_looked_at_though_its_head_came_alone(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    def lay(data: bytes) -> list[bytes]:
        end = 9 + int.from_bytes(data[:3], "big")
        return [data[:end], *as_nginx(data[end:])]

    ends = Ends(*sockets)
    assert [ends.get(lay).body_start for _ in range(3)] == [bytes(BODY_START_BYTES)] * 3


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_glimpse_is_what_the_record_holds(suite: str) -> None:
    sealing, opening = Protection(SUITES[suite], SERVER[:32]), Protection(SUITES[suite], SERVER[:32])
    records = [sealing.seal(APPLICATION_DATA, bytes([number]) * 100) for number in range(4)]
    seen = [opening.glimpse(record[5:14], ahead) for ahead, record in enumerate(records)]
    aes = "AES" in suite
    assert seen == [bytes([number]) * 9 if aes else b"" for number in range(4)]
