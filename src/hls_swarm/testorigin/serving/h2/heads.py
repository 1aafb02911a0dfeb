"""Field blocks as the origin reads and writes them (HPACK, RFC 7541; requests as RFC 9113 8.3 has them).

Rules:

- A client may use its dynamic table before it knows what it is allowed, so what comes is read with one. A block that
  leaves the empty table empty means the same on every connection, and is parsed once for all: viewers ask for the same.
- What is sent uses no table, so that it too is the same bytes each time. Each block says so, since a client that offers
  less than the usual table waits for that (RFC 7541 4.2).
"""

from functools import lru_cache
from typing import NamedTuple

from hpack import Decoder
from hpack.exceptions import HPACKError

from hls_swarm.http.h2.fields import field_literals
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError
from hls_swarm.testorigin.serving.answers import KEPT_HEADERS

_SIZE_CHANGES = frozenset(bytes((first,)) for first in range(0x20, 0x40))
_USUAL_TABLE = 4096
_NO_TABLE = b"\x20"
_LIST_LIMIT_BYTES = 64 << 10
_CACHED_BLOCKS = 4096
_STATUSES = {200: b"\x88", 204: b"\x89", 206: b"\x8a", 304: b"\x8b", 400: b"\x8c", 404: b"\x8d", 500: b"\x8e"}
_NOT_IN_HTTP2 = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})


class Asked(NamedTuple):
    """A request's head.

    Attributes:
        headers: the fields in `KEPT_HEADERS`.
        is_malformed: it is no request (RFC 9113 8.1.1).
    """

    method: str
    target: str
    headers: dict[bytes, str]
    is_malformed: bool = False


class HeadReader:
    """Reads the blocks of one connection, in their order."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        self._decoder = Decoder(_LIST_LIMIT_BYTES)

    def read(self, block: bytes) -> Asked:
        """The request that a block is.

        Raises:
            ProtocolError: it can not be read, and so no later one can.
        """
        header_table = self._decoder.header_table
        table = header_table.dynamic_entries
        # A change of the table's size means something even if the table is empty, and a smaller one may stay empty.
        is_stateless = not table and header_table.maxsize == _USUAL_TABLE and block[:1] not in _SIZE_CHANGES
        if is_stateless and (known := _known.get(block)) is not None:
            return known
        try:
            fields = self._decoder.decode(block, raw=True)
        except HPACKError as error:
            raise ProtocolError(ErrorCode.COMPRESSION_ERROR, str(error).lower().rstrip(".")) from None
        asked = _asked([(bytes(name), bytes(value)) for name, value in fields])
        if is_stateless and not table:
            if len(_known) >= _CACHED_BLOCKS:
                _known.clear()
            _known[block] = asked
        return asked


_known: dict[bytes, Asked] = {}


def _asked(fields: list[tuple[bytes, bytes]]) -> Asked:
    pseudo: dict[bytes, str] = {}
    headers: dict[bytes, str] = {}
    cookies: list[str] = []
    is_malformed, is_regular = False, False
    for name, value in fields:
        text = value.decode("latin-1")
        if name.startswith(b":"):
            is_malformed |= is_regular or name in pseudo or name not in _PSEUDO
            pseudo[name] = text
            continue
        is_regular = True
        is_malformed |= name != name.lower() or name in _NOT_IN_HTTP2 or (name == b"te" and value != b"trailers")
        if name == b"cookie":
            cookies.append(text)
        elif name in KEPT_HEADERS:
            headers[name] = text
    if cookies:
        headers[b"cookie"] = "; ".join(cookies)
    if b":authority" in pseudo:
        headers[b"host"] = pseudo[b":authority"]
    method, target = pseudo.get(b":method", ""), pseudo.get(b":path", "")
    is_whole = bool(method) and (method == "CONNECT" or (bool(target) and b":scheme" in pseudo))
    return Asked(method, target, headers, is_malformed or not is_whole)


def status_block(status: int) -> bytes:
    """What an answer's block begins with: no table, and its status."""
    return _NO_TABLE + (_STATUSES.get(status) or b"\x08\x03%d" % status)


@lru_cache(maxsize=512)
def line_literals(lines: bytes) -> bytes:
    """Header lines, each with its line end, as fields."""
    pairs = (line.partition(": ") for line in lines.decode("latin-1").split("\r\n") if line)
    return field_literals(tuple((name, value) for name, _, value in pairs))
