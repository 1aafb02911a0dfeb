"""How many TLS handshakes one core of this machine can make a second, as a client: found out in memory, in a moment.

Both ends are OpenSSL in this process, and only the client's steps count. The certificate is one of a P-256 key, as most
servers have; one with more of a chain, or an RSA key, takes a client a little longer or shorter.
"""

import datetime as dt
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

_HANDSHAKES = 30
OVERHEAD = 3.0
"""What opening a connection costs by what its handshake costs in a loop like this one: measured with a viewer's client
against nginx. Connecting, the first request, keys, a session to resume, and code that has left the caches."""


def handshakes_per_second(clock: Callable[[], float] = process_time) -> float:
    """Connections over TLS that one core can open a second; takes about a tenth of a second.

    Args:
        clock: processor seconds of this process.
    """
    server = _server_context()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    _handshake(client, server, clock)  # the first one loads what all need
    seconds = sum(_handshake(client, server, clock) for _ in range(_HANDSHAKES))
    return _HANDSHAKES / (seconds * OVERHEAD) if seconds > 0 else float("inf")


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext, clock: Callable[[], float]) -> float:
    """What one costs the client, in seconds."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname="origin.example")
    theirs = server.wrap_bio(up, down, server_side=True)
    spent, done = 0.0, False
    while not done:
        began = clock()
        done = _step(ours)
        spent += clock() - began
        _step(theirs)
    return spent


def _step(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _server_context() -> ssl.SSLContext:
    # Here, as it takes a tenth of a second of processor time, which a run without https should not spend.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "origin.example")])
    day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(file)
    return context
