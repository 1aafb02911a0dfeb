from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from tests.support.made.snapshots import NOT_FOUND, exchange, watching

from hls_swarm.engine.request_log import MOST_ROWS, MOST_WAITING, SCHEMA, RequestLog
from hls_swarm.records import ObjectKind, SegmentFetched


def test_every_request_is_a_row_and_nothing_else_is(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "requests", 3, 1000.0)
    for record in watching(7, 1.0):
        log.add(record)
    log.flush()
    log.add(SegmentFetched(8, ObjectKind.SEGMENT, exchange(5.0, 12, 0.5, NOT_FOUND), NOT_FOUND, 2.0, 800_000))
    log.close()
    assert log.lost == 0
    assert [path.name for path in (tmp_path / "requests").iterdir()] == ["worker-3-0001.parquet"]
    rows = ds.dataset(tmp_path / "requests").to_table().to_pylist()
    assert [(row["viewer"], row["object"]) for row in rows] == [
        (7, "multivariant_playlist"),
        (7, "media_playlist"),
        (7, "segment"),
        (8, "segment"),
    ]
    assert rows[2]["body_bytes"] == 750_000
    assert rows[2]["started_at"] == 1001.0
    assert rows[2]["download_seconds"] == pytest.approx(0.020)
    assert (rows[2]["failure"], rows[2]["dns_seconds"]) == (None, None)
    assert (rows[3]["failure"], rows[3]["blame"], rows[3]["status"]) == ("http_status", "origin", 404)
    metadata = pq.read_schema(tmp_path / "requests/worker-3-0001.parquet").metadata
    assert metadata[b"schema"] == b"hls-swarm/requests/1"


def test_a_file_is_closed_every_minute(tmp_path: Path) -> None:
    log = RequestLog(tmp_path, 0, 0.0)
    for at in (0.0, 61.0, 62.0, 123.0, 124.0):
        log.add(SegmentFetched(0, ObjectKind.SEGMENT, exchange(at, 1, 0.1), None))
        log.flush()
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"worker-0-{n:04d}.parquet" for n in (1, 2, 3)]
    assert [pq.read_table(path).num_rows for path in sorted(tmp_path.iterdir())] == [2, 2, 1]


def test_a_log_without_a_request_leaves_no_file(tmp_path: Path) -> None:
    log = RequestLog(tmp_path, 0, 0.0)
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_rows_that_can_not_be_written_are_counted(tmp_path: Path) -> None:
    log = RequestLog(tmp_path, 0, 0.0)
    (tmp_path / "worker-0-0001.unfinished").mkdir()
    log.add(SegmentFetched(0, ObjectKind.SEGMENT, exchange(1.0, 1, 0.1), None))
    log.close()
    assert log.lost == 1


def test_a_file_that_can_not_be_filled_leaves_its_room(tmp_path: Path) -> None:
    (tmp_path / "worker-0-0001.unfinished").symlink_to("/dev/full")
    log = RequestLog(tmp_path, 0, 0.0)
    log.add(SegmentFetched(0, ObjectKind.SEGMENT, exchange(1.0, 1, 0.1), None))
    log.close()
    assert log.lost == 1
    assert list(tmp_path.iterdir()) == []


def test_what_waits_is_bounded() -> None:
    assert MOST_ROWS * MOST_WAITING <= 500_000
    assert not any(field.name == "body" for field in SCHEMA)
