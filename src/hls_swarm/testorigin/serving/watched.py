"""A wire that the loop watches for its connection, whatever version of HTTP that speaks: its state, and its end."""

from abc import ABC, abstractmethod

from hls_swarm.testorigin.serving.owner import LINGER_SECONDS, Owner, State
from hls_swarm.testorigin.serving.wire import Wire


class Watched(ABC):
    """A client's connection as far as all are alike; what it reads is for `take`."""

    __slots__ = (
        "_owner",
        "_reads_watched",
        "_state",
        "_wire",
        "_writes_watched",
        "deadline",
        "descriptor",
        "peer",
    )

    def __init__(self, owner: Owner, wire: Wire, peer: str) -> None:
        self._owner = owner
        self._wire = wire
        self.descriptor = wire.descriptor
        self.peer = peer
        self.deadline = owner.now() + owner.idle_seconds
        self._state = State.IDLE
        self._reads_watched, self._writes_watched = True, False

    @property
    def state(self) -> State:
        """What it is doing."""
        return self._state

    def readable(self) -> None:
        """Bytes have arrived, or the client is gone."""
        buffer = self._owner.read_buffer
        try:
            count = self._wire.receive(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # reset: the client is gone, and there is nothing to tell anybody
            self.close()
            return
        if count == 0:
            self.close()
        elif self._state is not State.LINGERING:
            self.take(memoryview(buffer)[:count])

    @property
    @abstractmethod
    def is_held(self) -> bool:
        """See `Connected`."""

    @abstractmethod
    def take(self, data: memoryview) -> None:
        """Answer what has arrived."""

    @abstractmethod
    def writable(self) -> None:
        """See `Connected`."""

    @abstractmethod
    def expire(self) -> None:
        """See `Connected`."""

    @abstractmethod
    def close(self) -> None:
        """See `Connected`."""

    def _watch_reads(self, wanted: bool) -> None:
        if wanted is not self._reads_watched:
            self._reads_watched = wanted
            self._owner.watch_reads(self, wanted)

    def _watch_writes(self, wanted: bool) -> None:
        if wanted is not self._writes_watched:
            self._writes_watched = wanted
            self._owner.watch_writes(self, wanted)

    def _let_go(self) -> None:
        """Close the wire; nothing is under way any more."""
        self._watch_reads(False)
        self._watch_writes(False)
        self._enter(State.CLOSED)
        self._wire.close()
        self._owner.closed(self)

    def _linger(self) -> None:
        """Say that nothing more comes, and wait a moment for the client to close."""
        self._enter(State.LINGERING)
        self.deadline = self._owner.now() + LINGER_SECONDS
        try:
            self._wire.finish()
        except OSError:  # the client was faster
            self.close()

    def _enter(self, state: State) -> None:
        self._owner.changed_state(self._state, state)
        self._state = state
