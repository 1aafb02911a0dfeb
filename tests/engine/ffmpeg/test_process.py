"""Processes that die with us, whatever ends us; with real processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop
from tests.support.programs import is_alive, owned

from hls_swarm.engine.ffmpeg import process as module
from hls_swarm.engine.ffmpeg.process import Process, guard, spawn

pytestmark = pytest.mark.program

PARENT = """
import asyncio, signal, sys, uvloop
from hls_swarm.engine.ffmpeg import process

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell has put into the background

class Listener:
    def on_output(self, data): print(data.decode().strip(), flush=True)
    def on_error(self, data): pass
    def on_exit(self, code): pass

async def main():
    script = "echo $$; trap '' TERM INT PIPE; while :; do sleep 0.2; done"
    await process.spawn(("/bin/sh", "-c", script), {}, Listener())
    if "raise" in sys.argv:
        await asyncio.sleep(0.3)
        raise SystemExit(3)
    await asyncio.sleep(60)

if "python" in sys.argv:
    process.shutil.which = lambda name: None
uvloop.run(main())
"""


class Listener:
    """Keeps what a process says."""

    def __init__(self) -> None:
        self.output = self.error = b""
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_output(self, data: bytes) -> None:
        self.output += data

    def on_error(self, data: bytes) -> None:
        self.error += data

    def on_exit(self, code: int) -> None:
        self.code.set_result(code)


def gone(pid: int, seconds: float = 30.0) -> bool:
    """Whether a process is gone within this time."""
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


@pytest.mark.parametrize("wrapper", ["setpriv", "python"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, "raise"])
def test_a_process_dies_with_its_parent(wrapper: str, how: signal.Signals | str) -> None:
    command = [sys.executable, "-c", PARENT, wrapper, str(how)]
    with owned(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        if isinstance(how, signal.Signals):
            parent.send_signal(how)
        parent.wait(60)
    try:
        assert gone(child)
    finally:
        if is_alive(child):
            os.kill(child, signal.SIGKILL)


def test_all_that_a_process_says_comes_before_its_end() -> None:
    async def main() -> None:
        listener = Listener()
        script = 'i=0; while [ $i -lt 2000 ]; do echo "line $i"; echo "$VALUE" >&2; i=$((i+1)); done; exit 7'
        await spawn(("/bin/sh", "-c", script), {"VALUE": "x" * 100}, listener)
        async with asyncio.timeout(60):
            assert await listener.code == 7
        assert listener.output.count(b"\n") == 2000
        assert listener.error == (b"x" * 100 + b"\n") * 2000

    uvloop.run(main())


def test_a_process_is_ended_gently_or_at_once_and_by_both_only_once() -> None:
    async def end(act: str) -> int:
        listener = Listener()
        process: Process = await spawn(("/bin/sh", "-c", "echo ready; exec sleep 30"), {}, listener)
        async with asyncio.timeout(60):
            while not listener.output:  # noqa: ASYNC110 - what is waited for comes from a pipe
                await asyncio.sleep(0.01)
            getattr(process, act)()
            code = await listener.code
        process.terminate()
        process.kill()
        return code

    assert uvloop.run(end("terminate")) == -signal.SIGTERM
    assert uvloop.run(end("kill")) == -signal.SIGKILL


def test_a_program_that_is_not_there_ends_with_words() -> None:
    async def main() -> tuple[int, bytes]:
        listener = Listener()
        await spawn(("/nowhere/ffmpeg",), {}, listener)
        async with asyncio.timeout(60):
            return await listener.code, listener.error

    code, words = uvloop.run(main())
    assert code != 0
    assert b"/nowhere/ffmpeg" in words or b"No such file" in words


def test_a_terminals_interrupt_does_not_reach_it() -> None:
    async def main() -> int:
        listener = Listener()
        await spawn(("/bin/sh", "-c", "ps -o pgid= -p $$"), {}, listener)
        async with asyncio.timeout(60):
            await listener.code
        return int(listener.output)

    assert uvloop.run(main()) != os.getpgrp()


def test_the_guard_is_there_with_and_without_setpriv() -> None:
    assert Path(guard()[0]).is_absolute()
    assert module.DESCRIPTORS_PER_PROCESS >= 2
