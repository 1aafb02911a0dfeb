"""The log exporter as a service: it follows the log, and serves what it counted.

Rules:

- It runs beside an nginx that is under load: its priority is lowered, it reads in bounded pieces, and it never touches
  the log but to read it.
- A scrape reads what is new in the log first, and what has arrived over UDP, so that the page is of the moment it is
  asked for. Between scrapes it looks at the log twice a second, so that rotation is seen and little is left to read.
- What makes the figures too low is on the page and in the log: a log that can not be read, datagrams that were dropped.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from hls_swarm.errors import RunError
from hls_swarm.http.serving.page_server import Answer, PageServer
from hls_swarm.logexporter.counts import LogCounts
from hls_swarm.logexporter.log_format import read_line
from hls_swarm.logexporter.page import metrics_page
from hls_swarm.logexporter.settings import LogExporterOptions, address_of
from hls_swarm.logexporter.stub_status import StubStatusReader
from hls_swarm.logexporter.syslog import LossReport, SyslogReceiver
from hls_swarm.logexporter.tail import LogTail

POLL_SECONDS = 0.5
TURN_BYTES = 1 << 20
"""Read from the log before anything else gets its turn: some 10,000 lines."""
SCRAPE_TURNS = 16
"""Turns that a scrape waits for at most, when the log is far ahead, or as many datagrams wait."""
LOWER_PRIORITY = 10
MOST_CONNECTIONS = 16
_METRICS = "text/plain; version=0.0.4; charset=utf-8"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogExporterAddress:
    """Where the exporter can be reached."""

    url: str
    syslog_port: int | None = None


async def serve(
    options: LogExporterOptions,
    ready: Callable[[LogExporterAddress], None],
    stop: asyncio.Event,
    niceness: int = LOWER_PRIORITY,
) -> None:
    """Follow and serve until told to stop.

    Args:
        ready: called once, when lines are counted and the page is served.
        niceness: added to the process's; it can not be taken back without being root.

    Raises:
        RunError: the log can not be read, or an address can not be had.
    """
    exporter = _Exporter(options)
    try:
        ready(await exporter.start())
        os.nice(niceness)
        await exporter.follow(stop)
    finally:
        await exporter.close()


class _Exporter:
    def __init__(self, options: LogExporterOptions) -> None:
        self._options = options
        self._counts = LogCounts()
        path = options.access_log
        self._tail = None if path is None else LogTail(Path(path), self._take, time.monotonic)
        self._syslog = None if options.syslog is None else SyslogReceiver(self._take)
        self._stub_status = None if options.stub_status is None else StubStatusReader(options.stub_status)
        self._server = PageServer(self._answer, MOST_CONNECTIONS)
        self._said = ""
        self._losses = LossReport()

    async def start(self) -> LogExporterAddress:
        syslog_port = None
        if self._tail is not None:
            self._tail.start()
        if self._syslog is not None:
            syslog_port = self._syslog.start(*address_of("syslog", self._options.syslog or ""))
            if self._syslog.problem:
                _log.warning("%s", self._syslog.problem)
        host, port = address_of("listen", self._options.listen)
        try:
            await self._server.start(host, port)
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise RunError(f"--listen: can not listen on {host} port {port}: {words}") from error
        shown = f"[{host}]" if ":" in host else host
        return LogExporterAddress(f"http://{shown}:{self._server.port}/metrics", syslog_port)

    async def follow(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            more = self._tail is not None and self._tail.read(TURN_BYTES)
            self._say_problem()
            try:
                async with asyncio.timeout(0 if more else POLL_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        await self._server.close()
        if self._tail is not None:
            self._tail.close()
        if self._syslog is not None:
            self._syslog.close()
        if self._stub_status is not None:
            self._stub_status.close()

    def _take(self, line: bytes) -> None:
        self._counts.add(read_line(line))

    def _say_problem(self) -> None:
        problem = "" if self._tail is None else self._tail.problem
        if problem != self._said:
            _log.warning("%s", problem or f"{self._options.access_log} is read again")
            self._said = problem
        losses = "" if self._syslog is None else self._losses.line(self._syslog.dropped(), time.monotonic())
        if losses:
            _log.warning("%s", losses)

    async def _answer(self, path: str, fields: Sequence[str]) -> Answer:  # noqa: ARG002 - one format, whatever is asked
        match path:
            case "/metrics":
                return Answer(HTTPStatus.OK, await self._page(), _METRICS)
            case "/":
                return Answer(HTTPStatus.OK, b"hls-swarm log-exporter: /metrics\n")
            case _:
                return Answer(HTTPStatus.NOT_FOUND, b"there is /metrics\n")

    async def _page(self) -> bytes:
        stub_status = None if self._stub_status is None else await self._stub_status.read()
        tail, syslog = self._tail, self._syslog
        for _ in range(SCRAPE_TURNS):
            more_of_file = tail is not None and tail.read(TURN_BYTES)
            more_of_syslog = syslog is not None and syslog.read()
            if not more_of_file and not more_of_syslog:
                break
            await asyncio.sleep(0)
        return metrics_page(
            self._counts,
            unread_bytes=None if tail is None else tail.unread_bytes(),
            rotations=None if tail is None else tail.rotations,
            readable=None if tail is None else not tail.problem,
            received=None if syslog is None else syslog.received,
            dropped=None if syslog is None else syslog.dropped(),
            buffer_bytes=None if syslog is None else syslog.buffer_bytes,
            cpu_seconds=time.process_time(),
            stub_status=stub_status,
            asks_stub_status=self._stub_status is not None,
        )
