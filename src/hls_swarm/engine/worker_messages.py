"""What controller and worker say to each other, and how it is framed on a pipe.

A frame is a 4-byte big-endian length and a MessagePack body. Instants are monotonic and shared by the processes of one
machine. Tallies are cumulative and numbered: one that is lost or repeated changes nothing.
"""

from collections.abc import Iterator

import msgspec

from hls_swarm.engine.ffmpeg.command import FfmpegPlan
from hls_swarm.engine.native.identities import Lists
from hls_swarm.load.shares import Share
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.snapshot import ViewerDetail
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.p1203 import SessionLog
from hls_swarm.stats.tally import Tally

MAX_FRAME_BYTES = 64 << 20


class Configure(msgspec.Struct, frozen=True, tag=True):
    """First of all: which viewers to run, and how.

    Attributes:
        worker: its number among all workers of the run.
        share: the viewers that it runs.
        lists: lines of the files that the settings name, read where the controller is.
        ffmpeg: what the ffmpeg viewers do; None if there are none.
    """

    settings: Settings
    worker: int
    share: Share
    lists: Lists = Lists()
    ffmpeg: FfmpegPlan | None = None


class StartAt(msgspec.Struct, frozen=True, tag=True):
    """Offset 0 of the schedule is this instant."""

    at: float


class PlanChange(msgspec.Struct, frozen=True, tag=True):
    """From the instant `at` on, the plan is for so many viewers more, or less.

    Attributes:
        per_second: how fast the number moves; None: as fast as the settings say.
    """

    at: float
    by: int
    per_second: float | None = None


class TakeOver(msgspec.Struct, frozen=True, tag=True):
    """From the instant `at` on, the viewers of another share are this worker's too; see `Swarm.take_over`."""

    at: float
    share: Share
    seconds: float


class ReplaceStalled(msgspec.Struct, frozen=True, tag=True):
    """Viewers that are stalled now are ended, and new ones take their places."""


class Poll(msgspec.Struct, frozen=True, tag=True):
    """Send news; renews the lease: a worker that is not polled for this long stops its viewers."""

    lease_seconds: float


class Drain(msgspec.Struct, frozen=True, tag=True):
    """Every viewer quits now; what is in flight may finish for this long. Answered by `News` with `final`."""

    drain_seconds: float


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker is configured; the host's facts as it sees them."""

    pid: int
    descriptors: int


class News(msgspec.Struct, frozen=True, tag=True):
    """Everything counted so far by a worker, or by all workers of another machine together.

    Attributes:
        number: rises by one with each news of a worker.
        at: instant to which it counts.
        health: of each worker that it is of, by which it names itself.
        idle: no viewer is running and none is to come.
        worst: the viewers that fare worst, the worst first.
        sessions: what single sessions were like, in the last news and if the settings ask for it.
    """

    number: int
    at: float
    tally: Tally
    health: tuple[WorkerHealth, ...]
    idle: bool
    final: bool = False
    worst: tuple[ViewerDetail, ...] = ()
    sessions: tuple[SessionLog, ...] = ()


ToWorker = Configure | StartAt | PlanChange | TakeOver | ReplaceStalled | Poll | Drain
FromWorker = Ready | News

_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """One message as it goes over the pipe."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def to_worker(body: bytes) -> ToWorker:
    """Decode what a controller said."""
    message: ToWorker = _to_worker.decode(body)
    return message


def from_worker(body: bytes) -> FromWorker:
    """Decode what a worker said."""
    message: FromWorker = _from_worker.decode(body)
    return message


class FrameReader:
    """Cuts a byte stream into the bodies of frames. Raises ValueError for a frame that is too long to be one."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Every body that is complete now."""
        pending = self._pending
        pending += data
        while len(pending) >= 4:
            length = int.from_bytes(pending[:4], "big")
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            if len(pending) < 4 + length:
                return
            body = bytes(pending[4 : 4 + length])
            del pending[: 4 + length]
            yield body
