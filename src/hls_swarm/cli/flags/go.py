"""Go's way of writing flags to the GNU way.

Rules:

- Go's flag package knows no short flags: `-clients 100`, `-clients=100`, `--clients 100` and `--clients=100` are one.
- A flag that takes a value takes the next argument whatever it looks like, `-5`, `-x` and `--` included; it is joined
  to its flag with `=`, so that nothing after this can take it for a flag.
- A switch never takes the next argument: `-tui false` is a switch and an argument; `-tui=false` turns it off.
- An unknown flag is rewritten too, so that its near match can be named, and takes nothing.
- `-h`, `-` and what follows `--` are left alone, and so is anything after a dash that does not begin with a letter.
  Unlike Go's, flags after the first argument count (GNU).
"""

import re
from collections.abc import Mapping, Sequence

_LONG_NAME = re.compile(r"--?(?P<name>[A-Za-z][\w.-]+)(?P<value>=.*)?", re.DOTALL)


def normalise_go_flags(argv: Sequence[str], takes_value: Mapping[str, bool]) -> list[str]:
    """The same arguments with every long flag written `--name` or `--name=value`.

    Args:
        argv: arguments, without the program's name.
        takes_value: the long flags' names without dashes; False for a switch.
    """
    out: list[str] = []
    rest = iter(argv)
    for argument in rest:
        if argument == "--":
            return [*out, argument, *rest]
        match = _LONG_NAME.fullmatch(argument)
        if match is None:
            out.append(argument)
            continue
        name, value = match["name"], match["value"]
        if value is None and takes_value.get(name, False):
            following = next(rest, None)
            value = "" if following is None else f"={following}"
        out.append(f"--{name}{value or ''}")
    return out
