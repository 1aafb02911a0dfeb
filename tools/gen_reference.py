"""Write the reference pages that come from the code: `docs/reference/flags.md`.

python tools/gen_reference.py           write them
python tools/gen_reference.py --check   exit code 1 if one on disk is not what the code says
"""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from hls_swarm.cli.commands import CONFIG, VARIABLE_PREFIX, Command, commands
from hls_swarm.cli.flags import Flag, Kind

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"

_HOW_TO_WRITE = """\
# Flags, variables and settings file

Generated from the code by `tools/gen_reference.py`.

- A long flag may be written `--clients 100`, `--clients=100`, `-clients 100` or `-clients=100`. A switch is turned off
  with `--tui=false` or `-tui=false`. Flags and the URL may come in any order; what follows `--` is no flag.
- Precedence: flag, environment variable, settings file (`--config FILE` or `HLS_SWARM_CONFIG`), default. An empty
  variable counts as not set.
- A repeatable flag is written once for each value; of another flag the last use counts. In the settings file its
  values are an array. In a variable they are separated by white space, headers by line breaks. A source replaces the
  values of the sources below it, it does not add to them.
- A duration is `500ms`, `30s`, `5m`, `1h30m` or `0`, in the settings file in quotes. A number without unit is refused.
- Keys of the settings file may be written with dashes or underscores. A key that does not exist is an error.
- A wrong value ends the program with exit code 2 before anything is started, and one line on standard error that
  names the flag, the variable or the key.

```toml
url = "http://origin/stream.m3u8"
clients = 100
duration = "5m"
header = ["X-Test: load", "Accept-Language: en"]
origin-metrics-host = ["10.0.0.5"]
```
"""


def flags_page() -> str:
    """The page of all flags, by command and section."""
    return "\n".join([_HOW_TO_WRITE, *(part for command in commands().values() for part in _command_part(command))])


def _command_part(command: Command) -> Iterable[str]:
    yield f"## {command.name}\n"
    yield f"{command.help}\n"
    yield f"```\n{command.usage}\n```\n"
    if command.table:
        yield f"Keys of the settings file are in the table `[{command.table}]`.\n"
    for section, flags in groupby(command.flags, key=lambda flag: flag.section):
        yield from _section(section, flags, command.prefix)
    yield from _section(CONFIG.section, (CONFIG,), VARIABLE_PREFIX)


def _section(section: str, flags: Iterable[Flag], prefix: str) -> Iterable[str]:
    yield f"### {section}\n"
    yield "| Flag | Variable | Default | Meaning |"
    yield "|---|---|---|---|"
    for flag in flags:
        default = f"`{flag.default_text}`" if flag.default_text else ""
        yield f"| `{_usage(flag)}` | `{flag.variable(prefix)}` | {default} | {_meaning(flag)} |"
    yield ""


def _usage(flag: Flag) -> str:
    if flag.is_argument or flag.kind is Kind.SWITCH:
        return flag.spelling
    return f"{flag.spelling} {flag.placeholder}"


def _meaning(flag: Flag) -> str:
    text = flag.help.replace("|", "\\|")
    return f"{text} One of {', '.join(f'`{choice}`' for choice in flag.choices)}." if flag.choices else text


def main(arguments: list[str]) -> int:
    """Write or check the pages; gives the exit code."""
    pages = {REFERENCE / "flags.md": flags_page()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            sys.stderr.write(f"{path.name} is not what the code says: run python tools/gen_reference.py\n")
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
