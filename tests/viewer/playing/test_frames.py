"""Where sound ends within a segment."""

import pytest
from tests.viewer.conftest import live

from hls_swarm.viewer.playing.frames import early_seconds, frame_seconds, stream_seconds

AAC = 1024 / 48_000


@pytest.mark.parametrize(
    ("at", "frames"),
    [(0.0, 0.0), (2.0, 0.75), (4.0, 0.5), (6.0, 0.25), (8.0, 0.0), (26.0, 0.75), (48.0, 0.0), (6.006, 0.53125)],
)
def test_by_how_much_sound_ends_before_a_segment_does(at: float, frames: float) -> None:
    assert early_seconds(at, AAC) == pytest.approx(frames * AAC)


def test_sums_of_durations_are_whole_though_they_are_not_exact() -> None:
    assert early_seconds(sum([0.8] * 10), AAC) == 0.0


@pytest.mark.parametrize(
    ("codecs", "seconds"),
    [((), AAC), (("avc1.4d401e", "mp4a.40.2"), AAC), (("avc1.4d401e", "mp4a.40.5"), 2 * AAC), (("ec-3",), 0.032)],
)
def test_how_long_a_frame_is(codecs: tuple[str, ...], seconds: float) -> None:
    assert frame_seconds(codecs) == pytest.approx(seconds)


def test_a_live_stream_is_taken_to_have_begun_with_number_0() -> None:
    playlist = live(first=10, segments=6)
    assert [stream_seconds(playlist, segment) for segment in playlist.segments[:2]] == [20.0, 22.0]
