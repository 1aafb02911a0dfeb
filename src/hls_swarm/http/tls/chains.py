"""Whether a certificate chain may speak for a host, where no OpenSSL connection is there to say so: for QUIC.

Rules:

- What is accepted is what OpenSSL accepts over TCP, as far as that matters here: a chain to one of the authorities, for
  TLS servers, valid now, with the host among its alternative names; or a certificate that is itself one of those that
  the user named.
- All viewers of a stream meet one chain: what came of it is remembered for `_REMEMBERED_SECONDS`, so that it costs one
  check and not one for each connection.
"""

import ipaddress
import re
import ssl
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from hls_swarm.http.options import TlsOptions

_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 256
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s")


class Chains:
    """Judges chains of certificates for one event loop.

    Args:
        trusted: certificates of the authorities, DER.
    """

    def __init__(self, trusted: list[bytes]) -> None:
        self._trusted = frozenset(trusted)
        authorities = _loaded(trusted)
        self._store = Store(authorities) if authorities else None
        self._known: dict[tuple[str, tuple[bytes, ...]], tuple[float, str | None]] = {}

    def refusal(self, chain: tuple[bytes, ...], host: str, now: float) -> str | None:
        """Why this chain may not speak for the host, in a few words; None: it may.

        Args:
            chain: DER, the server's own first.
            now: seconds since 1970.
        """
        key = (host, chain)
        before = self._known.get(key)
        if before is not None and now < before[0]:
            return before[1]
        words = self._judged(chain, host, datetime.fromtimestamp(now, UTC))
        while len(self._known) >= _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = now + _REMEMBERED_SECONDS, words
        return words

    def _judged(self, chain: tuple[bytes, ...], host: str, now: datetime) -> str | None:
        if not chain:
            return "none was shown"
        try:
            leaf, *others = map(x509.load_der_x509_certificate, chain)
        except ValueError:
            return "it is no certificate"
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            return "certificate has expired" if now > leaf.not_valid_after_utc else "certificate is not yet valid"
        if not _names(leaf, host):
            return f"hostname mismatch, certificate is not valid for '{host}'"
        if chain[0] in self._trusted:
            return None
        if self._store is None:
            return "unable to get local issuer certificate"
        verifier = (
            PolicyBuilder()
            .store(self._store)
            .time(now)
            .extension_policies(ca_policy=_AUTHORITIES, ee_policy=_SERVERS)
            .build_server_verifier(_subject(host))
        )
        try:
            verifier.verify(leaf, others)
        except VerificationError as error:
            return f"no chain to an accepted authority ({str(error).lower()})"
        return None


def trusted_by(options: TlsOptions) -> list[bytes]:
    """Certificates of the authorities that the options name, else the system's; DER.

    Raises:
        OSError: the file can not be read, or is none.
    """
    found = ssl.create_default_context(cafile=options.ca_file).get_ca_certs(binary_form=True)
    folder = ssl.get_default_verify_paths().capath
    if found or options.ca_file is not None or folder is None:
        return found
    # A system that keeps them in a folder, where OpenSSL reads each when it is needed.
    files = (path.read_text("ascii", "replace") for path in Path(folder).iterdir() if path.is_file())
    return [ssl.PEM_cert_to_DER_cert(block) for text in files for block in _PEM.findall(text)]


def _loaded(trusted: list[bytes]) -> list[x509.Certificate]:
    """Those that can be read: a system's authorities are not all as today's rules have them."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # of one whose serial number is 0
        for der in trusted:
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(der))
    return found


def _is_authority(_policy: Policy, _certificate: x509.Certificate, extension: x509.BasicConstraints | None) -> None:
    if extension is None or not extension.ca:
        raise ValueError("a certificate that is no authority's signed another one")


def _serves(_policy: Policy, _certificate: x509.Certificate, extension: x509.ExtendedKeyUsage | None) -> None:
    if extension is not None and not {x509.oid.ExtendedKeyUsageOID.SERVER_AUTH, _ANY_USAGE}.intersection(extension):
        raise ValueError("unsuitable certificate purpose")


_ANY_USAGE = x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_AUTHORITIES = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
_SERVERS = (
    ExtensionPolicy.permit_all()
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _serves)
)


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _names(leaf: x509.Certificate, host: str) -> bool:
    """Whether the host is among the certificate's alternative names (RFC 9525 6)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    subject = _subject(host)
    if isinstance(subject, x509.IPAddress):
        return subject.value in names.get_values_for_type(x509.IPAddress)
    return any(_matches(pattern.lower(), host) for pattern in names.get_values_for_type(x509.DNSName))


def _matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        first, dot, rest = host.partition(".")
        return bool(first and dot) and rest == pattern[2:] and "." in rest
    return pattern == host
