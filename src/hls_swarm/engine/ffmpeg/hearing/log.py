"""What ffmpeg's log says of the network, as the records that a native viewer would have made of the same.

Rules:

- An exchange begins with the line `request:`, written when the request goes out. `header=` and `http_code=` are its
  answer, `Content-Length` the length that it declares. All three need the log level `trace`.
- What is asked for is told by the line before: `HLS request for url` announces a segment; an `Opening` of another URL
  right after it is its key; `Downloading an initialization section` says afterwards that it was an init section; any
  other `Opening` is a playlist, the first of all a multivariant one if another playlist follows before any segment.
- An answer is complete when its connection carries the next answer, since ffmpeg reads one to its end before it asks
  again; a playlist also when anything else is opened, since it is parsed whole before. Its body bytes are then the
  declared length.
- The end of a connection discloses how many body bytes came over it in all. What is not accounted for by complete
  answers is the last one's: less than declared was cut. From FFmpeg 8 on the connection is named; before, the one
  whose lengths fit is taken. An answer without a declared length gets its bytes there and not before.
- Decrypted segments are counted without their padding, of 16 bytes at most.
- ffmpeg never says when a body ended: no exchange here has a download time. Instants within a request are known where
  the process stamps its lines (FFmpeg 8), to the millisecond.
- A request without an answer failed when ffmpeg does something else: it does one thing at a time.
"""

import re
from collections.abc import Callable
from typing import assert_never

from hls_swarm.engine.ffmpeg.hearing.exchange import Asked, Connection, Target, cancelled, lost, network_failure
from hls_swarm.engine.ffmpeg.hearing.lines import GraveWords, Level, LineReader, LogLine, StampClock
from hls_swarm.engine.running import Report
from hls_swarm.records import (
    AsideFetched,
    Failure,
    FailureKind,
    ObjectKind,
    PlayerLogDropped,
    PlaylistFetched,
    SegmentFetched,
    SegmentsExpired,
)
from hls_swarm.settings.checks import masked_url

MAX_CONNECTIONS = 64
"""Connections of one process that are remembered; a player has a handful."""
PADDING_BYTES = 16
"""Most that AES-CBC adds to a segment (RFC 8216 4.3.2.4, PKCS7)."""

_OPENING = re.compile(rb"Opening '(?P<url>.*)' for reading")
_SEGMENT = re.compile(rb"HLS request for url '(?P<url>.*)', offset ")
_HEADER = re.compile(rb"header='(?P<name>[^:']*): ?(?P<value>.*)'", re.DOTALL)
_CODE = re.compile(rb"http_code=(\d+)")
_BYTES_READ = re.compile(rb"Statistics: (\d{1,18}) bytes read")
_EXPIRED = re.compile(rb"skipping (\d{1,9}) segments? ahead, expired")
_KEEPALIVE_FAILED = re.compile(rb"keepalive request failed for '.*' with error: '(?P<why>[^']*)'", re.DOTALL)
_CONNECTION_FAILED = re.compile(rb"Connection to \S+ failed: (?P<why>.*)")
_NO_NAME = re.compile(rb"Failed to resolve hostname (?P<why>.*)")
_NO_RESPONSE = re.compile(rb"Error reading HTTP response: (?P<why>.*)")
_DURATION = re.compile(rb" +Duration: (?P<duration>[^,]*),")
_GIVEN_UP = (b"Failed to open segment", b"Failed to reload playlist", b"Error when loading first segment")
_HTTP = frozenset({b"http", b"https"})
_PLAYLISTS = frozenset({ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST})
_MEDIA = frozenset({ObjectKind.SEGMENT, ObjectKind.INIT})


