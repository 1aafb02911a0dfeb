"""Help on a terminal (pure): what matters first, the rest by topic.

Rules:

- Help is short: usage, examples, the flags that a newcomer needs, and how to see the others. A command with few flags
  shows them all.
- A topic is a section of the flags by its first word, a flag, or `all`.
- Text is laid out for the width that is given; examples and what must be typed as it stands are not broken.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from hls_swarm.cli.flags.fields import Flag, Kind, did_you_mean
from hls_swarm.cli.flags.meanings import suggestion
from hls_swarm.cli.help.texts import EXAMPLES, NOTES
from hls_swarm.errors import SettingsError

ALL = "all"
FEW = 16
"""Flags that a page has room for besides all else."""

_OF_A_RUN = [
    "url",
    "clients",
    "ramp_rate",
    "duration",
    "variant",
    "profile",
    "origin_metrics_host",
    "threshold",
    "html",
    "tui",
    "config",
]
FIRST: Mapping[str, Sequence[str]] = {
    "run": _OF_A_RUN,
    "demo": _OF_A_RUN,
    "capacity": [
        "url",
        "slo",
        "most",
        "at_least",
        "within",
        "soak",
        "profile",
        "origin_metrics_host",
        "html",
        "tui",
        "config",
    ],
}
"""The flags that matter first, by command; all of a command that is not here."""

_WIDEST = 110
_NARROWEST = 40
_INDENT = "  "


class Described(Protocol):
    """What is needed to know of a command."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def help(self) -> str: ...  # noqa: D102
    @property
    def usage(self) -> str: ...  # noqa: D102
    @property
    def all_flags(self) -> tuple[Flag, ...]: ...  # noqa: D102


def topic_of(section: str) -> str:
    """The word that a section of the flags is asked for by: `origin` for `Origin metrics`."""
    return section.split()[0].lower()


def flag_usage(flag: Flag) -> str:
    """The flag and what stands for its value."""
    if flag.is_argument:
        return f"{flag.spelling}{' ...' * flag.is_repeatable}"
    if flag.kind is Kind.SWITCH:
        return f"--[no-]{flag.name}" if flag.default is None else flag.spelling
    return f"{flag.spelling} {flag.placeholder}"


def flag_meaning(flag: Flag) -> str:
    """What it means, which values there are, and its default."""
    choices = f" One of {', '.join(flag.choices)}." if flag.choices else ""
    default = f" [default: {flag.default_text}]" if flag.default_text else ""
    return f"{flag.help}{choices}{default}"


def help_page(command: Described, commands: Iterable[Described], topic: str, columns: int) -> str:
    """The help of a command.

    Args:
        commands: all there are, in the order of the list.
        topic: what of its flags to show; empty for those that matter first.
        columns: of the terminal.

    Raises:
        SettingsError: there is no such topic.
    """
    width = max(_NARROWEST, min(columns - 1, _WIDEST))
    flags = command.all_flags
    if topic and topic != ALL:
        shown = _of_topic(flags, topic)
        return "\n".join(_sections(shown, width)).rstrip() + "\n"
    first = FIRST.get(command.name, ())
    is_short = bool(first) and not topic and len(flags) > FEW
    lines = [*_wrapped(command.help, width), "", f"Usage: {command.usage}", ""]
    if command.name in EXAMPLES:
        lines += ["Examples:", "", *textwrap.indent(EXAMPLES[command.name], _INDENT).splitlines(), ""]
    if is_short:
        by_field = {flag.field: flag for flag in flags}
        lines += ["Flags that matter first:", ""]
        lines += [line for field in first if field in by_field for line in _row(by_field[field], width)]
        lines += ["", "More:", "", *_more(command, flags, width)]
    else:
        lines += [*_sections(flags, width)]
    if topic or not is_short:
        lines += list(_notes(command.name, width))
    if command.name == "run":
        lines += [*_commands(commands, width)]
    return "\n".join(lines).rstrip() + "\n"


def topics(flags: Sequence[Flag]) -> tuple[str, ...]:
    """The topics of a command, in the order of its sections."""
    return tuple(dict.fromkeys(topic_of(flag.section) for flag in flags))


def _of_topic(flags: Sequence[Flag], topic: str) -> tuple[Flag, ...]:
    word = topic.lstrip("-").lower()
    found = tuple(flag for flag in flags if topic_of(flag.section) == word)
    if found and not topic.startswith("-"):
        return found
    named = tuple(flag for flag in flags if not flag.is_argument and flag.name == word.replace("_", "-"))
    if named:
        return named
    known = (*topics(flags), ALL)
    meant = suggestion(f"--{word}", tuple(flag.spelling for flag in flags))
    near = did_you_mean(word, known) or meant or f": there are {', '.join(known)}"
    raise SettingsError(f"help has no topic {topic!r}{near}")


def _more(command: Described, flags: Sequence[Flag], width: int) -> Iterator[str]:
    called = "hls-swarm" if command.name == "run" else f"hls-swarm {command.name}"
    rows = [
        (f"{called} --help TOPIC", f"{', '.join(topics(flags))}, {ALL}, or a flag"),
        (f"{called} --help {ALL}", f"all {len(flags)} flags"),
    ]
    if command.name == "run":
        rows.append((f"{called} help COMMAND", "the help of a command"))
        rows.append((f"{called} --version --verbose", "what a report of a mistake should say"))
    for left, right in rows:
        yield from _columns(left, right, width)


def _commands(commands: Iterable[Described], width: int) -> Iterator[str]:
    yield from ("", "Commands:", "")
    for each in commands:
        yield from _columns(each.name, each.help, width, left_width=14)
    yield from _columns("help", "Show the help of a command.", width, left_width=14)
    yield from _columns("version", "Show the version.", width, left_width=14)
    yield from _columns("completion", "Write the completion of a shell: bash, zsh or fish.", width, left_width=14)


def _sections(flags: Sequence[Flag], width: int) -> Iterator[str]:
    for section, members in groupby(flags, key=lambda flag: flag.section):
        yield from (f"{section}:", "")
        for flag in members:
            yield from _row(flag, width)
        yield ""


def _row(flag: Flag, width: int) -> Iterator[str]:
    yield from _columns(flag_usage(flag), flag_meaning(flag), width)


def _columns(left: str, right: str, width: int, left_width: int = 30) -> Iterator[str]:
    """Two columns; one below the other where the left is too long or the page too narrow."""
    room = width - left_width - 2 * len(_INDENT)
    beside = room >= 24
    pad = " " * (left_width + 2 * len(_INDENT)) if beside else _INDENT * 3
    lines = textwrap.wrap(right, max(width - len(pad), 20), break_on_hyphens=False, break_long_words=False)
    if beside and len(left) <= left_width:
        yield f"{_INDENT}{left:<{left_width}}{_INDENT}{lines[0]}"
        lines = lines[1:]
    else:
        yield f"{_INDENT}{left}"
    yield from (f"{pad}{line}" for line in lines)


def _notes(name: str, width: int) -> Iterator[str]:
    for paragraph in NOTES.get(name, "").split("\n\n"):
        yield from paragraph.splitlines() if paragraph.startswith(" ") else _wrapped(paragraph, width)
        yield ""


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
