"""What the command line starts as `origin`: the embedded origin, until it is stopped.

It needs nothing of a run, and is there in half the time without it.
"""

import asyncio
import sys

import uvloop

from hls_swarm.run.signals import Signals
from hls_swarm.testorigin.service import serve
from hls_swarm.testorigin.settings import LogTo, OriginAddress, OriginSettings, access_log_place
from hls_swarm.testorigin.telling.traffic import Traffic
from hls_swarm.views.terminal.output import Output


def origin(
    *,
    port: int,
    listen: str,
    access_log: str | None,
    segment_seconds: int = 2,
    window: int = 6,
    dvr_window: int = 150,
    faults: tuple[str, ...] = (),
    limits: tuple[str, ...] = (),
    allowed_hosts: tuple[str, ...] = (),
    part_seconds: float | None = None,
    cors: str = "",
    steering: str = "CDN-A,CDN-B",
    tls: bool = False,
    certificate: str = "",
    key: str = "",
) -> int:
    """Serve the embedded origin until it is stopped; gives the exit code.

    Args:
        port: taken or refused; 0 is any that is free.
        part_seconds: length of parts of a low-latency stream; None: there is none.
        tls: take TLS on the same port, with a certificate made for it unless one is given.
    """
    options = OriginSettings(
        listen=listen,
        port=port,
        access_log=LogTo.FOLDER if access_log is None else access_log_place(access_log),
        segment_seconds=segment_seconds,
        window=window,
        dvr_window=dvr_window,
        faults=faults,
        limits=limits,
        allowed_hosts=allowed_hosts,
        part_seconds=part_seconds,
        cors=cors,
        steering=steering,
        tls=tls,
        certificate=certificate,
        key=key,
    )
    with Signals() as signals:
        uvloop.run(_origin(options, signals))
    return 0


async def _origin(options: OriginSettings, signals: Signals) -> None:
    stop = asyncio.Event()
    signals.end_with(asyncio.get_running_loop(), stop.set)
    traffic = await serve(options, _announce, stop)
    Output(sys.stderr).show(_summary(traffic), wrap=False)


def _summary(traffic: Traffic) -> str:
    """What was served, in a line or two."""
    served = f"Served      {traffic.requests:,} requests, {traffic.body_bytes:,} body bytes"
    return f"{served}\nCMCD        {traffic.cmcd.words}" if traffic.cmcd.words else served


def _announce(address: OriginAddress) -> None:
    screen = Output(sys.stderr)
    rows = [
        ("Stream", address.stream_url),
        *([] if address.low_latency_url is None else [("Low latency", address.low_latency_url)]),
        *_over_tls(address),
        ("Metrics", f"{address.node_metrics_url}  {address.nginx_metrics_url}"),
        ("Access log", address.access_log or "-"),
        (
            "Load it",
            (
                f"hls-swarm --origin-metrics {address.node_metrics_url} --nginx-metrics {address.nginx_metrics_url} "
                f"{address.stream_url}"
            ),
        ),
        ("Stop it", "Ctrl-C"),
    ]
    for label, value in rows:
        screen.show(f"{label:<12}{value}", wrap=False)


def _over_tls(address: OriginAddress) -> list[tuple[str, str]]:
    if address.tls_url is None:
        return []
    trust = "" if address.certificate is None else f"  (--ca-file {address.certificate})"
    return [("Over TLS", f"{address.tls_url}{trust}")]
