"""What a connection is to its server, and what it needs of it, whatever version of HTTP it speaks."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from hls_swarm.testorigin.serving.answers import Answer, Request
from hls_swarm.testorigin.serving.held import Held
from hls_swarm.testorigin.serving.wire import Wire

READ_BYTES = 16 << 10
MAX_HEAD_BYTES = 16 << 10
MAX_REQUEST_BODY_BYTES = 64 << 10
LINGER_SECONDS = 2.0
TRICKLE_SECONDS = 0.05


class State(Enum):
    """What a connection is doing."""

    IDLE = auto()
    READING = auto()
    WRITING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Connected(Protocol):
    """A client's connection.

    Attributes:
        deadline: when it is to be closed if nothing happens, by the loop's clock.
    """

    deadline: float
    descriptor: int
    peer: str

    @property
    def state(self) -> State:
        """What it is doing."""

    @property
    def is_held(self) -> bool:
        """Whether all that was asked for waits for what is not there yet."""

    def readable(self) -> None:
        """Bytes have arrived, or the client is gone."""

    def writable(self) -> None:
        """The socket takes more."""

    def expire(self) -> None:
        """The deadline has passed."""

    def close(self) -> None:
        """End it at once; what is under way ends with what was sent of it."""


class Owner(Protocol):
    """What a connection needs of its server."""

    read_buffer: bytearray
    head_seconds: float
    idle_seconds: float
    stalled_seconds: float
    is_stopping: bool

    def now(self) -> float:
        """The loop's clock."""

    def watch_reads(self, connection: Connected, wanted: bool) -> None:
        """Call `readable` when there is something to read, or no longer."""

    def watch_writes(self, connection: Connected, wanted: bool) -> None:
        """Call `writable` when something can be sent, or no longer."""

    def changed_state(self, before: State, after: State) -> None:
        """Count connections by what they do."""

    def answer(self, request: Request) -> Answer | Held:
        """What to say, or what to wait for."""

    def common_fields(self) -> bytes:
        """Header lines of every answer of this second."""

    def fields(self, request: Request, answer: Answer) -> bytes:
        """Header lines of this answer, without those that concern the connection."""

    def turn(
        self, connection: Connected, request: Request, left_bytes: int, free_at: float | None
    ) -> tuple[float, int, float] | None:
        """What of a body goes out next, see `Limits.turn`; None: there is no limit."""

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back after so many seconds."""

    def answered(self, connection: Connected, request: Request, answer: Answer, body_bytes: int) -> None:
        """An answer ended, with so many bytes of its body sent."""

    def opened(self, opening: Connected, wire: Wire, data: memoryview, *, http2: bool) -> None:
        """It is known what a connection speaks; the data is what was read of it."""

    def closed(self, connection: Connected) -> None:
        """The connection is gone."""
