"""Measures the steps of a search from the moments of its run.

Rules:

- A trial is judged by what viewers lived through in its own time, never by what is cumulative since the start.
- An objective with few values is judged on all trials of that load together.
- A trial is void, and says nothing of the origin, if in its time this machine was in trouble; if nothing was
  measured; if the stream's source was late while segments came fast; or if fewer viewers were there than were wanted,
  and none of them had failed. Trouble before it is no trouble of it.
- An event loop that stands still measures no lag, either: without any in a trial, it is of this machine's trouble.
- A full processor or link of this machine is trouble if the event loops feel it. Where the origin runs on this machine
  that is the origin's doing too: then only the event loops' own limit of lag and late starts tell.
- Two guards hold beside the objectives: a live audience must not fall behind by a segment within a trial, and viewers
  must not fail.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import fmean, median

from hls_swarm.capacity.objectives import (
    FEW_VALUES,
    cannot_hold,
    column_of,
    held_over,
    shown_value,
    value_over,
    values_of,
)
from hls_swarm.capacity.pacing import Pulse
from hls_swarm.capacity.steps import EVIDENCE, Kind, Outcome, Result, Step, VoidBecause
from hls_swarm.capacity.trial import ObjectiveFigure, Trial
from hls_swarm.capacity.verdict.predictions import generator_limit, nearest_limit
from hls_swarm.judge.findings.rules.generator import FELT_LAG_SECONDS
from hls_swarm.judge.ledger import Entry
from hls_swarm.judge.thresholds import Threshold
from hls_swarm.judge.timeline import Row
from hls_swarm.judge.window import Second, Window, second_between
from hls_swarm.snapshot.generator import GeneratorCounts, generator_trouble
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.saturation import MachineWatch
from hls_swarm.stats.histogram import Histogram

WELL_RELATIVE_DOWNLOAD = 0.25
"""What viewers that are well stay below, or below what they had at loads that held, if that is more."""
STALLED_SHARE = 0.01
STALE_SHARE = 0.05
"""Stale playlists for each viewer from which on a trial's source was late."""
FAILED_SHARE = 0.005
"""Viewers that may fail in a trial, as a share of those that are wanted."""
ACTIVE_SHARE = 0.99
_RELATIVE = "segment_relative_download"
_FAST = 0.5


