"""Real programs of the operating system for tests: found or loudly skipped, on free ports, ended by their PID."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import AnyStr, NoReturn

import pytest

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def require(name: str) -> str:
    """The path of a program. Without it the test is skipped by name; where CI=true it fails: CI has everything."""
    path = shutil.which(name, path=_PATH)
    if path is None:
        skip_part(f"{name} is not installed on this machine")
    return path


def skip_part(reason: str) -> NoReturn:
    """Skip the test loudly for what this machine can not provide; where CI=true it fails: CI has everything."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"SKIPPED PART: {reason}")
    pytest.skip(f"SKIPPED PART: {reason}")


def skip_busy(reason: str) -> NoReturn:
    """Skip, in CI too, what only a machine can show that others leave some time to: it is no fault of the program."""
    pytest.skip(f"BUSY MACHINE: {reason}")


def free_port() -> int:
    """A port of 127.0.0.1, TCP and UDP, that nobody uses and nobody else on this machine is given who asks here.

    A program listens on it only some time after this answer. So it is none of those that the kernel gives to whoever
    connects or binds without naming one, and it stays claimed for as long as this process lives.
    """
    ports = _ports_left_to_programs()
    for port in random.choices(ports, k=1000):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0hls-swarm-tests-port-{port}")  # abstract: no file, and gone with this process
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as probe:
                    probe.bind(("", port))
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        return port
    raise AssertionError("no port of this machine is free")


_CLAIMS: list[socket.socket] = []


def _ports_left_to_programs() -> Sequence[int]:
    """Those that the kernel gives to nobody by itself, far from any that our programs have by default."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for ports in (range(20_000, first), range(max(20_000, last + 1), 65_536)):
        if len(ports) >= 1000:
            return ports
    return range(20_000, 65_536)  # this machine leaves hardly any


@contextmanager
def running(
    command: Sequence[str], log: Path, *, stop_signal: int = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the time of the test; its output is in `log`, its end is by its own PID."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(stop_signal)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def owned(process: "subprocess.Popen[AnyStr]") -> Iterator["subprocess.Popen[AnyStr]"]:
    """A process that the test ends; one that a test which failed leaves running is killed, and not waited for."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_for(url: str, seconds: float = 60.0) -> bytes:
    """The body of `url` as soon as it answers with 200."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a loopback URL of the test's own
                body: bytes = answer.read()
                return body
        except OSError as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"{url} did not answer within {seconds} s: {error}") from error
            time.sleep(0.05)


def wait_until_listening(port: int, seconds: float = 60.0) -> None:
    """Until a TCP connection to this port of 127.0.0.1 is accepted."""
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens on port {port} after {seconds} s"
        time.sleep(0.02)


def lines_once_there(log: Path, count: int, seconds: float = 30.0) -> list[str]:
    """The lines of a log once it has so many, which come some time after what they tell of; else what is there then."""
    deadline = time.monotonic() + seconds
    while True:
        lines = log.read_text().splitlines() if log.exists() else []
        if len(lines) >= count or time.monotonic() > deadline:
            return lines
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process of that number exists and is no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until_signals_are_caught(pid: int) -> None:
    """Until the program's first instruction is past; what comes before is Python's own start."""
    wanted = 1 << (signal.SIGTERM - 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & wanted:
            return
        time.sleep(0.001)
    raise AssertionError("no handler within 60 s")


NGINX_CONFIG = """
{user}
daemon off;
master_process on;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; text/html html; }}
    log_format exact '$request_method $uri $status $body_bytes_sent $request_time';
    access_log {folder}/access.log exact;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_timeout 75s; keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
        location = /stub_status {{ stub_status; access_log off; }}
        location ~ \\.m3u8$ {{ add_header Cache-Control no-cache; }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[str]:
    """A real nginx that serves `root`; gives its base URL. Its access log is `folder`/access.log."""
    program, port = require("nginx"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root root;" if os.geteuid() == 0 else ""  # its workers must reach the test's folder
    (folder / "nginx.conf").write_text(NGINX_CONFIG.format(user=user, folder=folder, root=root, port=port))
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
    with running(command, folder / "nginx.out", stop_signal=signal.SIGQUIT):
        wait_for(f"http://127.0.0.1:{port}/stub_status")
        yield f"http://127.0.0.1:{port}"
