"""Against real programs: nginx's access log says what was sent, curl what an answer means."""

import asyncio
import gzip
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.http.running import fetched, request, with_client
from tests.http.scripted import Script, Turn, response, scripted
from tests.support.programs import free_port, lines_once_there, require, wait_until_listening

from hls_swarm.http import Client, fetch
from hls_swarm.records import Exchange

pytestmark = pytest.mark.system

CONFIG = """
{user} daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
  log_format counts '$status $body_bytes_sent $uri';
  access_log {root}/access.log counts;
  default_type application/octet-stream; types {{ application/vnd.apple.mpegurl m3u8; }}
  gzip on; gzip_min_length 1; gzip_types application/vnd.apple.mpegurl;
  keepalive_requests 7; keepalive_timeout 200ms;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}/www;
    location /silent {{ return 444; }}
    location /reset {{ reset_timedout_connection on; return 444; }}
    location /old {{ return 302 /segment.ts; }}
  }}
}}
"""


class Nginx(NamedTuple):
    url: str
    log: Path

    def lines(self, requests: int) -> list[str]:
        """What the log holds, once it holds so many lines."""
        return lines_once_there(self.log, requests)

    def counts(self, requests: int) -> tuple[int, int]:
        """Requests and body bytes that the log holds, once it holds so many."""
        lines = self.lines(requests)
        return len(lines), sum(int(line.split()[1]) for line in lines)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    program = require("nginx")
    port = free_port()
    www = tmp_path / "www"
    www.mkdir()
    (www / "live.m3u8").write_bytes(b"#EXTM3U\n" * 200)
    (www / "segment.ts").write_bytes(os.urandom(1_234_567))
    user = "" if os.geteuid() else "user root;"  # who else may not enter the folders of the tests
    (tmp_path / "nginx.conf").write_text(CONFIG.format(root=tmp_path, port=port, user=user))
    with subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]) as process:
        try:
            wait_until_listening(port)
            yield Nginx(f"http://127.0.0.1:{port}", tmp_path / "access.log")
        finally:
            process.terminate()


def test_requests_and_bytes_equal_the_access_log_of_nginx(nginx: Nginx) -> None:
    """With connections that nginx ends after seven requests or a fifth of a second, at any moment."""

    async def view(context_client: Client, number: int) -> list[Exchange]:
        client = Client(context_client.context)
        exchanges = []
        for turn in range(12):
            asked = [
                request(f"{nginx.url}/live.m3u8", keep_body=True),
                request(f"{nginx.url}/segment.ts"),
                request(f"{nginx.url}/segment.ts", byte_range=(1000 * turn, 5000), keep_body=True),
                request(f"{nginx.url}/missing.ts"),
                request(f"{nginx.url}/old"),
            ]
            exchanges += await asyncio.gather(*(fetch(client, each) for each in asked))
            await asyncio.sleep(0.15 + 0.01 * ((number + turn) % 10))  # around the 200 ms at which nginx closes
        client.close()
        return exchanges

    async def use(client: Client) -> list[Exchange]:
        groups = await asyncio.gather(*(view(client, number) for number in range(10)))
        return [exchange for group in groups for exchange in group]

    exchanges = with_client(use)
    assert {exchange.failure.status if exchange.failure else None for exchange in exchanges} == {None, 404}
    requests = sum(exchange.requests_sent for exchange in exchanges)
    unsettled = sum(exchange.unanswered.unsettled for exchange in exchanges if exchange.unanswered is not None)
    logged, body_bytes = nginx.counts(10 * 12 * 6)  # those that nginx never read are not in it
    assert requests - unsettled <= logged <= requests
    assert body_bytes == sum(exchange.body_bytes for exchange in exchanges)
    assert logged == 10 * 12 * 6
    assert {e.body for e in exchanges if e.url.endswith("m3u8")} == {b"#EXTM3U\n" * 200}


def test_request_that_nginx_takes_and_does_not_answer_is_in_both_counts(nginx: Nginx) -> None:
    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(nginx.url + path)) for path in ("/segment.ts", "/silent", "/segment.ts")]

    exchanges = with_client(use)
    assert [exchange.failure is None for exchange in exchanges] == [True, False, True]
    requests = sum(exchange.requests_sent for exchange in exchanges)
    assert nginx.counts(requests)[0] == requests == 4


