"""One source over time: pages and failures in, readings and health out. No clock and no I/O.

Rules:

- Rates are between the last two good pages, however long apart. Between a page of a server that is down and the next
  there are none, because the first has no counters.
- A failed scrape leaves the last good values as they are. After `STALE_INTERVALS` intervals without a good page they
  are marked stale.
- A page that may be cut short says nothing: a sum without its last series is wrong, and so is a number without its last
  digits. So its last line must have an end, and where the answer does not tell where it ends (neither a length nor
  chunks), it must end with the series that the page before it ended with.
- What readers see is one frozen record that is replaced whole.
- A family that is gone makes its own signals unknown, and no other.
- An interval enters a rolling window only if it gave a value.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from hls_swarm.origin.dialects.devices import LocalLoad
from hls_swarm.origin.dialects.recognition import BUILT_IN, Dialects
from hls_swarm.origin.dialects.signals import Answer, Dialect, answers, is_absent
from hls_swarm.origin.exposition.limits import too_large
from hls_swarm.origin.exposition.parser import CACHED_SERIES, ExpositionError, Format, Page, Parser, Series
from hls_swarm.origin.interval import Interval, NotKnown
from hls_swarm.origin.refusals import Refusals
from hls_swarm.origin.window import Window
from hls_swarm.snapshot.origin.metrics import (
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
from hls_swarm.snapshot.origin.signals import SIGNALS

STALE_INTERVALS = 3

_CUT_IN_A_LINE = "the page is cut short: its last line, {}, has no end"
_CUT_AT_A_LINE = "the page may be cut short: nothing tells where it ends, and the one before ended otherwise"
_UNDELIMITED = "nothing tells where the page ends: it counts from the next one on that ends alike"
_WAITING = Unknown(WhyUnknown.WAITING, "no page has been read yet")


class _Shown(msgspec.Struct, frozen=True):
    """All that readers see of a source, but for what is counted when a scrape begins; replaced whole.

    Attributes:
        at: when the last good page arrived.
        samples: on it.
    """

    readings: Mapping[str, Reading]
    histograms: Mapping[str, BucketCounts] = MappingProxyType({})
    problem: SourceProblem | None = None
    reason: str = ""
    dialect: str = ""
    at: float | None = None
    samples: int | None = None
    failures: int = 0
    scrape_seconds: float | None = None
    read_seconds: float | None = None


class Source:
    """What is known from one page of one target.

    Pages and failures may come in from another thread than the readers', one at a time.

    Args:
        shown_url: for a person, without secrets.
        interval: seconds between scrapes.
        window: seconds of the rolling window.
        interfaces: network devices that count; empty is automatic.
        dialects: that it may speak.
        remembered: how many series are remembered between pages.
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
        remembered: int = CACHED_SERIES,
    ) -> None:
        self._role, self._url, self._dialects = role, shown_url, dialects
        self._interval, self._window, self._interfaces = interval, window, interfaces
        self._stale_after = STALE_INTERVALS * interval
        self._parser = Parser(remembered)
        self._dialect: Dialect | None = None
        self._page: Page | None = None
        self._page_at = 0.0
        self._ended_with: Series | None = None
        self._refusals = Refusals()
        self._windows: dict[str, Window] = {}
        self._shown = _Shown(_waiting(dialects.expected(role)))
        self._stale: tuple[_Shown, Mapping[str, Reading]] | None = None
        self._scrapes = self._late = 0
        self._load: LocalLoad | None = None

    def begin(self) -> None:
        """A scrape was begun."""
        self._scrapes += 1

    def skip(self) -> None:
        """A scrape was due while the one before still ran."""
        self._late += 1

    def loaded_from_here(self, load: LocalLoad) -> None:
        """The load comes from the machine that the page is of."""
        self._load = load

    def expect_every(self, seconds: float) -> None:
        """Pages come no more often than this, however often they are asked for."""
        self._stale_after = STALE_INTERVALS * max(self._interval, seconds)

    def read(
        self,
        body: bytes,
        at: float,
        scrape_seconds: float | None = None,
        *,
        page_format: Format | None = None,
        is_open_ended: bool = False,
    ) -> None:
        """A page arrived.

        Args:
            at: when, by the monotonic clock.
            scrape_seconds: how long it took, for a person.
            page_format: as the answer calls it; None: the page tells.
            is_open_ended: nothing but the end of the connection said where it ends.
        """
        self._shown = replace(self._shown, scrape_seconds=scrape_seconds)
        beyond = too_large(body)
        if beyond:
            self._count_failure(SourceProblem.TOO_LARGE, beyond)
            return
        try:
            page = self._parser.parse(body, page_format)
        except ExpositionError as error:
            self._count_failure(*_unreadable(body, error))
            return
        if not len(page):
            self._count_failure(SourceProblem.NOT_METRICS, "not a metrics page: there is no sample on it")
        elif page.format is Format.TEXT and not body.endswith(b"\n"):
            self._count_failure(SourceProblem.CONNECTION, _CUT_IN_A_LINE.format(_last_line(body)))
        elif page.format is Format.TEXT and is_open_ended and not self._ends_as_before(page):
            return
        else:
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
        self._shown = replace(self._shown, scrape_seconds=scrape_seconds)
        self._count_failure(problem, reason)

    def took(self, seconds: float) -> None:
        """How long reading the last page took."""
        self._shown = replace(self._shown, read_seconds=seconds)

    def health(self, now: float) -> SourceHealth:
        """How the source fares."""
        shown = self._shown
        return SourceHealth(
            role=self._role,
            url=self._url,
            state=self._state(shown, now),
            problem=shown.problem,
            reason=shown.reason,
            dialect=shown.dialect,
            last_success_at=shown.at,
            scrapes=self._scrapes,
            failures=shown.failures,
            late=self._late,
            samples=shown.samples,
            scrape_seconds=shown.scrape_seconds,
            read_seconds=shown.read_seconds,
        )

    def readings(self, now: float) -> Mapping[str, Reading]:
        """All its signals by name, marked stale if they are."""
        shown = self._shown
        if not self._is_stale(shown, now):
            return shown.readings
        if self._stale is None or self._stale[0] is not shown:
            self._stale = shown, {name: replace(reading, stale=True) for name, reading in shown.readings.items()}
        return self._stale[1]

    def histograms(self) -> Mapping[str, BucketCounts]:
        """What its histograms counted since the first page, by name."""
        return self._shown.histograms

    def _is_stale(self, shown: _Shown, now: float) -> bool:
        return shown.at is not None and now - shown.at > self._stale_after

    def _state(self, shown: _Shown, now: float) -> SourceState:
        if self._is_stale(shown, now):
            return SourceState.STALE
        if shown.problem is SourceProblem.SERVER_DOWN:
            return SourceState.DOWN
        if shown.problem is not None:
            return SourceState.FAILING
        return SourceState.WAITING if shown.at is None else SourceState.UP

    def _count_failure(self, problem: SourceProblem, reason: str) -> None:
        shown = self._shown
        self._shown = replace(shown, problem=problem, reason=reason, failures=shown.failures + 1)

    def _ends_as_before(self, page: Page) -> bool:
        """Whether a page that nothing delimits is whole: if it ends with the series that the one before ended with.

        Of the first one it can not be told, which is no failure.
        """
        before, self._ended_with = self._ended_with, page.series[-1]
        if before is not None and before.key == page.series[-1].key:
            return True
        if before is None:
            self._shown = replace(self._shown, reason=_UNDELIMITED)
        else:
            self._count_failure(SourceProblem.CONNECTION, _CUT_AT_A_LINE)
        return False

    def _evaluate(self, page: Page, dialect: Dialect, at: float) -> None:
        before = self._page
        interval = Interval(page, at, before, self._page_at, self._interfaces, self._load)
        shown, down = self._shown, dialect.server_is_down(interval)
        found = answers(dialect, interval)
        if down:
            found = _down(dialect, found)
        self._refusals.add(down, at)
        is_refusing = self._refusals.lasts(at)
        if dialect.up_signal:
            found[dialect.up_signal] = Answer(value=0.0 if down else 1.0)
        readings = {
            info.name: self._reading(info, found.get(info.name), dialect, at)
            for info in self._dialects.covered(dialect)
        }
        self._dialect, self._page, self._page_at = dialect, page, at
        self._shown = _Shown(
            readings,
            shown.histograms if down and not dialect.outlives else _added(shown.histograms, dialect, interval),
            SourceProblem.SERVER_DOWN if is_refusing else None,
            _refusing(dialect, self._refusals) if is_refusing else "",
            dialect.name,
            at,
            len(page),
            shown.failures,
            shown.scrape_seconds,
            shown.read_seconds,
        )

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


