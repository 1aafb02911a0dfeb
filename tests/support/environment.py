"""The environment of programs that tests run."""

import os


def clean_environ(*also_without: str) -> dict[str, str]:
    """Ours without anybody's settings, and with what lets any number of runs go on at a time and leaves no folder.

    The size of a terminal is not in it either: pytest's workers have one, and a program on a terminal would believe it.

    Args:
        also_without: further beginnings of names of variables.
    """
    without = ("HLS_SWARM_", "COLUMNS", "LINES", *also_without)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    return {**inherited, "HLS_SWARM_METRICS": "off", "HLS_SWARM_NO_OUTPUT": "true"}