def test_requests_that_nginx_resets_or_drops_are_counted_and_failed_as_its_log_has_them(nginx: Nginx) -> None:
    """On new connections and on those that served before, many at once."""
    paths = ["/live.m3u8", "/reset", "/live.m3u8", "/live.m3u8", "/silent", "/missing.ts", "/reset", "/reset"]

    async def view(context_client: Client, first: int) -> list[Exchange]:
        client = Client(context_client.context)
        exchanges = [await fetch(client, request(nginx.url + paths[(first + n) % len(paths)])) for n in range(40)]
        client.close()
        return exchanges

    async def use(client: Client) -> list[Exchange]:
        return [each for group in await asyncio.gather(*(view(client, n) for n in range(12))) for each in group]

    exchanges = with_client(use)
    requests = sum(exchange.requests_sent for exchange in exchanges)
    lines = nginx.lines(requests)
    assert len(lines) == requests
    dropped = sum(line.startswith("444 ") for line in lines)
    lost = [exchange for exchange in exchanges if exchange.failure is not None and exchange.status is None]
    repeated = sum(exchange.unanswered.repeated for exchange in exchanges if exchange.unanswered is not None)
    assert len(lost) + repeated == dropped
    unsettled = sum(exchange.unanswered.unsettled for exchange in exchanges if exchange.unanswered is not None)
    assert unsettled == sum(line.endswith("/reset") for line in lines)


def old_to_new(turn: Turn) -> None:
    if turn.path == "/old":
        turn.send(response(b"moved", "301 Moved", "Location: new?x=1", "Set-Cookie: a=1"))
    elif b"Cookie: a=1" in turn.head:
        turn.send(response(b"with a cookie"))
    else:
        turn.send(response(b"without"))


def gives(answer: bytes, *, close: bool = False) -> Script:
    def script(turn: Turn) -> None:
        turn.send(answer)
        if close:
            turn.close()

    return script


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(gives(response(b"plain")), id="length"),
        pytest.param(gives(response(b"")), id="empty"),
        pytest.param(gives(CHUNKED + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n"), id="chunked"),
        pytest.param(gives(b"HTTP/1.0 200 OK\r\n\r\nto the end", close=True), id="read to close"),
        pytest.param(gives(response(gzip.compress(b"zipped"), "200 OK", "Content-Encoding: gzip")), id="gzip"),
        pytest.param(gives(b"HTTP/1.1 103 Hints\r\n\r\n" + response(b"after hints")), id="interim"),
        pytest.param(gives(b"HTTP/1.1 204 None\r\n\r\n"), id="204"),
        pytest.param(gives(response(b"excess") + b"tail"), id="bytes after the answer"),
        pytest.param(gives(response(b"no", "404 Not Found")), id="404"),
        pytest.param(gives(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", close=True), id="truncated"),
        pytest.param(gives(CHUNKED + b"5\r\nab", close=True), id="truncated chunk"),
        pytest.param(gives(CHUNKED + b"x\r\nab", close=True), id="broken chunk"),
        pytest.param(gives(b"", close=True), id="nothing"),
        pytest.param(gives(b"garbage\r\n\r\n", close=True), id="not HTTP"),
        pytest.param(old_to_new, id="redirect with a cookie"),
    ],
)
def test_answer_means_what_curl_takes_it_for(script: Script, tmp_path: Path) -> None:
    require("curl")
    with scripted(script) as origin:
        url = origin.url("/old")
        curl = subprocess.run(
            [
                *(
                    "curl",
                    "--silent",
                    "--max-time",
                    "10",
                    "--location",
                    "--compressed",
                    "--cookie",
                    "",
                    "--noproxy",
                    "*",
                ),
                *("--http1.1", "--fail", "--write-out", "%{http_code} %{url_effective}", "--output", "body", url),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        got = fetched(url, keep_body=True)
    status, final_url = curl.stdout.split(" ")
    assert (got.failure is None) == (curl.returncode == 0), curl.returncode
    assert got.final_url == final_url
    if got.status is not None and status != "000":
        assert str(got.status) == status
    if got.failure is None:
        body = tmp_path / "body"
        assert got.body == (body.read_bytes() if body.exists() else b"")
