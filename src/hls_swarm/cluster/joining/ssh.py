"""Agents started over ssh: one process each, which ends the agent with the run.

The token goes in over standard input, so that no list of processes shows it. That stays open as long as the controller
lives: when it closes, however that came, the agent ends.
"""

import asyncio
import shlex
import subprocess
import time
from collections import deque
from collections.abc import Sequence

from hls_swarm.errors import RunError
from hls_swarm.foreign import cut, one_line

END_SECONDS = 3.0
KILL_SECONDS = 1.0
"""How long it may take to end once it was asked to."""
WORDS_SECONDS = 1.0
"""How long its last words may be on their way after it has ended."""


def agent_words(controller: str, name: str, program: str) -> str:
    """The command line of an agent, as a shell on its machine reads it.

    Args:
        controller: host and port.
        program: how hls-swarm is called there, which may be several words.
    """
    options = ("agent", "--once", "--end-with-input", "--join", controller, "--token-file", "-", "--name", name)
    return " ".join((program, *map(shlex.quote, options)))


class RemoteAgent:
    """An agent that was started on another machine.

    Args:
        host: as ssh knows it.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_at: float | None = None
        self._words: deque[str] = deque(maxlen=4)
        self._reader: asyncio.Task[None] | None = None
        self._pipe: asyncio.ReadTransport | None = None
        self._input: asyncio.WriteTransport | None = None

    async def start(self, ssh: str, command: str, token: str) -> None:
        """Start it. Raises RunError if there is no ssh."""
        try:
            process = self._process = _spawn([*shlex.split(ssh), self.host, command])
        except OSError as error:
            raise RunError(f"--hosts: {shlex.split(ssh)[0]} can not be run: {error.strerror}") from None
        loop = asyncio.get_running_loop()
        self._input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._input.write(token.encode() + b"\n")
        words = asyncio.StreamReader()
        self._pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stderr)
        self._reader = loop.create_task(self._read(words))

    @property
    def failed(self) -> str:
        """Why it ended, in words; empty while it runs, and until these words have come."""
        process, now = self._process, time.monotonic()
        if process is None or process.poll() is None:
            return ""
        self._ended_at = now if self._ended_at is None else self._ended_at
        heard_all = self._reader is None or self._reader.done()
        if not heard_all and now - self._ended_at < WORDS_SECONDS:
            return ""
        said = one_line(" ".join(self._words))[-300:]
        return said or f"ssh ended with exit code {process.returncode}"

    async def end(self) -> None:
        """Wait until it has ended by itself, as the controller hung up; then end it."""
        process = self._process
        if process is None:
            return
        if self._input is not None:
            self._input.close()
        loop = asyncio.get_running_loop()
        limit = loop.time() + END_SECONDS
        while process.poll() is None and loop.time() < limit:  # noqa: ASYNC110 - no event tells its end
            await asyncio.sleep(0.02)
        if process.poll() is None:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, KILL_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=0.5)  # its last words may be on their way
            self._reader.cancel()
        if self._pipe is not None:
            self._pipe.close()
            await asyncio.sleep(0)  # in the next turn of the loop it is closed

    async def _read(self, words: asyncio.StreamReader) -> None:
        while data := await words.readline():
            text = cut(data.decode(errors="replace").strip(), 300)
            if text:
                self._words.append(text)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - what the user named
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    )
