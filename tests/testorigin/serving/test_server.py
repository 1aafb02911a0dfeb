"""The server over real sockets: what a client sees, and what the log and the counters say of it."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.testorigin.serving.running import BIG, Running, log_fields, serve_while, until

from hls_swarm.testorigin.serving.trouble.limits import Limits, parse_limit
from hls_swarm.testorigin.settings import OriginSettings


@asynccontextmanager
async def connected(server: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):  # the server may be faster
            await writer.wait_closed()


def request(target: str = "/small", method: str = "GET", version: str = "1.1", **headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(fields.get("content-length", 0))) if has_body else b""
    return int(head[0].split()[1]), fields, body


def test_a_connection_serves_one_request_after_the_other(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            for target, status, size in (("/small", 200, 11), ("/none", 404, 14), ("/big?x=1", 200, len(BIG))):
                writer.write(request(target, User_Agent="player/1"))
                answer = await read_answer(reader)
                assert (answer[0], len(answer[2])) == (status, size)
                assert "connection" not in answer[1]
                assert answer[1]["date"].endswith(" gmt")
            writer.write(request("/small", "HEAD"))
            status, fields, _ = await read_answer(reader, has_body=False)
            assert (status, fields["content-length"]) == (200, "11")
            writer.write(request("/small", "POST"))
            assert (await read_answer(reader))[0] == 405
        assert server.traffic.accepted == 1

    serve_while(tmp_path, client)
    assert log_fields(tmp_path) == [
        ("GET /small HTTP/1.1", 200, 11),
        ("GET /none HTTP/1.1", 404, 14),
        ("GET /big?x=1 HTTP/1.1", 200, len(BIG)),
        ("HEAD /small HTTP/1.1", 200, 0),
        ("POST /small HTTP/1.1", 405, 23),
    ]


def test_a_file_arrives_byte_for_byte_however_slowly_it_is_read(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        reader, writer = await asyncio.open_connection(server.host, server.port, limit=1 << 14)
        writer.write(request("/big"))
        await reader.readuntil(b"\r\n\r\n")
        received = bytearray()
        while len(received) < len(BIG):
            received += await reader.read(100_000)
            await asyncio.sleep(0)
        assert received == BIG
        writer.write(request("/big", Range="bytes=1000000-12000000"))
        status, fields, body = await read_answer(reader)
        assert (status, fields["content-range"]) == (206, f"bytes 1000000-12000000/{len(BIG)}")
        assert body == BIG[1_000_000:12_000_001]
        writer.close()

    serve_while(tmp_path, client)


def test_a_head_that_arrives_byte_by_byte(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            for byte in request("/small", X_Long="x" * 50):
                writer.write(bytes((byte,)))
                await asyncio.sleep(0)
            assert (await read_answer(reader))[2] == b"small body\n"

    serve_while(tmp_path, client)


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            whole = request("/big") + request("/small") + request("/none") + request("/small", "HEAD")
            writer.write(whole + request("/small")[:9])
            assert (await read_answer(reader))[2] == BIG
            assert (await read_answer(reader))[2] == b"small body\n"
            assert (await read_answer(reader))[0] == 404
            assert (await read_answer(reader, has_body=False))[1]["content-type"] == "text/x-small"
            assert server.traffic.reading == 1
            writer.write(request("/small")[9:])
            assert (await read_answer(reader))[2] == b"small body\n"

    serve_while(tmp_path, client)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, id="space before a colon"),
        pytest.param(b"GET /" + b"a" * 40_000, 431, id="a head without an end"),
        pytest.param(b"GET /none HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(
            b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n" + b"b" * 99_999, 413, id="body"
        ),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, sent: bytes, status: int) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            writer.write(sent)
            given, fields, _ = await read_answer(reader)
            assert given == status
            if status != 400 or b"/none" not in sent:
                assert fields["connection"] == "close"
                assert await reader.read() == b""

    serve_while(tmp_path, client)


@pytest.mark.parametrize(
    ("sent", "persistence"),
    [
        pytest.param(request(Connection="close"), "close", id="asked to close"),
        pytest.param(request(version="1.0"), "close", id="HTTP/1.0"),
        pytest.param(request(version="1.0", Connection="keep-alive"), "keep-alive", id="HTTP/1.0 keep-alive"),
        pytest.param(request(Connection="Upgrade", Upgrade="h2c"), "close", id="an upgrade that is not made"),
    ],
)
def test_persistence(tmp_path: Path, sent: bytes, persistence: str) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            writer.write(sent)
            status, fields, body = await read_answer(reader)
            assert (status, fields["connection"], body) == (200, persistence, b"small body\n")
            if persistence == "close":
                assert await reader.read() == b""

    serve_while(tmp_path, client)


def test_a_client_that_goes_away_is_logged_with_what_it_was_sent(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            writer.write(request("/big"))
            await reader.readuntil(b"\r\n\r\n")
            assert server.traffic.writing == 1
            transport_socket = writer.get_extra_info("socket")
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
        await until(lambda: server.traffic.active == 0)

    serve_while(tmp_path, client)
    ((line, status, body_bytes),) = log_fields(tmp_path)
    assert (line, status) == ("GET /big HTTP/1.1", 200)
    assert 0 < body_bytes < len(BIG)


def test_metrics_requests_count_nowhere_else(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            for target in ("/metrics", "/small", "/metrics"):
                writer.write(request(target))
                await read_answer(reader)
        traffic = server.traffic
        assert (traffic.requests, traffic.unmetered_requests, sum(traffic.durations)) == (1, 2, 1)
        assert traffic.body_bytes == 11

    serve_while(tmp_path, client)
    assert len((tmp_path / "access.log").read_text().splitlines()) == 1


def test_a_head_that_does_not_end_times_out(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            writer.write(b"GET /small HTTP/1.1\r\n")
            assert (await read_answer(reader))[0] == 408
            assert await reader.read() == b""

    serve_while(tmp_path, client, OriginSettings(head_seconds=0.1))


def test_idle_connections_are_closed(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (never, _), connected(server) as (once, writer):
            writer.write(request())
            await read_answer(once)
            assert (await never.read(), await once.read()) == (b"", b"")

    serve_while(tmp_path, client, OriginSettings(idle_seconds=0.1))
    assert len((tmp_path / "access.log").read_text().splitlines()) == 1


def test_a_client_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        with socket.create_connection((server.host, server.port)) as stalled:
            stalled.send(request("/big"))
            await until(lambda: server.traffic.requests == 1)
        assert server.traffic.body_bytes < len(BIG)

    serve_while(tmp_path, client, OriginSettings(stalled_seconds=0.1))


def test_an_answer_under_way_ends_when_the_server_stops(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer), connected(server) as (idle, _):
            writer.write(request("/big"))
            await reader.readuntil(b"\r\n\r\n")
            stopping = asyncio.ensure_future(server.server.stop())
            assert await idle.read() == b""
            assert await reader.readexactly(len(BIG)) == BIG
            assert await reader.read() == b""
            writer.close()
            await stopping

    serve_while(tmp_path, client, OriginSettings(grace_seconds=10.0))


def test_running_out_of_descriptors_only_delays(tmp_path: Path) -> None:
    """Connections that no descriptor is left for wait in the kernel's backlog until others have ended."""

    async def client(server: Running) -> None:
        waiting = [socket.create_connection((server.host, server.port)) for _ in range(30)]
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(each.fileno() for each in waiting) + 11, limits[1]))
        try:
            for each in waiting:
                each.setblocking(False)
                await asyncio.get_running_loop().sock_sendall(each, request(Connection="close"))
                answer = b""
                while not answer.endswith(b"small body\n"):
                    answer += await asyncio.get_running_loop().sock_recv(each, 4096)
                each.close()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for each in waiting:
                each.close()
        assert server.traffic.accepts_paused > 0
        assert server.traffic.requests == 30

    serve_while(tmp_path, client)


