"""Server-sent events (HTML, 9.2): one stream of messages to all who listen, and nobody waits for one of them.

Rules:

- Who comes gets everything so far as one message, then each further one as it is published.
- A message is handed to the kernel at once. What that does not take is kept, up to a bound in bytes and in time; a
  listener beyond either is dropped. A browser comes again by itself, and gets everything so far.
- The number of listeners is bounded.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

MOST_LISTENERS = 16
MOST_WAITING_BYTES = 8 << 20
"""More than everything so far has ever been."""
MOST_WAITING_SECONDS = 15.0
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nretry: 2000\n\n"
)
_DISCARDED_BYTES = 4096


@dataclass(eq=False)
class _Listener:
    writer: asyncio.StreamWriter
    behind_since: float | None = None


class Publisher:
    """One stream.

    Args:
        first: makes the message that holds everything so far; empty for none.
        clock: the monotonic clock.
    """

    def __init__(self, first: Callable[[], bytes], clock: Callable[[], float], most: int = MOST_LISTENERS) -> None:
        self._first, self._clock, self._most = first, clock, most
        self._listeners: set[_Listener] = set()
        self._last = b""

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def is_heard(self) -> bool:
        """Whether anybody does."""
        return bool(self._listeners)

    @property
    def has_room(self) -> bool:
        """Whether one more may come."""
        return self.listeners < self._most

    def publish(self, data: bytes) -> None:
        """Send a message to all who listen, at once or never."""
        for listener in tuple(self._listeners):
            transport = listener.writer.transport
            waiting, now = transport.get_write_buffer_size(), self._clock()
            if not waiting:
                listener.behind_since = None
            elif listener.behind_since is None:
                listener.behind_since = now
            since = listener.behind_since
            if waiting > MOST_WAITING_BYTES or (since is not None and now - since > MOST_WAITING_SECONDS):
                self._listeners.discard(listener)
                transport.abort()
            else:
                listener.writer.write(data)

    def end(self, data: bytes) -> None:
        """Send the last message; who comes later gets it after everything so far."""
        self.publish(data)
        self._last = data

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep one listener until it goes away."""
        listener = _Listener(writer)
        writer.write(_HEAD + self._first() + self._last)
        self._listeners.add(listener)
        try:
            while await reader.read(_DISCARDED_BYTES):
                pass  # it has nothing more to say
        finally:
            self._listeners.discard(listener)


def event(name: str, value: object) -> bytes:
    """One message: its name, and a value as JSON, which has no line break."""
    return f"event: {name}\ndata: ".encode() + _ENCODER.encode(value) + b"\n\n"


def plain(value: object) -> object:
    """What msgspec does not know as what it knows: a mapping that can not be changed, as a dict."""
    if isinstance(value, MappingProxyType):
        return dict(value)
    msg = f"no JSON for {type(value).__name__}"
    raise NotImplementedError(msg)


_ENCODER = msgspec.json.Encoder(enc_hook=plain)
