"""Six more ways in which an origin gets sick, which the rules were not made for, and what a run must say of each."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
from tests.sick.origin import BEHIND, DEVICE, Origin
from tests.sick.sicknesses import PACED, Sickness, reloaded
from tests.support.programs import skip_part

_BLKIO = Path("/sys/fs/cgroup/blkio")


def slow_reads(bytes_per_second: int) -> Callable[[Origin], AbstractContextManager[None]]:
    """nginx may read so much of its disk a second: a control group's limit on the block device. Needs root."""

    @contextmanager
    def make(origin: Origin) -> Iterator[None]:
        if not (_BLKIO / "blkio.throttle.read_bps_device").exists():
            skip_part("no control group that limits reads of a block device (blkio)")
        group = _BLKIO / f"sick-{os.getpid()}"
        group.mkdir()
        processes = [origin.nginx.pid, *(child.pid for child in psutil.Process(origin.nginx.pid).children())]
        try:
            (group / "blkio.throttle.read_bps_device").write_text(f"{origin.disk} {bytes_per_second}")
            for pid in processes:
                (group / "cgroup.procs").write_text(str(pid))
            yield
        finally:
            (group / "blkio.throttle.read_bps_device").write_text(f"{origin.disk} 0")
            for pid in processes:
                (_BLKIO / "cgroup.procs").write_text(str(pid))
            group.rmdir()

    return make


def edge_reloaded(server: str) -> Callable[[Origin], AbstractContextManager[None]]:
    """The edge with other settings."""

    @contextmanager
    def make(origin: Origin) -> Iterator[None]:
        if origin.edge is None:
            raise AssertionError("there is no edge")
        origin.edge.reload(server.replace(BEHIND, origin.nginx.base))
        yield

    return make


_PASSED_ON = f"location / {{ proxy_pass {BEHIND}; proxy_buffering off; }}"
_PLAYLISTS_KEPT = f"""
location ~ \\.m3u8$ {{
    proxy_pass {BEHIND}; proxy_cache edge; proxy_ignore_headers Cache-Control; proxy_cache_valid 200 10s;
}}
location / {{ proxy_pass {BEHIND}; }}
"""
_BODIES_COLLECTED = f"""
location ~ \\.ts$ {{
    proxy_pass {BEHIND}; proxy_cache edge; proxy_cache_valid 200 60s;
    proxy_cache_lock on; proxy_cache_lock_timeout 60s; proxy_cache_lock_age 60s;
}}
location / {{ proxy_pass {BEHIND}; }}
"""
_ONE_MINUTE_OFF = """
sub_filter '+0000' '-0001'; sub_filter_types application/vnd.apple.mpegurl; sub_filter_once off;
"""

MORE_SICKNESSES = (
    Sickness(
        "slow-disk",
        slow_reads(150_000),
        frozenset({"failing"}),
        frozenset({"origin-disk-queue", "slow-first-byte"}),
        server="directio 512;",
        disk=DEVICE,
    ),
    Sickness(
        "wrong-type",
        reloaded("", types="text/html m3u8; text/plain ts;"),
        frozenset({"healthy"}),
        frozenset({"wrong-types"}),
        verdict="pass",
        exit_code=0,
    ),
    Sickness(
        "clock-off",
        reloaded(_ONE_MINUTE_OFF),
        frozenset({"healthy"}),
        frozenset({"dates-ahead", "dates-jump"}),
        verdict="pass",
        exit_code=0,
    ),
    Sickness(
        "variant-missing",
        reloaded("location /v1/ { return 404; }"),
        frozenset({"failing"}),
        frozenset({"missing-segments", "missing-playlists"}),
        verdict="pass",  # players go to the other variants, and few requests fail until they have
        exit_code=0,
        flags=("--variant", "random"),
        also=frozenset({"group-fails"}),
    ),
    Sickness(
        "old-playlists",
        edge_reloaded(_PLAYLISTS_KEPT),
        frozenset({"failing"}),
        frozenset({"cached-playlists"}),
        edge=_PASSED_ON,
    ),
    Sickness(
        "buffering-proxy",
        edge_reloaded(_BODIES_COLLECTED),
        frozenset({"healthy", "degraded"}),
        frozenset({"collected-bodies"}),
        verdict="pass",
        exit_code=0,
        server=PACED,
        edge=_PASSED_ON,
    ),
)
