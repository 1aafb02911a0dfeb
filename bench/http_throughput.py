"""CPU per delivered gigabyte and per small answer: this client beside wrk, one nginx on loopback, one run.

usage: python bench/http_throughput.py [--seconds 4] [--connections 16] [--tls]

Each client runs in a process of its own, one after the other, and only its CPU time counts (getrusage of children).
"""

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from hls_swarm.http import Client, ClientContext, ClientOptions, Request, Timeouts, TlsOptions
from hls_swarm.records import Exchange

SEGMENT_BYTES = 1_500_000
SMALL_BYTES = 1024
CONFIG = """
daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000; default_type application/octet-stream;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}{tls}; root {root}/www; {certificate} }}
}}
"""


class Puller:
    """One viewer that asks for the same object again and again."""

    exchanges = 0
    body_bytes = 0

    def __init__(self, context: ClientContext, url: str, *, keep_body: bool) -> None:
        self._client = Client(context)
        self._request = Request(url, 0.0, Timeouts(), keep_body=keep_body)
        self._client.fetch(self._request, self._done)

    def _done(self, exchange: Exchange) -> None:
        if exchange.failure is not None:
            sys.exit(f"{exchange.url}: {exchange.failure.detail}")
        Puller.exchanges += 1
        Puller.body_bytes += exchange.body_bytes
        self._client.fetch(self._request, self._done)


async def pull(url: str, connections: int, seconds: float, *, keep_body: bool) -> None:
    """Be the client under test; print what was delivered, the CPU time and how much of it start-up took."""
    started = resource.getrusage(resource.RUSAGE_SELF)
    context = ClientContext(asyncio.get_running_loop(), ClientOptions(tls=TlsOptions(insecure=True)))
    pullers = [Puller(context, url, keep_body=keep_body) for _ in range(connections)]
    await asyncio.sleep(seconds)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    startup = started.ru_utime + started.ru_stime
    print(json.dumps([len(pullers), Puller.exchanges, Puller.body_bytes, usage.ru_utime, usage.ru_stime, startup]))
    sys.stdout.flush()
    os._exit(0)


def cpu_seconds_of(command: list[str]) -> tuple[float, str]:
    """CPU time of one command, start-up included, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, output


def measure_own(url: str, connections: int, seconds: float, *, keep_body: bool) -> tuple[float, float]:
    """Gigabytes and answers per CPU-second of this client."""
    command = [sys.executable, __file__, "--pull", url, "--connections", str(connections), "--seconds", str(seconds)]
    cpu, output = cpu_seconds_of([*command, *(["--keep"] if keep_body else [])])
    _, exchanges, body_bytes, user, system, startup = json.loads(output)
    running = user + system - startup
    rates = f"{body_bytes / 1e9 / running:.2f} GB and {exchanges / running:.0f} answers per CPU-second"
    print(f"    hls-swarm: {user:.2f} s user, {system:.2f} s system, {exchanges} answers", file=sys.stderr)
    print(f"    without {startup:.2f} s of start-up: {rates}", file=sys.stderr)
    return body_bytes / 1e9 / cpu, exchanges / cpu


def measure_wrk(url: str, connections: int, seconds: float, answer_bytes: int) -> tuple[float, float]:
    """Gigabytes and answers per CPU-second of wrk."""
    cpu, output = cpu_seconds_of(["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", url])
    found = re.search(r"(\d+) requests in", output)
    assert found, output
    answers = int(found[1])
    print(f"    wrk: {cpu:.2f} s CPU, {answers} answers", file=sys.stderr)
    return answers * answer_bytes / 1e9 / cpu, answers / cpu


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_nginx(root: Path, *, tls: bool) -> tuple["subprocess.Popen[bytes]", str]:
    """An nginx that serves two files; its base URL."""
    www = root / "www"
    www.mkdir()
    (www / "segment.ts").write_bytes(os.urandom(SEGMENT_BYTES))
    (www / "small.m3u8").write_bytes(b"#" * SMALL_BYTES)
    root.chmod(0o755)
    certificate = ""
    if tls:
        key, pem = root / "key.pem", root / "cert.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(pem)),
            ],
            check=True,
            capture_output=True,
        )
        certificate = f"ssl_certificate {pem}; ssl_certificate_key {key};"
    port = free_port()
    config = CONFIG.format(root=root, port=port, tls=" ssl" if tls else "", certificate=certificate)
    (root / "nginx.conf").write_text(config)
    nginx = subprocess.Popen(["nginx", "-p", str(root), "-c", str(root / "nginx.conf")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    return nginx, f"{'https' if tls else 'http'}://127.0.0.1:{port}"


def main() -> None:
    """Measure both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--pull", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.pull:
        uvloop.run(pull(args.pull, args.connections, args.seconds, keep_body=args.keep))
        return
    if not (shutil.which("nginx") and shutil.which("wrk")):
        sys.exit("needs nginx and wrk")
    with tempfile.TemporaryDirectory() as name:
        nginx, base = start_nginx(Path(name), tls=args.tls)
        try:
            own_gb, _ = measure_own(f"{base}/segment.ts", args.connections, args.seconds, keep_body=False)
            wrk_gb, _ = measure_wrk(f"{base}/segment.ts", args.connections, args.seconds, SEGMENT_BYTES)
            print(f"1.5 MB segments, GB per CPU-second: {own_gb:.2f}, wrk {wrk_gb:.2f}, ratio {own_gb / wrk_gb:.2f}")
            _, own_small = measure_own(f"{base}/small.m3u8", args.connections, args.seconds, keep_body=True)
            _, wrk_small = measure_wrk(f"{base}/small.m3u8", args.connections, args.seconds, SMALL_BYTES)
            ratio = own_small / wrk_small
            print(f"1 KB kept, answers per CPU-second: {own_small:.0f}, wrk {wrk_small:.0f}, ratio {ratio:.2f}")
        finally:
            nginx.terminate()
            nginx.wait()


if __name__ == "__main__":
    main()
