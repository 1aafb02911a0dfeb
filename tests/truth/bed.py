"""Where a row of the table is tried: what serves the stream, what tells of it, and where its viewers are.

The embedded origin runs on loopback and needs nothing. Everything else stands at the far end of a link of its own, in
network namespaces that root may make: nginx, what is behind it, and the exporters on their usual ports.
"""

import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

from tests.support.live import SEGMENT_SECONDS, VARIANTS, live_source
from tests.support.networks.link import ORIGIN_ADDRESS, NoNamespacesError, link
from tests.support.programs import free_port, require, running, wait_for
from tests.truth.groups import CanNotError, cpu_quota, disk_quota, memory_limit
from tests.truth.vod import write_film

from hls_swarm.testorigin.telling.machine import MADE_LINK

STREAM = "/live/high/live.m3u8"
"""Of the live source: one media playlist, so that nobody adapts and the load is arithmetic."""
SEGMENT_BYTES = VARIANTS["high"] / 8 * SEGMENT_SECONDS
UPSTREAM = "127.0.0.1:8080"
_NGINX = """
user root root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
{main}
events {{ worker_connections {connections}; }}
http {{
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
    log_format hls_swarm 'time:$msec\\tstatus:$status\\tbytes:$bytes_sent'
        '\\trequest_time:$request_time\\tupstream_time:$upstream_response_time\\tcache:$upstream_cache_status';
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; keepalive_timeout 75s; keepalive_requests 100000;
    {http}
    server {{
        listen {address}:80 backlog=4096;
        root {root};
        access_log {folder}/times.log hls_swarm;
        location = /stub_status {{ stub_status; access_log off; }}
        location /live/ {{ {stream} {playlists} }}
        location ~ \\.ts$ {{ {stream} {segments} }}
    }}
}}
"""


@dataclass(frozen=True)
class Bed:
    """An origin that serves.

    Args:
        flags: that tell a search of its exporters.
        entrance: the command that runs another one where the viewers are.
    """

    url: str
    flags: tuple[str, ...] = ()
    entrance: tuple[str, ...] = ()


@dataclass(frozen=True)
class Nginx:
    """What is odd about an nginx: lines for each place of its configuration.

    Args:
        stream: for all of the stream.
        playlists, segments: for one of both alone.
        shaped_bits_per_second: what the origin's end of the link lets through; None: all.
        credit_bytes: that it lets through at once, after a time without that much to send.
        read_bytes_per_second: from the disk; None: all that it gives.
        memory_bytes: of this machine, the page cache of what it serves too; None: all.
        film_segments: serve a film of so many segments in place of the live stream; 0: the live stream.
        upstream: arguments of the slow origin behind it, after its address; None: there is none.
    """

    main: str = ""
    connections: int = 4096
    http: str = ""
    stream: str = ""
    playlists: str = ""
    segments: str = ""
    shaped_bits_per_second: int | None = None
    credit_bytes: int = 128_000
    read_bytes_per_second: int | None = None
    memory_bytes: int | None = None
    film_segments: int = 0
    upstream: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Alone:
    """A slow origin without nginx.

    Args:
        arguments: after its address.
        cpu_share: of one core, which is its quota; None: it has none.
    """

    arguments: tuple[str, ...]
    cpu_share: float | None = None


@dataclass(frozen=True)
class Embedded:
    """Our own origin, with flags."""

    flags: tuple[str, ...] = field(default=())


Origin = Embedded | Nginx | Alone


