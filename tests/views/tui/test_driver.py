"""The terminal under the dashboard, where it stands still or goes away."""

import os
import pty
import select
import time

from textual.drivers._writer_thread import MAX_QUEUED_WRITES

from hls_swarm.views.tui.driver import _Writer


def test_who_writes_to_a_terminal_that_stands_still_never_waits() -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123 - a descriptor
        writer = _Writer(terminal)
        writer.start()
        begun = time.monotonic()
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("x" * 8192)
        assert writer.lost
        assert not writer.is_empty
        writer.stop()
        assert time.monotonic() - begun < 60  # it would have waited for ever
        while writer.is_alive():  # it goes on, takes what waits, and ends
            if select.select([ours], [], [], 0.05)[0]:  # it may have ended since
                os.read(ours, 1 << 16)
        assert not writer.broken
    os.close(ours)


def test_a_terminal_that_was_closed_is_noticed_by_who_writes() -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123 - a descriptor
        writer = _Writer(terminal)
        writer.start()
        os.close(ours)
        writer.write("x")
        writer.join(10)
        assert writer.broken
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("x")
        writer.stop()
