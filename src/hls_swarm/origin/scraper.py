"""Scrapes all sources of all targets while the run goes on, and publishes what they say.

Rules:

- At each tick every source is asked at the same time, each with a time limit below the interval. One that still runs
  when the next is due is not doubled but counted as late. Ticks keep to the interval; they do not drift.
- What is known is one frozen `OriginMetrics` behind one attribute. It is replaced after each answer and at each tick,
  so that age and staleness go on when nothing answers. Reading it needs no lock.
- Nothing here ends the run: a failure is data, and a bug in reading a page is shown as that source's problem.
- Nothing here holds up the loop: a large page is read in a thread of its own, and its source is not asked meanwhile.
- `stop` cancels what is in flight at once.
"""

import asyncio
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Self

from hls_swarm.http.fetcher import Fetcher
from hls_swarm.origin.choice import Choice
from hls_swarm.origin.config import OriginSettings, SourceSettings, TargetSettings
from hls_swarm.origin.dialects.devices import LocalLoad
from hls_swarm.origin.dialects.own import with_own
from hls_swarm.origin.dialects.recognition import Dialects
from hls_swarm.origin.exposition.grammar import Format
from hls_swarm.origin.exposition.parser import CACHED_SERIES
from hls_swarm.origin.failures import scrape_problem
from hls_swarm.origin.prometheus import PrometheusFeed
from hls_swarm.origin.question import Question
from hls_swarm.origin.source import Source, merged
from hls_swarm.records import Exchange, FailureKind
from hls_swarm.snapshot.origin.metrics import BucketCounts, OriginMetrics, TargetMetrics

_OPENMETRICS = "application/openmetrics-text"
REMEMBERED_SERIES = 1 << 19
"""Series that are remembered between scrapes, of all pages together; a page that has more is read anew each time."""
TIMEOUT_SHARE = 0.9
"""Time limit of a scrape as a share of the interval, so that it has ended when the next is due."""
LONGEST_TIMEOUT = 10.0

ACCEPT = ("Accept", "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1")
"""The text format first: every exporter has it, and it is the shorter one."""


