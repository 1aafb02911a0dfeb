"""A real origin that can be made sick while it is loaded: nginx, an ffmpeg packager, node and nginx exporters.

Where a sickness wants one, there is an edge before it: another nginx, which viewers then load from.
"""

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
    types {{ {types} }}
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_timeout 75s; keepalive_requests 100000;
    limit_conn_zone $server_addr zone=all:1m;
    {http}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
        {server}
        location = /stub_status {{ stub_status; limit_rate 0; }}
        {playlists}
    }}
}}
"""
PLENTY = 1024
"""Connections of a healthy nginx."""
TYPES = "application/vnd.apple.mpegurl m3u8; video/mp2t ts;"
_PLAYLISTS = "location ~ \\.m3u8$ { add_header Cache-Control no-cache; limit_rate 0; }"
DEVICE = "device"
BEHIND = "{origin}"
_CACHE = "proxy_cache_path {folder}/cache keys_zone=edge:1m; proxy_http_version 1.1; proxy_set_header Connection '';"


@dataclass
class Nginx:
    """A running nginx.

    Args:
        root: what it serves; of an edge, nothing that anybody asks for.
        http, playlists: lines of its http block, and those for playlists in its server block.
    """

    folder: Path
    root: Path
    port: int
    http: str = ""
    playlists: str = _PLAYLISTS

    @property
    def base(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, server: str = "", connections: int = PLENTY, types: str = TYPES) -> None:
        """Write its settings.

        Args:
            server: lines for its server block.
            types: of what it serves, by the ends of names.
        """
        user = "user root root;" if os.geteuid() == 0 else ""
        values = {"user": user, "folder": self.folder, "root": self.root, "port": self.port, "types": types}
        more = {"server": server, "connections": connections, "http": self.http, "playlists": self.playlists}
        (self.folder / "nginx.conf").write_text(_CONFIG.format(**values, **more))

    def reload(self, server: str = "", connections: int = PLENTY, types: str = TYPES) -> None:
        """The same, and have it read them."""
        self.configure(server, connections, types)
        os.kill(self.pid, signal.SIGHUP)

    @property
    def pid(self) -> int:
        """Of its master process."""
        return int((self.folder / "nginx.pid").read_text())

    @contextmanager
    def serving(self) -> Iterator[None]:
        """While it runs."""
        program, config, errors = require("nginx"), self.folder / "nginx.conf", self.folder / "error.log"
        command = [program, "-c", str(config), "-p", str(self.folder), "-e", str(errors)]
        with running(command, self.folder / "nginx.out", stop_signal=signal.SIGTERM):
            wait_for(f"{self.base}/stub_status")
            yield


@dataclass
class Origin:
    """A running origin.

    Args:
        nginx: serves what the packager writes.
        edge: another one before it; None: viewers load from the first.
        disk: the device that the packager writes to, `major:minor`, if it has its own.
        node_url, nginx_url: of the exporters.
    """

    nginx: Nginx
    packager: "subprocess.Popen[bytes]"
    edge: Nginx | None = None
    disk: str = ""
    node_url: str = ""
    nginx_url: str = ""

    @property
    def root(self) -> Path:
        """What the packager writes and nginx serves."""
        return self.nginx.root

    @property
    def stream_url(self) -> str:
        """What viewers load."""
        return f"{(self.edge or self.nginx).base}/master.m3u8"


@contextmanager
def small_disk(root: Path, size: str) -> Iterator[None]:
    """A file system of its own for that folder, in memory. Needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


@contextmanager
def block_device(root: Path, file: Path) -> Iterator[str]:
    """A file system on a block device of its own (a loop device) for that folder; gives its number. Needs root."""
    with file.open("wb") as made:
        made.truncate(256 * 2**20)
    subprocess.run([require("mkfs.ext4"), "-q", "-F", str(file)], check=True)
    done = subprocess.run([require("losetup"), "-f", "--show", str(file)], check=True, capture_output=True, text=True)
    device = done.stdout.strip()
    try:
        subprocess.run(["mount", device, str(root)], check=True)
        try:
            number = Path(device).stat().st_rdev
            yield f"{os.major(number)}:{os.minor(number)}"
        finally:
            subprocess.run(["umount", "-l", str(root)], check=True)
    finally:
        subprocess.run([require("losetup"), "-d", device], check=True)


def edge_before(made: Origin, folder: Path) -> Nginx:
    """The settings of an nginx before it, which passes everything on."""
    folder.mkdir()
    empty = folder / "empty"
    empty.mkdir()
    return Nginx(folder, empty, free_port(), _CACHE.format(folder=folder), playlists="")


@contextmanager
def origin(folder: Path, *, server: str = "", disk: str = "", edge: str | None = None) -> Iterator[Origin]:
    """A healthy origin whose stream can be joined.

    Args:
        server: lines for nginx's server block.
        disk: size of the disk in memory that the packager writes to, or `device` for one of its own; empty: that of
            the folder.
        edge: lines for the server block of an edge, `{origin}` for what is behind it; None: there is none.
    """
    root = folder / "root"
    root.mkdir(parents=True)
    with ExitStack() as stack:
        number = ""
        if disk == DEVICE:
            number = stack.enter_context(block_device(root, folder / "disk.img"))
        elif disk:
            stack.enter_context(small_disk(root, disk))
        for variant in range(3):
            (root / f"v{variant}").mkdir()
        packager = stack.enter_context(running(_packager(root), folder / "ffmpeg.out"))
        made = Origin(Nginx(folder, root, free_port()), packager, disk=number)
        made.nginx.configure(server)
        stack.enter_context(made.nginx.serving())
        if edge is not None:
            made.edge = edge_before(made, folder / "edge")
            made.edge.configure(edge.replace(BEHIND, made.nginx.base))
            stack.enter_context(made.edge.serving())
        made.node_url, made.nginx_url = (f"http://127.0.0.1:{free_port()}/metrics" for _ in range(2))
        for command in _exporters(made.nginx.base, made.node_url, made.nginx_url):
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
