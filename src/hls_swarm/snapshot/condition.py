"""How the run fares, in one word and the reasons for it.

Rules, the first that holds:

1. GENERATOR_BOUND: the generator is the bottleneck now, by a finding that blames it. What the viewers live through then
   says nothing of the origin, so this comes first; it is told all the same. What was is a remark beside the word.
2. FAILING, if one of: more than 5% of the viewers that started have failed; more than 5% of the last requests failed;
   more than 10% of the running viewers are stalled; nobody has played 20 seconds after the first viewers started; a
   finding that is critical goes on.
3. DEGRADED, if one of: a viewer has failed; a request failed lately; a viewer is stalled, or a stall began lately;
   segments lately left the playlist before they were fetched; a finding that is a warning goes on.
4. STARTING: nobody has played yet.
5. HEALTHY.

"Lately" and "last" are the time since an earlier snapshot, which the caller keeps about ten seconds behind: a run
that recovers is healthy again. Requests cut by the end of the run are no failures. What was found of the reason and
goes on is named after the complaints, a cause before a limit. A limit of the origin that hurts nobody makes no
condition: its viewers do.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.snapshot.finding import Culprit, Severity, Standing, voided
from hls_swarm.snapshot.snapshot import Phase, Snapshot

LATELY_SECONDS = 10.0
"""How far behind the earlier snapshot should be."""
FAILED_VIEWERS_LIMIT = 0.05
FAILED_REQUESTS_LIMIT = 0.05
STALLED_VIEWERS_LIMIT = 0.1
NO_PLAYBACK_SECONDS = 20.0

NAMED_FINDINGS = 2
"""Causes and limits that are named beside the reasons."""


class Condition(StrEnum):
    """How the run fares."""

    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILING = "failing"
    GENERATOR_BOUND = "generator-bound"


@dataclass(frozen=True)
class Assessment:
    """The condition, and why, in words for a person; at least one reason."""

    condition: Condition
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


def assess(now: Snapshot, earlier: Snapshot | None = None) -> Assessment:
    """How the run fares at `now`.

    Args:
        earlier: the snapshot about `LATELY_SECONDS` before; None counts the whole run.
    """
    found, severity = _found(now)
    failing, degraded = _complaints(now, earlier)
    was = _was_bound(now)
    if now.generator_trouble:
        return Assessment(Condition.GENERATOR_BOUND, (*now.generator_trouble, *failing, *degraded))
    if failing or severity is Severity.CRITICAL:
        return Assessment(Condition.FAILING, (*failing, *degraded, *found, *was))
    if degraded or severity is Severity.WARNING:
        return Assessment(Condition.DEGRADED, (*degraded, *found, *was))
    if not now.viewers.played:
        return Assessment(Condition.STARTING, ("nobody plays yet", *found, *was))
    return Assessment(Condition.HEALTHY, (_praise(now), *found, *was))


class Assessor:
    """Assesses one snapshot after another, each against the one about `LATELY_SECONDS` before it."""

    def __init__(self) -> None:
        self._lately: deque[Snapshot] = deque()

    def assess(self, snapshot: Snapshot) -> Assessment:
        """How the run fares at this snapshot; their instants rise."""
        while len(self._lately) > 1 and snapshot.at - self._lately[1].at >= LATELY_SECONDS - 0.5:
            self._lately.popleft()
        earlier = self._lately[0] if self._lately else None
        self._lately.append(snapshot)
        return assess(snapshot, earlier)


def _found(now: Snapshot) -> tuple[tuple[str, ...], Severity]:
    """The reasons that were found and go on, in words, and how severe the worst of all that goes on is."""
    if now.phase is Phase.FINISHED:
        return (), Severity.NOTE
    going_on = [f for f in now.findings if f.is_going_on and f.culprit is not Culprit.GENERATOR]
    severity = max((f.severity for f in going_on), key=lambda severity: severity.rank, default=Severity.NOTE)
    reasons = [f for f in going_on if f.standing is not Standing.SYMPTOM]
    shown = reasons[:NAMED_FINDINGS]
    if not shown or all(f.standing is Standing.SYMPTOM for f in going_on):
        # A stall, a failed viewer and a failed request are told by the complaints; other symptoms by nothing else.
        shown = [f for f in going_on if f.rule not in _TOLD_BY_COMPLAINTS][:NAMED_FINDINGS]
    return tuple(f.what for f in shown), severity


_TOLD_BY_COMPLAINTS = frozenset({"stalled", "viewers-failed", "expired-segments"})


def _was_bound(now: Snapshot) -> tuple[str, ...]:
    """When the generator was the bottleneck, in words."""
    times = [interval.text for interval in voided(now.generator_findings) if interval.to_seconds is not None]
    more = f" and {len(times) - 3} times before" if len(times) > 3 else ""
    return (f"generator was bound {', '.join(times[-3:])}{more}",) if times else ()


def _complaints(now: Snapshot, earlier: Snapshot | None) -> tuple[list[str], list[str]]:
    """What makes the run failing, and what makes it degraded."""
    failing: list[str] = []
    degraded: list[str] = []
    viewers = now.viewers
    if viewers.failed:
        share = viewers.failed / max(1, viewers.started)
        words = f"{viewers.failed:,} of {viewers.started:,} viewers failed"
        (failing if share > FAILED_VIEWERS_LIMIT else degraded).append(words)
    if viewers.stalled:
        share = viewers.stalled / max(1, viewers.active)
        words = f"{viewers.stalled:,} of {viewers.active:,} viewers stalled"
        (failing if share > STALLED_VIEWERS_LIMIT else degraded).append(words)
    requests, failed = _requests_since(now, earlier)
    if failed:
        words = f"{failed:,} of {max(failed, requests):,} requests failed{_since(now, earlier)}"
        (failing if failed > FAILED_REQUESTS_LIMIT * requests else degraded).append(words)
    if not viewers.played and viewers.started and now.elapsed_seconds >= NO_PLAYBACK_SECONDS:
        failing.append(f"nobody has played in {now.elapsed_seconds:.0f} s")
    stalls = now.experience.stalls - (earlier.experience.stalls if earlier is not None else 0)
    if stalls and not viewers.stalled:
        degraded.append(f"{stalls:,} stall{'s' * (stalls != 1)}{_since(now, earlier)}")
    expired = now.experience.expired_segments - (earlier.experience.expired_segments if earlier is not None else 0)
    if expired:
        degraded.append(f"{expired:,} segment{'s' * (expired != 1)} gone before fetched{_since(now, earlier)}")
    return failing, degraded


def _requests_since(now: Snapshot, earlier: Snapshot | None) -> tuple[int, int]:
    """Requests and failed ones since the earlier snapshot."""
    before = earlier.objects.values() if earlier is not None else ()
    requests = sum(f.requests for f in now.objects.values()) - sum(f.requests for f in before)
    failed = sum(f.failed for f in now.objects.values()) - sum(f.failed for f in before)
    return requests, failed


def _since(now: Snapshot, earlier: Snapshot | None) -> str:
    return "" if earlier is None else f" in the last {now.at - earlier.at:.0f} s"


def _praise(now: Snapshot) -> str:
    viewers = now.viewers
    if now.phase is Phase.FINISHED:
        return f"{viewers.played:,} of {viewers.started:,} viewers played"
    if viewers.playing < viewers.active:
        return f"{viewers.playing:,} of {viewers.active:,} viewers play without a stall, {viewers.starting:,} start"
    who = "the only viewer plays" if viewers.active == 1 else f"all {viewers.active:,} viewers play"
    return f"{who} without a stall"
