"""What must hold of a run that everything was done to (pure): each check gives what is wrong, in words.

Rules:

- A fault is told if what may tell of it held at its end or in some seconds after it: what ended before is another's.
- Counts: the origin's log has no fewer requests than the summary has without those of which it says itself that they
  can not be known, and no more than the summary has, but for the last seconds of workers that were killed.
- Flat: of each process, the median of the last seconds beside that of the first ones in which all viewers play.
  A viewer may have two connections at any time, whatever it had then.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from math import inf
from statistics import median
from typing import Any

from tests.chaos.faults import Fault
from tests.chaos.load import Sample
from tests.chaos.plan import FaultKind

EXIT_CODES = {"fail": 99, "invalid": 3, "error": 1}
"""Those of a run that is no pass."""
UNSEEN_SECONDS = 1.5
"""Of a killed worker: what it did since it reported for the last time, a second ago if the controller was on time, and
more by as much as that was ever late."""
FLAT_SHARE = 0.15
FLAT_BYTES = 12 * 1024 * 1024
FLAT_DESCRIPTORS = 48
_DOWN = frozenset({"failing", "down", "stale"})


@dataclass(frozen=True)
class Telling:
    """What may tell of a kind of fault.

    Args:
        findings: rules.
        event: kind of an event at that time.
        log: words in a line of the log.
        is_servers: whether the state of the page of nginx's exporter, which asks nginx, tells of it too.
        is_exporters: whether the fault is of an exporter, whose own page's state tells of it.
        within_seconds: after its end.
    """

    findings: frozenset[str] = frozenset()
    event: str | None = None
    log: str | None = None
    is_servers: bool = False
    is_exporters: bool = False
    within_seconds: float = 15.0


_STILL = frozenset(
    {"held-up-playlists", "held-up-segments", "timeouts", "slow-first-byte", "lost-connections", "slow-connects"}
)
_EXPORTER = Telling(is_exporters=True, within_seconds=10.0)
TOLD: Mapping[FaultKind, Telling] = {
    FaultKind.ORIGIN_PAUSED: Telling(_STILL | {"server-down"}, is_servers=True),
    FaultKind.ORIGIN_RESTARTED: Telling(frozenset({"lost-connections", "server-down"}), is_servers=True),
    FaultKind.ORIGIN_REFUSES: Telling(frozenset({"refused"})),
    FaultKind.SEGMENTS_MISSING: Telling(frozenset({"missing-segments"})),
    FaultKind.SEGMENTS_EMPTY: Telling(frozenset({"empty-media"})),
    FaultKind.LINK_DOWN: Telling(_STILL, is_servers=True),
    FaultKind.LINK_SLOW: Telling(_STILL | {"slow-bodies", "throttled"}),
    FaultKind.EXPORTER_STOPPED: _EXPORTER,
    FaultKind.EXPORTER_KILLED: _EXPORTER,
    FaultKind.EXPORTER_GARBAGE: _EXPORTER,
    FaultKind.WORKER_STOPPED: Telling(frozenset({"generator-lag", "generator-standstill"}), within_seconds=10.0),
    FaultKind.WORKER_KILLED: Telling(event="worker_lost", within_seconds=10.0),
    FaultKind.DISK_FULL: Telling(log="can not be written", within_seconds=5.0),
}


@dataclass(frozen=True)
class Told:
    """What a run told, all instants in Unix seconds.

    Args:
        summary: of `--json`.
        events: of the run folder.
        log: lines of its log.
        server_page: what the URL of nginx's exporter has in it, such as ":9113/".
    """

    summary: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    log: Sequence[Mapping[str, Any]]
    server_page: str

    @property
    def began_at(self) -> float:
        """When its seconds begin."""
        first = self.events[0]
        return float(first["time"]) - float(first["elapsed_seconds"])

    def of(self, fault: Fault) -> Iterator[tuple[str, float]]:
        """What tells of this fault, and how many seconds after its beginning."""
        telling = TOLD[fault.kind]
        last = fault.until + telling.within_seconds
        for finding in self.summary["findings"]:
            if finding["rule"] not in telling.findings:
                continue
            for interval in finding["intervals"]:
                begin = self.began_at + interval["from_seconds"]
                end = self.began_at + interval.get("to_seconds", self.summary["elapsed_seconds"])
                if begin <= last and end >= fault.until:
                    yield finding["rule"], max(0.0, begin - fault.at)
        for event in self.events:
            if event["kind"] == telling.event and fault.at <= event["time"] <= last:
                yield event["text"], event["time"] - fault.at
        for line in self.log if telling.log is not None else ():
            at = datetime.fromisoformat(line["time"]).timestamp()
            if telling.log in line["text"] and fault.at - 1.0 <= at <= last:
                yield line["text"], max(0.0, at - fault.at)
        page = fault.what if telling.is_exporters else self.server_page
        for state, begin, end in self._states(page) if telling.is_exporters or telling.is_servers else ():
            if state in _DOWN and begin <= last and end >= fault.until:
                yield f"{page} {state}", max(0.0, begin - fault.at)

    def _states(self, page: str) -> Iterator[tuple[str, float, float]]:
        """The states of an exporter's page, each from when to when."""
        of_page = [event for event in self.events if event["kind"] == "origin" and page in event["details"]["url"]]
        for event, following in zip_longest(of_page, of_page[1:]):
            yield event["details"]["state"], float(event["time"]), float(following["time"]) if following else inf


