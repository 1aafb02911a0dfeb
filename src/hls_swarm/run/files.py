"""The files that a run leaves where it was told to: the summary, and the reports as `hls-swarm report` makes them."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from hls_swarm.errors import RunError
from hls_swarm.judge.report import Report
from hls_swarm.results.files import replace_whole
from hls_swarm.settings.run import Settings
from hls_swarm.settings.sections.outputs import REPORTS


def write_file(field: str, target: str | None, data: bytes) -> str | None:
    """Write a file that was asked for, a new one whole or not at all; gives what went wrong, in words."""
    if target is None:
        return None
    try:
        if target == "-":
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif os.path.lexists(target):
            Path(target).write_bytes(data)  # it may be a link, a pipe or a device: what it is stays
        else:
            replace_whole(Path(target), data)
    except OSError as error:
        place = "standard output" if target == "-" else target
        return f"--{field}: it could not be written to {place}: {(error.strerror or str(error)).lower()}"
    return None


def write_reports(settings: Settings, folder: Path | None) -> list[str]:
    """Write the reports that the settings ask for, from the run's folder; gives what went wrong, in words."""
    wanted = {name: target for name in REPORTS if (target := getattr(settings, name)) is not None}
    if not wanted:
        return []
    if folder is None:
        return [f"--{name}: there is no run folder that it could be made of" for name in wanted]
    from hls_swarm.results.reader import read_run  # most runs ask for none of them

    try:
        report = read_run(folder)
    except RunError as error:
        return [f"--{name}: {error}" for name in wanted]
    troubles = (write_file(name, target, _MAKERS[name](report)) for name, target in wanted.items())
    return [trouble for trouble in troubles if trouble is not None]


def _html(report: Report) -> bytes:
    from hls_swarm.views.html.page import report_html  # takes 0.1 s to import, for those who want it

    return report_html(report).encode()


def _junit(report: Report) -> bytes:
    from hls_swarm.views.files.junit import report_junit

    return report_junit(report)


def _markdown(report: Report) -> bytes:
    from hls_swarm.views.files.markdown import report_markdown

    return report_markdown(report).encode()


def _csv(report: Report) -> bytes:
    from hls_swarm.views.files.csv import timeline_csv

    return timeline_csv(report).encode()


_MAKERS: Mapping[str, Callable[[Report], bytes]] = MappingProxyType(
    {"html": _html, "junit": _junit, "markdown": _markdown, "csv": _csv}
)
