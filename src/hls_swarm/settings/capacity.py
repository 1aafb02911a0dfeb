"""What a person asks of a search for capacity, beside the settings of the run that it is."""

from dataclasses import dataclass

from hls_swarm.settings.checks import (
    SettingValueError,
    check_finite,
    check_no_repeats,
    check_not_negative,
    check_spelling,
    check_whole,
)
from hls_swarm.settings.kinds import Lines, Seconds
from hls_swarm.settings.spellings import parse_share

SHORTEST_TRIAL = 5.0
USUAL_FIRST = 10


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """What the search is for. Durations are seconds."""

    slo: Lines = ()
    """What viewers must have for a load to count as carried, written as a threshold, such as
    'startup_seconds:p95 < 3s'; repeatable; takes the place of all that hold by default."""

    from_: int | None = None
    """Viewers to begin with; by default 10."""

    most: int | None = None
    """Never more viewers than this; by default as many as this machine has descriptors, ports and memory for."""

    within: str = "5%"
    """Stop when the load that holds and the one that does not are so close."""

    trial: Seconds | None = None
    """Length of a full trial; by default 30s or 10 segments, the longer. Short ones take half of it, those that confirm
    the answer twice."""

    soak: Seconds = 300.0
    """How long the answer is held at the end; 0: not at all."""

    no_overload: bool = False
    """Leave out the end: more viewers than can be carried for a short while, and whether those that can recover."""

    time_limit: Seconds = 3600.0
    """After so long, tell the bounds that are known."""

    at_least: int | None = None
    """Exit with code 99 if fewer viewers than this are carried."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        if self.from_ is not None:
            check_whole("from_", self.from_, 1, 10_000_000)
        if self.most is not None:
            check_whole("most", self.most, 1, 10_000_000)
            if self.from_ is not None and self.from_ > self.most:
                raise SettingValueError("from_", f"begins with {self.from_} viewers, more than --most {self.most}")
        check_spelling("within", parse_share, self.within)
        if not 0.001 <= parse_share(self.within) <= 0.5:
            raise SettingValueError("within", f"must be from 0.1% to 50%, not {self.within}")
        for field in ("trial", "soak", "time_limit"):
            seconds = getattr(self, field)
            if seconds is not None:
                check_finite(field, seconds)
                check_not_negative(field, seconds)
        if self.trial is not None and self.trial < SHORTEST_TRIAL:
            raise SettingValueError("trial", f"must be at least {SHORTEST_TRIAL:.0f}s: less says nothing of viewers")
        if self.time_limit <= 0:
            raise SettingValueError("time_limit", "must be longer than 0")
        if self.at_least is not None:
            check_whole("at_least", self.at_least, 1, 10_000_000)
            if self.most is not None and self.at_least > self.most:
                raise SettingValueError("at_least", f"can not be reached: --most is {self.most}")
        check_no_repeats("slo", self.slo)

    @property
    def first(self) -> int:
        """The load to begin with."""
        usual = USUAL_FIRST if self.most is None else min(USUAL_FIRST, self.most)
        return usual if self.from_ is None else self.from_