@dataclass
class _Measured:
    """What belongs to the trial that goes on."""

    began: Moment
    window: Window = field(default_factory=Window)
    machine: MachineWatch = field(default_factory=MachineWatch)
    agents: dict[str, MachineWatch] = field(default_factory=dict)
    seconds: list[tuple[Second, Moment]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    bad_seconds: int = 0


class TrialMeter:
    """Takes in the entries of one run's ledger.

    Args:
        objectives: that a load must keep.
        columns: of the timeline, without `@` and what follows, that are kept for the verdict.
    """

    def __init__(self, objectives: Sequence[Threshold], *, columns: Collection[str] = ()) -> None:
        self._objectives = tuple(objectives)
        self._columns = {*columns, "elapsed_seconds"}
        self._before: Moment | None = None
        self._measured: _Measured | None = None
        self._loads: dict[int, Window] = {}
        self._usual: list[float] = []
        self.trials: list[Trial] = []
        self.rows: list[Row] = []

    def look(self, sample: Entry) -> Pulse:
        """See `Meter.look`."""
        moment, before = sample.moment, self._before
        second = second_between(before, moment)
        self._before = moment
        row = {name: value for name, value in sample.row.items() if name.partition("@")[0] in self._columns}
        self.rows.append(row)
        window = Window()
        window.add(second, moment)
        held = [held_over(objective, window) for objective in self._objectives]
        holds = None if all(one is None for one in held) else False not in held
        measured = self._measured
        if measured is not None:
            measured.window.add(second, moment)
            measured.seconds.append((second, moment))
            measured.rows.append(row)
            measured.bad_seconds += holds is False
            _watch(measured, moment)
        relative = window.distribution(_RELATIVE)
        slow = None if relative is None else relative.quantile(0.95)
        return Pulse(
            at=moment.snapshot.elapsed_seconds,
            active=moment.snapshot.viewers.active,
            holds=holds,
            is_well=self._is_well(moment, slow),
            relative_download=slow,
        )

    def figures(self) -> tuple[ObjectiveFigure, ...]:
        """What the objectives are by now in the trial that goes on; empty if none does."""
        measured = self._measured
        if measured is None:
            return ()
        return tuple(self._figure(objective, measured.window, measured.window) for objective in self._objectives)

    def begin(self, step: Step) -> None:  # noqa: ARG002 - what is measured is the same for every step
        """See `Meter.begin`."""
        if self._before is None:
            raise AssertionError("a trial begins after a moment of the run")
        self._measured = _Measured(self._before)
        _watch(self._measured, self._before)

    def cannot_hold(self, share: float) -> bool:
        """See `Meter.cannot_hold`."""
        measured = self._measured
        return measured is not None and any(
            cannot_hold(objective, measured.window, share) for objective in self._objectives
        )

    def end(self, step: Step, seconds: float) -> Outcome:
        """See `Meter.end`."""
        measured, now = self._measured, self._before
        if measured is None or now is None:
            raise AssertionError("a trial ends after its beginning")
        self._measured = None
        trial = self._judged(step, measured, now)
        if step.kind in EVIDENCE or step.kind is Kind.OVERLOAD:
            self.trials.append(trial)
        if trial.result is Result.HELD and (relative := measured.window.distribution(_RELATIVE)) is not None:
            usual = relative.quantile(0.95)
            self._usual += [] if usual is None else [usual]
        return Outcome(
            step.kind,
            step.viewers,
            trial.result,
            now.snapshot.elapsed_seconds,
            seconds,
            trial.because,
            fell_to=self._fell_to(step.viewers, measured.rows) if step.kind is Kind.SOAK else None,
            predicted=nearest_limit(self.trials, self.rows),
            generator_limit=generator_limit(self.trials, self.rows),
            segment_seconds=segment_seconds(now, measured.window),
        )

    def _is_well(self, moment: Moment, relative: float | None) -> bool | None:
        viewers = moment.snapshot.viewers
        if viewers.stalled > STALLED_SHARE * viewers.active:
            return False
        if relative is None:
            return None
        return relative < max(WELL_RELATIVE_DOWNLOAD, 1.25 * median(self._usual) if self._usual else 0.0)

    def _judged(self, step: Step, measured: _Measured, now: Moment) -> Trial:
        together = self._together(step.viewers, measured)
        figures = tuple(self._figure(objective, measured.window, together) for objective in self._objectives)
        result, because, why = self._result(step, measured, now, figures)
        if result is not Result.VOID and step.kind in EVIDENCE:
            self._loads[step.viewers] = together
        return Trial(
            viewers=step.viewers,
            kind=step.kind,
            result=result,
            began_at=measured.began.snapshot.elapsed_seconds,
            ended_at=now.snapshot.elapsed_seconds,
            planned_seconds=step.measure_seconds,
            because=because,
            why=why,
            bad_seconds=measured.bad_seconds,
            objectives=figures,
        )

    def _together(self, viewers: int, measured: _Measured) -> Window:
        """All trials of that load, this one too."""
        known = self._loads.get(viewers)
        if known is None:
            return measured.window
        out = Window()
        for second, moment in measured.seconds:
            out.add(second, moment)
        out.merge(known)
        return out

    def _figure(self, objective: Threshold, window: Window, together: Window) -> ObjectiveFigure:
        values = values_of(objective, window)
        if values is not None and values < FEW_VALUES:
            window, values = together, values_of(objective, together)
        return ObjectiveFigure(
            objective.text, objective.limit, value_over(objective, window), held_over(objective, window), values
        )

    def _result(
        self, step: Step, measured: _Measured, now: Moment, figures: Sequence[ObjectiveFigure]
    ) -> tuple[Result, VoidBecause | None, tuple[str, ...]]:
        trouble = self._trouble(measured, now)
        if trouble:
            return Result.VOID, VoidBecause.GENERATOR, trouble
        if all(figure.held is None for figure in figures):
            return Result.VOID, VoidBecause.NOTHING, ("nothing was measured that an objective is about",)
        window = measured.window
        relative = window.distribution(_RELATIVE)
        download = None if relative is None else relative.quantile(0.95)
        stale = window.count("stale_playlists") or 0
        if stale >= STALE_SHARE * step.viewers and stale and (download is None or download < _FAST):
            return Result.VOID, VoidBecause.SOURCE, (f"{stale:.0f} playlists did not change in time",)
        why = (*self._broken(figures), *_guards(step, measured, segment_seconds(now, window)))
        if why:
            return Result.FAILED, None, why
        active = window.gauge("viewers_active")
        there = None if active is None else active.quantile(0.5)
        # A histogram's bucket is 2% wide: the greatest and the least are exact.
        if active is not None and there is not None and (active.greatest or 0) < ACTIVE_SHARE * step.viewers:
            return Result.VOID, VoidBecause.LOAD, (f"{there:.0f} viewers ran where {step.viewers} were wanted",)
        return Result.HELD, None, ()

    def _broken(self, figures: Sequence[ObjectiveFigure]) -> tuple[str, ...]:
        return tuple(
            f"{objective.text}: {shown_value(objective, figure.value)}"
            for objective, figure in zip(self._objectives, figures, strict=True)
            if figure.held is False and figure.value is not None
        )

    def _fell_to(self, viewers: int, rows: Sequence[Row]) -> float | None:
        """Bytes received at the end as a share of those while that load held, at the beginning or in trials before."""
        received = _received(rows)
        third = len(received) // 3
        if not third:
            return None
        held = [t for t in self.trials if t.viewers == viewers and t.result is Result.HELD]
        of_held = _received(
            [row for row in self.rows if any(t.began_at < float(row["elapsed_seconds"]) <= t.ended_at for t in held)]
        )
        last, first = received[-min(third, 15) :], received[:third]
        before = max(fmean(each) for each in (of_held, first) if each)
        return fmean(last) / before if before else None

    def _trouble(self, measured: _Measured, now: Moment) -> tuple[str, ...]:
        before, lag = measured.began, now.loop_lag.since(measured.began.loop_lag)
        if now.loop_lag.count and not lag.count:
            seconds = now.snapshot.elapsed_seconds - before.snapshot.elapsed_seconds
            return (f"event loops of this machine stood still for {seconds:.1f} s",)
        counts = _counts(now).since(_counts(before))
        late = lag.distribution()
        trouble = generator_trouble(counts, late)
        if _origin_is_here(now) or (late is not None and late.p99 < FELT_LAG_SECONDS):
            return trouble
        return trouble + measured.machine.trouble + tuple(chain(*(each.trouble for each in measured.agents.values())))


def segment_seconds(now: Moment, window: Window) -> float | None:
    """How long the stream's segments are: media by segments; time played by segments, where no bitrate is declared."""
    segments = sum(now.tally.bitrates.values())
    if segments and now.tally.media_seconds:
        return now.tally.media_seconds / segments
    relative = window.distribution(_RELATIVE)
    played = window.part("waiting_ratio")
    if relative is None or played is None or not relative.count:
        return None
    waited, watched = played
    return (watched - waited) / relative.count if watched > waited else None


def columns_of(objectives: Sequence[Threshold]) -> frozenset[str]:
    """The columns of the timeline that tell of the objectives."""
    return frozenset(column.partition("@")[0] for one in objectives if (column := column_of(one)) is not None)


def _guards(step: Step, measured: _Measured, segment: float | None) -> tuple[str, ...]:
    out = []
    failed = measured.window.count("viewers_failed") or 0
    if failed > FAILED_SHARE * step.viewers:
        out.append(f"{failed:.0f} viewer{'s' * (failed != 1)} failed")
    third = len(measured.seconds) // 3
    if segment is not None and third:
        first = _edge([second for second, _ in measured.seconds[:third]])
        last = _edge([second for second, _ in measured.seconds[-third:]])
        if first is not None and last is not None and last - first > segment:
            out.append(f"viewers fell behind: edge latency rose by {last - first:.1f} s within the trial")
    return tuple(out)


def _edge(seconds: Sequence[Second]) -> float | None:
    """The median edge latency of some seconds."""
    histogram = Histogram()
    for second in seconds:
        one = second.distributions.get("edge_latency_seconds")
        if one is not None:
            histogram.merge(one)
    return histogram.quantile(0.5)


def _origin_is_here(moment: Moment) -> bool:
    """Whether the load goes nowhere: its device is the machine's loopback."""
    machine = moment.snapshot.generator.machine
    return machine is not None and machine.device.startswith("lo")


def _counts(moment: Moment) -> GeneratorCounts:
    lost = sum(worker.lost for worker in moment.snapshot.generator.workers)
    return GeneratorCounts.of(moment.tally, lost)


def _watch(measured: _Measured, moment: Moment) -> None:
    for agent in moment.snapshot.generator.agents:
        use = agent.machine
        measured.agents.setdefault(agent.name, MachineWatch(f"agent {agent.name}'s")).add(
            moment.snapshot.at,
            cpu_percent=use.cpu_percent,
            link_percent=use.link_percent,
            received=use.received_bytes_per_second,
            sent=None,
            retransmits=None,
        )
    figures = moment.snapshot.generator.machine
    if figures is not None:
        measured.machine.add(
            moment.snapshot.at,
            cpu_percent=figures.cpu_percent,
            link_percent=figures.link_percent,
            received=figures.received_bytes_per_second,
            sent=figures.sent_bytes_per_second,
            retransmits=figures.tcp_retransmits_per_second,
        )


def _received(rows: Sequence[Row]) -> list[float]:
    return [float(row["body_bytes_per_second"]) for row in rows if "body_bytes_per_second" in row]
