"""The command line: flags, environment and settings file to settings; errors to exit codes.

- `goflags`: Go's way of writing a flag to the GNU way (pure).
- `flags`: what each field of the settings is on a command line (pure).
- `sources`: flags, environment and file, in this order of precedence, to one settings object.
- `commands`: the commands with their flags and help.
- `entry`: `main`, which turns every mistake into one line and an exit code.
"""

from hls_swarm.cli.entry import main

__all__ = ["main"]
