import contextlib
import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.h1.content import MalformedContent, decoded, decoded_before, decoding

BODY = b"#EXTM3U\n" * 100


def bare(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(BODY, None, id="none"),
        pytest.param(BODY, "identity", id="identity"),
        pytest.param(gzip.compress(BODY), "gzip", id="gzip"),
        pytest.param(gzip.compress(BODY), "X-GZip", id="its old name"),
        pytest.param(gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), "gzip", id="two members"),
        pytest.param(zlib.compress(BODY), "deflate", id="deflate"),
        pytest.param(bare(BODY), "deflate", id="bare deflate"),
        pytest.param(gzip.compress(zlib.compress(BODY)), "deflate, gzip", id="twice"),
        pytest.param(gzip.compress(BODY[:8]) * 2 + gzip.compress(BODY[16:]), "gzip", id="small members"),
        pytest.param(gzip.compress(b"") * 99 + gzip.compress(BODY), "gzip", id="empty members"),
        pytest.param(gzip.compress(BODY), "aws-chunked, gzip", id="with one that is none"),
        *(pytest.param(BODY, name, id=name) for name in ("UTF-8", "none", "aws-chunked", "binary")),
    ],
)
def test_decoded(body: bytes, encoding: str | None) -> None:
    assert decoded(body, encoding, len(BODY)) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_empty_body_stays_empty(encoding: str) -> None:
    assert decoded(b"", encoding, 10) == b""


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        pytest.param(b"x", "br", "can not be read", id="brotli"),
        pytest.param(b"x", "gzip, zstd", "can not be read", id="zstd among others"),
        pytest.param(b"x", "gzip," * 5, "more than 4 content codings", id="codings upon codings"),
        pytest.param(gzip.compress(b"") * 3000, "gzip", "more than 2048 members", id="empty members"),
        pytest.param(b"x" * 20, "gzip", "broken", id="not gzip"),
        pytest.param(gzip.compress(BODY)[:-1], "gzip", "ends early", id="cut"),
        pytest.param(gzip.compress(BODY) + b"tail", "gzip", "broken", id="bytes after it"),
        pytest.param(gzip.compress(BODY + b"x"), "gzip", "over 800 bytes", id="too long"),
        pytest.param(gzip.compress(BODY) + gzip.compress(b"x"), "gzip", "over 800 bytes", id="too long together"),
        pytest.param(zlib.compress(bytes(10_000_000)), "deflate", "over 800 bytes", id="bomb"),
    ],
)
def test_what_can_not_be_decoded(body: bytes, encoding: str, words: str) -> None:
    with pytest.raises(MalformedContent, match=words):
        decoded(body, encoding, len(BODY))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(gzip.compress(bytes(16 << 20)), "gzip", id="of little input"),
        pytest.param(gzip.compress(random.Random(1).randbytes(8 << 20), 0), "gzip", id="of much input"),
        pytest.param(b"".join(gzip.compress(b"x") for _ in range(2000)), "gzip", id="of many members"),
    ],
)
def test_long_work_is_done_in_steps(body: bytes, encoding: str) -> None:
    *steps, whole = decoding(body, encoding, 16 << 20)
    assert len(steps) >= 8
    assert set(steps) == {None}
    assert whole == decoded(body, encoding, 16 << 20)


def test_short_work_is_one_step() -> None:
    assert list(decoding(gzip.compress(BODY, mtime=0), "gzip", 1 << 20)) == [BODY]


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=6), st.integers(0, 9))
def test_members_are_put_together(members: list[bytes], level: int) -> None:
    body = b"".join(gzip.compress(member, level) for member in members)
    assert decoded(body, "gzip", 20_000) == b"".join(members)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_any_input_is_decoded_or_malformed(body: bytes, encoding: str) -> None:
    with contextlib.suppress(MalformedContent):
        assert len(decoded(body, encoding, 1000)) <= 1000


def test_what_was_decoded_before_is_at_hand_where_all_its_codings_were() -> None:
    body = gzip.compress(b"#EXTM3U at hand", mtime=0)
    assert decoded_before(body, "gzip", 100) is None
    first = decoded(body, "gzip", 100)
    assert decoded_before(bytes(bytearray(body)), "gzip", 100) is first
    assert decoded_before(body, "gzip", 5) is None
    assert decoded(body, "gzip, utf-8", 100) == first
    assert decoded_before(body, "gzip, utf-8", 100) is None  # there is something to be said of its name


def test_a_small_body_that_comes_again_is_decoded_once() -> None:
    first = decoded(gzip.compress(BODY, mtime=0), "gzip", 1 << 20)
    assert decoded(gzip.compress(BODY, mtime=0), "gzip", 1 << 20) is first
    assert first == BODY
    with pytest.raises(MalformedContent, match=f"over {len(BODY) - 1} bytes"):
        decoded(gzip.compress(BODY, mtime=0), "gzip", len(BODY) - 1)
    others = [gzip.compress(b"%d" % nth) for nth in range(200)]
    assert [decoded(body, "gzip", 10) for body in others] == [b"%d" % nth for nth in range(200)]
    again = decoded(gzip.compress(BODY, mtime=0), "gzip", 1 << 20)
    assert again is not first  # it was forgotten
    assert again == BODY
