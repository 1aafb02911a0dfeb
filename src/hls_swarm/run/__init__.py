"""The composition root: builds the parts of a run, connects them, stops them.

- `commands`: what the command line starts, a module for each.
- `capacity`: follows a search with a run.
- `controller`: follows one run from its start to its end.
- `gathering`: gets the agents of a run on several machines together.
- `origin_check`: which exporters are of this machine, and whether all answer that must.
- `pushing`: sends a run's figures to where they are kept.
- `end_hook`: runs the user's command when the run has ended.
- `signals`: Ctrl-C and SIGTERM.

This module imports nothing: what shows a run or serves an origin does not wait for what makes one.
"""
