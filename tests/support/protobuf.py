"""Reads protocol buffers and snappy without knowing what is in them, for tests of what writes them."""

from collections.abc import Iterator
from struct import unpack_from


def varint(data: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return number, at


def unzigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of each field of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        match key & 7:
            case 0:
                value, at = varint(data, at)
                yield key >> 3, value
            case 1:
                yield key >> 3, unpack_from("<d", data, at)[0]
                at += 8
            case 2:
                length, at = varint(data, at)
                yield key >> 3, data[at : at + length]
                at += length
            case _:
                raise ValueError(f"wire type {key & 7}")


def many(data: bytes, field: int) -> list[bytes]:
    """The messages of a field."""
    return [value for number, value in fields(data) if number == field and isinstance(value, bytes)]


def numbers(data: bytes, field: int) -> list[float]:
    """The numbers of a field."""
    return [value for number, value in fields(data) if number == field and not isinstance(value, bytes)]


def delimited(data: bytes) -> list[bytes]:
    """Messages, each behind its length."""
    out, at = [], 0
    while at < len(data):
        length, at = varint(data, at)
        out.append(data[at : at + length])
        at += length
    return out


def unsnappy(data: bytes) -> bytes:
    """What is in a block of snappy that has literals only."""
    length, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        assert tag & 3 == 0, "no literal"
        size, at = tag >> 2, at + 1
        if size >= 60:
            extra = size - 59
            size, at = int.from_bytes(data[at : at + extra], "little"), at + extra
        out += data[at : at + size + 1]
        at += size + 1
    assert len(out) == length
    return bytes(out)
