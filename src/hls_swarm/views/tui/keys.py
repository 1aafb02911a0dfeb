"""The keys at the foot of the screen: as many as there is room for, and always those for help and for the end."""

from collections.abc import Iterable

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

_LEFT_OUT = ("save_picture", "mark", "panel('viewers')", "fewer", "more", "pause")
"""Actions that go first where the screen is narrow; help tells of them all."""


class Keys(Footer):
    """One line, whole at every width."""

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        """The keys that fit."""
        yield from fitting(list(super().compose()), self.app.size.width)

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - the width of the screen counts
        """Another width has room for others."""
        self.call_after_refresh(self.recompose)


def fitting(keys: Iterable[Widget], width: int) -> list[Widget]:
    """Those that fit into that width."""
    kept = list(keys)
    for action in _LEFT_OUT:
        if sum(_width(key) for key in kept) <= width:
            break
        kept = [key for key in kept if not (isinstance(key, FooterKey) and key.action == action)]
    return kept


def _width(key: Widget) -> int:
    return len(key.key_display) + len(key.description) + 2 if isinstance(key, FooterKey) else 0
