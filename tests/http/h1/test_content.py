import gzip
import zlib

import pytest

from hls_swarm.http.h1.content import MalformedContent, decoded

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
        pytest.param(b"x", "br", "not asked for", id="unknown"),
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