def _added(kept: Mapping[str, BucketCounts], dialect: Dialect, interval: Interval) -> Mapping[str, BucketCounts]:
    """What the histograms of a page counted, with what they counted before."""
    counts = dict(kept)
    for histogram in dialect.histograms:
        try:
            increase = histogram.increase(interval)
        except NotKnown:
            continue  # nothing was counted that is known: the sum stays as it is
        if increase.bounds:
            before = counts.get(histogram.name)
            counts[histogram.name] = increase if before is None else before.plus(increase)
    return MappingProxyType(counts)


def _waiting(signals: tuple[SignalInfo, ...]) -> Mapping[str, Reading]:
    return {info.name: Reading(info, unknown=_WAITING) for info in signals}


def _down(dialect: Dialect, found: Mapping[str, Answer]) -> dict[str, Answer]:
    """What is known while the server does not answer its exporter: nothing, or what its log says."""
    down = Answer(unknown=Unknown(WhyUnknown.SERVER_DOWN, dialect.down))
    return {name: one if dialect.outlives and not is_absent(one) else down for name, one in found.items()}


def _refusing(dialect: Dialect, refusals: Refusals) -> str:
    if not dialect.asked:
        return f"{dialect.down}: its exporter answers{refusals.words}"
    return f"{dialect.down}: it is down, or out of connections{refusals.words}"


def _last_line(body: bytes) -> str:
    return repr(body[body.rfind(b"\n") + 1 :][:60].decode(errors="replace"))


def _unreadable(body: bytes, error: ExpositionError) -> tuple[SourceProblem, str]:
    """Whether a page that broke the format was meant to be one, and whether that is because it was cut."""
    start = body[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return SourceProblem.NOT_METRICS, "an HTML page, not metrics: is the path of the URL right?"
    if error.line == 1:
        return SourceProblem.NOT_METRICS, f"not a metrics page: it starts with {error.text[:40]!r}"
    if not body.endswith(b"\n") and error.line == body.count(b"\n") + 1:
        return SourceProblem.CONNECTION, _CUT_IN_A_LINE.format(_last_line(body))
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