@contextmanager
def bed(origin: Origin, folder: Path) -> Iterator[Bed]:
    """That origin, serving; all of it ends with the block.

    Raises:
        CanNotError: it needs what this machine does not give.
    """
    if isinstance(origin, Embedded):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        with running(
            [sys.executable, "-m", "hls_swarm", "origin", "--port", str(port), *origin.flags], folder / "origin.out"
        ):
            wait_for(f"{base}/metrics/node", 60)
            metrics = ("--origin-metrics", f"{base}/metrics/node", "--nginx-metrics", f"{base}/metrics/nginx")
            has_link = any("bandwidth=" in flag for flag in origin.flags)
            device = ("--origin-metrics-interface", MADE_LINK) if has_link else ()
            yield Bed(f"{base}/live/360p/playlist.m3u8", (*metrics, *device))
        return
    with ExitStack() as stack:
        try:
            between = stack.enter_context(link(folder))
        except NoNamespacesError as error:
            raise CanNotError(f"needs network namespaces: {error}") from error
        (folder / "root").mkdir()
        stream = STREAM
        if isinstance(origin, Nginx) and origin.film_segments:
            write_film(folder / "root" / "film", origin.film_segments)
            stream = "/film/film.m3u8"
        else:
            stack.enter_context(live_source(folder / "root"))
        inside = between.origin.entrance
        if isinstance(origin, Nginx):
            commands = _with_nginx(origin, folder)
            if origin.read_bytes_per_second is not None:
                groups = stack.enter_context(disk_quota(folder, origin.read_bytes_per_second))
                commands["nginx"] = [*groups, *commands["nginx"]]
            if origin.memory_bytes is not None:
                commands["nginx"] = [*stack.enter_context(memory_limit(origin.memory_bytes)), *commands["nginx"]]
        else:
            commands = {"slow": _slow(folder, ORIGIN_ADDRESS, 80, origin.arguments)}
            if origin.cpu_share is not None:
                commands["slow"] = [*stack.enter_context(cpu_quota(origin.cpu_share)), *commands["slow"]]
        commands["node"] = [require("prometheus-node-exporter"), f"--web.listen-address={ORIGIN_ADDRESS}:9100"]
        for name, command in commands.items():
            stack.enter_context(running([*inside, *command], folder / f"{name}.out"))
        if isinstance(origin, Nginx) and origin.shaped_bits_per_second is not None:
            between.slow(origin.shaped_bits_per_second, origin.credit_bytes)
        yield Bed(
            f"http://{ORIGIN_ADDRESS}{stream}", ("--origin-metrics-host", ORIGIN_ADDRESS), between.viewers.entrance
        )


def _slow(folder: Path, address: str, port: int, arguments: Sequence[str]) -> list[str]:
    module = [sys.executable, "-m", "tests.truth.slow_origin"]
    return [*module, str(folder / "root"), address, str(port), *arguments]


def _with_nginx(origin: Nginx, folder: Path) -> dict[str, list[str]]:
    """What runs, by name."""
    segments = origin.segments if origin.upstream is None else f"{origin.segments} proxy_pass http://{UPSTREAM};"
    content = _NGINX.format(
        folder=folder,
        address=ORIGIN_ADDRESS,
        root=folder / "root",
        main=origin.main,
        connections=origin.connections,
        http=origin.http,
        stream=origin.stream,
        playlists=origin.playlists,
        segments=segments,
    )
    (folder / "nginx.conf").write_text(content)
    (folder / "times.log").touch()
    exporter = [require("prometheus-nginx-exporter"), f"-nginx.scrape-uri=http://{ORIGIN_ADDRESS}/stub_status"]
    log = ["log-exporter", "--access-log", str(folder / "times.log"), "--listen", f"{ORIGIN_ADDRESS}:9114"]
    made = {
        "nginx": [require("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "err.log")],
        "exporter": [*exporter, f"-web.listen-address={ORIGIN_ADDRESS}:9113"],
        "log": [sys.executable, "-m", "hls_swarm", *log],
    }
    if origin.upstream is not None:
        address, _, port = UPSTREAM.partition(":")
        made["slow"] = _slow(folder, address, int(port), origin.upstream)
    return made


def bytes_a_second(url: str) -> float:
    """What one viewer of this media playlist asks for: a segment and a playlist in the time of a segment."""
    playlist = _size(url)
    lines = playlist.decode().split()
    segment = _size(urljoin(url, next(line for line in reversed(lines) if not line.startswith("#"))))
    seconds = float(next(line for line in reversed(lines) if line.startswith("#EXTINF:"))[8:].rstrip(","))
    return (len(playlist) + len(segment)) / seconds


def _size(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - a loopback URL of our own
        body: bytes = answer.read()
        return body
