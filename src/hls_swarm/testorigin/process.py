"""The origin as a child process that never outlives the one who started it."""

import asyncio
import shutil
import sys
import tempfile
from types import TracebackType
from typing import IO

import msgspec

from hls_swarm.errors import RunError
from hls_swarm.testorigin.settings import LogTo, OriginAddress, OriginSettings, encode_settings

_START_SECONDS = 20.0
_STOP_MARGIN_SECONDS = 5.0
_KILL_SECONDS = 5.0


class OriginProcess:
    """Async context manager: the origin runs inside the block, and nothing of it is left after.

    The child stops when its standard input ends, so it stops even if this process is killed. It has a session of its
    own: Ctrl-C in a terminal reaches only the parent, which decides the order in which things end.

        async with OriginProcess(OriginSettings(port=0)) as address:
            ... address.stream_url ...

    Raises:
        RunError: on entry, if it can not start; the text is what it said.
    """

    def __init__(self, settings: OriginSettings) -> None:
        if settings.access_log is LogTo.STDOUT:
            raise ValueError("a child's standard output is its parent's to read: give the access log a file")
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._address: OriginAddress | None = None
        self._errors: IO[bytes] | None = None

    async def __aenter__(self) -> OriginAddress:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in _stop)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "hls_swarm.testorigin",
                encode_settings(self._settings).decode(),
                "--until-stdin-ends",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
            self._address = await self._read_address(self._process)
        except BaseException:
            await self._stop()
            raise
        return self._address

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def _read_address(self, process: asyncio.subprocess.Process) -> OriginAddress:
        assert process.stdout is not None  # noqa: S101  (it was asked for as a pipe)
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            raise RunError(f"the embedded origin was not ready after {_START_SECONDS:g} s") from None
        if not line:
            raise RunError(f"the embedded origin could not start: {self._said()}")
        return msgspec.json.decode(line, type=OriginAddress)

    def _said(self) -> str:
        """The last line on the child's standard error."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

    async def _stop(self) -> None:
        process, self._process = self._process, None
        try:
            if process is not None:
                await _end(process, self._settings.grace_seconds + _STOP_MARGIN_SECONDS)
        finally:
            if self._errors is not None:
                self._errors.close()
            for folder in self._address.folders if self._address is not None else ():
                # Still there only if the child was killed.
                shutil.rmtree(folder, ignore_errors=True)


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    """Ask a child to stop, more firmly each time, and wait until it has."""
    assert process.stdin is not None  # noqa: S101  (it was asked for as a pipe)
    process.stdin.close()
    for limit, insist in ((patience, process.terminate), (_KILL_SECONDS, process.kill)):
        try:
            await asyncio.wait_for(process.wait(), limit)
        except TimeoutError:
            insist()
        else:
            return
    await process.wait()
