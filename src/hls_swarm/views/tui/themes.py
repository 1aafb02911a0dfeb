"""Colours: a dark and a light theme from the palette of Okabe and Ito, which colour-blind people can tell apart.

No meaning is carried by colour alone: each condition has a word and a sign of its own, each level of the log a word,
each blame a word. With NO_COLOR the dashboard is drawn without colours.
"""

from textual.theme import Theme

from hls_swarm.snapshot.condition import Condition

_DARK = {
    "good": "#2fbf94",
    "warn": "#e69f00",
    "bad": "#ff7a33",
    "bound": "#e08bb8",
    "label": "#9aa7b3",
    "stale": "#77828c",
    "spark": "#56b4e9",
    "title": "#8fc7ee",
}
_LIGHT = {
    "good": "#00694c",
    "warn": "#8a5a00",
    "bad": "#b03a00",
    "bound": "#8f3a68",
    "label": "#55606a",
    "stale": "#7a858e",
    "spark": "#0072b2",
    "title": "#005a8c",
}

DARK = Theme(
    name="hls-swarm-dark",
    primary="#56b4e9",
    secondary="#0072b2",
    accent="#e69f00",
    warning=_DARK["warn"],
    error=_DARK["bad"],
    success=_DARK["good"],
    foreground="#e3e8ec",
    background="#0f1418",
    surface="#0f1418",
    panel="#1d262d",
    dark=True,
    variables=_DARK,
)
LIGHT = Theme(
    name="hls-swarm-light",
    primary="#0072b2",
    secondary="#56b4e9",
    accent="#8a5a00",
    warning=_LIGHT["warn"],
    error=_LIGHT["bad"],
    success=_LIGHT["good"],
    foreground="#14191d",
    background="#fbfcfd",
    surface="#fbfcfd",
    panel="#e6ebef",
    dark=False,
    variables=_LIGHT,
)

LABEL = "$label"
STALE = "$stale italic"
SPARK = "$spark"
STRONG = "bold"
GOOD = "$good"
WARN = "$warn"
BAD = "$bad"

CONDITION_STYLES = {
    Condition.STARTING: "bold $spark",
    Condition.HEALTHY: "bold $good",
    Condition.DEGRADED: "bold $warn",
    Condition.FAILING: "bold $bad",
    Condition.GENERATOR_BOUND: "bold $bound",
}
CONDITION_SIGNS = {
    Condition.STARTING: "○",
    Condition.HEALTHY: "●",
    Condition.DEGRADED: "▲",
    Condition.FAILING: "✖",
    Condition.GENERATOR_BOUND: "◆",
}
