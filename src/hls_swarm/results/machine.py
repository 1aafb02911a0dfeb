"""What a run ran on: versions and machine, for its files."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from hls_swarm import __version__

_LIBRARIES = ("httptools", "msgspec", "uvloop")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def versions() -> dict[str, str]:
    """Of hls-swarm, Python, and the libraries that carry load."""
    out = {"hls-swarm": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:  # built into a larger program: its version is not known
            continue
    return out


def machine() -> Mapping[str, str | int]:
    """The generator's: name, system, cores that it may use, memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cores": cores,
        "memory_bytes": psutil.virtual_memory().total,
    }


def boot_id() -> str:
    """Of the kernel that runs now; empty where there is none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def runs_still(pid: int, process_started_at: float, of_boot: str) -> bool:
    """Whether the process that once had this number, start and kernel still runs here."""
    if of_boot != boot_id():
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - process_started_at) < 1.0
    except psutil.Error:
        return False
