"""hls.js 1.7.4's choice of a level, at the start, from then on, and in an emergency (`abr-controller`). Pure.

Levels are numbers in the player's order, lowest first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

UP_FACTOR, DOWN_FACTOR = 0.7, 0.95
"""Shares of the estimate that a level above the last loaded one, and any other, may need."""
STARVATION_SECONDS = 4.0
"""The longest wait that is accepted rather than a lower level (`maxStarvationDelay`, `maxLoadingDelay`)."""
_ABANDON_LIMIT_DURATIONS = 10


class Level(NamedTuple):
    """A variant as the algorithm sees it.

    Attributes:
        peak_bps, average_bps: BANDWIDTH, and AVERAGE-BANDWIDTH or else BANDWIDTH.
        segment_seconds: mean duration of its segments; None before its playlist was loaded.
    """

    peak_bps: float
    average_bps: float
    segment_seconds: float | None = None


@dataclass(frozen=True)
class Situation:
    """What a choice depends on beside the estimate.

    Args:
        last_loaded: level of the newest segment; None before the first.
        first_listed: level of the variant that the playlist lists first.
        buffer_seconds: media ahead of the playhead, at normal speed.
        segment_seconds: duration of the segment that was last begun; 0 before the first.
        ttfb_seconds: estimate.
        playlist_seconds: body time of the last media playlist.
        failed: levels that could not be loaded, and stay out.
    """

    levels: Sequence[Level]
    live: bool
    last_loaded: int | None
    first_listed: int
    buffer_seconds: float
    segment_seconds: float
    ttfb_seconds: float
    playlist_seconds: float = 0.0
    failed: Collection[int] = field(default_factory=frozenset)

    @property
    def lowest(self) -> int:
        """The lowest level that has not failed."""
        return next((level for level in range(len(self.levels)) if level not in self.failed), 0)


def start_level(situation: Situation, estimate_bps: float) -> int:
    """The level of the first segment; no segment is loaded to test the link."""
    levels = situation.levels
    bps = max(estimate_bps, levels[situation.lowest].peak_bps)
    least = STARVATION_SECONDS
    found = best_level(situation, bps, 0, len(levels) - 1, situation.buffer_seconds / 2, least, 1.0, 1.0)
    return situation.first_listed if found is None else found


def next_level(situation: Situation, estimate_bps: float) -> int:
    """The level of the next segment, once one was loaded."""
    top = len(situation.levels) - 1
    buffer, last = situation.buffer_seconds, situation.last_loaded or 0
    found = best_level(situation, estimate_bps, 0, top, buffer, 0.0, DOWN_FACTOR, UP_FACTOR)
    if found is None:
        wait = min(situation.segment_seconds, STARVATION_SECONDS)
        found = best_level(situation, estimate_bps, 0, top, buffer, wait, DOWN_FACTOR, UP_FACTOR)
    return min(situation.lowest, last) if found is None else found


def best_level(
    situation: Situation,
    estimate_bps: float,
    least: int,
    most: int,
    buffer_seconds: float,
    starvation_seconds: float,
    factor: float,
    up_factor: float,
) -> int | None:
    """The highest level within bounds that the link carries (`findBestLevel`); None if none does.

    Args:
        starvation_seconds: how much longer than the buffer lasts a load may take.
        factor, up_factor: share of the estimate for levels up to the last loaded one, and above it.
    """
    loaded = situation.first_listed if situation.last_loaded is None else situation.last_loaded
    by_average = starvation_seconds == 0 and 0 < 2 * situation.segment_seconds <= buffer_seconds
    for number in range(most, least - 1, -1):
        level = situation.levels[number]
        if number in situation.failed and number != situation.last_loaded:
            continue
        adjusted = estimate_bps * (up_factor if number > loaded else factor)
        bitrate = level.average_bps if by_average else level.peak_bps
        if adjusted < bitrate:
            continue
        if situation.live:
            return number
        seconds = _load_seconds(situation, number, bitrate, adjusted)
        if seconds < buffer_seconds + starvation_seconds or seconds <= situation.ttfb_seconds:
            return number
    return None


def _load_seconds(situation: Situation, number: int, bitrate: float, bps: float) -> float:
    """How long one segment of a level takes, its playlist included where that must be loaded first."""
    level = situation.levels[number]
    mean = level.segment_seconds or situation.segment_seconds or 1.0
    seconds = situation.ttfb_seconds + _quotient(bitrate * mean, bps)
    if situation.live or level.segment_seconds is None:
        seconds += situation.ttfb_seconds + situation.playlist_seconds
    return seconds


def _quotient(bits: float, bps: float) -> float:
    """Seconds that so many bits take: for ever where nothing is known of the rate (levels without a BANDWIDTH)."""
    return bits / bps if bps > 0 else inf


class Progress(NamedTuple):
    """A segment on its way.

    Attributes:
        level: what it is of.
        elapsed_seconds: since the request.
        ttfb_seconds: from the request to the first byte; None before that.
        loaded_bytes, size_bytes: of the body so far and in all; the size is None before it is known.
        rate: of play.
    """

    level: int
    elapsed_seconds: float
    ttfb_seconds: float | None
    loaded_bytes: int
    size_bytes: int | None
    rate: float = 1.0


class Abandonment(NamedTuple):
    """A segment is not worth its time.

    Attributes:
        target: the level that the rule finds; `choose_after` says what is really loaded.
        at_once: the load is given up now, else only if it still goes on after `delay_seconds`.
    """

    target: int
    at_once: bool
    delay_seconds: float


def is_watched(situation: Situation, progress: Progress) -> bool:
    """Whether a segment is looked at yet: it has had half its duration, and longer than answers take."""
    least = max(situation.ttfb_seconds, 0.5 * situation.segment_seconds / progress.rate)
    return progress.level > situation.lowest and progress.elapsed_seconds > least


def abandonment(situation: Situation, progress: Progress, estimate_bps: float) -> Abandonment | None:
    """Whether a segment should be given up for one of a lower level (`_abandonRulesCheck`, each 100 ms)."""
    if not is_watched(situation, progress):
        return None
    levels, lowest, level = situation.levels, situation.lowest, progress.level
    duration, buffer, ttfb = situation.segment_seconds, situation.buffer_seconds, situation.ttfb_seconds
    size = progress.size_bytes
    expected = duration * levels[level].average_bps / 8 if size is None else float(size)
    if progress.ttfb_seconds is not None and progress.loaded_bytes:
        spent = progress.elapsed_seconds - progress.ttfb_seconds
        rate = progress.loaded_bytes / spent if spent > 0 else inf
        bps = 8 * rate
        remaining = (expected - progress.loaded_bytes) / rate
    else:
        bps = estimate_bps
        remaining = _quotient(8 * expected, bps) + ttfb
    if remaining <= buffer:
        return None
    target, delay = lowest, inf
    for number in range(level - 1, lowest, -1):
        delay = ttfb + _quotient(duration * levels[number].peak_bps, bps)
        if situation.live or levels[number].segment_seconds is None:
            delay += ttfb + situation.playlist_seconds
        if delay < min(buffer, duration + ttfb):
            target = number
            break
    if delay >= remaining or delay > _ABANDON_LIMIT_DURATIONS * duration:
        return None
    return Abandonment(target, remaining > 2 * delay, delay)


def level_after(situation: Situation, target: int, bps: float, otherwise: int | None = None) -> int:
    """The level in place of an abandoned one, at most `target`; `otherwise`, or else `target`, if none fits."""
    lowest, buffer = situation.lowest, situation.buffer_seconds
    found = best_level(situation, bps, lowest, target, 0.0, buffer, 1.0, 1.0)
    if found is None:
        return target if otherwise is None else otherwise
    return found


def buffer_mark(situation: Situation, estimate_bps: float) -> float | None:
    """The highest buffer below the present one at which `next_level` may come out otherwise; None if there is none.

    While nothing is loaded the estimate stands still and the buffer alone changes: two durations of a segment are where
    mean bitrates give way to peaks, and on demand each level has a time that it takes to load.
    """
    buffer = situation.buffer_seconds
    marks = [2 * situation.segment_seconds]
    if not situation.live:
        wait = min(situation.segment_seconds, STARVATION_SECONDS)
        last = situation.last_loaded or 0
        for number, level in enumerate(situation.levels):
            bps = estimate_bps * (UP_FACTOR if number > last else DOWN_FACTOR)
            peak = _load_seconds(situation, number, level.peak_bps, bps)
            marks += [_load_seconds(situation, number, level.average_bps, bps), peak, peak - wait]
    return max((mark for mark in marks if 0 < mark < buffer), default=None)
