"""The stream over HTTP: requests that wait, clients that do not, and the rules from outside."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.support.low_latency_rules import fetch, follow, read

from hls_swarm.testorigin import OriginAddress, OriginSettings
from hls_swarm.testorigin.process import OriginProcess

pytestmark = pytest.mark.program
LIMIT = 60.0


async def _with_origin(settings: OriginSettings, log: Path, then: str) -> object:
    async with OriginProcess(settings) as address:
        assert address.low_latency_url is not None
        base = address.low_latency_url.removesuffix("/master.m3u8")
        return await asyncio.wait_for(asyncio.to_thread(CHECKS[then], base, address), LIMIT)


def _rules(base: str, address: OriginAddress) -> None:
    fetch(f"{address.base_url}/control/set/new-map,path=audio")
    for track in ("video-540p", "audio"):
        assert follow(f"{base}/{track}/playlist.m3u8", 2.5) == []


def _frozen(base: str, address: OriginAddress) -> None:
    url = f"{base}/audio/playlist.m3u8"
    fetch(f"{address.base_url}/control/set/pause=30s")
    time.sleep(0.1)
    last = read(fetch(url)[1]).last
    status, _, seconds = fetch(f"{url}?_HLS_msn={last + 2}")
    assert status == 503
    assert 5.9 < seconds < 25.0  # 6, as soon as this machine gets to it; after 30 it would have gone on


def _gone(base: str, address: OriginAddress) -> None:
    async def ask_and_leave() -> None:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        last = read((await asyncio.to_thread(fetch, f"{base}/audio/playlist.m3u8"))[1]).last
        writer.write(f"GET /ll/audio/playlist.m3u8?_HLS_msn={last + 2} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        writer.close()

    asyncio.run(ask_and_leave())
    assert address.access_log is not None
    until = time.monotonic() + 45.0
    while " 408 0 " not in Path(address.access_log).read_text():
        assert time.monotonic() < until, "the log says nothing of the client that went away"
        time.sleep(0.1)


CHECKS = {"rules": _rules, "frozen": _frozen, "gone": _gone}


@pytest.mark.parametrize("then", CHECKS)
def test_over_http(then: str, tmp_path: Path) -> None:
    settings = OriginSettings(port=0, part_seconds=0.333, access_log=tmp_path / "access.log")
    asyncio.run(_with_origin(settings, tmp_path, then))
