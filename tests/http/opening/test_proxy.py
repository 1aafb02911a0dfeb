"""Through an HTTP proxy: absolute-form for http, a tunnel for https (RFC 9110 7.7, 9.3.6)."""

import ssl
import subprocess
from pathlib import Path

import pytest
from tests.http.running import fetched, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.errors import SettingsError
from hls_swarm.http import Client, ClientContext, ClientOptions, TlsOptions
from hls_swarm.records import FailureKind


def test_http_is_asked_for_in_absolute_form() -> None:
    with scripted(lambda turn: turn.send(response(b"proxied"))) as proxy:
        options = ClientOptions(proxy=f"http://me:secret@127.0.0.1:{proxy.port}")
        got = fetched("http://origin.example/live/a.m3u8?x=1", keep_body=True, options=options)
    assert got.body == b"proxied"
    lines = proxy.heads[0].split(b"\r\n")
    assert lines[:2] == [b"GET http://origin.example/live/a.m3u8?x=1 HTTP/1.1", b"Host: origin.example"]
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in lines


def test_https_goes_through_a_tunnel(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=o", "-addext", "subjectAltName=DNS:origin.example"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    inner: list[bytes] = []

    def script(turn: Turn) -> None:
        turn.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with server.wrap_socket(turn.sock, server_side=True) as tls:
            inner.append(tls.recv(65536))
            tls.sendall(response(b"tunnelled", "200 OK", "Connection: close"))
            tls.unwrap()

    with scripted(script) as proxy:
        options = ClientOptions(
            proxy=f"http://me:secret@127.0.0.1:{proxy.port}", tls=TlsOptions(ca_file=str(certificate))
        )
        got = fetched("https://origin.example/a", keep_body=True, options=options)
    assert (got.failure, got.body, got.requests_sent) == (None, b"tunnelled", 1)
    assert proxy.heads[0].split(b"\r\n") == [
        b"CONNECT origin.example:443 HTTP/1.1",
        b"Host: origin.example:443",
        b"Proxy-Authorization: Basic bWU6c2VjcmV0",
    ]
    assert inner[0].startswith(b"GET /a HTTP/1.1\r\nHost: origin.example\r\n")
    assert b"Proxy-Authorization" not in inner[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(response(b"", "407 Auth"), "proxy answered CONNECT with status 407", id="refused"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nearly", "proxy sent bytes ahead of the tunnel", id="early bytes"),
        pytest.param(b"SOCKS?\r\n\r\n", "proxy answered what is not HTTP", id="no HTTP"),
        pytest.param(None, "proxy closed the connection", id="closed"),
    ],
)
def test_tunnel_that_is_not_opened_is_a_connect_failure(answer: bytes | None, words: str) -> None:
    def script(turn: Turn) -> None:
        if answer is None:
            turn.close()
        turn.send(answer or b"")

    with scripted(script) as proxy:
        got = fetched("https://origin.example/", options=ClientOptions(proxy=f"http://127.0.0.1:{proxy.port}"))
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.CONNECT, 0)
    assert words in got.failure.detail


@pytest.mark.parametrize("url", ["127.0.0.1:3128", "https://127.0.0.1/", "socks5://127.0.0.1/"])
def test_proxy_that_is_none_is_a_settings_error(url: str) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(SettingsError, match="--proxy"):
            ClientContext(client.context.loop, ClientOptions(proxy=url))

    with_client(use)
