"""The checks of a chaos run find what is wrong, and nothing where nothing is."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.chaos.checks import (
    FLAT_BYTES,
    Counted,
    Told,
    badly_ended,
    counted,
    logged,
    miscounted,
    not_flat,
    untold,
)
from tests.chaos.faults import Fault
from tests.chaos.load import Sample
from tests.chaos.plan import FaultKind

BEGAN = 1_769_868_309.0
FIRST = {"time": BEGAN + 1, "elapsed_seconds": 1.0, "kind": "phase", "text": "ramping"}


def fault(kind: FaultKind, what: str = "", at: float = 30.0, seconds: float = 5.0) -> Fault:
    return Fault(kind, what, BEGAN + at, BEGAN + at + seconds)


def finding(rule: str, begin: float, end: float | None) -> Mapping[str, Any]:
    interval = {"from_seconds": begin} | ({"to_seconds": end} if end is not None else {})
    return {"rule": rule, "intervals": [interval]}


def page(state: str, at: float, port: int = 9100) -> Mapping[str, Any]:
    details = {"url": f"http://10.77.0.2:{port}/metrics", "state": state}
    return {"time": BEGAN + at, "kind": "origin", "text": state, "details": details}


def told(
    findings: Sequence[Mapping[str, Any]] = (),
    events: Sequence[Mapping[str, Any]] = (),
    log: Sequence[Mapping[str, Any]] = (),
) -> Told:
    return Told({"findings": findings, "elapsed_seconds": 90.0}, [FIRST, *events], log, ":9113/")


REFUSES = fault(FaultKind.ORIGIN_REFUSES)
STOPPED = fault(FaultKind.EXPORTER_STOPPED, ":9100/")
FULL = fault(FaultKind.DISK_FULL)
PAUSED = fault(FaultKind.ORIGIN_PAUSED)
KILLED = fault(FaultKind.WORKER_KILLED, "worker 1", seconds=0.0)


@pytest.mark.parametrize(
    ("which", "by"),
    [
        pytest.param(REFUSES, told([finding("refused", 31, 40)]), id="a finding of its time"),
        pytest.param(REFUSES, told([finding("refused", 20, None)]), id="a finding that goes on"),
        pytest.param(STOPPED, told(events=[page("up", 1), page("failing", 33)]), id="an exporter's state"),
        pytest.param(PAUSED, told(events=[page("failing", 33, 9113)]), id="the state of the server's exporter"),
        pytest.param(STOPPED, told(events=[page("stale", 10), page("up", 41)]), id="a state from before"),
        pytest.param(KILLED, told(events=[{"time": BEGAN + 32, "kind": "worker_lost", "text": ""}]), id="an event"),
        pytest.param(
            FULL,
            told(log=[{"time": "2026-01-31T14:05:40Z", "text": "run: can not be written"}]),
            id="a line of the log",
        ),
    ],
)
def test_what_is_told_is_found(which: Fault, by: Told) -> None:
    assert list(untold(by, [which])) == []


@pytest.mark.parametrize(
    ("which", "by"),
    [
        pytest.param(REFUSES, told(), id="nothing"),
        pytest.param(REFUSES, told([finding("stalled", 31, 40)]), id="another finding"),
        pytest.param(REFUSES, told([finding("refused", 20, 32)]), id="over before the fault was"),
        pytest.param(REFUSES, told([finding("refused", 51, 60)]), id="too late"),
        pytest.param(STOPPED, told(events=[page("up", 1), page("failing", 33, 9113)]), id="another exporter"),
        pytest.param(PAUSED, told(events=[page("up", 1), page("failing", 33)]), id="an exporter that asks no server"),
        pytest.param(STOPPED, told(events=[page("failing", 10), page("up", 20)]), id="up again before"),
        pytest.param(KILLED, told(events=[{"time": BEGAN + 60, "kind": "worker_lost", "text": ""}]), id="late event"),
        pytest.param(FULL, told(log=[{"time": "2026-01-31T14:06:40Z", "text": "can not be written"}]), id="late line"),
    ],
)
def test_what_is_not_told_is_named_with_its_time(which: Fault, by: Told) -> None:
    (words,) = untold(by, [which])
    assert words == f"not told: {which.kind.value} ({which.what}) at 30.0 s of the run"


LOG = [
    f'{BEGAN + 1:.3f} 200 500 "viewer-0" GET /live/main.m3u8 HTTP/1.1',
    f'{BEGAN + 2:.3f} 200 500 "viewer-0" GET /live/low/live.m3u8 HTTP/1.1',
    f'{BEGAN + 3:.3f} 404 150 "viewer-1" GET /live/low/7.ts HTTP/1.1',
    f'{BEGAN + 29:.3f} 200 150 "viewer-1" GET /live/low/8.ts HTTP/1.1',
]


def summary(segments: int, unsettled: int = 0) -> Mapping[str, Any]:
    requests = {"multivariant_playlist": 1, "media_playlist": 1, "segment": segments}
    return {"requests": requests, "unsettled_requests": unsettled, "generator": {}}


def test_counts_are_those_of_the_log() -> None:
    log = [*logged(LOG)]
    assert [request.status for request in log] == [200, 200, 404, 200]
    counts = [*counted(summary(2), log, [], 2)]
    assert counts[-2:] == [Counted("segment", 2, 2, 2), Counted("all", 4, 4, 4)]
    assert list(miscounted(counts)) == []


@pytest.mark.parametrize(
    ("said", "faults", "right"),
    [
        pytest.param(summary(3), [], False, id="a request that the log lacks"),
        pytest.param(summary(3, unsettled=1), [], True, id="one that is not known"),
        pytest.param(summary(1), [], False, id="a request that the summary lacks"),
        pytest.param(summary(1), [KILLED], True, id="the last second of a killed worker"),
        pytest.param(summary(0), [KILLED], False, id="what that worker did long before"),
        pytest.param(summary(1), [fault(FaultKind.WORKER_KILLED, "worker 0")], False, id="of another worker"),
    ],
)
def test_counts_that_contradict_the_log(said: Mapping[str, Any], faults: list[Fault], right: bool) -> None:
    assert (not [*miscounted(counted(said, [*logged(LOG)], faults, 2))]) is right


def test_a_line_that_no_viewer_wrote() -> None:
    with pytest.raises(ValueError, match="not a viewer's"):
        list(logged(['1769868310.000 400 150 "-" -']))


def usage(*memory: int, descriptors: tuple[int, ...] = (50, 50, 50)) -> list[Sample]:
    return [
        Sample(BEGAN + at, size, number) for at, size, number in zip((10, 50, 85), memory, descriptors, strict=True)
    ]


SPANS = (BEGAN + 5, BEGAN + 15), (BEGAN + 80, BEGAN + 90)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        pytest.param(usage(50_000_000, 90_000_000, 51_000_000), "", id="flat, whatever is between"),
        pytest.param(usage(50_000_000, 60_000_000, 60_000_000 + FLAT_BYTES), "memory grew", id="memory"),
        pytest.param(usage(1, 1, 1, descriptors=(50, 100, 150)), "descriptors grew", id="descriptors"),
        pytest.param(usage(1, 1, 1, descriptors=(50, 100, 105)), "", id="a descriptor here and there"),
        pytest.param(usage(1, 2, 3)[:2], "", id="killed before the end"),
    ],
)
def test_what_grows(samples: list[Sample], words: str) -> None:
    grown = list(not_flat({"worker 0": samples}, *SPANS, {}))
    assert len(grown) == bool(words)
    assert all(words in grow for grow in grown)


@pytest.mark.parametrize(("connections", "is_right"), [(100, False), (200, True)])
def test_two_connections_a_viewer_are_no_growth(connections: int, is_right: bool) -> None:
    samples = usage(1, 1, 1, descriptors=(115, 115, 215))
    assert (not [*not_flat({"worker 0": samples}, *SPANS, {"worker 0": connections})]) is is_right


@pytest.mark.parametrize(
    ("code", "verdict", "said", "events", "is_bad"),
    [
        pytest.param(3, "invalid", "", [], False, id="invalid"),
        pytest.param(99, "fail", "", [], False, id="fail"),
        pytest.param(0, "pass", "", [], True, id="a pass"),
        pytest.param(-9, "invalid", "", [], True, id="killed"),
        pytest.param(3, "invalid", "Traceback (most recent call last):", [], True, id="a traceback"),
        pytest.param(
            3, "invalid", "", [{"kind": "exception", "text": "x", "details": {}}], True, id="a bug of its own"
        ),
    ],
)
def test_ends(code: int, verdict: str, said: str, events: list[dict[str, Any]], is_bad: bool) -> None:
    assert bool(list(badly_ended(code, {"verdict": verdict, "exit_code": code}, said, events))) is is_bad
