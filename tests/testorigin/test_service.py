"""The whole origin in this process: its stream over HTTP, its log, its metrics, its end."""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import m3u8
import pytest
import uvloop

from hls_swarm.errors import RunError
from hls_swarm.testorigin import LogTo, OriginAddress, OriginSettings, serve
from hls_swarm.testorigin.media.clip import load_clip
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.serving.server import listening_socket

LIMIT = 30.0


@dataclass
class Client:
    """A keep-alive client that notes what it received."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: list[str] = field(default_factory=list)

    async def get(self, path: str) -> bytes:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: test/1\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        body = await self.reader.readexactly(length)
        self.received.append(f'"GET {path} HTTP/1.1" {head.split()[1]} {len(body)} "-" "test/1"')
        return body


@asynccontextmanager
async def origin(settings: OriginSettings) -> AsyncIterator[OriginAddress]:
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(settings, ready.set_result, stop))
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    try:
        yield ready.result()
    finally:
        stop.set()
        await serving


def visit(settings: OriginSettings, test: Callable[[OriginAddress, Client], Awaitable[None]]) -> OriginAddress:
    """Run a test's client against an origin of its own; both have ended when this returns."""

    async def both() -> OriginAddress:
        async with origin(settings) as address:
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                await asyncio.wait_for(test(address, Client(reader, writer)), LIMIT)
            finally:
                writer.close()
                await writer.wait_closed()
            return address

    return uvloop.run(both())


def test_the_stream_can_be_followed_from_its_first_url(tmp_path: Path) -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        multivariant = m3u8.loads((await client.get("/live/master.m3u8")).decode())
        streams = {variant.name: VariantStream(variant) for variant in load_clip()}
        assert [playlist.uri for playlist in multivariant.playlists] == [f"{name}/playlist.m3u8" for name in streams]
        for name, stream in streams.items():
            playlist = m3u8.loads((await client.get(f"/live/{name}/playlist.m3u8")).decode())
            assert len(playlist.segments) == 6
            for number, segment in enumerate(playlist.segments, playlist.media_sequence):
                assert await client.get(f"/live/{name}/{segment.uri}") == stream.part(number)
        assert b"/live/720p/playlist.m3u8\n" in await client.get("/")

    visit(OriginSettings(port=0, access_log=LogTo.NOWHERE, first_segment=21), watch)


def test_the_log_is_what_the_client_received(tmp_path: Path) -> None:
    clients: list[Client] = []

    async def watch(address: OriginAddress, client: Client) -> None:
        clients.append(client)
        assert address.access_log == str(tmp_path / "access.log")
        for path in ("/live/master.m3u8", "/live/720p/playlist.m3u8", "/live/720p/seg-5.ts?CMCD=bs", "/nothing"):
            await client.get(path)
        samples = (await client.get("/metrics")).decode()
        client.received.pop()
        assert "\nnginx_http_requests_total 4.0\n" in samples
        assert "\nnginx_connections_active 1.0\n" in samples
        assert "\nnode_memory_MemTotal_bytes " in samples

    visit(OriginSettings(port=0, access_log=tmp_path / "access.log"), watch)
    lines = (tmp_path / "access.log").read_text().splitlines()
    assert [line.split("] ")[1].rsplit(" ", 1)[0] for line in lines] == clients[0].received
    assert all(0 <= float(line.rsplit(" ", 1)[1]) < LIMIT for line in lines)


def test_the_log_has_a_folder_that_goes_away() -> None:
    folders: list[str] = []

    async def watch(address: OriginAddress, client: Client) -> None:
        assert address.folder is not None
        assert address.access_log is not None
        assert Path(address.access_log).parent == Path(address.folder)
        folders.append(address.folder)

    visit(OriginSettings(port=0), watch)
    assert not Path(folders[0]).exists()


def open_descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_stays_open() -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        await client.get("/live/360p/seg-0.ts")

    visit(OriginSettings(port=0), watch)
    before = open_descriptors()
    visit(OriginSettings(port=0), watch)
    assert open_descriptors() == before


def test_the_limit_of_descriptors_is_raised() -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == hard

    visit(OriginSettings(port=0, access_log=LogTo.NOWHERE), watch)


def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        return None

    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RunError, match=rf"can not listen on 127\.0\.0\.1 port {port}: Address already in use"):
            visit(OriginSettings(port=port), watch)


def test_a_log_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        return None

    with pytest.raises(RunError, match=r"can not write the access log .*No such file"):
        visit(OriginSettings(port=0, access_log=tmp_path / "none" / "access.log"), watch)


def test_more_connections_than_descriptors_is_an_error() -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        return None

    with pytest.raises(RunError, match=r"descriptors \(ulimit -n\) are too few: the stream needs 112,"):
        visit(OriginSettings(port=0, max_connections=10**9), watch)


def test_ipv6() -> None:
    async def watch(address: OriginAddress, client: Client) -> None:
        assert address.base_url.startswith("http://[::1]:")
        assert (await client.get("/live/master.m3u8")).startswith(b"#EXTM3U")

    visit(OriginSettings(listen="::1", port=0, access_log=LogTo.NOWHERE), watch)
