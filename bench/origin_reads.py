"""What the origin's metrics cost: reading them, and scraping them.

    python bench/origin_reads.py [--seconds 10]

1. `get_metrics()` called by 1, 10 and 100 threads while the scraper replaces what they read, beside reading the same
   attribute directly, and beside reading it under a `threading.Lock`, as an implementation with a lock would.
   The threads share one interpreter, so a call's cost is the time all threads took by the calls all threads made.
2. CPU time of the scraper, as a share of one core, at an interval of 2 s on a captured node_exporter page and an nginx
   page, served from another process.
"""

import argparse
import asyncio
import multiprocessing
import resource
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import uvloop

from hls_swarm.http import Client, ClientContext, ClientOptions
from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper

PAGES = Path(__file__).parents[1] / "tests" / "data" / "metrics"
LOOPS = 2_000


class Locked:
    """The other way to do it."""

    def __init__(self, scraper: OriginScraper) -> None:
        self._lock, self._scraper = threading.Lock(), scraper

    def get_metrics(self) -> object:
        """What is known now, under a lock."""
        with self._lock:
            return self._scraper.get_metrics()


def serve(pipe: Connection) -> None:
    """Two pages on loopback, in a process of their own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = (PAGES / f"{head.split()[1].decode().strip('/')}.txt").read_bytes()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()  # the scraper left

    async def forever() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def new_scraper(port: int, interval: float) -> OriginScraper:
    """A scraper of both pages."""
    context = ClientContext(asyncio.get_running_loop(), ClientOptions())
    scraper = OriginScraper.create(
        origin_settings(
            node_url=f"http://127.0.0.1:{port}/node_exporter",
            nginx_url=f"http://127.0.0.1:{port}/nginx_stub_status",
            interval=interval,
        ),
        new_fetcher=lambda: Client(context),
    )
    assert scraper is not None
    return scraper


def nanoseconds_a_call(readers: int, kind: str, scraper: OriginScraper, seconds: float) -> float:
    """Mean cost of a read while so many threads do nothing else."""
    counts = [0] * readers
    stop = threading.Event()
    locked = Locked(scraper)

    def read(nth: int) -> None:
        calls = range(LOOPS)
        get, other = scraper.get_metrics, locked.get_metrics
        done = 0
        while not stop.is_set():
            if kind == "empty loop":
                for _ in calls:
                    pass
            elif kind == "attribute":
                for _ in calls:
                    scraper._metrics  # noqa: B018 (the bare read is what get_metrics is measured against)
            elif kind == "get_metrics":
                for _ in calls:
                    get()
            else:
                for _ in calls:
                    other()
            done += LOOPS
        counts[nth] = done

    threads = [threading.Thread(target=read, args=(nth,)) for nth in range(readers)]
    begun = perf_counter()
    for thread in threads:
        thread.start()
    threading.Event().wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return (perf_counter() - begun) / sum(counts) * 1e9


async def reads(port: int, seconds: float) -> None:
    """The first table."""
    scraper = new_scraper(port, 0.25)
    scraper.start()
    await asyncio.sleep(1)
    kinds = ("empty loop", "attribute", "get_metrics", "with a lock")
    print(f"{'nanoseconds a call':24}" + "".join(f"{kind:>14}" for kind in kinds) + f"{'lock / ours':>14}")
    loop = asyncio.get_running_loop()
    for readers in (1, 10, 100):
        row = [await loop.run_in_executor(None, nanoseconds_a_call, readers, kind, scraper, seconds) for kind in kinds]
        print(
            f"{readers:>4} threads{'':12}" + "".join(f"{figure:14.1f}" for figure in row) + f"{row[3] / row[2]:13.1f}x"
        )
    scraper.stop()
    await asyncio.sleep(0.05)


async def scraping(port: int, seconds: float) -> None:
    """The second figure."""
    scraper = new_scraper(port, 2.0)
    scraper.start()
    await asyncio.sleep(3)  # the first scrape is the cold one
    begun, used = perf_counter(), cpu_seconds()
    await asyncio.sleep(seconds)
    share = (cpu_seconds() - used) / (perf_counter() - begun)
    sources = scraper.get_metrics().targets[0].sources
    scraper.stop()
    await asyncio.sleep(0.05)
    for source in sources:
        print(
            f"{source.dialect:40}{source.samples or 0:5} samples, read in {(source.read_seconds or 0) * 1e3:.2f} ms, "
            f"{source.failures} failed, {source.late} late"
        )
    print(f"CPU of the process, 2 sources at an interval of 2 s: {100 * share:.3f}% of a core")


def cpu_seconds() -> float:
    """CPU time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run both."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seconds", type=float, default=10.0)
    given = arguments.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    try:
        uvloop.run(reads(port, given.seconds / 10))
        uvloop.run(scraping(port, 2 * given.seconds))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
