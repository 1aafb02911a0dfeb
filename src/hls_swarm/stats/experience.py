"""Records of what viewers lived through, counted for all of them, for each profile and for each variant at once.

It remembers of each running viewer only since when it watches, plays or is stalled, and whom it is counted with.
"""

from typing import Protocol, assert_never

import msgspec

from hls_swarm.records import (
    EndReason,
    LatencyObserved,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    SeekEnded,
    SeekStarted,
    StallEnded,
    StallStarted,
    SwitchReason,
    VariantChosen,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.stats.groups import Experienced, GroupTally, Running

MAX_GROUPS = 100
"""Different variants that are kept apart; further ones are counted as `other`."""

ExperienceRecord = (
    ViewerStarted
    | VariantChosen
    | PlaybackStarted
    | StallStarted
    | StallEnded
    | SeekStarted
    | SeekEnded
    | PauseStarted
    | PauseEnded
    | ViewerStopped
)


class Whole(Experienced, Protocol):
    """The tally of all viewers, as far as it is counted here."""

    profiles: dict[str, GroupTally]
    variants: dict[str, GroupTally]
    failovers: int
    switches_up: int
    switches_down: int
    reversals: int
    seeks: int
    pauses: int
    start_failures: int
    exits_before_start: int
    unstarted_at_end: int
    overdue: int


REVERSAL_SECONDS = 30.0
"""A change of variant against the direction of the one before, so soon after it, is an oscillation."""


class Latencies(msgspec.Struct, gc=False):
    """Latencies of viewers that are counted in the same tallies, on their way there."""

    groups: tuple[Experienced, ...]
    live: list[float]
    edge: list[float]

    def settle(self) -> None:
        """Put them into the histograms."""
        for group in self.groups:
            group.live_latency.add_all(self.live)
            group.edge_latency.add_all(self.edge)
        self.live.clear()
        self.edge.clear()


class ViewerPhase(msgspec.Struct):
    """What is going on with a running viewer, and since when; None: it is not.

    Attributes:
        watching_since: None while it pauses.
        due_at: when its player will have had as long as it may take to start.
        groups: the tally of all, its profile's, and that of the variant it plays.
        latencies: where its latencies go; None until there is one.
        bitrate_bps: declared by the variant it plays, if it adapts.
        switched_at, switched_up: its last change of variant, and whether that was to a higher bitrate.
    """

    watching_since: float | None
    groups: list[Experienced]
    due_at: float
    playing_since: float | None = None
    stalled_since: float | None = None
    played: bool = False
    variant: GroupTally | None = None
    latencies: Latencies | None = None
    bitrate_bps: int | None = None
    switched_at: float | None = None
    switched_up: bool = False

    def running(self, group: Experienced) -> tuple[tuple[Running, float | None], ...]:
        """What runs for this viewer, in one tally."""
        return (
            (group.watching, self.watching_since),
            (group.playing, self.playing_since),
            (group.stalled, self.stalled_since),
        )


class ExperienceCounter:
    """Adds records of experience to a tally and its groups."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._phases: dict[int, ViewerPhase] = {}
        self._latencies: dict[tuple[int, ...], Latencies] = {}

    def add(self, record: ExperienceRecord) -> None:
        """Count one record. Raises KeyError for a record of a viewer that never started: a bug in the engine."""
        if isinstance(record, ViewerStarted):
            self._start(record)
            return
        phase, at = self._phases[record.viewer], record.at
        match record:
            case VariantChosen():
                self._choose(phase, record)
            case PlaybackStarted():
                phase.played = True
                for group in phase.groups:
                    group.played += 1
                    group.startup.add(record.startup_seconds)
                self._play(phase, at)
            case StallStarted():
                self._halt(phase, at)
                phase.stalled_since = at
                for group in phase.groups:
                    group.stalls += 1
                    group.stalled.begin(at)
            case StallEnded():
                self._end_stall(phase, at)
                self._play(phase, at)
            case SeekStarted():
                self._whole.seeks += 1
                self._halt(phase, at)
            case SeekEnded():
                for group in phase.groups:
                    group.restart.add(record.restart_seconds)
                self._play(phase, at)
            case PauseStarted():
                self._whole.pauses += 1
                self._halt(phase, at)
                self._watch(phase, None, at)
            case PauseEnded():
                self._watch(phase, at, at)
                self._play(phase, at)
            case ViewerStopped():
                self._stop(phase, record)
            case _:
                assert_never(record)

    def add_latency(self, record: LatencyObserved) -> None:
        """Count one record, with the next `settle`; raises what `add` does."""
        phase = self._phases[record.viewer]
        latencies = phase.latencies or self._latencies_of(phase)
        latencies.edge.append(record.edge_seconds)
        if record.live_seconds is not None:
            latencies.live.append(record.live_seconds)

    def add_media(self, viewer: int, media_seconds: float, bitrate_bps: int) -> None:
        """Count what a segment adds to the average bitrate: declared bitrate x media time."""
        phase = self._phases.get(viewer)  # what was in flight at the end of a viewer is still media fetched
        media_bits = bitrate_bps * media_seconds
        for group in (self._whole,) if phase is None else phase.groups:
            group.media_seconds += media_seconds
            group.media_bits += media_bits

    def add_failure(self, viewer: int) -> None:
        """Count an exchange that failed with the groups of its viewer."""
        phase = self._phases.get(viewer)
        for group in phase.groups if phase is not None else ():
            if isinstance(group, GroupTally):
                group.errors += 1

    def settle(self) -> None:
        """Bring the histograms up to date."""
        for latencies in self._latencies.values():
            if latencies.edge:
                latencies.settle()

    def _latencies_of(self, phase: ViewerPhase) -> Latencies:
        key = tuple(map(id, phase.groups))  # tallies stay as long as the run does
        latencies = self._latencies.get(key)
        if latencies is None:
            latencies = self._latencies[key] = Latencies(tuple(phase.groups), [], [])
        phase.latencies = latencies
        return latencies

    def _start(self, record: ViewerStarted) -> None:
        whole = self._whole
        phase = ViewerPhase(record.at, [whole], record.at + record.start_seconds)
        if record.profile:
            phase.groups.append(whole.profiles.setdefault(record.profile, GroupTally()))
        self._phases[record.viewer] = phase
        for group in phase.groups:
            group.started += 1
            group.watching.begin(record.at)

    def _choose(self, phase: ViewerPhase, record: VariantChosen) -> None:
        """The viewer takes the time that runs with it: each second belongs to one variant."""
        variants, label = self._whole.variants, record.label
        if label not in variants and len(variants) >= MAX_GROUPS:
            label = "other"
        group = variants.setdefault(label, GroupTally())
        self._whole.failovers += record.failover
        moves = record.failover or record.reason is not None
        if record.reason is not None:
            self._count_switch(phase, record)
        if phase.variant is group:
            return
        had_one = phase.variant is not None
        if phase.variant is not None:
            if not moves:
                return  # all variants at once: time is counted with the first
            # By identity: two tallies may hold equal figures.
            phase.groups = [other for other in phase.groups if other is not phase.variant]
            for running, since in phase.running(phase.variant):
                if since is not None:
                    running.end(since, record.at)
        phase.variant, phase.latencies = group, None
        phase.groups.append(group)
        group.started += 1
        # What ran before the choice is not this variant's, but what ends will be counted from its beginning: begin it
        # there after a first choice, whose startup is the variant's own, and here after a change.
        if moves and (had_one or record.failover):
            self._restart(phase, record.at)
        else:
            for running, since in phase.running(group):
                if since is not None:
                    running.begin(since)

    def _count_switch(self, phase: ViewerPhase, record: VariantChosen) -> None:
        before, phase.bitrate_bps = phase.bitrate_bps, record.bitrate_bps
        if record.reason is SwitchReason.START or before is None or not record.bitrate_bps:
            return
        whole, up, at = self._whole, record.bitrate_bps > before, phase.switched_at
        if record.bitrate_bps != before:
            whole.switches_up += up
            whole.switches_down += not up
            whole.reversals += at is not None and up != phase.switched_up and record.at - at <= REVERSAL_SECONDS
            phase.switched_at, phase.switched_up = record.at, up

    def _restart(self, phase: ViewerPhase, at: float) -> None:
        """Close what runs and begin it anew at `at`, everywhere, so that its beginning is the same in all tallies."""
        variant = phase.variant
        for group in phase.groups:
            for running, since in phase.running(group):
                if since is not None and group is not variant:
                    running.end(since, at)
        phase.watching_since = at if phase.watching_since is not None else None
        phase.playing_since = at if phase.playing_since is not None else None
        phase.stalled_since = at if phase.stalled_since is not None else None
        for group in phase.groups:
            for running, since in phase.running(group):
                if since is not None:
                    running.begin(since)

    def _play(self, phase: ViewerPhase, at: float) -> None:
        phase.playing_since = at
        for group in phase.groups:
            group.playing.begin(at)

    def _halt(self, phase: ViewerPhase, at: float) -> None:
        if phase.playing_since is not None:
            for group in phase.groups:
                group.playing.end(phase.playing_since, at)
            phase.playing_since = None

    def _end_stall(self, phase: ViewerPhase, at: float, stall_seconds: float | None = None) -> None:
        if phase.stalled_since is None:
            return
        for group in phase.groups:
            group.stalled.end(phase.stalled_since, at)
            group.stall.add(at - phase.stalled_since if stall_seconds is None else stall_seconds)
        phase.stalled_since = None

    def _watch(self, phase: ViewerPhase, since: float | None, at: float) -> None:
        for group in phase.groups:
            if phase.watching_since is not None:
                group.watching.end(phase.watching_since, at)
            if since is not None:
                group.watching.begin(since)
        phase.watching_since = since

    def _stop(self, phase: ViewerPhase, record: ViewerStopped) -> None:
        del self._phases[record.viewer]
        self._halt(phase, record.at)
        self._end_stall(phase, record.at)
        self._watch(phase, None, record.at)
        failed = record.reason is EndReason.FAILED
        for group in phase.groups:
            group.failed += failed
        if not phase.played:
            whole = self._whole
            whole.start_failures += failed
            whole.unstarted_at_end += record.reason is EndReason.QUIT
            whole.exits_before_start += record.reason in {EndReason.LEFT, EndReason.ENDED}
            whole.overdue += record.reason is EndReason.ENDED or (not failed and record.at >= phase.due_at)
