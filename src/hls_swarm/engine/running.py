"""What the swarm asks of a viewer at work, whichever engine runs it."""

from collections.abc import Callable
from typing import Protocol

from hls_swarm.records import Record


class RunningViewer(Protocol):
    """A viewer that was made for one number and one life.

    Attributes:
        over: whether it has ended for good; what is in flight may still go on.
    """

    number: int
    over: bool

    @property
    def in_flight(self) -> int:
        """Exchanges under way."""

    def start(self, due_at: float) -> None:
        """Press play."""

    def quit(self) -> None:
        """End the viewer; what is in flight goes on until it is done or `cancel` is called."""

    def cancel(self) -> None:
        """End what is in flight at once, after `quit`."""


Report = Callable[[Record], None]
"""Takes every record of a viewer."""
Finished = Callable[[RunningViewer], None]
"""Called once, when a viewer is over and nothing of it is in flight any more."""
OtherEngine = Callable[[int, str, float, Report, Finished], RunningViewer | None]
"""Makes the viewer with a number, of a URL, that leaves after so many seconds, if it is not a native one; None if it
is."""
