import ssl

import pytest
from tests.http.certificates import Certificate, made

from hls_swarm.http import ClientOptions, TlsOptions


@pytest.fixture(scope="session")
def server_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return made(tmp_path_factory.mktemp("tls"), "origin.example", "subjectAltName=DNS:origin.example,IP:127.0.0.1")


@pytest.fixture
def server_tls(server_certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server_certificate)
    return context


@pytest.fixture
def trusting(server_certificate: Certificate) -> ClientOptions:
    return ClientOptions(tls=TlsOptions(ca_file=server_certificate.certificate))
