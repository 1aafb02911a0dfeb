"""Follows a search for capacity with a run: what the search asks for is done with the run's viewers.

The run is a usual one, with files, endpoint and views. Each second its entry of the ledger goes to the search too,
whose answer is a change of the number of viewers, new viewers for stalled ones, or the end. After each trial the answer
as it stands is written down, so that a search that is killed has one too.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from hls_swarm.capacity.answer import CapacityAnswer, answer_of
from hls_swarm.capacity.meter import TrialMeter, columns_of
from hls_swarm.capacity.objectives import DEFAULT_OBJECTIVES, parse_objectives
from hls_swarm.capacity.pacing import Action, ChangeTo, Finish, Note, Pace, ReplaceStalled
from hls_swarm.capacity.searching.forecast import forecast_seconds
from hls_swarm.capacity.searching.lengths import USUAL_SEGMENT_SECONDS, Lengths
from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.capacity.searching.search import NO_LIMIT, Options, Search
from hls_swarm.capacity.steps import Ending, Step
from hls_swarm.capacity.verdict.suspects import COLUMNS
from hls_swarm.engine.ffmpeg.mix import has_ffmpeg
from hls_swarm.engine.host import preflight
from hls_swarm.engine.host.facts import read_facts
from hls_swarm.judge.ledger import Entry
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.network import parse_source_addresses
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_share
from hls_swarm.snapshot.snapshot import Phase

if TYPE_CHECKING:
    from hls_swarm.cluster.fleet import Fleet

_log = logging.getLogger(__name__)
_OUTCOMES = {0: Verdict.PASS, 1: Verdict.ERROR, 3: Verdict.INVALID, 99: Verdict.FAIL}
GRACE_SECONDS = 5.0
"""Time to think again before a machine that is not this one gets load that grows until it gives out."""


class Controls(Protocol):
    """The run, as far as a search acts on it."""

    def change_viewers(self, by: int, per_second: float | None = None) -> None:
        """See `Controller.change_viewers`."""

    def replace_stalled(self) -> None:
        """See `Controller.replace_stalled`."""

    def mark(self, note: str) -> None:
        """See `Controller.mark`."""

    def finish(self) -> None:
        """See `Controller.finish`."""


class Searching:
    """One search; a sink of its run.

    Args:
        options: what it is for.
        settings: of the run.
        most: never more viewers than this; None is to be said before the run begins: see `limit_to`.
        segment_seconds: of the stream, or a guess that holds until its own are known.

    Attributes:
        url: of the stream, without secrets.
    """

    def __init__(
        self,
        options: CapacitySettings,
        settings: Settings,
        most: int | None,
        segment_seconds: float = USUAL_SEGMENT_SECONDS,
    ) -> None:
        self.objectives = parse_objectives(options.slo or DEFAULT_OBJECTIVES)
        self.most: int | None = None
        self._options = options
        self._segment_seconds = segment_seconds
        self.url = settings.without_secrets().url
        self._scrape_seconds = settings.origin_metrics_interval
        self._meter = TrialMeter(self.objectives, columns=COLUMNS | columns_of(self.objectives))
        self.limit_to(most)
        self._controls: Controls | None = None
        self._showers: Sequence[Callable[[Progress], None]] = ()
        self._keepers: Sequence[Callable[[Mapping[str, Any]], None]] = ()
        self._viewers = options.first
        self._kept = 0
        self._foreseen: tuple[Step, float] | None = None
        self._how_to_get: Mapping[str, str] = {}
        self._ending: Ending | None = None

    def limit_to(self, most: int | None) -> None:
        """Before the run begins: never more viewers than this."""
        self.most = most
        options = self._options
        self._search = Search(
            Options(
                first=options.first,
                most=NO_LIMIT if most is None else most,
                within=parse_share(options.within),
                lengths=Lengths(self._segment_seconds, options.trial, options.soak),
                overload=not options.no_overload,
                time_limit_seconds=options.time_limit,
            )
        )
        self._pace: Pace[Entry] = Pace(self._search, self._meter, options.time_limit)

    async def limit_to_agents(self, agents: "Fleet", settings: Settings, say: Callable[[str], object]) -> None:
        """Before the run begins: never more viewers than the agents have room for, unless it was said how many.

        Raises:
            RunError: an agent can not tell.
        """
        if self.most is None:
            agents.warns = False  # nobody asked for so many
            self.limit_to(await agents.room(settings, settings.clients))
            say(f"the agents can make up to {self.most:,} viewers")
        agents.most = self.most

    def attach(
        self,
        controls: Controls,
        show: Sequence[Callable[[Progress], None]],
        keep: Sequence[Callable[[Mapping[str, Any]], None]],
    ) -> None:
        """Before the run begins: what to act on, who shows how far it is, who keeps the answer."""
        self._controls, self._showers, self._keepers = controls, show, keep

    def add(self, entry: Entry) -> None:
        """See `Sink.add`."""
        if self._ending is not None or entry.moment.snapshot.phase in {Phase.DRAINING, Phase.FINISHED}:
            return
        self._how_to_get = _how_to_get(entry) or self._how_to_get
        for action in (*(self._pace.begin() if self._pace.step is None else ()), *self._pace.take(entry)):
            self._act(action)
        seconds = entry.moment.snapshot.elapsed_seconds
        if len(self._meter.trials) > self._kept:
            self._kept = len(self._meter.trials)
            self._keep(self._answer(self._search.stop("it goes on"), seconds, running=True).json_object())
        self._show(self._progress(seconds))

    def conclude(self, entry: Entry, broke_off: str | None, *, interrupted: bool) -> CapacityAnswer:
        """The answer, once the run has ended, however it did."""
        ending = self._ending
        if ending is None:
            ending = self._search.stop(broke_off or ("interrupted" if interrupted else "the run ended"))
        answer = self._answer(ending, entry.moment.snapshot.elapsed_seconds)
        self._keep(answer.json_object())
        return answer

    def _show(self, progress: Progress) -> None:
        for show in self._showers:
            show(progress)

    def _keep(self, made: Mapping[str, Any]) -> None:
        for keep in self._keepers:
            keep(made)

    def _act(self, action: Action) -> None:
        controls = self._controls
        if controls is None:
            raise AssertionError("a search is attached before its run begins")
        match action:
            case ChangeTo(viewers=viewers, seconds=seconds):
                by, self._viewers = viewers - self._viewers, viewers
                if by:
                    controls.change_viewers(by, abs(by) / max(seconds, 0.2))
            case ReplaceStalled():
                controls.replace_stalled()
            case Note(text=text):
                controls.mark(text)
                _log.info("capacity: %s", text)
            case Finish(ending=ending):
                self._ending = ending
                controls.finish()

    def _progress(self, at: float) -> Progress:
        search, step = self._search, self._pace.step
        if step is not None and (self._foreseen is None or self._foreseen[0] is not step):
            self._foreseen = step, at + forecast_seconds(search, step, at)
        ends_at = min(self._foreseen[1], self._options.time_limit) if self._foreseen is not None else None
        return Progress(
            stand=self._pace.stand,
            at=at,
            time_limit_seconds=self._options.time_limit,
            left_seconds=None if ends_at is None else max(0.0, ends_at - at),
            holds=search.lower,
            confirmed=search.is_confirmed,
            seems_to_hold=search.low or None,
            fails=search.top,
            failed_once=search.top != search.upper,
            objectives=self.objectives,
            trials=tuple(self._meter.trials),
            figures=self._meter.figures(),
        )

    def _answer(self, ending: Ending, seconds: float, *, running: bool = False) -> CapacityAnswer:
        return answer_of(
            ending,
            self._meter.trials,
            self._meter.rows,
            self.objectives,
            url=self.url,
            seconds=seconds,
            at_least=self._options.at_least,
            how_to_get=self._how_to_get,
            scrape_seconds=self._scrape_seconds,
            running=running,
        )


def run_settings(
    options: CapacitySettings, settings: Settings, segment_seconds: float = USUAL_SEGMENT_SECONDS
) -> Settings:
    """The run that a search begins with: the first load, for as long as it takes, with nobody missing.

    Args:
        segment_seconds: as `Searching` has it.
    """
    ramp = Lengths(segment_seconds, options.trial).ramp(0, options.first)
    return replace(
        settings,
        clients=options.first,
        ramp_rate=options.first / ramp,
        arrivals="even",
        stage=(),
        arrival_rate=None,
        duration=0.0,
        replace_ended=True,
        threshold=(),
        no_expectations=True,
        expect=(),
    )


def most_viewers(options: CapacitySettings, settings: Settings, workers: int) -> int | None:
    """How many may be tried: what was asked for, or what this machine has descriptors, ports and memory for.

    None with agents: what their machines have is known when they have come, and said to the search then.

    Raises:
        SettingValueError: it can not be told.
    """
    if options.most is not None:
        return options.most
    if has_ffmpeg(settings):
        raise SettingValueError("most", "is needed with ffmpeg viewers: each is a process of its machine")
    if settings.is_spread:
        return None
    facts = read_facts(parse_source_addresses(settings.source_address))
    return preflight.most_viewers(settings, workers, facts, options.first)


def outcome_of(answer: CapacityAnswer) -> Outcome:
    """What the run's own files say of it."""
    verdict = _OUTCOMES[answer.exit_code]
    if verdict is Verdict.FAIL and answer.viewers is not None:
        return Outcome(verdict, (f"{answer.viewers} viewers are carried, fewer than --at-least {answer.at_least}",))
    return Outcome(verdict, (answer.reason,) if answer.reason and verdict is not Verdict.PASS else ())


def _how_to_get(entry: Entry) -> dict[str, str]:
    """By signal of the origin that is not known, how its exporter can be made to tell it."""
    origin = entry.moment.snapshot.origin
    return {
        name: reading.unknown.how_to_get
        for target in (origin.targets if origin is not None else ())
        for name, reading in target.readings.items()
        if reading.unknown is not None and reading.unknown.how_to_get
    }
