"""Faults on demand: what goes wrong with which answers, how often, and for how long.

A fault is written `KIND[=VALUE][,on=playlist|segment|all][,path=TEXT][,rate=R][,for=DURATION][,after=DURATION]`:

    status=503     answer with this status (200 to 599; 204, 205 and 304 have no body)
    delay=2s       wait before the first byte
    slow=50k       send bodies at so many bytes per second
    cut=0.5        close the connection after this share of the body
    reset          reset the connection instead of an answer
    missing        404 for a share of the segments, always the same ones
    frozen         playlists stay as they were when it began
    restart        media sequence numbers begin anew at 0
    pause=10s      the live streams stand still for so long, then go on
    late=300ms     parts of the low-latency stream are published so much later than their media ends
    lost-hint      parts are published under another name than the playlist hinted at
    new-map        segments of the low-latency stream begin with an init section of another name, hinted at before

`on` is segments for slow, cut and missing, playlists for frozen and restart, and both for the others. `rate` is the
share of requests (1 unless given), drawn from a seed. `for` and `after` count from when the fault is set.
"""

import random
import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from zlib import crc32

from hls_swarm.errors import SettingsError
from hls_swarm.settings.spellings import parse_duration

_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)(k|m|)", re.ASCII | re.IGNORECASE)
_SEQUENCE = re.compile(rb"(#EXT-X-MEDIA-SEQUENCE:)(\d+)")


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    DELAY = "delay"
    SLOW = "slow"
    CUT = "cut"
    RESET = "reset"
    MISSING = "missing"
    FROZEN = "frozen"
    RESTART = "restart"
    PAUSE = "pause"
    LATE = "late"
    LOST_HINT = "lost-hint"
    NEW_MAP = "new-map"


class Target(StrEnum):
    """Which answers it happens to."""

    PLAYLIST = "playlist"
    SEGMENT = "segment"
    ALL = "all"


_USUAL_TARGET = {
    FaultKind.SLOW: Target.SEGMENT,
    FaultKind.CUT: Target.SEGMENT,
    FaultKind.MISSING: Target.SEGMENT,
    FaultKind.FROZEN: Target.PLAYLIST,
    FaultKind.RESTART: Target.PLAYLIST,
}
_WITHOUT_VALUE = frozenset(
    {FaultKind.RESET, FaultKind.MISSING, FaultKind.FROZEN, FaultKind.RESTART, FaultKind.LOST_HINT, FaultKind.NEW_MAP}
)


@dataclass(frozen=True)
class Fault:
    """One rule.

    Attributes:
        value: status, seconds, bytes per second, or share, as the kind says; 0 for a kind without one.
        path: text that the path must have in it.
        seconds: how long it lasts; None: until it is cleared.
        after: seconds until it begins.
    """

    kind: FaultKind
    value: float
    on: Target
    path: str = ""
    rate: float = 1.0
    seconds: float | None = None
    after: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Treatment:
    """What is to be done to one answer.

    Attributes:
        body_share: share of the body after which the connection is closed; None: all of it is sent.
    """

    status: HTTPStatus | None = None
    delay_seconds: float = 0.0
    bytes_per_second: float | None = None
    body_share: float | None = None
    reset: bool = False


NOTHING = Treatment()


def parse_fault(text: str) -> Fault:
    """A fault as a person writes it.

    Raises:
        SettingsError: in words for that person.
    """
    first, *others = text.split(",")
    name, equals, value = first.partition("=")
    try:
        kind = FaultKind(name.strip())
    except ValueError:
        raise SettingsError(f"fault {text!r}: {name!r} is not one of {', '.join(FaultKind)}") from None
    try:
        fields: dict[str, str] = dict(item.split("=", 1) for item in others)
        unknown = fields.keys() - {"on", "path", "rate", "for", "after"}
        if unknown:
            raise ValueError(f"there is no {', '.join(sorted(unknown))}: write on, path, rate, for or after")
        rate = float(fields.get("rate", "1"))
        if not 0 < rate <= 1:
            raise ValueError("rate must be more than 0, and 1 at most")
        if bool(equals) is (kind in _WITHOUT_VALUE):
            raise ValueError(f"{kind} needs {'no' if equals else 'a'} value")
        return Fault(
            kind,
            _value(kind, value),
            Target(fields["on"]) if "on" in fields else _USUAL_TARGET.get(kind, Target.ALL),
            fields.get("path", ""),
            rate,
            parse_duration(fields["for"]) if "for" in fields else None,
            parse_duration(fields["after"]) if "after" in fields else 0.0,
            text,
        )
    except ValueError as error:
        raise SettingsError(f"fault {text!r}: {error}") from None


