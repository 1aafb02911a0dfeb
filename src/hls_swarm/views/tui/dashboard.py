"""The dashboard as a view of the run: it lives in the controller's event loop and never holds it up.

If it breaks, or its terminal goes away, the run goes on with plain lines, and the log says why.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.controls import Controls
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.terminal.live import SearchView
from hls_swarm.views.tui.app import DashboardApp
from hls_swarm.views.tui.picture import History

_log = logging.getLogger(__name__)

_JOB_CONTROL = (signal.SIGTSTP, signal.SIGCONT)


def _unheard(_factory: object) -> None:
    """What is asked of the loop goes unheard."""


class Dashboard:
    """Runs the application while the run goes on.

    Args:
        fallback: shows the run if the application breaks.
        logbook: what the log panel shows.
        interrupt: what Ctrl-C does.
        save: keeps a screenshot, see `DashboardApp`.
        headless: draw without a terminal.
    """

    def __init__(
        self,
        fallback: SearchView,
        logbook: Logbook,
        *,
        interrupt: Callable[[], None],
        save: Callable[[str, str], str],
        headless: bool = False,
    ) -> None:
        self._headless = headless
        self._fallback, self._logbook, self._interrupt, self._save = fallback, logbook, interrupt, save
        self._history = History()
        self._app: DashboardApp | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self, controls: Controls) -> None:
        """Take the screen."""
        self._app = DashboardApp(controls, self._logbook, self._interrupt, self._save)
        loop = asyncio.get_running_loop()
        # From Python 3.12 on Textual makes its loop start every task at once. This is the run's loop, whose tasks start
        # in their turn; and uvloop 0.23 can not do it with the factory of Python 3.12 and 3.13. Textual asks for it in
        # its first step, so for as long the loop does not listen.
        loop.set_task_factory = _unheard  # type: ignore[method-assign, assignment] # for one step
        self._running = loop.create_task(self._run(self._app))
        loop.call_soon(delattr, loop, "set_task_factory")
        self._fallback.start(controls)

    def update(self, snapshot: Snapshot) -> None:
        """Show this snapshot."""
        picture = self._history.add(snapshot)
        if self._app is not None and self._app.terminal_has_gone:
            _log.error("the terminal has gone; the run goes on without the dashboard")
            self._app.exit()
            self._app = None
        if self._app is not None:
            self._app.present(picture)
        else:
            self._fallback.update(snapshot)

    def recall(self, columns: Mapping[str, Sequence[float | None]]) -> None:
        """What was before the first snapshot, by column of the timeline, a second apart."""
        self._history.recall(columns)

    def search(self, progress: Progress) -> None:
        """What the next picture shows of the search."""
        self._history.search = progress
        if self._app is None:
            self._fallback.search(progress)

    async def stop(self) -> None:
        """Give the screen back as it was found."""
        if self._app is not None:
            self._app.exit()
        if self._running is not None:
            await self._running
        await self._fallback.stop()

    def leave_at_once(self) -> None:
        """Put the terminal right without waiting for anything: the process is about to end."""
        driver = self._app._driver if self._app is not None else None
        if driver is not None:
            driver.stop_application_mode()
            driver.close()

    async def _run(self, app: DashboardApp) -> None:
        handlers = {number: signal.getsignal(number) for number in _JOB_CONTROL}
        try:
            await app.run_async(headless=self._headless)
            if app.return_code:
                _log.error("the dashboard broke off; the run goes on with plain lines")
        except Exception:  # noqa: BLE001 - whatever breaks the view must not end the run
            _log.exception("the dashboard broke off; the run goes on with plain lines")
        finally:
            self._app = None
            for number, handler in handlers.items():
                with suppress(TypeError):  # a handler that was not set from Python can not be set again
                    signal.signal(number, handler)
