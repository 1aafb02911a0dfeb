"""Segments cut into parts: every frame once, in order, at its time."""

from fractions import Fraction

import pytest

from hls_swarm.testorigin.media.cmaf import load_cmaf
from hls_swarm.testorigin.media.parts import PartedTrack, part_count, read_fragment, write_fragment

CMAF = load_cmaf()
FRAMES = (Fraction(1, 25), Fraction(1024, 48_000))


@pytest.mark.parametrize("name", CMAF)
def test_a_segment_written_anew_has_the_same_samples(name: str) -> None:
    for data in CMAF[name].segments:
        fragment = read_fragment(data)
        whole = write_fragment(fragment, 0, len(fragment.samples), fragment.time, 1)
        assert read_fragment(whole) == fragment


@pytest.mark.parametrize("name", CMAF)
@pytest.mark.parametrize(("seconds", "parts"), [(2, 6), (2, 10), (4, 8), (8, 28)])
def test_parts_are_all_frames_of_their_segment_without_a_gap(name: str, seconds: int, parts: int) -> None:
    track = PartedTrack(CMAF[name], seconds, parts)
    per_segment = seconds // 2
    at = None
    for nth in range(2 * 8 // seconds + 1):
        cut = track.segment(nth)
        assert len(cut) == parts
        assert cut[0].independent
        sources = [CMAF[name].segments[(nth * per_segment + place) % 4] for place in range(per_segment)]
        samples = [sample for source in sources for sample in read_fragment(source).samples]
        assert [s.data for part in cut for s in read_fragment(part.data).samples] == [s.data for s in samples]
        for part in cut:
            fragment = read_fragment(part.data)
            assert fragment.time / CMAF[name].timescale == pytest.approx(part.start)
            assert at is None or part.start == pytest.approx(at)
            at = part.end
        assert cut[-1].end == pytest.approx((nth + 1) * seconds, abs=0.022)


def test_parts_of_a_third_of_a_second_are_eight_or_nine_frames() -> None:
    parts = PartedTrack(CMAF["video-540p"], 2, 6).segment(0)
    assert [round(part.end - part.start, 2) for part in parts] == [0.36, 0.32, 0.32, 0.36, 0.32, 0.32]
    assert [part.independent for part in parts] == [True] + 5 * [False]


@pytest.mark.parametrize(
    ("segment_seconds", "wanted", "count"),
    [(2, 0.333, 6), (2, 0.5, 4), (2, 0.2, 10), (2, 0.25, 8), (2, 0.22, 10), (4, 0.333, 12), (2, 1.0, 2)],
)
def test_the_number_of_parts_is_the_nearest_whose_parts_are_alike_enough(
    segment_seconds: int, wanted: float, count: int
) -> None:
    assert part_count(segment_seconds, wanted, FRAMES) == count


def test_what_is_no_fragment_of_the_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="one moof and one mdat"):
        read_fragment(CMAF["audio"].init)
