"""What a browser remembers of servers that offer HTTP/3 (Alt-Svc, RFC 7838), as Chromium has it. Pure.

Rules:

- An offer is taken over TLS only. It holds for `ma` seconds, a day unless it says otherwise; each answer's offers take
  the place of those before, and `clear` takes them back.
- Only HTTP/3 (`h3`) at the origin's own host is taken up. An origin at a privileged port is not left for another port
  than such a one.
- What failed is broken: it is left alone for five minutes, then again five, ten, twenty and so on, at most two days.
  Once it works all of that is forgotten.
"""

import re
from typing import NamedTuple

from hls_swarm.http.asking.target import Route

DEFAULT_AGE_SECONDS = 86400.0
_BROKEN_SECONDS = 300.0
_MOST_BROKEN_SECONDS = 2 * 86400.0
_MOST_DOUBLINGS = 18
_MOST_AGE_SECONDS = 10 * 365 * 86400
_PRIVILEGED_PORTS = 1024
_MOST_ROUTES = 32
_PROTOCOL = "h3"

_TOKEN, _QUOTED = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", r'"(?:[^"\\]|\\.)*"'
_PARAMETER = re.compile(rf"\s*;\s*({_TOKEN})\s*=\s*({_TOKEN}|{_QUOTED})")
_SERVICE = re.compile(rf"\s*({_TOKEN})=({_QUOTED})((?:\s*;\s*{_TOKEN}\s*=\s*(?:{_TOKEN}|{_QUOTED}))*)\s*(?:,|$)")


class Offer(NamedTuple):
    """HTTP/3 at a port of the origin's host, for so many seconds."""

    port: int
    age_seconds: float


def h3_offer(field: str, route: Route) -> Offer | None:
    """The first offer of HTTP/3 in an Alt-Svc field that a client of this route takes up; None: there is none.

    A field that is malformed offers nothing from there on (RFC 7838 3).
    """
    at = 0
    while at < len(field):
        service = _SERVICE.match(field, at)
        if service is None:
            return None
        at = service.end()
        if service[1] != _PROTOCOL:
            continue
        host, colon, port = _unquoted(service[2]).rpartition(":")
        if not colon or host.lower() not in ("", route.host) or not (port.isascii() and port.isdigit()):
            continue
        number = int(port[:6])
        if not 0 < number < 1 << 16 or (route.port < _PRIVILEGED_PORTS <= number):
            continue
        parameters = {name.lower(): _unquoted(value) for name, value in _PARAMETER.findall(service[3])}
        age = parameters.get("ma", "")
        seconds = float(min(int(age[:12]), _MOST_AGE_SECONDS)) if age.isascii() and age.isdigit() else None
        return Offer(number, DEFAULT_AGE_SECONDS if seconds is None else seconds)
    return None


class Alternatives:
    """What one client remembers.

    Attributes:
        has_worked: HTTP/3 was spoken somewhere.
    """

    __slots__ = ("_broken", "_offers", "has_worked")

    def __init__(self) -> None:
        self.has_worked = False
        self._offers: dict[Route, tuple[int, float]] = {}  # the port, and until when
        self._broken: dict[Route, tuple[float, int]] = {}  # until when, and how often it was

    def keep(self, route: Route, field: str, now: float) -> bool:
        """Take in the Alt-Svc field of an answer from there; whether HTTP/3 is offered."""
        offer = h3_offer(field, route)
        if offer is None:
            self._offers.pop(route, None)
            return False
        if route not in self._offers:
            for kept in (self._offers, self._broken):
                while len(kept) >= _MOST_ROUTES:
                    del kept[next(iter(kept))]
        self._offers[route] = offer.port, now + offer.age_seconds
        return True

    def port(self, route: Route, now: float) -> int | None:
        """Where HTTP/3 is to be tried for a route; None: nowhere, now."""
        offer = self._offers.get(route)
        if offer is None or now >= offer[1]:
            return None
        broken = self._broken.get(route)
        return None if broken is not None and now < broken[0] else offer[0]

    def was_broken(self, route: Route) -> bool:
        """Whether it failed and has not worked since."""
        return route in self._broken

    def broke(self, route: Route, now: float) -> None:
        """It did not work."""
        _, times = self._broken.get(route, (0.0, 0))
        doublings = min(max(times - 1, 0), _MOST_DOUBLINGS)
        self._broken[route] = now + min(_BROKEN_SECONDS * (1 << doublings), _MOST_BROKEN_SECONDS), times + 1

    def worked(self, route: Route) -> None:
        """It worked."""
        self.has_worked = True
        self._broken.pop(route, None)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
