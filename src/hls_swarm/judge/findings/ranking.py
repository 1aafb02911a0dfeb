"""Which finding to read first.

Rules:

- A cause or a limit is as severe as what viewers met while it held, or up to `LEAD_SECONDS` after it: buffers hide a
  cause for that long. What a cause explains lends nothing to a limit that was over by then.
- A remark explains nothing and stays a note. Where nobody suffers it comes before a limit: it is wrong for certain.
- The more severe comes first; of those that are equally severe a cause comes before a limit, and both before the
  symptom that they explain; of limits, the one that was reached nearest to when viewers began to suffer, in steps of
  `_STEP_SECONDS`; then what held longer; of two that held about as long, the one that names a place.
- What another finding explains (`explains`) comes behind all other reasons: it is what that one looks like. That one is
  as severe as what it explains.
"""

from collections.abc import Sequence

import msgspec

from hls_swarm.snapshot.finding import Finding, Severity, Standing

LEAD_SECONDS = 15.0
_ABOUT_SECONDS = 10.0
_STEP_SECONDS = 5.0
_ORDER = (Standing.CAUSE, Standing.REMARK, Standing.LIMIT, Standing.SYMPTOM)
_EXPLAINED = _ORDER.index(Standing.LIMIT) + 0.5
"""Behind every reason that may be the true one, before the symptoms."""


def ranked(findings: Sequence[Finding], now: float) -> tuple[Finding, ...]:
    """The findings with the severity that viewers gave them, the first to read first.

    Args:
        now: how long the run has lasted.
    """
    felt = [finding for finding in findings if finding.is_felt]
    causes = [finding for finding in findings if finding.standing is Standing.CAUSE]
    met = [_as_severe_as_its_effects(finding, felt, causes) for finding in findings]
    risen = [_as_severe_as_what_it_explains(finding, met) for finding in met]
    return tuple(
        sorted(
            risen,
            key=lambda finding: (
                -finding.severity.rank,
                _place(finding, risen),
                _apart(finding, felt),
                -round(finding.seconds(now) / _ABOUT_SECONDS),
                not finding.where,
                -finding.seconds(now),
                finding.rule,
                finding.where,
            ),
        )
    )


def _place(finding: Finding, findings: Sequence[Finding]) -> float:
    """Among those that are equally severe: by what it says of the reason."""
    explained = any(_explains(other, finding) for other in findings)
    place = _ORDER.index(finding.standing)
    return max(place, _EXPLAINED) if explained else place


def _as_severe_as_its_effects(finding: Finding, felt: Sequence[Finding], causes: Sequence[Finding]) -> Finding:
    if finding.standing in {Standing.SYMPTOM, Standing.REMARK}:
        return finding
    severity: Severity = finding.severity
    for effect in felt:
        if effect.severity.rank <= severity.rank:
            continue
        explained = finding.standing is Standing.LIMIT and any(_meets(cause, effect, LEAD_SECONDS) for cause in causes)
        if _meets(finding, effect, 0.0 if explained else LEAD_SECONDS):
            severity = effect.severity
    return msgspec.structs.replace(finding, severity=severity)


def _apart(finding: Finding, felt: Sequence[Finding]) -> int:
    """How far from each other a limit and the trouble began, in steps of some seconds, as far as that tells."""
    if finding.standing is not Standing.LIMIT:
        return 0
    seconds = [
        abs(theirs.from_seconds - mine.from_seconds)
        for effect in felt
        if (effect.rule, effect.where) != (finding.rule, finding.where)
        for mine in finding.intervals
        for theirs in effect.intervals
        if mine.overlaps(theirs, LEAD_SECONDS)
    ]
    return min(int(min(seconds, default=0.0) / _STEP_SECONDS), int(LEAD_SECONDS / _STEP_SECONDS))


def _as_severe_as_what_it_explains(finding: Finding, findings: Sequence[Finding]) -> Finding:
    """What it looks like may be seen sooner, and was what viewers suffered from."""
    severities = [finding.severity, *(other.severity for other in findings if _explains(finding, other))]
    return msgspec.structs.replace(finding, severity=max(severities, key=lambda severity: severity.rank))


def _explains(one: Finding, other: Finding) -> bool:
    return other.rule in one.explains and (_meets(one, other, LEAD_SECONDS) or _meets(other, one, LEAD_SECONDS))


def _meets(one: Finding, other: Finding, lead_seconds: float) -> bool:
    return any(mine.overlaps(theirs, lead_seconds) for mine in one.intervals for theirs in other.intervals)
