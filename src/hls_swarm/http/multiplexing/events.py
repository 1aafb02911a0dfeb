"""What an answer's stream tells, and what of its body is kept for that."""

from typing import NamedTuple

from hls_swarm.records import BODY_START_BYTES


class BrokenProtocolError(Exception):
    """The peer broke the protocol in a way that ends the connection; the text says how, in a few words.

    Attributes:
        code: what tells the peer.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class HeadReceived(NamedTuple):
    """A field block is whole: an interim head, a head, or trailers."""

    stream: int
    block: bytes
    size_bytes: int
    ends: bool


class BodyReceived(NamedTuple):
    """Body bytes of a stream, padding not counted.

    Attributes:
        pieces: holds them if they are kept.
        start: what a body that is not kept begins with, in the first event of it.
    """

    stream: int
    size_bytes: int
    pieces: tuple[bytes, ...]
    ends: bool
    start: bytes = b""


class StreamReset(NamedTuple):
    """The peer ended a stream."""

    stream: int
    code: int


class Body:
    """A body as it comes.

    Attributes:
        keeps: whether it is wanted, not only its size.
        received: bytes that no event has told of.
        pieces: these, if they are kept.
        start: what it begins with; None before that came, empty once it was told of.
    """

    __slots__ = ("keeps", "pieces", "received", "start")

    keeps: bool
    received: int
    pieces: list[bytes]
    start: bytes | None

    def take(self, payload: bytes | memoryview) -> None:
        """Keep what is needed of more bytes."""
        self.received += len(payload)
        if self.keeps:
            self.pieces.append(bytes(payload))
        elif self.start is None:
            self.start = bytes(payload[:BODY_START_BYTES])

    def told(self, number: int, *, ends: bool) -> BodyReceived:
        """The event that tells of all of it so far.

        Args:
            number: of its stream.
        """
        event = BodyReceived(number, self.received, tuple(self.pieces), ends, self.start or b"")
        self.received = 0
        self.pieces.clear()
        if self.start:
            self.start = b""
        return event
