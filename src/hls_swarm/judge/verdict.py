"""What a run decided: one verdict, one exit code, the reasons in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    """The verdict, and why; the reasons are empty for a pass."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return EXIT_CODES[self.verdict]


def no_viewer_played(snapshot: Snapshot) -> str | None:
    """Why the run is worth nothing, if no viewer ever played and something failed; else None."""
    viewers = snapshot.viewers
    if viewers.played or not (viewers.failed or snapshot.errors):
        return None
    reasons = sorted(snapshot.fatal_reasons.items(), key=lambda item: -item[1])
    detail = reasons[0][0] if reasons else (snapshot.errors[0].detail if snapshot.errors else "unknown")
    if viewers.failed and viewers.failed == viewers.started:
        who = "the only viewer" if viewers.failed == 1 else f"all {viewers.failed} viewers that started"
        return f"{who} failed: {detail} ({snapshot.url})"
    return f"no viewer ever played: {detail} ({snapshot.url})"


def all_viewers_failed(snapshot: Snapshot) -> str | None:
    """Why no viewer was left to the end, if every one that started failed; else None."""
    viewers = snapshot.viewers
    if not viewers.started or viewers.failed < viewers.started:
        return None
    return no_viewer_played(snapshot) or (
        f"all {viewers.failed} viewers that started failed: "
        f"{max(snapshot.fatal_reasons.items(), key=lambda item: item[1], default=('unknown', 0))[0]} ({snapshot.url})"
    )


def judge(snapshot: Snapshot, broke_off: str | None = None, thresholds: Sequence[ThresholdResult] = ()) -> Outcome:
    """The verdict on a run whose last snapshot this is.

    A run that is an error or invalid says nothing of the origin, so that comes before any threshold.

    Args:
        broke_off: why the run ended before its time, if it did by itself.
        thresholds: what came of each.
    """
    error = broke_off or no_viewer_played(snapshot) or all_viewers_failed(snapshot)
    if snapshot.generator.saturated and not snapshot.viewers.played:
        return Outcome(Verdict.INVALID, snapshot.generator.trouble)
    if error:
        return Outcome(Verdict.ERROR, (error,))
    if snapshot.generator.saturated:
        return Outcome(Verdict.INVALID, snapshot.generator.trouble)
    crossed = tuple(f"{result.threshold.text}: {result.reason}" for result in thresholds if not result.held)
    if crossed:
        return Outcome(Verdict.FAIL, crossed)
    return Outcome(Verdict.PASS)
