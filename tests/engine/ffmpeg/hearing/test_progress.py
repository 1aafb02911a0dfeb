"""Progress blocks of real processes, in pieces and with garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import places

from hls_swarm.engine.ffmpeg.hearing.progress import MAX_LINE_BYTES, Progress, ProgressReader

DATA = places.DATA / "ffmpeg"


@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
@pytest.mark.parametrize("version", ["5.1", "9.0"])
@pytest.mark.parametrize("scene", ["vod", "live", "audio-only", "fmp4", "segment-paused"])
def test_positions_of_a_real_process_never_go_back(scene: str, version: str, piece: int) -> None:
    data = (DATA / f"{scene}.{version}.progress").read_bytes()
    reader = ProgressReader()
    blocks = [block for at in range(0, len(data), piece) for block in reader.feed(data[at : at + piece])]
    positions = [block.position_seconds for block in blocks if block.position_seconds is not None]
    assert len(blocks) == data.count(b"\nprogress=")
    assert positions == sorted(positions)
    assert positions[-1] > 3
    assert [block.is_last for block in blocks] == [False] * (len(blocks) - 1) + [True]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"out_time_us=1500000\nprogress=continue\n", [Progress(1.5, False)], id="position"),
        pytest.param(b"out_time_us=N/A\nspeed= N/A\nprogress=continue\n", [Progress(None, False)], id="not available"),
        pytest.param(b"out_time_us=-23000\nprogress=continue\n", [Progress(None, False)], id="before the start"),
        pytest.param(b"out_time_ms=7\nprogress=end\n", [Progress(None, True)], id="no position"),
        pytest.param(b"out_time_us=" + b"9" * 40 + b"\nprogress=end\n", [Progress(None, True)], id="no number"),
        pytest.param(b"out_time_us=1000000\n", [], id="unfinished block"),
        pytest.param(
            b"out_time_us=1\nprogress=continue\nprogress=continue\n",
            [Progress(1e-06, False), Progress(None, False)],
            id="a position counts for its own block",
        ),
        pytest.param(
            b"x" * (MAX_LINE_BYTES * 3) + b"\nout_time_us=2000000\nprogress=end\n",
            [Progress(2.0, True)],
            id="long line",
        ),
    ],
)
def test_a_block_says_how_far_it_is(data: bytes, expected: list[Progress]) -> None:
    assert ProgressReader().feed(data) == expected


@given(st.binary(max_size=3000), st.integers(1, 200))
def test_garbage_does_no_harm(data: bytes, piece: int) -> None:
    reader = ProgressReader()
    for at in range(0, len(data), piece):
        for block in reader.feed(data[at : at + piece]):
            assert block.position_seconds is None or block.position_seconds >= 0
