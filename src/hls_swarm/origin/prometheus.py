"""The origin as a Prometheus server knows it: what it scraped becomes sources like those that are scraped here.

Rules:

- Which exporters there are, the answers say: each instance and job is a source, those of one machine are one target.
- A scrape that is known already is not taken in again, so a source is as old as Prometheus' last scrape of it, and is
  stale after three of Prometheus' own intervals.
- Prometheus' clock may differ from ours. The first answer fixes by how much; from then on only differences count.
- An exporter whose page speaks no known dialect is passed over, as long as another one's does.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import ceil
from types import MappingProxyType

from hls_swarm.http.fetcher import Fetcher
from hls_swarm.origin.config import OriginSettings, PrometheusSettings
from hls_swarm.origin.dialects.devices import LocalLoad
from hls_swarm.origin.dialects.recognition import Dialects
from hls_swarm.origin.failures import scrape_problem
from hls_swarm.origin.promql import (
    AnswerError,
    AnswerTooLargeError,
    Instance,
    Scraped,
    families_of,
    range_query,
    read_answer,
)
from hls_swarm.origin.question import Question
from hls_swarm.origin.source import Source, merged
from hls_swarm.records import Exchange, FailureKind
from hls_swarm.snapshot.origin.metrics import Role, SourceHealth, SourceProblem, SourceState, TargetMetrics

FIRST_RANGE = 300
"""Seconds the first query looks back: at Prometheus' own interval of a minute it has several scrapes."""
SHORTEST_RANGE, LONGEST_RANGE = 10, 3600
MOST_INSTANCES = 64
LONGEST_LAG = 60.0

_HINTS = {400: "; Prometheus does not understand --prometheus-label", 422: "; the query is more than it allows"}


