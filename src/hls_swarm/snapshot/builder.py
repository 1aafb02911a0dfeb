"""Snapshots, one after another, from the merged tallies of a run.

Rules:

- Once a second, by the controller; views compute nothing from a snapshot but text and pixels.
- Rates are over the time since the snapshot before; distributions are over the whole run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hls_swarm.records import ObjectKind
from hls_swarm.settings.checks import masked_url
from hls_swarm.snapshot.agents import AgentState, AgentWatch
from hls_swarm.snapshot.generator import generator_remarks, unwritten_remarks
from hls_swarm.snapshot.lately import LatelyWatch
from hls_swarm.snapshot.origin.metrics import OriginMetrics
from hls_swarm.snapshot.saturation import MachineWatch
from hls_swarm.snapshot.snapshot import (
    ErrorFigures,
    Experience,
    FatalFigures,
    Mark,
    ObjectFigures,
    Phase,
    PlayerFigures,
    Snapshot,
    ViewerFigures,
)
from hls_swarm.snapshot.viewers.cmcd import cmcd_figures
from hls_swarm.snapshot.viewers.conformance import stream_remarks, violation_figures
from hls_swarm.snapshot.viewers.hosts import host_figures, version_figures
from hls_swarm.snapshot.viewers.lowlatency import low_latency_figures
from hls_swarm.snapshot.viewers.quality import quality
from hls_swarm.snapshot.viewers.steering import steering_figures
from hls_swarm.snapshot.workers import Fault, GeneratorFigures, MachineFigures, WorkerFigures, WorkerHealth
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import ObjectTally, Tally
from hls_swarm.stats.worst import ViewerDetail

LEAST_SECONDS = 0.5
"""Less is too short for a rate: of a first snapshot so soon after the start, and for the peak."""


def _players(tally: Tally) -> PlayerFigures | None:
    if not tally.player_processes:
        return None
    return PlayerFigures(tally.player_processes, tally.player_restarts, tally.player_log_lines_dropped)


class SnapshotBuilder:
    """Makes snapshots, one after another, from the merged tallies of a run.

    Args:
        url: without secrets.
        target: viewers that the run wants.
        duration_seconds: None until stopped.
    """

    def __init__(self, url: str, target: int, duration_seconds: float | None) -> None:
        self._url, self._target, self._duration = url, target, duration_seconds
        self._peak = 0
        self._peak_throughput: float | None = None
        self._peak_seen = 0.0, 0  # elapsed seconds and body bytes up to which the peak is known
        self._last_at: float | None = None
        self._last_counts: dict[ObjectKind, tuple[int, int]] = {}
        self._last_cpu: dict[int, float] = {}
        self._machine = MachineWatch()
        self._lately = LatelyWatch()
        self._agents = AgentWatch()

    def build(
        self,
        *,
        at: float,
        started_at: float,
        phase: Phase,
        due: int,
        tally: Tally,
        workers: Mapping[int, WorkerHealth],
        lost: Mapping[int, str],
        silent: Mapping[int, float] = MappingProxyType({}),
        origin: OriginMetrics | None,
        machine: MachineFigures | None = None,
        marks: tuple[Mark, ...] = (),
        worst_viewers: tuple[ViewerDetail, ...] = (),
        target: int | None = None,
        controller_lateness: Histogram | None = None,
        agents: Sequence[AgentState] = (),
    ) -> Snapshot:
        """The snapshot of the instant `at`; instants of one builder rise.

        Args:
            lost: numbers of the workers that died, and what they died of.
            silent: at the end, those that did not report to it, and for how many seconds.
            agents: the load machines, where there are several.
        """
        elapsed = max(0.0, at - started_at)
        interval = self._since_last(at, elapsed)
        objects = {
            kind: self._object(kind, tally.objects[kind], interval) for kind in ObjectKind if kind in tally.objects
        }
        rates = [figures.body_bytes_per_second for figures in objects.values()]
        throughput = None if interval is None else sum(rate for rate in rates if rate is not None)
        body_bytes = sum(figures.body_bytes for figures in objects.values())
        self._see_throughput(body_bytes, elapsed)
        self._peak = max(self._peak, tally.active)
        snapshot = Snapshot(
            at=at,
            url=self._url,
            phase=phase,
            elapsed_seconds=elapsed,
            duration_seconds=self._duration,
            viewers=ViewerFigures(
                target=self._target if target is None else target,
                due=due,
                started=tally.started,
                active=tally.active,
                starting=tally.active - tally.playing.active - tally.stalled.active,
                playing=tally.playing.active,
                stalled=tally.stalled.active,
                ended=tally.ended,
                failed=tally.failed,
                quit=tally.quit,
                played=tally.played,
                peak=self._peak,
                lost=tally.lost,
                left=tally.left,
                start_failures=tally.start_failures,
                overdue=tally.overdue,
            ),
            objects=objects,
            throughput_bytes_per_second=throughput,
            throughput_mean_bytes_per_second=body_bytes / elapsed if elapsed > 0 else None,
            throughput_peak_bytes_per_second=self._peak_throughput,
            experience=_experience(tally, at),
            errors=_errors(tally),
            fatal_reasons=_fatal_reasons(tally),
            connections_opened=tally.connections,
            connect=tally.connect.distribution(),
            generator=replace(
                self._generator(at, tally, workers, lost, silent, interval, machine, controller_lateness),
                agents=self._agents.figures(agents),
            ),
            origin=origin,
            marks=marks,
            worst_viewers=worst_viewers,
            players=_players(tally),
            hosts=host_figures(tally.hosts),
            http_versions=version_figures(tally.hosts),
            violations=violation_figures(tally),
            remarks=(*stream_remarks(tally), *unwritten_remarks(tally, agents)),
            low_latency=low_latency_figures(tally),
            unsettled_requests=tally.unsettled_requests,
            repeated_requests=tally.repeated_requests,
            lately=self._lately.add(at, tally),
            cmcd=cmcd_figures(tally.cmcd),
            steering=steering_figures(tally.steering),
        )
        self._last_at = at
        return snapshot

    def _since_last(self, at: float, elapsed: float) -> float | None:
        """Seconds that rates are over: all was 0 when the run began. None where they are too few to say anything."""
        if self._last_at is None:
            return elapsed if elapsed >= LEAST_SECONDS else None
        return at - self._last_at if at > self._last_at else None

    def _see_throughput(self, body_bytes: int, elapsed: float) -> None:
        """The peak is of a second: what came in less of one is no higher a rate, and the first second counts, too."""
        before, bytes_before = self._peak_seen
        seconds = elapsed - before
        if seconds < LEAST_SECONDS:
            return
        self._peak_seen = elapsed, body_bytes
        throughput = (body_bytes - bytes_before) / max(1.0, seconds)
        if self._peak_throughput is None or throughput > self._peak_throughput:
            self._peak_throughput = throughput

    def _object(self, kind: ObjectKind, tally: ObjectTally, interval: float | None) -> ObjectFigures:
        requests, body_bytes = self._last_counts.get(kind, (0, 0))
        self._last_counts[kind] = (tally.requests, tally.body_bytes)
        return ObjectFigures(
            requests=tally.requests,
            body_bytes=tally.body_bytes,
            failed=tally.failed,
            cancelled=tally.cancelled,
            requests_per_second=None if interval is None else (tally.requests - requests) / interval,
            body_bytes_per_second=None if interval is None else (tally.body_bytes - body_bytes) / interval,
            ttfb=tally.ttfb.distribution(),
            download=tally.download.distribution(),
            dns=tally.dns.distribution(),
            connect=tally.connect.distribution(),
            tls=tally.tls.distribution(),
            throughput=tally.throughput.distribution(),
            retries=tally.retries,
            statuses=dict(sorted(tally.statuses.items())),
            waiting=tally.waiting,
            completed=tally.completed,
            compressed=tally.compressed,
        )

    def _generator(
        self,
        at: float,
        tally: Tally,
        workers: Mapping[int, WorkerHealth],
        lost: Mapping[int, str],
        silent: Mapping[int, float],
        interval: float | None,
        machine: MachineFigures | None,
        controller_lateness: Histogram | None,
    ) -> GeneratorFigures:
        lag = Histogram()
        figures = []
        for number, health in sorted(workers.items()):
            lag.merge(health.loop_lag)
            before = self._last_cpu.get(number)
            percent = None
            if interval is not None and before is not None and number not in lost:
                percent = 100 * (health.cpu_seconds - before) / interval
            self._last_cpu[number] = health.cpu_seconds
            figures.append(
                WorkerFigures(
                    number,
                    percent,
                    health.cpu_seconds,
                    health.resident_bytes,
                    lost=number in lost,
                    descriptors=health.descriptors,
                    descriptors_limit=health.descriptors_limit,
                    died_of=lost.get(number, ""),
                )
            )
        figures += [  # died before they said anything
            WorkerFigures(number, None, 0.0, 0, lost=True, died_of=how)
            for number, how in lost.items()
            if number not in workers
        ]
        loop_lag = lag.distribution()
        if machine is not None:
            self._machine.add(
                at,
                cpu_percent=machine.cpu_percent,
                link_percent=machine.link_percent,
                received=machine.received_bytes_per_second,
                sent=machine.sent_bytes_per_second,
                retransmits=machine.tcp_retransmits_per_second,
            )
        late = None if controller_lateness is None else controller_lateness.distribution()
        return GeneratorFigures(
            workers=tuple(figures),
            cpu_seconds=sum(health.cpu_seconds for health in workers.values()),
            loop_lag=loop_lag,
            lateness=tally.lateness.distribution(),
            late_starts=tally.late_starts,
            faults=tuple(Fault(text, f.count, f.whose, f.traceback) for text, f in tally.faults.items()),
            silent=dict(silent),
            machine=machine,
            machine_over_run=None if machine is None else self._machine.over_run,
            controller_lateness=late,
            remarks=generator_remarks(late),
            datagrams_received=tally.datagrams_received,
            datagrams_dropped=tally.datagrams_dropped,
        )


def _experience(tally: Tally, at: float) -> Experience:
    stalled, playing = tally.stalled.seconds(at), tally.playing.seconds(at)
    return Experience(
        startup=tally.startup.distribution(),
        stalls=tally.stalls,
        stall=tally.stall.distribution(),
        stalled_seconds=stalled,
        playing_seconds=playing,
        watched_seconds=tally.watching.seconds(at),
        rebuffering_ratio=stalled / (playing + stalled) if playing + stalled > 0 else None,
        live_latency=tally.live_latency.distribution(),
        edge_latency=tally.edge_latency.distribution(),
        expired_segments=tally.expired_segments,
        relative_download=tally.relative_download.distribution(),
        bitrates=dict(sorted(tally.bitrates.items())),
        quality=quality(tally, at),
    )


def _fatal_reasons(tally: Tally) -> tuple[FatalFigures, ...]:
    reasons = sorted(tally.reasons.items(), key=lambda item: -item[1].viewers)
    return tuple(
        FatalFigures(detail, f.viewers, f.example_url and masked_url(f.example_url), f.object, f.stream)
        for detail, f in reasons
    )


def _errors(tally: Tally) -> tuple[ErrorFigures, ...]:
    """Newest first."""
    errors = sorted(tally.errors.values(), key=lambda error: -error.last_at)
    return tuple(
        ErrorFigures(e.object, e.kind, e.status, e.blame, e.detail, e.count, masked_url(e.example_url), e.last_at)
        for e in errors
    )
