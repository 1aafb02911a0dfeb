"""The log exporter as a process of its own: starts it, says where it is, ends it at SIGINT, SIGTERM or SIGHUP."""

import asyncio
import logging
import signal
import sys
from contextlib import suppress

import uvloop

from hls_swarm.logexporter.service import LogExporterAddress, serve
from hls_swarm.logexporter.settings import LogExporterOptions


def run_log_exporter(options: LogExporterOptions) -> int:
    """Follow an access log and serve what it says until stopped; gives the exit code.

    Raises:
        RunError: the log can not be read, or an address can not be had.
    """
    logging.basicConfig(format="hls-swarm: %(message)s", level=logging.WARNING)
    uvloop.run(_until_stopped(options))
    return 0


async def _until_stopped(options: LogExporterOptions) -> None:
    def announce(address: LogExporterAddress) -> None:
        rows = {
            "Metrics": address.url,
            "Access log": options.access_log or "-",
            "Syslog": "-" if address.syslog_port is None else f"UDP port {address.syslog_port}",
            "Stop it": "Ctrl-C",
        }
        with suppress(OSError):  # nobody may be there to read it
            sys.stderr.write("".join(f"{label:<12}{value}\n" for label, value in rows.items()))
            sys.stderr.flush()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await serve(options, announce, stop)
