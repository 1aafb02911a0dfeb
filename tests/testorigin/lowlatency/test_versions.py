"""The stream over each version of HTTP, with and without TLS, to programs that are not ours."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.low_latency_rules import fetch, follow, read
from tests.support.players.browser import play_at_once
from tests.support.programs import require

from hls_swarm.testorigin import OriginAddress, OriginSettings
from hls_swarm.testorigin.process import OriginProcess

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
AUDIO = "/ll/audio/playlist.m3u8"


def with_origin(log: Path, check: Callable[[OriginAddress], None]) -> list[tuple[str, int, int]]:
    """Run `check` while the origin serves; gives request line, status and bytes of each line of its log."""

    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, part_seconds=0.333, tls=True, access_log=log)) as address:
            await asyncio.to_thread(check, address)

    asyncio.run(run())
    found = re.findall(r'"([A-Z]+ \S+ HTTP/\S+)" (\d{3}) (\d+)', log.read_text())
    return [(line, int(status), int(size)) for line, status, size in found]


VERSIONS = {
    "1.1": (["--http1.1"], "base_url", "HTTP/1.1"),
    "2 with prior knowledge": (["--http2-prior-knowledge"], "base_url", "HTTP/2.0"),
    "1.1 over TLS": (["--http1.1"], "tls_url", "HTTP/1.1"),
    "2 over TLS": (["--http2"], "tls_url", "HTTP/2.0"),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_curl_finds_no_rule_broken_and_the_log_says_what_it_got(version: str, tmp_path: Path) -> None:
    flags, base, logged = VERSIONS[version]
    got: list[tuple[int, int]] = []

    def check(address: OriginAddress) -> None:
        trust = ["--cacert", address.certificate or ""]

        def by_curl(url: str) -> tuple[int, str, float]:
            began = time.monotonic()
            command = [require("curl"), "-sS", *flags, *trust, "--compressed", "-w", "\n%{http_code} %{size_download}"]
            said = subprocess.run([*command, url], capture_output=True, timeout=60, check=True).stdout
            text, _, figures = said.decode("latin-1").rpartition("\n")
            status, size = map(int, figures.split())
            got.append((status, size))
            return status, text, time.monotonic() - began

        assert follow(getattr(address, base) + AUDIO, 1.5, by_curl) == []

    lines = with_origin(tmp_path / "access.log", check)
    assert {line.rpartition(" ")[2] for line, _, _ in lines} == {logged}
    assert sorted(got) == sorted((status, size) for _, status, size in lines)
    assert len(got) > 10


def test_requests_that_wait_share_a_connection_with_those_that_need_not(tmp_path: Path) -> None:
    def check(address: OriginAddress) -> None:
        fetch(f"{address.base_url}/control/set/pause=4s")  # so that nothing of it is there when it is asked for
        now = read(fetch(address.base_url + AUDIO)[1])
        there = len(now.open_parts)
        waiting = [f"?_HLS_msn={now.last + 1}&_HLS_part={there + part}" for part in range(4)]
        urls = [f"{address.tls_url}{AUDIO}{query}" for query in waiting] + [f"{address.tls_url}/ll/audio/init.mp4"]
        command = [require("curl"), "-sS", "--http2", "-Z", "--cacert", address.certificate or ""]
        command += ["-w", "%{num_connects}\n"]
        for url in urls:
            command += ["-o", "/dev/null", url]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        assert sum(map(int, said.split())) == 1

    lines = [(line, status) for line, status, _ in with_origin(tmp_path / "access.log", check) if "HTTP/2.0" in line]
    assert [status for _, status in lines] == [200] * 5
    # What did not have to wait came first, the others as their parts were published.
    parts = [line.partition("_HLS_part=")[2].partition(" ")[0] for line, _ in lines]
    assert parts[0] == ""
    assert parts[1:] == sorted(parts[1:], key=int)


def test_a_load_of_others_is_answered_to_the_byte(tmp_path: Path) -> None:
    said: list[str] = []

    def check(address: OriginAddress) -> None:
        segment = read(fetch(f"{address.base_url}/ll/video-540p/playlist.m3u8")[1]).segments[-1]["uri"]
        for base in (address.base_url, address.tls_url):
            command = [require("h2load"), "-n", "600", "-c", "3", "-m", "20", "-w", "16", "-W", "17"]
            command.append(f"{base}/ll/video-540p/{segment}")
            said.append(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)

    lines = with_origin(tmp_path / "access.log", check)
    sizes = [size for line, _, size in lines if "HTTP/2.0" in line]
    assert len(sizes) == 1200
    assert len(set(sizes)) == 1
    for text in said:
        assert "600 succeeded, 0 failed, 0 errored, 0 timeout" in text
        assert f"({600 * sizes[0]}) data" in text


def test_hls_js_plays_it_over_tls_and_http_2(tmp_path: Path) -> None:
    def check(address: OriginAddress) -> None:
        (seen,) = play_at_once(
            [f"{address.tls_url}/ll/master.m3u8"],
            75.0,
            tmp_path,
            played=6.0,
            config={"lowLatencyMode": True},
            flags=["--ignore-certificate-errors"],
        )
        # On a machine that has much else to do it stalls: so near to live there is nothing to spare.
        known = {"bufferSeekOverHole", "bufferStalledError"}
        assert [error for error in seen["errors"] if error["fatal"] or error["details"] not in known] == []
        assert sum(end - begin for begin, end in seen["played"]) >= 6.0

    lines = with_origin(tmp_path / "access.log", check)
    asked = [line for line, _, _ in lines]
    assert {line.rpartition(" ")[2] for line in asked} == {"HTTP/2.0"}
    assert sum("_HLS_msn" in line for line in asked) > 20
