"""Real players on the embedded origin's stream: ffprobe, ffmpeg, and hls.js in headless Chromium."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.players.browser import play_with_hls_js
from tests.support.programs import require

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


def with_origin(check: Callable[[OriginAddress], None]) -> None:
    """Run `check` while the embedded origin serves; it is gone afterwards."""

    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address:
            await asyncio.to_thread(check, address)

    asyncio.run(run())


def test_ffprobe_finds_every_variant_and_has_no_complaint() -> None:
    def check(address: OriginAddress) -> None:
        command = [require("ffprobe"), "-v", "warning", "-of", "json", "-show_programs", "-show_streams"]
        done = subprocess.run([*command, address.stream_url], capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
        probed = json.loads(done.stdout)
        assert len(probed["programs"]) >= 3
        for program in probed["programs"]:
            assert int(program["tags"]["variant_bitrate"]) > 0
            assert sorted(stream["codec_name"] for stream in program["streams"]) == ["aac", "h264"]

    with_origin(check)


def test_hls_js_plays_for_a_minute_without_an_error(tmp_path: Path) -> None:
    def check(address: OriginAddress) -> None:
        seen = play_with_hls_js(address.stream_url, 110.0, tmp_path, played=56.0)
        assert seen["errors"] == []
        assert seen["mediaError"] is None
        assert seen["levels"] >= 3
        assert not seen["paused"]
        assert sum(end - begin for begin, end in seen["played"]) >= 56.0
        assert seen["frames"] > 25 * 0.8 * 56.0
        numbers = [loaded["sn"] for loaded in seen["loaded"] if loaded["type"] == "main"]
        assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))
        assert max(numbers) - min(numbers) >= 27

    with_origin(check)