class LogReader:
    """Reads the log of one process.

    Args:
        viewer: number of the viewer; every record carries it.
        report: takes the records.
        timeout_seconds: after which the process was told to give up waiting; tells a timeout from a lost connection
            where the process does not.
        lines_per_second: most lines that are read in one second.
        secret: a text in URLs that no record shows.

    Attributes:
        output_at: when the first media was passed on; None before.
        is_live: whether the stream has no end; None before it is known.
    """

    def __init__(
        self,
        viewer: int,
        report: Report,
        timeout_seconds: float | None,
        lines_per_second: int,
        secret: str | None = None,
    ) -> None:
        self.output_at: float | None = None
        self.is_live: bool | None = None
        self._words = GraveWords()
        self._viewer, self._report = viewer, report
        self._timeout_seconds, self._secret = timeout_seconds, secret
        self._lines = LineReader(lines_per_second)
        self._dropped = 0
        self._clock = StampClock()
        self._target: Target | None = None
        self._segment_url = self._key_url = b""
        self._awaits_segment = False
        self._connect_from: float | None = None
        self._connect_seconds: float | None = None
        self._connects = 0
        self._tls_error: str | None = None
        self._bytes_read: int | None = None
        self._connections: dict[bytes, Connection] = {}
        self._by_context: dict[bytes, Callable[[LogLine, float], None]] = {
            b"http": self._http,
            b"https": self._http,
            b"tcp": self._tcp,
            b"tls": self._tls,
            b"AVIOContext": self._context_closed,
        }

    @property
    def in_flight(self) -> int:
        """Requests whose answers are not known to be complete."""
        return sum(connection.asked is not None for connection in self._connections.values())

    def feed(self, data: bytes, now: float) -> None:
        """Read more of the log, at the instant `now`."""
        for line in self._lines.feed(data, now):
            self._line(line, now)
        dropped = self._lines.dropped - self._dropped
        if dropped:
            self._dropped += dropped
            self._report(PlayerLogDropped(self._viewer, now, dropped))

    def close(self, now: float, *, ours: bool) -> None:
        """The process has ended and its log is read: settle what is open.

        Args:
            ours: whether we ended it: then what is in flight was cancelled, else it was lost.
        """
        for line in self._lines.flush():
            self._line(line, now)
        self._settle_bytes(None, now)
        for connection in self._connections.values():
            self._confirm(connection, now)
            asked = connection.asked
            if asked is None:
                continue
            if asked.status is None and not ours:
                self._fail_unanswered(connection, None, now)
            else:
                self._finish(connection, now, asked.failure or cancelled("ended with the player's process"), 0)
        self._connections.clear()
        if not ours:
            self._target_failed(now)

    # -- lines ----------------------------------------------------------------------------------------------------

    def _line(self, line: LogLine, now: float) -> None:
        at = now if line.stamp is None else self._clock.instant(line.stamp, now)
        if self._bytes_read is not None:
            self._settle_bytes(line, at)
        handle = self._by_context.get(line.context)
        if handle is not None:
            handle(line, at)
        else:
            self._demuxer(line, at)
        self._words.add(line)

    @property
    def words(self) -> str:
        """Why the process ended, in its own words; empty if it has none."""
        return self._masked(self._words.text)

    def _demuxer(self, line: LogLine, at: float) -> None:
        message = line.message
        if found := _OPENING.match(message):
            self._opening(found["url"], at)
        elif found := _SEGMENT.match(message):
            self._finish_playlists(at, ObjectKind.MEDIA_PLAYLIST)
            self._segment_url, self._awaits_segment = found["url"], True
        elif message.startswith(b"Downloading an initialization section"):
            if self._target is not None and self._target.kind is ObjectKind.SEGMENT:
                self._target.kind = ObjectKind.INIT
        elif found := _EXPIRED.match(message):
            self._report(SegmentsExpired(self._viewer, at, int(found[1])))
        elif found := _KEEPALIVE_FAILED.match(message):
            self._fail_all_unanswered(found["why"].decode(errors="replace"), at)
        elif message.startswith(_GIVEN_UP):
            self._fail_all_unanswered(None, at)
        elif message.startswith(b"Output #0,"):
            self.output_at = at
        elif self.is_live is None and (found := _DURATION.match(message)):
            self.is_live = found["duration"] == b"N/A"

    def _opening(self, quoted: bytes, at: float) -> None:
        padded = quoted.startswith((b"crypto+", b"crypto:"))
        url = quoted[len(b"crypto+") :] if padded else quoted
        self._fail_all_unanswered(None, at)
        self._target_failed(at)
        kind: ObjectKind | None
        if self._segment_url and url == self._segment_url:
            kind, self._awaits_segment = ObjectKind.SEGMENT, False
        elif self._awaits_segment or (self._key_url and url == self._key_url):
            kind, self._key_url = ObjectKind.KEY, url
        elif self._target is None:
            kind = None
        else:
            kind = ObjectKind.MEDIA_PLAYLIST
        self._finish_playlists(at, ObjectKind.MULTIVARIANT_PLAYLIST)
        self._target = Target(kind, self._shown(url), padded)
        self._tls_error = None

    def _tcp(self, line: LogLine, at: float) -> None:
        message = line.message
        if message.startswith(b"Starting connection attempt"):
            self._connect_from = at if line.stamp is not None else None
        elif message.startswith(b"Successfully connected"):
            self._connects += 1
            self._connect_seconds = None if self._connect_from is None else max(0.0, at - self._connect_from)
        elif found := _CONNECTION_FAILED.match(message):
            self._not_sent(network_failure(found["why"].decode(errors="replace"), FailureKind.CONNECT), at)
        elif found := _NO_NAME.match(message):
            self._not_sent(Failure(FailureKind.DNS, found["why"].decode(errors="replace")[:200]), at)
        elif _OPENING.match(message):
            self._demuxer(line, at)

    def _tls(self, line: LogLine, _at: float) -> None:
        if line.level is not None and line.level <= Level.ERROR:
            self._tls_error = line.message.decode(errors="replace")[:200]

    def _http(self, line: LogLine, at: float) -> None:
        message = line.message
        if message.startswith(b"request: "):
            self._request(line, at)
            return
        if _OPENING.match(message):
            self._demuxer(line, at)
            return
        connection = self._connections.get(line.address)
        asked = connection.asked if connection is not None else None
        if connection is None or asked is None:
            return
        if message.startswith(b"header='"):
            self._header(asked, line, at)
        elif found := _CODE.match(message):
            self._answered(connection, asked, int(found[1]), at)
        elif message.startswith(b"Stream ends prematurely"):
            asked.failure = Failure(FailureKind.TRUNCATED, message.decode(errors="replace")[:200])
        elif found := _NO_RESPONSE.match(message):
            self._fail_unanswered(connection, found["why"].decode(errors="replace"), at)

    # -- exchanges ------------------------------------------------------------------------------------------------

    def _request(self, line: LogLine, at: float) -> None:
        sent_at = at if line.stamp is not None else None
        connection = self._connections.pop(line.address, None)
        if connection is not None and connection.asked is not None and connection.asked.redirects:
            asked = connection.asked
            asked.requests, asked.sent_at, asked.status, asked.declared = asked.requests + 1, sent_at, None, None
            asked.connections += self._connects
            asked.first_byte_at = None
        else:
            if connection is not None and self._connects:
                # The address is used again, by another connection: the end of the old one disclosed nothing.
                self._retire(connection, at)
                connection = None
            if connection is None:
                connection = Connection()
            self._confirm(connection, at)
            target = self._target or Target(None, "")
            if target.asked and connection.asked is not None:
                target = connection.asked.target
            target.asked = True
            connection.before = connection.asked
            connection.asked = Asked(target, at, sent_at, self._connect_seconds, self._connects)
        self._connections[line.address] = connection
        self._connects, self._connect_seconds = 0, None
        if len(self._connections) > MAX_CONNECTIONS:
            self._retire(self._connections.pop(next(iter(self._connections))), at)

    def _header(self, asked: Asked, line: LogLine, at: float) -> None:
        if asked.first_byte_at is None and line.stamp is not None:
            asked.first_byte_at = at
        found = _HEADER.match(line.message)
        if found is None:
            return
        name, value = found["name"].lower(), found["value"].strip()
        if name == b"content-length" and value.isdigit() and len(value) <= 18:
            asked.declared = int(value)
        elif name == b"location":
            asked.location = self._shown(value)
        elif name == b"age" and value.isdigit() and len(value) <= 9:
            asked.age = float(value)

    def _answered(self, connection: Connection, asked: Asked, status: int, at: float) -> None:
        if status < 100:
            # The rest of an answer that ffmpeg gave up on, taken for the head of the next.
            if connection.before is not None:
                connection.before.failure = Failure(FailureKind.TRUNCATED, "given up on before its end")
                self._confirm(connection, at)
            asked.failure = Failure(FailureKind.MALFORMED, "no status line")
            return
        self._confirm(connection, at)
        asked.status = status
        if status >= 400:
            self._finish(connection, at, Failure(FailureKind.HTTP_STATUS, f"status {status}", status), 0)

    def _confirm(self, connection: Connection, at: float) -> None:
        """The answer before the one asked for now was complete, unless it is known to have failed."""
        before, connection.before = connection.before, None
        if before is None:
            return
        body_bytes = 0 if before.failure is not None else before.declared or 0
        connection.settled += body_bytes
        self._emit(before, at, before.failure, body_bytes)

    def _finish(self, connection: Connection, at: float, failure: Failure | None, body_bytes: int) -> None:
        asked, connection.asked = connection.asked, None
        if asked is not None:
            connection.settled += body_bytes
            self._emit(asked, at, failure, body_bytes)

    def _finish_playlists(self, at: float, first: ObjectKind) -> None:
        """Something else begins, so answered playlists have been read whole; `first` is what the first one was."""
        for connection in self._connections.values():
            asked = connection.asked
            if asked is None or asked.target.kind not in {None, *_PLAYLISTS}:
                continue
            if asked.target.kind is None:
                asked.target.kind = first
            if asked.status is not None and not asked.redirects and asked.declared is not None:
                self._finish(connection, at, asked.failure, 0 if asked.failure else asked.declared)

    def _retire(self, connection: Connection, at: float) -> None:
        """A connection is gone without a word on its bytes."""
        self._confirm(connection, at)
        if connection.asked is not None:
            asked = connection.asked
            failure = asked.failure or (None if asked.status is not None else lost(None))
            self._finish(connection, at, failure, 0 if failure else asked.declared or 0)

    def _fail_all_unanswered(self, why: str | None, at: float) -> None:
        for connection in self._connections.values():
            if connection.asked is not None and connection.asked.status is None:
                self._fail_unanswered(connection, why, at)

    def _fail_unanswered(self, connection: Connection, why: str | None, at: float) -> None:
        asked = connection.asked
        if asked is None or asked.status is not None:
            return
        self._confirm(connection, at)
        if asked.failure is not None:
            failure = asked.failure
        elif why is None and self._timeout_seconds is not None and at - asked.started_at >= self._timeout_seconds:
            failure = Failure(FailureKind.FIRST_BYTE_TIMEOUT, "no answer in time")
        else:
            failure = lost(why)
        self._finish(connection, at, failure, 0)

    def _target_failed(self, at: float) -> None:
        """What was opened last never got as far as a request, for a reason that only TLS has words for."""
        if self._target is not None and not self._target.asked and self._tls_error is not None:
            self._not_sent(Failure(FailureKind.TLS, self._tls_error), at)

    def _not_sent(self, failure: Failure, at: float) -> None:
        target = self._target or Target(None, "")
        target.asked = True
        asked = Asked(target, at, None, self._connect_seconds, self._connects, requests=0)
        self._connects, self._connect_seconds = 0, None
        self._emit(asked, at, failure, 0)

    # -- bytes ----------------------------------------------------------------------------------------------------

    def _context_closed(self, line: LogLine, _at: float) -> None:
        if found := _BYTES_READ.match(line.message):
            self._bytes_read = int(found[1])

    def _settle_bytes(self, following: LogLine | None, at: float) -> None:
        """A connection has ended after so many body bytes; the line that follows may name it."""
        total, self._bytes_read = self._bytes_read, None
        if total is None:
            return
        address = None
        if following is not None and following.context in _HTTP and following.message.startswith(b"Statistics: "):
            address = following.address
        if address not in self._connections:
            address = self._fitting(total)
        if address is None:
            return
        connection = self._connections.pop(address)
        self._confirm(connection, at)
        asked = connection.asked
        if asked is None:
            return
        if asked.status is None:
            # It was closed before it answered; why comes with a later line.
            self._connections[address] = connection
            return
        rest = max(0, total - connection.settled)
        missing = 0 if asked.declared is None else asked.declared - rest
        if asked.target.padded and 0 <= missing <= PADDING_BYTES:
            rest, missing = rest + missing, 0
        failure = asked.failure
        if missing > 0 and failure is None:
            failure = cancelled("the player went on without the rest")
        self._finish(connection, at, failure, rest)

    def _fitting(self, total: int) -> bytes | None:
        """The connection whose end this is: the one whose lengths add up, else the first that can hold so much."""
        possible = None
        for address, connection in self._connections.items():
            settled = connection.settled + (connection.before.declared or 0 if connection.before is not None else 0)
            asked = connection.asked
            declared = 0 if asked is None else asked.declared
            if declared is not None:
                padding = PADDING_BYTES if asked is not None and asked.target.padded else 0
                if 0 <= settled + declared - total <= padding:
                    return address
            if possible is None and settled <= total and (declared is None or total <= settled + declared):
                possible = address
        return possible

    # -- records --------------------------------------------------------------------------------------------------

    def _emit(self, asked: Asked, at: float, failure: Failure | None, body_bytes: int) -> None:
        kind = asked.target.kind or ObjectKind.MULTIVARIANT_PLAYLIST
        if failure is None and kind in _MEDIA and asked.is_empty:
            failure = Failure(FailureKind.EMPTY_MEDIA, "an empty body, where media was expected")
        exchange = asked.exchange(at, failure, body_bytes)
        match kind:
            case ObjectKind.MULTIVARIANT_PLAYLIST | ObjectKind.MEDIA_PLAYLIST:
                self._report(PlaylistFetched(self._viewer, kind, exchange, failure))
            case ObjectKind.SEGMENT | ObjectKind.PART | ObjectKind.INIT | ObjectKind.KEY:
                self._report(SegmentFetched(self._viewer, kind, exchange, failure))
            case ObjectKind.PREFLIGHT | ObjectKind.STEERING | ObjectKind.CMCD_REPORT:
                self._report(AsideFetched(self._viewer, kind, exchange, failure))
            case _:
                assert_never(kind)

    def _shown(self, text: bytes) -> str:
        return self._masked(masked_url(text.decode(errors="replace")))

    def _masked(self, text: str) -> str:
        return text.replace(self._secret, "***") if self._secret else text
