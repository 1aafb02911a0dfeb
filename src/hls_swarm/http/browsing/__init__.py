"""Requests as a browser makes them for a page's script: fields of its own, preflights, answers that it withholds."""
