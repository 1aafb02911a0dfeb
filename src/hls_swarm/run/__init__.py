"""The composition root: builds the parts of a run, connects them, stops them.

- `attach`: shows a run of another process.
- `commands`: what the command line starts: a run, a search, the demo; `origin`: the embedded origin.
- `capacity`: follows a search with a run.
- `controller`: follows one run from its start to its end.
- `pushing`: sends a run's figures to where they are kept.
- `signals`: Ctrl-C and SIGTERM.

This module imports nothing: what shows a run or serves an origin does not wait for what makes one.
"""
