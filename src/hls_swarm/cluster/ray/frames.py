"""What the controller and its bridge to the engine say to each other over pipes, framed as workers' messages are."""

from dataclasses import dataclass

import msgspec


class ListMachines(msgspec.Struct, frozen=True, tag=True):
    """Which machines are there?"""

    number: int


class Place(msgspec.Struct, frozen=True, tag=True):
    """Put an agent on a machine, known by the engine's name of it."""

    number: int
    machine: str


class Carry(msgspec.Struct, frozen=True, tag=True):
    """Carry a message to the agent on a machine.

    Attributes:
        quiet_seconds: after it, in which nothing else is likely to be asked there.
    """

    number: int
    machine: str
    body: bytes
    quiet_seconds: float = 0.0


@dataclass(frozen=True)
class Machine:
    """A machine of the cluster.

    Args:
        key: the engine's name of it.
        agent: under which name it was started as an agent; None: not by us.
        is_ours: whether the bridge is on it.
    """

    key: str
    address: str
    host: str
    agent: str | None
    is_ours: bool


class Answered(msgspec.Struct, frozen=True, tag=True):
    """What came of it.

    Attributes:
        lost: in words, why no answer can come.
        ended: whether what should answer is known to have ended.
    """

    number: int
    body: bytes = b""
    machines: tuple[Machine, ...] = ()
    lost: str = ""
    ended: bool = False


ToBridge = ListMachines | Place | Carry

_encoder = msgspec.msgpack.Encoder()
_to_bridge = msgspec.msgpack.Decoder(ToBridge)
_from_bridge = msgspec.msgpack.Decoder(Answered)


def frame(message: ToBridge | Answered) -> bytes:
    """One message as it goes over the pipe."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def to_bridge(body: bytes) -> ToBridge:
    """Decode what the controller said."""
    message: ToBridge = _to_bridge.decode(body)
    return message


def from_bridge(body: bytes) -> Answered:
    """Decode what the bridge said."""
    return _from_bridge.decode(body)
