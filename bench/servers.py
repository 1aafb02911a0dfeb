"""What several benchmarks share: an nginx or a Caddy of their own on loopback, and the CPU time of what uses it."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREAMBLE = """
{user} daemon off; worker_processes {workers}; worker_rlimit_nofile 20000; pid {root}/nginx.pid;
error_log {root}/error.log; events {{ worker_connections 19000; }}
http {{
  {log} sendfile on; tcp_nodelay on; keepalive_timeout 120s; keepalive_requests 1000000000;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}{tls} backlog=16384; root {root}/www; {server} }}
}}
"""
_LOG = "log_format exact '$uri $status $body_bytes_sent'; access_log {root}/access.log exact buffer=64k flush=1s;"


def needed(*programs: str) -> None:
    """End with a message if a program is not installed."""
    missing = [name for name in programs if find(name) is None]
    if missing:
        sys.exit(f"this benchmark needs {' and '.join(missing)}")


def find(program: str) -> str | None:
    """Where a program is, in the folders of the administrator too."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(
    root: Path,
    *,
    tls: bool = False,
    log: bool = False,
    workers: int = 1,
    server: str = "",
    version: str = "TLSv1.3",
    http2: bool = False,
) -> Iterator[str]:
    """Serve `root/www`; gives the base URL.

    Args:
        log: write each request to `root/access.log`.
        server: more lines of its configuration.
        version: of TLS, if it is spoken.
        http2: let it speak that.
    """
    program = find("nginx")
    assert program is not None
    (root / "www").mkdir(exist_ok=True)
    root.chmod(0o755)
    port = free_port()
    config = _PREAMBLE.format(
        user="user root root;" if os.geteuid() == 0 else "",
        workers=workers,
        root=root,
        port=port,
        log=_LOG.format(root=root) if log else "access_log off;",
        tls=(" ssl" if tls else "") + (" http2" if http2 else ""),
        server=server + (f"ssl_protocols {version}; {_certificate(root)}" if tls else ""),
    )
    (root / "nginx.conf").write_text(config)
    command = [program, "-p", str(root), "-c", str(root / "nginx.conf"), "-e", str(root / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.terminate()


_CADDYFILE = """
{{
  auto_https off
  admin off
  default_sni 127.0.0.1
  storage file_system {root}/caddy
}}
https://127.0.0.1:{port} {{
  tls {pem} {key}
  root * {root}/www
  @numbered path_regexp ^/seg-[0-9]+\\.ts$
  rewrite @numbered /segment.ts
  log {{
    output file {root}/access.log {{
      roll_disabled
    }}
  }}
  file_server
}}
"""


@contextmanager
def caddy(root: Path) -> Iterator[str]:
    """Serve `root/www` over TLS 1.3, HTTP/1.1, HTTP/2 and HTTP/3, and log to `root/access.log`; gives the base URL."""
    program = find("caddy")
    assert program is not None
    port = free_port()
    _certificate(root)
    (root / "www").mkdir(exist_ok=True)
    config = root / "Caddyfile"
    config.write_text(_CADDYFILE.format(root=root, port=port, pem=root / "cert.pem", key=root / "key.pem"))
    environment = os.environ | {"HOME": str(root), "XDG_CONFIG_HOME": str(root), "XDG_DATA_HOME": str(root)}
    command = [program, "run", "--adapter", "caddyfile", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            _wait_for(port)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()


def cpu_seconds_of(command: list[str]) -> tuple[float, str]:
    """CPU time of one command, start-up included, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=sys.stderr, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, output


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the server did not start")


def _certificate(root: Path) -> str:
    key, pem = root / "key.pem", root / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(command, check=True, capture_output=True)
    return f" ssl_certificate {pem}; ssl_certificate_key {key};"
