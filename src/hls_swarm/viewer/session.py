"""What the person in front of the player does: where to begin, when to pause, to seek, to leave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hls_swarm.settings.spellings import JoinPoint


@dataclass(frozen=True)
class Pause:
    """Stand still for a while."""

    seconds: float


@dataclass(frozen=True)
class Seek:
    """Go elsewhere.

    Args:
        by: seconds from here, backwards if negative; None: to `share` of what can be sought in.
        share: in [0, 1).
    """

    by: float | None
    share: float = 0.0


@dataclass(frozen=True)
class Intent:
    """Something that a person does.

    Args:
        after: seconds since the last intent of the same viewer ended, or since it pressed play.
    """

    after: float
    what: Pause | Seek


def _the_mean(_: int) -> float:
    return 0.5


@dataclass(frozen=True)
class Session:
    """One person's visit to one stream.

    Args:
        variant_draw, join_draw: uniform in [0, 1), for random variants and positions.
        loops: whether VOD begins again at its start when it has ended.
        length_seconds: leave after this; None stays until the end.
        intents: in order; may have no end.
        retry_draw: uniform in [0, 1) for the nth wait before another try of what failed, of players that draw those.
    """

    join: JoinPoint = field(default_factory=JoinPoint)
    variant_draw: float = 0.0
    join_draw: float = 0.0
    loops: bool = False
    length_seconds: float | None = None
    intents: Iterator[Intent] = field(default_factory=lambda: iter(()))
    retry_draw: Callable[[int], float] = _the_mean


class Person:
    """What comes next of a session, once play was pressed.

    Attributes:
        leave_at: when the session is over; None: with the stream.
        resume_at: when a pause ends; None while there is none.
    """

    __slots__ = ("_after", "_intent", "_intents", "leave_at", "resume_at")

    def __init__(self, session: Session, now: float) -> None:
        self.leave_at = None if session.length_seconds is None else now + session.length_seconds
        self.resume_at: float | None = None
        self._intents = session.intents
        self._intent: Intent | None = None
        self._after = 0.0
        self.done(now)

    @property
    def has_plans(self) -> bool:
        """Whether anything of the session is still to come."""
        return self._intent is not None or self.leave_at is not None or self.resume_at is not None

    @property
    def intent_at(self) -> float | None:
        """When the next intent is due; None if there is none, or while one goes on."""
        return None if self._intent is None or self.resume_at is not None else self._after + self._intent.after

    @property
    def intent(self) -> Pause | Seek | None:
        """What the next intent is."""
        return None if self._intent is None else self._intent.what

    def done(self, now: float) -> None:
        """The intent was carried out; think of the next one."""
        self._intent = next(self._intents, None)
        self._after = now
