"""Time limits, retries and waits between them, and what comes after the last retry. Data, and two pure functions."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from hls_swarm.records import Failure, FailureKind

TIMEOUT_KINDS = frozenset(
    {
        FailureKind.CONNECT_TIMEOUT,
        FailureKind.FIRST_BYTE_TIMEOUT,
        FailureKind.NO_PROGRESS_TIMEOUT,
        FailureKind.TOTAL_TIMEOUT,
    }
)


class Backoff(Enum):
    """How the wait before the nth retry grows from its base."""

    DOUBLING = auto()
    """`min(2^(n-1) * base, cap)` (hls.js, Shaka)."""
    LINEAR = auto()
    """`min(n * base, cap)` (hls.js, keys)."""
    LINEAR_FROM_ZERO = auto()
    """`min((n - 1) * base, cap)` (Media3)."""


@dataclass(frozen=True)
class FetchPolicy:
    """Time limits and retries for one kind of object.

    Args:
        first_byte_seconds: limit from the request being sent to the first byte of the answer; None is none.
        total_seconds: limit of the whole exchange; None is none.
        no_progress_seconds: limit between two arrivals of body bytes; None is none.
        timeout_retries: tries after a first one that ran into a limit.
        error_retries: tries after a first one that failed otherwise.
        backoff_seconds, backoff_cap_seconds, backoff: wait before a retry after an error.
        spread: share of that wait by which it is drawn shorter or longer, evenly (Shaka, `fuzzFactor`).
        waits_after_timeout: whether a retry after a time limit waits, too; else it goes out at once (hls.js).
        retries_client_errors: whether a 4xx, or what a browser withholds (CORS), is asked for again; hls.js takes both
            for answers.
        retries_client_errors_last: whether they are where nothing else is left to go to (hls.js).
    """

    first_byte_seconds: float | None
    total_seconds: float | None
    timeout_retries: int
    error_retries: int
    no_progress_seconds: float | None = None
    backoff_seconds: float = 1.0
    backoff_cap_seconds: float = 8.0
    backoff: Backoff = Backoff.DOUBLING
    spread: float = 0.0
    waits_after_timeout: bool = False
    retries_client_errors: bool = False
    retries_client_errors_last: bool = False

    def retry_delay(
        self, attempt: int, kind: FailureKind, status: int | None, *, nothing_else: bool = False, draw: float = 0.5
    ) -> float | None:
        """Seconds to wait before the next try, or None if there is none.

        Args:
            attempt: tries that have failed, 1 after the first.
            kind: of the newest failure.
            status: HTTP status of it.
            nothing_else: whether there is nowhere else to go.
            draw: uniform in [0, 1), for a wait that is drawn.
        """
        is_final = kind is FailureKind.CORS or (status is not None and 400 <= status < 500)
        retries = self.retries_client_errors or (nothing_else and self.retries_client_errors_last)
        if is_final and not retries:
            return None
        timed_out = kind in TIMEOUT_KINDS
        if attempt > (self.timeout_retries if timed_out else self.error_retries):
            return None
        if timed_out and not self.waits_after_timeout:
            return 0.0
        return self.spread_out(min(self._wait(attempt), self.backoff_cap_seconds), draw)

    def spread_out(self, seconds: float, draw: float) -> float:
        """A wait as it is drawn; `draw` is uniform in [0, 1)."""
        return seconds * (1 + self.spread * (2 * draw - 1))

    def _wait(self, attempt: int) -> float:
        match self.backoff:
            case Backoff.DOUBLING:
                return float(self.backoff_seconds * 2 ** (attempt - 1))
            case Backoff.LINEAR:
                return self.backoff_seconds * attempt
            case Backoff.LINEAR_FROM_ZERO:
                return self.backoff_seconds * (attempt - 1)
            case _:
                assert_never(self.backoff)


@dataclass(frozen=True)
class Failover:
    """When a player goes to another stream, and for how long it stays away from the one that failed.

    Args:
        statuses: HTTP statuses upon which it goes at once; None: upon any failure, once no retry is left.
        redundant_first: whether a redundant stream (8216bis 7) comes before another variant.
        redundant_seconds, variant_seconds: how long a failed redundant stream, a failed variant, is left alone.
        after_timeouts: whether it goes after a time limit, too.
    """

    statuses: frozenset[int] | None
    redundant_first: bool
    redundant_seconds: float
    variant_seconds: float
    after_timeouts: bool = True


NO_FAILOVER = Failover(frozenset(), redundant_first=False, redundant_seconds=0.0, variant_seconds=0.0)
"""Of a player that stays with its stream whatever happens."""


class MediaRule(Enum):
    """What a player does about a segment that came whole and is of no use: see `FailureKind.EMPTY_MEDIA` and others."""

    LIKE_ANY_FAILURE = auto()  # it takes it for a failed load
    PASS_OVER = auto()  # it goes on behind it at once, however many there are
    FAIL = auto()


class Step(Enum):
    """What a player does about a failure."""

    RETRY = auto()
    SWITCH = auto()  # to another stream
    PASS_OVER = auto()  # go on behind the segment
    DROP = auto()  # play on without this rendition
    FAIL = auto()


@dataclass(frozen=True)
class FailedFetch:
    """What the next step depends on.

    Args:
        attempts: tries that have failed in a row, 1 after the first.
        alternative: whether another stream is left to go to.
        passable: whether it is a segment that the player may go past.
        optional: whether the player plays on without this rendition.
        live_retry_seconds: wait before a live stream is tried again when nothing else is left; None: never.
        retryable: whether another try may bring something else.
        unplayable: what the player does about the segment, if it came whole and is of no use.
        draw: uniform in [0, 1), for waits that are drawn.
    """

    attempts: int
    alternative: bool
    passable: bool
    optional: bool
    live_retry_seconds: float | None
    retryable: bool = True
    unplayable: MediaRule = MediaRule.LIKE_ANY_FAILURE
    draw: float = 0.5


def next_step(
    policy: FetchPolicy, failover: Failover | None, failure: Failure, failed: FailedFetch
) -> tuple[Step, float]:
    """What to do about a failed fetch, and after how many seconds.

    hls.js: retries, another level, a redundant stream, then (live) a gap, then fatal. Media3: for some statuses another
    location or track at once, else retries, then fatal.
    """
    match failed.unplayable:
        case MediaRule.PASS_OVER:
            return Step.PASS_OVER, 0.0
        case MediaRule.FAIL:
            return (Step.DROP if failed.optional else Step.FAIL), 0.0
        case MediaRule.LIKE_ANY_FAILURE:
            pass
    may_switch = failover is not None and failed.alternative
    if may_switch and failover is not None and failover.statuses is not None and failure.status in failover.statuses:
        return Step.SWITCH, 0.0
    draw = failed.draw
    delay = policy.retry_delay(failed.attempts, failure.kind, failure.status, draw=draw) if failed.retryable else None
    if delay is not None:
        return Step.RETRY, delay
    if may_switch and failover is not None and failover.statuses is None:
        return Step.SWITCH, 0.0
    if failed.passable:
        return Step.PASS_OVER, 0.0
    if failed.optional:
        return Step.DROP, 0.0
    if failed.retryable:
        delay = policy.retry_delay(failed.attempts, failure.kind, failure.status, nothing_else=True, draw=draw)
        if delay is not None:
            return Step.RETRY, delay
    if failed.live_retry_seconds is not None:
        return Step.RETRY, failed.live_retry_seconds
    return Step.FAIL, 0.0
