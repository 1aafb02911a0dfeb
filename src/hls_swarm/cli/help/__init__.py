"""What the program says of itself, made of the table of commands and their flags.

- `page`: help on a terminal, short or by topic (pure).
- `texts`: examples and notes of each command (pure).
- `completion`: scripts for shells (pure).
- `manual`: the manual page (pure).
- `version`: what a report of a mistake needs to know of the program and the machine below it.
"""
