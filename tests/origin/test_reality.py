"""Against the kernel's own counters, while a known load runs: what /proc says over the same time.

Each page of the real node_exporter is fetched between two readings of /proc. Counters only grow, so what the exporter
says grew must lie between what grew from the first pair's later reading to the second's earlier one, and the reverse;
5% beyond is a failure, whatever else this machine is doing.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.programs import free_port, owned, require, running, skip_part, wait_for

from hls_swarm.origin.source import Source
from hls_swarm.snapshot.origin.metrics import Role

pytestmark = pytest.mark.system

SLACK = 0.05
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Counters:
    """What the kernel counted: CPU seconds busy and in all, bytes that left through `lo`, bytes written to disks."""

    busy: float
    whole: float
    sent: int
    written: int

    @classmethod
    def now(cls) -> "Counters":
        ticks = os.sysconf("SC_CLK_TCK")
        spent = [int(text) / ticks for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        devices = dict(line.split(":") for line in Path("/proc/net/dev").read_text().splitlines()[2:])
        sent = next(int(counts.split()[8]) for device, counts in devices.items() if device.strip() == "lo")
        rows = (line.split() for line in Path("/proc/diskstats").read_text().splitlines())
        written = sum(int(row[9]) * 512 for row in rows if row[2] in whole_disks())
        return cls(sum(spent) - spent[3] - spent[4], sum(spent), sent, written)


def whole_disks() -> set[str]:
    names = {path.name for path in Path("/sys/block").iterdir()}
    return {name for name in names if not name.startswith(("loop", "ram", "zram", "dm-", "md", "sr", "fd"))}


@dataclass(frozen=True)
class Scraped:
    """One page, and the counters before and after it was fetched."""

    before: Counters
    after: Counters


def scrape(source: Source, url: str, at: float) -> Scraped:
    before = Counters.now()
    source.read(wait_for(url), at)
    return Scraped(before, Counters.now())


def measured(tmp_path: Path, load: Callable[[], None]) -> tuple[dict[str, float | None], Scraped, Scraped]:
    """The signals over 10 seconds by the source's clock, in which the load ran."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    source = Source(Role.NODE, url, interval=2.0, window=30.0, interfaces=frozenset({"lo"}))
    command = [
        *(require("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"),
        "--collector.netdev.device-exclude=^$",  # Debian leaves out lo by default
    ]
    with running(command, tmp_path / "node.log"):
        wait_for(url)
        first = scrape(source, url, 100.0)
        load()
        second = scrape(source, url, 110.0)
    return {name: reading.value for name, reading in source.readings(110.0).items()}, first, second


def agrees(value: float | None, least: float, most: float) -> bool:
    return value is not None and least * (1 - SLACK) <= value <= most * (1 + SLACK)


def test_processor(tmp_path: Path) -> None:
    def one_core() -> None:
        with owned(subprocess.Popen([sys.executable, "-c", "while True: pass"])) as busy:
            time.sleep(3.0)
            busy.kill()

    values, first, second = measured(tmp_path, one_core)
    least = (second.before.busy - first.after.busy) / (second.after.whole - first.before.whole)
    most = (second.after.busy - first.before.busy) / (second.before.whole - first.after.whole)
    assert agrees(values["cpu_percent"], 100 * least, 100 * most), (values["cpu_percent"], least, most)
    busiest, cores = values["cpu_busiest_core_percent"], os.cpu_count()
    assert busiest is not None
    assert cores is not None
    assert busiest * 1.001 >= (values["cpu_percent"] or 0.0)


def test_network(tmp_path: Path) -> None:
    amount = 256 * MEGABYTE

    def through_loopback() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            receiver = threading.Thread(target=drained, args=(listener,))
            receiver.start()
            with socket.create_connection(listener.getsockname()) as sender:
                for _ in range(amount // MEGABYTE):
                    sender.sendall(bytes(MEGABYTE))
            receiver.join()

    values, first, second = measured(tmp_path, through_loopback)
    least, most = second.before.sent - first.after.sent, second.after.sent - first.before.sent
    assert least >= amount
    assert agrees(values["network_out_bytes_per_second"], least / 10, most / 10)
    assert agrees(values["network_in_bytes_per_second"], least / 10, most / 10)


def drained(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        while connection.recv(MEGABYTE):
            pass


def test_disk(tmp_path: Path) -> None:
    amount = 64 * MEGABYTE

    def written() -> None:
        with (tmp_path / "file").open("wb") as file:
            file.write(os.urandom(amount))
            file.flush()
            os.fsync(file.fileno())

    values, first, second = measured(tmp_path, written)
    least, most = second.before.written - first.after.written, second.after.written - first.before.written
    if least < amount:
        skip_part(f"{tmp_path} is not on a disk that the kernel counts")
    assert agrees(values["disk_write_bytes_per_second"], least / 10, most / 10)
