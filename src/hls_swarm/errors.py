"""The exceptions that a person can cause and mend; everything else that is raised is a bug.

What an origin does wrong is not an exception but data: see `records.Failure`.
"""

from signal import Signals

from hls_swarm.exit_codes import ExitCode


class SwarmError(Exception):
    """Something the operator can mend; its text is one line that names the thing and what to do."""

    exit_code: int = ExitCode.ERROR


class SettingsError(SwarmError):
    """A flag, an environment variable or a line of the settings file is wrong; found before anything starts."""

    exit_code = ExitCode.USAGE


class PreflightError(SwarmError):
    """This machine can not carry the run as asked: too few descriptors, ports or memory."""


class RunError(SwarmError):
    """The run could not start or broke off."""


class Interrupted(SwarmError):  # noqa: N818 - what happened, and nobody's error
    """A signal ended the program before there was a run, or before anybody played: there is nothing to judge.

    Args:
        number: of the signal; the exit code is 128 and this, as of a process that it killed.
    """

    def __init__(self, number: int) -> None:
        self.exit_code = interrupted_code(number)
        super().__init__(interrupted_words(number))


def interrupted_code(number: int) -> int:
    """The exit code after a signal that left nothing to judge: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + number


def interrupted_words(number: int) -> str:
    """What happened, in words."""
    return "interrupted" if number == Signals.SIGINT else f"ended by {Signals(number).name}"


def raised(error: BaseException) -> str:
    """An exception that is a bug: its kind, and where in this program it was raised. Its text may hold secrets."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        _, ours, file = code.co_filename.replace("\\", "/").rpartition("/hls_swarm/")
        if ours or not place:
            place = f" ({file}:{traceback.tb_lineno} in {code.co_name})"
        traceback = traceback.tb_next
    return f"{type(error).__name__}{place}"


def told(error: BaseException) -> str:
    """The same with its text, in one line."""
    text = " ".join(str(error).split())[:200]
    return f"{raised(error)}: {text}" if text else raised(error)


class PlaylistError(ValueError):
    """A playlist breaks a rule that RFC 8216 or 8216bis says a client must enforce.

    Args:
        reason: the rule in words.
        line: line number, counted from 1; 0 where the playlist as a whole is meant.
        text: that line, cut to a readable length.
        rule: the section that says so, such as `RFC 8216 4.3.1.1`.
    """

    def __init__(self, reason: str, *, line: int = 0, text: str = "", rule: str = "") -> None:
        self.reason, self.line, self.text, self.rule = reason, line, text[:200], rule
        where = f"line {line}: " if line else ""
        super().__init__(f"{where}{reason}" + (f" ({rule})" if rule else ""))
