"""Integers and strings of field blocks, by the examples of RFC 7541 and both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.multiplexing.coding import BrokenBlockError, integer, read_integer, read_string, string


@pytest.mark.parametrize(
    ("value", "prefix", "raw"),
    [
        pytest.param(10, 5, b"\x0a", id="C.1.1"),
        pytest.param(1337, 5, b"\x1f\x9a\x0a", id="C.1.2"),
        pytest.param(42, 8, b"\x2a", id="C.1.3"),
    ],
)
def test_integers_of_the_specification(value: int, prefix: int, raw: bytes) -> None:
    assert integer(value, prefix, 0) == raw
    assert read_integer(raw, 0, prefix) == (value, len(raw))


@given(st.integers(0, 1 << 24), st.integers(3, 8), st.binary(max_size=3))
def test_an_integer_is_read_as_it_was_written(value: int, prefix: int, behind: bytes) -> None:
    pattern = 0xFF << prefix & 0xFF
    raw = integer(value, prefix, pattern)
    assert read_integer(b"\0" + raw + behind, 1, prefix) == (value, 1 + len(raw))
    for count in range(len(raw)):
        with pytest.raises(BrokenBlockError, match="an integer without an end"):
            read_integer(raw[:count], 0, prefix)


def test_an_integer_over_what_any_block_holds_is_refused() -> None:
    with pytest.raises(BrokenBlockError, match="an integer without an end"):
        read_integer(integer((1 << 24) + 1, 7, 0), 0, 7)


@given(st.binary(max_size=200), st.sampled_from((3, 7)), st.binary(max_size=3))
def test_a_string_is_read_as_it_was_written(text: bytes, prefix: int, behind: bytes) -> None:
    raw = string(text, prefix)
    assert read_string(raw + behind, 0, prefix) == (text, len(raw))
    for count in range(len(raw)):
        with pytest.raises(BrokenBlockError):
            read_string(raw[:count], 0, prefix)


def test_a_string_in_huffmans_code() -> None:
    raw = bytes.fromhex("8cf1e3c2e5f23a6ba0ab90f4ff")  # C.4.1
    assert read_string(raw, 0) == (b"www.example.com", 13)


def test_a_wrong_huffman_code_is_refused() -> None:
    with pytest.raises(BrokenBlockError):
        read_string(b"\x84\xff\xff\xff\xff", 0)
