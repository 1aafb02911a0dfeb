"""A player's process: started so that it can not outlive us, read always, ended gently and then not.

Rules:

- The kernel kills it when the process that started it is gone, however that ended (PR_SET_PDEATHSIG). The request for
  that must be made in the child, between fork and exec; `setpriv` makes it, and where there is none a Python that
  becomes the player. Code of ours in a forked copy of a process with threads could wait for ever for a lock.
- If the parent is gone before the child could ask, the child's pipes are broken: its first line ends it by SIGPIPE.
- It is the leader of a session of its own: a Ctrl-C in the terminal reaches the controller only.
- Both pipes are read as data comes, by protocol callbacks: nothing piles up here, and the player never waits for us.
"""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Protocol, cast

DESCRIPTORS_PER_PROCESS = 3
"""Both pipes, and one while a process starts."""

_GUARD = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None, use_errno=True).prctl(1, 9) == 0 or sys.exit('prctl: ' + os.strerror(ctypes.get_errno()))\n"
    "os.getppid() == int(sys.argv[1]) and os.execv(sys.argv[2], sys.argv[2:])\n"
)


class Process(Protocol):
    """A process at work."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Output(Protocol):
    """Takes what a process writes, and its end."""

    def on_output(self, data: bytes) -> None:
        """It wrote this to standard output."""

    def on_error(self, data: bytes) -> None:
        """It wrote this to standard error."""

    def on_exit(self, code: int) -> None:
        """It has ended and all that it wrote was handed over; a negative code is minus the signal that killed it."""


Spawn = Callable[[Sequence[str], Mapping[str, str], Output], "asyncio.Future[Process]"]
"""Starts a command with more variables; the future fails with OSError if it can not be started."""


@cache
def guard() -> tuple[str, ...]:
    """What goes before a command so that it dies with us; the command begins with an absolute path."""
    setpriv = shutil.which("setpriv")
    if setpriv is not None and not os.path.realpath(setpriv).endswith("busybox"):
        return (setpriv, "--pdeathsig", "KILL", "--")
    return (sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()))


class _Pipes(asyncio.SubprocessProtocol):
    """Hands over what comes through the pipes; the end only when both are empty and closed."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._output.on_output(data)
        else:
            self._output.on_error(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - pipes end without a reason
        transport = self._transport
        code = transport.get_returncode() if transport is not None else None
        self._output.on_exit(-signal.SIGKILL if code is None else code)


class _Child:
    """A process of ours."""

    def __init__(self, transport: asyncio.SubprocessTransport) -> None:
        self._transport = transport

    def terminate(self) -> None:
        with suppress(ProcessLookupError):
            self._transport.terminate()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._transport.kill()


async def _spawn(command: Sequence[str], variables: Mapping[str, str], output: Output) -> Process:
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: _Pipes(output),
        *guard(),
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **variables},
        start_new_session=True,
    )
    return _Child(transport)


def spawn(command: Sequence[str], variables: Mapping[str, str], output: Output) -> "asyncio.Future[Process]":
    """Start a command that dies with us."""
    return asyncio.ensure_future(_spawn(command, variables, output))
