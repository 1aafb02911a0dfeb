"""`main`: one line and an exit code for everything that a person can cause and mend.

- What the command says, if it ends by itself; 0 after help and version.
- The error's own `exit_code` of a `SwarmError`: 2 for a mistake in the settings or on the command line, 1 for a run
  that could not start or broke off.
- 130 (128 + SIGINT) after Ctrl-C where the command does not handle it itself, as before the start.
- 1 if whoever reads standard output has gone away.

Everything else that is raised is a bug and keeps its traceback.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from hls_swarm.cli.commands import ACTIONS, Actions, Command, build_app, commands
from hls_swarm.cli.flags import Flag, did_you_mean
from hls_swarm.cli.goflags import normalise_go_flags
from hls_swarm.errors import SettingsError, SwarmError

_INTERRUPTED = 130


def main(
    argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None, actions: Actions = ACTIONS
) -> int:
    """Run the command line and give the exit code of the process.

    Args:
        argv: arguments without the program's name; by default the process's.
        environ: environment variables; by default the process's.
        actions: what the commands start.
    """
    try:
        code = _dispatch(sys.argv[1:] if argv is None else argv, os.environ if environ is None else environ, actions)
        sys.stdout.flush()
    except SwarmError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        if not _output_is_gone():
            raise
        return 1
    return code


def _dispatch(argv: Sequence[str], environ: Mapping[str, str], actions: Actions) -> int:
    table = commands()
    command = _command_of(argv, table)
    arguments = normalise_go_flags(argv, command.takes_value())
    app = build_app(table, environ, actions, command)
    try:
        action, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise SettingsError(_words(error, command)) from None
    code = action(*bound.args, **bound.kwargs)
    return code if isinstance(code, int) else 0  # help and version give nothing


def _command_of(argv: Sequence[str], table: Mapping[str, Command]) -> Command:
    """The command that is meant: the first argument names it, or it is `run`."""
    first = argv[0] if argv else ""
    if first in table:
        return table[first]
    if first and not first.startswith("-") and not {":", "/"} & set(first):
        known = tuple(table)
        near = (
            did_you_mean(first, known) or f": there are {', '.join(known)}, and a URL starts with http:// or https://"
        )
        raise SettingsError(f"{first!r} is not a command{near}")
    return table["run"]


def _words(error: CycloptsError, command: Command) -> str:
    match error:
        case UnknownOptionError():
            name = (error.token.keyword or error.token.value).partition("=")[0]
            known = tuple(known for argument in error.argument_collection for known in argument.names)
            near = did_you_mean(name, (*known, "--help", "--version")) or ": --help lists all flags"
            return f"{name}: there is no such flag{near}"
        case MissingArgumentError(argument=argument) if argument is not None:
            return f"{argument.name}: needs a value"
        case CoercionError(argument=argument, token=token) if argument is not None and token is not None:
            flag = next(flag for flag in command.all_flags if flag.spelling == argument.name)
            return f"{flag.spelling}: {_refusal(flag, token.value)}"
        case UnusedCliTokensError():
            # Not shown: an unquoted --header leaves the pieces of a secret here.
            place = next((flag.spelling for flag in command.flags if flag.is_argument), None)
            takes = "nothing" if place is None else f"one {place}"
            return f"{command.name}: takes {takes} besides flags: put a value that has spaces in quotes"
        case _:
            return str(error)


def _refusal(flag: Flag, text: str) -> str:
    try:
        flag.read_text(text)
    except ValueError as error:
        return str(error)
    return f"{text!r} can not be used"


def _complain(text: str) -> None:
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(text.split()))
    sys.stderr.write(f"hls-swarm: {line}\n")


def _output_is_gone() -> bool:
    """Whether the reader of standard output went away; if so it is pointed at nothing, for the flush at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        return True
    return False
