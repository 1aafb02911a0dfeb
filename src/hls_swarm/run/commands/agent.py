"""The agent of a load machine: knocks at a controller, is part of its run, and waits for the next one.

It carries no load itself: what the engine places on this machine does. When the controller hangs up, however that came,
everything that was started for its run is ended.
"""

import asyncio
import os
import platform
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvloop

from hls_swarm import __version__
from hls_swarm.cluster.joining.door import Visit
from hls_swarm.cluster.joining.handshake import NAME, Declined, Versions, Welcome, read_token
from hls_swarm.cluster.ray.nodes import NodeProcess, Ports, agent_command, environment
from hls_swarm.errors import RunError, SettingsError
from hls_swarm.foreign import one_line
from hls_swarm.run.loop import carried_out
from hls_swarm.settings.agent import AgentSettings
from hls_swarm.views.terminal.output import Output

AGAIN_SECONDS = 1.0
"""Between two tries to reach a controller that is not there."""
PATIENCE_SECONDS = 120.0
"""How long an agent for one run waits for a controller to be there."""
STARTED_PATIENCE_SECONDS = 10.0
"""How long one does that was started by its controller, which is there."""
LATER_SECONDS = 5.0
"""After a controller that has no room in its run."""
INSTALL = "several machines need the extra cluster: pip install 'hls-swarm[cluster]'"


def agent(settings: AgentSettings) -> int:
    """Run viewers for a controller until stopped; gives the exit code.

    Raises:
        SwarmError: it can not be an agent, or the controller declined it for good.
    """
    if settings.end_with_input and not _can_close(sys.stdin.fileno()):
        raise SettingsError("--end-with-input: standard input must be a pipe, whose other end closes it")
    content = _from_input(settings) if settings.token_file == "-" else None  # noqa: S105 - standard input
    token = read_token("--token-file", settings.token_file, content)
    name = settings.name or socket.gethostname()
    if not NAME.fullmatch(name):
        raise SettingsError(f"--name: {name!r} has other characters than letters, digits, dots and dashes")
    screen = Output(sys.stderr)
    return uvloop.run(_until_stopped(settings, token, name, lambda text: screen.write(f"hls-swarm: {text}\n")))


def versions() -> Versions:
    """What of this machine a controller compares.

    Raises:
        RunError: the extra is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        engine = version("ray")
    except PackageNotFoundError:
        raise RunError(INSTALL) from None
    return Versions(__version__, platform.python_version(), engine)


async def _until_stopped(settings: AgentSettings, token: str, name: str, say: Callable[[str], object]) -> int:
    running = asyncio.ensure_future(_serve(settings, token, name, say))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, running.cancel)
    if settings.end_with_input:
        await loop.connect_read_pipe(lambda: _Ending(running.cancel), sys.stdin)
    try:
        return await running
    except asyncio.CancelledError:
        return 0


class _Ending(asyncio.Protocol):
    """Says when standard input has closed."""

    def __init__(self, closed: Callable[[], object]) -> None:
        self._closed = closed

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        self._closed()


def _can_close(descriptor: int) -> bool:
    """Whether somebody else has the other end of it: a file ends, but does not close."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


def _from_input(settings: AgentSettings) -> bytes:
    """What standard input says: a line where it stays open, else all of it."""
    if settings.end_with_input:
        return sys.stdin.buffer.readline(4096)
    return sys.stdin.buffer.read(4096)


async def _serve(settings: AgentSettings, token: str, name: str, say: Callable[[str], object]) -> int:
    host, port = settings.controller
    own = versions()
    waiting_said = ""
    patience = STARTED_PATIENCE_SECONDS if settings.end_with_input else PATIENCE_SECONDS
    gives_up_at = time.monotonic() + patience
    while True:
        visit, is_in = Visit(token, own, name), False
        try:
            await visit.knock(host, port)
            is_in = True
            say(f"agent {name} waits for a run of the controller at {host}:{port}")
            answer = await visit.answer()
        except (OSError, TimeoutError, ValueError) as error:
            visit.leave()
            if settings.once and (is_in or time.monotonic() > gives_up_at):
                gone = "hung up before a run" if is_in else f"was not there for {patience:.0f} s"
                raise RunError(f"the controller at {host}:{port} {gone} ({one_line(_reason(error))})") from None
            words = f"no controller at {host}:{port} yet ({one_line(_reason(error))}); trying again"
            if words != waiting_said:
                say(words)
            waiting_said = words
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        waiting_said = ""
        match answer:
            case Declined(reason=reason, later=later):
                visit.leave()
                if not later or settings.once:
                    raise RunError(f"the controller at {host}:{port} declined: {reason}")
                say(f"the controller declined: {reason}; trying again")
                await asyncio.sleep(LATER_SECONDS)
            case Welcome():
                failed = await _join(settings, token, name, visit, answer, say)
                if settings.once:
                    if failed:
                        raise RunError(failed)
                    return 0
                if failed:
                    say(failed)
                    await asyncio.sleep(LATER_SECONDS)


async def _join(
    settings: AgentSettings, token: str, name: str, visit: Visit, welcome: Welcome, say: Callable[[str], object]
) -> str:
    """Be part of one run; why that was not possible, in words."""
    node = NodeProcess()
    try:
        token_file = write_token(node.folder, token)
        environ = environment(os.environ, token_file, settings.folder)
        command = agent_command(welcome.controller, welcome.address, name, Ports(settings.first_port), node.folder)
        try:
            await node.start(command, environ)
        except RunError as error:
            await visit.fail(str(error))
            return str(error)
        say(f"agent {name} is part of a run")
        over, ended = asyncio.ensure_future(visit.over()), asyncio.ensure_future(node.ended())
        await asyncio.wait((over, ended), return_when=asyncio.FIRST_COMPLETED)
        say(over.result() if over.done() else "the engine has ended here, and with it this agent's part of the run")
        over.cancel()
        ended.cancel()
        return ""
    finally:
        await carried_out(node.end())
        visit.leave()


def write_token(folder: str, token: str) -> str:
    """A file that only this user can read; gives its name."""
    path = Path(folder) / "token"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return str(path)


def _reason(error: Exception) -> str:
    with suppress(AttributeError):
        text = error.strerror  # type: ignore[attr-defined]
        if text:
            return str(text)
    return str(error) or ("it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
