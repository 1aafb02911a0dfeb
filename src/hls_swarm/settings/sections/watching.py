"""Where figures and log lines go while a run is on."""

from dataclasses import dataclass
from typing import Literal, get_args

from hls_swarm.settings.checks import (
    SettingValueError,
    check_choice,
    check_headers,
    check_host_names,
    check_url,
    header_field,
    listen_address,
)
from hls_swarm.settings.kinds import Lines

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Watching:
    """The live page, the endpoint, what is sent elsewhere, and the log."""

    metrics: str | None = None
    """Address of the live page and the Prometheus endpoint, empty or off for none; by default 127.0.0.1:17091 if that
    is free."""

    allow_host: tuple[str, ...] = ()
    """Further name under which the live page and the Prometheus endpoint may be asked for, beside its address,
    localhost and this machine's name; repeatable."""

    remote_write: str | None = None
    """Send the endpoint's figures to this URL by Prometheus' remote write, every 5 s and at the end: for runs that are
    over before anybody scrapes them."""

    remote_write_header: Lines = ()
    """Header field of these requests, such as 'Authorization: Bearer ...'; repeatable."""

    otlp: bool = False
    """Send the same by OTLP over HTTP, to where OTEL_EXPORTER_OTLP_ENDPOINT says; needs the extra otlp."""

    prom_client_metrics: bool = False
    """Export metrics of single viewers too, of the 50 worst at most."""

    log_format: LogFormat = "text"
    """How log lines on standard error are written."""

    log_level: LogLevel = "warning"
    """From which level on log lines go to standard error; the run folder has all from info on."""

    @property
    def remote_write_headers(self) -> tuple[tuple[str, str], ...]:
        """The extra header fields of remote write as name and value."""
        return tuple(header_field(line) for line in self.remote_write_header)

    def _check_watching(self) -> None:
        if self.metrics and self.metrics != "off":
            listen_address(self.metrics)
        check_host_names("allow_host", self.allow_host)
        check_headers("remote_write_header", self.remote_write_header)
        if self.remote_write is not None:
            check_url("remote_write", self.remote_write)
        elif self.remote_write_header:
            raise SettingValueError("remote_write_header", "needs --remote-write: there is nobody to send it to")
        check_choice("log_format", self.log_format, get_args(LogFormat))
        check_choice("log_level", self.log_level, get_args(LogLevel))
