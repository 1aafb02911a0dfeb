"""A worker: one process, one event loop, a share of the viewers.

It talks with the controller over its standard input and output (see `messages`), and ends when its standard input
closes: no death of a parent leaves load behind. A worker that is not polled for as long as its lease says stops.
"""

import asyncio
import gc
import os
import resource
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
import uvloop

from hls_swarm.engine.faults import Faults
from hls_swarm.engine.ffmpeg.fleet import other_engine
from hls_swarm.engine.host.lag import LagMeter
from hls_swarm.engine.host.machine import descriptors_open
from hls_swarm.engine.lease import CHECK_SECONDS, Lease
from hls_swarm.engine.native.clients import Fetchers
from hls_swarm.engine.native.cmcd import Tellings
from hls_swarm.engine.native.identities import Identities
from hls_swarm.engine.swarm import Swarm
from hls_swarm.engine.worker_messages import (
    Configure,
    Drain,
    FrameReader,
    FromWorker,
    News,
    PlanChange,
    Poll,
    Ready,
    ReplaceStalled,
    StartAt,
    TakeOver,
    frame,
    to_worker,
)
from hls_swarm.records import Record
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.hosts import merge_hosts
from hls_swarm.stats.tally import Tally

if TYPE_CHECKING:
    from hls_swarm.engine.request_log import RequestLog

WITHOUT_CONTROLLER_SECONDS = 10.0
"""Length of the lease that begins with the load, until the first poll names another. Before that there is no load that
somebody would have to ask for."""


class _NotPolledError(Exception):
    """The lease has run out."""


