"""What a run leaves behind: its folder, reports, and what is called at its end."""

from dataclasses import dataclass

from hls_swarm.settings.checks import (
    CONTROL,
    SettingValueError,
    check_file_name,
)

REPORTS = ("html", "junit", "markdown", "csv")
"""Settings that name a file for a report."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Outputs:
    """What is shown and written, and where."""

    check: bool = False
    """Run one viewer for 10s, then say whether stream and exporters are fit for a run, which versions of HTTP were
    spoken, and whether playlists are compressed."""

    tui: bool | None = None
    """Dashboard; by default on a terminal. Without one there are plain lines."""

    json: str | None = None
    """Write the summary as JSON to this file; - is standard output."""

    p1203: str | None = None
    """Write the input of ITU-T P.1203 (mode 0) for the sessions of the first 500 viewers as JSON to this file."""

    html: str | None = None
    """Write the report as one HTML file that opens offline, when the run has ended."""

    junit: str | None = None
    """Write JUnit XML to this file when the run has ended."""

    markdown: str | None = None
    """Write the report as Markdown to this file when the run has ended."""

    csv: str | None = None
    """Write the timeline as CSV to this file when the run has ended: one line a second, one column a metric."""

    output: str | None = None
    """Folder for the run's files, which must be new or empty; by default a new one in runs."""

    no_output: bool = False
    """Write no run folder."""

    on_end: str | None = None
    """Command for the shell when the run has ended and its files are written: the folder is in HLS_SWARM_RUN_FOLDER,
    the verdict in HLS_SWARM_RUN_VERDICT, the summary as JSON on its standard input."""

    name: str = ""
    """Name of the run: ends the name of its folder, and stands in reports."""

    record_requests: bool = False
    """Write every request to Parquet files in the run folder; needs the extra parquet."""

    @property
    def printed(self) -> tuple[str, ...]:
        """What goes to standard output instead of into a file."""
        return tuple(name for name in ("json", *REPORTS) if getattr(self, name) == "-")

    def _check_outputs(self) -> None:
        for field in ("json", *REPORTS):
            if (name := getattr(self, field)) is not None:
                check_file_name(field, name)
        if len(self.printed) > 1:
            raise SettingValueError(self.printed[1], f"and --{self.printed[0]} both print: ask for one of them")
        if self.p1203 is not None:
            check_file_name("p1203", self.p1203)
        if self.output is not None:
            check_file_name("output", self.output)
            if self.output == "-":
                raise SettingValueError("output", "is a folder, which standard output is not")
            if self.no_output:
                raise SettingValueError("output", "names a folder that --no-output forbids: leave out one of them")
        if self.record_requests and self.no_output:
            raise SettingValueError("record_requests", "needs the run folder that --no-output forbids")
        if self.no_output and (asked := [name for name in REPORTS if getattr(self, name) is not None]):
            raise SettingValueError(asked[0], "is made of the run folder that --no-output forbids")
        if self.on_end is not None and (not self.on_end.strip() or "\0" in self.on_end):
            raise SettingValueError("on_end", "needs a command, as one would type it")
        if CONTROL.search(self.name):
            raise SettingValueError("name", "has a line break or control character in it: take it out")
