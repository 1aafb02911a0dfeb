"""The screen: panels in one, two or three columns, by its size; or one of them alone."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen

from hls_swarm.snapshot.condition import Condition
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.tui.keys import Keys
from hls_swarm.views.tui.panel import Detail, Panel, PanelChosen
from hls_swarm.views.tui.panels.capacity import Capacity
from hls_swarm.views.tui.panels.errors import Errors
from hls_swarm.views.tui.panels.experience import ExperiencePanel
from hls_swarm.views.tui.panels.findings import Findings
from hls_swarm.views.tui.panels.generator import Generator
from hls_swarm.views.tui.panels.history import HistoryPanel
from hls_swarm.views.tui.panels.latency import Latency
from hls_swarm.views.tui.panels.log import LogPanel
from hls_swarm.views.tui.panels.origin import Origin
from hls_swarm.views.tui.panels.overview import Overview
from hls_swarm.views.tui.panels.traffic import Traffic
from hls_swarm.views.tui.panels.viewers import Viewers
from hls_swarm.views.tui.picture import Picture

TWO_COLUMNS, THREE_COLUMNS = 110, 180
"""Widths from which there are so many columns."""
TALL = 36
"""Height from which one column shows more than the essentials."""
ROOMY = 52
"""Height from which there is room for charts instead of single lines."""
TROUBLE = frozenset({Condition.FAILING, Condition.DEGRADED})
"""In which the panels that say what is wrong come first."""
PANELS = ("traffic", "experience", "errors", "origin", "generator", "latency", "viewers", "log", "findings")
"""In the order of their keys, from 1."""


class DashboardScreen(Screen[None]):
    """All panels; it knows where they are, not what they show.

    Args:
        logbook: what the log panel shows.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-one"), (TWO_COLUMNS, "-two"), (THREE_COLUMNS, "-three")]  # noqa: RUF012 - Textual types it as no ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-low"), (TALL, "-tall")]  # noqa: RUF012 - the same
    AUTO_FOCUS: ClassVar[str | None] = "#body"
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    DashboardScreen { layout: vertical; background: $background; }
    .panel { height: auto; padding: 0 1; border-top: solid $label 50%; border-title-color: $title;
             border-title-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
    .panel:hover { border-title-style: bold reverse; }
    .panel.-empty { display: none; }
    #history { display: none; min-width: 56; }
    #capacity { min-width: 56; }
    DashboardScreen.-two.-tall #history, DashboardScreen.-three.-tall #history { display: block; }
    #overview { border-top: none; background: $panel; text-wrap: wrap; max-height: 60%; }
    #body { height: 1fr; overflow-x: auto; overflow-y: auto; scrollbar-size: 1 1; }
    #columns { layout: horizontal; height: auto; min-width: 56; }
    .column { height: auto; width: 1fr; }
    #log { height: 1fr; min-height: 4; min-width: 56; }
    #log-aside { display: none; height: 15; }
    DashboardScreen.-three #log-aside { display: block; }
    DashboardScreen.-three #log { display: none; }
    DashboardScreen.-one #columns { layout: vertical; }
    DashboardScreen.-one .column { width: 100%; }
    DashboardScreen.-one #third, DashboardScreen.-two #third { display: none; }
    DashboardScreen.-one.-low #latency, DashboardScreen.-one.-low #log { display: none; }
    DashboardScreen.-one.-low.-trouble #latency { display: block; }
    DashboardScreen.-one.-low.-alone #latency { display: none; }
    DashboardScreen.-two #first, DashboardScreen.-three #first, DashboardScreen.-three #second { margin-right: 1; }
    DashboardScreen.-three #third { width: 1.3fr; }
    DashboardScreen.-alone #columns { layout: vertical; }
    DashboardScreen.-alone #columns .column { display: none; width: 100%; margin-right: 0; }
    DashboardScreen.-alone #columns .column.-chosen { display: block; }
    DashboardScreen.-alone #body .panel, DashboardScreen.-alone #history { display: none; }
    DashboardScreen.-alone #body .panel.-chosen { display: block; height: auto; }
    DashboardScreen.-alone #body #log-aside { display: none; }
    DashboardScreen.-one.-low.-alone #latency.-chosen { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "panel('traffic')", "panel", key_display="1-9"),
        *(Binding(str(n), f"panel('{name}')", name, show=False) for n, name in enumerate(PANELS[1:], start=2)),
        Binding("0,escape", "all_panels", "all", show=False),
        Binding("tab", "step(1)", "next panel", show=False, priority=True),
        Binding("shift+tab", "step(-1)", "panel before", show=False, priority=True),
        Binding("w", "panel('viewers')", "worst"),
        Binding("c", "panel('capacity')", "capacity", show=False),
        Binding("o", "sort", "sort viewers", show=False),
        Binding("l", "level", "log level", show=False),
    ]

    def __init__(self, logbook: Logbook) -> None:
        super().__init__()
        self._logbook = logbook
        self._picture: Picture | None = None
        self._alone: str | None = None

    @property
    def alone(self) -> str | None:
        """The panel that is shown alone; None if all are."""
        return self._alone

    def compose(self) -> ComposeResult:
        """The overview, the columns, the log, the keys."""
        yield Overview()
        with VerticalScroll(id="body"):
            yield Capacity()
            yield HistoryPanel()
            with Vertical(id="columns"):
                with Vertical(classes="column", id="first"):
                    yield Findings()
                    yield Errors()
                    yield Traffic()
                    yield ExperiencePanel()
                    yield Latency()
                with Vertical(classes="column", id="second"):
                    yield Origin()
                    yield Generator()
                with Vertical(classes="column", id="third"):
                    yield Viewers()
                    yield LogPanel(self._logbook, aside=True)
            yield LogPanel(self._logbook)
        yield Keys()

    def show(self, picture: Picture) -> None:
        """Draw this picture in every panel that is seen."""
        self._picture = picture
        with self.app.batch_update():
            self._put_in_order(picture)
            for panel in self.query(Panel):
                panel.show(picture, self._detail(panel))

    def _put_in_order(self, picture: Picture) -> None:
        """What fails comes before what flows: in trouble, experience and latencies stand above the traffic."""
        trouble = picture.assessment.condition in TROUBLE
        if trouble == self.has_class("-trouble"):
            return
        self.set_class(trouble, "-trouble")
        first, traffic = self.query_one("#first"), self.query_one(Traffic)
        if trouble:
            first.move_child(traffic, after=self.query_one(Latency))
        else:
            first.move_child(traffic, before=self.query_one(ExperiencePanel))

    def freeze(self, paused: bool) -> None:
        """Say that the view stands still, or that it goes on."""
        overview = self.query_one(Overview)
        overview.paused = paused
        if self._picture is not None:
            overview.show(self._picture, Detail.NORMAL)

    def choose(self, name: str | None) -> None:
        """Show this panel alone; None shows all."""
        self._alone = name
        self.set_class(name is not None, "-alone")
        for panel in self.query(Panel):
            panel.set_class(panel.panel_name == name, "-chosen")
        for column in self.query(".column"):
            column.set_class(name is not None and bool(column.query(f"#{name}")), "-chosen")
        self.query_one("#body").scroll_home(animate=False)
        self.call_after_refresh(self._show_again)

    def action_panel(self, name: str) -> None:
        """This panel alone; once more for all of them."""
        self.choose(None if self._alone == name else name)

    def action_all_panels(self) -> None:
        """Every panel that fits."""
        self.choose(None)

    def action_step(self, by: int) -> None:
        """The panel after or before the one that is alone."""
        if self._alone not in PANELS:
            self.choose(PANELS[0 if by > 0 else -1])
        else:
            self.choose(PANELS[(PANELS.index(self._alone) + by) % len(PANELS)])

    def action_sort(self) -> None:
        """The worst viewers by the next column."""
        self.query_one(Viewers).sort_next()

    def action_level(self) -> None:
        """The next level of the log."""
        for panel in self.query(LogPanel):
            panel.next_level()

    def on_panel_chosen(self, message: PanelChosen) -> None:
        """A click on a panel."""
        if message.name in (*PANELS, "capacity"):
            self.action_panel(message.name)

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - the sizes are known once all is laid out
        """Another size may show more or less of each panel."""
        self.call_after_refresh(self._show_again)

    def _show_again(self) -> None:
        if self._picture is not None:
            self.show(self._picture)

    def _detail(self, panel: Panel) -> Detail:
        if panel.panel_name == self._alone:
            return Detail.FULL
        width, height = self.size
        if width < TWO_COLUMNS and height < TALL:
            return Detail.COMPACT
        return Detail.ROOMY if width >= TWO_COLUMNS and height >= ROOMY else Detail.NORMAL
