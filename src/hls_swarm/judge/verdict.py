"""What a run decided: one verdict, one exit code, the reasons in words.

Rules, the first that holds:

1. INVALID: more than a stated share of the run is void, because the generator was the bottleneck in that time, or all
   of it, because counts are missing. Less of it only takes its seconds out of what is judged.
   A run in which nobody played because the origin said no (a status, a playlist of no use) is none: see 2.
2. ERROR: the run broke off, no viewer ever played, or none was left at its end.
3. FAIL: a threshold is crossed, or an expectation broken.
4. NOT_JUDGED: there were neither thresholds nor expectations.
5. PASS.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.errors import interrupted_code, interrupted_words
from hls_swarm.exit_codes import ExitCode
from hls_swarm.judge.expectations import ExpectationResult
from hls_swarm.judge.findings.rules.generator import AGENT_LOST, INTERNAL, WORKER_LOST, WORKER_SILENT
from hls_swarm.judge.proof import is_refused, nothing_proven, unproven
from hls_swarm.judge.thresholds import ThresholdResult
from hls_swarm.snapshot import units
from hls_swarm.snapshot.agents import AgentFigures
from hls_swarm.snapshot.finding import Finding, Voids, voided
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.snapshot import Snapshot


class Verdict(StrEnum):
    """How the run ended."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INVALID = "invalid"
    ERROR = "error"
    NOT_JUDGED = "not judged"


_MOST_TOLD = 3
"""Workers whose deaths, and exceptions which are told in words."""
GENERATOR_LIMIT = 0.1
"""Share of a run that may be void before all of it is."""

EXIT_CODES = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.NOT_JUDGED: ExitCode.PASS,
    Verdict.ERROR: ExitCode.ERROR,
    Verdict.INVALID: ExitCode.INVALID,
    Verdict.FAIL: ExitCode.FAIL,
}
"""Of each verdict; a usage error never gets this far."""


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


def void_share(findings: Sequence[Finding], elapsed_seconds: float) -> float:
    """The share of a run that is void because of its findings; 1 if one of them voids the run."""
    if any(finding.voids is Voids.THE_RUN for finding in findings):
        return 1.0
    seconds = sum(interval.seconds(elapsed_seconds) for interval in voided(findings))
    return min(1.0, seconds / elapsed_seconds) if elapsed_seconds > 0 else 0.0


def is_invalid(snapshot: Snapshot, generator_limit: float = GENERATOR_LIMIT) -> tuple[str, ...]:
    """Why the whole run is void, in words; empty if it is not."""
    share = void_share(snapshot.findings, snapshot.elapsed_seconds)
    if share <= generator_limit:
        return ()
    blamed = [finding for finding in snapshot.findings if finding.voids is not Voids.NOTHING]
    whole = any(finding.voids is Voids.THE_RUN for finding in blamed)
    much, limit = units.figure(share, Unit.RATIO), units.figure(generator_limit, Unit.RATIO)
    head = () if whole else (f"{much} of the run is void, more than {limit}",)
    return (*head, *(f"{finding.what} ({_more(finding, snapshot)}): {finding.next_step}" for finding in blamed))


def _more(finding: Finding, snapshot: Snapshot) -> str:
    """When it was, and what of it no figure says: what workers died of, which were silent, what was raised."""
    generator = snapshot.generator
    match finding.rule:
        case rule if rule == WORKER_LOST:
            told = [f"worker {w.worker} {w.died_of}" for w in generator.workers if w.lost and w.died_of]
        case rule if rule == WORKER_SILENT:
            told = [f"worker {number} for {units.seconds(since)}" for number, since in sorted(generator.silent.items())]
        case rule if rule == AGENT_LOST:
            told = [lost_words(agent) for agent in generator.agents if agent.name == finding.where]
        case rule if rule == INTERNAL:
            told = [fault.text for fault in generator.faults]
        case _:
            told = []
    return "; ".join([finding.when, *told[:_MOST_TOLD]])


def lost_words(agent: AgentFigures) -> str:
    """Why an agent is lost, and for how long nobody knows what it did."""
    gap = agent.state.gap_seconds
    return agent.state.lost + (f"; not counted is what it did in the {gap:.1f} s after its last word" if gap else "")


def judge(
    snapshot: Snapshot,
    broke_off: str | None = None,
    thresholds: Sequence[ThresholdResult] = (),
    expectations: Sequence[ExpectationResult] = (),
    *,
    generator_limit: float = GENERATOR_LIMIT,
    interrupted_by: int | None = None,
) -> Outcome:
    """The verdict on a run whose last snapshot this is.

    A run that is an error or invalid says nothing of the origin, so that comes before any threshold; a pass needs proof
    that viewers played (`proof`).

    Args:
        broke_off: why the run ended before its time, if it did by itself.
        thresholds: what came of each.
        expectations: what came of each that applied.
        generator_limit: share of the run that may be void.
        interrupted_by: the signal that ended it before its time, or stands for the person who did.
    """
    error = broke_off or nothing_proven(snapshot)
    invalid = is_invalid(snapshot, generator_limit)
    if interrupted_by is not None and not snapshot.viewers.played and not snapshot.viewers.failed:
        return Outcome(Verdict.ERROR, (f"{interrupted_words(interrupted_by)}: {error}",), interrupted_by)
    void = any(finding.voids is Voids.THE_RUN for finding in snapshot.findings)
    if invalid and not snapshot.viewers.played and (void or not is_refused(snapshot)):
        return Outcome(Verdict.INVALID, invalid)
    if error:
        return Outcome(Verdict.ERROR, (error,))
    if invalid:
        return Outcome(Verdict.INVALID, invalid)
    broken = (
        *(f"{result.threshold.text}: {result.reason}" for result in thresholds if not result.held),
        *(result.reason for result in expectations if not result.held),
    )
    if broken:
        return Outcome(Verdict.FAIL, broken)
    too_few = unproven(snapshot)
    if too_few:
        return Outcome(Verdict.ERROR, (too_few,))
    return Outcome(Verdict.PASS if thresholds or expectations else Verdict.NOT_JUDGED)
