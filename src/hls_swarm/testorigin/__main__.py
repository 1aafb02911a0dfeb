"""The origin as a process of its own, for a parent that speaks to it: `python -m hls_swarm.testorigin [SETTINGS]`.

SETTINGS is one JSON object; what is left out has its default. Once the stream can be fetched, one line of JSON with the
address goes to standard output. It stops on SIGTERM, SIGINT and SIGHUP, and when standard input ends if the second
argument is `--until-stdin-ends`, so that it can not outlive its parent. An error is one line on standard error and exit
status 1.
"""

import asyncio
import signal
import sys

import msgspec
import uvloop

from hls_swarm.errors import SwarmError
from hls_swarm.testorigin.service import serve
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings, decode_settings

UNTIL_STDIN_ENDS = "--until-stdin-ends"


def main(arguments: list[str]) -> int:
    """Run the origin and return the exit status."""
    try:
        texts = [argument for argument in arguments if argument != UNTIL_STDIN_ENDS]
        settings = decode_settings(texts[0]) if texts else OriginSettings()
        uvloop.run(_run(settings, until_stdin_ends=UNTIL_STDIN_ENDS in arguments))
    except SwarmError as error:
        sys.stderr.write(f"hls-swarm origin: {error}\n")
        return error.exit_code
    return 0


async def _run(settings: OriginSettings, *, until_stdin_ends: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_ends:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        watcher = loop.create_task(_stop_at_end(reader, stop))
        stop_watching = watcher.cancel
    else:
        stop_watching = None
    try:
        await serve(settings, _announce, stop)
    finally:
        if stop_watching is not None:
            stop_watching()


async def _stop_at_end(reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
    while await reader.read(1024):
        pass
    stop.set()


def _announce(address: OriginAddress) -> None:
    sys.stdout.write(msgspec.json.encode(address).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
