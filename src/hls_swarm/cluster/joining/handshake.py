"""How an agent and a controller make sure of each other before the engine connects them (pure).

Rules:

- Both have the token, and neither says it: each answers the other's random number with a keyed hash of it
  (HMAC-SHA256). So a port scanner learns nothing, and an agent runs no code of somebody who only sits at the
  controller's address.
- Versions are compared here, in words, before the engine would refuse them in its own.
- A line is a JSON object, at most `MOST_LINE_BYTES` long.
- A controller that has let an agent in says every second that it is there. An agent that hears nothing for
  `SILENT_SECONDS` has no controller any more: the leases of its workers have run out by then.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hls_swarm.cluster.agent import LEASE_SECONDS
from hls_swarm.cluster.member import GRACE_SECONDS
from hls_swarm.errors import SettingsError

PROTOCOL = 2
HERE_SECONDS = 1.0
"""Between two words of a controller that it is there."""
SILENT_SECONDS = LEASE_SECONDS + GRACE_SECONDS
"""An agent that heard nothing for this long has no controller."""
MOST_LINE_BYTES = 16_384
SHORTEST_TOKEN = 16
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""What an agent may be called: what a host may, and the engine takes for a label."""


class Greeting(msgspec.Struct, frozen=True, tag="greeting"):
    """The controller's first word: a number to be answered."""

    protocol: int
    nonce: str


class Knock(msgspec.Struct, frozen=True, tag="knock"):
    """An agent's answer, and who it is.

    Attributes:
        proof: that it has the token.
        nonce: its own number, to be answered.
    """

    proof: str
    nonce: str
    name: str
    version: str
    python: str
    engine: str


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The agent may join: where, and proof that the controller has the token too.

    Attributes:
        controller: host and port of the engine's head.
        address: the agent's own, as the controller sees it.
    """

    proof: str
    controller: str
    address: str


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    """The agent may not join, and why.

    Attributes:
        later: whether it may be welcome after this run.
    """

    reason: str
    later: bool = False


class Here(msgspec.Struct, frozen=True, tag="here"):
    """The controller is there."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The agent could not join, in words."""

    reason: str


Word = Greeting | Knock | Welcome | Declined | Here | Failed

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Word)


def line(word: Word) -> bytes:
    """One word as it goes over the wire."""
    return _encoder.encode(word) + b"\n"


def word(data: bytes) -> Word:
    """Read one. Raises ValueError."""
    try:
        read: Word = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(f"it does not speak as hls-swarm does: {error}") from None
    return read


def proof(token: str, role: str, first: str, second: str) -> str:
    """That `role` has the token: a keyed hash of both numbers."""
    return hmac.new(token.encode(), f"{role}\n{first}\n{second}".encode(), hashlib.sha256).hexdigest()


def proves(claim: str, token: str, role: str, first: str, second: str) -> bool:
    """Whether it does."""
    return hmac.compare_digest(claim.encode(), proof(token, role, first, second).encode())


@dataclass(frozen=True)
class Versions:
    """What must be the same on all machines."""

    program: str
    python: str
    engine: str


def differences(own: Versions, other: Versions) -> str:
    """What differs so that no run is possible, in words; empty if nothing does."""
    found = []
    if own.program != other.program:
        found.append(f"it runs hls-swarm {other.program}, and the controller {own.program}")
    if own.python != other.python:
        found.append(f"it has Python {other.python}, and the controller {own.python}")
    if own.engine != other.engine:
        found.append(f"it has Ray {other.engine}, and the controller {own.engine}")
    return "; ".join(found) + (": install the same on all machines" if found else "")


def read_token(field: str, name: str, content: bytes | None = None) -> str:
    """The token in a file, without the white space around it.

    Args:
        content: of the file, if it has been read already.

    Raises:
        SettingsError: it can not be read, or is too short to be one.
    """
    try:
        data = Path(name).read_bytes() if content is None else content
    except OSError as error:
        raise SettingsError(f"{field}: {name} can not be read: {error.strerror}") from None
    text = data.decode("ascii", errors="replace").strip()
    if len(text) < SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(
            f"{field}: {name} holds no token: {SHORTEST_TOKEN} or more letters and digits, such as "
            "`openssl rand -hex 32` gives"
        )
    return text
