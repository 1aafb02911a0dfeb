"""What the origin is known by over TLS."""

import datetime as dt
import ssl
from pathlib import Path

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.testorigin.serving.certificate import make_certificate, server_context

NAMES = ("localhost", "127.0.0.1", "::1", "origin.example", "localhost")


@pytest.mark.parametrize("name", [*NAMES, "other.example"])
def test_a_client_that_trusts_the_certificate_knows_the_origin_by_its_names(name: str, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, NAMES, dt.datetime.now(dt.UTC))
    assert key.stat().st_mode & 0o777 == 0o600
    context = ssl.create_default_context(cafile=str(certificate))
    context.set_alpn_protocols(["h2"])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(down, up, server_hostname=name)
    theirs = server_context(certificate, key).wrap_bio(up, down, server_side=True)

    def shake() -> None:
        for _ in range(4):
            for end in (ours, theirs):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue

    if name == "other.example":
        with pytest.raises(ssl.SSLCertVerificationError):
            shake()
    else:
        shake()
        assert (ours.selected_alpn_protocol(), ours.version()) == ("h2", "TLSv1.3")


def test_files_that_can_not_be_used(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, ["localhost"], dt.datetime.now(dt.UTC))
    (tmp_path / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    server_context(tmp_path / "both.pem", None)
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for files, words in (
        ((tmp_path / "none.pem", None), f"certificate {tmp_path}/none.pem: no such file"),
        ((certificate, tmp_path / "none.pem"), f"certificate {tmp_path}/none.pem: no such file"),
        ((text, None), f"certificate {text}: "),
        ((certificate, text), f"certificate {certificate} and key {text}: "),
        ((certificate, None), f"certificate {certificate}: "),
    ):
        with pytest.raises(SettingsError, match=words):
            server_context(*files)
