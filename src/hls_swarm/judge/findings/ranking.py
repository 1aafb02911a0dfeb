"""Which finding to read first.

Rules:

- A cause or a limit is as severe as what viewers met while it held, or up to `LEAD_SECONDS` after it: buffers hide a
  cause for that long.
- The more severe comes first; of those that are equally severe a cause comes before a limit, and both before the
  symptom that they explain; then what held longer; of two that held about as long, the one that names a place.
"""

from collections.abc import Sequence

import msgspec

from hls_swarm.snapshot.finding import Finding, Severity, Standing

LEAD_SECONDS = 15.0
_ABOUT_SECONDS = 10.0
_ORDER = (Standing.CAUSE, Standing.LIMIT, Standing.SYMPTOM)


def ranked(findings: Sequence[Finding], now: float) -> tuple[Finding, ...]:
    """The findings with the severity that viewers gave them, the first to read first.

    Args:
        now: how long the run has lasted.
    """
    felt = [finding for finding in findings if finding.is_felt]
    risen = [_as_severe_as_its_effects(finding, felt) for finding in findings]
    return tuple(
        sorted(
            risen,
            key=lambda finding: (
                -finding.severity.rank,
                _ORDER.index(finding.standing),
                -round(finding.seconds(now) / _ABOUT_SECONDS),
                not finding.where,
                -finding.seconds(now),
                finding.rule,
                finding.where,
            ),
        )
    )


def _as_severe_as_its_effects(finding: Finding, felt: Sequence[Finding]) -> Finding:
    if finding.standing is Standing.SYMPTOM:
        return finding
    severity: Severity = finding.severity
    for effect in felt:
        met = any(mine.overlaps(theirs, LEAD_SECONDS) for mine in finding.intervals for theirs in effect.intervals)
        if met and effect.severity.rank > severity.rank:
            severity = effect.severity
    return msgspec.structs.replace(finding, severity=severity)
