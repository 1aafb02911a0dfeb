"""The command line: flags, environment and settings file to settings; errors to exit codes.

- `process`: what holds for the process as a whole: signals before there is a run, standard streams, its end.
- `flags`: how a flag is written, and what it means (pure).
- `sources`: flags, environment and file, in this order of precedence, to one settings object.
- `commands`: the commands with their flags.
- `help`: what the program says of itself: help, version.
- `entry`: turns every mistake into one line and an exit code.

This module imports nothing heavy: a signal that comes while the rest is imported must find its handler.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hls_swarm.cli.process import run_as_process

if TYPE_CHECKING:
    from hls_swarm.cli.actions import Actions

__all__ = ["main", "main_by_old_name"]


def main(
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    actions: "Actions | None" = None,
    *,
    old_name: bool = False,
) -> int:
    """Run the command line and give the exit code.

    Args:
        argv: arguments without the program's name. Without them this is the process that a person started: its own are
            taken, and its end is the end of this call.
        environ: environment variables; by default the process's.
        actions: what the commands start.
        old_name: whether the program was called as the first implementation was.
    """

    def command() -> int:
        from hls_swarm.cli.actions import ACTIONS
        from hls_swarm.cli.entry import main as run

        return run(
            sys.argv[1:] if argv is None else argv,
            os.environ if environ is None else environ,
            ACTIONS if actions is None else actions,
            old_name=old_name,
        )

    return run_as_process(command) if argv is None else command()


def main_by_old_name() -> int:
    """Run the process's own command line as go-ffmpeg-hls-swarm: its flags, its defaults, ffmpeg viewers."""
    return main(old_name=True)
