"""What the origin's own signals say: what is refused, used up or waited for there."""

from hls_swarm.judge.findings.rule import Rule, at_least, origin_mean, targets_with
from hls_swarm.snapshot.finding import Culprit, Severity, Standing

_CPU = Rule(
    name="origin-cpu",
    standing=Standing.LIMIT,
    culprit=Culprit.ORIGIN,
    severity=Severity.NOTE,
    what="the processors of {where} are {0} busy",
    next_step="TLS and compression cost most: session resumption, no gzip for media, more cores",
    conditions=(at_least(origin_mean("cpu_percent", 5.0), 90, 85),),
    for_seconds=3.0,
    places=targets_with("cpu_percent"),
)

_NGINX_DROPS = Rule(
    name="nginx-drops",
    standing=Standing.CAUSE,
    culprit=Culprit.ORIGIN,
    severity=Severity.WARNING,
    what="nginx on {where} drops {0} connections: it has no room for them",
    next_step="raise worker_connections and worker_rlimit_nofile",
    conditions=(at_least(origin_mean("nginx_drops_per_second", 5.0), 0.1),),
    clear_seconds=10.0,
    places=targets_with("nginx_drops_per_second"),
)

ORIGIN_RULES = (_CPU, _NGINX_DROPS)
