"""HTTP/2 over real sockets: what a client sees of the origin's server, and what the log says of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection as Peer
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from tests.testorigin.serving.running import BIG, Running, log_fields, serve_while, until

from hls_swarm.testorigin.serving.trouble.faults import Faults, parse_fault
from hls_swarm.testorigin.serving.trouble.limits import Limits, parse_limit
from hls_swarm.testorigin.settings import OriginSettings

END = (StreamEnded, StreamReset)


class Client:
    """Another implementation's client: asks, and takes what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int, *, reads: bool) -> None:
        self.reader, self.writer, self.reads = reader, writer, reads
        self.peer = Peer(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.peer.initiate_connection()
        self.peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytearray] = {}
        self.order: list[int] = []
        self.ended: dict[int, Event] = {}
        self.gone: ConnectionTerminated | None = None

    def ask(self, path: str, method: str = "GET", *fields: tuple[str, str]) -> int:
        stream = self.peer.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
        self.peer.send_headers(stream, [*pseudo, *fields], end_stream=method != "POST")
        self.flush()
        return stream

    def flush(self) -> None:
        self.writer.write(self.peer.data_to_send())

    async def step(self) -> bool:
        data = await self.reader.read(65_536)
        for event in self.peer.receive_data(data) if data else []:
            match event:
                case ResponseReceived(stream_id=stream, headers=headers):
                    self.heads[stream] = {name.decode(): value.decode() for name, value in headers}
                case DataReceived(stream_id=stream, data=piece, flow_controlled_length=length):
                    self.bodies.setdefault(stream, bytearray()).extend(piece)
                    self.order.append(stream)
                    if self.reads:
                        self.peer.acknowledge_received_data(length, stream)
                case StreamEnded(stream_id=stream) | StreamReset(stream_id=stream):
                    self.ended.setdefault(stream, event)
                case ConnectionTerminated():
                    self.gone = event
        self.flush()
        return bool(data)

    async def get(self, *streams: int) -> None:
        while not all(stream in self.ended for stream in streams):
            assert await self.step()

    def answer(self, stream: int) -> tuple[str, bytes]:
        return self.heads[stream][":status"], bytes(self.bodies.get(stream, b""))


@asynccontextmanager
async def speaking(
    server: Running, window: int = 1 << 20, tls: ssl.SSLContext | None = None, *, reads: bool = True
) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=tls)
    if tls is not None:
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    try:
        client = Client(reader, writer, window, reads=reads)
        client.flush()
        yield client
    finally:
        writer.close()
        with suppress(ConnectionError):  # the server may be faster
            await writer.wait_closed()


