"""Links of viewers before nginx: the rate holds, and what nginx logs is the time that the link takes."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from tests.http.running import request
from tests.support.programs import free_port, require, wait_until_listening

from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Identity, TlsOptions, fetch
from hls_swarm.http.pacing.link import Link
from hls_swarm.load.access import SteadyRate
from hls_swarm.records import Exchange

pytestmark = pytest.mark.system

SIZE, VIEWERS, BITS_PER_SECOND = 2_000_000, 5, 8_000_000
SECONDS = SIZE * 8 / BITS_PER_SECOND
CONFIG = """
{user} daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
  log_format times '$request_time $body_bytes_sent';
  access_log {root}/access.log times;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{plain} sndbuf=65536; root {root}/www; }}
  server {{ listen 127.0.0.1:{tls} ssl http2 sndbuf=65536; root {root}/www;
    ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem; }}
}}
"""


@contextmanager
def nginx(root: Path) -> Iterator[tuple[int, int]]:
    openssl = [require("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    openssl += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        [*openssl, "-keyout", str(root / "key.pem"), "-out", str(root / "cert.pem")], check=True, capture_output=True
    )
    plain, tls = free_port(), free_port()
    (root / "www").mkdir()
    (root / "www" / "segment.ts").write_bytes(os.urandom(SIZE))
    user = "user root;" if os.geteuid() == 0 else ""
    (root / "nginx.conf").write_text(CONFIG.format(root=root, plain=plain, tls=tls, user=user))
    with subprocess.Popen([require("nginx"), "-c", str(root / "nginx.conf"), "-p", str(root)]) as process:
        try:
            for port in (plain, tls):
                wait_until_listening(port)
            yield plain, tls
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("tls", "http2"),
    [
        pytest.param(False, Http2.NEVER, id="http/1.1"),
        pytest.param(True, Http2.NEVER, id="http/1.1 over TLS"),
        pytest.param(True, Http2.OFFERED, id="http/2 over TLS"),
    ],
)
def test_a_link_holds_its_rate_and_the_origin_sees_it(tmp_path: Path, tls: bool, http2: Http2) -> None:
    with nginx(tmp_path) as ports:
        url = f"{'https' if tls else 'http'}://localhost:{ports[tls]}/segment.ts"

        async def viewer(context: ClientContext) -> list[Exchange]:
            client = Client(context, Identity(http2=http2), Link(SteadyRate(BITS_PER_SECOND / 8)))
            try:
                return [await fetch(client, request(url)) for _ in range(2)]
            finally:
                client.close()

        async def main() -> list[Exchange]:
            options = ClientOptions(tls=TlsOptions(insecure=True, verify_share=0.0))
            context = ClientContext(asyncio.get_running_loop(), options)
            return [one for made in await asyncio.gather(*(viewer(context) for _ in range(VIEWERS))) for one in made]

        came = uvloop.run(main())
    assert {one.body_bytes for one in came} == {SIZE}
    assert [one.failure for one in came] == [None] * len(came)
    seconds = sorted(one.ended_at - (one.first_byte_at or 0.0) for one in came)
    # None comes early. A busy machine makes some late, which says nothing of the link: the best one counts.
    assert 0.98 * SECONDS <= seconds[0] <= 1.02 * SECONDS
    logged = sorted(float(line.split()[0]) for line in (tmp_path / "access.log").read_text().splitlines())
    assert len(logged) == len(came)
    assert logged[len(logged) // 2] >= 0.75 * SECONDS
    assert logged[0] <= 1.05 * SECONDS
