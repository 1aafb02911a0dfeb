"""Some viewers or one host fare worse than the rest: where to look is what they have in common."""

from hls_swarm.judge.findings.measures import Measure, places_of
from hls_swarm.judge.findings.recent import Recent
from hls_swarm.judge.findings.rule import Rule, at_least
from hls_swarm.snapshot.finding import Culprit, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit

_LATELY = 10.0
_QUIET_SHARE = 0.005
"""What a rest that does not stall at all counts as."""


def _shares(recent: Recent, where: str) -> tuple[float, float] | None:
    """Stalled by watched time lately: of one group, and of the others of its sort; None if one watched nothing."""
    sort = where.partition(" ")[0]
    figures = {}
    for place in recent.places("group_viewers"):
        if place.partition(" ")[0] == sort:
            figures[place] = (
                recent.rise("group_stalled_seconds", _LATELY, place) or 0.0,
                recent.rise("group_watched_seconds", _LATELY, place) or 0.0,
            )
    own = figures.pop(where, None)
    stalled, watched = (sum(column) for column in zip(*figures.values(), strict=True)) if figures else (0.0, 0.0)
    return None if own is None or not own[1] or not watched else (own[0] / own[1], stalled / watched)


def _own_share(recent: Recent, where: str) -> float | None:
    shares = _shares(recent, where)
    return None if shares is None else shares[0]


def _times_the_rest(recent: Recent, where: str) -> float | None:
    shares = _shares(recent, where)
    return None if shares is None else shares[0] / max(shares[1], _QUIET_SHARE)


def _watched(recent: Recent, where: str) -> float | None:
    return recent.rise("group_watched_seconds", _LATELY, where)


def _share_of_errors(recent: Recent, where: str) -> float | None:
    hosts = recent.places("host_errors_total")
    errors = sum(recent.rise("host_errors", _LATELY, host) or 0.0 for host in hosts)
    return (recent.rise("host_errors", _LATELY, where) or 0.0) / errors if len(hosts) > 1 and errors else None


def _errors(recent: Recent, where: str) -> float | None:
    return recent.rise("host_errors", _LATELY, where)


def _of_sort(recent: Recent, where: str, counter: str) -> tuple[float, float]:
    """How much a counter of groups rose lately: of one group, and of the others of its sort."""
    sort = where.partition(" ")[0]
    rises = {
        place: recent.rise(counter, _LATELY, place) or 0.0
        for place in recent.places("group_viewers")
        if place.partition(" ")[0] == sort
    }
    own = rises.pop(where, 0.0)
    return own, sum(rises.values())


def _share_of_failures(recent: Recent, where: str) -> float | None:
    own, others = _of_sort(recent, where, "group_errors")
    return own / (own + others) if own + others else None


def _beyond_its_audience(recent: Recent, where: str) -> float | None:
    """Its share of the failures, by its share of the time watched."""
    share, (own, others) = _share_of_failures(recent, where), _of_sort(recent, where, "group_watched_seconds")
    return None if share is None or not own or not others else share * (own + others) / own


def _failures(recent: Recent, where: str) -> float | None:
    return recent.rise("group_errors", _LATELY, where)


def _watched_by_others(recent: Recent, where: str) -> float | None:
    return _of_sort(recent, where, "group_watched_seconds")[1]


_SHARE = Measure("group_stalled_seconds of group_watched_seconds", Unit.RATIO, _LATELY, _own_share)
_TIMES = Measure("group_stalled_seconds, times that of the others", Unit.COUNT, _LATELY, _times_the_rest)
_TIME = Measure("group_watched_seconds", Unit.SECONDS, _LATELY, _watched)
_GROUP_FAILURES = Measure("group_errors of all errors", Unit.RATIO, _LATELY, _share_of_failures)
_GROUP_BEYOND = Measure("that share by the share of time watched", Unit.COUNT, _LATELY, _beyond_its_audience)
_GROUP_ERRORS = Measure("group_errors", Unit.COUNT, _LATELY, _failures)
_OTHERS_TIME = Measure("group_watched_seconds of the others", Unit.SECONDS, _LATELY, _watched_by_others)
_HOST_SHARE = Measure("host_errors of all errors", Unit.RATIO, _LATELY, _share_of_errors)
_HOST_ERRORS = Measure("host_errors", Unit.COUNT, _LATELY, _errors)

GROUP_RULES = (
    Rule(
        name="group-worse",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="viewers of {where} stall for {0} of their time, {1} times as much as the others",
        next_step="what is different for them: bitrate, files, host, cache; the others show that the rest works",
        conditions=(at_least(_SHARE, 0.05, 0.025), at_least(_TIMES, 4, 2), at_least(_TIME, 20, 10)),
        for_seconds=3.0,
        places=places_of("group_viewers"),
    ),
    Rule(
        name="group-fails",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="only {where} fails: {0} of the failures of 10 s are of its viewers",
        next_step="look at what only they ask for: that variant's playlist and files, where they are made and kept",
        conditions=(
            at_least(_GROUP_FAILURES, 0.9, 0.7),
            at_least(_GROUP_BEYOND, 1.3),
            at_least(_GROUP_ERRORS, 3, 1),
            at_least(_OTHERS_TIME, 20, 10),
        ),
        places=places_of("group_errors_total"),
    ),
    Rule(
        name="host-worse",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="{0} of the failures of 10 s are at {where}, one host of several",
        next_step="compare that host with the others: its release, its disk, its cache, its name in DNS",
        conditions=(at_least(_HOST_SHARE, 0.9, 0.7), at_least(_HOST_ERRORS, 5, 1)),
        for_seconds=3.0,
        places=places_of("host_errors_total"),
    ),
)
