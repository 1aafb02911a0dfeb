"""The algorithms of hls.js, Media3 and Shaka: each an estimate (`estimates`) and rules (`hlsjs`, `others`)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from math import inf

from hls_swarm.viewer.adapting.algorithm import Adaptation, Algorithm, GivingUp, Transfer, View
from hls_swarm.viewer.adapting.estimates import (
    MEDIA3_DEFAULT_BPS,
    SHAKA_LEAST_BYTES,
    HlsjsEstimate,
    Media3Estimate,
    ShakaEstimate,
)
from hls_swarm.viewer.adapting.hlsjs import (
    UP_FACTOR,
    Level,
    Progress,
    Situation,
    abandonment,
    buffer_mark,
    level_after,
    next_level,
    start_level,
)
from hls_swarm.viewer.adapting.ladder import Ladder
from hls_swarm.viewer.adapting.others import (
    MEDIA3_FRACTION,
    best_of,
    media3_choice,
    shaka_choice,
    shaka_may_switch,
)

LOOK_SECONDS = 0.1
"""How often hls.js looks at a segment on its way, and how often Shaka measures one."""
_BELOW_SECONDS = 1e-6
_SHAKA_DOWNLINK_BPS = 10e6
"""The most that Chromium says of a link (`navigator.connection.downlink`)."""


def algorithm(adaptation: Adaptation, ladder: Ladder, link_bps: float | None) -> Algorithm:
    """A new one.

    Args:
        link_bps: rate of the viewer's link if it is known: what a browser would say of it.
    """
    match adaptation:
        case Adaptation.HLSJS:
            return Hlsjs(ladder)
        case Adaptation.MEDIA3:
            return Media3(ladder)
        case Adaptation.SHAKA:
            return Shaka(ladder, min(_SHAKA_DOWNLINK_BPS, link_bps or inf))


class Hlsjs:
    """hls.js 1.7.4: see `hlsjs` and `estimates`."""

    def __init__(self, ladder: Ladder) -> None:
        self._levels: list[Level] = list(ladder.levels)
        self._first_listed = ladder.first_listed
        listed = ladder.levels[ladder.first_listed].peak_bps
        self.estimate = HlsjsEstimate(listed)
        self._last_loaded: int | None = None
        self._segment_seconds = 0.0
        self._playlist_seconds = 0.0
        self._failed: dict[int, bool] = {}
        self._forced: int | None = None
        self._started: int | None = None
        self._viewed: View | None = None
        self._seen = self._new_situation(View(0.0, False, 0.0))

    @property
    def estimate_bps(self) -> float:
        """See `Algorithm`."""
        return self.estimate.bps

    def first(self) -> int:
        """See `Algorithm`."""
        return self.choose(View(0.0, False, 0.0))

    def choose(self, view: View) -> int:
        """See `Algorithm`: a level that was forced stays until a segment of it is here."""
        if self._forced is not None:
            return self._forced
        if self._last_loaded is not None and self.estimate.is_trusted:
            return next_level(self._situation(view), self.estimate.bps)
        if self._started is None:
            self._started = start_level(self._situation(view), self.estimate.bps)
        return self._started

    def waits_for_room(self) -> bool:
        """See `Algorithm`."""
        return False

    def changes_with_the_last_bytes(self) -> bool:
        """See `Algorithm`."""
        return False

    def mark(self, view: View) -> float | None:
        """See `Algorithm`."""
        if self._forced is not None or self._last_loaded is None:
            return None
        situation, bps = self._situation(view), self.estimate.bps
        now = next_level(situation, bps)
        while (mark := buffer_mark(situation, bps)) is not None:
            situation = replace(situation, buffer_seconds=mark - _BELOW_SECONDS)
            if next_level(situation, bps) != now:
                return mark
        return None

    def began(self, segment_seconds: float) -> None:
        """See `Algorithm`."""
        self._segment_seconds = segment_seconds

    def playlist_loaded(self, level: int, segment_seconds: float, body_seconds: float) -> None:
        """See `Algorithm`: a playlist that comes clears a level that no segment failed of."""
        self._levels[level] = self._levels[level]._replace(segment_seconds=segment_seconds)
        if self._failed and self._failed.get(level) is False:
            del self._failed[level]
        self._playlist_seconds = body_seconds

    def loaded(self, level: int, transfer: Transfer, *, is_media: bool) -> None:
        """See `Algorithm`."""
        ttfb = transfer.ttfb_seconds
        if ttfb is not None:
            self.estimate.ttfb(ttfb)
        if not is_media:
            return
        if level == self._forced:
            self._forced = None
        self._last_loaded, self._started = level, None
        self._failed.pop(level, None)
        known = self.estimate.ttfb_seconds
        self.estimate.transfer(transfer.seconds - min(known if ttfb is None else ttfb, known), transfer.size_bytes)

    def loaded_beside(self, transfer: Transfer) -> None:
        """See `Algorithm`: hls.js measures by its main track alone."""

    def timed_out(self, transfer: Transfer) -> None:
        """See `Algorithm`."""
        self._sample(transfer)

    def failed(self, level: int, instead: int, *, of_media: bool) -> None:
        """See `Algorithm`."""
        self._failed[level] = of_media
        self._forced, self._started = instead, None

    def instead(self, usable: Sequence[int], now: float) -> int | None:
        """See `Algorithm`: one level lower and so on around, whatever the estimate is."""
        return None

    def returns_after(self, excluded_seconds: float) -> float | None:
        """See `Algorithm`."""
        return None

    def returned(self, usable: Sequence[int], now: float) -> int:
        """See `Algorithm`."""
        raise AssertionError("hls.js chooses anew all the time")

    def look_after(self, view: View, level: int) -> float | None:
        """See `Algorithm`: the lowest level but one and those below are never given up, nor is the first segment."""
        if self._last_loaded is None or level <= self._lowest + 1:
            return None
        return _next_look(max(self.estimate.ttfb_seconds, 0.5 * self._segment_seconds))

    def looked(self, view: View, progress: Progress) -> GivingUp | float | None:
        """See `Algorithm`."""
        situation = self._situation(view)
        found = abandonment(situation, progress, self.estimate.bps)
        if found is None:
            return _next_look(progress.elapsed_seconds + _safe_seconds(situation, progress))
        self._sample(Transfer(progress.elapsed_seconds, progress.ttfb_seconds, progress.loaded_bytes))
        peak_bps = self._levels[found.target].peak_bps
        if UP_FACTOR * self.estimate.bps > peak_bps:
            self._forget(peak_bps)
        level = level_after(situation, found.target, peak_bps)
        self._forced, self._viewed = level, None
        above_lowest = level > 0
        return GivingUp(level, found.at_once and above_lowest, found.delay_seconds if above_lowest else None)

    def dropped(self, view: View, level: int) -> int:
        """See `Algorithm`: in effect the lowest, and all that was measured is forgotten."""
        self._viewed = None
        situation = self._situation(view)
        self._segment_seconds = 0.0
        if level > situation.lowest:
            level = level_after(situation, level, self._levels[situation.lowest].peak_bps, situation.lowest)
            self._forced = level
            self._forget(self._levels[level].peak_bps)
        return level

    def _forget(self, bps: float) -> None:
        self.estimate.forget(bps)
        self._started = None

    def _sample(self, transfer: Transfer) -> None:
        ttfb = transfer.ttfb_seconds
        if ttfb is not None and transfer.size_bytes:
            self.estimate.transfer(transfer.seconds - min(self.estimate.ttfb_seconds, ttfb), transfer.size_bytes)
        else:
            self.estimate.ttfb(transfer.seconds)

    @property
    def _lowest(self) -> int:
        return next((level for level in range(len(self._levels)) if level not in self._failed), 0)

    def _situation(self, view: View) -> Situation:
        if view is self._viewed:  # a choice and its mark are asked for with one view
            return self._seen
        self._viewed = view
        self._seen = self._new_situation(view)
        return self._seen

    def _new_situation(self, view: View) -> Situation:
        return Situation(
            self._levels,
            view.live,
            self._last_loaded,
            self._first_listed,
            view.buffer_seconds,
            self._segment_seconds,
            self.estimate.ttfb_seconds,
            self._playlist_seconds,
            self._failed,
        )


def _next_look(after_seconds: float) -> float:
    """The first tick of hls.js's clock, which starts with the request, that is later than this."""
    return (int(after_seconds / LOOK_SECONDS + 1e-6) + 1) * LOOK_SECONDS


