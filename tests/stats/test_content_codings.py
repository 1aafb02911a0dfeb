"""Which Content-Encoding fields say that a body is coded, and how such answers are counted."""

import pytest
from tests.stats.test_tally import counted, segment

from hls_swarm.records import ObjectKind
from hls_swarm.stats.content_codings import is_coded


@pytest.mark.parametrize(
    ("encoding", "coded"),
    [
        ("gzip", True),
        ("GZip", True),
        ("br", True),
        ("aws-chunked, gzip", True),
        ("identity, deflate", True),
        ("identity", False),
        ("aws-chunked", False),
        ("utf-8", False),
        ("none", False),
        ("", False),
    ],
)
def test_a_coding_is_what_the_registry_knows(encoding: str, coded: bool) -> None:
    assert is_coded(encoding) is coded


def test_a_name_that_is_no_coding_counts_as_no_compressed_answer() -> None:
    encodings = (None, "identity", "aws-chunked", "utf-8", "gzip")
    objects = counted(*(segment(content_encoding=encoding) for encoding in encodings)).objects[ObjectKind.SEGMENT]
    assert (objects.completed, objects.compressed) == (5, 1)
