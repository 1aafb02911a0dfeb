"""Bodies over TLS 1.3 that are counted and not decrypted: every shape in which a server may send records."""

import select
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest
from tests.http.tls.sealing import CLIENT, KEY_UPDATE, KEY_UPDATE_ASKED, RECEIVE_SECONDS, SERVER, SUITE, Server

from hls_swarm.http.tls.protection import ALERT, HANDSHAKE, Protection
from hls_swarm.http.tls.skipping import SkippingStream

TICKET = b"\x04" + (200).to_bytes(3, "big") + b"t" * 200
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(RECEIVE_SECONDS)
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        yield ours, theirs


@pytest.fixture
def server(sockets: tuple[socket.socket, socket.socket]) -> Server:
    return Server(sockets[1])


@pytest.fixture
def new_stream(sockets: tuple[socket.socket, socket.socket]) -> Callable[..., SkippingStream]:
    def make(*, read: int = 0, verify_share: float = 0.0, walks: bool = False) -> SkippingStream:
        reading, writing = Protection(SUITE, SERVER, read), Protection(SUITE, CLIENT)
        stream = SkippingStream(sockets[0], bytearray(4 << 20), reading, writing, verify_share)
        if walks:
            stream._peeks = False  # as on a kernel without SO_PEEK_OFF for TCP
        return stream

    return make


def deliver(server: Server, whole: bool, pump: Callable[[], bool]) -> None:
    """Send what the server has, all at once or in small pieces, and let the client read between them."""
    piece = len(server.out) if whole else 700
    data, server.out = server.out, b""
    server.sock.setblocking(False)
    while data:
        try:
            sent = server.sock.send(data[:piece])
        except BlockingIOError:
            sent = 0
        data = data[sent:]
        pump()
    server.sock.settimeout(RECEIVE_SECONDS)


class Reader:
    """Reads a head and drops a body of known length, as a connection does."""

    def __init__(self, stream: SkippingStream, body: int, head: bytes = HEAD) -> None:
        self.stream = stream
        self.head = b""
        self.left = body
        self._head = head

    def pump(self) -> bool:
        """Take what has arrived; True when the answer is whole."""
        try:
            while True:
                if len(self.head) < len(self._head):
                    data = self.stream.receive(4096)
                    assert data, "the stream ended"
                    self.head += data
                    extra = len(self.head) - len(self._head)
                    if extra > 0:
                        self.left -= extra
                        self.head = self.head[: len(self._head)]
                elif self.left > 0:
                    count = self.stream.discard(self.left)
                    assert count, "the stream ended"
                    self.left -= count
                    self.stream.expect(self.left)
                else:
                    return True
        except BlockingIOError:
            return False

    def finish(self) -> None:
        while not self.pump():
            ready, _, _ = select.select([self.stream.sock], [], [], RECEIVE_SECONDS)
            assert ready, f"{self.left} bytes did not come"
        assert (self.head, self.left) == (self._head, 0)


def exchanged(server: Server, reader: Reader) -> None:
    """The answer is here whole, or what prevents it is raised."""
    deliver(server, True, reader.pump)
    reader.finish()


def answer(server: Server, stream: SkippingStream, body: int, whole: bool) -> None:
    reader = Reader(stream, body)
    deliver(server, whole, reader.pump)
    reader.finish()
    stream.answered()


def whole_records(server: Server, body: int) -> None:
    server.data(HEAD + bytes(body))


def head_apart(server: Server, body: int) -> None:
    server.data(HEAD)
    server.data(bytes(body))


def small_records(server: Server, body: int) -> None:
    server.data(HEAD + bytes(body), 4096)


def tiny_records(server: Server, body: int) -> None:
    server.data(HEAD + bytes(body), 333)


def growing_records(server: Server, body: int) -> None:
    content, size = HEAD + bytes(body), 1369
    while content:
        server.data(content[:size], size)
        content, size = content[size:], min(16384, size * 2)


def alternating_records(server: Server, body: int) -> None:
    content, size = HEAD + bytes(body), 16384
    while content:
        server.data(content[:size], size)
        content, size = content[size:], 8192 if size == 16384 else 16384


def with_tickets(server: Server, body: int) -> None:
    server.message(HANDSHAKE, TICKET)
    server.data(HEAD)
    for at in range(0, body, 70000):
        server.data(bytes(min(70000, body - at)))
        server.message(HANDSHAKE, TICKET + TICKET)


def with_key_updates(server: Server, body: int) -> None:
    server.data(HEAD)
    for at in range(0, body, 70000):
        server.data(bytes(min(70000, body - at)))
        server.update_keys()


def with_a_message_over_two_records(server: Server, body: int) -> None:
    server.message(HANDSHAKE, TICKET[:50])
    server.message(HANDSHAKE, TICKET[50:])
    server.data(HEAD + bytes(body))


def padded_records(server: Server, body: int) -> None:
    content = HEAD + bytes(body)
    for at in range(0, len(content), 9000):
        server.padded(content[at : at + 9000], 5000)