def _safe_seconds(situation: Situation, progress: Progress) -> float:
    """For how long a segment can not be given up, even if not one more byte of it comes.

    What is left takes longer and longer then, by the rate so far, while the buffer runs out; before they meet nothing
    happens, and nobody need look.
    """
    size, loaded = progress.size_bytes, progress.loaded_bytes
    if size is None or not loaded or progress.ttfb_seconds is None:
        return 0.0
    spent = progress.elapsed_seconds - progress.ttfb_seconds
    left_per_loaded = (size - loaded) / loaded
    spare = situation.buffer_seconds - left_per_loaded * spent
    return max(0.0, spare / (1 + left_per_loaded))


class Media3:
    """Media3 1.11: `AdaptiveTrackSelection` over `DefaultBandwidthMeter`; no request is ever ended."""

    def __init__(self, ladder: Ladder, initial_bps: float = MEDIA3_DEFAULT_BPS) -> None:
        self._bitrates: Sequence[float] = [level.peak_bps for level in ladder.levels]
        self._first_listed = ladder.first_listed
        self._estimate = Media3Estimate(initial_bps)
        self._current: int | None = None

    @property
    def estimate_bps(self) -> float:
        """See `Algorithm`."""
        return self._estimate.bps

    def first(self) -> int:
        """See `Algorithm`: the variant that is listed first, whatever is played then."""
        return self._first_listed

    def choose(self, view: View) -> int:
        """See `Algorithm`."""
        self._current = media3_choice(
            self._bitrates,
            self._estimate.bps,
            current=self._current,
            buffer_seconds=view.buffer_seconds,
            edge_seconds=view.edge_seconds,
            chunk_seconds=view.chunk_seconds,
        )
        return self._current

    def waits_for_room(self) -> bool:
        """See `Algorithm`."""
        return True

    def changes_with_the_last_bytes(self) -> bool:
        """See `Algorithm`."""
        return False

    def mark(self, view: View) -> float | None:
        """See `Algorithm`."""
        return None

    def began(self, segment_seconds: float) -> None:
        """See `Algorithm`."""

    def playlist_loaded(self, level: int, segment_seconds: float, body_seconds: float) -> None:
        """See `Algorithm`."""

    def loaded(self, level: int, transfer: Transfer, *, is_media: bool) -> None:
        """See `Algorithm`: the body alone is measured."""
        self._estimate.transfer(transfer.seconds - (transfer.ttfb_seconds or 0.0), transfer.size_bytes)

    def loaded_beside(self, transfer: Transfer) -> None:
        """See `Algorithm`: every transfer of media is measured."""
        self._estimate.transfer(transfer.seconds - (transfer.ttfb_seconds or 0.0), transfer.size_bytes)

    def timed_out(self, transfer: Transfer) -> None:
        """See `Algorithm`."""
        self._estimate.transfer(transfer.seconds - (transfer.ttfb_seconds or 0.0), transfer.size_bytes)

    def failed(self, level: int, instead: int, *, of_media: bool) -> None:
        """See `Algorithm`."""
        self._current = instead

    def instead(self, usable: Sequence[int], now: float) -> int | None:
        """See `Algorithm`: its choice among those that are left."""
        return best_of(usable, self._bitrates, MEDIA3_FRACTION * self._estimate.bps)

    def returns_after(self, excluded_seconds: float) -> float | None:
        """See `Algorithm`."""
        return None

    def returned(self, usable: Sequence[int], now: float) -> int:
        """See `Algorithm`."""
        raise AssertionError("Media3 chooses anew with every segment")

    def look_after(self, view: View, level: int) -> float | None:
        """See `Algorithm`."""
        return None

    def looked(self, view: View, progress: Progress) -> GivingUp | float | None:
        """See `Algorithm`."""
        return None

    def dropped(self, view: View, level: int) -> int:
        """See `Algorithm`."""
        return level


