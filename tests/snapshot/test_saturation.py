import pytest

from hls_swarm.snapshot.saturation import MachineWatch


def watched(*readings: tuple[float, float | None, float | None]) -> MachineWatch:
    """A watch that saw (instant, CPU percent, link percent)."""
    watch = MachineWatch()
    for at, cpu, link in readings:
        watch.add(at, cpu_percent=cpu, link_percent=link, received=1e9, sent=1e6, retransmits=0.0)
    return watch


@pytest.mark.parametrize(
    ("cpu", "link", "trouble"),
    [
        pytest.param([50.0] * 30, [50.0] * 30, (), id="room for more"),
        pytest.param([100.0] * 9, [None] * 9, (), id="a short peak"),
        pytest.param(([100.0] * 9 + [50.0]) * 3, [None] * 30, (), id="short peaks"),
        pytest.param(
            [100.0] * 10, [None] * 10, ("this machine's processor was over 98% busy for 10 s",), id="processor"
        ),
        pytest.param(
            [99.0] * 12 + [10.0] * 30,
            [None] * 42,
            ("this machine's processor was over 98% busy for 12 s",),
            id="what went on once stays said",
        ),
        pytest.param([None] * 11, [96.0] * 11, ("this machine's link was over 95% used for 11 s",), id="link"),
    ],
)
def test_trouble(cpu: list[float | None], link: list[float | None], trouble: tuple[str, ...]) -> None:
    readings = [(float(at + 1), *values) for at, values in enumerate(zip(cpu, link, strict=True))]
    assert watched((0.0, 100.0, 100.0), *readings).trouble == trouble


def test_over_the_run() -> None:
    run = watched((1.0, 90.0, None), (2.0, 20.0, None), (2.1, 100.0, None), (4.0, 40.0, None)).over_run
    assert run.cpu_percent is not None
    assert (run.cpu_percent.count, run.cpu_percent.mean, run.cpu_percent.max) == (3, 50.0, 90.0)
    assert run.received_bytes_per_second is not None
    assert run.received_bytes_per_second.mean == 1e9
    assert run.link_percent is None


def test_what_a_reading_does_not_tell_is_not_known() -> None:
    run = watched((0.0, None, None)).over_run
    assert (run.cpu_percent, run.link_percent) == (None, None)
