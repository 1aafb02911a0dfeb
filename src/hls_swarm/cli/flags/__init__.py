"""How a flag is written, and what it means (pure).

- `fields`: what each field of the settings is on a command line.
- `go`: Go's way of writing a flag to the GNU way.
- `old`: the flags of the first implementation to those of today.
- `meanings`: which flag a word of another tool means.
"""
