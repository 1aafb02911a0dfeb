"""The origin as a service: everything it is made of, started, run and stopped in one place."""

import asyncio
import datetime as dt
import errno
import os
import resource
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from hls_swarm.errors import RunError
from hls_swarm.http.serving.visitors import Visitors
from hls_swarm.testorigin.live import LiveStream, index_text
from hls_swarm.testorigin.lowlatency.stream import LowLatencyStream
from hls_swarm.testorigin.media.clip import load_clip
from hls_swarm.testorigin.media.cmaf import load_cmaf
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.resources import TEXT_TYPE, Caching, Resource, Sites
from hls_swarm.testorigin.serving.certificate import make_certificate, server_context
from hls_swarm.testorigin.serving.control import Control, RequestLog
from hls_swarm.testorigin.serving.server import Server, listening_socket
from hls_swarm.testorigin.serving.trouble.cors import parse_cors
from hls_swarm.testorigin.serving.trouble.faults import Faults, parse_fault
from hls_swarm.testorigin.serving.trouble.limits import Limits, parse_limit
from hls_swarm.testorigin.settings import (
    CONTROL_PREFIX,
    METRICS_PATH,
    NGINX_METRICS_PATH,
    NODE_METRICS_PATH,
    USUAL_PORT,
    LogTo,
    OriginAddress,
    OriginSettings,
)
from hls_swarm.testorigin.steering import STEERED_PREFIX, STEERING_PATH, Steered, parse_steer
from hls_swarm.testorigin.telling.access_log import AccessLog
from hls_swarm.testorigin.telling.machine import MadeLink
from hls_swarm.testorigin.telling.metrics import MetricsPages
from hls_swarm.testorigin.telling.traffic import Traffic
from hls_swarm.testorigin.titles import Titles

_OTHER_DESCRIPTORS = 64  # standard streams, event loop, log, listener, and what rendering metrics opens for a moment


@dataclass(frozen=True)
class _Index:
    """The page at `/`."""

    page: Resource

    def find(self, path: str) -> Resource | None:
        return self.page if path == "/" else None


