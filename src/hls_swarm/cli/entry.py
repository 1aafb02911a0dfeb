"""`main`: one line and an exit code for everything that a person can cause and mend.

- What the command says, if it ends by itself; 0 after help and version.
- The error's own `exit_code` of a `SwarmError`: 2 for a mistake in the settings or on the command line, 1 for a run
  that could not start or broke off.
- 128 and the number of the signal that ended the command before there was a run.
- 1 if standard output can not be written; in words, unless whoever read it has gone away.

Everything else that is raised is a bug and keeps its traceback.
"""

import errno
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from hls_swarm import __version__
from hls_swarm.cli.actions import Actions
from hls_swarm.cli.commands import VARIABLE_PREFIX, Command, commands
from hls_swarm.cli.flags.fields import Flag, Kind, did_you_mean
from hls_swarm.cli.flags.go import normalise_go_flags
from hls_swarm.cli.flags.meanings import suggestion
from hls_swarm.cli.flags.old import old_flags, translate
from hls_swarm.cli.help.completion import SHELLS, completion
from hls_swarm.cli.help.page import help_page
from hls_swarm.cli.reading import build_app
from hls_swarm.errors import SettingsError, SwarmError
from hls_swarm.foreign import is_utf8, one_line

_WORDS_OF_HELP = ("help", "version", "completion")
"""First words that are no commands with flags of their own."""
_INTERRUPTED = 130
_OF_OUTPUT = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What a standard stream is refused with that has no reader, disk or terminal any more, or was closed. Whatever else is
written has a name, and its own words for it."""


def main(argv: Sequence[str], environ: Mapping[str, str], actions: Actions, *, old_name: bool = False) -> int:
    """Run the command line and give the exit code of the process.

    Args:
        argv: arguments without the program's name.
        environ: environment variables.
        actions: what the commands start.
        old_name: whether the program was called as the first implementation was: with its flags and defaults.
    """
    try:
        _check_encoding(argv, environ)
        code = _dispatch(argv, environ, actions, old_name=old_name)
        sys.stdout.flush()
    except SwarmError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except OSError as error:
        if error.filename is not None or error.errno not in _OF_OUTPUT:
            raise
        _forget_output()
        if error.errno != errno.EPIPE:
            _complain(f"standard output can not be written: {(error.strerror or str(error)).lower()}")
        return 1
    return code


def _check_encoding(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Refuse bytes that are no UTF-8: no file and no message of a run could carry them.

    Raises:
        SettingsError: naming the argument or the variable.
    """
    named = [(f"argument {number}", text) for number, text in enumerate(argv, start=1)]
    named += [(name, text) for name, text in environ.items() if name.startswith(VARIABLE_PREFIX)]
    for name, text in named:
        if not is_utf8(text):  # which is not shown: it may be a secret
            raise SettingsError(f"{name}: has bytes that are not UTF-8")


def _dispatch(argv: Sequence[str], environ: Mapping[str, str], actions: Actions, *, old_name: bool) -> int:
    table = commands(old_name=old_name)
    if argv and argv[0] in _WORDS_OF_HELP:
        return _tell(argv, table)
    command = _command_of(argv, table)
    arguments = _arguments(argv, command, old_name=old_name)
    flags = list(takewhile(lambda argument: argument != "--", arguments))
    if asked := next((argument for argument in flags if argument in {"--help", "-h"}), None):
        following = flags[flags.index(asked) + 1 :]
        return _show_help(command, table, following[0] if following and not _is_address(following[0]) else "")
    if "--version" in flags:
        return _show_version(verbose="--verbose" in flags)
    app = build_app(table, environ, actions, command)
    try:
        action, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise SettingsError(_words(error, command)) from None
    code: int = action(*bound.args, **bound.kwargs)
    return code


def _tell(argv: Sequence[str], table: Mapping[str, Command]) -> int:
    """`help [COMMAND] [TOPIC]`, `version [--verbose]` and `completion SHELL`."""
    word, *rest = argv
    if word == "version":
        extra = [argument for argument in rest if argument not in {"--verbose", "-verbose", "-v"}]
        if extra:
            raise SettingsError("version: takes nothing but --verbose")
        return _show_version(verbose=bool(rest))
    if word == "completion":
        return _show_completion(rest, table)
    if not rest or rest[0] not in table:
        if rest and not rest[0].startswith("-") and (near := did_you_mean(rest[0], tuple(table))):
            raise SettingsError(f"{rest[0]!r} is not a command{near}")
        return _show_help(table["run"], table, rest[0] if rest else "")
    return _show_help(table[rest[0]], table, rest[1] if rest[1:] else "")


def _show_help(command: Command, table: Mapping[str, Command], topic: str) -> int:
    sys.stdout.write(help_page(command, table.values(), topic, shutil.get_terminal_size().columns))
    return 0


def _show_completion(rest: Sequence[str], table: Mapping[str, Command]) -> int:
    if len(rest) != 1 or rest[0] not in SHELLS:
        near = did_you_mean(rest[0], tuple(SHELLS)) if rest else ""
        raise SettingsError(f"completion: name a shell, {', '.join(SHELLS)}{near}")
    sys.stdout.write(completion(rest[0], tuple(table.values())))
    return 0


def _show_version(*, verbose: bool) -> int:
    if verbose:
        from hls_swarm.cli.help.version import version_lines

        sys.stdout.write("".join(f"{line}\n" for line in version_lines()))
    else:
        sys.stdout.write(f"hls-swarm {__version__}\n")
    return 0


def _arguments(argv: Sequence[str], command: Command, *, old_name: bool) -> list[str]:
    """The arguments in GNU spelling and today's flags; says which of the old ones are of no use."""
    if command.name != "run":
        return normalise_go_flags(argv, command.takes_value())
    old = old_flags(old_name=old_name)
    takes_value = command.takes_value() | {name: flag.kind is not Kind.SWITCH for name, flag in old.items()}
    arguments, unneeded = translate(normalise_go_flags(argv, takes_value), old)
    for line in unneeded:
        _complain(line)
    return arguments


def _command_of(argv: Sequence[str], table: Mapping[str, Command]) -> Command:
    """The command that is meant: the first argument names it, or it is `run`."""
    first = argv[0] if argv else ""
    if first in table:
        return table[first]
    if first and not first.startswith("-") and not _is_address(first):
        known = (*table, *_WORDS_OF_HELP)
        near = (
            did_you_mean(first, known) or f": there are {', '.join(known)}, and a URL starts with http:// or https://"
        )
        raise SettingsError(f"{first!r} is not a command{near}")
    return table["run"]


def _is_address(text: str) -> bool:
    """Whether somebody may mean a URL by it."""
    return bool({":", "/"} & set(text))


def _words(error: CycloptsError, command: Command) -> str:
    match error:
        case UnknownOptionError():
            name = (error.token.keyword or error.token.value).partition("=")[0]
            known = tuple(known for argument in error.argument_collection for known in argument.names)
            near = suggestion(name, (*known, "--help", "--version")) or ": --help lists all flags"
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
    with suppress(OSError):  # nobody may be there to read it; the exit code says the same
        sys.stderr.write(f"hls-swarm: {one_line(text)}\n")
        sys.stderr.flush()


def _forget_output() -> None:
    """Point standard output at nothing, for what is still in its buffer."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
