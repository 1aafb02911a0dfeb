"""Runs viewers: worker processes, the shell around each viewer, and the controller's end of both."""
