"""Views that follow a run: one live display on a terminal, a line now and then without one."""

from typing import Protocol

from rich.console import Console, RenderableType
from rich.console import Group as Lines
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hls_swarm.records import ObjectKind
from hls_swarm.stats.snapshot import Snapshot
from hls_swarm.views import text, units

LINE_EVERY_SECONDS = 5.0


class View(Protocol):
    """Something that is shown each snapshot while the run goes on."""

    def start(self) -> None:
        """Begin to show."""

    def update(self, snapshot: Snapshot) -> None:
        """Show this snapshot."""

    def stop(self) -> None:
        """Leave the screen as it was found, for the summary."""


class LineView:
    """A status line every few seconds, and one whenever the phase changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at: float | None = None
        self._phase = ""

    def start(self) -> None:
        """Nothing to prepare."""

    def update(self, snapshot: Snapshot) -> None:
        """Print a line if it is time for one."""
        recent = self._shown_at is not None and snapshot.at - self._shown_at < LINE_EVERY_SECONDS - 0.5
        if recent and snapshot.phase == self._phase:
            return
        self._shown_at, self._phase = snapshot.at, snapshot.phase
        self._console.print(text.status_line(snapshot), soft_wrap=True, highlight=False, markup=False)

    def stop(self) -> None:
        """Nothing to clean up."""


class LiveView:
    """One display that is drawn over itself once a second."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")

    def start(self) -> None:
        """Take the bottom of the screen."""
        self._live.start()

    def update(self, snapshot: Snapshot) -> None:
        """Draw this snapshot."""
        self._live.update(screen(snapshot), refresh=True)

    def stop(self) -> None:
        """Remove the display."""
        self._live.stop()


def screen(snapshot: Snapshot) -> RenderableType:
    """The live display: progress, figures, errors, origin, latencies; a low screen cuts the last of them."""
    head = Table.grid(padding=(0, 1))
    head.add_column(no_wrap=True)
    head.add_column(width=24)
    head.add_column(no_wrap=True)
    viewers = snapshot.viewers
    head.add_row(
        Text.assemble(("hls-swarm ", "bold"), snapshot.phase.value),
        ProgressBar(total=max(1, viewers.target), completed=viewers.started, width=24),
        f"{viewers.started}/{viewers.target} viewers started",
    )
    parts: list[RenderableType] = [
        head,
        Text(f"{_time(snapshot)}  {snapshot.url}", no_wrap=True, overflow="ellipsis"),
        Text(
            f"Now           {units.bit_rate(snapshot.throughput_bytes_per_second)}, "
            + ", ".join(
                f"{units.per_second(figures.requests_per_second)} {kind.value.replace('_', ' ')}s"
                for kind, figures in snapshot.objects.items()
                if kind in {ObjectKind.MEDIA_PLAYLIST, ObjectKind.SEGMENT}
            )
        ),
        *text.figures(snapshot),
    ]
    errors = text.error_table(snapshot, most=3)
    if errors is not None:
        parts.append(errors)
    if snapshot.origin is not None:
        parts.extend(text.origin_now(snapshot.origin))
    if snapshot.objects:
        parts.append(text.latency_table(snapshot))
    return Lines(*parts)


def _time(snapshot: Snapshot) -> str:
    elapsed = units.clock(snapshot.elapsed_seconds)
    return elapsed if snapshot.duration_seconds is None else f"{elapsed} of {units.clock(snapshot.duration_seconds)}"
