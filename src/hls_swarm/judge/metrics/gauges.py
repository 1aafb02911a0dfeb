"""What is so much now: viewers, the generator, its machine."""

from collections.abc import Callable

from hls_swarm.judge.metrics.kinds import Better, GaugeMetric
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.workers import MachineFigures


def _generator_cpu(moment: Moment) -> float | None:
    workers = [worker.cpu_percent for worker in moment.snapshot.generator.workers if worker.cpu_percent is not None]
    return max(workers) if workers else None


def _workers_lost(moment: Moment) -> float:
    generator = moment.snapshot.generator
    elsewhere = sum(agent.workers for agent in generator.agents if agent.is_lost)
    return max(0, sum(worker.lost for worker in generator.workers) - elsewhere)


def _machine(read: Callable[[MachineFigures], float | None]) -> Callable[[Moment], float | None]:
    def figure(moment: Moment) -> float | None:
        machine = moment.snapshot.generator.machine
        return None if machine is None else read(machine)

    return figure


GAUGES = (
    GaugeMetric("viewers_target", Unit.COUNT, "viewers that the run wants", lambda m: m.snapshot.viewers.target),
    GaugeMetric("viewers_due", Unit.COUNT, "viewers that should have started", lambda m: m.snapshot.viewers.due),
    GaugeMetric("viewers_active", Unit.COUNT, "viewers running", lambda m: m.snapshot.viewers.active),
    GaugeMetric("viewers_starting", Unit.COUNT, "running, not playing yet", lambda m: m.snapshot.viewers.starting),
    GaugeMetric("viewers_playing", Unit.COUNT, "viewers playing", lambda m: m.snapshot.viewers.playing),
    GaugeMetric(
        "viewers_stalled", Unit.COUNT, "viewers in a stall", lambda m: m.snapshot.viewers.stalled, Better.LOWER
    ),
    GaugeMetric(
        "throughput_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "body bytes of all kinds over the last second",
        lambda m: m.snapshot.throughput_bytes_per_second,
        Better.HIGHER,
    ),
    GaugeMetric(
        "generator_cpu_percent",
        Unit.PERCENT,
        "CPU of the busiest worker, in percent of a core",
        _generator_cpu,
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_resident_bytes",
        Unit.BYTES,
        "memory of all workers",
        lambda m: sum(worker.resident_bytes for worker in m.snapshot.generator.workers) or None,
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_workers_lost",
        Unit.COUNT,
        "workers that died, without those on a load machine that is lost",
        _workers_lost,
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_workers_silent",
        Unit.COUNT,
        "workers that did not report to the end of the run",
        lambda m: len(m.snapshot.generator.silent),
        Better.LOWER,
    ),
    GaugeMetric(
        "generator_exceptions",
        Unit.COUNT,
        "exceptions in hls-swarm itself, since the start",
        lambda m: sum(fault.count for fault in m.snapshot.generator.faults),
        Better.LOWER,
    ),
    GaugeMetric(
        "machine_cpu_percent",
        Unit.PERCENT,
        "CPU of the generator's machine, other programs' use too",
        _machine(lambda machine: machine.cpu_percent),
        Better.LOWER,
    ),
    GaugeMetric(
        "machine_link_percent",
        Unit.PERCENT,
        "use of the generator's network link, in its busier direction",
        _machine(lambda machine: machine.link_percent),
        Better.LOWER,
    ),
    GaugeMetric(
        "machine_network_in_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "received by the generator's network device",
        _machine(lambda machine: machine.received_bytes_per_second),
    ),
    GaugeMetric(
        "machine_tcp_retransmits_per_second",
        Unit.PER_SECOND,
        "segments that the generator's machine sent again",
        _machine(lambda machine: machine.tcp_retransmits_per_second),
        Better.LOWER,
    ),
)
