"""The log: what happened, the newest first, from a level upwards."""

import logging

from hls_swarm.views.logbook import Logbook, LogLine
from hls_swarm.views.tui.lines import Line, cut, line
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, LABEL, WARN

_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)
_MOST = 500
_TEXT_AT = len("12:34:56  WARNING  ")


class LogPanel(Panel):
    """The lines of a logbook.

    Args:
        logbook: what is logged goes there.
        aside: it stands in a column; the other one, below all of them, is shown where there are fewer of these.
    """

    def __init__(self, logbook: Logbook, *, aside: bool = False) -> None:
        super().__init__("log", "Log", widget_id="log-aside" if aside else "log")
        self._logbook = logbook
        self._level = _LEVELS[0]
        self._name_level()

    def next_level(self) -> None:
        """Show what matters more; after errors everything again."""
        self._level = _LEVELS[(_LEVELS.index(self._level) + 1) % len(_LEVELS)]
        self._name_level()
        self._redraw()

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:  # noqa: ARG002 - of the logbook
        """As many lines as there is room for; alone on the screen all, whole."""
        kept = self._logbook.newest_first(self._level)
        if not kept:
            return [line(("nothing yet", LABEL))]
        if detail is Detail.FULL:
            return [row for entry in kept[:_MOST] for row in _whole(entry, width)]
        return [_row(entry, cut(entry.text, width - _TEXT_AT)) for entry in kept[: max(1, self.content_size.height)]]

    def _name_level(self) -> None:
        least = logging.getLevelName(self._level)
        self.name_it(f"{self.title}, newest first, {least} and above (key l)")


def _row(entry: LogLine, text: str) -> Line:
    style = BAD if entry.level >= logging.ERROR else WARN if entry.level >= logging.WARNING else LABEL
    return line((f"{entry.clock}  ", LABEL), (f"{entry.level_name:<7}  ", style), text)


def _whole(entry: LogLine, width: int) -> list[Line]:
    """The entry on as many lines as it needs."""
    room = max(20, width - _TEXT_AT)
    pieces = [entry.text[start : start + room] for start in range(0, len(entry.text), room)] or [""]
    return [_row(entry, pieces[0]), *(line(" " * _TEXT_AT + piece) for piece in pieces[1:])]
