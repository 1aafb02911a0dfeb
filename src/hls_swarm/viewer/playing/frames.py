"""Where sound ends within a segment of sound and picture. Pure.

Rules:

- Sound is cut between its frames, so where a segment's end is no whole number of them from the start of the stream, its
  sound ends up to a frame early (and the next segment's begins as much early).
- A viewer that throws bodies away does not see frames. It takes them to be as long as the codec has them at 48 kHz, and
  counted from the beginning of the stream, where a segment with the number 0 would have begun if all were as long as
  those that are listed. Where that is wrong, what comes out is as frequent as chance would have it (decision 0041).
"""

from collections.abc import Sequence

from hls_swarm.hls.playlist import MediaPlaylist, Segment

_SAMPLES_PER_SECOND = 48_000
_AAC_SAMPLES = 1024
_SAMPLES = {"mp4a.40.5": 2048, "mp4a.40.29": 2048, "ac-3": 1536, "ec-3": 1536, "mp4a.40.34": 1152, "mp4a.6b": 1152}
_NEARLY_WHOLE = 1e-4


def frame_seconds(codecs: Sequence[str]) -> float:
    """How long a frame of sound is at 48 kHz; that of AAC, if none of the codecs says otherwise."""
    samples = next((_SAMPLES[codec.lower()] for codec in codecs if codec.lower() in _SAMPLES), _AAC_SAMPLES)
    return samples / _SAMPLES_PER_SECOND


def stream_seconds(playlist: MediaPlaylist, segment: Segment) -> float:
    """Where a listed segment begins, from the beginning of the stream."""
    count = len(playlist.segments)
    return segment.start + (playlist.first_sequence * playlist.duration / count if count else 0.0)


def early_seconds(at: float, frame: float) -> float:
    """By how much sound ends before an instant of the stream."""
    frames = at / frame
    part = frames % 1.0
    return 0.0 if min(part, 1 - part) < _NEARLY_WHOLE else part * frame
