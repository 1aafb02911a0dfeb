"""Settings to plans and sessions: who comes when, to which URL, and what they do there."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import assert_never

from hls_swarm.load.draws import Mix, Purpose, draw, quantile
from hls_swarm.load.plan import ArrivalPlan, Plan, TargetPlan
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.run import Settings
from hls_swarm.settings.sections.viewing import Latency
from hls_swarm.settings.spellings import (
    Distribution,
    DistributionKind,
    parse_distribution,
    parse_join,
    parse_mix,
    parse_seek,
    parse_stage,
    parse_variant,
    parse_weighted_url,
)
from hls_swarm.viewer.profiles import PROFILES, Profile
from hls_swarm.viewer.session import Intent, Pause, Seek, Session


def check_sessions(settings: Settings) -> None:
    """Look at what the players of a run can do, before anything is started.

    Raises:
        SettingValueError: naming the setting that asks for more.
    """
    if settings.latency != "low":
        return
    for name, _ in parse_mix(settings.profile):
        if PROFILES[name].low_latency is None:
            able = ", ".join(each for each, profile in PROFILES.items() if profile.low_latency is not None)
            raise SettingValueError("latency", f"low: the player {name} knows no parts; these do: {able}")


def _with_latency(profile: Profile, latency: Latency) -> Profile:
    match latency:
        case "auto":
            return profile
        case "low":
            return replace(profile, wants_low_latency=True)
        case "normal":
            return replace(profile, low_latency=None)
        case _:
            assert_never(latency)


def plan_of(settings: Settings) -> Plan:
    """The plan that these settings ask for."""
    rate, jitter, seed = settings.ramp_rate, settings.ramp_jitter, settings.seed
    if settings.arrival_rate is not None:
        length = parse_distribution(settings.session_length) if settings.session_length is not None else None
        mean = math.inf if length is None else mean_seconds(length)
        return ArrivalPlan(((0.0, settings.arrival_rate),), mean, seed)
    if settings.stage:
        return TargetPlan.staged([parse_stage(text) for text in settings.stage], rate, jitter, seed)
    if settings.arrivals == "poisson":
        return ArrivalPlan(((0.0, rate),), math.inf, seed, settings.clients)
    return TargetPlan.ramp(settings.clients, rate, jitter, seed)


def mean_seconds(distribution: Distribution) -> float:
    """The mean of a distribution of durations."""
    match distribution.kind:
        case DistributionKind.UNIFORM:
            return (distribution.first + distribution.second) / 2
        case DistributionKind.LOGNORMAL:
            return distribution.first * math.exp(distribution.second**2 / 2)
        case DistributionKind.FIXED | DistributionKind.EXPONENTIAL:
            return distribution.first


class Sessions:
    """What each viewer of a run plays and does, drawn from the seed by its number and how often it came before.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._seed = settings.seed
        mix = parse_mix(settings.profile)
        self._profiles = Mix([(_with_latency(PROFILES[name], settings.latency), weight) for name, weight in mix])
        self._draws_waits = any(PROFILES[name].segment.spread for name, _ in mix)
        others = [parse_weighted_url(text) for text in settings.zap_url]
        self._urls = Mix([(settings.url, 1.0), *others])
        self._join = parse_join(settings.join)
        self._loops = settings.loop
        self._length = _distribution(settings.session_length)
        self._zap_after = _distribution(settings.zap_after)
        self._pause_every = _distribution(settings.pause_every)
        self._pause_for = _distribution(settings.pause_for)
        self._seek_every = _distribution(settings.seek_every)
        self._seek_by = parse_seek(settings.seek_by)
        self.variant = parse_variant(settings.variant)
        self.is_endless = settings.arrival_rate is None
        """Whether a viewer whose session is over is followed by another: with arrivals, that is the plan's to say."""

    def profile(self, number: int) -> Profile:
        """The player of a viewer; it keeps it for all its sessions."""
        return self._profiles.pick(draw(self._seed, number, Purpose.PROFILE))

    def url(self, number: int, round_: int) -> str:
        """What a session plays."""
        return self._urls.pick(draw(self._seed, number, Purpose.URL, round_))

    def length(self, number: int, round_: int) -> float:
        """Seconds that a viewer stays, its zaps included; infinity: to the end."""
        if self._length is None:
            return math.inf
        return quantile(self._length, draw(self._seed, number, Purpose.LENGTH, round_))

    def zap_after(self, number: int, round_: int) -> float:
        """Seconds until it goes to another stream; infinity: never."""
        if self._zap_after is None:
            return math.inf
        return quantile(self._zap_after, draw(self._seed, number, Purpose.ZAP, round_))

    def session(self, number: int, round_: int, length_seconds: float) -> Session:
        """What it does in a session of that length."""
        plain = Session(
            join=self._join,
            variant_draw=draw(self._seed, number, Purpose.VARIANT),
            join_draw=draw(self._seed, number, Purpose.JOIN, round_),
            loops=self._loops,
            length_seconds=None if length_seconds == math.inf else length_seconds,
            intents=iter(()) if self._is_passive else self._intents(number, round_),
        )
        return replace(plain, retry_draw=self._retry_draw(number, round_)) if self._draws_waits else plain

    def _retry_draw(self, number: int, round_: int) -> Callable[[int], float]:
        return lambda nth: draw(self._seed, number, Purpose.RETRY, (round_ << 20) + nth)

    @property
    def _is_passive(self) -> bool:
        return self._pause_every is None and self._seek_every is None

    def _intents(self, number: int, round_: int) -> Iterator[Intent]:
        """Pauses and seeks, each at times of its own, in the order in which they fall due."""
        seed, nth = self._seed, round_ << 20
        pause_at = seek_at = math.inf
        before = 0.0
        if self._pause_every is not None:
            pause_at = quantile(self._pause_every, draw(seed, number, Purpose.PAUSE, nth))
        if self._seek_every is not None:
            seek_at = quantile(self._seek_every, draw(seed, number, Purpose.SEEK_TIME, nth))
        while True:
            nth += 1
            if pause_at <= seek_at and self._pause_every is not None and self._pause_for is not None:
                seconds = quantile(self._pause_for, draw(seed, number, Purpose.PAUSE_LENGTH, nth))
                yield Intent(max(0.0, pause_at - before), Pause(seconds))
                before = pause_at
                pause_at += quantile(self._pause_every, draw(seed, number, Purpose.PAUSE, nth))
            elif self._seek_every is not None:
                share = draw(seed, number, Purpose.SEEK_PLACE, nth)
                yield Intent(max(0.0, seek_at - before), Seek(self._seek_by, share))
                before = seek_at
                seek_at += quantile(self._seek_every, draw(seed, number, Purpose.SEEK_TIME, nth))


def _distribution(text: str | None) -> Distribution | None:
    return None if text is None else parse_distribution(text)
