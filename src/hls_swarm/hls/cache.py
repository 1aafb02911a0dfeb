"""Playlists parsed once for all viewers: identical bytes from the same URL mean the same playlist.

Thousands of viewers of one stream load the same bytes. They may share what was parsed from them because it is frozen;
and because the very same object comes back, `new is held` says at once that a playlist has not changed.

Rules:

- The key is everything that parsing reads: the body, the URL it came from, the imported variables, and the reading.
- Bodies that are no playlists are remembered too: an origin in trouble answers everyone with the same error page.
- Bounded by number and by bytes of bodies held; the one longest unused goes first. The answer to a request with
  delivery directives (8216bis 6.2.5) is asked for once by each viewer, all within moments: few of them are held.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping

import msgspec

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import NO_VARIABLES, parse_playlist
from hls_swarm.hls.playlist import Playlist
from hls_swarm.hls.reading import LENIENT, Reading

DIRECTIVE = "_HLS_msn="
PASSING = 256
"""Answers to requests with directives that are held: of dozens of playlists, several parts each."""


class _Rejected(msgspec.Struct, frozen=True):
    """What a `PlaylistError` said; a new one is raised each time, as tracebacks would grow on a shared one."""

    reason: str
    line: int
    text: str
    rule: str


_Key = tuple[bytes, str, tuple[tuple[str, str], ...], Reading]


class PlaylistCache:
    """A bounded store of parsed playlists, the least recently used leaving first.

    Attributes:
        hits, misses: how often a body was known, and was not.
        body_bytes: size of the bodies held.
    """

    __slots__ = ("_capacity", "_max_body_bytes", "_parsed", "_passing", "body_bytes", "hits", "misses")

    def __init__(self, capacity: int = 4096, max_body_bytes: int = 32 << 20) -> None:
        self._capacity, self._max_body_bytes = capacity, max_body_bytes
        self._parsed: OrderedDict[_Key, Playlist | _Rejected] = OrderedDict()
        self._passing: deque[_Key] = deque()
        self.hits = self.misses = self.body_bytes = 0

    def __len__(self) -> int:
        return len(self._parsed)

    def parse(
        self, body: bytes, url: str, imports: Mapping[str, str] = NO_VARIABLES, reading: Reading = LENIENT
    ) -> Playlist:
        """The playlist that a body is; see `parser.parse_playlist`.

        Raises:
            PlaylistError: as `parse_playlist` does.
        """
        key = body, url, tuple(sorted(imports.items())) if imports else (), reading
        result = self._parsed.get(key)
        if result is None:
            self.misses += 1
            try:
                result = parse_playlist(body, url, imports, reading)
            except PlaylistError as error:
                result = _Rejected(error.reason, error.line, error.text, error.rule)
            self._keep(key, result)
        else:
            self.hits += 1
            self._parsed.move_to_end(key)
        if isinstance(result, _Rejected):
            raise PlaylistError(result.reason, line=result.line, text=result.text, rule=result.rule)
        return result

    def _keep(self, key: _Key, result: Playlist | _Rejected) -> None:
        self._parsed[key] = result
        self.body_bytes += len(key[0])
        if DIRECTIVE in key[1]:
            self._passing.append(key)
            if len(self._passing) > PASSING and self._parsed.pop(gone := self._passing.popleft(), None) is not None:
                self.body_bytes -= len(gone[0])
        while self._parsed and (len(self._parsed) > self._capacity or self.body_bytes > self._max_body_bytes):
            (body, *_), _ = self._parsed.popitem(last=False)
            self.body_bytes -= len(body)
