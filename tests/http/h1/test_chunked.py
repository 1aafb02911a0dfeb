import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.h1.chunked import ChunkedReader, MalformedChunk


def read(pieces: list[bytes]) -> tuple[bytes, int, bool]:
    """The payload, how many bytes belonged to the body, and whether it ended."""
    reader, count = ChunkedReader(), 0
    payload = bytearray()
    for piece in pieces:
        count += reader.feed(piece, payload)
    return bytes(payload), count, reader.finished


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    st.lists(st.integers(min_value=1, max_value=50), min_size=1),
    st.sampled_from([b"", b";a=b", b' ; a="b c"']),
    st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ: w\r\n"]),
    st.binary(max_size=20),
)
def test_payload_is_the_same_however_it_is_cut(
    chunks: list[bytes], cuts: list[int], extension: bytes, trailer: bytes, excess: bytes
) -> None:
    body = (
        b"".join(b"%X%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"
    )
    data, pieces, at, turn = body + excess, [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        pieces.append(data[at : at + size])
        at, turn = at + size, turn + 1
    expected = (b"".join(chunks), len(body), True)
    assert read([data]) == expected
    assert read(pieces) == expected
    assert read([data[at : at + 1] for at in range(len(data))]) == expected


def test_payload_may_be_skipped_unseen() -> None:
    reader = ChunkedReader()
    assert reader.feed(b"1000\r\nabc", None) == 9
    assert reader.payload_left == 0x1000 - 3
    reader.skip(0x1000 - 3)
    assert reader.feed(b"\r\n0\r\n\r\n", None) == 7
    assert reader.finished


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\r\n", id="no size"),
        pytest.param(b"g\r\n", id="not hexadecimal"),
        pytest.param(b"+5\r\n", id="sign"),
        pytest.param(b"0x5\r\n", id="prefix"),
        pytest.param(b"5_0\r\n", id="underscore"),
        pytest.param(b" 5\r\n", id="leading space"),
        pytest.param(b"1" * 16 + b"\r\n", id="huge"),
        pytest.param(b"5\n", id="bare line feed"),
        pytest.param(b"1\r\nab", id="longer than its size"),
        pytest.param(b"1\r\na\n", id="bare line feed after it"),
        pytest.param(b"1;" + b"x" * 5000, id="endless extension"),
        pytest.param(b"0\r\n" + b"A: b\r\n" * 5000, id="endless trailer"),
    ],
)
def test_broken_coding(body: bytes) -> None:
    with pytest.raises(MalformedChunk):
        read([body])
    with pytest.raises(MalformedChunk):
        read([body[at : at + 1] for at in range(len(body))])
