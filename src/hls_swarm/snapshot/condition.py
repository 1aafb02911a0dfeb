"""How the run fares, in one word and the reasons for it.

Rules, the first that holds:

1. GENERATOR_BOUND: the generator was the bottleneck, by the rules of `generator.generator_trouble`. What the viewers
   lived through then says nothing of the origin, so this comes before everything else.
2. FAILING, if one of: more than 5% of the viewers that started have failed; more than 5% of the last requests failed;
   more than 10% of the running viewers are stalled; nobody has played 20 seconds after the first viewers started.
3. DEGRADED, if one of: a viewer has failed; a request failed lately; a viewer is stalled, or a stall began lately;
   segments lately left the playlist before they were fetched.
4. STARTING: nobody has played yet.
5. HEALTHY.

"Lately" and "last" are the time since an earlier snapshot, which the caller keeps about ten seconds behind: a run
that recovers is healthy again. Requests cut by the end of the run are no failures. Signals of the origin that are near
their limit never make a condition by themselves, the viewers do; they are named beside the reasons, because that is
where to look first.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.snapshot.snapshot import Phase, Snapshot

LATELY_SECONDS = 10.0
"""How far behind the earlier snapshot should be."""
FAILED_VIEWERS_LIMIT = 0.05
FAILED_REQUESTS_LIMIT = 0.05
STALLED_VIEWERS_LIMIT = 0.1
NO_PLAYBACK_SECONDS = 20.0

ORIGIN_LIMITS: tuple[tuple[str, float, str], ...] = (
    ("cpu_percent", 90.0, "CPU {:.0f}%"),
    ("cpu_busiest_core_percent", 95.0, "busiest core {:.0f}%"),
    ("memory_used_percent", 95.0, "memory {:.0f}% used"),
    ("network_link_percent", 90.0, "link {:.0f}% used"),
    ("disk_busy_percent", 90.0, "disk {:.0f}% busy"),
    ("file_descriptors_percent", 90.0, "descriptors {:.0f}% used"),
    ("tcp_listen_drops_per_second", 0.1, "drops {:.1f} connections a second before accept"),
    ("nginx_drops_per_second", 0.1, "nginx drops {:.1f} connections a second"),
    ("nginx_responses_5xx_per_second", 0.1, "nginx answers {:.1f} requests a second with 5xx"),
    ("varnish_drops_per_second", 0.1, "Varnish drops {:.1f} sessions a second"),
    ("haproxy_servers_down", 1.0, "HAProxy has {:.0f} servers down"),
)
"""Signal, the value from which it is named, and the words."""


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
    origin = origin_near_limits(now)
    if now.generator.saturated:
        return Assessment(Condition.GENERATOR_BOUND, now.generator.trouble)
    failing, degraded = _complaints(now, earlier)
    if failing:
        return Assessment(Condition.FAILING, (*failing, *degraded, *origin))
    if degraded:
        return Assessment(Condition.DEGRADED, (*degraded, *origin))
    if not now.viewers.played:
        return Assessment(Condition.STARTING, ("nobody plays yet", *origin))
    return Assessment(Condition.HEALTHY, (_praise(now), *origin))


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


def origin_near_limits(now: Snapshot) -> tuple[str, ...]:
    """Signals of the origin that are near a limit, in words; stale ones say nothing."""
    targets = now.origin.targets if now.origin is not None else ()
    named = []
    for target in targets:
        name = f"origin {target.target}" if len(targets) > 1 else "origin"
        for signal, limit, words in ORIGIN_LIMITS:
            value = target.fresh_value(signal)
            if value is not None and value >= limit:
                named.append(f"{name} {words.format(value)}")
    return tuple(named)


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
