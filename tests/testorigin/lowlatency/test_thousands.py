"""Blocked requests by the thousand, over HTTP/1.1 and many to a connection over HTTP/2: one part wakes all of them."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.support.low_latency_rules import fetch, read

from hls_swarm.http.h2.fields import request_block
from hls_swarm.http.h2.session import Session
from hls_swarm.http.multiplexing.events import BodyReceived
from hls_swarm.testorigin import OriginAddress, OriginSettings
from hls_swarm.testorigin.process import OriginProcess

pytestmark = pytest.mark.program
CONNECTIONS, SHARED, STREAMS = 1000, 10, 100
LIMIT = 60.0


async def _plain(address: OriginAddress, target: str, sent: asyncio.Event, done: list[int]) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        await sent.wait()
        writer.write(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        found = re.search(rb"Content-Length: (\d+)", head)
        assert found is not None
        body = await reader.readexactly(int(found[1]))
        done.append(len(body))
    finally:
        writer.close()


async def _shared(address: OriginAddress, target: str, sent: asyncio.Event, done: list[int]) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    session, sizes = Session(), dict[int, int]()
    try:
        await sent.wait()
        for _ in range(STREAMS):
            session.request(request_block(target, "test", tls=False), keeps=False)
        while session.open_streams:
            writer.write(bytes(session.out))
            session.out.clear()
            for event in session.receive(await reader.read(65_536)):
                if isinstance(event, BodyReceived):
                    sizes[event.stream] = sizes.get(event.stream, 0) + event.size_bytes
                    if event.ends:
                        done.append(sizes[event.stream])
    finally:
        writer.close()


async def _wait_together(log: Path) -> tuple[str, list[int]]:
    settings = OriginSettings(port=0, part_seconds=0.333, segment_seconds=8, access_log=log)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(OriginProcess(settings))
        url = f"{address.base_url}/ll/audio/playlist.m3u8"
        sent, done = asyncio.Event(), list[int]()
        found = read((await asyncio.to_thread(fetch, url))[1])
        await asyncio.to_thread(fetch, f"{address.base_url}/control/set/pause=10s")  # so that all of them have asked
        target = f"/ll/audio/playlist.m3u8?_HLS_msn={found.last + 1}&_HLS_part={len(found.open_parts) + 4}"
        waits = [_plain(address, target, sent, done) for _ in range(CONNECTIONS)]
        waits += [_shared(address, target, sent, done) for _ in range(SHARED)]
        tasks = [asyncio.create_task(wait) for wait in waits]
        await asyncio.sleep(0.5)
        sent.set()
        await asyncio.wait_for(asyncio.gather(*tasks), LIMIT)
    return target, done


def test_one_part_answers_all_who_wait_for_it(tmp_path: Path) -> None:
    target, done = asyncio.run(_wait_together(tmp_path / "access.log"))
    assert len(done) == CONNECTIONS + SHARED * STREAMS
    lines = [line for line in (tmp_path / "access.log").read_text().splitlines() if target in line]
    sizes = {int(line.split('"')[2].split()[1]) for line in lines}
    assert (len(lines), len(sizes)) == (len(done), 1)  # nobody saw another playlist than the others
    assert set(done) == sizes
