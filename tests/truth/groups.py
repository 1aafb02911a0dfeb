"""What a process may have of this machine: a share of a core, of the disk, of memory, by groups of cgroup v1 (root)."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_PERIOD_SECONDS = 0.1


class CanNotError(Exception):
    """This machine can not have that row; says why."""


@contextmanager
def _group(controller: str, values: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The command that runs another one in a group with these values.

    Raises:
        CanNotError: there are no such groups here.
    """
    name = f"hls-swarm-truth-{os.getpid()}-{abs(hash(tuple(values.items()))):x}"
    group = _GROUPS / controller / name
    try:
        group.mkdir()
        for file, value in values.items():
            (group / file).write_text(value)
    except OSError as error:
        raise CanNotError(f"needs cgroup v1 with a writable {controller} controller: {error}") from error
    try:
        yield ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    finally:
        group.rmdir()


@contextmanager
def cpu_quota(share: float) -> Iterator[tuple[str, ...]]:
    """The command that runs another one with that share of one core."""
    period, quota = f"{_PERIOD_SECONDS * 1e6:.0f}", f"{_PERIOD_SECONDS * share * 1e6:.0f}"
    with _group("cpu", {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}) as entrance:
        yield entrance


@contextmanager
def disk_quota(path: Path, bytes_per_second: int) -> Iterator[tuple[str, ...]]:
    """The same with so much to read from the disk that a path is on."""
    device = path.stat().st_dev
    value = f"{os.major(device)}:{os.minor(device)} {bytes_per_second}"
    with _group("blkio", {"blkio.throttle.read_bps_device": value}) as entrance:
        yield entrance


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[tuple[str, ...]]:
    """The same with so much memory, the cache of the files that it reads too."""
    with _group("memory", {"memory.limit_in_bytes": str(limit_bytes)}) as entrance:
        yield entrance
