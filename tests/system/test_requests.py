"""What players and browsers ask besides the stream: the access log has each request, and so has the summary."""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.support.soundness import assert_sound

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]

LINE = re.compile(r'"([A-Z]+) (\S+) HTTP')
PAGE = "https://player.example"


def played(
    tmp_path: Path, *flags: str, path: str = "/vod/master.m3u8", ends_well: bool = True, **settings: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A short run against an origin; gives the summary, and method and target of each line of the access log."""
    log, summary = tmp_path / "access.log", tmp_path / "summary.json"

    def run(url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hls_swarm", "--clients", "3", "--ramp-rate", "50", "--duration", "2s"]
        command += ["--workers", "1", "--no-output", "--metrics", "off", "--no-expectations", "--json", str(summary)]
        command += [flag.replace("ORIGIN", url) for flag in flags]
        return subprocess.run([*command, url + path], capture_output=True, text=True, timeout=60, check=False)

    async def main() -> subprocess.CompletedProcess[str]:
        async with OriginProcess(OriginSettings(port=0, access_log=log, **settings)) as address:
            return await asyncio.to_thread(run, address.base_url)

    done = asyncio.run(main())
    if ends_well:
        assert_sound(done.returncode, done.stderr)
        assert done.returncode == 0, done.stderr
    asked = [match.groups() for match in map(LINE.search, log.read_text().splitlines()) if match]
    return json.loads(summary.read_bytes()), [(method, target) for method, target in asked]


def test_preflights_are_counted_apart_and_all_requests_are_in_the_log(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, "--browser-origin", PAGE, "--header", "X-Session: 1", cors=PAGE)
    methods = Counter(method for method, _ in asked)
    requests = summary["requests"]
    assert requests["preflight"] == methods["OPTIONS"] > 3
    assert sum(requests.values()) == len(asked)
    assert sum(requests.values()) - requests["preflight"] == methods["GET"]
    assert summary["statuses"]["preflight"] == {"204": requests["preflight"]}
    assert (summary["errors"], summary["viewers"]["played"]) == ([], 3)


def test_without_a_field_of_its_own_a_browser_asks_nothing_first(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, "--browser-origin", PAGE)
    assert summary["requests"]["preflight"] == 0
    assert {method for method, _ in asked} == {"GET"}
    assert summary["viewers"]["played"] == 3


def test_an_origin_that_allows_another_page_fails_the_viewers(tmp_path: Path) -> None:
    other = "https://other.example"
    summary, asked = played(tmp_path, "--browser-origin", PAGE, cors=other, ends_well=False)
    (error,) = summary["errors"]
    assert (error["kind"], error["blame"], error["count"]) == ("cors", "origin", 3)
    assert error["detail"] == f"Access-Control-Allow-Origin is {other}, not {PAGE}"
    assert (summary["viewers"]["failed"], summary["viewers"]["played"]) == (3, 0)
    assert Counter(asked) == {("GET", "/vod/master.m3u8"): 3}