def untold(told: Told, faults: Iterable[Fault]) -> Iterator[str]:
    """Faults that stand nowhere."""
    for fault in faults:
        if not any(told.of(fault)):
            yield f"not told: {fault.kind.value} ({fault.what}) at {fault.at - told.began_at:.1f} s of the run"


@dataclass(frozen=True)
class Logged:
    """A request in the origin's access log.

    Args:
        at: Unix seconds of its end.
        viewer: the number of who asked.
        kind: of the object, as in the summary.
    """

    at: float
    viewer: int
    kind: str
    status: int


_LINE = re.compile(r'(\d+\.\d+) (\d{3}) \d+ "viewer-(\d+)" GET (\S+) HTTP/1\.1')


def logged(lines: Iterable[str]) -> Iterator[Logged]:
    """The access log of the bed's nginx. Raises ValueError for a line that no viewer of a run is the cause of."""
    for line in lines:
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"not a viewer's request: {line!r}")
        at, status, viewer, path = match.groups()
        kind = "segment" if path.endswith(".ts") else "media_playlist"
        kind = "multivariant_playlist" if path.endswith("/main.m3u8") else kind
        yield Logged(float(at), int(viewer), kind, int(status))


@dataclass(frozen=True)
class Counted:
    """Requests of a kind of object, or of all together.

    Args:
        least, most: how many the summary says that the origin's log has.
        seen: how many it has.
    """

    kind: str
    least: int
    most: int
    seen: int


def counted(
    summary: Mapping[str, Any], log: Sequence[Logged], faults: Iterable[Fault], workers: int
) -> Iterator[Counted]:
    """Each kind's counts, and last those of all."""
    killed = {int(fault.what.split()[1]): fault.at for fault in faults if fault.kind is FaultKind.WORKER_KILLED}
    late = summary["generator"].get("controller_lateness_seconds", {"max": 0.0})["max"]
    unseen = Counter(
        request.kind
        for request in log
        if request.at >= killed.get(request.viewer % workers, inf) - UNSEEN_SECONDS - late
    )
    requests = Counter(request.kind for request in log)
    for kind in (*summary["requests"], "all"):
        said = summary["requests"][kind] if kind != "all" else sum(summary["requests"].values())
        seen, above = (requests[kind], unseen[kind]) if kind != "all" else (requests.total(), unseen.total())
        yield Counted(kind, said - summary["unsettled_requests"], said + above, seen)


def miscounted(counts: Iterable[Counted]) -> Iterator[str]:
    """Counts that contradict the origin's log."""
    for count in counts:
        if not count.least <= count.seen <= count.most:
            yield f"{count.kind}: the log has {count.seen} requests, the summary says {count.least} to {count.most}"


def not_flat(
    usage: Mapping[str, Sequence[Sample]],
    first: tuple[float, float],
    last: tuple[float, float],
    connections: Mapping[str, int],
) -> Iterator[str]:
    """Processes that take more in the end than in the beginning; one that ended before is not looked at.

    Args:
        usage: by name of the process.
        first, last: spans of time to compare, Unix seconds.
        connections: that a process may have at any time.
    """
    for name, samples in usage.items():
        before = [sample for sample in samples if first[0] <= sample.at <= first[1]]
        after = [sample for sample in samples if last[0] <= sample.at <= last[1]]
        if not before or not after:
            continue
        memory = [median(sample.memory_bytes for sample in part) for part in (before, after)]
        if memory[1] > memory[0] * (1 + FLAT_SHARE) + FLAT_BYTES:
            yield f"{name}: memory grew from {memory[0] / 1e6:.1f} to {memory[1] / 1e6:.1f} MB"
        descriptors = [median(sample.descriptors for sample in part) for part in (before, after)]
        due = max(descriptors[0] * (1 + FLAT_SHARE), connections.get(name, 0))
        if descriptors[1] > due + FLAT_DESCRIPTORS:
            yield f"{name}: descriptors grew from {descriptors[0]:.0f} to {descriptors[1]:.0f}"


def badly_ended(code: int, summary: Mapping[str, Any], said: str, events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """An end that is not documented, a verdict that is not deserved, bugs that show themselves."""
    verdict = summary["verdict"]
    if EXIT_CODES.get(verdict) != code or summary["exit_code"] != code:
        yield f"verdict {verdict!r} and exit code {code} of what can be no pass"
    if "Traceback" in said:
        yield f"a traceback on standard error: {said[said.index('Traceback') :][:2000]}"
    for event in events:
        if event["kind"] == "exception":
            yield f"an exception of the program's own: {event['text']}: {event['details'].get('traceback', '')}"
