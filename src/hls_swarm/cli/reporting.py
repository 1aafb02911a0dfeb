"""What the commands `report`, `compare` and `runs` take, and do: read run folders, write what views make of them."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hls_swarm.errors import RunError
from hls_swarm.exit_codes import ExitCode
from hls_swarm.foreign import one_line, visible
from hls_swarm.settings.checks import SettingValueError, check_file_name, check_spelling
from hls_swarm.settings.spellings import parse_share

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hls_swarm.judge.report import Report

WORSE = ExitCode.FAIL
"""Exit code of a comparison that fails, as of a threshold that is crossed."""
NOT_COMPARABLE = ExitCode.INCOMPARABLE
"""Exit code of one that says nothing."""


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report needs to know."""

    run: str = ""
    """Folder of the run, or the name or its end of one in runs; by default the newest."""

    html: str | None = None
    """Write the report as one HTML file that opens offline."""

    json: bool = False
    """Print the summary as JSON; of a search for capacity its answer."""

    junit: str | None = None
    """Write JUnit XML to this file; - is standard output."""

    markdown: bool = False
    """Print the report as Markdown, for a pull request or a job's summary."""

    csv: bool = False
    """Print the timeline as CSV: one line a second, one column a metric."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        _check_files({"html": self.html, "junit": self.junit})
        printed = [name for name in ("json", "markdown", "csv") if getattr(self, name)]
        printed += ["junit"] * (self.junit == "-") + ["html"] * (self.html == "-")
        if len(printed) > 1:
            raise SettingValueError(printed[1], f"and --{printed[0]} both print: ask for one of them")


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What a comparison needs to know."""

    runs: tuple[str, ...] = ()
    """Folders of the runs, the baseline first."""

    html: str | None = None
    """Write the comparison as one HTML file that opens offline."""

    markdown: bool = False
    """Print the comparison as Markdown, for a pull request or a job's summary."""

    all: bool = False
    """Show every metric, also what does not differ."""

    baseline: tuple[str, ...] = ()
    """A further baseline: a metric is worse only if it is worse than in each of them; repeatable."""

    metric: tuple[str, ...] = ()
    """A metric that judges, in place of those of the viewers; * stands for any part, as in 'segment_*'; repeatable."""

    ignore: tuple[str, ...] = ()
    """A metric that does not judge, written like one of --metric; repeatable."""

    worse_than: str = "5%"
    """How much worse a median or P95 must be to matter."""

    fail_if_worse: bool = False
    """Exit with code 99 if a metric is worse than in the baseline or the run is an error, with 4 if the two can not be
    compared."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        if len(self.runs) < 2:
            raise SettingValueError("runs", "a comparison needs a baseline and at least one other run")
        _check_files({"html": self.html})
        if self.markdown and self.html == "-":
            raise SettingValueError("html", "and --markdown both print: ask for one of them")
        check_spelling("worse_than", parse_share, self.worse_than)
        from hls_swarm.judge.comparing.compare import check_pattern

        for field in ("metric", "ignore"):
            for text in getattr(self, field):
                check_spelling(field, check_pattern, text)


@dataclass(frozen=True, kw_only=True)
class RunsOptions:
    """What a list of runs needs to know."""

    folder: str = "runs"
    """Folder that the runs are in."""

    json: bool = False
    """Print the list as JSON."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        check_file_name("folder", self.folder)


def report(options: ReportOptions) -> int:
    """Report on one run; gives the exit code, which does not depend on the verdict.

    Raises:
        RunError: the run can not be read, or a file not written.
    """
    from hls_swarm.judge.summary import to_json
    from hls_swarm.results.reader import find_run, read_run
    from hls_swarm.views.files.csv import timeline_csv
    from hls_swarm.views.files.junit import report_junit
    from hls_swarm.views.files.markdown import report_markdown

    found = read_run(find_run(options.run))
    _warn(found)
    if options.html is not None:
        from hls_swarm.views.html.page import report_html

        _write("--html", options.html, report_html(found).encode())
    if options.junit is not None:
        _write("--junit", options.junit, report_junit(found))
    if options.json:
        _print(to_json(found.summary if found.capacity is None else found.capacity))
    elif options.markdown:
        _print(report_markdown(found).encode())
    elif options.csv:
        _print(timeline_csv(found).encode())
    elif options.html is None and options.junit is None:
        from hls_swarm.views.terminal.report import report_text

        _show(report_text(found))
    return 0