SHAPES = [
    whole_records,
    head_apart,
    small_records,
    tiny_records,
    growing_records,
    alternating_records,
    with_tickets,
    with_key_updates,
    with_a_message_over_two_records,
    padded_records,
]


@pytest.mark.slow
@pytest.mark.parametrize("walks", [False, True], ids=["jumps", "walks"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in pieces"])
@pytest.mark.parametrize("body", [0, 1, 16384 - len(HEAD), 16384, 100_000, 800_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_is_counted_to_the_byte(
    shape: Callable[[Server, int], None],
    body: int,
    whole: bool,
    walks: bool,
    server: Server,
    new_stream: Callable[..., SkippingStream],
) -> None:
    stream = new_stream(walks=walks)
    for _ in range(3):
        shape(server, body)
        answer(server, stream, body, whole)
    assert stream.unread_bytes() == 0 or shape in {with_tickets, with_key_updates}


def test_records_inside_a_body_are_not_decrypted_and_the_last_one_proves_them(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream()
    whole_records(server, 500_000)
    server.corrupt(100_000)
    answer(server, stream, 500_000, whole=True)  # what is dropped is not authenticated
    whole_records(server, 500_000)
    answer(server, stream, 500_000, whole=True)


@pytest.mark.parametrize("back", [1, 40_000], ids=["in the last record", "in a verified body"])
def test_a_changed_byte_in_what_is_decrypted_is_noticed(
    back: int, server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream(verify_share=1.0 if back > 1 else 0.0)
    whole_records(server, 100_000)
    server.corrupt(back)
    reader = Reader(stream, 100_000)
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        exchanged(server, reader)


def test_a_share_of_the_bodies_is_verified(server: Server, new_stream: Callable[..., SkippingStream]) -> None:
    stream = new_stream(verify_share=0.25)
    noticed = []
    for turn in range(4):
        whole_records(server, 200_000)
        server.corrupt(100_000)
        reader = Reader(stream, 200_000)
        try:
            deliver(server, True, reader.pump)
            reader.finish()
        except ssl.SSLError:
            noticed.append(turn)
            break
        stream.answered()
    assert noticed == []
    whole_records(server, 200_000)
    server.corrupt(100_000)
    reader = Reader(stream, 200_000)
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        exchanged(server, reader)


@pytest.mark.parametrize("unseen", [0, 1, 2, 15])
def test_records_that_openssl_read_unseen_are_found(
    unseen: int, server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    for _ in range(unseen + 3):
        server.writing.seal(HANDSHAKE, TICKET)  # three with data were seen
    stream = new_stream(read=3)
    whole_records(server, 300_000)
    answer(server, stream, 300_000, whole=True)


def test_more_unseen_records_than_a_server_sends_are_not_searched_for(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    server.writing.sequence = 16
    server.data(HEAD)
    stream = new_stream()
    reader = Reader(stream, 0)
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        exchanged(server, reader)


def test_an_asked_key_update_is_answered_before_the_next_request(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream()
    server.data(HEAD)
    server.update_keys(KEY_UPDATE_ASKED)
    server.data(bytes(50_000))
    answer(server, stream, 50_000, whole=True)
    assert stream.send(b"GET") == 3
    assert server.received() == KEY_UPDATE
    server.reading.update()
    assert server.received() == b"GET"


def test_requests_are_sealed_in_turn(server: Server, new_stream: Callable[..., SkippingStream]) -> None:
    stream = new_stream()
    assert [stream.send(b"one"), stream.send(b"two" * 10000)] == [3, 30000]
    assert [server.received(), server.received() + server.received()] == [b"one", b"two" * 10000]


def test_a_close_is_the_end_of_the_stream(server: Server, new_stream: Callable[..., SkippingStream]) -> None:
    stream = new_stream()
    server.data(HEAD)
    server.message(ALERT, b"\x01\x00")
    reader = Reader(stream, 0)
    deliver(server, True, reader.pump)
    reader.finish()
    assert stream.receive(4096) == b""
    assert stream.receive(4096) == b""


def test_a_server_that_cancels_before_it_closes_has_closed(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream()
    server.data(HEAD)
    server.message(ALERT, b"\x01\x5a")
    server.message(ALERT, b"\x01\x00")
    reader = Reader(stream, 0)
    deliver(server, True, reader.pump)
    reader.finish()
    assert stream.receive(4096) == b""


def test_a_close_in_a_body_ends_it(server: Server, new_stream: Callable[..., SkippingStream]) -> None:
    stream = new_stream()
    whole_records(server, 50_000)
    server.message(ALERT, b"\x01\x00")
    reader = Reader(stream, 60_000)
    with pytest.raises(AssertionError, match="the stream ended"):
        exchanged(server, reader)
    assert reader.left == 10_000


def flood(server: Server, message: bytes) -> None:
    """So many records without data that a client must not read on."""
    for _ in range(200):
        if message == KEY_UPDATE:
            server.update_keys(message)
        elif message:
            server.message(HANDSHAKE, message)
        else:
            server.padded(b"", 20)


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        pytest.param(lambda server: server.message(ALERT, b"\x02\x50"), "alert 80", id="alert"),
        pytest.param(lambda server: server.message(ALERT, b"\x01"), "alert -1", id="half an alert"),
        pytest.param(
            lambda server: server.padded(b"x" * 16384, 1), "record of 16402 bytes", id="padded over its limit"
        ),
        pytest.param(lambda server: server.message(HANDSHAKE, b"\x0d\x00\x00\x00"), "message 13", id="handshake"),
        pytest.param(lambda server: server.message(HANDSHAKE, b"\x18\x00\x00\x01\x07"), "key update", id="update"),
        pytest.param(lambda server: server.message(HANDSHAKE, KEY_UPDATE + TICKET), "key update", id="not last"),
        pytest.param(lambda server: server.message(HANDSHAKE, b"\x04\xff\xff\xff"), "16777219 bytes", id="huge"),
        pytest.param(lambda server: server.message(99, b"x"), "type 99", id="type"),
        pytest.param(lambda server: server.in_the_clear(), "type 21", id="clear"),
        pytest.param(lambda server: flood(server, TICKET), "without data", id="ticket flood"),
        pytest.param(lambda server: flood(server, b""), "without data", id="flood of empty records"),
        pytest.param(lambda server: flood(server, KEY_UPDATE), "without data", id="key update flood"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(
    begin: Callable[[Server], None], words: str, server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream()
    server.data(HEAD + bytes(20_000))
    begin(server)
    server.data(bytes(40_000))
    reader = Reader(stream, 60_000)
    with pytest.raises(ssl.SSLError, match=words):
        exchanged(server, reader)


def test_an_end_without_a_close_is_a_loss(server: Server, new_stream: Callable[..., SkippingStream]) -> None:
    stream = new_stream()
    whole_records(server, 100_000)
    server.out = server.out[:-10]
    reader = Reader(stream, 100_000)
    deliver(server, True, reader.pump)
    server.sock.shutdown(socket.SHUT_WR)
    with pytest.raises(ssl.SSLEOFError):
        reader.finish()
    assert reader.left == 100_000 + len(HEAD) - 6 * 16384


def test_what_comes_behind_a_body_is_kept_for_who_reads_next(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream()
    server.data(HEAD + bytes(40_000) + b"excess")
    answer(server, stream, 40_000, whole=True)
    assert stream.receive(4096) == b"excess"


def begun(server: Server, stream: SkippingStream, held_back: int) -> int:
    """A body after the first one, its head read and all but a few bytes of it arrived; what is left of it to read."""
    whole_records(server, 300_000)
    answer(server, stream, 300_000, whole=True)  # a connection's first body is looked at
    whole_records(server, 500_000)
    sent = len(server.out) - held_back
    server.sock.sendall(server.out[:sent])
    server.out = server.out[sent:]
    while stream.unread_bytes() < (sent - 1) * 511 // 512:
        select.select([], [], [], 0.001)
    return 500_000 - (len(stream.receive(4096)) - len(HEAD))


def test_what_has_come_with_a_head_is_left_until_the_rest_is_there(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream()
    left = begun(server, stream, held_back=40)
    with pytest.raises(BlockingIOError):
        stream.discard(left)
    stream.expect(left)
    assert select.select([stream.sock], [], [], 0.05)[0] == []
    server.sock.sendall(server.out)
    assert select.select([stream.sock], [], [], RECEIVE_SECONDS)[0]
    count = 0
    while count < left:
        count += stream.discard(left - count)
    assert count == left


def test_where_nothing_can_be_waited_for_it_is_dropped_at_once(
    server: Server, sockets: tuple[socket.socket, socket.socket]
) -> None:
    reading, writing = Protection(SUITE, SERVER), Protection(SUITE, CLIENT)
    stream = SkippingStream(sockets[0], bytearray(4 << 20), reading, writing, follows_low_water=False)
    left = begun(server, stream, held_back=40)
    assert stream.discard(left) > 400_000


def test_a_record_that_is_half_dropped_is_not_waited_for_whole(
    server: Server, new_stream: Callable[..., SkippingStream]
) -> None:
    stream = new_stream(walks=True)
    whole_records(server, 300_000)
    answer(server, stream, 300_000, whole=True)
    server.data(HEAD)
    server.data(bytes(16384) + bytes(40_000))
    server.sock.sendall(server.out[: 36 + 16000])
    server.out = server.out[36 + 16000 :]
    assert stream.receive(4096) == HEAD
    while stream.unread_bytes() < 15_900:
        select.select([], [], [], 0.001)
    with pytest.raises(BlockingIOError):
        stream.discard(56_384)
    stream.expect(56_384)
    server.sock.sendall(server.out)
    assert select.select([stream.sock], [], [], RECEIVE_SECONDS)[0], "more is waited for than comes"
