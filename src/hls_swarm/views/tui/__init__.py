"""The dashboard: everything about the run on one terminal screen.

A `Snapshot` becomes a `Picture` (`picture`), each panel draws its part of it as lines of text (`lines`), and the
screen lays the panels out by its size. Nothing here reads a clock, a file or a socket.
"""
