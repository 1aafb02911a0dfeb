"""A real origin that can be made sick while it is loaded: nginx, an ffmpeg packager, node and nginx exporters."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import free_port, require, running, wait_for

_CONFIG = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 4096;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_timeout 75s; keepalive_requests 100000;
    limit_conn_zone $server_addr zone=all:1m;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
        {server}
        location = /stub_status {{ stub_status; limit_rate 0; }}
        location ~ \\.m3u8$ {{ add_header Cache-Control no-cache; limit_rate 0; }}
    }}
}}
"""
PLENTY = 1024
"""Connections of a healthy nginx."""


@dataclass
class Origin:
    """A running origin.

    Args:
        root: what nginx serves and the packager writes.
        node_url, nginx_url: of the exporters.
    """

    folder: Path
    root: Path
    port: int
    packager: "subprocess.Popen[bytes]"
    node_url: str = ""
    nginx_url: str = ""

    @property
    def stream_url(self) -> str:
        """What viewers load."""
        return f"http://127.0.0.1:{self.port}/master.m3u8"

    def configure(self, server: str = "", connections: int = PLENTY) -> None:
        """Write nginx's settings.

        Args:
            server: lines for its server block.
        """
        user = "user root root;" if os.geteuid() == 0 else ""
        values = {"user": user, "folder": self.folder, "root": self.root, "port": self.port}
        text = _CONFIG.format(server=server, connections=connections, **values)
        (self.folder / "nginx.conf").write_text(text)

    def reload(self, server: str = "", connections: int = PLENTY) -> None:
        """The same, and have nginx read them."""
        self.configure(server, connections)
        os.kill(int((self.folder / "nginx.pid").read_text()), signal.SIGHUP)


@contextmanager
def small_disk(root: Path, size: str) -> Iterator[None]:
    """A file system of its own for that folder, in memory. Needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


@contextmanager
def origin(folder: Path, *, server: str = "", disk: str = "") -> Iterator[Origin]:
    """A healthy origin whose stream can be joined.

    Args:
        server: lines for nginx's server block.
        disk: size of the disk that the packager writes to; empty: that of the folder.
    """
    root = folder / "root"
    root.mkdir(parents=True)
    with ExitStack() as stack:
        if disk:
            stack.enter_context(small_disk(root, disk))
        for variant in range(3):
            (root / f"v{variant}").mkdir()
        packager = stack.enter_context(running(_packager(root), folder / "ffmpeg.out"))
        made = Origin(folder, root, free_port(), packager)
        made.configure(server)
        nginx = [require("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
        stack.enter_context(running(nginx, folder / "nginx.out", stop_signal=signal.SIGTERM))
        base = f"http://127.0.0.1:{made.port}"
        wait_for(f"{base}/stub_status")
        made.node_url, made.nginx_url = (f"http://127.0.0.1:{free_port()}/metrics" for _ in range(2))
        for command in _exporters(base, made.node_url, made.nginx_url):
            stack.enter_context(running(command, folder / f"{Path(command[0]).name}.out"))
        wait_for(made.node_url)
        wait_for(made.nginx_url)
        _wait_for_window(root / "v2/playlist.m3u8")
        yield made


def _packager(root: Path) -> list[str]:
    video = [
        argument
        for number, rate in enumerate((300, 900, 1500))
        for name in ("b:v", "maxrate:v", "bufsize:v")
        for argument in (f"-{name}:{number}", f"{rate}k")
    ]
    return [
        require("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
        "-map", "0:v", "-map", "0:v", "-map", "0:v",
        "-c:v", "libx264", "-preset", "ultrafast", "-nal-hrd", "cbr", "-g", "50", "-keyint_min", "50",
        "-sc_threshold", "0", *video,
        "-f", "hls", "-hls_time", "2", "-hls_list_size", "6", "-hls_delete_threshold", "4",
        "-hls_flags", "delete_segments+independent_segments+program_date_time",
        "-master_pl_name", "master.m3u8", "-var_stream_map", "v:0 v:1 v:2",
        "-hls_segment_filename", str(root / "v%v/seg-%d.ts"), str(root / "v%v/playlist.m3u8"),
    ]  # fmt: skip


def _exporters(base: str, node_url: str, nginx_url: str) -> Iterator[list[str]]:
    places = [url.removeprefix("http://").removesuffix("/metrics") for url in (node_url, nginx_url)]
    yield [require("prometheus-node-exporter"), f"--web.listen-address={places[0]}"]
    stub = f"-nginx.scrape-uri={base}/stub_status"
    yield [require("prometheus-nginx-exporter"), stub, f"-web.listen-address={places[1]}"]


def _wait_for_window(playlist: Path, segments: int = 4, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not playlist.exists() or playlist.read_text().count("#EXTINF") < segments:
        if time.monotonic() > deadline:
            raise AssertionError(f"no {segments} segments in {playlist} within {seconds:.0f} s")
        time.sleep(0.2)
