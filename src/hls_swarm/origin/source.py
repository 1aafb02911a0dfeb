"""One source over time: pages and failures in, readings and health out. No clock and no I/O.

Rules:

- Rates are between the last two good pages, however long apart. Between a page of a server that is down and the next
  there are none, because the first has no counters.
- A failed scrape leaves the last good values as they are. After `STALE_INTERVALS` intervals without a good page they
  are marked stale.
- A family that is gone makes its own signals unknown, and no other.
- An interval enters a rolling window only if it gave a value.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from hls_swarm.origin.dialects.recognition import BUILT_IN, Dialects
from hls_swarm.origin.dialects.signals import Answer, Dialect, answers
from hls_swarm.origin.exposition.parser import ExpositionError, Page, Parser
from hls_swarm.origin.interval import Interval, NotKnown
from hls_swarm.origin.window import Window
from hls_swarm.snapshot.origin_metrics import (
    BucketCounts,
    Reading,
    Role,
    SignalInfo,
    SourceHealth,
    SourceProblem,
    SourceState,
    Unknown,
    WhyUnknown,
)
from hls_swarm.snapshot.origin_signals import SIGNALS

STALE_INTERVALS = 3

_WAITING = Unknown(WhyUnknown.WAITING, "no page has been read yet")


class Source:
    """What is known from one page of one target.

    Args:
        shown_url: for a person, without secrets.
        interval: seconds between scrapes.
        window: seconds of the rolling window.
        interfaces: network devices that count; empty is automatic.
        dialects: that it may speak.
    """

    def __init__(
        self,
        role: Role,
        shown_url: str,
        *,
        interval: float,
        window: float,
        interfaces: frozenset[str] = frozenset(),
        dialects: Dialects = BUILT_IN,
    ) -> None:
        self._role, self._url, self._dialects = role, shown_url, dialects
        self._interval, self._window, self._interfaces = interval, window, interfaces
        self._stale_after = STALE_INTERVALS * interval
        self._parser = Parser()
        self._dialect: Dialect | None = None
        self._page: Page | None = None
        self._page_at: float | None = None
        self._windows: dict[str, Window] = {}
        self._readings: Mapping[str, Reading] = _waiting(dialects.expected(role))
        self._stale_readings: Mapping[str, Reading] | None = None
        self._histograms: dict[str, BucketCounts] = {}
        self._problem: SourceProblem | None = None
        self._reason = ""
        self._scrapes = self._failures = self._late = 0
        self._scrape_seconds: float | None = None
        self._read_seconds: float | None = None

    def begin(self) -> None:
        """A scrape was begun."""
        self._scrapes += 1

    def skip(self) -> None:
        """A scrape was due while the one before still ran."""
        self._late += 1

    def expect_every(self, seconds: float) -> None:
        """Pages come no more often than this, however often they are asked for."""
        self._stale_after = STALE_INTERVALS * max(self._interval, seconds)

    def read(self, body: bytes, at: float, scrape_seconds: float | None = None) -> None:
        """A page arrived.

        Args:
            at: when, by the monotonic clock.
            scrape_seconds: how long it took, for a person.
        """
        self._scrape_seconds = scrape_seconds
        try:
            page = self._parser.parse(body)
        except ExpositionError as error:
            self._count_failure(*_unreadable(body, error))
            return
        if not len(page):
            self._count_failure(SourceProblem.NOT_METRICS, "not a metrics page: there is no sample on it")
            return
        self.read_page(page, at)

    def read_page(self, page: Page, at: float) -> None:
        """A page arrived that was parsed already; see `read`."""
        dialect = self._dialects.recognised(page, self._role, self._dialect)
        if dialect is None:
            self._count_failure(
                SourceProblem.UNRECOGNISED, "a metrics page, but of no exporter that is known: see the list of dialects"
            )
            return
        self._evaluate(page, dialect, at)

    def fail(self, problem: SourceProblem, reason: str, scrape_seconds: float | None = None) -> None:
        """A scrape ended without a page.

        Args:
            reason: a few words, without secrets.
        """
        self._scrape_seconds = scrape_seconds
        self._count_failure(problem, reason)

    def took(self, seconds: float) -> None:
        """How long reading the last page took."""
        self._read_seconds = seconds

    def health(self, now: float) -> SourceHealth:
        """How the source fares."""
        return SourceHealth(
            role=self._role,
            url=self._url,
            state=self._state(now),
            problem=self._problem,
            reason=self._reason,
            dialect=self._dialect.name if self._dialect else "",
            last_success_at=self._page_at,
            scrapes=self._scrapes,
            failures=self._failures,
            late=self._late,
            samples=len(self._page) if self._page else None,
            scrape_seconds=self._scrape_seconds,
            read_seconds=self._read_seconds,
        )

    def readings(self, now: float) -> Mapping[str, Reading]:
        """All its signals by name, marked stale if they are."""
        if not self._is_stale(now):
            return self._readings
        if self._stale_readings is None:
            self._stale_readings = {
                name: msgspec.structs.replace(reading, stale=True) for name, reading in self._readings.items()
            }
        return self._stale_readings

    def histograms(self) -> Mapping[str, BucketCounts]:
        """What its histograms counted since the first page, by name."""
        return MappingProxyType(dict(self._histograms))

    def _is_stale(self, now: float) -> bool:
        return self._page_at is not None and now - self._page_at > self._stale_after

    def _state(self, now: float) -> SourceState:
        if self._is_stale(now):
            return SourceState.STALE
        if self._problem is SourceProblem.SERVER_DOWN:
            return SourceState.DOWN
        if self._problem is not None:
            return SourceState.FAILING
        return SourceState.WAITING if self._page is None else SourceState.UP

    def _count_failure(self, problem: SourceProblem, reason: str) -> None:
        self._failures += 1
        self._problem, self._reason = problem, reason

    def _evaluate(self, page: Page, dialect: Dialect, at: float) -> None:
        if self._page is None or self._page_at is None:
            interval = Interval(page, at, interfaces=self._interfaces)
        else:
            interval = Interval(page, at, self._page, self._page_at, self._interfaces)
        down = dialect.server_is_down(interval)
        if down:
            self._problem, self._reason = SourceProblem.SERVER_DOWN, f"{dialect.server} is down: its exporter answers"
            found = _all_down(dialect)
        else:
            self._problem, self._reason = None, ""
            found = answers(dialect, interval)
            self._add_to_histograms(dialect, interval)
        if dialect.up_signal:
            found[dialect.up_signal] = Answer(value=0.0 if down else 1.0)
        self._readings = {
            info.name: self._reading(info, found.get(info.name), dialect, at)
            for info in self._dialects.covered(dialect)
        }
        self._stale_readings = None
        self._dialect, self._page, self._page_at = dialect, page, at

    def _reading(self, info: SignalInfo, answer: Answer | None, dialect: Dialect, at: float) -> Reading:
        if answer is None:
            how = dialect.how_to_get.get(info.name, "")
            answer = Answer(unknown=Unknown(WhyUnknown.NOT_EXPORTED, f"not exported by {dialect.name}", how))
        if not info.windowed:
            return Reading(info, answer.value, at, answer.unknown, note=answer.note)
        window = self._windows.get(info.name)
        if window is None:
            window = self._windows[info.name] = Window(self._window)
        if answer.value is not None:
            window.add(answer.value, at)
        figures = window.figures(at)
        if figures is None:
            return Reading(info, answer.value, at, answer.unknown, note=answer.note)
        return Reading(
            info,
            answer.value,
            at,
            answer.unknown,
            figures.p50,
            figures.p95,
            figures.max,
            window_values=figures.count,
            note=answer.note,
        )

    def _add_to_histograms(self, dialect: Dialect, interval: Interval) -> None:
        for histogram in dialect.histograms:
            try:
                increase = histogram.increase(interval)
            except NotKnown:
                continue  # nothing was counted that is known: the sum stays as it is
            if increase.bounds:
                kept = self._histograms.get(histogram.name)
                self._histograms[histogram.name] = increase if kept is None else kept.plus(increase)


def _waiting(signals: tuple[SignalInfo, ...]) -> Mapping[str, Reading]:
    return {info.name: Reading(info, unknown=_WAITING) for info in signals}


def _all_down(dialect: Dialect) -> dict[str, Answer]:
    down = Unknown(WhyUnknown.SERVER_DOWN, f"{dialect.server} is down")
    return {one.signal.name: Answer(unknown=down) for one in dialect.rows}


def _unreadable(body: bytes, error: ExpositionError) -> tuple[SourceProblem, str]:
    """Whether a page that broke the format was meant to be one."""
    start = body[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return SourceProblem.NOT_METRICS, "an HTML page, not metrics: is the path of the URL right?"
    if error.line == 1:
        return SourceProblem.NOT_METRICS, f"not a metrics page: it starts with {error.text[:40]!r}"
    return SourceProblem.MALFORMED, f"malformed page: line {error.line}: {error.reason}: {error.text[:60]!r}"


def merged(
    sources: tuple[Mapping[str, Reading], ...], signals: Mapping[str, SignalInfo] = SIGNALS
) -> Mapping[str, Reading]:
    """The readings of a target in the order of `signals`: of several sources, the first that has a value."""
    found: dict[str, Reading] = {}
    for name in signals:
        for readings in sources:
            reading = readings.get(name)
            if reading is not None and (name not in found or (found[name].value is None and reading.value is not None)):
                found[name] = reading
    return MappingProxyType(found)
