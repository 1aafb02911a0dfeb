"""What a person can do to a run from a view while it goes on."""

from typing import Protocol


class Controls(Protocol):
    """The run, seen from a view that takes keys; every call returns at once."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether the run is another process's, which nothing here acts on: `stop` only stops to look."""

    def stop(self) -> None:
        """End the run gracefully, as Ctrl-C does."""

    def change_viewers(self, by: int) -> None:
        """Add viewers to the target, or take them away if `by` is negative."""

    def mark(self, note: str) -> None:
        """Note this moment; it appears in the log, the timeline and the report."""
