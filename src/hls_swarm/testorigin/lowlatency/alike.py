"""Answers made once for all who ask alike: a thousand players that wait for a part ask for it in the same words.

Rules:

- An answer holds until the stream publishes or deletes something: until then the same request gets the same one.
- All that an answer depends on is in the key. Requests for ranges and conditional ones are answered one by one, and so
  are all of them while something goes wrong on purpose, which may be drawn for each.
"""

from hls_swarm.testorigin.lowlatency.stream import LowLatencyStream
from hls_swarm.testorigin.serving.answers import Answer, Request

_ONE_BY_ONE = frozenset({b"range", b"if-none-match"})
_MOST = 256
_Key = tuple[str, str, str, int, str | None]


class Alike:
    """The answers that hold now, by what was asked."""

    def __init__(self, stream: LowLatencyStream) -> None:
        self.stream = stream
        self._moves = stream.moves
        self._answers: dict[_Key, Answer] = {}

    def find(self, request: Request) -> Answer | None:
        """The answer to a request, if one like it had one since the stream moved."""
        if self._moves != self.stream.moves:
            self._moves = self.stream.moves
            self._answers.clear()
        return self._answers.get(_key(request)) if _ONE_BY_ONE.isdisjoint(request.headers) else None

    def keep(self, request: Request, answer: Answer) -> None:
        """Give the same to who asks alike; to be called in the same turn of the loop as `find`."""
        if len(self._answers) < _MOST and _ONE_BY_ONE.isdisjoint(request.headers):
            self._answers[_key(request)] = answer


def _key(request: Request) -> _Key:
    return (
        request.target,
        request.method,
        request.version,
        request.hosts,
        request.headers.get(b"accept-encoding"),
    )
