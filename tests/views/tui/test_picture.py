"""What the panels draw: traces over the last minutes, those before the first snapshot too."""

from tests.views.tui import states

from hls_swarm.views.tui.picture import DOWNLOAD, THROUGHPUT, TRACE_VALUES, History


def test_what_was_before_the_first_snapshot_is_drawn_too() -> None:
    history = History()
    history.recall(
        {
            "throughput_bytes_per_second": [1.0, None, 9e12],
            "origin_cpu_percent@10.177.0.10": [40.0, 41.0],
            "segment_download_seconds_p95": [None, None],
            "rebuffering_ratio": [0.5],
        }
    )
    picture = history.add(states.steady())
    assert list(picture.traces[THROUGHPUT])[:3] == [1.0, None, 9e12]
    assert len(picture.traces[THROUGHPUT]) == 4
    assert picture.peaks[THROUGHPUT] == 9e12
    assert list(picture.origin_traces["10.177.0.10", "cpu_percent"])[:2] == [40.0, 41.0]
    assert len(picture.traces[DOWNLOAD]) == 1


def test_a_trace_is_bounded() -> None:
    history = History()
    history.recall({"viewers_playing": [1.0] * 1000})
    assert len(history.add(states.steady()).traces["playing"]) == TRACE_VALUES
