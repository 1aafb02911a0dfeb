"""Skipped bodies against nginx: for each cipher suite and size of records, its access log says the same."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.http.running import request, with_client
from tests.support.programs import free_port, lines_once_there, require, wait_until_listening

from hls_swarm.http import Client, ClientOptions, Http2, Identity, TlsOptions, fetch
from hls_swarm.http.h2.connection import H2Connection
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.tls.protection import SUITES
from hls_swarm.http.tls.skipping import SkippingStream
from hls_swarm.records import Exchange

pytestmark = pytest.mark.system

VIEWERS, ROUNDS = 4, 5
CONFIG = """
{user} daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
  log_format counts '$status $body_bytes_sent $uri';
  access_log {root}/access.log counts;
  default_type application/octet-stream;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port} ssl http2; root {root}/www;
    ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;
    {server}
  }}
}}
"""


@contextmanager
def nginx(root: Path, server: str) -> Iterator[str]:
    program = require("nginx")
    openssl = require("openssl")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += [
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        str(root / "key.pem"),
        "-out",
        str(root / "cert.pem"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    (root / "www").mkdir()
    (root / "www/live.m3u8").write_bytes(b"#EXTM3U\n" * 200)
    (root / "www/segment.ts").write_bytes(os.urandom(1_234_567))
    user = "" if os.geteuid() else "user root;"
    (root / "nginx.conf").write_text(CONFIG.format(root=root, port=port, user=user, server=server))
    with subprocess.Popen([program, "-p", str(root), "-c", str(root / "nginx.conf")]) as process:
        try:
            wait_until_listening(port)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()


def logged(root: Path, requests: int) -> tuple[int, int]:
    """Requests and body bytes that the log holds, once it holds so many."""
    lines = lines_once_there(root / "access.log", requests)
    return len(lines), sum(int(line.split()[1]) for line in lines)


@pytest.mark.parametrize(
    ("server", "skips"),
    [
        *((f"ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {suite};", True) for suite in SUITES),
        ("ssl_protocols TLSv1.3; ssl_buffer_size 4k;", True),
        ("ssl_protocols TLSv1.3; ssl_buffer_size 1400;", True),
        ("ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache none;", True),
        ("ssl_protocols TLSv1.3; keepalive_requests 3;", True),
        ("ssl_protocols TLSv1.2;", False),
    ],
    ids=[*SUITES, "4 KB records", "records of a packet", "no tickets", "closed after three", "TLS 1.2"],
)
def test_counts_equal_the_access_log(server: str, skips: bool, tmp_path: Path) -> None:
    streams: list[object] = []

    async def view(client: Client) -> list[Exchange]:
        exchanges = []
        for turn in range(ROUNDS):
            exchanges += [
                await fetch(client, request(f"{base}/live.m3u8", keep_body=True)),
                await fetch(client, request(f"{base}/segment.ts")),
                await fetch(client, request(f"{base}/segment.ts", byte_range=(1000 * turn, 500_000))),
                await fetch(client, request(f"{base}/missing.ts")),
            ]
        streams.extend(one.stream for one in client._connections if not isinstance(one, H3Connection))
        client.close()
        return exchanges

    async def use(client: Client) -> list[Exchange]:
        viewers = [Client(client.context) for _ in range(VIEWERS)]
        return [one for many in await asyncio.gather(*map(view, viewers)) for one in many]

    with nginx(tmp_path, server) as base:
        options = ClientOptions(tls=TlsOptions(insecure=True, verify_share=0.3))
        exchanges = with_client(use, options=options)
        requests = sum(exchange.requests_sent for exchange in exchanges)
        assert logged(tmp_path, requests) == (requests, sum(exchange.body_bytes for exchange in exchanges))
    assert requests == VIEWERS * ROUNDS * 4
    assert {exchange.status for exchange in exchanges} == {200, 206, 404}
    assert {one.body for one in exchanges if one.url.endswith("m3u8")} == {b"#EXTM3U\n" * 200}
    assert {isinstance(stream, SkippingStream) for stream in streams} == {skips}


@pytest.mark.parametrize(
    "server",
    ["ssl_protocols TLSv1.3;", "ssl_protocols TLSv1.2;", "keepalive_requests 7;", "http2_max_concurrent_streams 2;"],
)
def test_counts_equal_the_access_log_over_http2(server: str, tmp_path: Path) -> None:
    async def view(viewer: Client) -> list[Exchange]:
        exchanges = []
        for turn in range(ROUNDS):
            asked = [
                request(f"{base}/live.m3u8", keep_body=True),
                request(f"{base}/segment.ts"),
                request(f"{base}/segment.ts", byte_range=(1000 * turn, 500_000)),
                request(f"{base}/missing.ts"),
            ]
            if turn % 2:  # side by side, and one after the other: then bodies are dropped unseen
                exchanges += await asyncio.gather(*(fetch(viewer, each) for each in asked))
            else:
                exchanges += [await fetch(viewer, each) for each in asked]
        assert {type(connection) for connection in viewer._connections} <= {H2Connection}
        assert len(viewer._connections) <= 1
        viewer.close()
        return exchanges

    async def use(client: Client) -> list[Exchange]:
        viewers = [Client(client.context, Identity(http2=Http2.OFFERED)) for _ in range(VIEWERS)]
        return [one for many in await asyncio.gather(*map(view, viewers)) for one in many]

    with nginx(tmp_path, server) as base:
        exchanges = with_client(use, options=ClientOptions(tls=TlsOptions(insecure=True)))
        requests = sum(exchange.requests_sent for exchange in exchanges)
        assert logged(tmp_path, requests) == (requests, sum(exchange.body_bytes for exchange in exchanges))
    assert requests == VIEWERS * ROUNDS * 4
    assert {exchange.status for exchange in exchanges} == {200, 206, 404}
    assert {one.body for one in exchanges if one.url.endswith("m3u8")} == {b"#EXTM3U\n" * 200}