def compare(options: CompareOptions) -> int:
    """Compare runs with the first of them; gives the exit code.

    Raises:
        RunError: a run can not be read, or a file not written.
    """
    from hls_swarm.judge.comparing.compare import Conclusion, Judging, compare_with_all
    from hls_swarm.results.reader import find_run, read_run
    from hls_swarm.views.files.markdown import comparison_markdown

    first, *candidates = [read_run(find_run(run)) for run in options.runs]
    baselines = [first, *(read_run(find_run(run)) for run in options.baseline)]
    for each in (*baselines, *candidates):
        _warn(each)
    judging = Judging(options.metric, options.ignore, parse_share(options.worse_than))
    comparisons = [compare_with_all(baselines, candidate, judging) for candidate in candidates]
    if options.html is not None:
        from hls_swarm.views.html.page import comparison_html

        _write("--html", options.html, comparison_html(comparisons).encode())
    if options.markdown:
        _print(comparison_markdown(comparisons, everything=options.all).encode())
    elif options.html != "-":
        from hls_swarm.views.terminal.report import comparison_text

        _show(comparison_text(comparisons, everything=options.all))
    conclusions = {comparison.conclusion for comparison in comparisons} if options.fail_if_worse else set()
    if Conclusion.WORSE in conclusions:
        return WORSE
    return NOT_COMPARABLE if Conclusion.NOT_COMPARABLE in conclusions else 0


def runs(options: RunsOptions) -> int:
    """List runs, the newest first; gives the exit code."""
    from hls_swarm.results.reader import list_runs

    found = list_runs(Path(options.folder))
    if options.json:
        from hls_swarm.judge.summary import known, to_json

        rows = [
            {
                "folder": visible(str(entry.folder)),
                "name": entry.name,
                "url": entry.url,
                "started_at": entry.started_at,
                "elapsed_seconds": entry.elapsed_seconds,
                "viewers": entry.viewers,
                "status": entry.status.value,
                "verdict": entry.verdict,
                "reason": entry.reason,
                "damage": list(entry.damage) or None,
            }
            for entry in found
        ]
        _print(to_json(known(rows)))
        return 0
    from hls_swarm.snapshot import units
    from hls_swarm.views.tables import Table
    from hls_swarm.views.terminal.grid import grid

    if not found:
        _show(f"No runs in {options.folder}.")
        return 0
    rows_of_words = [
        (
            visible(entry.folder.name),
            entry.verdict.value if entry.verdict is not None else entry.status.value,
            units.count(entry.viewers),
            units.seconds(entry.elapsed_seconds),
            entry.url,
            entry.reason,
        )
        for entry in found
    ]
    columns = ("Run", "Verdict", "Viewers", "Lasted", "Stream", "Why")
    _show(grid(Table("Run", columns, rows_of_words, figures=False)))
    return 0


def _warn(found: "Report") -> None:
    """Say what of a run's files is damaged, whatever the report looks like."""
    with suppress(OSError):  # nobody may be there to read it
        for text in found.damage:
            sys.stderr.write(f"hls-swarm: warning: {one_line(f'{found.folder}: {text}')}\n")
        sys.stderr.flush()


def _check_files(named: dict[str, str | None]) -> None:
    for field, name in named.items():
        if name is not None:
            check_file_name(field, name)


def _write(flag: str, target: str, content: bytes) -> None:
    if target == "-":
        _print(content)
        return
    try:
        Path(target).write_bytes(content)
    except OSError as error:
        raise RunError(f"{flag}: {target} can not be written: {(error.strerror or str(error)).lower()}") from error


def _print(content: bytes) -> None:
    sys.stdout.flush()
    output: IO[bytes] = sys.stdout.buffer
    output.write(content)
    output.flush()


def _show(renderable: "RenderableType") -> None:
    from hls_swarm.views.terminal.output import WIDE, Output

    output = Output(sys.stdout, None if sys.stdout.isatty() else WIDE)
    output.show(renderable)
    if output.trouble is not None:
        raise output.trouble
