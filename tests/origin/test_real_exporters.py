"""Against the real programs: node_exporter, nginx with its exporter, HAProxy, Varnish."""

import asyncio
import urllib.request
from pathlib import Path

import pytest
import uvloop
from tests.support.programs import free_port, require, running, wait_for

from hls_swarm.http import Client, ClientContext, ClientOptions
from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.snapshot.origin.metrics import SourceState, TargetMetrics

pytestmark = pytest.mark.system

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location = /stub {{ stub_status; }} location / {{ return 200 "ok"; }} }}
}}
"""

HAPROXY = """
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 2s
frontend media
  bind 127.0.0.1:{port}
  http-request use-service prometheus-exporter if {{ path /metrics }}
  http-request return status 200 content-type text/plain string "ok"
"""


async def scraped(node: str | None, server: str | None, load: str | None = None, scrapes: int = 3) -> TargetMetrics:
    """What is known after so many scrapes of each page, a request sent between them."""
    loop = asyncio.get_running_loop()
    context = ClientContext(loop, ClientOptions())
    scraper = OriginScraper.create(
        origin_settings(node_url=node, nginx_url=server, interval=0.25), new_fetcher=lambda: Client(context)
    )
    assert scraper is not None
    scraper.start()
    try:
        async with asyncio.timeout(60):
            while any(
                source.scrapes - source.failures < scrapes for source in scraper.get_metrics().targets[0].sources
            ):
                if load is not None:
                    await loop.run_in_executor(None, fetched, load)
                await asyncio.sleep(0.02)
        return scraper.get_metrics().targets[0]
    finally:
        scraper.stop()
        await asyncio.sleep(0.02)


def fetched(url: str) -> None:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - a loopback URL of the test's own
        answer.read()


def test_node_exporter(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    command = [require("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    with running(command, tmp_path / "node.log"):
        wait_for(url)
        target = uvloop.run(scraped(url, None))
    (source,) = target.sources
    assert (source.state, source.dialect, source.failures) == (SourceState.UP, "node_exporter", 0)
    assert source.samples is not None
    assert source.samples > 100
    values = {name: reading.value for name, reading in target.readings.items()}
    total, used = values["memory_total_bytes"], values["memory_used_bytes"]
    with Path("/proc/meminfo").open() as meminfo:
        assert total == int(meminfo.readline().split()[1]) * 1024
    assert used is not None
    assert total is not None
    assert 0 < used < total
    for name in ("cpu_percent", "cpu_busiest_core_percent", "memory_used_percent", "file_descriptors_percent"):
        value = values[name]
        assert value is not None, name
        assert 0 <= value <= 100, name


def test_nginx_up_and_down(tmp_path: Path) -> None:
    port, exporter_port = free_port(), free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.format(folder=tmp_path, port=port))
    url, stub = f"http://127.0.0.1:{exporter_port}/metrics", f"http://127.0.0.1:{port}/stub"
    exporter = [
        *(require("prometheus-nginx-exporter"), f"--nginx.scrape-uri={stub}"),
        f"--web.listen-address=127.0.0.1:{exporter_port}",
    ]
    nginx = [require("nginx"), "-c", str(config), "-e", str(tmp_path / "error.log")]
    with running(nginx, tmp_path / "nginx.log") as server:
        wait_for(stub)
        with running(exporter, tmp_path / "exporter.log"):
            wait_for(url)
            target = uvloop.run(scraped(None, url, load=f"http://127.0.0.1:{port}/"))
            assert target.sources[0].state is SourceState.UP
            assert target.value("nginx_up") == 1.0
            requests, connections = target.value("nginx_requests_per_second"), target.value("nginx_connections")
            assert requests is not None
            assert requests > 1
            assert connections is not None
            assert connections >= 1
            server.terminate()
            server.wait(60)
            down = uvloop.run(scraped(None, url))
    assert down.sources[0].state is SourceState.DOWN
    assert down.value("nginx_up") == 0.0
    assert down.value("nginx_requests_per_second") is None


def test_haproxy(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port))
    url = f"http://127.0.0.1:{port}/metrics"
    with running([require("haproxy"), "-db", "-f", str(config)], tmp_path / "haproxy.log"):
        wait_for(url)
        target = uvloop.run(scraped(None, url, load=f"http://127.0.0.1:{port}/"))
    assert (target.sources[0].state, target.sources[0].dialect) == (SourceState.UP, "haproxy")
    requests = target.value("haproxy_requests_per_second")
    assert requests is not None
    assert requests > 1


def test_varnish(tmp_path: Path) -> None:
    port, exporter_port = free_port(), free_port()
    vcl = tmp_path / "default.vcl"
    vcl.write_text('vcl 4.1;\nbackend default none;\nsub vcl_recv { return (synth(200, "ok")); }\n')
    folder = tmp_path / "varnish"
    varnish = [
        *(require("varnishd"), "-F", "-a", f"127.0.0.1:{port}", "-f", str(vcl), "-n", str(folder)),
        *("-s", "malloc,16m", "-T", "none", "-j", "none"),
    ]
    url = f"http://127.0.0.1:{exporter_port}/metrics"
    exporter = [
        *(require("prometheus-varnish-exporter"), "-web.listen-address", f"127.0.0.1:{exporter_port}"),
        *("-n", str(folder)),
    ]
    with running(varnish, tmp_path / "varnish.log"):
        wait_for(f"http://127.0.0.1:{port}/")
        with running(exporter, tmp_path / "exporter.log"):
            wait_for(url)
            target = uvloop.run(scraped(None, url, load=f"http://127.0.0.1:{port}/"))
    assert (target.sources[0].state, target.sources[0].dialect) == (SourceState.UP, "prometheus-varnish-exporter")
    requests = target.value("varnish_requests_per_second")
    assert requests is not None
    assert requests > 1
