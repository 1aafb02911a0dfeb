"""TLS 1.3 record protection of one direction (RFC 8446 5.2 to 5.4, 7.1 to 7.3): pure, no socket.

A record is `header(5) + AEAD(content + type(1) + padding zeros)`: its header, in the clear, says how long the protected
part is, and without padding the content is 17 bytes shorter.
"""

import hashlib
import hmac
import ssl
import struct
from collections.abc import Callable
from operator import xor
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from hls_swarm.http.tls.sizes import (
    CONTENT_LIMIT_BYTES,
    HEADER_BYTES,
    OVERHEAD_BYTES,
    PROTECTED_LIMIT_BYTES,
    TAG_BYTES,
)

ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23
GLIMPSE_BYTES = 16
"""How much of a record's content can be looked at ahead: one block of AES."""
_LEGACY_VERSION = b"\x03\x03"
_TYPES = tuple(bytes((number,)) for number in range(256))
_APPLICATION_HEADER = bytes((APPLICATION_DATA,)) + _LEGACY_VERSION


class Suite(NamedTuple):
    """What a cipher suite protects records with."""

    aead: Callable[[bytes], AESGCM | ChaCha20Poly1305]
    key_bytes: int
    digest: str


SUITES = {
    "TLS_AES_128_GCM_SHA256": Suite(AESGCM, 16, "sha256"),
    "TLS_AES_256_GCM_SHA384": Suite(AESGCM, 32, "sha384"),
    "TLS_CHACHA20_POLY1305_SHA256": Suite(ChaCha20Poly1305, 32, "sha256"),
}
"""By the name that `ssl` gives them. The CCM suites are not offered by OpenSSL's default."""


class Opened(NamedTuple):
    """A record's inside."""

    content_type: int
    content: memoryview
    padding_bytes: int


class Protection:
    """One direction of one connection.

    Attributes:
        sequence: number of the next record.
    """

    __slots__ = ("_aead", "_blocks", "_iv", "_key", "_secret", "_suite", "sequence")

    def __init__(self, suite: Suite, secret: bytes, sequence: int = 0) -> None:
        self._suite = suite
        self._secret = secret
        self.sequence = sequence
        self._blocks: CipherContext | None = None
        self._set_keys()

    def open(self, header: bytes, protected: bytes | memoryview, into: memoryview) -> Opened:
        """The record that is next in turn.

        Args:
            into: where its content is put, at the beginning.

        Raises:
            ssl.SSLError: it was not protected with this key and number, or holds no type.
        """
        nonce = (self._iv ^ self.sequence).to_bytes(12, "big")
        try:
            end = self._aead.decrypt_into(nonce, protected, header, into[: len(protected) - TAG_BYTES])
        except InvalidTag:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "bad record mac") from None
        self.sequence += 1
        padding = 0
        if not end or not into[end - 1]:
            padding = end - len(bytes(into[:end]).rstrip(b"\0"))
            end -= padding
            if not end:
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, "record without a type")
        return Opened(into[end - 1], into[: end - 1], padding)

    def open_whole(self, record: bytes) -> bytes | None:
        """The data in a record, if these bytes are one and nothing else is in it, as is usual; else None: ask `open`.

        Raises:
            ssl.SSLError: it was not protected with this key and number.
        """
        length = len(record) - HEADER_BYTES
        if not OVERHEAD_BYTES < length <= PROTECTED_LIMIT_BYTES:
            return None
        header = _APPLICATION_HEADER + length.to_bytes(2, "big")
        if not record.startswith(header):
            return None
        try:
            inner = self._aead.decrypt((self._iv ^ self.sequence).to_bytes(12, "big"), record[HEADER_BYTES:], header)
        except InvalidTag:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "bad record mac") from None
        if inner[-1] != APPLICATION_DATA:
            return None
        self.sequence += 1
        return inner[:-1]

    def glimpse(self, protected: bytes, ahead: int) -> bytes:
        """What the content of a record begins with, not authenticated; nothing where a cipher does not allow it.

        AES-GCM encrypts in counter mode, from a counter of 2 on (NIST SP 800-38D 7.1).

        Args:
            protected: what its protected part begins with, at most `GLIMPSE_BYTES`.
            ahead: how many records come before it.
        """
        if self._suite.aead is not AESGCM:
            return b""
        if self._blocks is None:  # kept, as to make it takes 20 times as long as to use it
            self._blocks = Cipher(AES(self._key), ECB()).encryptor()  # noqa: S305 - the block cipher that CTR is made of
        stream = self._blocks.update((self._iv ^ (self.sequence + ahead)).to_bytes(12, "big") + b"\0\0\0\2")
        return bytes(map(xor, protected, stream))

    def seal(self, content_type: int, content: bytes) -> bytes:
        """The records that carry a content, in turn."""
        size = len(content)
        if size > CONTENT_LIMIT_BYTES:
            pieces = [content[at : at + CONTENT_LIMIT_BYTES] for at in range(0, size, CONTENT_LIMIT_BYTES)]
            return b"".join([self.seal(content_type, piece) for piece in pieces])
        header = _APPLICATION_HEADER + (size + OVERHEAD_BYTES).to_bytes(2, "big")
        nonce = (self._iv ^ self.sequence).to_bytes(12, "big")
        self.sequence += 1
        return header + self._aead.encrypt(nonce, content + _TYPES[content_type], header)

    def update(self) -> None:
        """Go on with the next generation of the key (RFC 8446 7.2)."""
        digest = self._suite.digest
        self._secret = _expand(self._secret, b"traffic upd", hashlib.new(digest).digest_size, digest)
        self.sequence = 0
        self._set_keys()

    def _set_keys(self) -> None:
        suite = self._suite
        self._key, iv = _key_and_iv(suite, self._secret)
        self._aead = suite.aead(self._key)
        self._iv = int.from_bytes(iv, "big")
        self._blocks = None


def _key_and_iv(suite: Suite, secret: bytes) -> tuple[bytes, bytes]:
    """What a secret protects with (RFC 8446 7.3)."""
    return _expand(secret, b"key", suite.key_bytes, suite.digest), _expand(secret, b"iv", 12, suite.digest)


def protected_bytes(header: bytes) -> int:
    """Length of what follows a record's header.

    Raises:
        ssl.SSLError: it is no header of protected records, or tells more than a record may hold.
    """
    length = header[3] << 8 | header[4]
    if header[0] != APPLICATION_DATA or header[1:3] != _LEGACY_VERSION:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"unexpected record of type {header[0]}")
    if not OVERHEAD_BYTES <= length <= PROTECTED_LIMIT_BYTES:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"record of {length} bytes")
    return length


def _expand(secret: bytes, label: bytes, length: int, digest: str) -> bytes:
    """HKDF-Expand-Label of RFC 8446 7.1 with an empty context, for at most one digest's length."""
    info = struct.pack(">HB", length, 6 + len(label)) + b"tls13 " + label + b"\0"
    return hmac.new(secret, info + b"\1", digest).digest()[:length]
