"""Players as data: the numbers in which one player differs from another. A profile is never a subclass."""

from dataclasses import dataclass
from enum import Enum

from hls_swarm.records import FailureKind, ObjectKind

TIMEOUT_KINDS = frozenset(
    {
        FailureKind.CONNECT_TIMEOUT,
        FailureKind.FIRST_BYTE_TIMEOUT,
        FailureKind.NO_PROGRESS_TIMEOUT,
        FailureKind.TOTAL_TIMEOUT,
    }
)


class ReloadRule(Enum):
    """How long after the start of the last load a live media playlist is loaded again."""

    HLSJS = "hlsjs"
    """Target duration; the last segment's duration if shorter and the playhead is within 4 target durations of the
    edge; half of it if the playlist was unchanged (hls.js 1.7)."""


@dataclass(frozen=True)
class FetchPolicy:
    """Time limits and retries for one kind of object.

    Args:
        first_byte_seconds: limit from the request being sent to the first byte of the answer; None is none.
        total_seconds: limit of the whole exchange.
        timeout_retries: tries after a first one that ran into a limit; they go out at once.
        error_retries: tries after a first one that failed otherwise.
        backoff_seconds: wait before the first retry after an error.
        backoff_cap_seconds: longest such wait.
        linear: the wait grows by its first value each time instead of doubling.
    """

    first_byte_seconds: float | None
    total_seconds: float
    timeout_retries: int
    error_retries: int
    backoff_seconds: float = 1.0
    backoff_cap_seconds: float = 8.0
    linear: bool = False

    def retry_delay(self, attempt: int, kind: FailureKind, status: int | None) -> float | None:
        """Seconds to wait before the next try, or None if there is none.

        Args:
            attempt: tries that have failed, 1 after the first.
            kind: of the newest failure.
            status: HTTP status of it. A 4xx is an answer, and is not asked for again (hls.js).
        """
        if status is not None and 400 <= status < 500:
            return None
        if kind in TIMEOUT_KINDS:
            return 0.0 if attempt <= self.timeout_retries else None
        if attempt > self.error_retries:
            return None
        delay = self.backoff_seconds * (attempt if self.linear else 2 ** (attempt - 1))
        return min(delay, self.backoff_cap_seconds)


@dataclass(frozen=True)
class Profile:
    """One player.

    Args:
        buffer_bits: media to hold ahead of the playhead, as bits of the variant's bitrate.
        buffer_least_seconds, buffer_most_seconds: bounds of that in seconds.
        start_buffer_seconds: media needed to start to play; 0 is the first complete segment.
        resume_buffer_seconds: media needed to go on after a stall; 0 is the next complete segment.
        stall_latency_seconds: what a stall adds to the target latency, at most one target duration in all.
        skipped_segments_limit: segments in a row that can not be had before a live viewer gives up.
    """

    name: str
    reload_rule: ReloadRule
    buffer_bits: float
    buffer_least_seconds: float
    buffer_most_seconds: float
    start_buffer_seconds: float
    resume_buffer_seconds: float
    stall_latency_seconds: float
    skipped_segments_limit: int
    multivariant_playlist: FetchPolicy
    media_playlist: FetchPolicy
    segment: FetchPolicy
    key: FetchPolicy

    def buffer_target_seconds(self, bitrate_bps: int | None) -> float:
        """Media to hold ahead of the playhead for a variant of this bitrate in bit/s; None is an unknown bitrate."""
        if not bitrate_bps:
            return self.buffer_least_seconds
        return min(max(self.buffer_bits / bitrate_bps, self.buffer_least_seconds), self.buffer_most_seconds)

    def policy(self, kind: ObjectKind) -> FetchPolicy:
        """Limits and retries for this kind of object."""
        match kind:
            case ObjectKind.MULTIVARIANT_PLAYLIST:
                return self.multivariant_playlist
            case ObjectKind.MEDIA_PLAYLIST:
                return self.media_playlist
            case ObjectKind.KEY:
                return self.key
            case ObjectKind.SEGMENT | ObjectKind.INIT:
                return self.segment


HLSJS = Profile(
    name="hlsjs",
    reload_rule=ReloadRule.HLSJS,
    buffer_bits=480e6,
    buffer_least_seconds=30.0,
    buffer_most_seconds=600.0,
    start_buffer_seconds=0.0,
    resume_buffer_seconds=0.0,
    stall_latency_seconds=1.0,
    skipped_segments_limit=3,
    multivariant_playlist=FetchPolicy(None, 20.0, timeout_retries=2, error_retries=1),
    media_playlist=FetchPolicy(10.0, 20.0, timeout_retries=2, error_retries=2),
    segment=FetchPolicy(10.0, 120.0, timeout_retries=4, error_retries=6),
    key=FetchPolicy(8.0, 20.0, timeout_retries=1, error_retries=8, backoff_cap_seconds=20.0, linear=True),
)
"""hls.js 1.7 with its defaults."""
