"""Viewers that the origin can tell apart: addresses, user agents and tokens, as its access log has them."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.soundness import assert_sound

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]

LINE = re.compile(r'(\S+) - - \[[^]]*\] "GET (\S+) [^"]*" 200 \d+ "[^"]*" "([^"]*)"')


def test_the_access_log_tells_viewers_apart_and_no_output_shows_a_token(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    (tmp_path / "agents").write_text("Alpha/1\nBeta/2\n")
    (tmp_path / "tokens").write_text("s3cret-0\ns3cret-1\ns3cret-2\n")

    def run(url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hls_swarm", "--clients", "6", "--ramp-rate", "50", "--duration", "6s"]
        command += ["--source-address", "127.0.0.2-127.0.0.3", "--user-agent-file", f"{tmp_path}/agents"]
        command += [
            "--no-output=false",
            "--token-file",
            f"{tmp_path}/tokens",
            "--output",
            f"{tmp_path}/run",
            "--json",
            f"{tmp_path}/json",
        ]
        return subprocess.run(
            [*command, f"{url}?token={{token}}&n={{viewer}}"], capture_output=True, text=True, timeout=60, check=False
        )

    async def main() -> subprocess.CompletedProcess[str]:
        async with OriginProcess(OriginSettings(access_log=log)) as address:
            return await asyncio.to_thread(run, address.stream_url)

    done = asyncio.run(main())
    assert_sound(done.returncode, done.stderr)
    asked = [match.groups() for match in map(LINE.match, log.read_text().splitlines()) if match]
    first = {(address, path.partition("?")[2], agent) for address, path, agent in asked if "?" in path}
    assert first == {
        (f"127.0.0.{2 + n % 2}", f"token=s3cret-{n % 3}&n={n}", ("Alpha/1", "Beta/2")[n % 2]) for n in range(6)
    }
    assert {agent for _, _, agent in asked} == {"Alpha/1", "Beta/2"}
    said = done.stdout + done.stderr + (tmp_path / "json").read_text()
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert files
    assert "s3cret" not in said
    assert [file.name for file in files if b"s3cret" in file.read_bytes()] == []
