"""Request header fields: one block of bytes made once for all requests that share it.

Rules:

- Host comes first, then the client's own fields, then added ones in their order (RFC 9110 5.3: order across names
  carries no meaning, but real players have a fixed one).
- A later field replaces an earlier one of the same name, where that one stands.
- Credentials can be left out, for another origin than the one they are for (RFC 9110 15.4): fields that are known to
  carry some, those whose names say so, those that the user names, and any with a viewer's own secret in it.
- No value can end its line: CR, LF and NUL are refused (RFC 9110 5.5).
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

import msgspec

from hls_swarm.http.h1.content import ACCEPT_ENCODING

Fields = tuple[tuple[str, str], ...]


class RequestBlock(Protocol):
    """See `FieldCoding`."""

    def __call__(self, path: str, authority: str, *, tls: bool, method: str = "GET") -> bytes:
        """Encode."""


class FieldCoding(NamedTuple):
    """How HTTP/2 or HTTP/3 encodes the fields of a request, without a dynamic table.

    Attributes:
        request_block: path, authority, whether over TLS, method: the pseudo-header fields, with which a block begins.
        field_literals: fields; Host is left out, which is the authority.
        block_literals: the same for fields that many requests share.
        plain_block: a request as HTTP/1.1 has it: request line, Host field, whether over TLS, other fields. It is
            remembered by these, as the hash of bytes is known once it was asked for.
    """

    request_block: RequestBlock
    field_literals: Callable[[Fields], bytes]
    block_literals: Callable[[Fields], bytes]
    plain_block: Callable[[bytes, bytes, bool, bytes], bytes]


def field_coding(request_block: RequestBlock, field_literals: Callable[[Fields], bytes]) -> FieldCoding:
    """A coding in which nothing depends on what was sent before: what many requests share is encoded once."""

    @lru_cache(maxsize=4096)
    def plain_block(request_line: bytes, host_line: bytes, tls: bool, lines: bytes) -> bytes:
        path, authority, fields = _asked_plainly(request_line, host_line, lines)
        return request_block(path, authority, tls=tls) + field_literals(fields)

    return FieldCoding(request_block, field_literals, lru_cache(maxsize=1024)(field_literals), plain_block)


_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE = re.compile(r"[\x00\r\n]")
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_SECRET_WORDS = frozenset(
    {"apikey", "auth", "authorization", "credential", "credentials", "jwt", "key", "passwd", "password", "secret"}
) | {"signature", "token"}
_WORDS = re.compile(r"[a-z0-9]+")
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "expect", "te"})


class FieldBlock(msgspec.Struct, frozen=True):
    """Header fields ready to be sent.

    Attributes:
        fields: what they are made of.
        full: with line ends, without the last empty line.
        public: the same without credentials; `shared` is what that is made of.
        names: of all of them, in lower case.
    """

    fields: Fields
    full: bytes
    public: bytes
    names: frozenset[str]
    shared: Fields


def default_fields(user_agent: str) -> Fields:
    """What the client sends by itself; no User-Agent if it is empty."""
    agent = (("User-Agent", user_agent),) if user_agent else ()
    return (*agent, ("Accept", "*/*"), ("Accept-Encoding", ACCEPT_ENCODING))


def check_field(name: str, value: str) -> None:
    """Refuse what would not arrive as this one field.

    Raises:
        ValueError: a malformed name or value, or a field that only the client itself can set.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a header field name: {name!r}")
    if _UNSAFE.search(value):
        raise ValueError(f"line end in the value of header field {name}")
    if name.lower() in _FRAMING:
        raise ValueError(f"header field {name} is the client's own to set")


def is_secret(name: str) -> bool:
    """Whether a field's name, in any case, says that its value is a secret: `X-Api-Key`, `X-Auth-Token`."""
    name = name.lower()
    return name in _CREDENTIALS or not _SECRET_WORDS.isdisjoint(_WORDS.findall(name))


def field_block(
    base: Fields, *more: Fields, sensitive: frozenset[str] = frozenset(), secret: str | None = None
) -> FieldBlock:
    """Put fields together; later ones replace earlier ones of the same name.

    Args:
        sensitive: names, in lower case, that are credentials too.
        secret: what makes a field one in whose value it stands.

    Raises:
        ValueError: see `check_field`.
    """
    merged = list(base)
    for fields in more:
        for name, value in fields:
            check_field(name, value)
        replaced = {name.lower() for name, _ in fields}
        standing = [name.lower() for name, _ in merged]
        at = {name: standing.index(name) for name in replaced if name in standing}
        added: list[tuple[str, str]] = []
        for name, value in fields:
            place = at.pop(name.lower(), None)
            if place is None:
                added.append((name, value))
            else:
                merged[place] = (name, value)
        merged += added
    shared = tuple(
        (name, value)
        for name, value in merged
        if not (is_secret(name) or name.lower() in sensitive or (secret and secret in value))
    )
    return FieldBlock(
        fields=tuple(merged),
        full=_lines(merged),
        public=_lines(shared),
        names=frozenset(name.lower() for name, _ in merged),
        shared=shared,
    )


def extended(block: FieldBlock, more: Fields) -> FieldBlock:
    """A block with one request's own fields, which are seldom the same twice.

    Raises:
        ValueError: see `check_field`.
    """
    names = frozenset(name.lower() for name, _ in more)
    if not names.isdisjoint(block.names) or any(map(_is_secret, names)):
        return field_block(block.fields, more)
    for name, value in more:
        check_field(name, value)
    lines = _lines(more)
    return FieldBlock(
        block.fields + more, block.full + lines, block.public + lines, block.names | names, block.shared + more
    )


def _asked_plainly(request_line: bytes, host_line: bytes, lines: bytes) -> tuple[str, str, Fields]:
    """Path, authority and fields of a request as HTTP/1.1 has it."""
    pairs = (line.partition(": ") for line in lines.decode("utf-8").split("\r\n")[:-1])
    path, authority = request_line[4:-11].decode("ascii"), host_line[6:-2].decode("ascii")
    return path, authority, tuple((name, value) for name, _, value in pairs)


_is_secret = lru_cache(maxsize=256)(is_secret)


def _lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value.strip()}\r\n" for name, value in fields).encode("utf-8")
