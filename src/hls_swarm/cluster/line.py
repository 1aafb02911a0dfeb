"""The line to an agent on another machine: what carries messages there and answers back, whatever that is."""

from typing import Protocol


class LineLostError(Exception):
    """Nobody is there any more, for certain: the agent's process has ended, or its machine."""


class Line(Protocol):
    """One agent, as messages reach it.

    Attributes:
        name: of the machine, for people; no two lines of a run have the same.
    """

    name: str

    async def ask(self, message: bytes) -> bytes:
        """Carry a message there and its answer back, however long that takes: whoever waits has a limit of its own.

        Raises:
            LineLostError: no answer can come.
        """
