"""Eight ways in which an origin gets sick, how each is made, and what a run must say of it. More: `more_sicknesses`."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.sick.origin import TYPES, Origin


@dataclass(frozen=True)
class Sickness:
    """One of them.

    Args:
        make: makes the origin sick; it is well again, or ended, when the context is left.
        words: how the run fares, by one of these words, ten seconds later.
        first: the rules of which one leads the findings.
        also: rules that must be among the first three.
        verdict, exit_code: of the run.
        server: lines of nginx's server block from the beginning.
        disk, edge: of the packager's own disk and of an edge, as for `origin`.
        flags: of the run, beside the usual ones.
    """

    name: str
    make: Callable[[Origin], AbstractContextManager[None]]
    words: frozenset[str]
    first: frozenset[str]
    verdict: str = "fail"
    exit_code: int = 99
    server: str = ""
    disk: str = ""
    edge: str | None = None
    flags: tuple[str, ...] = ()
    also: frozenset[str] = frozenset()

    def word_of(self, words: Sequence[str]) -> str:
        """The first of these that is right; the last where none is."""
        return next((word for word in words if word in self.words), words[-1])


def reloaded(
    server: str, connections: int = 1024, types: str = TYPES
) -> Callable[[Origin], AbstractContextManager[None]]:
    """nginx with other settings."""

    @contextmanager
    def make(origin: Origin) -> Iterator[None]:
        origin.nginx.reload(server, connections, types)
        yield

    return make


@contextmanager
def packager_stopped(origin: Origin) -> Iterator[None]:
    """The packager stands still, as it does when its input is gone."""
    origin.packager.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        origin.packager.send_signal(signal.SIGCONT)


@contextmanager
def disk_full(origin: Origin) -> Iterator[None]:
    """Something else takes every byte of the packager's disk as soon as it is free."""
    over = threading.Event()

    def fill() -> None:
        descriptor = os.open(origin.root / "something-else", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while not over.is_set():
                try:
                    while os.write(descriptor, b"\0" * 65536) > 0:
                        pass
                except OSError:  # full, as it should be
                    over.wait(0.02)
        finally:
            os.close(descriptor)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def core_taken(origin: Origin) -> Iterator[None]:
    """Another program takes one of the machine's cores."""
    core = min(os.sched_getaffinity(0))
    code = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as hog:
        try:
            yield
        finally:
            hog.kill()


PACED = "limit_rate 300k;"
"""As a CDN that paces: a segment takes a part of a second, so that connections are busy at the same time."""

SICKNESSES = (
    Sickness("throttled", reloaded("limit_rate 60k;"), frozenset({"failing"}), frozenset({"throttled"})),
    Sickness(
        "refused",
        reloaded(f"{PACED} limit_conn all 3;"),
        frozenset({"failing"}),
        frozenset({"refused"}),
        server=PACED,
    ),
    Sickness(
        "no-connections",
        reloaded(PACED, connections=10),
        frozenset({"failing"}),
        frozenset({"nginx-drops", "server-down"}),
        server=PACED,
    ),
    Sickness(
        "core-taken",
        core_taken,
        frozenset({"healthy"}),
        frozenset({"origin-core", "origin-cpu", "origin-cpu-queue"}),
        verdict="pass",
        exit_code=0,
    ),
    Sickness("packager-stopped", packager_stopped, frozenset({"failing"}), frozenset({"stale-playlists"})),
    Sickness(
        "disk-full",
        disk_full,
        frozenset({"failing"}),
        frozenset({"cut-media", "empty-media", "bad-playlists", "stale-playlists"}),
        disk="40m",
    ),
    Sickness(
        "segments-missing",
        reloaded('location ~ "[05]\\.ts$" { return 404; }'),
        frozenset({"failing"}),
        frozenset({"missing-segments"}),
    ),
    Sickness(
        "bodies-empty",
        reloaded('location ~ "\\.ts$" { default_type video/mp2t; return 200 ""; }'),
        frozenset({"failing"}),
        frozenset({"empty-media"}),
    ),
)
