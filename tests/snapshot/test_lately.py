"""The last seconds beside the whole run."""

import pytest

from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.lately import LATELY_SECONDS, LatelyWatch, change
from hls_swarm.stats.tally import ObjectTally, Tally


def fetched(*download: float, failed: int = 0) -> Tally:
    tally = Tally()
    figures = tally.objects[ObjectKind.SEGMENT] = ObjectTally()
    figures.requests, figures.failed = len(download), failed
    figures.download.add_all(download)
    figures.ttfb.add_all([value / 2 for value in download])
    tally.edge_latency.add_all(download)
    return tally


def test_the_first_second_has_nothing_before_it() -> None:
    assert LatelyWatch().add(100.0, fetched(1.0)) is None


def test_only_what_came_in_the_last_seconds_counts() -> None:
    watch = LatelyWatch()
    for second in range(30):
        values = [0.1] * min(second, 20) + [4.0] * max(0, second - 20)
        lately = watch.add(100.0 + second, fetched(*values, failed=max(0, second - 20)))
    assert lately is not None
    segment = lately.objects[ObjectKind.SEGMENT]
    assert lately.seconds == pytest.approx(LATELY_SECONDS)
    assert (segment.requests, segment.failed) == (10, 9)
    assert segment.download is not None
    assert segment.download.p50 == pytest.approx(4.0, rel=0.03)
    assert segment.ttfb is not None
    assert segment.ttfb.p95 == pytest.approx(2.0, rel=0.03)
    assert lately.edge_latency is not None
    assert lately.edge_latency.count == 10


def test_before_ten_seconds_are_over_it_is_what_there_was() -> None:
    watch = LatelyWatch()
    watch.add(100.0, fetched())
    watch.add(101.0, fetched(0.5))
    lately = watch.add(103.0, fetched(0.5, 0.5))
    assert lately is not None
    assert (lately.seconds, lately.objects[ObjectKind.SEGMENT].requests) == (3.0, 2)


def test_stalled_time_is_of_that_time_alone() -> None:
    def at(instant: float) -> Tally:
        tally = Tally(stalls=3 if instant >= 120 else 1)
        tally.playing.begin(100.0)
        tally.stalled.begin(100.0)
        if instant >= 115:
            tally.stalled.end(100.0, 115.0)
        return tally

    watch = LatelyWatch()
    for instant in (110.0, 120.0):
        lately = watch.add(instant, at(instant))
    assert lately is not None
    assert lately.stalls == 2
    assert lately.stalled_seconds == pytest.approx(5.0)
    assert lately.rebuffering_ratio == pytest.approx(5 / 15)


def test_nobody_played_is_not_known() -> None:
    watch = LatelyWatch()
    watch.add(100.0, Tally())
    lately = watch.add(101.0, Tally())
    assert lately is not None
    assert lately.rebuffering_ratio is None
    assert lately.startup is None


@pytest.mark.parametrize(
    ("now", "before", "sign"),
    [(3.0, 2.0, 1), (2.9, 2.0, 0), (2.0, 3.0, -1), (2.1, 3.0, 0), (None, 1.0, 0), (1.0, None, 0), (1.0, 0.0, 0)],
)
def test_what_counts_as_a_change(now: float | None, before: float | None, sign: int) -> None:
    assert change(now, before) == sign
