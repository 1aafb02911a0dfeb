"""How figures are read off a moment of the run: what the tables of metrics are made of."""

from collections.abc import Callable

from hls_swarm.records import Blame, ObjectKind
from hls_swarm.snapshot.moment import Moment
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import ObjectTally, Tally

KIND_WORDS = {
    ObjectKind.MULTIVARIANT_PLAYLIST: "multivariant playlists",
    ObjectKind.MEDIA_PLAYLIST: "media playlists",
    ObjectKind.SEGMENT: "segments",
    ObjectKind.PART: "parts",
    ObjectKind.INIT: "init sections",
    ObjectKind.KEY: "keys",
    ObjectKind.PREFLIGHT: "CORS preflights",
    ObjectKind.STEERING: "steering manifests",
    ObjectKind.CMCD_REPORT: "CMCD reports to a collector",
}


def of_kind(kind: ObjectKind, read: Callable[[ObjectTally], Histogram]) -> Callable[[Moment], Histogram | None]:
    """A histogram of one kind of object; None before any was asked for."""

    def histogram(moment: Moment) -> Histogram | None:
        objects = moment.tally.objects.get(kind)
        return None if objects is None else read(objects)

    return histogram


def count_of_kind(kind: ObjectKind, read: Callable[[ObjectTally], float]) -> Callable[[Moment], float]:
    """A number of one kind of object."""

    def count(moment: Moment) -> float:
        objects = moment.tally.objects.get(kind)
        return 0 if objects is None else read(objects)

    return count


def sum_of(read: Callable[[ObjectTally], float]) -> Callable[[Moment], float]:
    """A number of all kinds of object together that the origin is asked for; a collector's are apart."""
    return lambda moment: sum(
        read(objects) for kind, objects in moment.tally.objects.items() if kind is not ObjectKind.CMCD_REPORT
    )


def of_tally(read: Callable[[Tally], float]) -> Callable[[Moment], float]:
    """A number of the tally itself."""
    return lambda moment: read(moment.tally)


def blamed(blame: Blame) -> Callable[[Moment], float]:
    """Failures that are somebody's."""
    return lambda moment: sum(e.count for e in moment.tally.errors.values() if e.blame is blame)


def answers(is_of: Callable[[int], bool]) -> Callable[[Moment], float]:
    """Answers with some statuses, to requests for any kind of object."""
    return sum_of(lambda objects: sum(number for status, number in objects.statuses.items() if is_of(status)))
