"""The manual page (pure), in the language of `man`, made of the table of commands and flags."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from hls_swarm.cli.flags.fields import Flag
from hls_swarm.cli.flags.old import PROGRAM
from hls_swarm.cli.help.page import Described, flag_meaning, flag_usage
from hls_swarm.cli.help.texts import EXAMPLES, NOTES
from hls_swarm.exit_codes import MEANINGS

_INTRODUCTION = """\
hls-swarm loads an HLS stream, live or on demand, with many viewers that behave like players, from one machine, and \
shows how they fare beside the metrics of the origin itself.

Without a command it is a run: hls-swarm URL."""


def manual(commands: Sequence[Described], version: str) -> str:
    """The whole page; what commands have in common stands with the first of them."""
    first = commands[0]
    known = set(first.all_flags)
    lines = [
        f'.TH HLS-SWARM 1 "" "hls-swarm {_text(version)}" "hls-swarm"',
        ".nh",
        ".SH NAME",
        r"hls\-swarm \- load an HLS origin with realistic viewers",
        ".SH SYNOPSIS",
        *_between(".br", (f".B {_text(command.usage)}" for command in commands)),
        ".br",
        r".B hls\-swarm help [COMMAND] [TOPIC]",
        ".br",
        r".B hls\-swarm version [\-\-verbose]",
        ".br",
        r".B hls\-swarm completion bash|zsh|fish",
        ".SH DESCRIPTION",
        *_between(".PP", map(_text, _INTRODUCTION.split("\n\n"))),
        ".SH COMMANDS",
    ]
    for command in commands:
        lines += [".TP", f".B {_text(command.name)}", _text(command.help)]
    for command in commands:
        lines += [f'.SH "{_text(command.name).upper()}"', _text(command.help), *_examples(command.name)]
        own = command.all_flags if command is first else [flag for flag in command.all_flags if flag not in known]
        if len(own) < len(command.all_flags) - 1:
            lines += [".PP", _text(f"It takes flags of {first.name} too; these are its own, or have other defaults.")]
        for section, flags in groupby(own, key=lambda flag: flag.section):
            lines += [f'.SS "{_text(section)}"', *(line for flag in flags for line in _flag(flag))]
        lines += list(_notes(command.name))
    lines += [".SH EXIT STATUS"]
    for code, meaning in MEANINGS.items():
        lines += [".TP", f".B {code}", _text(meaning)]
    lines += [
        ".SH ENVIRONMENT",
        _text(
            "Each flag is also a variable: HLS_SWARM_ and its name in capitals, for other commands than run with the "
            "name of the command before it (HLS_SWARM_ORIGIN_PORT). A flag wins over its variable, the variable over "
            "the settings file."
        ),
        ".SH FILES",
        ".TP",
        ".I runs/",
        "Folders of past runs, in the current directory.",
        ".SH NOTES",
        _text(f"{PROGRAM} is the same program with the flags and defaults of the first implementation."),
    ]
    return "\n".join(lines) + "\n"


def _flag(flag: Flag) -> Iterator[str]:
    yield ".TP"
    yield f".B {_text(flag_usage(flag))}"
    yield _text(flag_meaning(flag))


def _examples(name: str) -> Iterator[str]:
    if name in EXAMPLES:
        yield from (".PP", ".nf", ".RS", *map(_text, EXAMPLES[name].splitlines()), ".RE", ".fi")


def _notes(name: str) -> Iterator[str]:
    for paragraph in filter(None, NOTES.get(name, "").split("\n\n")):
        if paragraph.startswith(" "):
            yield from (".PP", ".nf", *map(_text, paragraph.splitlines()), ".fi")
        else:
            yield from (".PP", _text(paragraph))


def _between(mark: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number:
            yield mark
        yield line


def _text(text: str) -> str:
    """A line that `man` shows as it is."""
    escaped = re.sub(r"[\\-]", lambda found: r"\e" if found[0] == "\\" else r"\-", text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
