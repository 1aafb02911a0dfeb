"""Several places where an exporter of one server may be, and which of them are taken.

nginx has two usual exporters on two usual ports: nginx-prometheus-exporter on 9113 tells of connections, the log
exporter on 9114 of requests. Where a host is named and no port, both are asked. What answers is taken: the one that
tells more first, and another one for what only that tells. Who does not answer, or tells nothing more, is not asked any
more once that is clear. While nobody answers, it is one source that fails.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from msgspec.structs import replace

from hls_swarm.origin.source import Source
from hls_swarm.snapshot.origin.metrics import Reading, SourceHealth, SourceState, WhyUnknown

PATIENCE = 3
"""Failed scrapes after which a place is not asked any more, if another one answers."""
_NOT_TOLD = frozenset({WhyUnknown.NOT_EXPORTED, WhyUnknown.WAITING, WhyUnknown.SERVER_DOWN})
_TOLD_BY_ALL = frozenset({"nginx_up"})


class Choice:
    """The places of one exporter.

    Args:
        sources: one for each, the usual one first.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._places = list(sources)
        self._left_out: list[SourceHealth] = []

    def places(self) -> tuple[Source, ...]:
        """Those that are still asked."""
        return tuple(self._places)

    def taken(self, now: float) -> tuple[tuple[Source, SourceHealth], ...]:
        """Those that answered, the one that tells most first; as long as none did, the first one."""
        healths = [(place, place.health(now)) for place in self._places]
        answered = [pair for pair in healths if pair[1].last_success_at is not None]
        if not answered:
            (first, health), *others = healths
            reasons = [health.reason, *(f"port {_port(other)}: {other.reason}" for _, other in others)]
            failing = all(one.problem is not None for _, one in healths)
            return ((first, replace(health, reason="; ".join(reasons)) if failing and others else health),)
        answered.sort(key=lambda pair: (pair[1].state is SourceState.STALE, -len(_told(pair[0].readings(now)))))
        return tuple((place, replace(health, note=self._note(health, answered))) for place, health in answered)

    def settle(self, now: float) -> tuple[Source, ...]:
        """Leave out who does not answer while another one does, and who tells nothing that another one does not.

        Returns:
            Those that are not to be asked any more.
        """
        taken = [place for place, health in self.taken(now) if health.last_success_at is not None]
        if not taken or len(self._places) == 1:
            return ()
        told: set[str] = set()
        dropped = []
        for place in (*taken, *(place for place in self._places if place not in taken)):
            health = place.health(now)
            tells = _told(place.readings(now))
            silent = health.last_success_at is None and health.failures >= PATIENCE
            poorer = health.state is SourceState.UP and bool(told) and tells <= told | _TOLD_BY_ALL
            told |= tells
            if silent or poorer:
                dropped.append(place)
                self._left_out.append(health)
        self._places = [place for place in self._places if place not in dropped]
        return tuple(dropped)

    def _note(self, health: SourceHealth, answered: Sequence[tuple[Source, SourceHealth]]) -> str:
        others = [one for _, one in answered if one.url != health.url] + self._left_out
        if not others:
            return f"port {_port(health)}"
        words = (f"port {_port(one)} ({one.dialect or 'no answer'})" for one in others)
        return f"port {_port(health)}; beside it {', '.join(words)}"


def _told(readings: Mapping[str, Reading]) -> set[str]:
    """The signals that a page carries, whether or not they have a value yet."""
    return {name for name, one in readings.items() if one.unknown is None or one.unknown.why not in _NOT_TOLD}


def _port(health: SourceHealth) -> str:
    return str(urlsplit(health.url).port or "")
