"""Every rule, by subject: the table of findings."""

from hls_swarm.judge.findings.origin import ORIGIN_RULES
from hls_swarm.judge.findings.rule import Rule
from hls_swarm.judge.findings.viewers import VIEWER_RULES

RULES: tuple[Rule, ...] = (*VIEWER_RULES, *ORIGIN_RULES)
