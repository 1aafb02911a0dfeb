"""Chains of certificates judged without OpenSSL: the same verdicts as over TCP."""

import ssl
import subprocess
import time
from pathlib import Path

import pytest

from hls_swarm.http import TlsOptions
from hls_swarm.http.tls.chains import Chains, trusted_by

now = time.time() + 3600
"""Later than the certificates are made, which begin with the second that they are made in."""
DAYS = 86400


@pytest.fixture(scope="module")
def ders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An authority, one below it, servers of both, and one that is its own."""
    folder = tmp_path_factory.mktemp("chains")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    def signed(name: str, by: str, *extensions: str) -> None:
        (folder / f"{name}.ext").write_text("\n".join(extensions))
        run("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        run(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial"),
            *("-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )

    for name in ("root", "stranger"):
        run("req", "-x509", *key, "-days", "9", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    signed("below", "root", "basicConstraints=critical,CA:TRUE")
    signed("no authority", "root", "basicConstraints=critical,CA:FALSE")
    names = "subjectAltName=DNS:origin.example,DNS:*.cdn.example,IP:192.0.2.7"
    signed("server", "root", names)
    signed("deep", "below", names)
    signed("forged", "no authority", names)
    signed("client", "root", names, "extendedKeyUsage=clientAuth")
    signed("nameless", "root", "basicConstraints=CA:FALSE")
    own = ("-addext", "subjectAltName=DNS:origin.example")
    run("req", "-x509", *key, "-days", "2", "-subj", "/CN=own", *own, "-keyout", "own.key", "-out", "own.pem")
    return {path.stem: ssl.PEM_cert_to_DER_cert(path.read_text()) for path in folder.glob("*.pem")}


CASES = [
    ("signed", ["server"], "origin.example", None),
    ("and its authority with it", ["server", "root"], "origin.example", None),
    ("by one below", ["deep", "below"], "origin.example", None),
    ("by one that is not shown", ["deep"], "origin.example", "no chain to an accepted authority"),
    ("by one that is no authority", ["forged", "no authority"], "origin.example", "no chain to an accepted authority"),
    ("its own, which was named", ["own"], "origin.example", None),
    ("its own, which nobody named", ["stranger"], "origin.example", "hostname mismatch"),
    ("an address", ["server"], "192.0.2.7", None),
    ("another address", ["server"], "192.0.2.8", "hostname mismatch"),
    ("any name below", ["server"], "a.cdn.example", None),
    ("not two below", ["server"], "a.b.cdn.example", "hostname mismatch"),
    ("nor the name itself", ["server"], "cdn.example", "hostname mismatch"),
    ("another name", ["server"], "example", "hostname mismatch"),
    ("no names", ["nameless"], "nameless", "hostname mismatch"),
    ("for clients", ["client"], "origin.example", "no chain to an accepted authority"),
    ("nothing", [], "origin.example", "none was shown"),
]


@pytest.mark.parametrize(("names", "host", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_may_speak_for_a_host(names: list[str], host: str, words: str | None, ders: dict[str, bytes]) -> None:
    chains = Chains([ders["root"], ders["own"]])
    now = time.time()
    for _ in range(2):  # the second time from memory
        said = chains.refusal(tuple(ders[name] for name in names), host, now)
        assert said is None if words is None else words in (said or "")


def test_times_and_what_is_no_certificate(ders: dict[str, bytes]) -> None:
    chain, now = (ders["server"],), time.time()
    chains = Chains([ders["root"]])
    assert chains.refusal(chain, "origin.example", now + 3 * DAYS) == "certificate has expired"
    chains = Chains([ders["root"]])  # one remembers what it said
    assert chains.refusal(chain, "origin.example", now - 3 * DAYS) == "certificate is not yet valid"
    assert chains.refusal((b"nonsense",), "origin.example", now) == "it is no certificate"
    assert Chains([]).refusal(chain, "origin.example", now) == "unable to get local issuer certificate"


def test_authorities(tmp_path: Path, ders: dict[str, bytes]) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(ders["root"]) + ssl.DER_cert_to_PEM_cert(ders["own"]))
    assert set(trusted_by(TlsOptions(ca_file=str(file)))) == {ders["root"], ders["own"]}
    Chains(trusted_by(TlsOptions()))  # the system's, whatever they are
