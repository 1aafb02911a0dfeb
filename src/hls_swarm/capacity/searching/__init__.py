"""Which load to try next, and how long that takes."""
