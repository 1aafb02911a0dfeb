"""Beside a real nginx: what the page says must be what the log says, through rotation."""

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from itertools import pairwise
from math import ceil, inf
from pathlib import Path

import pytest
from tests.support.programs import free_port, require, running, wait_for

from hls_swarm.logexporter.counts import BOUNDS
from hls_swarm.logexporter.log_format import LOG_FORMAT, LogLine, read_line
from hls_swarm.origin.source import Source
from hls_swarm.snapshot.origin.metrics import Role

pytestmark = pytest.mark.system

NGINX = """
{user}
daemon off; master_process on; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  {log_format}
  access_log {folder}/access.log hls_swarm;
  access_log syslog:server=127.0.0.1:{syslog},nohostname hls_swarm;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=media:1m;
  server {{
    listen 127.0.0.1:{port}; root {folder}/media;
    location = /stub_status {{ stub_status; access_log off; }}
    location /slow/ {{ alias {folder}/media/; limit_rate 1m; }}
    location /cached/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_cache media; proxy_cache_valid 200 1m; }}
  }}
}}
"""


def logged(*files: Path) -> list[LogLine]:
    lines = [read_line(line) for file in files for line in file.read_bytes().splitlines()]
    assert None not in lines
    return [line for line in lines if line is not None]


def bucket_of(seconds: float) -> tuple[float, float]:
    bounds = (0.0, *BOUNDS, inf)
    return next((low, high) for low, high in pairwise(bounds) if seconds <= high)


@pytest.mark.parametrize("way", ["file", "syslog"])
def test_the_page_agrees_with_the_log(tmp_path: Path, way: str) -> None:
    port, page_port, syslog_port = free_port(), free_port(), free_port()
    media = tmp_path / "media"
    media.mkdir()
    (media / "small").write_bytes(b"x" * 2_000)
    (media / "large").write_bytes(b"x" * 1_250_000)
    user = "user root root;" if os.geteuid() == 0 else ""
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.format(user=user, folder=tmp_path, log_format=LOG_FORMAT, port=port, syslog=syslog_port))
    log, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    origin, page_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{page_port}/metrics"
    source_of_lines = ["--access-log", str(log)] if way == "file" else ["--syslog", f"127.0.0.1:{syslog_port}"]
    exporter = [
        *(sys.executable, "-m", "hls_swarm", "log-exporter", *source_of_lines),
        *("--listen", f"127.0.0.1:{page_port}", "--stub-status", f"{origin}/stub_status"),
    ]
    nginx = [require("nginx"), "-c", str(config), "-e", str(tmp_path / "error.log")]
    source = Source(Role.NGINX, page_url, interval=2.0, window=30.0)
    with running(nginx, tmp_path / "nginx.out", stop_signal=signal.SIGQUIT) as server:
        wait_for(f"{origin}/stub_status")
        with running(exporter, tmp_path / "exporter.out"):
            source.read(wait_for(page_url), 100.0)
            sent, files = load(origin), [log]
            if way == "file":
                log.rename(rotated)
                sent += load(origin)  # still into the renamed file
                server.send_signal(signal.SIGUSR1)
                files = [rotated, log]
            sent += load(origin)
            lines = logged_of(sent, *files)
            source.read(page_with(page_url, len(lines), way), 110.0)
    found = {name: reading.value for name, reading in source.readings(110.0).items()}
    assert source.health(110.0).dialect == "hls-swarm log-exporter"
    assert found["nginx_requests_per_second"] == len(lines) / 10
    assert found["nginx_out_bytes_per_second"] == sum(line.sent_bytes for line in lines) / 10
    classes = Counter(line.status[0] for line in lines)
    for first in "2345":
        assert found[f"nginx_responses_{first}xx_per_second"] == classes[first] / 10
    cache = Counter(line.cache_status for line in lines)
    assert cache["HIT"] > 0
    assert found["nginx_cache_hit_ratio"] == cache["HIT"] / (cache["HIT"] + cache["MISS"])
    times = sorted(line.seconds for line in lines)
    assert times[-1] > 0.05
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        low, high = bucket_of(times[ceil(q * len(times)) - 1])
        value = found[f"nginx_request_seconds_{name}"]
        assert value is not None
        assert low <= value <= high, name
    assert found["nginx_connections"] is not None
    assert found["nginx_up"] == 1.0


def logged_of(sent: int, *files: Path) -> list[LogLine]:
    """All lines, once they are there: one for each request, and one more where nginx's cache had nothing for it."""
    deadline = time.monotonic() + 60
    while True:
        lines = logged(*(file for file in files if file.exists()))
        missed = sum(line.cache_status == "MISS" for line in lines)
        if missed and len(lines) == sent + missed:
            return lines
        assert time.monotonic() < deadline, (len(lines), sent, missed)
        time.sleep(0.05)


def load(origin: str) -> int:
    """Requests of all kinds; gives how many, those that nginx makes of itself for its cache left out."""
    paths = [*["/small"] * 30, *["/slow/large"] * 2, *["/nothing"] * 4, *["/cached/small"] * 4]
    for path in paths:
        try:
            with urllib.request.urlopen(origin + path, timeout=10) as answer:  # noqa: S310 - a loopback URL
                answer.read()
        except urllib.error.HTTPError as error:
            error.close()
    return len(paths)


def page_with(url: str, requests: int, way: str) -> bytes:
    """The page as soon as so many requests are on it; over UDP it says how many it received and lost of them."""
    deadline = time.monotonic() + 60
    while True:
        page = wait_for(url)
        if f"nginx_http_response_time_seconds_hist_count {requests}\n".encode() in page:
            if way == "syslog":
                assert f"hls_swarm_log_exporter_syslog_received_total {requests}\n".encode() in page
            return page
        assert time.monotonic() < deadline, page.decode()
        time.sleep(0.05)
