"""The origin as a child process: it starts, it stops, and nothing of it is left."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
from tests.support.programs import owned

from hls_swarm.errors import RunError
from hls_swarm.testorigin import USUAL_PORT, LogTo, OriginAddress, OriginProcess, OriginSettings
from hls_swarm.testorigin.serving.server import listening_socket

pytestmark = pytest.mark.program

LIMIT = 30.0


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LIMIT) as answer:  # noqa: S310 - a loopback URL of the test's own
        body: bytes = answer.read()
        return body


def ended(pid: int) -> bool:
    """Whether a process has ended, or ends soon."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # its new parent may never look after it
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def test_it_serves_while_the_block_runs_and_leaves_nothing() -> None:
    async def block() -> OriginAddress:
        async with OriginProcess(OriginSettings(port=0)) as address:
            assert address.pid != os.getpid()
            assert (await asyncio.to_thread(fetch, address.stream_url)).startswith(b"#EXTM3U")
            assert b"node_cpu_seconds_total" in await asyncio.to_thread(fetch, address.node_metrics_url)
            assert b"nginx_connections_active" in await asyncio.to_thread(fetch, address.nginx_metrics_url)
        return address

    address = asyncio.run(block())
    assert not psutil.pid_exists(address.pid)
    assert address.folder is not None
    assert not Path(address.folder).exists()


def test_the_usual_port_or_a_free_one() -> None:
    async def block() -> tuple[int, int]:
        async with (
            OriginProcess(OriginSettings(access_log=LogTo.NOWHERE)) as first,
            OriginProcess(OriginSettings(access_log=LogTo.NOWHERE)) as second,
        ):
            return first.port, second.port

    try:
        taken: socket.socket | None = listening_socket("127.0.0.1", USUAL_PORT)
    except OSError:
        taken = None  # by another program of this machine, which may give it back at any time
    with taken or nullcontext():
        first, second = asyncio.run(block())
        assert first != second
        assert taken is None or USUAL_PORT not in {first, second}


def test_a_child_that_is_killed_leaves_no_folder_either() -> None:
    async def block() -> OriginAddress:
        async with OriginProcess(OriginSettings(port=0, tls=True)) as address:
            names = [await asyncio.to_thread(os.listdir, folder) for folder in address.folders]
            assert names == [["access.log"], ["certificate.pem"]]
            os.kill(address.pid, signal.SIGKILL)
        return address

    address = asyncio.run(block())
    assert len(address.folders) == 2
    assert not any(Path(folder).exists() for folder in address.folders)


def test_an_error_in_the_block_stops_it_too() -> None:
    addresses: list[OriginAddress] = []

    async def block() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address:
            addresses.append(address)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(block())
    assert not psutil.pid_exists(addresses[0].pid)


def test_why_it_could_not_start_is_said() -> None:
    async def block(port: int) -> None:
        async with OriginProcess(OriginSettings(port=port)):
            pytest.fail("it can not have started")

    with (
        listening_socket("127.0.0.1", 0) as taken,
        pytest.raises(RunError, match=r"could not start: hls-swarm origin: can not listen on .* already in use"),
    ):
        asyncio.run(block(taken.getsockname()[1]))


def test_standard_output_is_not_for_a_child() -> None:
    with pytest.raises(ValueError, match="give the access log a file"):
        OriginProcess(OriginSettings(access_log=LogTo.STDOUT))


def test_it_does_not_outlive_a_parent_that_is_killed() -> None:
    parent = (
        "import asyncio, sys\n"
        "from hls_swarm.testorigin import OriginProcess, OriginSettings\n"
        "async def block():\n"
        "    async with OriginProcess(OriginSettings(port=0)) as address:\n"
        "        print(address.pid, address.folder, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(block())\n"
    )
    with owned(subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        process.kill()
    assert ended(int(pid))
    assert not Path(folder).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_on_signals(number: int, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    command = [sys.executable, "-m", "hls_swarm.testorigin", f'{{"port": 0, "access_log": "{log}"}}']
    with owned(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().decode().split('"port":')[1].split(",")[0])
        fetch(f"http://127.0.0.1:{port}/live/master.m3u8")
        process.send_signal(number)
        assert process.wait(LIMIT) == 0
    assert len(log.read_text().splitlines()) == 1


def test_settings_that_are_wrong_are_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hls_swarm.testorigin", '{"window": 1}'], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hls-swarm origin: window is 1; a live playlist needs 3 to 1000 segments\n"


def test_more_connections_than_it_takes_wait_for_their_turn() -> None:
    async def block() -> None:
        settings = OriginSettings(port=0, access_log=LogTo.NOWHERE, max_connections=40)
        async with OriginProcess(settings) as address:
            streams = [await asyncio.open_connection(address.host, address.port) for _ in range(150)]
            served = 0
            deadline = time.monotonic() + LIMIT
            while streams:
                assert time.monotonic() < deadline
                reader, writer = streams.pop(0)
                writer.write(b"GET /live/720p/playlist.m3u8 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                served += (await reader.read()).startswith(b"HTTP/1.1 200 OK")
                writer.close()
                await writer.wait_closed()
            assert served == 150
            page = (await asyncio.to_thread(fetch, address.nginx_metrics_url)).decode()
            assert int(float(page.split("\nhls_swarm_origin_accept_pauses_total ")[1].split()[0])) > 0

    asyncio.run(block())