class Worker(asyncio.Protocol):
    """The worker's end of the conversation; the protocol of its standard input."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.done: asyncio.Future[None] = loop.create_future()
        self.output: asyncio.WriteTransport | None = None
        self._loop = loop
        self._frames = FrameReader()
        self._lag = LagMeter(loop)
        self._faults = Faults()
        loop.set_exception_handler(self._faults)
        self._swarm: Swarm | None = None
        self._fetchers: Fetchers | None = None
        self._request_log: RequestLog | None = None
        self._number = self._worker = 0
        self._lease: Lease | None = None
        self._process = psutil.Process()
        self._draining: asyncio.Task[None] | None = None
        self._lease_timer = loop.call_later(CHECK_SECONDS, self._check_lease)

    def data_received(self, data: bytes) -> None:
        """The controller said something."""
        try:
            for body in self._frames.feed(data):
                self._handle(body)
        except Exception as error:  # noqa: BLE001 - a protocol callback's exception would only be logged: end with it
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        """The controller is gone: so are we."""
        self._end(None)

    def _handle(self, body: bytes) -> None:
        match to_worker(body):
            case Configure(settings=settings, worker=number, share=share, lists=lists, ffmpeg=ffmpeg):
                self._worker = number
                offset = time.time() - time.perf_counter()
                identities = Identities.of(settings, lists)
                new_fetcher = self._fetchers = Fetchers(settings, identities, self._loop)
                other = other_engine(settings, ffmpeg, identities, self._loop)
                observe = self._request_log_of(settings, offset)
                collector_client = new_fetcher.collector_client if settings.cmcd_collector is not None else None
                tellings = Tellings(settings, collector_client, offset) if settings.cmcd is not None else None
                self._swarm = Swarm(
                    settings,
                    number,
                    share,
                    new_fetcher,
                    identities.url,
                    offset,
                    self._loop,
                    other,
                    observe,
                    tellings,
                    identities.rate,
                )
                gc.collect()
                gc.freeze()  # what was imported is here to stay: the collector need not look at it again
                self._send(Ready(os.getpid(), resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
            case StartAt(at=at):
                now = time.perf_counter()
                self._lease = Lease(now, max(0.0, at - now) + WITHOUT_CONTROLLER_SECONDS)
                self._lag.start()
                if self._swarm is not None:
                    self._swarm.start(at)
            case PlanChange(at=at, by=by, per_second=per_second):
                if self._swarm is not None:
                    self._swarm.change(at, by, per_second)
            case TakeOver(at=at, share=share, seconds=seconds):
                if self._swarm is not None:
                    self._swarm.take_over(at, share, seconds)
            case ReplaceStalled():
                if self._swarm is not None:
                    self._swarm.replace_stalled()
            case Poll(lease_seconds=lease):
                if self._lease is not None:
                    self._lease.renew(time.perf_counter(), lease)
                if self._request_log is not None:
                    self._request_log.flush()
                self._send(self._news(final=False))
            case Drain(drain_seconds=drain):
                self._draining = self._loop.create_task(self._drain(drain))

    def _request_log_of(self, settings: Settings, wall_clock_offset: float) -> Callable[[Record], None] | None:
        """What takes in every record, if every request is to be written down."""
        if not settings.record_requests or settings.output is None:
            return None
        from hls_swarm.engine.request_log import RequestLog  # its library is large, and an extra

        self._request_log = RequestLog(Path(settings.output) / "requests", self._worker, wall_clock_offset)
        return self._request_log.add

    async def _drain(self, drain_seconds: float) -> None:
        try:
            if self._swarm is not None:
                await self._swarm.stop(drain_seconds)
            if self._request_log is not None:
                await asyncio.to_thread(self._request_log.close)
            self._lag.stop()
            self._send(self._news(final=True))
        except Exception as error:  # noqa: BLE001 - nobody awaits this task: its failure ends the worker
            self._end(error)

    def _news(self, *, final: bool) -> News:
        self._number += 1
        swarm = self._swarm
        times = self._process.cpu_times()
        health = WorkerHealth(
            worker=self._worker,
            cpu_seconds=times.user + times.system,
            resident_bytes=self._process.memory_info().rss,
            loop_lag=self._lag.histogram,
            in_flight=swarm.in_flight if swarm is not None else 0,
            descriptors=descriptors_open(),
            descriptors_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )
        tally = swarm.tally if swarm is not None else Tally()
        if self._fetchers is not None:
            hosts = deepcopy(self._fetchers.hosts)
            merge_hosts(hosts, tally.hosts)
            tally = msgspec.structs.replace(tally, hosts=hosts)
            tally.rtt.add_all(self._fetchers.round_trips())
            datagrams = self._fetchers.datagrams
            tally.datagrams_received, tally.datagrams_dropped = datagrams.received, datagrams.dropped
        tally.faults = self._faults.counts
        if self._request_log is not None:
            tally.unrecorded_requests = self._request_log.lost
        idle = swarm is None or swarm.idle
        worst = swarm.worst() if swarm is not None else ()
        sessions = swarm.sessions() if swarm is not None and final else ()
        return News(self._number, time.perf_counter(), tally, (health,), idle, final, worst, sessions)

    def _send(self, message: FromWorker) -> None:
        if self.output is not None:
            self.output.write(frame(message))

    def _check_lease(self) -> None:
        if self._lease is not None and self._lease.has_run_out(time.perf_counter()):
            self._end(_NotPolledError("the controller asked for nothing as long as the lease says: it stands still"))
            return
        self._lease_timer = self._loop.call_later(CHECK_SECONDS, self._check_lease)

    def _end(self, error: Exception | None) -> None:
        self._lease_timer.cancel()
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        if self._swarm is not None:
            self._swarm.kill()


async def serve() -> None:
    """Run one worker until its standard input closes."""
    loop = asyncio.get_running_loop()
    # The pipes are moved away from 0 and 1, so that nothing that prints can break a frame.
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    worker = Worker(loop)
    output, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(sink, "wb", 0))
    worker.output = output
    await loop.connect_read_pipe(lambda: worker, os.fdopen(source, "rb", 0))
    await worker.done


def main() -> int:
    """Entry point of the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        uvloop.run(serve())
    except _NotPolledError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
