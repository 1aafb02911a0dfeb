"""Each kind of fault, done and undone: a context that lasts as long as the fault, and says to whom it was done."""

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.chaos.bed import Bed, Exporter
from tests.chaos.load import Load
from tests.chaos.plan import FaultKind, Lane, PlannedFault
from tests.support.live import VARIANTS, Mishap

_STEP = 256 * 1024


@dataclass(frozen=True)
class Fault:
    """A fault that was.

    Args:
        what: to whom it was done, such as the exporter's port or the worker's number.
        at: Unix seconds.
        until: when its end began; a restart takes its time.
    """

    kind: FaultKind
    what: str
    at: float
    until: float


@dataclass(frozen=True)
class Scene:
    """What faults can be done to."""

    bed: Bed
    run: Load
    viewers: int
    draws: Random


@contextmanager
def _origin_paused(scene: Scene) -> Iterator[str]:
    workers = scene.bed.nginx.workers()
    _signal(workers, signal.SIGSTOP)
    try:
        yield f"{len(workers)} workers"
    finally:
        _signal(workers, signal.SIGCONT)


@contextmanager
def _origin_restarted(scene: Scene) -> Iterator[str]:
    whole = scene.bed.nginx.quit()
    try:
        yield "with all answers given" if whole else "killed: it did not end"
    finally:
        scene.bed.nginx.start()


@contextmanager
def _origin_refuses(scene: Scene) -> Iterator[str]:
    scene.bed.nginx.refuse(True)
    try:
        yield "503 for all of the stream"
    finally:
        scene.bed.nginx.refuse(False)


def _mishap(mishap: Mishap) -> Callable[[Scene], AbstractContextManager[str]]:
    @contextmanager
    def fault(scene: Scene) -> Iterator[str]:
        scene.bed.live.mishap = mishap
        try:
            yield "all new ones"
        finally:
            scene.bed.live.mishap = Mishap.NONE

    return fault


@contextmanager
def _link_down(scene: Scene) -> Iterator[str]:
    assert scene.bed.link is not None
    scene.bed.link.down()
    try:
        yield "both directions"
    finally:
        scene.bed.link.up()


@contextmanager
def _link_slow(scene: Scene) -> Iterator[str]:
    assert scene.bed.link is not None
    rate = round(scene.viewers * max(VARIANTS.values()) * scene.draws.uniform(0.3, 0.4))
    scene.bed.link.slow(rate)
    try:
        yield f"{rate} bit/s"
    finally:
        scene.bed.link.fast()


def _exporter(scene: Scene) -> Exporter:
    return scene.draws.choice(scene.bed.exporters)


@contextmanager
def _exporter_stopped(scene: Scene) -> Iterator[str]:
    exporter = _exporter(scene)
    exporter.program.send(signal.SIGSTOP)
    try:
        yield f":{exporter.port}/"
    finally:
        exporter.program.send(signal.SIGCONT)


@contextmanager
def _exporter_killed(scene: Scene) -> Iterator[str]:
    exporter = _exporter(scene)
    exporter.program.end(signal.SIGKILL)
    try:
        yield f":{exporter.port}/"
    finally:
        exporter.program.start()


@contextmanager
def _exporter_garbage(scene: Scene) -> Iterator[str]:
    exporter = _exporter(scene)
    exporter.program.end(signal.SIGKILL)
    exporter.garbage.start()
    try:
        yield f":{exporter.port}/"
    finally:
        exporter.garbage.end()
        exporter.program.start()


@contextmanager
def _worker_stopped(scene: Scene) -> Iterator[str]:
    number = scene.draws.randrange(len(scene.run.workers))
    _signal([scene.run.workers[number]], signal.SIGSTOP)
    try:
        yield f"worker {number}"
    finally:
        _signal([scene.run.workers[number]], signal.SIGCONT)


@contextmanager
def _worker_killed(scene: Scene) -> Iterator[str]:
    number = scene.draws.randrange(len(scene.run.workers))
    _signal([scene.run.workers[number]], signal.SIGKILL)
    yield f"worker {number}"


@contextmanager
def _disk_full(scene: Scene) -> Iterator[str]:
    ballast = scene.bed.place_seen / "ballast"
    try:
        yield f"{_fill(ballast)} bytes of something else"
    finally:
        ballast.unlink()


DONE: Mapping[FaultKind, Callable[[Scene], AbstractContextManager[str]]] = {
    FaultKind.ORIGIN_PAUSED: _origin_paused,
    FaultKind.ORIGIN_RESTARTED: _origin_restarted,
    FaultKind.ORIGIN_REFUSES: _origin_refuses,
    FaultKind.SEGMENTS_MISSING: _mishap(Mishap.MISSING),
    FaultKind.SEGMENTS_EMPTY: _mishap(Mishap.EMPTY),
    FaultKind.LINK_DOWN: _link_down,
    FaultKind.LINK_SLOW: _link_slow,
    FaultKind.EXPORTER_STOPPED: _exporter_stopped,
    FaultKind.EXPORTER_KILLED: _exporter_killed,
    FaultKind.EXPORTER_GARBAGE: _exporter_garbage,
    FaultKind.WORKER_STOPPED: _worker_stopped,
    FaultKind.WORKER_KILLED: _worker_killed,
    FaultKind.DISK_FULL: _disk_full,
}
_OF_A_LINK = frozenset({FaultKind.LINK_DOWN, FaultKind.LINK_SLOW, FaultKind.DISK_FULL})


def possible(bed: Bed) -> frozenset[FaultKind]:
    """What can be done here."""
    return frozenset(DONE) if bed.link is not None else frozenset(DONE) - _OF_A_LINK


def do_all(faults: Sequence[PlannedFault], bed: Bed, run: Load, viewers: int, book: Path) -> list[Fault]:
    """Do all of them at their times, counted from now on; gives them as they were, in the order of their beginning.

    One that fails to be done ends all others, and is raised.

    Args:
        book: where each is written down, one JSON object a line, as it ends.
    """
    began, broken = time.monotonic(), threading.Event()

    def do_lane(lane: Lane) -> list[Fault]:
        done: list[Fault] = []
        try:
            for planned in faults:
                if planned.kind.lane is not lane or broken.wait(max(0.0, began + planned.at - time.monotonic())):
                    continue
                done.append(_do(planned, Scene(bed, run, viewers, Random(planned.seed)), broken))
                with book.open("a") as lines:
                    lines.write(json.dumps(asdict(done[-1])) + "\n")
        except BaseException:
            broken.set()
            raise
        return done

    with ThreadPoolExecutor(len(Lane)) as lanes:
        done = [fault for of_lane in lanes.map(do_lane, Lane) for fault in of_lane]
    return sorted(done, key=lambda fault: fault.at)


def _do(planned: PlannedFault, scene: Scene, broken: threading.Event) -> Fault:
    assert scene.run.process.poll() is None, f"the run has ended: {scene.run.said()[-3000:]}"
    at = time.time()
    with DONE[planned.kind](scene) as what:
        broken.wait(planned.seconds)
        until = time.time()
    return Fault(planned.kind, what, at, until)


def _signal(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        os.kill(pid, number)


def _fill(file: Path) -> int:
    """Write until the disk refuses; gives how much found room."""
    with file.open("wb", buffering=0) as ballast:
        step = _STEP
        while step:
            try:
                ballast.write(b"\0" * step)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
        return ballast.tell()
