from itertools import pairwise

import pytest
from tests.support import places

from hls_swarm.logexporter.counts import BOUNDS, LogCounts
from hls_swarm.logexporter.log_format import LOG_FORMAT, LogLine, read_line

USUAL = b"time:1763915000.123\tstatus:200\tbytes:1500\trequest_time:0.012\tupstream_time:0.010\tcache:MISS"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(USUAL, LogLine("200", 1500, 0.012, 0.01, "MISS"), id="as documented"),
        pytest.param(
            b"time:1.000\tstatus:304\tbytes:0\trequest_time:0.000\tupstream_time:-\tcache:-",
            LogLine("304", 0, 0.0, None, ""),
            id="no upstream, no cache",
        ),
        pytest.param(
            USUAL.replace(b"0.010", b"0.010, 0.020 : 0.020"), LogLine("200", 1500, 0.012, 0.05, "MISS"), id="tries"
        ),
        pytest.param(USUAL.replace(b"0.010", b"-, 0.5"), LogLine("200", 1500, 0.012, 0.5, "MISS"), id="a try failed"),
        pytest.param(USUAL.replace(b"0.010", b"-, -"), LogLine("200", 1500, 0.012, None, "MISS"), id="all failed"),
        pytest.param(USUAL.replace(b"MISS", b"what?"), LogLine("200", 1500, 0.012, 0.01, "OTHER"), id="unknown cache"),
        pytest.param(b"status:200\tbytes:1\trequest_time:1", LogLine("200", 1, 1.0, None, ""), id="least"),
        pytest.param(
            b"request_time:2.5\thost:a.example\tbytes:7\turi:/a:b\tstatus:404",
            LogLine("404", 7, 2.5, None, ""),
            id="other order, other fields",
        ),
        pytest.param(
            USUAL + b"\tagent:\\x09status:500", LogLine("200", 1500, 0.012, 0.01, "MISS"), id="escaped tab is no field"
        ),
        pytest.param(b"", None, id="empty"),
        pytest.param(b'127.0.0.1 - - [23/Nov/2026] "GET / HTTP/1.1" 200 12', None, id="combined"),
        pytest.param(USUAL.replace(b"200", b"2000"), None, id="status of four digits"),
        pytest.param(USUAL.replace(b"1500", b"-1"), None, id="negative bytes"),
        pytest.param(USUAL.replace(b"0.012", b"nan"), None, id="not a time"),
        pytest.param(USUAL.replace(b"0.010", b"soon"), None, id="upstream is no time"),
        pytest.param(USUAL[:50], None, id="cut"),
        pytest.param(b"\xff\xfe\0" * 20, None, id="not text"),
    ],
)
def test_lines(line: bytes, expected: LogLine | None) -> None:
    assert read_line(line) == expected


def test_the_format_is_what_is_read() -> None:
    values = {"msec": "1.5", "status": "206", "bytes_sent": "9", "request_time": "0.25"}
    values |= {"upstream_response_time": "0.2", "upstream_cache_status": "HIT"}
    line = "".join(LOG_FORMAT.split("'")[1::2]).replace("\\t", "\t")
    for name, value in values.items():
        line = line.replace(f"${name}", value)
    assert read_line(line.encode()) == LogLine("206", 9, 0.25, 0.2, "HIT")


def test_the_manual_has_the_format() -> None:
    manual = places.ROOT / "docs" / "how-to" / "origin-exporters.md"
    assert " ".join(LOG_FORMAT.split()) in " ".join(manual.read_text(encoding="utf-8").split())


def test_counts() -> None:
    counts = LogCounts()
    for line in (LogLine("200", 10, 0.001, None, "HIT"), LogLine("200", 5, 0.0011, 0.4, ""), None):
        counts.add(line)
    counts.add(LogLine("418", 0, 1e6, None, "OTHER"))
    assert (counts.statuses["200"], counts.statuses["418"], counts.statuses["503"]) == (2, 1, 0)
    assert (counts.cache_statuses["HIT"], counts.cache_statuses["OTHER"]) == (1, 1)
    assert (counts.sent_bytes, counts.malformed) == (15, 1)
    assert counts.seconds.buckets == [1, 1, *[0] * (len(BOUNDS) - 2), 1]
    assert sum(counts.upstream_seconds.buckets) == 1
    assert counts.upstream_seconds.sum == 0.4


def test_no_bucket_is_wider_than_twice_its_lower_bound() -> None:
    assert all(high <= 2 * low for low, high in pairwise(BOUNDS))
