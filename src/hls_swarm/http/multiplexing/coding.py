"""Integers and strings of field blocks: HPACK's (RFC 7541 5.1, 5.2), and with other prefixes QPACK's (RFC 9204 4.1)."""

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman

_INTEGER_LIMIT = 1 << 24


class BrokenBlockError(Exception):
    """A block can not be read; the text says why, in a few words."""


def read_integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """An integer and where it ends.

    Args:
        prefix: bits of the first byte that are its beginning.

    Raises:
        BrokenBlockError: it has no end in the block, or is over 2^24.
    """
    if at < len(block):
        most = (1 << prefix) - 1
        value = block[at] & most
        at += 1
        if value < most:
            return value, at
        for shift in (0, 7, 14, 21):
            if at >= len(block):
                break
            byte = block[at]
            at += 1
            value += (byte & 0x7F) << shift
            if not byte & 0x80:
                if value > _INTEGER_LIMIT:
                    break
                return value, at
    raise BrokenBlockError("an integer without an end")


def read_string(block: bytes, at: int, prefix: int = 7) -> tuple[bytes, int]:
    """A string literal and where it ends.

    Args:
        prefix: bits of its length in the first byte; the bit above them says whether Huffman's code is used.

    Raises:
        BrokenBlockError: it is cut, or no right Huffman code.
    """
    if at >= len(block):
        raise BrokenBlockError("a field block that is cut")
    is_huffman = block[at] & (1 << prefix)
    length, at = read_integer(block, at, prefix)
    end = at + length
    if end > len(block):
        raise BrokenBlockError("a string over the end of its block")
    raw = block[at:end]
    if not is_huffman:
        return raw, end
    try:
        return decode_huffman(raw), end
    except HPACKDecodingError as error:
        raise BrokenBlockError(str(error).lower().rstrip(".")) from None


def integer(value: int, prefix: int, pattern: int) -> bytes:
    """An integer as bytes; `pattern` are the bits above its prefix."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes((pattern | value,))
    out = [pattern | most]
    value -= most
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def string(raw: bytes, prefix: int = 7, pattern: int = 0) -> bytes:
    """A string literal as bytes, without Huffman's code."""
    return integer(len(raw), prefix, pattern) + raw
