"""Feeds the page of a run that goes on: a sink that keeps what its charts draw, and tells who looks.

Rules:

- While nobody looks, a moment costs its row and its events; the page's words are made once a second at most, however
  many look.
- Of what changes seldom, only what has changed is sent again; tables every few seconds.
- The charts are those of the report; one that would be empty or 0 so far is not there yet.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hls_swarm.http.serving.publisher import Publisher, event
from hls_swarm.judge.events import Event, changes
from hls_swarm.judge.ledger import Entry, Ledger
from hls_swarm.judge.report import Status
from hls_swarm.judge.verdict import Outcome, judge
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_share
from hls_swarm.views.html.plans import ChartPlan, known, plans
from hls_swarm.views.live.drawn import Drawn
from hls_swarm.views.live.history import EventLog, History

if TYPE_CHECKING:
    from hls_swarm.capacity.searching.progress import Progress
    from hls_swarm.snapshot.snapshot import Snapshot

RECALLED_SECONDS = 300
"""How much of the past a dashboard elsewhere gets."""
SELDOM_SECONDS = 5
"""How often what takes long to make, or much to send, is sent."""
_SELDOM = frozenset({"tables", "capacity"})

Message = dict[str, Any]


class Feed:
    """One run's page.

    Args:
        settings: of the run.
        ledger: judges it.
        started_at: wall clock, Unix seconds.
        clock: the monotonic clock.
        on_bug: told of an exception in what makes the page, which the run outlives; None raises it.

    Attributes:
        events: the stream for the page.
        snapshots: the stream for a dashboard elsewhere.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        started_at: float,
        clock: Callable[[], float],
        on_bug: Callable[[Exception], None] | None = None,
    ) -> None:
        self._ledger, self._started_at, self._on_bug = ledger, started_at, on_bug
        self._generator_limit = parse_share(settings.generator_limit)
        self.events = Publisher(self._everything, clock)
        self.snapshots = Publisher(self._first_frame, clock)
        self._drawn, self._history, self._log = Drawn(), History(), EventLog()
        self._columns: set[str] = set()
        self._risen: set[str] = set()
        self._plans: Sequence[ChartPlan] = ()
        self._wanted: frozenset[str] = frozenset()
        self._entry: Entry | None = None
        self._outcome: Outcome | None = None
        self._status = Status.RUNNING
        self._capacity: Mapping[str, Any] | None = None
        self._progress: Progress | None = None
        self._sent: Message = {}
        self._cached: tuple[Entry, Status, bytes] | None = None

    def add(self, entry: Entry) -> None:
        """Take in a moment, and tell who looks."""
        self._guarded(lambda: self._add(entry))

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            if self._on_bug is None:
                raise
            self._on_bug(error)

    def _add(self, entry: Entry) -> None:
        before, self._entry = self._entry, entry
        turned = changes(before, entry)
        self._log.add(turned)
        values = self._take(entry)
        if self.events.is_heard:
            now = {"at": entry.row["elapsed_seconds"], "step": self._history.step, "values": values}
            self.events.publish(event("second", now | self._changed(entry)))
        if self.snapshots.is_heard:
            self.snapshots.publish(self._sent_away(entry.moment.snapshot, turned))

    def search(self, progress: "Progress") -> None:
        """How far a search for capacity is."""
        self._progress = progress

    def keep_answer(self, made: Mapping[str, Any]) -> None:
        """What a search for capacity has come to; nobody changes it after this."""
        self._capacity = made

    def conclude(self, entry: Entry, outcome: Outcome) -> None:
        """The run has ended, and this is what it came to. Who comes now gets it with everything else."""
        self._entry, self._outcome, self._status = entry, outcome, Status.FINISHED
        self._sent = {}
        self.snapshots.end(event("over", {"verdict": outcome.verdict, "reasons": outcome.reasons}))
        self._guarded(lambda: self.events.end(event("over", self._changed(entry) if self.events.is_heard else {})))

    def _take(self, entry: Entry) -> dict[str, float]:
        """The values that charts draw of this moment; the last one is of after the run, and would draw a fall."""
        if entry.row.get("phase") == "finished":
            return {}
        drawn = self._drawn.add(entry.row)
        if not drawn.keys() <= self._columns:
            self._columns |= drawn.keys()
            self._plans = [known(plan, self._columns) for plan in plans(self._columns)]
            self._wanted = frozenset(column for plan in self._plans for _, column in plan.lines)
        values = {name: value for name, value in drawn.items() if name in self._wanted}
        self._risen.update(name for name, value in values.items() if value)
        self._history.add(float(entry.row["elapsed_seconds"]), values)
        return values

    def _everything(self) -> bytes:
        entry = self._entry
        if entry is None:
            return b""
        if self._cached is None or self._cached[:2] != (entry, self._status):
            history = self._history
            so_far = {
                "x": history.instants,
                "first": history.first,
                "step": history.step,
                "columns": {name: history.points(name) for name in sorted(self._wanted)},
            }
            made = event("everything", so_far | self._standing(entry, seldom=True))
            self._cached = entry, self._status, made
        return self._cached[2]

    def _first_frame(self) -> bytes:
        if self._entry is None:
            return b""
        before = {name: self._history.recent(name, RECALLED_SECONDS) for name in sorted(self._wanted)}
        return self._sent_away(self._entry.moment.snapshot, self._log.all, before)

    def _sent_away(
        self,
        snapshot: "Snapshot",
        events: Sequence[Event],
        before: Mapping[str, Sequence[float | None]] = MappingProxyType({}),
    ) -> bytes:
        from hls_swarm.views.live.snapshots import envelope  # what few need is imported when they do

        return event("snapshot", envelope(snapshot, events, self._progress, before))

    def _changed(self, entry: Entry) -> Message:
        """What the page does not say yet."""
        seldom = not self._sent or round(entry.moment.snapshot.elapsed_seconds) % SELDOM_SECONDS == 0
        now = self._standing(entry, seldom=seldom)
        before, self._sent = self._sent, self._sent | now | {"parts": self._sent.get("parts", {}) | now["parts"]}
        said = before.get("parts", {})
        changed = {name: value for name, value in now.items() if name != "parts" and before.get(name) != value}
        return changed | {"parts": {name: html for name, html in now["parts"].items() if said.get(name) != html}}

    def _standing(self, entry: Entry, *, seldom: bool) -> Message:
        from hls_swarm.views.live.state import beside, drawn_charts, parts, standing, told  # 0.1 s, for those who look

        report = standing(
            entry,
            self._outcome or self._judge(entry),
            self._ledger,
            self._log.all,
            started_at=self._started_at,
            capacity=self._capacity,
            generator_limit=self._generator_limit,
            status=self._status,
        )
        charts = drawn_charts(report, self._plans, self._risen, self._history.step)
        made = parts(report, entry, charts, self._searched())
        if not seldom:
            made = {name: html for name, html in made.items() if name not in _SELDOM}
        others = beside(report, self._history) if seldom else self._sent.get("beside", ())
        return {**told(report), "beside": others, "charts": [*charts.charts, *others], "parts": made}

    def _searched(self) -> str:
        """How far a search for capacity is, in words; empty if there is none, or it is over."""
        if self._progress is None or self._status is not Status.RUNNING:
            return ""
        from hls_swarm.views.capacity import progress_line

        return progress_line(self._progress)

    def _judge(self, entry: Entry) -> Outcome:
        """The verdict as it stands."""
        return judge(
            entry.moment.snapshot,
            thresholds=entry.thresholds,
            expectations=entry.expectations,
            generator_limit=self._generator_limit,
        )
