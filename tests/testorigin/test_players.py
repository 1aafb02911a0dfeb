"""Real players on the embedded origin: ffmpeg decodes its titles, hls.js and Shaka in headless Chromium play them."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.players.browser import SHAKA_PAGE, play_at_once
from tests.support.programs import require

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
PLAYED_SECONDS = 7.0
TITLES = ["vod", "dvr", "fmp4", "ranges", "aes", "discontinuity"]
SHAKA_TITLES = ["vod", "dvr", "fmp4"]
"""A browser full of players costs; packaging is what ffmpeg and hls.js look at."""


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


@pytest.fixture(scope="module")
def seen_by_hls_js(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What hls.js saw of each title, all of them at the same time."""
    seen: dict[str, dict[str, Any]] = {}

    def check(address: OriginAddress) -> None:
        urls = [f"{address.base_url}/{title}/master.m3u8" for title in TITLES]
        players = play_at_once(urls, 120.0, tmp_path_factory.mktemp("browser"), played=PLAYED_SECONDS)
        seen.update(zip(TITLES, players, strict=True))

    with_origin(check)
    return seen


@pytest.mark.parametrize("title", TITLES)
def test_hls_js_plays_it_without_an_error(title: str, seen_by_hls_js: dict[str, dict[str, Any]]) -> None:
    seen = seen_by_hls_js[title]
    # The first picture is shown a frame after the first is decoded, as B-frames want it: hls.js steps over that.
    assert [error for error in seen["errors"] if error["details"] != "bufferSeekOverHole"] == []
    assert not any(error["fatal"] for error in seen["errors"])
    assert seen["mediaError"] is None
    assert sum(end - begin for begin, end in seen["played"]) >= PLAYED_SECONDS


def test_shaka_plays_them_without_an_error(tmp_path: Path) -> None:
    def check(address: OriginAddress) -> None:
        urls = [f"{address.base_url}/{title}/master.m3u8" for title in SHAKA_TITLES]
        for seen in play_at_once(urls, 120.0, tmp_path, SHAKA_PAGE, played=3.0):
            assert seen["errors"] == []
            assert seen["mediaError"] is None
            assert sum(end - begin for begin, end in seen["played"]) >= 3.0

    with_origin(check)
