"""Views that follow a run: what they are, and a line now and then where there is no terminal for more."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.controls import Controls
from hls_swarm.views.terminal import text
from hls_swarm.views.terminal.output import Output

if TYPE_CHECKING:  # a plain run needs none of it
    from hls_swarm.capacity.searching.progress import Progress
    from hls_swarm.capacity.steps import Step

LINE_EVERY_SECONDS = 5.0


class View(Protocol):
    """Something that is shown each snapshot while the run goes on."""

    def start(self, controls: Controls) -> None:
        """Begin to show; `controls` are what its keys may do to the run."""

    def update(self, snapshot: Snapshot) -> None:
        """Show this snapshot."""

    async def stop(self) -> None:
        """Leave the screen as it was found, for the summary."""


class SearchView(View, Protocol):
    """One that shows a search for capacity, too."""

    def search(self, progress: "Progress") -> None:
        """How far the search of this run is, before the snapshot of that second."""


class LineView:
    """A status line every few seconds, and one whenever the phase changes; none where nobody can read them any more.

    Of a search each trial has a line as it ends, and each step one as it begins.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown_at: float | None = None
        self._phase = ""
        self._step: Step | None = None
        self._trials = 0

    def start(self, controls: Controls) -> None:
        """Nothing to prepare."""

    def update(self, snapshot: Snapshot) -> None:
        """Print a line if it is time for one."""
        recent = self._shown_at is not None and snapshot.at - self._shown_at < LINE_EVERY_SECONDS - 0.5
        if recent and snapshot.phase == self._phase:
            return
        self._shown_at, self._phase = snapshot.at, snapshot.phase
        self._output.show(text.status_line(snapshot).replace("\n", " "), wrap=False)

    def search(self, progress: "Progress") -> None:
        """Print what is new of the search."""
        from hls_swarm.views.capacity import progress_line, trial_line

        for trial in progress.trials[self._trials :]:
            self._output.show(trial_line(trial), wrap=False)
        self._trials = len(progress.trials)
        step = None if progress.stand is None else progress.stand.step
        if step is not None and step is not self._step:
            self._step = step
            self._output.show(progress_line(progress), wrap=False)

    def recall(self, columns: Mapping[str, Sequence[float | None]]) -> None:
        """A line has no past."""

    def say(self, text: str) -> None:
        """Print a line beside those of the run."""
        self._output.show(text, wrap=False)

    async def stop(self) -> None:
        """Nothing to clean up."""
