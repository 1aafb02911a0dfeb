"""A panel: one part of the screen, a title and lines drawn from the picture."""

from enum import Enum

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from hls_swarm.views.tui.lines import Line, content
from hls_swarm.views.tui.picture import Picture

EMPTY = "-empty"
"""Class of a panel that has nothing to show, and takes no room."""


class Detail(Enum):
    """How much a panel shows."""

    COMPACT = "compact"  # a small screen: the essentials
    NORMAL = "normal"  # beside other panels
    ROOMY = "roomy"  # the same on a large screen
    FULL = "full"  # alone on the screen


class PanelChosen(Message):
    """Somebody clicked on a panel."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()


class Panel(Static):
    """Draws itself anew for each picture and each width; what has not changed is not painted again.

    Args:
        name: also the id of the widget, unless that has its own.
        title: stands in the line above.
    """

    DEFAULT_CLASSES = "panel"

    def __init__(self, name: str, title: str, *, widget_id: str | None = None) -> None:
        super().__init__("", id=widget_id or name, markup=False)
        self.panel_name = name
        self.title = title
        self.name_it(title)
        self._picture: Picture | None = None
        self._detail = Detail.NORMAL
        self._drawn = Content("")

    def name_it(self, title: str) -> None:
        """What stands in the line above, as it is."""
        self.border_title = Content(f" {title} ") if title else None

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """The lines of this panel; none of them wider than `width` except for prose."""
        raise NotImplementedError

    def show(self, picture: Picture, detail: Detail) -> None:
        """Draw this picture."""
        self._picture, self._detail = picture, detail
        if self.display and self.size.width:
            self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        """Another width lays the lines out in another way."""
        if event.size.width:
            self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Show this panel alone, or all again, unless the panel has a use for a click there."""
        offset = event.get_content_offset(self)
        if offset is None or not self.takes_click(offset.x, offset.y):
            self.post_message(PanelChosen(self.panel_name))

    def takes_click(self, x: int, y: int) -> bool:  # noqa: ARG002 - for panels that look where
        """Act on a click at this cell of the drawn lines; False if it means nothing there."""
        return False

    def _redraw(self) -> None:
        if self._picture is None:
            return
        drawn = content(self.draw(self._picture, self.content_size.width, self._detail))
        lines = drawn.plain.count("\n") + 1
        # A panel that has just come into view may have been drawn before it was laid out: then it is too low still.
        height = self.styles.height
        is_low = height is not None and height.is_auto and self.content_size.height < lines
        if drawn.is_same(self._drawn) and not is_low:
            return
        other_height = lines != self._drawn.plain.count("\n") + 1
        self._drawn = drawn
        self.update(drawn, layout=other_height or is_low)