def test_answers_side_by_side(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            big, small, none = client.ask("/big"), client.ask("/small"), client.ask("/none")
            head, part = client.ask("/small", "HEAD"), client.ask("/big", "GET", ("range", "bytes=5-9"))
            refused = client.ask("/small", "PUT")
            await client.get(big, small, none, head, part, refused)
            assert client.answer(big) == ("200", BIG)
            assert client.answer(small) == ("200", b"small body\n")
            assert client.answer(none) == ("404", b"404 Not Found\n")
            assert client.answer(head) == ("200", b"")
            assert client.heads[head]["content-length"] == "11"
            assert client.answer(part) == ("206", BIG[5:10])
            assert client.answer(refused)[0] == "405"
            assert client.order.index(small) < len(client.order) - client.order[::-1].index(big) - 1
            assert server.traffic.waiting == 1
        assert server.traffic.accepted == 1

    serve_while(tmp_path, talk)
    assert sorted(log_fields(tmp_path)) == [
        ("GET /big HTTP/2.0", 200, len(BIG)),
        ("GET /big HTTP/2.0", 206, 5),
        ("GET /none HTTP/2.0", 404, 14),
        ("GET /small HTTP/2.0", 200, 11),
        ("HEAD /small HTTP/2.0", 200, 0),
        ("PUT /small HTTP/2.0", 405, 23),
    ]


def test_over_tls_a_client_has_the_version_that_it_offers(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        trust = ssl.create_default_context(cafile=str(server.certificate))
        trust.set_alpn_protocols(["h2", "http/1.1"])
        async with speaking(server, tls=trust) as client:
            big, small = client.ask("/big"), client.ask("/small")
            await client.get(big, small)
            assert (client.answer(big), client.answer(small)) == (("200", BIG), ("200", b"small body\n"))
        trust.set_alpn_protocols(["http/1.1"])
        reader, writer = await asyncio.open_connection(server.host, server.port, ssl=trust)
        for target, body in (("/big", BIG), ("/small", b"small body\n")):
            writer.write(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(body)) == body
        writer.write(b"GET /small HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"small body\n")
        writer.close()

    serve_while(tmp_path, talk, OriginSettings(tls=True))
    assert [line for line, _, _ in log_fields(tmp_path)].count("GET /big HTTP/1.1") == 1
    assert {size for line, _, size in log_fields(tmp_path) if "/big" in line} == {len(BIG)}


def test_plain_http_is_served_beside_tls_and_a_stranger_to_both_is_let_go(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            small = client.ask("/small")
            await client.get(small)
            assert client.answer(small) == ("200", b"small body\n")
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"\x16\x03\x01\x00\x05hello")
        assert (await reader.read())[:1] in {b"", b"\x15"}  # an alert, if anything
        writer.close()
        await until(lambda: server.traffic.active == 0)

    serve_while(tmp_path, talk, OriginSettings(tls=True))


def test_a_body_waits_for_its_window_and_holds_up_no_other(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server, window=10_000, reads=False) as client:
            big = client.ask("/big")
            while len(client.bodies.get(big, b"")) < 10_000:
                await client.step()
            small = client.ask("/small")
            await client.get(small)
            assert bytes(client.bodies[big]) == BIG[:10_000]
            client.peer.increment_flow_control_window(5, big)
            client.flush()
            while len(client.bodies[big]) < 10_005:
                await client.step()
            client.peer.reset_stream(big, ErrorCodes.CANCEL)
            client.flush()
            await until(lambda: server.traffic.requests == 2)

    serve_while(tmp_path, talk)
    assert log_fields(tmp_path) == [("GET /small HTTP/2.0", 200, 11), ("GET /big HTTP/2.0", 200, 10_005)]


def test_a_client_that_goes_away_is_logged_with_what_it_was_sent(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server, window=1 << 30, reads=False) as client:
            client.peer.increment_flow_control_window(1 << 29)
            client.ask("/big")
            await client.step()
            client.writer.transport.abort()
        await until(lambda: server.traffic.active == 0)

    serve_while(tmp_path, talk)
    ((line, status, body_bytes),) = log_fields(tmp_path)
    assert (line, status) == ("GET /big HTTP/2.0", 200)
    assert 0 < body_bytes < len(BIG)


def broken(text: str) -> Faults:
    faults = Faults()
    faults.set(parse_fault(text), 0.0)
    return faults


def test_a_body_that_is_cut_ends_its_stream_alone(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            cut, small = client.ask("/big"), client.ask("/small")
            await client.get(cut, small)
            assert len(client.bodies[cut]) == len(BIG) // 4
            assert isinstance(client.ended[cut], StreamReset)
            assert isinstance(client.ended[small], StreamEnded)

    serve_while(tmp_path, talk, faults=broken("cut=0.25,path=/big"))
    assert min(log_fields(tmp_path)) == ("GET /big HTTP/2.0", 200, len(BIG) // 4)


def test_a_reset_ends_its_stream_alone(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            lost, small = client.ask("/big"), client.ask("/small")
            await client.get(lost, small)
            assert lost not in client.heads
            assert client.answer(small)[0] == "200"

    serve_while(tmp_path, talk, faults=broken("reset,path=/big"))
    assert min(log_fields(tmp_path)) == ("GET /big HTTP/2.0", 200, 0)


@pytest.mark.parametrize("limit", ["fault slow=400k", "answer=400k", "bandwidth=400k", "viewer=400k"])
def test_what_is_slow_on_purpose_is_as_slow_as_over_http_1(tmp_path: Path, limit: str) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            began = asyncio.get_running_loop().time()
            part = client.ask("/big", "GET", ("range", "bytes=0-199999"))
            await client.get(part)
            assert client.answer(part) == ("206", BIG[:200_000])
            assert asyncio.get_running_loop().time() - began > 0.3

    is_fault = limit.startswith("fault ")
    limits = None if is_fault else Limits((parse_limit(limit),))
    serve_while(tmp_path, talk, limits=limits, faults=broken(limit[6:]) if is_fault else None)


def test_a_delay_puts_off_its_own_answer(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            late, small = client.ask("/big", "GET", ("range", "bytes=0-9")), client.ask("/small")
            await client.get(small)
            assert late not in client.heads
            await client.get(late)
            assert client.answer(late) == ("206", BIG[:10])

    serve_while(tmp_path, talk, faults=broken("delay=200ms,path=/big"))


def test_a_body_that_is_too_long_and_a_request_that_is_none(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            long, wrong = client.ask("/small", "POST"), client.ask("/small", "GET", ("te", "gzip"))
            for _ in range(4):
                client.peer.send_data(long, bytes(16_000))
                client.flush()
            while client.peer.local_flow_control_window(long) < 16_000:
                await client.step()
            client.peer.send_data(long, bytes(16_000))
            client.flush()
            await client.get(long, wrong)
            assert (client.answer(long)[0], client.answer(wrong)[0]) == ("413", "400")

    serve_while(tmp_path, talk)


def test_what_is_no_http_2_is_told_so(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"PRI * HTTP/2.0\r\n")
        await asyncio.sleep(0.01)
        writer.write(b"\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        said = await reader.read()
        assert said[3] == 4  # SETTINGS
        assert said[-17 + 3] == 7  # GOAWAY
        writer.close()

    serve_while(tmp_path, talk)


@pytest.mark.parametrize("prepare", ["answered", "unanswered"])
def test_the_end_is_said_and_answers_under_way_are_ended(tmp_path: Path, prepare: str) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server, window=10_000, reads=prepare == "answered") as client:
            big = client.ask("/big", "GET", ("range", "bytes=0-19999"))
            while len(client.bodies.get(big, b"")) < 10_000:
                await client.step()
            stopping = asyncio.create_task(server.server.stop())
            while await client.step():
                pass
            assert len(client.bodies[big]) == (20_000 if prepare == "answered" else 10_000)
            assert (client.gone is not None) is (prepare == "answered")
            await stopping

    serve_while(tmp_path, talk, OriginSettings(grace_seconds=0.5))


def test_too_many_frames_without_use(tmp_path: Path) -> None:
    async def talk(server: Running) -> None:
        async with speaking(server) as client:
            for _ in range(1100):
                client.peer.ping(b"12345678")
            client.flush()
            while await client.step():
                pass
            assert client.gone is not None
            assert client.gone.error_code == ErrorCodes.ENHANCE_YOUR_CALM

    serve_while(tmp_path, talk)
