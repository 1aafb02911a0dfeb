"""The composition root: builds the parts of a run, connects them, stops them.

- `attach`: shows a run of another process.
- `commands`: what the command line starts.
- `capacity`: follows a search with a run.
- `controller`: follows one run from its start to its end.
- `pushing`: sends a run's figures to where they are kept.
- `signals`: Ctrl-C and SIGTERM.
"""

from hls_swarm.run.commands import capacity, demo, origin, run

__all__ = ["capacity", "demo", "origin", "run"]
