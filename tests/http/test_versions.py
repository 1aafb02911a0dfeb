"""The same URLs over every version, of nginx and of Caddy, and curl beside: the same bytes, the same outcome."""

import hashlib
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.http.certificates import Certificate, made
from tests.http.running import request, with_client
from tests.support.programs import free_port, require, skip_part, wait_until_listening

from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Http3, Identity, TlsOptions, fetch
from hls_swarm.http.h1.connection import Connection
from hls_swarm.http.h1.stream import TcpStream
from hls_swarm.http.h2.connection import H2Connection
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.h3.driver import is_installed
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.seam import AnyConnection
from hls_swarm.http.tls.context import TlsStream
from hls_swarm.http.tls.skipping import SkippingStream
from hls_swarm.records import Exchange, FailureKind

pytestmark = pytest.mark.system

PLAYLIST, SEGMENT = b"#EXTM3U\n" * 300, os.urandom(1_234_567)
ROUNDS = 3
NGINX = """
{user} daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl http2; root {root}/www;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    location /old/ {{ return 301 /live.m3u8; }}
    location /away/ {{ return 302 /segment.ts; }}
    location /busy/ {{ return 503; }}
  }}
}}
"""
CADDY = """
{{
  auto_https off
  admin off
  default_sni 127.0.0.1
  storage file_system {root}/caddy
}}
(files) {{
  root * {root}/www
  redir /old/* /live.m3u8 301
  redir /away/* /segment.ts 302
  respond /busy/* 503
  file_server
}}
http://127.0.0.1:{port} {{
  import files
}}
https://127.0.0.1:{tls_port} {{
  tls {certificate} {key} {{
    protocols tls1.2 tls1.3
  }}
  import files
}}
"""


class Origin(NamedTuple):
    plain: str
    tls: str


class Version(NamedTuple):
    """A way to ask, what curl is told for it, and what our connections are then made of."""

    tls: bool
    identity: Identity
    most: ssl.TLSVersion | None
    curl: tuple[str, ...]
    stream: type[object]


H1, H2, H3 = Identity(), Identity(http2=Http2.REQUIRED), Identity(http3=Http3.REQUIRED)
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {
    "HTTP/1.1": Version(False, H1, None, ("--http1.1",), TcpStream),
    "HTTP/1.1, TLS 1.2": Version(True, H1, TLS12, ("--http1.1", "--tls-max", "1.2"), TlsStream),
    "HTTP/1.1, TLS 1.3": Version(True, H1, TLS13, ("--http1.1", "--tlsv1.3"), SkippingStream),
    "HTTP/2, TLS 1.2": Version(True, H2, TLS12, ("--http2", "--tls-max", "1.2"), TlsStream),
    "HTTP/2, TLS 1.3": Version(True, H2, TLS13, ("--http2", "--tlsv1.3"), SkippingStream),
}
CONNECTIONS: dict[Identity, type[object]] = {H1: Connection, H2: H2Connection, H3: H3Connection}
HTTP3 = Version(True, H3, None, ("--http2",), QuicPath)
"""Of curl, whose builds seldom speak it, HTTP/2 beside."""
PATHS = {
    "/live.m3u8": None,
    "/segment.ts": None,
    "/empty.ts": None,
    "/missing.ts": FailureKind.HTTP_STATUS,
    "/busy/a": FailureKind.HTTP_STATUS,
    "/old/a": None,
    "/away/a": None,
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return made(tmp_path_factory.mktemp("tls"), "origin.example", "subjectAltName=IP:127.0.0.1")


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def origin(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Origin]:
    root = with_files(tmp_path_factory.mktemp(request.param))
    with serving(request.param, root, certificate) as running:
        yield running


@pytest.fixture(scope="module")
def caddy(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    if not is_installed():
        skip_part("the extra http3 is not installed")
    root = with_files(tmp_path_factory.mktemp("caddy-h3"))
    with serving("caddy", root, certificate) as running:
        yield running


def with_files(root: Path) -> Path:
    (root / "www").mkdir()
    for name, content in (("live.m3u8", PLAYLIST), ("segment.ts", SEGMENT), ("empty.ts", b"")):
        (root / "www" / name).write_bytes(content)
    return root


@contextmanager
def serving(name: str, root: Path, certificate: Certificate) -> Iterator[Origin]:
    program, port, tls_port = require(name), free_port(), free_port()
    names = {"certificate": certificate.certificate, "key": certificate.key, "port": port, "tls_port": tls_port}
    user = "" if os.geteuid() else "user root;"
    config = root / f"{name}.conf"
    config.write_text((NGINX if name == "nginx" else CADDY).format(root=root, user=user, **names))
    command = [program, "-p", str(root), "-c", str(config)]
    if name == "caddy":
        command = [program, "run", "--adapter", "caddyfile", "--config", str(config)]
    environment = os.environ | {"HOME": str(root), "XDG_CONFIG_HOME": str(root), "XDG_DATA_HOME": str(root)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_listening(port)
            wait_until_listening(tls_port)
            yield Origin(f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}")
        finally:
            process.terminate()


def asked_by_curl(url: str, flags: tuple[str, ...]) -> tuple[int, int, bytes]:
    """Status, body bytes of the last answer, and its body, where it succeeds."""
    command = [require("curl"), "--silent", "--insecure", "--location", *flags, "--write-out", "\n%{http_code}", url]
    output = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    body, _, status = output.rpartition(b"\n")
    return int(status), len(body), body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=list(VERSIONS))
def test_the_same_bytes_and_the_same_outcome(
    version: Version, path: str, origin: Origin, certificate: Certificate
) -> None:
    compare(version, path, origin, certificate)


@pytest.mark.parametrize("path", PATHS)
def test_the_same_over_http3(path: str, caddy: Origin, certificate: Certificate) -> None:
    compare(HTTP3, path, caddy, certificate)


def compare(version: Version, path: str, origin: Origin, certificate: Certificate) -> None:
    """Ask our way and curl's."""
    url = (origin.tls if version.tls else origin.plain) + path
    status, size, body = asked_by_curl(url, version.curl)
    options = ClientOptions(tls=TlsOptions(ca_file=certificate.certificate, verify_share=0.0))
    streams: list[object] = []

    async def use(client: Client) -> list[Exchange]:
        limit(client.context, version)
        got = [await fetch(client, request(url, keep_body=True, max_body_bytes=1 << 22))]
        got += [await fetch(client, request(url)) for _ in range(ROUNDS)]
        streams.extend(carrier(connection) for connection in client._connections)
        assert {type(one) for one in client._connections} == {CONNECTIONS[version.identity]}
        return got

    kept, *dropped = with_client(use, options=options, identity=version.identity)
    failure = PATHS[path]
    for exchange in (kept, *dropped):
        assert exchange.status == status
        assert exchange.failure == kept.failure
        assert (exchange.failure and exchange.failure.kind) == failure
        assert exchange.body_bytes == kept.body_bytes
    if failure is None:
        assert kept.body is not None
        assert hashlib.sha256(kept.body).digest() == hashlib.sha256(body).digest()
    redirected = len(kept.final_url) != len(kept.url)
    if not redirected:
        assert kept.body_bytes == size
    assert {type(stream) for stream in streams} == {version.stream}


def carrier(connection: AnyConnection) -> object:
    """What a connection reads from."""
    return connection._path if isinstance(connection, H3Connection) else connection.stream


def limit(context: ClientContext, version: Version) -> None:
    """Let the client speak one version of TLS only."""
    if version.most is not None:
        context.tls(version.identity.http2).context.maximum_version = version.most
