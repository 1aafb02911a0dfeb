"""What a chaos run is made against: nginx, its exporters, a live source, and where possible a network of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.support.environment import clean_environ
from tests.support.live import LiveSource, live_source
from tests.support.networks.link import ORIGIN_ADDRESS, Link, NoNamespacesError, link
from tests.support.programs import free_port, require

SERVERS = 1
"""Which of the exporters is nginx's."""
_START_SECONDS = 20.0
_END_SECONDS = 30.0
_NGINX = """
{user}
daemon off;
master_process on;
worker_processes 2;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
    map $uri $is_refused {{ default 0; include {folder}/refused.map; }}
    log_format exact '$msec $status $body_bytes_sent "$http_user_agent" $request';
    log_format hls_swarm 'time:$msec\\tstatus:$status\\tbytes:$bytes_sent'
        '\\trequest_time:$request_time\\tupstream_time:$upstream_response_time'
        '\\tcache:$upstream_cache_status';
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_timeout 75s; keepalive_requests 100000;
    server {{
        listen {address}:{port} backlog=4096;
        root {root};
        location /live/ {{
            access_log {folder}/access.log exact;
            access_log {folder}/times.log hls_swarm;
            if ($is_refused) {{ return 503; }}
            add_header Cache-Control no-cache;
        }}
        location = /stub_status {{ stub_status; access_log off; }}
    }}
}}
"""


class Program:
    """A program that can be ended and started again; its output goes to `log`."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = tuple(command), log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=clean_environ()
            )

    @property
    def pid(self) -> int:
        """Of the process that goes on."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: int) -> None:
        """Signal it."""
        os.kill(self.pid, number)

    def end(self, number: int = signal.SIGTERM, seconds: float = _END_SECONDS) -> bool:
        """End it with that signal; gives whether that was enough within these seconds. Twice is not wrong."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return True
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_SECONDS)
            return False
        return True


@dataclass(frozen=True)
class Exporter:
    """One page of metrics.

    Args:
        garbage: what can answer on its port instead.
    """

    name: str
    port: int
    program: Program
    garbage: Program


class Nginx:
    """The server; `folder` has its configuration and logs."""

    def __init__(self, folder: Path, address: str, port: int, entrance: Sequence[str]) -> None:
        self.access_log, self._refused = folder / "access.log", folder / "refused.map"
        self._address, self._port = address, port
        command = [
            require("nginx"),
            "-c",
            str(folder / "nginx.conf"),
            "-p",
            str(folder),
            "-e",
            str(folder / "error.log"),
        ]
        self.program = Program([*entrance, *command], folder / "nginx.out")
        user = "user root root;" if os.geteuid() == 0 else ""  # its workers must reach the folder
        content = _NGINX.format(user=user, folder=folder, root=folder / "root", address=address, port=port)
        (folder / "nginx.conf").write_text(content)
        self._refused.write_text("")

    def workers(self) -> list[int]:
        """The processes that serve."""
        return [child.pid for child in psutil.Process(self.program.pid).children()]

    def start(self) -> None:
        """Until its workers are there."""
        self.program.start()
        deadline = time.monotonic() + _START_SECONDS
        while len(self.workers()) < 2:
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.05)

    def refuse(self, refused: bool) -> None:
        """Answer everything of the stream with 503, or as always, from now on."""
        self._refused.write_text("~^/live/ 1;\n" if refused else "")
        self.program.send(signal.SIGHUP)

    def quit(self) -> bool:
        """End when what is in flight has been answered and logged; False if that did not come to an end."""
        return self.program.end(signal.SIGQUIT)


@dataclass(frozen=True)
class Bed:
    """Everything around the run.

    Args:
        link: None where this machine allows none.
        place: an empty folder of the run's own, as the run sees it.
        place_seen: the same, as this process sees it.
        entrance: the command that runs another one where the viewers are.
        flags: that tell the run of the exporters.
        lacks: what can not be had here, in words.
    """

    nginx: Nginx
    exporters: tuple[Exporter, ...]
    live: LiveSource
    link: Link | None
    place: Path
    place_seen: Path
    entrance: tuple[str, ...]
    url: str
    flags: tuple[str, ...]
    lacks: tuple[str, ...]


@contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """A bed in this folder, which is empty; everything in it ends with the block."""
    lacks: tuple[str, ...] = ()
    with ExitStack() as stack:
        between: Link | None = None
        try:
            between = stack.enter_context(link(folder))
        except NoNamespacesError as error:
            lacks = (f"faults of the network and of the disk need namespaces and root: {error}",)
        address = ORIGIN_ADDRESS if between is not None else "127.0.0.1"
        entrance = between.origin.entrance if between is not None else ()
        port = 80 if between is not None else free_port()
        origin = folder / "origin"
        (origin / "root").mkdir(parents=True)
        live = stack.enter_context(live_source(origin / "root"))
        nginx = Nginx(origin, address, port, entrance)
        stack.callback(nginx.program.end)
        nginx.start()
        exporters = _exporters(folder, address, f"http://{address}:{port}/stub_status", entrance, between is not None)
        for exporter in exporters:
            stack.callback(exporter.program.end)
            stack.callback(exporter.garbage.end)
            exporter.program.start()
        place = between.disk if between is not None else folder / "place"
        place_seen = between.viewers.seen(place) if between is not None else place
        place_seen.mkdir(exist_ok=True)
        if between is not None:
            flags: tuple[str, ...] = ("--origin-metrics-host", address)
        else:
            pages = [f"http://{address}:{exporter.port}/metrics" for exporter in exporters]
            flags = ("--origin-metrics", pages[0], "--nginx-metrics", pages[1])
        yield Bed(
            nginx=nginx,
            exporters=exporters,
            live=live,
            link=between,
            place=place,
            place_seen=place_seen,
            entrance=between.viewers.entrance if between is not None else (),
            url=f"http://{address}:{port}/live/main.m3u8",
            flags=flags,
            lacks=lacks,
        )


def _exporters(
    folder: Path, address: str, status: str, entrance: Sequence[str], are_usual_ports_ours: bool
) -> tuple[Exporter, ...]:
    """The node exporter, nginx's and, where the usual ports are ours, our log exporter beside them."""
    ports = [9100, 9113, 9114] if are_usual_ports_ours else [free_port(), free_port()]
    times, stub = str(folder / "origin/times.log"), require("prometheus-nginx-exporter")
    commands = {
        "node": [require("prometheus-node-exporter"), "--web.listen-address={}"],
        "nginx": [stub, f"-nginx.scrape-uri={status}", "-web.listen-address={}"],
        "log": [sys.executable, "-m", "hls_swarm", "log-exporter", "--access-log", times, "--listen", "{}"],
    }
    return tuple(
        Exporter(
            name,
            port,
            Program([*entrance, *(part.format(f"{address}:{port}") for part in command)], folder / f"{name}.out"),
            Program(
                [*entrance, sys.executable, str(Path(__file__).with_name("garbage.py")), address, str(port), "1"],
                folder / f"{name}-garbage.out",
            ),
        )
        for port, (name, command) in zip(ports, commands.items(), strict=False)
    )
