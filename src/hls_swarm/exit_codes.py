"""What the program ends with: every exit code that there is, and what it means to a script."""

from enum import IntEnum


class ExitCode(IntEnum):
    """A signal that ended the program before there was anything to judge gives 128 and its number."""

    PASS = 0
    ERROR = 1
    USAGE = 2
    INVALID = 3
    INCOMPARABLE = 4
    FAIL = 99
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.PASS: ("Finished: viewers played, and every threshold and expectation held, or the run was not judged."),
    ExitCode.ERROR: "The run could not start, broke off, or proves nothing.",
    ExitCode.USAGE: "A mistake in a flag, a variable or the settings file, found before anything starts.",
    ExitCode.INVALID: "The run is invalid: this machine was the bottleneck.",
    ExitCode.INCOMPARABLE: "Two runs can not be compared.",
    ExitCode.FAIL: (
        "A threshold was crossed, an expectation broken, a check found something unfit, or a run is worse than its "
        "baseline."
    ),
    ExitCode.INTERRUPTED: "Ctrl-C before anything was measured; 143 and 129 are the same for SIGTERM and SIGHUP.",
}
"""For a person, one line each."""
