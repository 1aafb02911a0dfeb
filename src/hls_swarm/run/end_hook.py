"""The command that a person wants run when a run has ended: it uploads, announces, cleans up.

Rules:

- It begins when every file is written and everything is shown. Its environment says where and what:
  `HLS_SWARM_RUN_FOLDER` (absent without a folder), `HLS_SWARM_RUN_VERDICT`, `HLS_SWARM_RUN_EXIT_CODE`. The summary as
  JSON is its standard input, which it need not read.
- It can not change the verdict or its exit code; that it failed is one line, and exit code 1 of a run that passed.
- What it says goes to standard error: standard output is the run's.
- It may take so long and no longer; a signal ends the program, and from a terminal it reaches the hook as well.
"""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

MOST_SECONDS = 300.0
"""After so long a hook is ended: nobody may be there who would end it."""
_GRACE_SECONDS = 2.0
_STDERR = 2


def hook_environment(environ: Mapping[str, str], folder: Path | None, verdict: str, exit_code: int) -> dict[str, str]:
    """The environment of the command: the program's own, and what became of the run."""
    said = {"HLS_SWARM_RUN_VERDICT": verdict, "HLS_SWARM_RUN_EXIT_CODE": str(exit_code)}
    if folder is not None:
        said["HLS_SWARM_RUN_FOLDER"] = str(folder.absolute())
    return {**environ, **said}


async def run_hook(
    command: str | None, environ: Mapping[str, str], summary: bytes, most_seconds: float = MOST_SECONDS
) -> str | None:
    """Run the command by the shell; gives what went wrong, in words.

    Args:
        command: None if nobody wants one.
        environ: its environment, as `hook_environment` makes it.
        summary: its standard input.
    """
    if command is None:
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command, stdin=asyncio.subprocess.PIPE, stdout=_STDERR, env=environ
        )
    except OSError as error:
        return f"--on-end: it could not be started: {(error.strerror or str(error)).lower()}"
    try:
        async with asyncio.timeout(most_seconds):
            with suppress(BrokenPipeError, ConnectionResetError):  # it need not read
                await process.communicate(summary)
            code = await process.wait()
    except TimeoutError:
        await _end(process)
        return f"--on-end: it was not done after {most_seconds:g} s, and was ended"
    if code < 0:
        return f"--on-end: it was ended by {signal.Signals(-code).name}"
    return f"--on-end: it failed with exit code {code}" if code else None


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the shell and what it has started."""
    with suppress(psutil.NoSuchProcess):
        shell = psutil.Process(process.pid)
        family = [*shell.children(recursive=True), shell]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        await asyncio.to_thread(_reap, family)
    await process.wait()


def _reap(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family[:-1], timeout=_GRACE_SECONDS)
    for one in (*alive, family[-1]):
        with suppress(psutil.NoSuchProcess):
            one.kill()
