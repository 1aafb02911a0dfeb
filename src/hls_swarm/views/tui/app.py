"""The application: keys that act on the run, and the one message that brings a picture."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from hls_swarm.snapshot import units
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.views.controls import Controls
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.tui.dialogs import HelpDialog, NoteDialog, QuitDialog
from hls_swarm.views.tui.driver import TerminalDriver
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.screen import DashboardScreen
from hls_swarm.views.tui.themes import DARK, LIGHT


class PictureArrived(Message):
    """There is a newer picture than the one on the screen."""


_ACTING = frozenset({"more", "fewer", "mark"})


def viewer_step(target: int) -> int:
    """Viewers that one key press adds or takes away: the power of ten that is at most a tenth of them, at least 1."""
    step = 1
    while step * 100 <= target:
        step *= 10
    return step


class DashboardApp(App[None]):
    """Draws pictures as they arrive; at most one waits.

    Args:
        controls: what keys may do to the run.
        logbook: what the log panel shows.
        interrupt: what Ctrl-C does.
        save: keeps a screenshot, given a name for it and the SVG, and says where; raises OSError if it can not.
    """

    TITLE = "hls-swarm"
    ENABLE_COMMAND_PALETTE = False
    CSS = "ToastRack { margin-bottom: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p,space", "pause", "pause", key_display="p"),
        Binding("plus,equals_sign", "more", "more", key_display="+"),
        Binding("minus,underscore", "fewer", "fewer", key_display="-"),
        Binding("m", "mark", "mark"),
        Binding("s", "save_picture", "shot"),
        Binding("t", "turn_theme", "theme", show=False),
        Binding("question_mark,f1,h", "explain", "help", key_display="?"),
        Binding("q", "leave", "quit"),
        Binding("ctrl+q", "leave", "quit", show=False),
        Binding("ctrl+c", "interrupt", "end", show=False, priority=True),
    ]

    def __init__(
        self,
        controls: Controls,
        logbook: Logbook,
        interrupt: Callable[[], None],
        save: Callable[[str, str], str],
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.animation_level = "none"
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self._controls, self._interrupt, self._save = controls, interrupt, save
        self._dashboard = DashboardScreen(logbook)
        self._picture: Picture | None = None
        self._waiting = self._paused = False

    @property
    def paused(self) -> bool:
        """Whether the view stands still."""
        return self._paused

    @property
    def terminal_has_gone(self) -> bool:
        """Whether the terminal was closed."""
        return isinstance(self._driver, TerminalDriver) and self._driver.has_gone

    def terminal_takes_again(self) -> bool:
        """Whether the terminal stood still, and takes something again: what is on it is not what was drawn."""
        return isinstance(self._driver, TerminalDriver) and self._driver.takes_again()

    def on_mount(self) -> None:
        """The screen with the panels."""
        self.push_screen(self._dashboard)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that only this program's themes have."""
        return dict(DARK.variables)

    def present(self, picture: Picture) -> None:
        """Draw this picture soon; one that was not drawn yet is left out."""
        self._picture = picture
        if not self._waiting and self._dashboard.is_mounted:
            self._waiting = self.post_message(PictureArrived())

    def on_picture_arrived(self) -> None:
        """Draw the newest picture, unless the view stands still."""
        self._waiting = False
        # Textual (8.2) hands on a new size when a timer of 8 ms has run, and drops a timer that is late already:
        # on a busy machine the screen would keep its old size for ever. Once a second, what waits is handed on.
        self._check_resize()
        if self.terminal_takes_again():
            self.screen.refresh()
        if self._picture is not None and not self._paused:
            self._dashboard.show(self._picture)

    def action_pause(self) -> None:
        """Freeze the view; the run goes on. Once more shows where it is now."""
        self._paused = not self._paused
        self._dashboard.freeze(self._paused)
        self.on_picture_arrived()

    def action_more(self) -> None:
        """Add viewers."""
        self._change(1)

    def action_fewer(self) -> None:
        """Take viewers away."""
        self._change(-1)

    def action_mark(self) -> None:
        """Ask for a note and keep it with this moment."""
        elapsed = self._picture.snapshot.elapsed_seconds if self._picture is not None else 0.0
        self.push_screen(NoteDialog(units.clock(elapsed)), self._mark)

    def action_save_picture(self) -> None:
        """Keep the screen as it is."""
        elapsed = self._picture.snapshot.elapsed_seconds if self._picture is not None else 0.0
        try:
            place = self._save(units.clock(elapsed).replace(":", "-"), self.export_screenshot())
        except OSError as error:
            self.notify(f"The picture could not be saved: {error.strerror}", severity="error", markup=False)
            return
        self.notify(f"Saved {place}", markup=False)

    def action_turn_theme(self) -> None:
        """Light or dark."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_explain(self) -> None:
        """The keys and the words."""
        self.push_screen(HelpDialog())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """What acts on a run is no key of one that is elsewhere."""
        return not (self._controls.is_elsewhere and action in _ACTING)

    def action_leave(self) -> None:
        """End the run after a question; without one if it is over, or another's."""
        if self._controls.is_elsewhere:
            self._controls.stop()
            return
        if self._picture is not None and self._picture.snapshot.phase is Phase.FINISHED:
            self.exit()
            return
        self.push_screen(
            QuitDialog(searching=self._picture is not None and self._picture.search is not None), self._end
        )

    def action_interrupt(self) -> None:
        """What Ctrl-C does outside of the dashboard too."""
        self._interrupt()

    def _end(self, sure: bool | None) -> None:
        if sure:
            self.notify("The run ends: requests in flight may finish")
            self._controls.stop()

    def _mark(self, note: str | None) -> None:
        if note is not None:
            self._controls.mark(note)

    def _change(self, direction: int) -> None:
        if self._picture is None:
            return
        if self._picture.search is not None:
            self.notify("The search says how many viewers there are", severity="warning")
            return
        target = self._picture.snapshot.viewers.target
        self._controls.change_viewers(direction * min(viewer_step(target), max(1, target)))
