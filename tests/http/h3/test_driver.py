"""QUIC as all connections of an event loop are set up for it."""

from pathlib import Path

import pytest
from tests.http.certificates import Certificate, made

from hls_swarm.errors import SettingsError
from hls_swarm.http import TlsOptions
from hls_swarm.http.h3.driver import QuicSetup, is_installed


def test_without_the_extra_it_is_said_how_to_get_it() -> None:
    assert not is_installed(lambda name: None)
    with pytest.raises(SettingsError) as caught:
        QuicSetup(TlsOptions(), lambda name: None)
    assert str(caught.value) == "HTTP/3 needs the extra http3: pip install 'hls-swarm[http3]'"


@pytest.mark.usefixtures("extra")
def test_files_that_are_of_no_use(pem: Certificate, tmp_path: Path) -> None:
    missing, empty = str(tmp_path / "missing.pem"), tmp_path / "empty.pem"
    empty.touch()
    other = made(tmp_path, "other")
    for options, words in (
        (TlsOptions(ca_file=missing), f"CA file {missing}: no such file or directory"),
        (TlsOptions(ca_file=str(empty)), f"CA file {empty}: "),
        (TlsOptions(certificate=missing, key=other.key), f"client certificate {missing}: no such file"),
        (TlsOptions(certificate=str(empty), key=other.key), f"client certificate {empty}: "),
        (TlsOptions(certificate=other.certificate), f"client certificate {other.certificate}: no private key for it"),
    ):
        with pytest.raises(SettingsError) as caught:
            QuicSetup(options)
        assert str(caught.value).lower().startswith(words.lower())
    QuicSetup(TlsOptions(ca_file=pem.certificate, certificate=other.certificate, key=other.key))
