"""All dialects, and which of them a page speaks."""

from typing import assert_never

from hls_swarm.origin.exposition import Page
from hls_swarm.origin.haproxy import HAPROXY
from hls_swarm.origin.nginx import NGINX_DIALECTS
from hls_swarm.origin.node import NODE
from hls_swarm.origin.signals import Dialect
from hls_swarm.origin.varnish import VARNISH
from hls_swarm.stats.origin_metrics import Group, Role, SignalInfo
from hls_swarm.stats.origin_signals import SIGNALS

SERVERS = (*NGINX_DIALECTS, HAPROXY, VARNISH)
"""What serves media; `--nginx-metrics` may name the page of any of them."""


def recognised(page: Page, role: Role, before: Dialect | None = None) -> Dialect | None:
    """The dialect of a page; None if it speaks none.

    What the flag named is tried first, but the page decides: two URLs mixed up still give both sides.

    Args:
        before: what the page's predecessor spoke; kept if the page has lost every sign, as when its server went down.
    """
    for dialect in _in_order(role):
        if dialect.is_spoken_on(page):
            return dialect
    return before


def _in_order(role: Role) -> tuple[Dialect, ...]:
    match role:
        case Role.NODE:
            return (NODE, *SERVERS)
        case Role.NGINX:
            return (*SERVERS, NODE)
        case _:
            assert_never(role)


def covered(dialect: Dialect) -> tuple[SignalInfo, ...]:
    """The signals a view can expect with a dialect: all of the groups it has rows of, carried or not."""
    groups = {one.signal.group for one in dialect.rows}
    return tuple(info for info in SIGNALS.values() if info.group in groups)


def expected(role: Role) -> tuple[SignalInfo, ...]:
    """The signals of a page that has not been read yet."""
    if role is Role.NODE:
        return covered(NODE)
    return tuple(info for info in SIGNALS.values() if info.group is Group.NGINX)