class Shaka:
    """Shaka Player 5.2: `SimpleAbrManager`. What comes is measured in pieces, and each may be reason enough to change;
    what is on its way then is ended, for it counts as fetched ahead in the variant that is left (`SegmentPrefetch`).
    """

    def __init__(self, ladder: Ladder, initial_bps: float) -> None:
        self._bitrates: Sequence[float] = [level.peak_bps for level in ladder.levels]
        self._estimate = ShakaEstimate(initial_bps)
        self._usable: Sequence[int] = range(len(self._bitrates))
        self._current = self._best()
        self._chosen_at: float | None = None
        self._measured = (0.0, 0)  # seconds and bytes of the segment on its way that were taken in
        self._heard = False

    @property
    def estimate_bps(self) -> float:
        """See `Algorithm`."""
        return self._estimate.bps

    def first(self) -> int:
        """See `Algorithm`."""
        return self._current

    def choose(self, view: View) -> int:
        """See `Algorithm`: only when something came, none within 8 s of the last choice, none before it trusts."""
        heard, self._heard = self._heard, False
        if heard and self._estimate.is_trusted and shaka_may_switch(self._chosen_at, view.now):
            self._current, self._chosen_at = self._best(), view.now
        return self._current

    def waits_for_room(self) -> bool:
        """See `Algorithm`."""
        return False

    def changes_with_the_last_bytes(self) -> bool:
        """See `Algorithm`: it is told of them before it has all."""
        return True

    def mark(self, view: View) -> float | None:
        """See `Algorithm`."""
        return None

    def began(self, segment_seconds: float) -> None:
        """See `Algorithm`."""
        self._measured = (0.0, 0)

    def playlist_loaded(self, level: int, segment_seconds: float, body_seconds: float) -> None:
        """See `Algorithm`."""

    def loaded(self, level: int, transfer: Transfer, *, is_media: bool) -> None:
        """See `Algorithm`."""
        seconds, size_bytes = self._measured
        self._estimate.transfer(transfer.seconds - seconds, transfer.size_bytes - size_bytes)
        self._measured, self._heard = (0.0, 0), True

    def loaded_beside(self, transfer: Transfer) -> None:
        """See `Algorithm`: every track is measured."""
        self._estimate.transfer(transfer.seconds, transfer.size_bytes)
        self._heard = True

    def timed_out(self, transfer: Transfer) -> None:
        """See `Algorithm`."""

    def failed(self, level: int, instead: int, *, of_media: bool) -> None:
        """See `Algorithm`."""
        self._current = instead

    def instead(self, usable: Sequence[int], now: float) -> int | None:
        """See `Algorithm`: its choice among those that are left, from which the next one is 8 s away."""
        self._usable, self._chosen_at, self._heard = usable, now, False
        return self._best() if usable else None

    def returns_after(self, excluded_seconds: float) -> float | None:
        """See `Algorithm`: it looks each second from the failure on."""
        return math.ceil(excluded_seconds)

    def returned(self, usable: Sequence[int], now: float) -> int:
        """See `Algorithm`."""
        self._usable, self._chosen_at, self._heard = usable, now, False
        self._current = self._best()
        return self._current

    def look_after(self, view: View, level: int) -> float | None:
        """See `Algorithm`."""
        return LOOK_SECONDS

    def looked(self, view: View, progress: Progress) -> GivingUp | float | None:
        """See `Algorithm`."""
        seconds, size_bytes = self._measured
        if progress.loaded_bytes - size_bytes >= SHAKA_LEAST_BYTES:
            self._estimate.transfer(progress.elapsed_seconds - seconds, progress.loaded_bytes - size_bytes)
            self._measured, self._heard = (progress.elapsed_seconds, progress.loaded_bytes), True
        before = self._current
        level = self.choose(view)
        return progress.elapsed_seconds + LOOK_SECONDS if level == before else GivingUp(level, True)

    def dropped(self, view: View, level: int) -> int:
        """See `Algorithm`."""
        return level

    def _best(self) -> int:
        return shaka_choice(self._usable, self._bitrates, self._estimate.bps)
