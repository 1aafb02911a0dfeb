"""How many viewers, when they come and for how long."""

from dataclasses import dataclass
from typing import Literal, get_args

from hls_swarm.settings.checks import (
    SettingValueError,
    check_choice,
    check_more_than_zero,
    check_not_negative,
    check_spelling,
    check_url,
    check_whole,
)
from hls_swarm.settings.kinds import Seconds
from hls_swarm.settings.spellings import parse_distribution, parse_stage

Arrivals = Literal["even", "poisson"]

_MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True, repr=False)
class Load:
    """How many viewers of what, and when."""

    url: str
    """Multivariant or media playlist to load, http or https."""

    clients: int = 10
    """Number of viewers."""

    ramp_rate: float = 5.0
    """Viewers started per second."""

    ramp_jitter: Seconds = 0.2
    """Each start is moved by a random time up to this, drawn from the seed."""

    arrivals: Arrivals = "even"
    """Spacing of the starts: even with a jitter, or poisson, which --ramp-rate is the mean rate of."""

    stage: tuple[str, ...] = ()
    """A part of a plan, as DURATION:VIEWERS, such as 2m:500; repeatable, one after the other; takes the place of
    --clients."""

    arrival_rate: float | None = None
    """Viewers that come per second, as a Poisson process, in place of --clients; needs --session-length."""

    session_length: str | None = None
    """How long a viewer stays: 5m, uniform:1m:10m, exp:5m (its mean) or lognormal:5m:0.8 (median and sigma). Without
    --arrival-rate the next viewer takes its place."""

    replace_ended: bool = False
    """Let another viewer take the place of one that a fatal error or the end of its stream ended, two seconds later, so
    that the load stays the same."""

    duration: Seconds = 0.0
    """How long to run, ramp included; 0 runs until stopped."""

    seed: int = 1
    """Seed of everything random: the same seed gives the same schedule."""

    workers: int = 0
    """Worker processes; 0 is one per core."""

    def _check_load(self) -> None:
        check_url("url", self.url)
        check_whole("clients", self.clients, 1, 10_000_000)
        check_more_than_zero("ramp_rate", self.ramp_rate, " viewers per second")
        check_choice("arrivals", self.arrivals, get_args(Arrivals))
        for text in self.stage:
            check_spelling("stage", parse_stage, text)
        if self.stage and not any(parse_stage(text).viewers for text in self.stage):
            raise SettingValueError("stage", "has no viewers in any of its parts: write one such as 2m:500")
        if self.session_length is not None:
            check_spelling("session_length", parse_distribution, self.session_length)
        if self.arrival_rate is not None:
            check_more_than_zero("arrival_rate", self.arrival_rate, " viewers per second")
            if self.stage:
                raise SettingValueError("arrival_rate", "and --stage both say how many viewers come: use one of them")
            if self.session_length is None:
                raise SettingValueError("arrival_rate", "needs --session-length, or there is no end of viewers")
        check_not_negative("ramp_jitter", self.ramp_jitter)
        check_not_negative("duration", self.duration)
        check_whole("seed", self.seed, 0, _MAX_SEED)
        check_whole("workers", self.workers, 0, 1024)
