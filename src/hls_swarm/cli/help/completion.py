"""Completion for shells (pure): a script made of the table of commands, which asks the program nothing.

Rules:

- What is offered: commands, flags in both spellings where the shell allows it, values of flags that have a closed set,
  files and folders where one is meant. Nothing is offered where nobody could know.
- A new flag or choice needs no line here.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from hls_swarm.cli.flags.fields import Flag, Kind
from hls_swarm.cli.help.page import ALL, Described, topics
from hls_swarm.settings.spellings import PROFILE_NAMES

PROGRAMS = ("hls-swarm", "go-ffmpeg-hls-swarm")
_OF_HELP = {"help": "Show the help of a command", "version": "Show the version", "completion": "Write this script"}
_DEFAULT = "run"

_KNOWN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "variant": ("highest", "lowest", "first", "random", "all", "1080p", "720p", "360p"),
        "profile": PROFILE_NAMES,
        "engine": ("native", "ffmpeg"),
        "join": ("live", "start", "random"),
        "seek_by": ("random",),
        "metrics": ("127.0.0.1:17091", "off"),
    }
)
"""Values of flags that take others too, by field."""


def completion(shell: str, commands: Sequence[Described]) -> str:
    """The script for a shell of `SHELLS`."""
    return SHELLS[shell](commands)


def _values(flag: Flag) -> tuple[str, ...]:
    if flag.kind is Kind.SWITCH:
        return ("true", "false")
    return flag.choices or _KNOWN_WORDS.get(flag.field, ())


def _spellings(flag: Flag) -> tuple[str, ...]:
    """Without dashes."""
    negative = (f"no-{flag.name}",) if flag.kind is Kind.SWITCH and flag.default is None else ()
    return (flag.name, *negative)


def _flags(command: Described) -> tuple[Flag, ...]:
    return tuple(flag for flag in command.all_flags if not flag.is_argument)


def _first_sentence(text: str) -> str:
    """What fits beside a flag in a list."""
    short = text.split("; ", maxsplit=1)[0].split(". ", maxsplit=1)[0].split(": ", maxsplit=1)[0]
    return short.rstrip(".")


def _bash(commands: Sequence[Described]) -> str:
    names = [command.name for command in commands]
    offers, files, folders, taken = [], [], [], []
    for command in commands:
        for flag in _flags(command):
            key = f"{command.name}:{flag.name}"
            if flag.placeholder == "FILE":
                files.append(key)
            elif flag.placeholder in {"FOLDER", "RUN"}:
                folders.append(key)
            elif values := _values(flag):
                if flag.kind is not Kind.SWITCH:
                    offers.append(f"        {key}) values={shlex.quote(' '.join(values))} ;;")
            else:
                taken.append(key)
    lists = [f"        {command.name}) flags={shlex.quote(' '.join(_bash_flags(command)))} ;;" for command in commands]
    all_topics = [
        f"        {command.name}) values={shlex.quote(' '.join((*topics(command.all_flags), ALL)))} ;;"
        for command in commands
    ]
    runs = "|".join(command.name for command in commands if _takes_runs(command)) or "-"
    return f"""\
# bash completion of hls-swarm; made by `hls-swarm completion bash`
_hls_swarm() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command={_DEFAULT}
    local flags='' values='' bare dashes
    if [[ $current == '=' ]]; then current=''; fi
    if [[ $previous == '=' ]]; then previous=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
    COMPREPLY=()
    if ((COMP_CWORD > 1)); then
        case ${{COMP_WORDS[1]}} in
        {"|".join(names)}) command=${{COMP_WORDS[1]}} ;;
        help)
            if ((COMP_CWORD == 2)); then
                COMPREPLY=($(compgen -W '{" ".join(names)}' -- "$current"))
                return
            fi
            command=${{COMP_WORDS[2]}} previous=--help
            ;;
        completion)
            COMPREPLY=($(compgen -W '{" ".join(SHELLS)}' -- "$current"))
            return
            ;;
        esac
    fi
    if [[ $previous == -h || $previous == -help || $previous == --help ]]; then
        case $command in
{chr(10).join(all_topics)}
        esac
    elif [[ $previous == -* ]]; then
        bare=${{previous#-}}
        case $command:${{bare#-}} in
{chr(10).join(offers)}
        {"|".join(files)})
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
        {"|".join(folders)})
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -d -- "$current"))
            return
            ;;
        {"|".join(taken)}) return ;;
        esac
    fi
    if [[ -n $values ]]; then
        COMPREPLY=($(compgen -W "$values" -- "$current"))
        return
    fi
    if [[ $current == -* ]]; then
        case $command in
{chr(10).join(lists)}
        esac
        bare=${{current#-}}
        bare=${{bare#-}}
        dashes=${{current%"$bare"}}
        if [[ $current == - ]]; then dashes=--; fi
        COMPREPLY=($(compgen -P "$dashes" -W "$flags" -- "$bare"))
        return
    fi
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W '{" ".join([*names, *_OF_HELP])}' -- "$current"))
        return
    fi
    case $command in
    {runs})
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "$current"))
        ;;
    esac
}}
complete -F _hls_swarm {" ".join(PROGRAMS)}
"""


def _bash_flags(command: Described) -> Iterable[str]:
    for flag in _flags(command):
        yield from _spellings(flag)
    yield from ("help", "version") if command.name == _DEFAULT else ("help",)


def _takes_runs(command: Described) -> bool:
    return any(flag.is_argument and flag.placeholder == "RUN" for flag in command.all_flags)


def _zsh(commands: Sequence[Described]) -> str:
    described = [f"{command.name}:{_zsh_text(command.help)}" for command in commands]
    described += [f"{name}:{text}" for name, text in _OF_HELP.items()]
    cases = "\n".join(f"    {command.name}) _arguments -S {_zsh_specs(command)} ;;" for command in commands)
    names = "|".join(command.name for command in commands)
    return f"""\
