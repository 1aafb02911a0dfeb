"""The line to an agent on another machine: what carries messages there and answers back, whatever that is."""

from typing import Protocol


class LineLostError(Exception):
    """Nobody will answer any more.

    Args:
        load_has_ended: whether the agent's process is known to have ended, and its workers with it. Of a machine that
            only does not answer that is not known: it may be cut off, and load the origin until its lease has run out.
    """

    def __init__(self, why: str, *, load_has_ended: bool = False) -> None:
        super().__init__(why)
        self.load_has_ended = load_has_ended


class Line(Protocol):
    """One agent, as messages reach it.

    Attributes:
        name: of the machine, for people; no two lines of a run have the same.
    """

    name: str

    async def ask(self, message: bytes, quiet_seconds: float = 0.0) -> bytes:
        """Carry a message there and its answer back, however long that takes: whoever waits has a limit of its own.

        Args:
            quiet_seconds: after the question, in which nothing else is likely to be asked: what carries messages may
                rest. If something is asked after all, that may take a tenth of a second more.

        Raises:
            LineLostError: no answer can come.
        """