def _value(kind: FaultKind, text: str) -> float:
    match kind:
        case FaultKind.STATUS:
            status = HTTPStatus(int(text))
            if status < HTTPStatus.OK:
                raise ValueError(f"{text} is no answer but an interim response, after which a client waits for one")
            return status.value
        case FaultKind.DELAY | FaultKind.PAUSE | FaultKind.LATE:
            return parse_duration(text)
        case FaultKind.SLOW:
            if (match := _SIZE.fullmatch(text)) is None:
                raise ValueError(f"{text!r} is not a rate: write bytes per second such as 50k")
            return float(match[1]) * {"": 1, "k": 1e3, "m": 1e6}[match[2].lower()]
        case FaultKind.CUT:
            share = float(text)
            if not 0 <= share < 1:
                raise ValueError("cut is a share of the body: 0 to less than 1")
            return share
        case _:
            return 0.0


class Faults:
    """The faults that are set, and what they do to each answer.

    Args:
        seed: of what is drawn for rates.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._set: list[tuple[float, Fault]] = []
        self._held: dict[str, bytes] = {}
        self._restarted: dict[str, int] = {}

    def set(self, fault: Fault, now: float) -> None:
        """Let it happen from `now` on, or from when it says; `PAUSE` is the streams' own to carry out."""
        self._set.append((now + fault.after, fault))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._set.clear()

    @property
    def any_set(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._set) or bool(self._held) or bool(self._restarted)

    def texts(self, now: float) -> list[str]:
        """The faults that are set and not over, as they were written."""
        return [fault.text for begins, fault in self._set if not _is_over(begins, fault, now)]

    def treatment(self, path: str, target: Target, now: float) -> Treatment:
        """What happens to an answer; several faults add up, of two of a kind the later one counts."""
        if not self._set:
            return NOTHING
        status, delay, rate, share, reset = None, 0.0, None, None, False
        for fault in self._active(path, target, now):
            match fault.kind:
                case FaultKind.MISSING:
                    if crc32(path.encode()) / (1 << 32) < fault.rate:
                        status = HTTPStatus.NOT_FOUND
                case FaultKind.FROZEN | FaultKind.RESTART:
                    pass
                case FaultKind.PAUSE | FaultKind.LATE | FaultKind.LOST_HINT | FaultKind.NEW_MAP:
                    pass
                case _ if self._random.random() >= fault.rate:
                    pass
                case FaultKind.STATUS:
                    status = HTTPStatus(int(fault.value))
                case FaultKind.DELAY:
                    delay += fault.value
                case FaultKind.SLOW:
                    rate = fault.value
                case FaultKind.CUT:
                    share = fault.value
                case FaultKind.RESET:
                    reset = True
        return Treatment(status, delay, rate, share, reset)

    def part_delay(self, path: str, now: float) -> float:
        """By how many seconds a part is published late."""
        return sum(fault.value for fault in self._drawn(FaultKind.LATE, path, now))

    def loses_hint(self, path: str, now: float) -> bool:
        """Whether a part is published under another name than was hinted at."""
        return bool(self._drawn(FaultKind.LOST_HINT, path, now))

    def renews_map(self, path: str, now: float) -> bool:
        """Whether a segment begins with an init section of another name."""
        return bool(self._drawn(FaultKind.NEW_MAP, path, now))

    def _drawn(self, kind: FaultKind, path: str, now: float) -> list[Fault]:
        if not self._set:
            return []
        of_kind = [fault for fault in self._active(path, Target.SEGMENT, now) if fault.kind is kind]
        return [fault for fault in of_kind if self._random.random() < fault.rate]

    def playlist(self, path: str, body: bytes, now: float) -> bytes:
        """What a playlist says while it is frozen or restarted."""
        kinds = {fault.kind for fault in self._active(path, Target.PLAYLIST, now)} if self._set else set()
        if FaultKind.FROZEN in kinds:
            body = self._held.setdefault(path, body)
        else:
            self._held.pop(path, None)
        if FaultKind.RESTART not in kinds:
            self._restarted.pop(path, None)
            return body
        found = _SEQUENCE.search(body)
        if found is None:
            return body
        first = self._restarted.setdefault(path, int(found[2]))
        return _SEQUENCE.sub(b"\\g<1>%d" % max(0, int(found[2]) - first), body, count=1)

    def _active(self, path: str, target: Target, now: float) -> list[Fault]:
        return [
            fault
            for begins, fault in self._set
            if begins <= now
            and not _is_over(begins, fault, now)
            and fault.on in {target, Target.ALL}
            and fault.path in path
        ]


def _is_over(begins: float, fault: Fault, now: float) -> bool:
    return fault.seconds is not None and now >= begins + fault.seconds
