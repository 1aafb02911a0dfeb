"""What a run decided: one verdict, one exit code, the reasons in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.errors import interrupted_code, interrupted_words
from hls_swarm.judge.proof import nothing_proven, unproven
from hls_swarm.judge.thresholds import ThresholdResult
from hls_swarm.snapshot.snapshot import Snapshot


class Verdict(StrEnum):
    """How the run ended."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INVALID = "invalid"
    ERROR = "error"


EXIT_CODES = {Verdict.PASS: 0, Verdict.ERROR: 1, Verdict.INVALID: 3, Verdict.FAIL: 99}
"""Exit code of each verdict; a usage error is 2 and never gets this far."""


@dataclass(frozen=True)
class Outcome:
    """The verdict, and why; the reasons are empty for a pass.

    Args:
        interrupted_by: the signal that ended the run before it could have come to any verdict.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    interrupted_by: int | None = None

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return EXIT_CODES[self.verdict] if self.interrupted_by is None else interrupted_code(self.interrupted_by)


def judge(
    snapshot: Snapshot,
    broke_off: str | None = None,
    thresholds: Sequence[ThresholdResult] = (),
    *,
    interrupted_by: int | None = None,
) -> Outcome:
    """The verdict on a run whose last snapshot this is.

    A run that is an error or invalid says nothing of the origin, so that comes before any threshold; a pass needs proof
    that viewers played (`proof`).

    Args:
        broke_off: why the run ended before its time, if it did by itself.
        thresholds: what came of each.
        interrupted_by: the signal that ended it before its time, or stands for the person who did.
    """
    error = broke_off or nothing_proven(snapshot)
    if interrupted_by is not None and not snapshot.viewers.played and not snapshot.viewers.failed:
        return Outcome(Verdict.ERROR, (f"{interrupted_words(interrupted_by)}: {error}",), interrupted_by)
    if snapshot.generator.saturated and not snapshot.viewers.played:
        return Outcome(Verdict.INVALID, snapshot.generator.trouble)
    if error:
        return Outcome(Verdict.ERROR, (error,))
    if snapshot.generator.saturated:
        return Outcome(Verdict.INVALID, snapshot.generator.trouble)
    crossed = tuple(f"{result.threshold.text}: {result.reason}" for result in thresholds if not result.held)
    if crossed:
        return Outcome(Verdict.FAIL, crossed)
    too_few = unproven(snapshot)
    if too_few:
        return Outcome(Verdict.ERROR, (too_few,))
    return Outcome(Verdict.PASS)
