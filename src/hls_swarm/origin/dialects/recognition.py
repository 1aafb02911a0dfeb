"""All dialects, and which of them a page speaks."""

from collections.abc import Mapping
from typing import assert_never

from hls_swarm.origin.dialects.cadvisor import CADVISOR
from hls_swarm.origin.dialects.haproxy import HAPROXY
from hls_swarm.origin.dialects.nginx import NGINX_DIALECTS
from hls_swarm.origin.dialects.node import NODE
from hls_swarm.origin.dialects.signals import Dialect
from hls_swarm.origin.dialects.varnish import VARNISH
from hls_swarm.origin.exposition.parser import Page
from hls_swarm.snapshot.origin.metrics import Group, Role, SignalInfo
from hls_swarm.snapshot.origin.signals import SIGNALS

SERVERS = (*NGINX_DIALECTS, HAPROXY, VARNISH)
"""What serves media; `--nginx-metrics` may name the page of any of them."""


class Dialects:
    """All that pages can speak, and the signals that come of it.

    Args:
        known: dialects, that of node_exporter first.
        signals: by name, in the order of drawing.
        last: dialects that are tried when a page speaks none of the known ones.
    """

    def __init__(
        self,
        known: tuple[Dialect, ...] = (NODE, *SERVERS, CADVISOR),
        signals: Mapping[str, SignalInfo] = SIGNALS,
        last: tuple[Dialect, ...] = (),
    ) -> None:
        self._node, *servers = known
        self._servers, self._last = tuple(servers), last
        self.all, self.signals = (*known, *last), signals

    def recognised(self, page: Page, role: Role, before: Dialect | None = None) -> Dialect | None:
        """The dialect of a page; None if it speaks none.

        What the flag named is tried first, but the page decides: two URLs mixed up still give both sides.

        Args:
            before: what the page's predecessor spoke; kept if the page has lost every sign, as when its server went
                down.
        """
        for dialect in self._in_order(role):
            if dialect.is_spoken_on(page):
                return dialect
        return before

    def covered(self, dialect: Dialect) -> tuple[SignalInfo, ...]:
        """The signals a view can expect with a dialect: all of the groups it has rows of, carried or not."""
        groups = {one.signal.group for one in dialect.rows}
        return tuple(info for info in self.signals.values() if info.group in groups)

    def expected(self, role: Role) -> tuple[SignalInfo, ...]:
        """The signals of a page that has not been read yet."""
        match role:
            case Role.NODE:
                return self.covered(self._node)
            case Role.NGINX:
                return tuple(info for info in self.signals.values() if info.group is Group.NGINX)
            case Role.PROMETHEUS:
                return ()
            case _:
                assert_never(role)

    def _in_order(self, role: Role) -> tuple[Dialect, ...]:
        match role:
            case Role.NODE | Role.PROMETHEUS:
                return self.all
            case Role.NGINX:
                return (*self._servers, self._node, *self._last)
            case _:
                assert_never(role)


BUILT_IN = Dialects()
