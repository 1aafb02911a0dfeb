"""Views that follow a run: what they are, and a line now and then where there is no terminal for more."""

from typing import Protocol

from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.controls import Controls
from hls_swarm.views.terminal import text
from hls_swarm.views.terminal.output import Output

LINE_EVERY_SECONDS = 5.0


class View(Protocol):
    """Something that is shown each snapshot while the run goes on."""

    def start(self, controls: Controls) -> None:
        """Begin to show; `controls` are what its keys may do to the run."""

    def update(self, snapshot: Snapshot) -> None:
        """Show this snapshot."""

    async def stop(self) -> None:
        """Leave the screen as it was found, for the summary."""


class LineView:
    """A status line every few seconds, and one whenever the phase changes; none where nobody can read them any more."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown_at: float | None = None
        self._phase = ""

    def start(self, controls: Controls) -> None:
        """Nothing to prepare."""

    def update(self, snapshot: Snapshot) -> None:
        """Print a line if it is time for one."""
        recent = self._shown_at is not None and snapshot.at - self._shown_at < LINE_EVERY_SECONDS - 0.5
        if recent and snapshot.phase == self._phase:
            return
        self._shown_at, self._phase = snapshot.at, snapshot.phase
        self._output.show(text.status_line(snapshot).replace("\n", " "), wrap=False)

    async def stop(self) -> None:
        """Nothing to clean up."""