_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class PrometheusFeed:
    """Asks one Prometheus server again and again, never twice at a time.

    Args:
        timeout: of a query, seconds.
        clock: monotonic seconds.
        wall: Unix seconds.
        changed: called after each answer.
    """

    def __init__(
        self,
        server: PrometheusSettings,
        settings: OriginSettings,
        dialects: Dialects,
        fetcher: Fetcher,
        *,
        timeout: float,
        clock: Callable[[], float],
        wall: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._server, self._settings, self._dialects = server, settings, dialects
        self._clock, self._wall = clock, wall
        self._question = Question(
            fetcher, timeout=timeout, clock=clock, read=self._read, fail=self._fail, changed=changed
        )
        self._families = families_of(dialects.all)
        self._sources: Mapping[Instance, Source] = {}  # never changed but replaced: a large answer is read in a thread
        self._taken: dict[Instance, float] = {}
        self._every: float | None = None
        self._offset: float | None = None
        self._trouble: tuple[SourceProblem | None, str] = (None, "")
        self._scrapes = self._failures = self._late = 0
        self._load: LocalLoad | None = None
        self._here: frozenset[str] = frozenset()

    @property
    def host(self) -> str:
        """Where Prometheus is."""
        return self._server.name

    def loaded_from_here(self, load: LocalLoad, here: frozenset[str]) -> None:
        """The load comes from this machine; what Prometheus calls localhost is this machine if it is here, too."""
        self._load, self._here = load, here if self.host in here else here - _LOOPBACK_HOSTS

    def scrape(self) -> None:
        """Ask, unless the last question is still open."""
        if self._question.is_open:
            self._late += 1
            for source in self._sources.values():
                source.skip()
            return
        seconds = (
            FIRST_RANGE if self._every is None else ceil(min(max(SHORTEST_RANGE, 2.5 * self._every), LONGEST_RANGE))
        )
        query = range_query(self._families, self._server.matchers, seconds)
        self._scrapes += 1
        headers = (("Accept", "application/json"), *self._server.headers)
        self._question.ask(f"{self._server.url}/api/v1/query?query={query}", headers)

    def stop(self) -> None:
        """Give up the question under way, and the connection."""
        self._question.stop()

    def metrics(self, now: float) -> tuple[TargetMetrics, ...]:
        """Each machine that Prometheus named; before it named any, Prometheus itself."""
        if not self._sources:
            problem, reason = self._trouble
            health = SourceHealth(
                Role.PROMETHEUS,
                self._server.shown_url,
                SourceState.WAITING if problem is None else SourceState.FAILING,
                problem,
                reason,
                scrapes=self._scrapes,
                failures=self._failures,
                late=self._late,
            )
            return (TargetMetrics(self._server.name, (health,), at=now),)
        by_host: dict[str, list[Source]] = {}
        for instance, source in sorted(self._sources.items()):
            by_host.setdefault(instance.host, []).append(source)
        return tuple(
            TargetMetrics(
                host,
                tuple(source.health(now) for source in sources),
                merged(tuple(source.readings(now) for source in sources), self._dialects.signals),
                MappingProxyType({name: counts for one in sources for name, counts in one.histograms().items()}),
                now,
            )
            for host, sources in by_host.items()
        )

    def _read(self, exchange: Exchange) -> None:
        begun = self._clock()
        try:
            if exchange.failure is None:
                self._take_in(read_answer(exchange.body or b""), begun)
            elif exchange.failure.kind is not FailureKind.CANCELLED:
                problem, reason = scrape_problem(exchange.failure, self._question.timeout)
                self._fail(problem, f"Prometheus: {reason}{_HINTS.get(exchange.failure.status or 0, '')}")
        except AnswerError as error:
            self._fail(SourceProblem.NOT_METRICS, str(error))
        except AnswerTooLargeError as error:
            self._fail(SourceProblem.TOO_LARGE, f"{error}: narrow --prometheus-label")

    def _fail(self, problem: SourceProblem, reason: str) -> None:
        self._failures += 1
        self._trouble = problem, reason
        for source in self._sources.values():
            source.begin()
            source.fail(problem, reason)

    def _take_in(self, answer: dict[Instance, list[Scraped]], now: float) -> None:
        shown = ",".join(self._server.matchers)
        if len(answer) > MOST_INSTANCES:
            self._fail(
                SourceProblem.TOO_LARGE,
                f"{{{shown}}} is {len(answer)} instances, more than {MOST_INSTANCES}: narrow --prometheus-label",
            )
            return
        newest = max((scrapes[-1].at for scrapes in answer.values() if scrapes), default=None)
        if newest is None:
            self._fail(SourceProblem.NOT_METRICS, f"Prometheus has no series of an origin with {{{shown}}}")
            return
        gaps = [b.at - a.at for scrapes in answer.values() for a, b in pairwise(scrapes[-3:])]
        self._every = max(gaps, default=self._every)
        if self._offset is None:
            lag = self._wall() - newest
            self._offset = now - newest - (lag if 0 <= lag <= LONGEST_LAG else 0.0)
        for instance, scrapes in answer.items():
            self._feed(instance, scrapes)
        for instance in self._sources.keys() - answer.keys():
            self._sources[instance].begin()
            self._sources[instance].fail(SourceProblem.CONNECTION, "Prometheus has no more samples of it")
        if self._sources:
            self._trouble = None, ""
        else:
            self._fail(SourceProblem.UNRECOGNISED, f"no series with {{{shown}}} is of an exporter that is known")

    def _feed(self, instance: Instance, scrapes: list[Scraped]) -> None:
        """Take in what is new; of a source that is new itself, the last two scrapes, which give its first rates."""
        taken = self._taken.get(instance)
        new = scrapes[-2:] if taken is None else [one for one in scrapes if one.at > taken]
        if not new:
            return
        source = self._sources.get(instance)
        if source is None:
            known = any(self._dialects.recognised(one.page, Role.PROMETHEUS) for one in new)
            if not known and new[-1].up is not False:
                return
            source = self._new_source(instance)
            self._sources = {**self._sources, instance: source}
        self._taken[instance] = new[-1].at
        source.expect_every(self._every or 0.0)
        for one in new:
            source.begin()
            if len(one.page):
                source.read_page(one.page, one.at + (self._offset or 0.0))
            else:
                source.fail(SourceProblem.CONNECTION, f"Prometheus can not scrape {instance}: its up is 0")

    def _new_source(self, instance: Instance) -> Source:
        source = Source(
            Role.PROMETHEUS,
            f"{self._server.shown_url} {instance}",
            interval=self._settings.interval,
            window=self._settings.window,
            interfaces=self._settings.interfaces,
            dialects=self._dialects,
        )
        if self._load is not None and instance.host in self._here:
            source.loaded_from_here(self._load)
        return source
