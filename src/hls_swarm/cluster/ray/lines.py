"""Lines to agents through the engine: the controller's end of the bridge."""

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping

from hls_swarm.cluster.line import LineLostError
from hls_swarm.cluster.ray.bridge import CONNECTED
from hls_swarm.cluster.ray.frames import Answered, Carry, ListMachines, Machine, Place, ToBridge, frame, from_bridge
from hls_swarm.engine.worker_messages import FrameReader
from hls_swarm.errors import RunError
from hls_swarm.foreign import cut, one_line

CONNECT_SECONDS = 90.0
END_SECONDS = 5.0


class RayLine:
    """The line to one agent."""

    def __init__(self, name: str, bridge: "BridgeProcess", machine: Machine) -> None:
        self.name = name
        self._bridge, self._machine = bridge, machine

    async def ask(self, message: bytes, quiet_seconds: float = 0.0) -> bytes:
        """See `Line.ask`."""
        answer = await self._bridge.ask(lambda number: Carry(number, self._machine.key, message, quiet_seconds))
        return answer.body


class BridgeProcess:
    """The bridge, as the controller sees it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._input: asyncio.WriteTransport | None = None
        self._waiting: dict[int, asyncio.Future[Answered]] = {}
        self._number = 0
        self._words: deque[str] = deque(maxlen=8)
        self._tasks: list[asyncio.Task[None]] = []
        self._connected = asyncio.Event()
        self._over = False

    async def start(self, cluster: str, own_address: str, environ: Mapping[str, str]) -> None:
        """Connect to the cluster.

        Raises:
            RunError: it can not be reached.
        """
        loop = asyncio.get_running_loop()
        process = self._process = _spawn(cluster, own_address, environ)
        output, words = asyncio.StreamReader(), asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stderr)
        self._input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._tasks = [loop.create_task(self._read(output)), loop.create_task(self._read_words(words))]
        waiting = loop.create_task(self._connected.wait())
        await asyncio.wait([waiting, self._tasks[0]], timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._connected.is_set():
            await self.end()
            said = one_line(" ".join(self._words))[-300:]
            raise RunError(f"the cluster at {cluster} can not be reached: {said or 'nobody answered'}")

    async def machines(self) -> tuple[Machine, ...]:
        """Those that are there now."""
        return (await self.ask(ListMachines)).machines

    async def line(self, name: str, machine: Machine) -> RayLine:
        """Put an agent on a machine; gives the line to it."""
        await self.ask(lambda number: Place(number, machine.key))
        return RayLine(name, self, machine)

    async def ask(self, message_of: Callable[[int], ToBridge]) -> Answered:
        """Ask the bridge, and wait for its answer. Raises LineLostError."""
        if self._over or self._input is None:
            raise LineLostError("the bridge to the cluster has ended")
        self._number += 1
        number = self._number
        waiting: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        self._input.write(frame(message_of(number)))
        try:
            answer = await waiting
        finally:
            self._waiting.pop(number, None)
        if answer.lost:
            raise LineLostError(answer.lost, load_has_ended=answer.ended)
        return answer

    async def end(self) -> None:
        """End it, and with it every agent that it placed."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._input is not None:
            self._input.close()
        loop = asyncio.get_running_loop()
        limit = loop.time() + END_SECONDS
        while process.poll() is None and loop.time() < limit:  # noqa: ASYNC110 - no event tells the end of a process
            await asyncio.sleep(0.02)
        if process.poll() is None:
            process.kill()
            process.wait()
        await asyncio.wait(self._tasks, timeout=1.0)
        for task in self._tasks:
            task.cancel()

    async def _read(self, output: asyncio.StreamReader) -> None:
        try:
            if await output.readline() != CONNECTED:
                return
            self._connected.set()
            frames = FrameReader()
            while data := await output.read(1 << 18):
                for body in frames.feed(data):
                    answer = from_bridge(body)
                    waiting = self._waiting.get(answer.number)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(answer)
        finally:
            self._over = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(LineLostError("the bridge to the cluster has ended"))

    async def _read_words(self, words: asyncio.StreamReader) -> None:
        while data := await words.read(1 << 16):
            for line in data.decode(errors="replace").splitlines():
                if line.strip():
                    self._words.append(cut(line.strip(), 300))


def _spawn(cluster: str, own_address: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "hls_swarm.cluster.ray.bridge", cluster, own_address],
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        process_group=0,  # a Ctrl-C in the terminal is the controller's to handle
    )
