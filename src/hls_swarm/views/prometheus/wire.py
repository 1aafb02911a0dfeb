"""Protocol buffers and snappy, as far as Prometheus' formats need them: written, never read (pure).

Both formats are fixed for good and a page of metrics uses five kinds of field, so these lines stand in the place of two
libraries with compiled parts. Sources: Protocol Buffers, Encoding; snappy, format_description.txt.
"""

from collections.abc import Iterable
from struct import pack

_VARINT, _DOUBLE, _BYTES = 0, 1, 2
_MOST_LITERAL_BYTES = 1 << 16


def varint(number: int) -> bytes:
    """A whole number in groups of seven bits, the lowest first; one below 0 as 64 bits."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number: int) -> bytes:
    """A whole number that is small on either side of 0 (sint32, sint64)."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def unsigned(field: int, number: int) -> bytes:
    """A field of a whole number (uint32, uint64, int64, enum)."""
    return varint(field << 3 | _VARINT) + varint(number)


def signed(field: int, number: int) -> bytes:
    """A field of a whole number (sint32, sint64)."""
    return varint(field << 3 | _VARINT) + zigzag(number)


def double(field: int, number: float) -> bytes:
    """A field of a number."""
    return varint(field << 3 | _DOUBLE) + pack("<d", number)


def message(field: int, content: bytes | str) -> bytes:
    """A field of bytes, a text, or a message."""
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | _BYTES) + varint(len(data)) + data


def packed(field: int, numbers: Iterable[int]) -> bytes:
    """A field of many whole numbers (sint64) in one; nothing if there are none."""
    data = b"".join(map(zigzag, numbers))
    return message(field, data) if data else b""


def snappy(data: bytes) -> bytes:
    """A block of snappy of literals only: valid, and as long as what is in it."""
    out = bytearray(varint(len(data)))
    for begin in range(0, len(data), _MOST_LITERAL_BYTES):
        piece = data[begin : begin + _MOST_LITERAL_BYTES]
        length = len(piece) - 1
        out += bytes([61 << 2, length & 0xFF, length >> 8])  # a literal whose length less one is in two bytes
        out += piece
    return bytes(out)
