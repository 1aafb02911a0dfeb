"""The terminal that a run is shown on, if there is one."""

import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hls_swarm.views.logbook import Logbook
from hls_swarm.views.terminal.live import LineView
from hls_swarm.views.terminal.output import Output

if TYPE_CHECKING:
    from hls_swarm.views.tui.dashboard import Dashboard  # takes 0.3 s to import, for those who see it


def dashboard_on(tui: bool | None, lines: LineView, logbook: Logbook) -> "Dashboard | None":
    """The dashboard if it is wanted and there is a terminal for it: for keys, for the screen and for the summary.

    Args:
        tui: what was asked for; None: where it can be.
    """
    console = Output(sys.stderr).console
    terminal = console.is_terminal and not console.is_dumb_terminal and sys.stdin.isatty() and sys.stdout.isatty()
    if tui is False or not terminal:
        return None
    from hls_swarm.views.tui.dashboard import Dashboard

    return Dashboard(lines, logbook, interrupt=partial(signal.raise_signal, signal.SIGINT), save=_save_screenshot)


def _save_screenshot(name: str, svg: str) -> str:
    """Keep a picture of the screen in the current folder; gives its name. Raises OSError if it can not be written."""
    path = Path(f"hls-swarm-{name}.svg")
    number = 1
    while path.exists():
        number += 1
        path = Path(f"hls-swarm-{name}-{number}.svg")
    path.write_text(svg, encoding="utf-8")
    return str(path)