async def serve(settings: OriginSettings, ready: Callable[[OriginAddress], None], stop: asyncio.Event) -> Traffic:
    """Run the origin in this process until told to stop; everything it made is gone when this returns what it counted.

    Args:
        ready: called once, when the first playlist can be fetched.

    Raises:
        RunError: the address or the access log's file can not be had.
    """
    descriptors = raise_descriptor_limit()
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(settings))
        place, folder = settings.access_log, None
        if place is LogTo.FOLDER:
            folder = Path(tempfile.mkdtemp(prefix="hls-swarm-origin-"))
            stack.callback(shutil.rmtree, folder)
            place = folder / "access.log"
        try:
            log = AccessLog(place)
        except OSError as error:
            raise RunError(f"can not write the access log {place}: {error.strerror}") from error
        stack.callback(log.close)

        streams = [VariantStream(variant) for variant in load_clip()]
        timeline = LiveTimeline(
            started_at=asyncio.get_running_loop().time(),
            started_wall=time.time(),
            segment_seconds=settings.segment_seconds,
            window=settings.window,
            first=settings.first_segment,
        )
        reserved = _OTHER_DESCRIPTORS + (timeline.kept + 1) * len(streams)
        max_connections = descriptors - reserved if settings.max_connections is None else settings.max_connections
        if max_connections < 1 or max_connections + reserved > descriptors:
            raise RunError(
                f"{descriptors} descriptors (ulimit -n) are too few: the stream needs {reserved}, each connection one"
            )
        live = LiveStream(streams, timeline)
        stack.callback(live.close)
        live.advance(timeline.started_at)

        loop = asyncio.get_running_loop()
        dvr = replace(timeline, window=settings.dvr_window)
        cmaf, faults = load_cmaf(), Faults()
        titles = Titles(streams, cmaf, dvr, loop.time)
        parts = settings.part_seconds
        low_latency = None if parts is None else LowLatencyStream(cmaf, timeline, parts, faults)

        def pause(at: float, seconds: float) -> None:
            loop.call_at(at, live.pause, seconds)
            loop.call_at(at, titles.pause, seconds)
            if low_latency is not None:
                loop.call_at(at, low_latency.pause, seconds)

        traffic = Traffic()
        requests = RequestLog(time.perf_counter() - (loop.time() - timeline.started_at))
        steered = Steered(titles, parse_steer(settings.steering))

        def steer(text: str) -> None:
            steered.says = parse_steer(text)

        control = Control(faults, requests, loop.time, timeline.started_at, pause, steer, traffic.cmcd)
        for text in settings.faults:
            control.set(parse_fault(text))
        pages = (
            f"{STEERED_PREFIX}/master.m3u8",
            STEERING_PATH,
            METRICS_PATH,
            NODE_METRICS_PATH,
            NGINX_METRICS_PATH,
            f"{CONTROL_PREFIX}/faults",
        )
        index = index_text(streams, (*(() if low_latency is None else low_latency.paths), *titles.paths, *pages))
        limits = Limits(tuple(parse_limit(text) for text in settings.limits))
        bandwidth = limits.bandwidth
        link = None if bandwidth is None else lambda: MadeLink(bandwidth, limits.sent_bytes)
        site = Sites(
            (
                live,
                titles,
                steered,
                MetricsPages(traffic, log, time.time, link),
                control,
                _Index(Resource(TEXT_TYPE, index.encode(), Caching.BRIEFLY)),
            )
        )
        visitors = Visitors(settings.listen, (socket.gethostname(), *settings.allowed_hosts))
        tls, certificate = _tls(settings, stack)
        server = Server(
            settings,
            listener,
            site,
            traffic,
            log,
            max_connections,
            faults,
            requests,
            visitors,
            limits,
            low_latency,
            parse_cors(settings.cors) if settings.cors else None,
            tls,
        )
        server.start()
        host, port = listener.getsockname()[:2]
        ready(
            OriginAddress(
                host=host,
                port=port,
                pid=os.getpid(),
                access_log=str(place) if isinstance(place, Path) else None,
                folder=str(folder) if folder is not None else None,
                has_low_latency=low_latency is not None,
                has_tls=tls is not None,
                certificate=None if certificate is None else str(certificate),
            )
        )
        try:
            if low_latency is None:
                await live.run(stop)
            else:
                await asyncio.gather(live.run(stop), low_latency.run(stop))
        finally:
            await server.stop()
        return traffic


def raise_descriptor_limit() -> int:
    """Allow as many open files as the operating system lets this user have, and say how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _tls(settings: OriginSettings, stack: ExitStack) -> tuple[ssl.SSLContext | None, Path | None]:
    """What handshakes are made with, and the certificate that clients have to be told of, if it was made here."""
    if settings.certificate:
        return server_context(Path(settings.certificate), Path(settings.key) if settings.key else None), None
    if not settings.tls:
        return None, None
    folder = Path(tempfile.mkdtemp(prefix="hls-swarm-origin-tls-"))
    stack.callback(shutil.rmtree, folder)
    names = ("localhost", "127.0.0.1", "::1", settings.listen, socket.gethostname(), *settings.allowed_hosts)
    certificate, key = make_certificate(folder, names, dt.datetime.now(dt.UTC))
    context = server_context(certificate, key)
    key.unlink()
    return context, certificate


def _listen(settings: OriginSettings) -> socket.socket:
    """The listening socket: on the port asked for, or on the usual one or a free one if none was."""
    port = USUAL_PORT if settings.port is None else settings.port
    try:
        try:
            return listening_socket(settings.listen, port)
        except OSError as error:
            if settings.port is not None or error.errno != errno.EADDRINUSE:
                raise
            return listening_socket(settings.listen, 0)
    except OSError as error:
        words = f"can not listen on {settings.listen} port {port}: {error.strerror}"
        if error.errno == errno.EADDRINUSE:
            words += ": by another origin perhaps; --port 0 takes any free one"
        raise RunError(words) from error
