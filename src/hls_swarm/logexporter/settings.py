"""What the log exporter needs to know."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from hls_swarm.settings.checks import SettingValueError, check_file_name, listen_address

USUAL_ADDRESS = "127.0.0.1:9114"


@dataclass(frozen=True, kw_only=True)
class LogExporterOptions:
    """Where the log comes from and where the page is served."""

    access_log: str | None = None
    """Access log of nginx to follow, written in the documented log_format."""

    syslog: str | None = None
    """UDP address that nginx sends its access log to, such as 127.0.0.1:5140."""

    stub_status: str | None = None
    """URL of nginx's stub_status page, for its connections; best on 127.0.0.1."""

    listen: str = USUAL_ADDRESS
    """Address to serve /metrics on; 0.0.0.0:9114 lets other machines in."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        if self.access_log is None and self.syslog is None:
            raise SettingValueError("access_log", "needs the access log of nginx, or use --syslog")
        if self.access_log is not None:
            check_file_name("access_log", self.access_log)
            if self.access_log == "-":
                raise SettingValueError("access_log", "must be a file that grows, not standard input")
        address_of("listen", self.listen)
        if self.syslog is not None:
            address_of("syslog", self.syslog)
        if self.stub_status is not None:
            parts = urlsplit(self.stub_status)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise SettingValueError("stub_status", "must be a URL such as http://127.0.0.1:8080/stub_status")


def address_of(field: str, text: str) -> tuple[str, int]:
    """Host and port of an address to listen on.

    Raises:
        SettingValueError: naming the field.
    """
    try:
        return listen_address(text)
    except SettingValueError as error:
        raise SettingValueError(field, error.reason) from None
