"""Agents started over ssh: one process each, which ends the agent with the run.

Rules:

- The token goes in over standard input, so that no list of processes shows it. That stays open as long as the
  controller lives: when it closes, however that came, the agent ends.
- Nothing is asked on the terminal, and a machine that does not answer is given up after `CONNECT_SECONDS`: both are
  added to the user's own command where that is ssh, behind what it says itself, which therefore holds.
- A machine's address is the one that ssh's own configuration has for it: names there are often no names anywhere else.
"""

import asyncio
import shlex
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hls_swarm.errors import RunError
from hls_swarm.foreign import cut, one_line

CONNECT_SECONDS = 10
"""How long a machine may take to take the connection, if ssh's configuration does not say: its own limit is the
system's, which is about two minutes."""
LOOK_UP_SECONDS = 5.0
END_SECONDS = 3.0
KILL_SECONDS = 1.0
"""How long it may take to end once it was asked to."""
WORDS_SECONDS = 1.0
"""How long its last words may be on their way after it has ended."""
_NOT_FOUND = 127
"""What a shell ends with that does not know a program."""


def agent_words(controller: str, name: str, program: str) -> str:
    """The command line of an agent, as a shell on its machine reads it.

    Args:
        controller: host and port.
        program: how hls-swarm is called there, which may be several words.
    """
    options = ("agent", "--once", "--end-with-input", "--join", controller, "--token-file", "-", "--name", name)
    return " ".join((program, *map(shlex.quote, options)))


@dataclass(frozen=True)
class Way:
    """How ssh gets to a machine.

    Args:
        words: its command, the machine included.
        address: of the machine, or its name where addresses are looked up.
    """

    words: tuple[str, ...]
    address: str


async def way_to(ssh: str, host: str) -> Way:
    """By a command that is called as ssh is, to a machine as that knows it."""
    words, bare = shlex.split(ssh), host.rpartition("@")[2]
    if Path(words[0]).name != "ssh":  # something else, which may not take the same options
        return Way((*words, host), bare)
    options = ["-T", "-o", "BatchMode=yes"]
    known = await _configuration([*words, *options, "-G", host])
    if known.get("connecttimeout", "none") == "none":
        options += ["-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    return Way((*words, *options, host), known.get("hostname", bare))


async def _configuration(command: Sequence[str]) -> Mapping[str, str]:
    """What ssh says that it would do; nothing if it can not say, as the connection itself will say why."""
    asking = asyncio.to_thread(
        subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LOOK_UP_SECONDS, check=False
    )
    try:
        done = await asking
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = (line.partition(" ") for line in done.stdout.decode(errors="replace").splitlines())
    return {name: value for name, _, value in lines}


def remedy(said: str, code: int, host: str) -> str:
    """What can be done about an agent that ssh could not start, in words; empty if that is not known.

    Args:
        said: the last words of ssh, or of the shell or the program there.
        code: of ssh, which is that of the command there if it came to that.
    """
    bare = host.rpartition("@")[2]
    for words, what in (
        ("Host key verification failed", f"connect once with ssh {host} and look at its key"),
        ("Permission denied", f"it takes no key of ours: ssh-copy-id {host}, or --ssh 'ssh -i KEY'"),
        ("Too many authentication failures", "name the key that it takes: --ssh 'ssh -o IdentitiesOnly=yes -i KEY'"),
        ("Could not resolve hostname", f"nobody knows the name {bare}"),
        ("Connection refused", "no sshd listens there: is it another port, --ssh 'ssh -p PORT'?"),
        ("timed out", "is it up, and does a firewall let ssh through?"),
        ("No route to host", "is it up, and in this network?"),
    ):
        if words in said:
            return what
    if code == _NOT_FOUND:
        return "it is not in the PATH that ssh has there: install it, or say with --ssh-program where it is"
    return ""


class RemoteAgent:
    """An agent that was started on another machine.

    Args:
        host: as ssh knows it.

    Attributes:
        name: that the agent comes under.
    """

    def __init__(self, host: str) -> None:
        self.host, self.name = host, host.rpartition("@")[2]
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_at: float | None = None
        self._words: deque[str] = deque(maxlen=4)
        self._reader: asyncio.Task[None] | None = None
        self._pipe: asyncio.ReadTransport | None = None
        self._input: asyncio.WriteTransport | None = None

    async def start(self, way: Way, command: str, token: str) -> None:
        """Start it. Raises RunError if there is no ssh."""
        try:
            process = self._process = _spawn([*way.words, command])
        except OSError as error:
            raise RunError(f"--hosts: {way.words[0]} can not be run: {error.strerror}") from None
        loop = asyncio.get_running_loop()
        self._input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._input.write(token.encode() + b"\n")
        words = asyncio.StreamReader()
        self._pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stderr)
        self._reader = loop.create_task(self._read(words))

    @property
    def failed(self) -> str:
        """Why it ended and what can be done, in words; empty while it runs, and until these words have come."""
        process, now = self._process, time.monotonic()
        if process is None or process.poll() is None:
            return ""
        self._ended_at = now if self._ended_at is None else self._ended_at
        heard_all = self._reader is None or self._reader.done()
        if not heard_all and now - self._ended_at < WORDS_SECONDS:
            return ""
        said = one_line(" ".join(self._words))[-300:] or f"ssh ended with exit code {process.returncode}"
        what = remedy(said, process.returncode, self.host)
        return f"{said} ({what})" if what else said

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
