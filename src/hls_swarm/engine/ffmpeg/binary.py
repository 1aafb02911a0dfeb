"""Which ffmpeg there is and what it understands: asked of the binary itself, before any viewer is started.

A version alone does not say which options a build has, and one wrong option refuses the whole command line. So the
options are read from the binary's own help, and what help does not tell is tried.
"""

import asyncio
import importlib
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from contextlib import suppress

import msgspec

from hls_swarm.errors import PreflightError

ANSWER_SECONDS = 20.0
"""Time in which a binary must have said what it is; a cold disk may take seconds."""

_VERSION = re.compile(r"ffmpeg version (?:n|N-)?(?P<text>\S+)")
_OPTION = re.compile(r"^ *-(?P<name>\w+) ", re.MULTILINE)
_VERIFIES = re.compile(r"^ *-tls_verify .*\(default (?:true|1)\)", re.MULTILINE)
_OLD = re.compile(r"[1-6]\.")
_HLS = re.compile(r"^hls demuxer AVOptions:", re.MULTILINE)
_WANTED = frozenset(
    {
        "progress",
        "readrate",
        "readrate_initial_burst",
        "reconnect_on_network_error",
        "rw_timeout",
        "seg_max_retry",
        "stats_period",
    }
)


class FfmpegBinary(msgspec.Struct, frozen=True):
    """One binary.

    Attributes:
        path: of the file.
        version: as it calls itself, such as `5.1.9-0+deb12u1`.
        options: those of the options this program uses that it knows.
        stamps: whether it can put the time before its log lines (FFmpeg 8).
        verifies: whether it checks certificates unless told otherwise.
        reports_by_packet: whether it tells its position only while it passes packets on, and so not at the end of what
            it reads at once (before FFmpeg 7, which has a clock of its own for that).
    """

    path: str
    version: str
    options: frozenset[str] = frozenset()
    stamps: bool = False
    verifies: bool = False
    reports_by_packet: bool = False


def find_ffmpeg(named: str | None) -> str:
    """The path of the binary: the one that is named, else the first in PATH, else that of the package imageio-ffmpeg.

    Raises:
        PreflightError: there is none.
    """
    if named is not None:
        path = shutil.which(named)
        if path is None:
            raise PreflightError(f"--ffmpeg: {named} is no program that can be run: name the file, or install ffmpeg")
        return path
    path = shutil.which("ffmpeg")
    if path is not None:
        return path
    with suppress(ImportError, RuntimeError):
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    raise PreflightError(
        "there is no ffmpeg in PATH: install it (apt install ffmpeg, or pip install 'hls-swarm[ffmpeg]'), "
        "or name it with --ffmpeg"
    )


async def ask_ffmpeg(path: str) -> FfmpegBinary:
    """What the binary says of itself.

    Raises:
        PreflightError: it is no ffmpeg, does not answer, or can not play HLS.
    """
    (_, said), (_, help_text), (code, _) = await asyncio.gather(
        _output(path, "-version"),
        _output(path, "-hide_banner", "-h", "full"),
        _output(path, "-hide_banner", "-loglevel", "repeat+level+datetime+trace", "-version"),
    )
    version = _VERSION.search(said)
    if version is None:
        first = next(iter(said.strip().splitlines()), "")
        words = f"it said {first[:200]!r}" if first else "it said nothing"
        raise PreflightError(f"{path} is no ffmpeg: asked for its version {words}")
    options = frozenset(_OPTION.findall(help_text)) & _WANTED
    if not _HLS.search(help_text):
        raise PreflightError(f"{path} (ffmpeg {version['text']}) was built without HLS: use another one")
    missing = {"progress", "rw_timeout", "stats_period"} - options
    if missing:
        raise PreflightError(
            f"{path} (ffmpeg {version['text']}) is too old: it does not know -{', -'.join(sorted(missing))}; "
            "use 5.0 or newer"
        )
    return FfmpegBinary(
        path=path,
        version=version["text"],
        options=options,
        stamps=code == 0,
        verifies=_VERIFIES.search(help_text) is not None,
        reports_by_packet=_OLD.match(version["text"]) is not None,
    )


async def _output(*command: str) -> tuple[int, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
    except OSError as error:
        raise PreflightError(f"{command[0]} can not be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise PreflightError(f"{command[0]} did not say what it is within {ANSWER_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")
