"""Certificates of an origin that speaks HTTP/3."""

import importlib.util
import ssl
from pathlib import Path

import pytest
from tests.http.certificates import Certificate, made
from tests.support.programs import skip_part

from hls_swarm.http import ClientOptions, TlsOptions


@pytest.fixture(scope="session")
def extra() -> None:
    """What every test of a connection needs."""
    if importlib.util.find_spec("qh3") is None:
        skip_part("the extra http3 is not installed")


@pytest.fixture(scope="session")
def pem(extra: None, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("h3")
    return made(folder, "localhost", "subjectAltName=IP:127.0.0.1,DNS:localhost")


@pytest.fixture
def server_tls(pem: Certificate) -> ssl.SSLContext:
    """What the same origin has over TCP."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pem)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
def trusting(pem: Certificate) -> ClientOptions:
    return ClientOptions(tls=TlsOptions(ca_file=pem.certificate))