def test_hundreds_of_connections_at_once(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        streams = await asyncio.gather(*(asyncio.open_connection(server.host, server.port) for _ in range(400)))
        for _, writer in streams:
            writer.write(request("/small") + request("/big", Range="bytes=0-99999"))
        for reader, _ in streams:
            assert (await read_answer(reader))[2] == b"small body\n"
            assert (await read_answer(reader))[2] == BIG[:100_000]
        assert (server.traffic.active, server.traffic.waiting, server.traffic.requests) == (400, 400, 800)
        for _, writer in streams:
            writer.close()
        for _, writer in streams:
            await writer.wait_closed()

    serve_while(tmp_path, client)


def test_a_limited_bandwidth_is_shared_in_turn(tmp_path: Path) -> None:
    size = 512 << 10

    async def download(server: Running) -> float:
        async with connected(server) as (reader, writer):
            began = asyncio.get_running_loop().time()
            writer.write(request("/big", Range=f"bytes=0-{size - 1}"))
            status, _, body = await read_answer(reader)
            assert (status, body) == (206, BIG[:size])
            return asyncio.get_running_loop().time() - began

    async def client(server: Running) -> None:
        first, second = await asyncio.gather(download(server), download(server))
        assert min(first, second) >= 0.8 * max(first, second)  # neither waited for the other
        assert max(first, second) >= 0.35  # 1 MiB at 2 MiB/s, a tenth of a second of it at once, whoever else is busy

    serve_while(tmp_path, client, limits=Limits((parse_limit(f"bandwidth={2 << 20}"),)))


def test_a_request_too_many_is_refused_at_once_and_counted(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            statuses = []
            for _ in range(3):
                writer.write(request())
                statuses.append((await read_answer(reader))[0])
            assert statuses == [200, 200, 503]
            writer.write(request("/metrics"))
            assert (await read_answer(reader))[0] == 200  # what watches it is not limited
        assert server.traffic.requests == 3

    serve_while(tmp_path, client, limits=Limits((parse_limit("requests=2"),)))


def test_a_connection_too_many_is_closed_and_counted_as_dropped(tmp_path: Path) -> None:
    async def client(server: Running) -> None:
        async with connected(server) as (reader, writer):
            writer.write(request())
            assert (await read_answer(reader))[0] == 200
            async with connected(server) as (other, _):
                assert await other.read() == b""
            writer.write(request())
            assert (await read_answer(reader))[0] == 200
        assert (server.traffic.accepted, server.traffic.dropped) == (2, 1)

    serve_while(tmp_path, client, limits=Limits((parse_limit("connections=1"),)))
