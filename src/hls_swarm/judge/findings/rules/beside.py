"""Who is asked beside the stream fails: viewers play on, and what was to come of it does not."""

from hls_swarm.judge.findings.measures import errors_of, median_of
from hls_swarm.judge.findings.rule import Rule, at_least
from hls_swarm.records import FailureKind, ObjectKind
from hls_swarm.snapshot.finding import Culprit, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit

_MINUTE = 60.0
_LATELY = 10.0
_ANY = tuple(FailureKind)
_LEAST_ERRORS = 3
_SLOW_SECONDS = 2.0
"""Events of a session wait for the report before them; a player tells of something every few seconds."""

BESIDE = (
    Rule(
        name="steering",
        standing=Standing.CAUSE,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="the steering server fails: {0} requests for its manifest in a minute; viewers play on where they are",
        next_step="see the errors: VERSION must be 1, 410 and a manifest that is none end the asking for good",
        conditions=(at_least(errors_of((ObjectKind.STEERING,), _ANY, seconds=_MINUTE), _LEAST_ERRORS, 1),),
    ),
    Rule(
        name="collector-fails",
        standing=Standing.REMARK,
        culprit=Culprit.COLLECTOR,
        severity=Severity.NOTE,
        what="the collector fails: {0} reports of CMCD events in a minute; what it did not take is told again, or lost",
        next_step="see the errors: is it the right address, does it bear as many reports? 410 ends the telling",
        conditions=(at_least(errors_of((ObjectKind.CMCD_REPORT,), _ANY, seconds=_MINUTE), _LEAST_ERRORS, 1),),
    ),
    Rule(
        name="collector-slow",
        standing=Standing.REMARK,
        culprit=Culprit.COLLECTOR,
        severity=Severity.NOTE,
        what="the collector is slow: a report of CMCD events takes {0} (P95), and those after it wait",
        next_step="it should answer 204 before it works on what it got",
        conditions=(
            at_least(median_of("cmcd_report_download_seconds_p95", Unit.SECONDS, _LATELY), _SLOW_SECONDS, 1.0),
        ),
        for_seconds=3.0,
        clear_seconds=10.0,
    ),
)
