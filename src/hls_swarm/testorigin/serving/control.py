"""The origin's control pages: faults that are set and cleared while it runs, and what was asked for, exactly when.

    /control/faults          what is set, one a line
    /control/set/FAULT       sets one; a fault is written as `faults` says
    /control/clear           clears all
    /control/steer/SAYS      what the steering manifest says from now on, as `steering` says
    /control/requests        the last requests, one JSON object a line
    /control/cmcd            what players told with their requests (CMCD), a session a line
    /control/clock           seconds since the stream began

They are pages that a browser or curl can ask for, and belong to no log or counter. They change things upon GET, which
is for an origin that serves tests; each answer forbids to cache it. A page of another site in a browser gets none of
them (`answers`).
"""

from collections import deque
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from hls_swarm.errors import SettingsError
from hls_swarm.testorigin.resources import TEXT_TYPE, Caching, Resource
from hls_swarm.testorigin.serving.answers import Request
from hls_swarm.testorigin.serving.trouble.faults import Fault, FaultKind, Faults, parse_fault
from hls_swarm.testorigin.settings import CONTROL_PREFIX
from hls_swarm.testorigin.telling.cmcd import CmcdSeen

_KEPT_REQUESTS = 20_000
_Seen = tuple[float, str, str, HTTPStatus, int, float, str, str]
"""As `RequestSeen`, by the performance counter and not rounded: most are never looked at."""


class RequestSeen(msgspec.Struct, frozen=True):
    """One answer that ended.

    Attributes:
        at: when the request's first byte was read, in seconds since the stream began.
        target: path and query, as sent.
        range: the Range field; empty without one.
    """

    at: float
    method: str
    target: str
    status: int
    body_bytes: int
    seconds: float
    agent: str
    range: str


class RequestLog:
    """The last requests, with times to the microsecond, which an access log does not have.

    Args:
        began_at: when the stream began, by the performance counter.
    """

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._seen: deque[_Seen] = deque(maxlen=_KEPT_REQUESTS)

    def add(self, request: Request, status: HTTPStatus, body_bytes: int, seconds: float) -> None:
        """Note one answer that ended."""
        fields = request.headers
        asked, agent = (request.began_at, request.method, request.target), fields.get(b"user-agent", "")
        self._seen.append((*asked, status, body_bytes, seconds, agent, fields.get(b"range", "")))

    def lines(self) -> bytes:
        """One JSON object a line, in the order in which the answers ended."""
        return b"".join(msgspec.json.encode(self._told(*seen)) + b"\n" for seen in self._seen)

    def _told(
        self,
        began_at: float,
        method: str,
        target: str,
        status: HTTPStatus,
        body_bytes: int,
        seconds: float,
        agent: str,
        asked: str,
    ) -> RequestSeen:
        at = round(began_at - self._began_at, 6)
        return RequestSeen(at, method, target, status.value, body_bytes, round(seconds, 6), agent, asked)


class Control:
    """The pages.

    Args:
        clock: the loop's; `began_at` is by it.
        pause: lets the live streams stand still, from an instant on and for so many seconds.
        steer: changes what the steering manifest says; raises SettingsError.
        cmcd: what players told.
    """

    def __init__(
        self,
        faults: Faults,
        requests: RequestLog,
        clock: Callable[[], float],
        began_at: float,
        pause: Callable[[float, float], None],
        steer: Callable[[str], None] | None = None,
        cmcd: CmcdSeen | None = None,
    ) -> None:
        self._steer, self._cmcd = steer, cmcd
        self._faults, self._requests = faults, requests
        self._clock, self._began_at, self._pause = clock, began_at, pause

    def set(self, fault: Fault) -> None:
        """Let a fault happen from now on."""
        now = self._clock()
        if fault.kind is FaultKind.PAUSE:
            self._pause(now + fault.after, fault.value)
        else:
            self._faults.set(fault, now)

    def find(self, path: str) -> Resource | None:
        """The page at a path, and what it does."""
        if not path.startswith(f"{CONTROL_PREFIX}/"):
            return None
        command, _, rest = path.removeprefix(f"{CONTROL_PREFIX}/").partition("/")
        match command:
            case "set" if rest:
                try:
                    self.set(parse_fault(rest))
                except SettingsError as error:
                    return _page(f"{error}\n".encode())
            case "steer" if rest and self._steer is not None:
                try:
                    self._steer(rest)
                except SettingsError as error:
                    return _page(f"{error}\n".encode())
                return _page(f"{rest}\n".encode())
            case "clear":
                self._faults.clear()
            case "faults":
                pass
            case "requests":
                return _page(self._requests.lines())
            case "cmcd" if self._cmcd is not None:
                return _page(b"".join(self._cmcd.lines()))
            case "clock":
                return _page(b"%.6f\n" % (self._clock() - self._began_at))
            case _:
                return None
        return _page("".join(f"{text}\n" for text in self._faults.texts(self._clock())).encode())


def _page(body: bytes) -> Resource:
    return Resource(TEXT_TYPE, body, Caching.NEVER, metered=False)
