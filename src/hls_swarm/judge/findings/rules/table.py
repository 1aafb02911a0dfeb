"""Every rule, by subject: the table of findings."""

from collections.abc import Mapping
from types import MappingProxyType

from hls_swarm.judge.findings.rule import Rule
from hls_swarm.judge.findings.rules.answers import ANSWERS, LIVE, MEDIA
from hls_swarm.judge.findings.rules.beside import BESIDE
from hls_swarm.judge.findings.rules.edge import EDGE
from hls_swarm.judge.findings.rules.generator import GENERATOR_RULES
from hls_swarm.judge.findings.rules.groups import GROUP_RULES
from hls_swarm.judge.findings.rules.origin import ORIGIN_RULES
from hls_swarm.judge.findings.rules.viewers import DOWNLOADS, SYMPTOMS
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.snapshot.finding import Comparison

BY_SUBJECT: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "What viewers live through": (*SYMPTOMS, *GROUP_RULES),
        "What their requests say": (*LIVE, *EDGE, *ANSWERS, *BESIDE, *DOWNLOADS, *MEDIA),
        "What the origin says": ORIGIN_RULES,
        "What this machine says": GENERATOR_RULES,
    }
)
RULES: tuple[Rule, ...] = tuple(rule for rules in BY_SUBJECT.values() for rule in rules)

LIMITS: Mapping[str, float] = MappingProxyType(
    {
        rule.conditions[0].measure.signal.removeprefix(ORIGIN_PREFIX): rule.conditions[0].limit
        for rule in ORIGIN_RULES
        if rule.conditions[0].comparison is Comparison.AT_LEAST
    }
)
"""Signals of the origin to the value from which on a rule says that they are at their limit."""
