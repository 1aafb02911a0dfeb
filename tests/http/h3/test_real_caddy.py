"""Against Caddy over HTTP/3: what is counted equals its access log, request for request and byte for byte."""

import asyncio
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.http.certificates import Certificate
from tests.http.running import request, until, with_client
from tests.support.programs import free_port, lines_once_there, require, wait_until_listening
from tests.support.runs import live_run

from hls_swarm.http import Client, ClientOptions, Http3, Identity, fetch
from hls_swarm.records import Exchange
from hls_swarm.stats.hosts import HTTP3

pytestmark = pytest.mark.system

VIEWERS, ROUNDS, SEGMENTS, SEGMENT_PACKETS = 6, 8, 6, 1000
CONFIG = """
{{
  auto_https off
  admin off
  default_sni 127.0.0.1
  storage file_system {root}/caddy
}}
https://127.0.0.1:{port} {{
  tls {certificate} {key}
  root * {root}/www
  log {{
    output file {root}/access.log
  }}
  file_server
}}
"""


class Caddy(NamedTuple):
    url: str
    log: Path

    def counted(self, requests: int) -> Counter[tuple[str, int, int]]:
        """Version, status and body bytes of what the log holds, once it holds so many."""
        entries = [json.loads(line) for line in lines_once_there(self.log, requests)]
        return Counter((entry["request"]["proto"], entry["status"], entry["size"]) for entry in entries)


@pytest.fixture
def caddy(pem: Certificate, tmp_path: Path) -> Iterator[Caddy]:
    port, www = free_port(), tmp_path / "www"
    www.mkdir()
    items = "".join(f"#EXTINF:0.5,\n{number}.ts\n" for number in range(SEGMENTS))
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    (www / "vod.m3u8").write_text(f"{head}{items}#EXT-X-ENDLIST\n")
    for number in range(SEGMENTS):
        (www / f"{number}.ts").write_bytes(b"".join(b"\x47" + os.urandom(187) for _ in range(SEGMENT_PACKETS)))
    config = tmp_path / "Caddyfile"
    config.write_text(CONFIG.format(root=tmp_path, port=port, certificate=pem.certificate, key=pem.key))
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    command = [require("caddy"), "run", "--adapter", "caddyfile", "--config", str(config)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_listening(port)
            yield Caddy(f"https://127.0.0.1:{port}", tmp_path / "access.log")
        finally:
            process.terminate()


def test_counts_equal_the_access_log(caddy: Caddy, trusting: ClientOptions) -> None:
    async def view(client: Client) -> list[Exchange]:
        exchanges = []
        for turn in range(ROUNDS):
            exchanges += [
                await fetch(client, request(f"{caddy.url}/vod.m3u8", keep_body=True)),
                *await asyncio.gather(*(fetch(client, request(f"{caddy.url}/{turn % 6}.ts")) for _ in range(3))),
                await fetch(client, request(f"{caddy.url}/0.ts", byte_range=(1000 * turn, 50_000))),
                await fetch(client, request(f"{caddy.url}/missing.ts")),
            ]
        client.close()
        return exchanges

    async def use(client: Client) -> list[Exchange]:
        viewers = [Client(client.context, Identity(http3=Http3.REQUIRED)) for _ in range(VIEWERS)]
        return [one for many in await asyncio.gather(*map(view, viewers)) for one in many]

    exchanges = with_client(use, options=trusting)
    counted = Counter(("HTTP/3.0", each.status, each.body_bytes) for each in exchanges)
    assert {each.status for each in exchanges} == {200, 206, 404}
    assert {each.requests_sent for each in exchanges} == {1}
    assert caddy.counted(len(exchanges)) == counted


def test_a_session_is_resumed(caddy: Caddy, trusting: ClientOptions) -> None:
    async def use(client: Client) -> tuple[list[int | None], int]:
        statuses = []
        for _ in range(3):
            statuses.append((await fetch(client, request(f"{caddy.url}/vod.m3u8"))).status)
            await until(lambda: bool(client._memory.quic_sessions))
            for connection in client._connections.copy():
                connection.close()
        (host,) = client.context.hosts.values()
        return statuses, host.over(HTTP3).resumed

    assert with_client(use, options=trusting, identity=Identity(http3=Http3.REQUIRED)) == ([200] * 3, 2)


@pytest.mark.parametrize(
    ("http", "versions"),
    [
        pytest.param("1.1", ["1.1"], id="HTTP/1.1"),
        pytest.param("2", ["2"], id="HTTP/2"),
        pytest.param("3", ["3"], id="HTTP/3"),
        pytest.param("auto", ["2", "3"], id="as offered"),
    ],
)
def test_a_run(http: str, versions: list[str], caddy: Caddy, pem: Certificate, tmp_path: Path) -> None:
    flags = ["--http", http, "--ca-file", pem.certificate, "--clients", "3", "--ramp-rate", "20", "--profile", "hlsjs"]
    with live_run(tmp_path, f"{caddy.url}/vod.m3u8", *flags) as run:
        code = run.ended()
        assert code in (0, 3), run.said()  # 3: this machine was late
        summary, (*_, last) = run.summary(), run.rows()
    requests, body_bytes = sum(summary["requests"].values()), sum(summary["body_bytes"].values())
    assert summary["errors"] == []
    assert summary["requests"]["segment"] == 3 * SEGMENTS
    log = caddy.counted(requests)
    asked = Counter[str]()
    for (protocol, _, _), times in log.items():
        asked[{"HTTP/1.1": "1.1", "HTTP/2.0": "2", "HTTP/3.0": "3"}[protocol]] += times
    assert sorted(asked) == versions
    assert {version: figures["requests"] for version, figures in summary["http_versions"].items()} == asked
    (host,) = summary["hosts"]
    assert host["requests_by_version"] == asked
    assert host.get("http3_connections") == (3 if "3" in versions else None)
    assert (last["datagrams_received_total"] > requests) is ("3" in versions)
    assert host.get("offers_http3") == (True if http == "auto" else None)
    assert sum(log.values()) == requests
    assert sum(size * times for (_, _, size), times in log.items()) == body_bytes
