"""A run's snapshots on their way to a dashboard elsewhere: what a run sends once a second, and what is read of it.

Both ends are this program. A snapshot that the other end can not read is of another version, and is told as that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import structs

from hls_swarm import __version__
from hls_swarm.judge.events import Event
from hls_swarm.settings.checks import masked_url
from hls_swarm.snapshot.origin.metrics import OriginMetrics
from hls_swarm.snapshot.snapshot import Snapshot


class Frame(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        version: of the program that sends it.
        events: since the message before; in the first one, all that are kept.
    """

    version: str
    snapshot: Snapshot
    events: Sequence[Event] = ()


@dataclass(frozen=True)
class OtherVersionError(Exception):
    """A message that this version can not read.

    Args:
        theirs: the version that sent it; empty if it does not even say that.
    """

    theirs: str


def frame(snapshot: Snapshot, events: Sequence[Event]) -> Frame:
    """What is sent of a moment; secrets in addresses are cut out."""
    return Frame(__version__, replace(snapshot, origin=_masked(snapshot.origin)), events)


def read_frame(data: bytes) -> Frame:
    """A message as it came.

    Raises:
        OtherVersionError: it is not what this version sends.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError:
        pass
    except msgspec.DecodeError:
        raise OtherVersionError("") from None
    said: Any = msgspec.json.decode(data)
    raise OtherVersionError(str(said.get("version", ""))[:20] if isinstance(said, dict) else "")


def _masked(origin: OriginMetrics | None) -> OriginMetrics | None:
    if origin is None:
        return None
    targets = tuple(
        structs.replace(
            target, sources=tuple(structs.replace(source, url=masked_url(source.url)) for source in target.sources)
        )
        for target in origin.targets
    )
    return structs.replace(origin, targets=targets)


_DECODER = msgspec.json.Decoder(Frame)
