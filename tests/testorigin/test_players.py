"""Real players on every title of the embedded origin: ffmpeg decodes it, hls.js in headless Chromium plays it."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.browser import play_with_hls_js
from tests.support.programs import require

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
TITLES = ["vod", "dvr", "fmp4", "ranges", "aes", "discontinuity"]


def with_origin(check: Callable[[OriginAddress], None]) -> None:
    """Run `check` while the embedded origin serves; it is gone afterwards."""

    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address:
            await asyncio.to_thread(check, address)

    asyncio.run(run())


@pytest.mark.parametrize("title", TITLES)
def test_ffmpeg_decodes_it_without_a_complaint(title: str) -> None:
    def check(address: OriginAddress) -> None:
        command = [require("ffmpeg"), "-nostdin", "-v", "warning", "-i", f"{address.base_url}/{title}/master.m3u8"]
        command += ["-map", "0:v:0", "-map", "0:a:0", "-t", "5", "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""

    with_origin(check)


@pytest.mark.parametrize("title", TITLES)
def test_hls_js_plays_it_without_an_error(title: str, tmp_path: Path) -> None:
    def check(address: OriginAddress) -> None:
        seen = play_with_hls_js(f"{address.base_url}/{title}/master.m3u8", 8.0, tmp_path)
        # The first picture is shown a frame after the first is decoded, as B-frames want it: hls.js steps over that.
        assert [error for error in seen["errors"] if error["details"] != "bufferSeekOverHole"] == []
        assert not any(error["fatal"] for error in seen["errors"])
        assert seen["mediaError"] is None
        assert seen["started"] < 5
        assert sum(end - begin for begin, end in seen["played"]) > 8.0 - seen["started"] - 1.5

    with_origin(check)
