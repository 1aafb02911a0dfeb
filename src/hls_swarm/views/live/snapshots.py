"""A run's snapshots on their way to a dashboard elsewhere: what a run sends once a second, and what is read of it.

Both ends are this program. A snapshot that the other end can not read is of another version, and is told as that. JSON
has no infinity, which bounds of buckets are; so the message is JSON, and what it brings is msgpack within it.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec
from msgspec import structs

from hls_swarm import __version__
from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.http.serving.publisher import plain
from hls_swarm.judge.events import Event
from hls_swarm.settings.checks import masked_url
from hls_swarm.snapshot.origin.metrics import OriginMetrics
from hls_swarm.snapshot.snapshot import Snapshot


class Frame(msgspec.Struct, frozen=True):
    """What one message brings.

    Attributes:
        events: since the message before; in the first one, all that are kept.
        search: how far a search for capacity is; None of a run that is none.
        before: in the first one, the last minutes by column of the timeline, a second apart, the newest last.
    """

    snapshot: Snapshot
    events: Sequence[Event] = ()
    search: Progress | None = None
    before: Mapping[str, Sequence[float | None]] = {}


class Envelope(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        version: of the program that sends it.
        frame: in msgpack, and that in base64.
    """

    version: str
    frame: str


@dataclass(frozen=True)
class OtherVersionError(Exception):
    """A message that this version can not read.

    Args:
        theirs: the version that sent it; empty if it does not even say that.
    """

    theirs: str


def envelope(
    snapshot: Snapshot,
    events: Sequence[Event],
    search: Progress | None = None,
    before: Mapping[str, Sequence[float | None]] = MappingProxyType({}),
) -> Envelope:
    """What is sent of a moment; secrets in addresses are cut out."""
    frame = Frame(replace(snapshot, origin=_masked(snapshot.origin)), events, search, before)
    return Envelope(__version__, b64encode(_ENCODER.encode(frame)).decode())


def read_frame(data: bytes) -> Frame:
    """What a message brings.

    Raises:
        OtherVersionError: it is not what this version sends.
    """
    try:
        sent = msgspec.json.decode(data, type=Envelope)
    except msgspec.DecodeError:
        raise OtherVersionError("") from None
    try:
        return _DECODER.decode(b64decode(sent.frame, validate=True))
    except (ValueError, msgspec.DecodeError):
        raise OtherVersionError(sent.version[:20]) from None


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


_ENCODER, _DECODER = msgspec.msgpack.Encoder(enc_hook=plain), msgspec.msgpack.Decoder(Frame)
