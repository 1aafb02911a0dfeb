"""What a setting is, where its Python type does not say how a person writes it."""

from typing import Annotated

SECONDS = "seconds"
Seconds = Annotated[float, SECONDS]
"""A duration in seconds; a person writes it as `parse_duration` reads it."""

LINES = "lines"
Lines = Annotated[tuple[str, ...], LINES]
"""Texts that have spaces of their own: several of them in one environment variable are one a line."""

TABLES = "tables"
Tables = Annotated[tuple[str, ...], TABLES]
"""The same, each a JSON object; in the settings file an array of tables."""