#compdef {" ".join(PROGRAMS)}
# zsh completion of hls-swarm; made by `hls-swarm completion zsh`
_hls_swarm() {{
    local command={_DEFAULT}
    local -a commands=({" ".join(map(shlex.quote, described))})
    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe command commands
        return
    fi
    case $words[2] in
    {names})
        command=$words[2]
        shift words
        ((CURRENT--))
        ;;
    help) _values command {" ".join(command.name for command in commands)}; return ;;
    completion) _values shell {" ".join(SHELLS)}; return ;;
    esac
    case $command in
{cases}
    esac
}}
if [[ $funcstack[1] == _hls_swarm ]]; then _hls_swarm "$@"; else compdef _hls_swarm {" ".join(PROGRAMS)}; fi
"""


def _zsh_specs(command: Described) -> str:
    specs = []
    for flag in _flags(command):
        many = "*" * flag.is_repeatable
        for spelling in _spellings(flag):
            about = f"[{_zsh_text(_first_sentence(flag.help)).replace('[', '(').replace(']', ')')}]"
            if flag.kind is Kind.SWITCH:
                specs.append(f"{many}--{spelling}{about}")
            else:
                specs.append(f"{many}--{spelling}={about}:{_zsh_text(flag.placeholder)}:{_zsh_action(flag)}")
    specs.append(f"--help[Show this and exit]::topic:({' '.join((*topics(command.all_flags), ALL))})")
    specs.append("*:run:_files -/" if _takes_runs(command) else "*:URL:_urls")
    return " ".join(map(shlex.quote, specs))


def _zsh_action(flag: Flag) -> str:
    if flag.placeholder == "FILE":
        return "_files"
    if flag.placeholder in {"FOLDER", "RUN"}:
        return "_files -/"
    return f"({' '.join(values)})" if (values := _values(flag)) else " "


def _zsh_text(text: str) -> str:
    return text.replace("\\", "").replace(":", "\\:")


def _fish(commands: Sequence[Described]) -> str:
    others = [command.name for command in commands if command.name != _DEFAULT] + list(_OF_HELP)
    lines = ["# fish completion of hls-swarm; made by `hls-swarm completion fish`"]
    begun = f"__fish_seen_subcommand_from {' '.join(others)}"
    for program in PROGRAMS:
        base = f"complete -c {program}"
        lines.append(f"{base} -f")
        for name, text in ((each.name, each.help) for each in commands):
            lines.append(f"{base} -n __fish_use_subcommand -a {name} -d {_fish_text(text)}")
        for name, text in _OF_HELP.items():
            lines.append(f"{base} -n __fish_use_subcommand -a {name} -d {_fish_text(text)}")
        lines.append(f"{base} -n '__fish_seen_subcommand_from completion' -a {_fish_text(' '.join(SHELLS))}")
        names = " ".join(command.name for command in commands)
        lines.append(f"{base} -n '__fish_seen_subcommand_from help' -a {_fish_text(names)}")
        for command in commands:
            when = f"not {begun}" if command.name == _DEFAULT else f"__fish_seen_subcommand_from {command.name}"
            for flag in _flags(command):
                lines += [f"{base} -n {_fish_text(when)} {line}" for line in _fish_flag(flag)]
            if _takes_runs(command):
                lines.append(f"{base} -n {_fish_text(when)} -a '(__fish_complete_directories)'")
    return "\n".join(lines) + "\n"


def _fish_flag(flag: Flag) -> Iterable[str]:
    about = _fish_text(_first_sentence(flag.help))
    for spelling in _spellings(flag):
        if flag.kind is Kind.SWITCH:
            yield f"-l {spelling} -d {about}"
        elif flag.placeholder == "FILE":
            yield f"-l {spelling} -r -F -d {about}"
        elif flag.placeholder in {"FOLDER", "RUN"}:
            yield f"-l {spelling} -x -a '(__fish_complete_directories)' -d {about}"
        else:
            words = f" -a {_fish_text(' '.join(_values(flag)))}" if _values(flag) else ""
            yield f"-l {spelling} -x{words} -d {about}"


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS: Mapping[str, Callable[[Sequence[Described]], str]] = MappingProxyType(
    {"bash": _bash, "zsh": _zsh, "fish": _fish}
)
"""What makes the script of each."""