class OriginScraper:
    """The origin's own metrics, always as of the last scrape.

    Args:
        new_fetcher: makes an HTTP client; each source has one of its own, whose connection it keeps.
        clock: monotonic seconds, as in `Exchange`.
        wall: Unix seconds.
    """

    def __init__(
        self,
        settings: OriginSettings,
        *,
        new_fetcher: Callable[[], Fetcher],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._clock = settings, clock
        dialects = with_own(settings.own_signals)
        pages = sum(len(target.sources) for target in settings.targets)
        remembered = min(CACHED_SERIES, REMEMBERED_SERIES // max(1, pages))
        self._targets: tuple[_Target | PrometheusFeed, ...] = tuple(
            _Target(target, settings, dialects, remembered, new_fetcher, clock, self._publish)
            for target in settings.targets
        )
        if settings.prometheus is not None:
            feed = PrometheusFeed(
                settings.prometheus,
                settings,
                dialects,
                new_fetcher(),
                timeout=_timeout(settings),
                clock=clock,
                wall=wall,
                changed=self._publish,
            )
            self._targets = (*self._targets, feed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = 0.0
        self._stopped = False
        self._metrics = self._built()

    @classmethod
    def create(
        cls,
        settings: OriginSettings | None,
        *,
        new_fetcher: Callable[[], Fetcher],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> Self | None:
        """A scraper, or None if no page was named: then nothing is scraped, allocated or drawn."""
        return None if settings is None else cls(settings, new_fetcher=new_fetcher, clock=clock, wall=wall)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names or addresses of the machines that are asked."""
        return tuple(target.host for target in self._targets)

    def loaded_from_here(self, load: LocalLoad, here: frozenset[str]) -> None:
        """The load comes from this machine and stays on it; call it before `start`.

        Args:
            here: names and addresses of this machine; of `hosts`, those that lead to it.
        """
        for target in self._targets:
            target.loaded_from_here(load, here)

    def get_metrics(self) -> OriginMetrics:
        """What is known now: one attribute is read, from any thread."""
        return self._metrics

    def start(self) -> None:
        """Begin to scrape, now and then at every interval; call it once, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._next_at = self._loop.time()
        self._tick()

    def stop(self) -> None:
        """End every scrape at once. What is known stays readable."""
        if self._stopped:
            return
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for target in self._targets:
            target.stop()

    def _tick(self) -> None:
        if self._stopped or self._loop is None:
            return
        now = self._loop.time()
        self._next_at += self._settings.interval
        if self._next_at <= now:  # the loop was held up for whole intervals: they are gone
            behind = int((now - self._next_at) / self._settings.interval) + 1
            self._next_at += behind * self._settings.interval
        self._timer = self._loop.call_at(self._next_at, self._tick)
        for target in self._targets:
            target.scrape()
        self._publish()

    def _publish(self) -> None:
        self._metrics = self._built()

    def _built(self) -> OriginMetrics:
        now = self._clock()
        return OriginMetrics(
            tuple(metrics for target in self._targets for metrics in target.metrics(now)),
            now,
            self._settings.interval,
            self._settings.window,
        )


def _timeout(settings: OriginSettings) -> float:
    return min(TIMEOUT_SHARE * settings.interval, LONGEST_TIMEOUT)


class _Target:
    """One machine and its pages."""

    def __init__(
        self,
        target: TargetSettings,
        settings: OriginSettings,
        dialects: Dialects,
        remembered: int,
        new_fetcher: Callable[[], Fetcher],
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._name, self._signals = target.name, dialects.signals
        scrapes = [
            _Scrape(one, settings, dialects, remembered, new_fetcher(), clock, changed) for one in target.sources
        ]
        self._clock, self._scrapes = clock, scrapes
        places = [scrape.source for scrape, page in zip(scrapes, target.sources, strict=True) if page.is_one_of_several]
        self._choice = Choice(places) if places else None

    @property
    def host(self) -> str:
        return self._name

    def loaded_from_here(self, load: LocalLoad, here: frozenset[str]) -> None:
        if self._name in here:
            for scrape in self._scrapes:
                scrape.source.loaded_from_here(load)

    def scrape(self) -> None:
        dropped = () if self._choice is None else self._choice.settle(self._clock())
        for scrape in [one for one in self._scrapes if one.source in dropped]:
            scrape.stop()
            self._scrapes.remove(scrape)
        for scrape in self._scrapes:
            scrape.begin()

    def stop(self) -> None:
        for scrape in self._scrapes:
            scrape.stop()

    def metrics(self, now: float) -> tuple[TargetMetrics, ...]:
        places = () if self._choice is None else self._choice.places()
        sources = [
            (scrape.source, scrape.source.health(now)) for scrape in self._scrapes if scrape.source not in places
        ]
        sources += () if self._choice is None else self._choice.taken(now)
        histograms: dict[str, BucketCounts] = {}
        for source, _ in reversed(sources):
            histograms.update(source.histograms())
        metrics = TargetMetrics(
            self._name,
            tuple(health for _, health in sources),
            merged(tuple(source.readings(now) for source, _ in sources), self._signals),
            MappingProxyType(histograms),
            now,
        )
        return (metrics,)


class _Scrape:
    """One page, asked for again and again, never twice at a time."""

    def __init__(
        self,
        page: SourceSettings,
        settings: OriginSettings,
        dialects: Dialects,
        remembered: int,
        fetcher: Fetcher,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self.source = Source(
            page.role,
            page.shown_url,
            interval=settings.interval,
            window=settings.window,
            interfaces=settings.interfaces,
            dialects=dialects,
            remembered=remembered,
        )
        self._url, self._headers = page.url, (ACCEPT, *page.headers)
        self._clock = clock
        self._question = Question(
            fetcher,
            timeout=_timeout(settings),
            clock=clock,
            read=self._take_in,
            fail=self.source.fail,
            changed=changed,
        )

    def begin(self) -> None:
        """Ask for the page, unless it has not answered yet."""
        if self._question.is_open:
            self.source.skip()
            return
        self.source.begin()
        self._question.ask(self._url, self._headers)

    def stop(self) -> None:
        """Give up the scrape under way, and the connection."""
        self._question.stop()

    def _take_in(self, exchange: Exchange) -> None:
        took = exchange.download_seconds
        if exchange.failure is not None:
            if exchange.failure.kind is not FailureKind.CANCELLED:
                self.source.fail(*scrape_problem(exchange.failure, self._question.timeout), took)
            return
        at = exchange.ended_at if exchange.first_byte_at is None else exchange.first_byte_at
        begun = self._clock()
        self.source.read(
            exchange.body or b"",
            at,
            took,
            page_format=Format.OPENMETRICS if _OPENMETRICS in (exchange.content_type or "") else None,
            is_open_ended=exchange.is_open_ended,
        )
        self.source.took(self._clock() - begun)
