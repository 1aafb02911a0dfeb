"""What leaves a viewer nothing to play."""

import msgspec

from hls_swarm.records import Failure, ObjectKind


class Fatal(msgspec.Struct, frozen=True, gc=False):
    """What leaves nothing to play.

    Attributes:
        url, object: what could not be had; secrets are masked.
        stream: which stream of which multivariant playlist that belongs to; empty: to none.
    """

    failure: Failure
    url: str
    object: ObjectKind
    stream: str = ""
