"""The process that a person started: signals before there is a run, its standard streams, its end.

Rules:

- Until a command takes the signals for itself, one of them ends the process at once, in one line and with 128 and its
  number: nothing is under way that would have to be ended.
- A standard stream that is closed is opened on the null device, or else the next file that is opened gets its number,
  and the event loop aborts the process when it closes it. Of an output it is a device that can not be written: what is
  meant for a stream that is not there is an error, as on a full disk, and not lost without a word.
- The end does not wait for threads: one may be stuck in the resolver or on a disk for as long as these like.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn, TextIO

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a supervisor's request, and the end of the terminal."""


def run_as_process(command: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code."""
    for number in ENDING_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants it to be ignored
            signal.signal(number, _end_at_once)
    _open_closed_streams()
    code = command()
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # what the command came to stands
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(code)


def _end_at_once(number: int, _frame: object) -> None:
    words = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    with suppress(OSError):  # nobody may be there to read it; the exit code says the same
        os.write(2, f"hls-swarm: {words}\n".encode())
    os._exit(128 + number)


def _open_closed_streams() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is taken, and those below are open by now. To read: writing to it fails.
            os.open(os.devnull, os.O_RDONLY)
            os.set_inheritable(descriptor, True)
            if descriptor == 0:
                sys.stdin = open(descriptor, closefd=False)  # noqa: SIM115 - a descriptor, for ever
            elif descriptor == 1:
                sys.stdout = open(descriptor, "w", closefd=False)  # noqa: SIM115 - a descriptor, for ever
            elif descriptor == 2:
                sys.stderr = open(descriptor, "w", closefd=False)  # noqa: SIM115 - the same
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a locale that lacks a character must not end a run that has one to show.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush(stream: TextIO) -> None:
    with suppress(OSError, ValueError):  # told before, if anything was lost: whoever wrote it flushed it
        stream.flush()
