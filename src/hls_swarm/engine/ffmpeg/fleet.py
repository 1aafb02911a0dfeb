"""The ffmpeg viewers of a run: what is found out before it, and how each is made."""

import asyncio
import os
import resource
from pathlib import Path

import psutil

from hls_swarm.engine.ffmpeg.backoff import BackoffPolicy
from hls_swarm.engine.ffmpeg.binary import FfmpegBinary, ask_ffmpeg, find_ffmpeg
from hls_swarm.engine.ffmpeg.command import FfmpegPlan, check_settings, environment, pasteable, player_command
from hls_swarm.engine.ffmpeg.mix import ffmpeg_viewers, has_ffmpeg, is_ffmpeg, only_ffmpeg
from hls_swarm.engine.ffmpeg.probe import probe
from hls_swarm.engine.ffmpeg.process import DESCRIPTORS_PER_PROCESS, Spawn, spawn
from hls_swarm.engine.ffmpeg.viewer import FfmpegViewer
from hls_swarm.engine.native.identities import Identities, Lists
from hls_swarm.engine.running import Finished, OtherEngine, Report, RunningViewer
from hls_swarm.errors import PreflightError
from hls_swarm.settings.run import Settings

BYTES_PER_PROCESS = 16 << 20
"""Memory that one more ffmpeg costs, without what it shares with the others; bench/ffmpeg_cost.py measures it."""
STALL_TARGET_DURATIONS = 2
"""Stall, in target durations, after which `--ffmpeg-restart-on-stall` restarts a process."""


async def plan_of(settings: Settings, lists: Lists) -> FfmpegPlan | None:
    """What the ffmpeg viewers of this run will do; None if there are none. Asks the binary, and plays the URL once.

    Raises:
        SwarmError: there is no such binary, it can not be told what the settings say, or it can not play the URL.
    """
    if not has_ffmpeg(settings):
        return None
    binary = await checked_binary(settings)
    identities = Identities.of(settings, lists)
    return await probe(settings, binary, identities.identity(0), identities.url(0), spawn)


async def command_line(settings: Settings, lists: Lists) -> str:
    """The command of the run's first ffmpeg viewer, as a shell reads it."""
    plan = await plan_of(settings, lists)
    first = next((number for number in range(settings.clients) if is_ffmpeg(settings, number)), 0)
    identities = Identities.of(settings, lists)
    identity, url = identities.identity(first), identities.url(first)
    if plan is None:
        raise PreflightError("no viewer of this run is an ffmpeg process")
    return pasteable(player_command(plan, settings, identity, url, first), environment(settings))


async def checked_binary(settings: Settings) -> FfmpegBinary:
    """The binary that will play, once it is known that it can be told what the settings say.

    Raises:
        SwarmError: there is none, or it can not.
    """
    binary = await ask_ffmpeg(find_ffmpeg(settings.ffmpeg))
    check_settings(settings, binary, only=only_ffmpeg(settings))
    return binary


def other_engine(
    settings: Settings,
    plan: FfmpegPlan | None,
    identities: Identities,
    loop: asyncio.AbstractEventLoop,
    start_process: Spawn = spawn,
) -> OtherEngine | None:
    """Makes the ffmpeg viewers of a worker; None if there are none."""
    if plan is None:
        return None
    backoff = BackoffPolicy(limit=settings.ffmpeg_restarts)
    stall = STALL_TARGET_DURATIONS * settings.ffmpeg_target_duration if settings.ffmpeg_restart_on_stall else None
    variables = environment(settings)

    def new_viewer(
        number: int, url: str, length_seconds: float, report: Report, finished: Finished
    ) -> RunningViewer | None:
        if not is_ffmpeg(settings, number):
            return None
        identity = identities.identity(number)
        return FfmpegViewer(
            number,
            player_command(plan, settings, identity, url, number),
            variables,
            length_seconds=length_seconds,
            backoff=backoff,
            seed=settings.seed,
            timeout_seconds=settings.ffmpeg_timeout or None,
            lines_per_second=settings.ffmpeg_log_lines,
            restart_after_stall_seconds=stall,
            secret=identity.secret,
            spawn=start_process,
            report=report,
            finished=finished,
            loop=loop,
        )

    return new_viewer


def descriptors_for_processes(settings: Settings, viewers: int, workers: int) -> int:
    """File descriptors that the fullest of the workers needs for its players' pipes."""
    return DESCRIPTORS_PER_PROCESS * -(-ffmpeg_viewers(settings, viewers) // workers)


def check_machine(settings: Settings, viewers: int) -> None:
    """Whether this machine has room for the processes of so many viewers.

    Raises:
        PreflightError: too little memory or too few processes, with the numbers.
    """
    wanted = ffmpeg_viewers(settings, viewers)
    if not wanted:
        return
    available = psutil.virtual_memory().available
    needed = wanted * BYTES_PER_PROCESS
    if needed > available:
        raise PreflightError(
            f"too little memory: {wanted:,} ffmpeg processes need about {needed >> 20:,} MiB "
            f"({BYTES_PER_PROCESS >> 20} MiB each) and {available >> 20:,} MiB are available: "
            f"{available // BYTES_PER_PROCESS:,} fit; run fewer, or native viewers (--engine native)"
        )
    limit, what = process_limit()
    if limit is not None and wanted > limit:
        raise PreflightError(
            f"too few processes: {wanted:,} ffmpeg viewers are one each and {what} leaves {limit:,}; raise it, "
            "run fewer, or native viewers (--engine native)"
        )


def process_limit() -> tuple[int | None, str]:
    """How many more processes and threads may be started, and what says so; None if nothing does."""
    limits: list[tuple[int, str]] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard != resource.RLIM_INFINITY and os.geteuid() != 0:
        limits.append((max(0, (soft if soft != resource.RLIM_INFINITY else hard) - len(psutil.pids())), "ulimit -u"))
    for file, used, what in (
        ("/proc/sys/kernel/pid_max", len(psutil.pids()), "kernel.pid_max"),
        ("/sys/fs/cgroup/pids.max", _number("/sys/fs/cgroup/pids.current") or 0, "the control group's pids.max"),
    ):
        most = _number(file)
        if most is not None:
            limits.append((max(0, most - used), what))
    # A process of ffmpeg has up to this many threads while it plays.
    return (min(limits)[0] // THREADS_PER_PROCESS, min(limits)[1]) if limits else (None, "")


THREADS_PER_PROCESS = 4
"""Threads of one ffmpeg that copies two streams."""


def _number(file: str) -> int | None:
    try:
        return int(Path(file).read_text())
    except (OSError, ValueError):
        return None
