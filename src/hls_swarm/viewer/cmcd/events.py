"""Events that a player tells a collector of, beside its requests (CMCD version 2, event mode). Pure.

Rules:

- An event is one line; the lines of one report are joined by line feeds (CTA-5004-A).
- Told are changes of state (`ps`) and of bitrate (`bc`), a fatal error (`e`), how it stands every 30 s (`t`), the first
  time at once, and each answer with media (`rr`): what hls.js tells where it is asked for these. The time of an answer
  is that of its request; from there on count its first byte (`ttfb`) and its last one (`ttlb`).
- What a collector refuses for now (429, 5xx, no answer) is told again with the next event; 410 ends the telling.
"""

from hls_swarm.records import Exchange, FailureKind
from hls_swarm.viewer.cmcd.encoding import Data, Token, Value, dictionary, rounded
from hls_swarm.viewer.cmcd.keys import rate_told
from hls_swarm.viewer.cmcd.reporter import Reporter

MEDIA_TYPE = "application/cmcd"
INTERVAL_SECONDS = 30.0
MOST_WAITING = 100
"""Lines that wait for a collector; older ones are dropped."""
_GONE, _TOO_MANY, _SERVER_ERRORS = 410, 429, range(500, 600)


class Events:
    """What one session tells its collector.

    Args:
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock.

    Attributes:
        waiting: lines that are to be told; `again`: those that were not taken, which go with the next of them.
        is_over: whether the collector wants no more.
        at: when the next `t` is due; monotonic.
    """

    __slots__ = ("_bitrate", "_nth", "_offset", "_reporter", "_state", "again", "at", "is_over", "waiting")

    def __init__(self, reporter: Reporter, wall_clock_offset: float, now: float) -> None:
        self._reporter, self._offset = reporter, wall_clock_offset
        self._state: Token | None = None
        self._bitrate: int | None = None
        self._nth = 0
        self.waiting: list[str] = []
        self.again: list[str] = []
        self.is_over = False
        self.at = now

    def observe(self, now: float, failure: FailureKind | None = None) -> None:
        """Take note of what has changed; `failure`: what ended the viewer, if something did."""
        state, bitrate = self._reporter.state, self._reporter.bitrate_bps
        if state != self._state:
            self._state = state
            self._tell("ps", now)
        if bitrate is not None and bitrate != self._bitrate:
            self._bitrate = bitrate
            self._tell("bc", now)
        if failure is not None:
            self._tell("e", now, {"ec": (failure.value,)})
        if now >= self.at:
            self.at = now + INTERVAL_SECONDS
            self._tell("t", now)

    def answered(self, exchange: Exchange, now: float) -> None:
        """A segment or an init section has come whole."""
        first, began = exchange.first_byte_at, exchange.started_at
        if first is None:
            return
        self._tell(
            "rr",
            now,
            {
                "ts": self._milliseconds(began),
                "url": exchange.url,
                "rc": exchange.status,
                "ttfb": rounded(1000 * (first - began)),
                "ttlb": rounded(1000 * (exchange.ended_at - began)),
            },
        )

    def take(self) -> bytes | None:
        """The report of all that waits; None if nothing new does, or nobody wants it."""
        if self.is_over or not self.waiting:
            return None
        lines = [*self.again, *self.waiting][-MOST_WAITING:]
        self.waiting, self.again = [], []
        return "".join(f"{line}\n" for line in lines).encode("ascii")

    def told(self, report: bytes, exchange: Exchange) -> int:
        """What became of a report; gives the events that the collector took."""
        status = exchange.status
        if exchange.failure is None:
            return report.count(b"\n")
        if status == _GONE:
            self.is_over = True
        elif status is None or status == _TOO_MANY or status in _SERVER_ERRORS:
            self.again = report.decode("ascii").splitlines()
        return 0

    def _milliseconds(self, at: float) -> int:
        return rounded((at + self._offset) * 1000)

    def _tell(self, event: str, now: float, more: Data | None = None) -> None:
        at = self._reporter.event(now)
        values: dict[str, Value] = {
            "e": Token(event),
            "ts": self._milliseconds(now),
            "sn": self._nth,
            "v": 2,
            "sf": Token("h"),
            "sid": at.session,
            "cid": at.content,
            "st": at.stream,
            "sta": at.state,
            "mtp": (rounded(at.throughput_bps / 1000, 100),),
            "bl": (rounded(at.buffer_seconds * 1000, 100),),
            "br": None if at.bitrate_bps is None else (rounded(at.bitrate_bps / 1000),),
            "pr": rate_told(at),
        }
        self._nth += 1
        self.waiting = [*self.waiting, dictionary(values | dict(more or {}))][-MOST_WAITING:]
