"""What the controller and an agent on another machine say to each other.

Rules:

- Every message is answered once. The answers are data: what an agent can not do it says in words (`Refused`).
- Reports are cumulative and numbered: one that is lost or comes twice changes nothing.
- Instants are of the agent's monotonic clock; the controller knows how that stands to its own.
- A report is one tally for all workers of a machine, compressed. What is bounded in a tally bounds it: with everything
  at its bound it is less than `MOST_REPORT_BYTES`, which a test checks.
- `Look` and `Facts` can be read by any version, so that one that differs can be told by its name.
"""

import zlib
from typing import Any

import msgspec

from hls_swarm.engine.native.identities import Lists
from hls_swarm.engine.worker_messages import News
from hls_swarm.load.shares import Share
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.agents import MachineUse

MOST_REPORT_BYTES = 100_000
"""Of one agent in a second: a larger one costs the engine a detour, and the link its room."""
_FEWER_VIEWERS = 5
_HARD = 6
"""Compression of what would be too large: ten times slower, a fifth smaller."""


class Look(msgspec.Struct, frozen=True, tag=True):
    """What are you? Answered by `Facts`."""


class Time(msgspec.Struct, frozen=True, tag=True):
    """What does your clock show? Answered by `Reading`."""


class Size(msgspec.Struct, frozen=True, tag=True):
    """How many viewers of this kind can the machine carry? Answered by `Room` or `Refused`.

    Attributes:
        workers: processes that would share them.
    """

    settings: Settings
    workers: int


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Look whether the machine can carry its part, and start its workers. Answered by `Begun` or `Refused`.

    Attributes:
        lists: lines of the files that the settings name, read where the controller is.
        first: number of its first worker among all workers of the run.
        shares: the viewers of each of its workers.
        most: viewers that the whole run may come to have; None: as many as the settings say.
    """

    settings: Settings
    lists: Lists
    first: int
    shares: tuple[Share, ...]
    most: int | None = None


class Apply(msgspec.Struct, frozen=True, tag=True):
    """See `Agent.apply`. Answered by `Done`."""

    at: float
    change: int | None = None
    per_second: float | None = None


class Adopt(msgspec.Struct, frozen=True, tag=True):
    """From the instant `at` on, run the viewers of these shares too: whoever had them is gone. Answered by `Done`.

    Attributes:
        seconds: over which those come that should be there by then.
    """

    at: float
    shares: tuple[Share, ...]
    seconds: float


class Replace(msgspec.Struct, frozen=True, tag=True):
    """See `Agent.replace_stalled`. Answered by `Done`."""


class Ask(msgspec.Struct, frozen=True, tag=True):
    """See `Agent.poll`. Answered by `Report`."""

    lease_seconds: float


class End(msgspec.Struct, frozen=True, tag=True):
    """See `Agent.stop`. Answered by the last `Report`."""

    drain_seconds: float
    final_seconds: float


class Fetch(msgspec.Struct, frozen=True, tag=True):
    """A piece of a file of requests that this agent wrote; answered by `Piece`.

    Attributes:
        name: empty: which are there?
    """

    name: str = ""
    offset: int = 0


class Forget(msgspec.Struct, frozen=True, tag=True):
    """Remove the files of this run. Answered by `Done`."""


class Facts(msgspec.Struct, frozen=True, tag=True):
    """What a machine is, as far as a run depends on it.

    Attributes:
        name: of the machine, as it calls itself.
        version, python, engine: of hls-swarm, of Python, of what connects the machines.
        cores: that its workers may use.
        descriptors: files and sockets that one process may open; None without limit.
        wall_at: its wall clock, Unix seconds.
        busy: which run it carries already, in words; empty if none.
        public: addresses of it that anybody on the internet may reach.
    """

    name: str
    version: str
    python: str = ""
    engine: str = ""
    system: str = ""
    cores: int = 1
    descriptors: int | None = None
    memory_bytes: int | None = None
    wall_at: float = 0.0
    busy: str = ""
    public: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, tag=True):
    """What a machine's clocks show: the monotonic one and that of the wall."""

    at: float
    wall_at: float


class Room(msgspec.Struct, frozen=True, tag=True):
    """So many viewers the machine has descriptors, ports and memory for."""

    viewers: int


class Begun(msgspec.Struct, frozen=True, tag=True):
    """The workers stand ready.

    Attributes:
        warnings: what the machine may run short of, in words.
        descriptors: that each of them may open.
    """

    warnings: tuple[str, ...]
    descriptors: int


class Report(msgspec.Struct, frozen=True, tag=True):
    """What all workers of a machine counted so far.

    Attributes:
        number: rises with each report that has something new in it.
        news: of all workers together; None before the first word of any.
        lost: numbers of the workers that died, and of what.
        silent: see `HostNews.silent`.
    """

    number: int
    news: News | None
    lost: dict[int, str] = {}
    silent: dict[int, float] = {}
    machine: MachineUse = MachineUse()


class Piece(msgspec.Struct, frozen=True, tag=True):
    """A piece of a file, or the files that there are with their sizes in bytes."""

    data: bytes = b""
    files: dict[str, int] = {}


class Done(msgspec.Struct, frozen=True, tag=True):
    """It was done."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """It was not done, and why not, in words for a person."""

    reason: str


ToAgent = Look | Time | Size | Begin | Apply | Adopt | Replace | Ask | End | Fetch | Forget
FromAgent = Facts | Reading | Room | Begun | Report | Piece | Done | Refused

_encoder = msgspec.msgpack.Encoder()
_to_agent = msgspec.msgpack.Decoder(ToAgent)
_from_agent = msgspec.msgpack.Decoder(FromAgent)


def pack(message: ToAgent | FromAgent, level: int = 1) -> bytes:
    """One message as it goes over the line."""
    return zlib.compress(_encoder.encode(message), level)


def pack_report(report: Report) -> bytes:
    """The same; if it would be too large, compressed harder and with few single viewers. Counts are never left out."""
    body = pack(report)
    if len(body) <= MOST_REPORT_BYTES or report.news is None or report.news.final:
        return body
    news = report.news
    slim = msgspec.structs.replace(report, news=msgspec.structs.replace(news, worst=news.worst[:_FEWER_VIEWERS]))
    return zlib.compress(_encoder.encode(_in_order(msgspec.msgpack.decode(_encoder.encode(slim)))), _HARD)


def _in_order(value: Any) -> Any:
    """The same with the buckets of its histograms from the least to the greatest: a quarter less once compressed."""
    if isinstance(value, dict):
        keys = sorted(value) if all(isinstance(key, int) for key in value) else value
        return {key: _in_order(value[key]) for key in keys}
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def to_agent(body: bytes) -> ToAgent:
    """Decode what a controller said. Raises ValueError."""
    try:
        message: ToAgent = _to_agent.decode(zlib.decompress(body))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"it can not be read: {error}") from None
    return message


def from_agent(body: bytes) -> FromAgent:
    """Decode what an agent said. Raises ValueError."""
    try:
        message: FromAgent = _from_agent.decode(zlib.decompress(body))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"it can not be read: {error}") from None
    return message
