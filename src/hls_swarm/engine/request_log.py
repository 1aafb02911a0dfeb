"""Every request of a worker as Parquet files: one row for each object asked for.

Rules:

- The event loop only appends to a list. Rows are turned into columns, compressed and written in a thread of their own.
- A file is closed every `FILE_SECONDS` and the next one begun: a Parquet file without its end can not be read, so a
  crash loses what the last file had.
- What waits for the disk is bounded; rows that find no room, or that could not be written, are counted.
- Instants are wall-clock Unix seconds. What is not known is null.
"""

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hls_swarm.foreign import cut
from hls_swarm.records import AsideFetched, PlaylistFetched, Record, SegmentFetched

FILE_SECONDS = 60.0
MOST_ROWS = 20_000
"""Rows of one row group."""
MOST_WAITING = 16
"""Row groups that wait for the disk."""
MOST_OF_A_URL = 8192
"""Characters; a longer one is cut. Most servers refuse what is longer."""

SCHEMA = pa.schema(
    [
        pa.field("due_at", pa.float64(), nullable=False),
        pa.field("started_at", pa.float64(), nullable=False),
        pa.field("ended_at", pa.float64(), nullable=False),
        pa.field("viewer", pa.int64(), nullable=False),
        pa.field("object", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("requests", pa.int32(), nullable=False),
        pa.field("status", pa.int16()),
        pa.field("body_bytes", pa.int64(), nullable=False),
        pa.field("ttfb_seconds", pa.float64()),
        pa.field("download_seconds", pa.float64(), nullable=False),
        pa.field("dns_seconds", pa.float64()),
        pa.field("connect_seconds", pa.float64()),
        pa.field("tls_seconds", pa.float64()),
        pa.field("failure", pa.dictionary(pa.int8(), pa.string())),
        pa.field("blame", pa.dictionary(pa.int8(), pa.string())),
        pa.field("media_seconds", pa.float64()),
        pa.field("bitrate_bps", pa.int64()),
    ],
    metadata={"schema": "hls-swarm/requests/1"},
)

_Row = tuple[Any, ...]
_END: tuple[_Row, ...] = ()


class RequestLog:
    """The requests of one worker.

    Args:
        folder: for the files; made if it is not there.
        worker: its number, which names the files.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock.

    Raises:
        OSError: the folder can not be made.
    """

    def __init__(self, folder: Path, worker: int, wall_clock_offset: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._worker, self._offset = folder, worker, wall_clock_offset
        self._rows: list[_Row] = []
        self._waiting: queue.Queue[Sequence[_Row]] = queue.Queue(MOST_WAITING)
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Take in a record; those that are no requests are passed over."""
        if not isinstance(record, SegmentFetched | PlaylistFetched | AsideFetched) or not record.exchange.requests_sent:
            return
        exchange, failure, offset = record.exchange, record.failure, self._offset
        segment = record if isinstance(record, SegmentFetched) else None
        self._rows.append(
            (
                exchange.due_at + offset,
                exchange.started_at + offset,
                exchange.ended_at + offset,
                record.viewer,
                record.kind.value,
                cut(exchange.url, MOST_OF_A_URL),
                exchange.requests_sent,
                exchange.status,
                exchange.body_bytes,
                exchange.ttfb_seconds,
                exchange.download_seconds,
                exchange.dns_seconds,
                exchange.connect_seconds,
                exchange.tls_seconds,
                None if failure is None else failure.kind.value,
                None if failure is None else failure.blame.value,
                None if segment is None else segment.media_seconds,
                None if segment is None else segment.bitrate_bps,
            )
        )
        if len(self._rows) >= MOST_ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand what there is to the thread; without waiting."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            self._waiting.put_nowait(rows)
        except queue.Full:
            self.lost += len(rows)

    def close(self, seconds: float = 10.0) -> None:
        """Write what there is, and close the last file; gives up on a disk that does not answer."""
        self.flush()
        try:
            self._waiting.put(_END, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        number = 0
        ended = False
        while not ended:
            number += 1
            path = self._folder / f"worker-{self._worker}-{number:04d}.parquet"
            ended = self._write_file(path)

    def _write_file(self, path: Path) -> bool:
        """Fill one file; True if it is the last. A file is begun when there is a row for it."""
        rows = self._waiting.get()
        if rows is _END:
            return True
        unfinished = path.with_suffix(".unfinished")
        taken, ended = len(rows), False
        try:
            with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
                until = rows[-1][2] + FILE_SECONDS
                while rows is not _END:
                    columns = zip(*rows, strict=True)
                    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
                    writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
                    if rows[-1][2] >= until:
                        break
                    rows = self._waiting.get()
                    taken += len(rows)
                ended = rows is _END
            unfinished.replace(path)
        except OSError:
            self.lost += taken
            ended = rows is _END
            with suppress(OSError):  # what is left of it can not be read, and takes the room that the next one needs
                unfinished.unlink()
        return ended
