"""What ffmpeg says of a stream, and which of its programs is which variant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.engine.ffmpeg.command import FIRST_STREAMS
from hls_swarm.engine.ffmpeg.probe import Stream, StreamReader, streams_played
from hls_swarm.settings.spellings import VariantKind

SAID = b"""\
[info] Input #0, hls, from 'http://127.0.0.1:58477/master.m3u8':
[info]   Duration: N/A, start: 15.423222, bitrate: N/A
[info]   Program 0
[info]     Metadata:
[info]       variant_bitrate : 400400
[info]   Stream #0:0: Video: h264 (Constrained Baseline), yuv420p, 320x180
[info]     Metadata:
[info]       variant_bitrate : 400400
[info]   Program 1
[info]     Metadata:
[info]       variant_bitrate : 1060400
[fatal] At least one output file must be specified
"""


@pytest.mark.parametrize("piece", [1, 11, 4096])
def test_programs_and_their_bitrates(piece: int) -> None:
    reader = StreamReader()
    for at in range(0, len(SAID), piece):
        reader.feed(SAID[at : at + piece], 0.0)
    assert reader.stream == Stream(False, {0: 400400, 1: 1060400})
    assert reader.words == ""


@pytest.mark.parametrize(
    ("variant", "bitrates", "expected"),
    [
        pytest.param(VariantKind.HIGHEST, {0: 4, 1: 9, 2: 5}, ("0:p:1",), id="highest"),
        pytest.param(VariantKind.LOWEST, {0: 4, 1: 9, 2: 3}, ("0:p:2",), id="lowest"),
        pytest.param(VariantKind.HIGHEST, {0: 9, 1: 9}, ("0:p:0",), id="the first of equals"),
        pytest.param(VariantKind.HIGHEST, {}, None, id="no variants"),
        pytest.param(VariantKind.ALL, {}, ("0",), id="all"),
        pytest.param(VariantKind.FIRST, {0: 1, 1: 2}, FIRST_STREAMS, id="first"),
    ],
)
def test_what_is_played(variant: VariantKind, bitrates: dict[int, int], expected: tuple[str, ...] | None) -> None:
    assert streams_played(variant, Stream(False, bitrates)) == expected


def test_a_stream_with_an_end() -> None:
    reader = StreamReader()
    reader.feed(b"[info]   Duration: 00:00:06.00, start: 1.400000, bitrate: 0 kb/s\n", 0.0)
    assert reader.stream == Stream(True, {})


def test_what_can_not_be_opened_is_no_stream() -> None:
    reader = StreamReader()
    reader.feed(b"[error] http://h/a.m3u8: Server returned 404 Not Found\n", 0.0)
    assert reader.stream is None
    assert reader.words == "http://h/a.m3u8: Server returned 404 Not Found"


@given(st.binary(max_size=2000))
def test_garbage_does_no_harm(data: bytes) -> None:
    StreamReader().feed(data, 0.0)
