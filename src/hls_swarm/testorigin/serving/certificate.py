"""What the origin is known by over TLS: a certificate that it was given, or one that it makes for itself."""

import datetime as dt
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from hls_swarm.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

_PROTOCOLS = ["h2", "http/1.1"]
_DAYS = 30


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What handshakes are made with: TLS 1.2 or 1.3, and HTTP/2 where the client has it.

    Args:
        certificate: PEM, with those that signed it.
        key: PEM; None: it is in the same file.

    Raises:
        SettingsError: a file that is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(_PROTOCOLS)
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        words = (error.reason or "not in PEM format").replace("_", " ").lower()
        raise SettingsError(f"certificate {certificate}{'' if key is None else f' and key {key}'}: {words}") from None
    except OSError as error:
        missing = certificate if key is None or not certificate.exists() else key
        raise SettingsError(f"certificate {missing}: {(error.strerror or str(error)).lower()}") from None
    return context


def make_certificate(folder: Path, names: Iterable[str], now: dt.datetime) -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key, as files in a folder.

    Args:
        names: hosts and addresses that it is for.
        now: it is valid from a day before, for a month.
    """
    # Here, as it takes a tenth of a second of processor time, which an origin without TLS should not spend.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hls-swarm origin")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in dict.fromkeys(names)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.touch(0o600)
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


def _general_name(name: str) -> "GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
