"""Whatever is wrong with an origin's exporters: it is said in words, and no viewer notices."""

import asyncio
import gzip
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support import places
from tests.support.programs import free_port, require, running, wait_for
from tests.support.soundness import assert_sound

pytestmark = pytest.mark.system

DATA = places.DATA / "metrics"
NODE = (DATA / "node_exporter.txt").read_bytes()
STUB, STUB_DOWN = (DATA / f"nginx_stub_status{end}.txt" for end in ("", "_down"))


def response(body: bytes, status: str = "200 OK", fields: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


BOMB = gzip.compress(bytes(64 << 20), 1)
FAULTS: dict[str, tuple[bytes | None, str]] = {
    "hangs": (None, "no whole answer within"),
    "slow": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n# HELP", "no whole answer within"),
    "401": (response(b"", "401 Unauthorized"), "status 401: are user and password, or the token, right?"),
    "404": (response(b"", "404 Not Found"), "status 404: is the path of the URL right?"),
    "500": (response(b"", "500 Internal Server Error"), "status 500"),
    "HTML": (response(b"<!DOCTYPE html><html></html>"), "an HTML page, not metrics: is the path of the URL right?"),
    "gzip bomb": (response(BOMB, fields="Content-Encoding: gzip\r\n"), "body over"),
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n" + b"node_load1 1\n" * (2 << 20), "body over"),
    "malformed": (response(b"node_load1 1\nnode_load5 one\n"), "malformed page: line 2"),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
    "closes": (b"", "connection"),
    "other page": (response(b"go_goroutines 7\n"), "of no exporter that is known"),
}
REFUSED, UNTRUSTED, NGINX_DOWN, FINE = "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"
HOSTS = {name: f"127.0.0.{number}" for number, name in enumerate(FAULTS, 11)}


class Exporters:
    """Servers on loopback addresses of their own, all with the same port, in a thread with a loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []

    def serve(self, host: str, port: int, answer: bytes | None, context: ssl.SSLContext | None = None) -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    if answer is not None:
                        writer.write(answer)
                        await writer.drain()
                    if answer is None or answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"):
                        await asyncio.sleep(60)
                    if not answer or not answer.startswith(b"HTTP/1.1") or b"Content-Length" not in answer[:200]:
                        return
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                return  # the client left, or the test is over
            finally:
                writer.transport.abort()

        start = asyncio.start_server(handle, host, port, ssl=context)
        self._servers.append(asyncio.run_coroutine_threadsafe(start, self.loop).result(10))

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def exporters() -> Iterator[Exporters]:
    servers = Exporters()
    thread = threading.Thread(target=servers.loop.run_forever)
    thread.start()
    try:
        yield servers
    finally:
        asyncio.run_coroutine_threadsafe(servers.close(), servers.loop).result(10)
        servers.loop.call_soon_threadsafe(servers.loop.stop)
        thread.join(10)
        servers.loop.close()


@contextmanager
def stream(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "hls_swarm", "origin", "--port", str(port)]
    with running(command, tmp_path / "origin.log"):
        url = f"http://127.0.0.1:{port}/live/master.m3u8"
        page = wait_for(f"http://127.0.0.1:{port}/").decode()
        path = next((word for word in page.replace('"', " ").split() if word.endswith(".m3u8")), url)
        yield path if path.startswith("http") else f"http://127.0.0.1:{port}/{path.lstrip('/')}"


def certificate(folder: Path) -> ssl.SSLContext:
    key, file = folder / "key.pem", folder / "certificate.pem"
    command = [require("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(file), "-days", "2", "-subj", "/CN=exporter"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context


def run_command(tmp_path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "hls_swarm", "--clients", "2", "--no-tui", "--no-output", "--metrics=", *arguments]


def test_every_fault_has_its_words_and_no_viewer_notices(tmp_path: Path) -> None:
    node_port, nginx_port = free_port(), free_port()
    with exporters() as servers, stream(tmp_path) as url:
        for name, (answer, _) in FAULTS.items():
            servers.serve(HOSTS[name], node_port, answer)
        servers.serve(UNTRUSTED, node_port, response(NODE), certificate(tmp_path))
        servers.serve(NGINX_DOWN, nginx_port, response(STUB_DOWN.read_bytes()))
        servers.serve(FINE, node_port, response(NODE))
        servers.serve(FINE, nginx_port, response(STUB.read_bytes()))
        hosts = [*HOSTS.values(), REFUSED, UNTRUSTED, NGINX_DOWN, FINE, "no-such-host.invalid"]
        flags = [flag for host in hosts for flag in ("--origin-metrics-host", host)]
        command = run_command(
            tmp_path,
            *("--duration", "8s", "--origin-metrics-interval", "1s", "--origin-metrics-window", "10s", *flags),
            *("--origin-metrics-node-port", str(node_port), "--origin-metrics-nginx-port", str(nginx_port)),
            *("--origin-metrics", f"https://{UNTRUSTED}:{node_port}/metrics", url),
        )
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "240"}, check=False
        )
    screen = done.stdout + done.stderr
    assert_sound(done.returncode, screen)
    assert "Traceback" not in screen
    expected = [words for _, words in FAULTS.values()]
    for words in (*expected, "refused", "certificate", "nginx refuses stub_status", "no-such-host.invalid"):
        assert words in screen, f"{words!r} is not on the screen:\n{screen}"


def test_an_interrupt_does_not_wait_for_a_scrape(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, stream(tmp_path) as url:
        listener.settimeout(60)
        hanging = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        command = run_command(
            tmp_path,
            *("--origin-metrics", hanging, "--origin-metrics-interval", "1m", "--origin-metrics-window", "2m", url),
        )
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(10)
                    assert connection.recv(4096).startswith(b"GET /metrics")
                    process.send_signal(signal.SIGINT)
                    # Its time limit is 10 s: the scrape was given up. 130: nobody had played yet.
                    assert process.wait(9) in (0, 3, 130)
                    assert connection.recv(4096) == b""
            finally:
                process.kill()
