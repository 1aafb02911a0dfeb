"""Frozen, validated settings: what the command line, the environment and the settings file all end in.

Each field's docstring is its help text. Values are checked here, before anything starts; a message names the flag.
"""

from dataclasses import dataclass
from typing import Literal

VariantChoice = Literal["all", "highest", "lowest", "first"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything one load test needs to know. Durations are seconds."""

    url: str
    """Multivariant or media playlist to load, http or https."""

    clients: int = 10
    """Number of viewers."""

    ramp_rate: float = 5.0
    """Viewers started per second."""

    ramp_jitter: float = 0.2
    """Each start is moved by a random time up to this, drawn from the seed."""

    duration: float = 0.0
    """How long to run, ramp included; 0 runs until stopped."""

    variant: VariantChoice = "highest"
    """Which variant a viewer plays; "all" downloads every variant at once."""

    user_agent: str = ""
    """User-Agent of the viewers; by default hls-swarm and its version."""

    header: tuple[str, ...] = ()
    """One more request header, as 'Name: value'; repeatable."""

    timeout: float | None = None
    """Time limit of a whole playlist or segment request; by default the player's own limits."""

    no_cache: bool = False
    """Ask caches on the way for fresh answers (Cache-Control and Pragma: no-cache)."""

    resolve: str | None = None
    """Connect to this address instead of what DNS says for the URL's host; needs --dangerous."""

    dangerous: bool = False
    """Allow settings that can send load to somewhere other than the URL says."""

    seed: int = 1
    """Seed of everything random: the same seed gives the same schedule."""

    workers: int = 0
    """Worker processes; 0 is one per core."""

    tui: bool | None = None
    """Live display; by default on a terminal only."""

    json: str | None = None
    """Write the summary as JSON to this file; - is standard output."""

    origin_metrics: str | None = None
    """URL of the origin's node_exporter page."""

    nginx_metrics: str | None = None
    """URL of the origin's nginx exporter page."""

    origin_metrics_host: tuple[str, ...] = ()
    """Host of the origin's exporters: builds both URLs; repeatable."""

    origin_metrics_node_port: int = 9100
    """Port of node_exporter, used with --origin-metrics-host."""

    origin_metrics_nginx_port: int = 9113
    """Port of the nginx exporter, used with --origin-metrics-host."""

    origin_metrics_interval: float = 2.0
    """Time between two scrapes of the origin's exporters, at least 250ms."""
