"""What demo, origin and attach need to know beside, or in place of, the settings of a run."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from hls_swarm.settings.checks import SettingValueError, check_file_name, check_host_names, check_port
from hls_swarm.settings.kinds import Seconds
from hls_swarm.settings.spellings import format_duration


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What the demo needs to know beside a run."""

    limit: tuple[str, ...] = ()
    """Search for the capacity of an origin that has only so much of something, for up to three minutes: bandwidth=2.5m
    (bytes a second), requests=40 (a second), connections=50, cpu=40ms (for each segment); repeatable. With viewer=400k
    or answer=500k (bytes a second for each viewer, or each body) alone there is no search."""


@dataclass(frozen=True, kw_only=True)
class OriginOptions:
    """What the embedded origin needs to know."""

    port: int = 17080
    """Port to listen on; 0 takes any free one."""

    listen: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets other machines in."""

    access_log: str | None = None
    """Write one line per request to this file; - is standard output."""

    allow_host: tuple[str, ...] = ()
    """Further name under which the control pages may be asked for, beside the address and localhost; repeatable."""

    segment_seconds: int = 2
    """Length of a segment in seconds: 2, 4 or 8."""

    window: int = 6
    """Segments in the live playlists."""

    dvr_window: int = 150
    """Segments in the live playlists of /dvr."""

    low_latency: bool = False
    """Also serve a low-latency stream, /ll: parts, blocking reloads, preload hints, delta updates."""

    part: Seconds = 0.333
    """Length of its parts, 200ms to 1s: what fits into a segment and into whole frames, and is nearest."""

    tls: bool = False
    """Take TLS on the same port as well, HTTP/2 in it where a client offers that: with a certificate that is made for
    this and named at the start, or with --certificate."""

    certificate: str | None = None
    """Certificate in PEM to be known by over TLS, with those that signed it."""

    key: str | None = None
    """Its private key in PEM, if that is in another file."""

    limit: tuple[str, ...] = ()
    """Something that there is only so much of: bandwidth=2.5m (bytes a second), requests=40 (a second), connections=50,
    cpu=20ms (for each segment), viewer=400k (bytes a second for each viewer; viewer=1m/20s:125k changes after 20 s),
    answer=500k (for each body); repeatable."""

    fault: tuple[str, ...] = ()
    """Something that goes wrong on purpose, such as status=503,rate=0.1 or pause=10s,after=1m; repeatable. While the
    origin runs: /control/set/FAULT, /control/clear."""

    cors: str = "any"
    """Which pages' scripts may read answers: any, none or an origin, and with commas credentials, max-age=10s,
    no-max-age, and what is wrong: no-preflight, no-headers, no-expose, twice."""

    steering: str = "CDN-A,CDN-B"
    """What the steering manifest of /steered says: pathways in the order in which they are preferred, and with commas
    ttl=10s, clone=NEW:BASE[:HOST], no-reload-uri, version=2. While the origin runs: /control/steer/SAYS."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        check_port("port", self.port, lowest=0)
        if not self.listen:
            raise SettingValueError("listen", "needs an address such as 127.0.0.1")
        if self.access_log is not None:
            check_file_name("access_log", self.access_log)
        check_host_names("allow_host", self.allow_host)
        for field, file in (("certificate", self.certificate), ("key", self.key)):
            if file is not None:
                check_file_name(field, file)
        if self.key is not None and self.certificate is None:
            raise SettingValueError("key", "needs --certificate")
        if self.segment_seconds not in {2, 4, 8}:
            raise SettingValueError("segment_seconds", f"must be 2, 4 or 8, not {self.segment_seconds}")
        for field, most in (("window", 1000), ("dvr_window", 10_000)):
            if not 3 <= getattr(self, field) <= most:
                raise SettingValueError(field, f"must be from 3 to {most}, not {getattr(self, field)}")
        if not 0.2 <= self.part <= 1.0:
            raise SettingValueError("part", f"must be from 200ms to 1s, not {format_duration(self.part)}")


@dataclass(frozen=True, kw_only=True)
class AttachOptions:
    """What is needed to look at a run elsewhere."""

    url: str
    """Page of the run, such as http://10.0.0.7:17091; without a port, 17091."""

    tui: bool | None = None
    """Show the dashboard; by default where there is a terminal for it."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        try:
            parts = urlsplit(self.url if "://" in self.url else f"http://{self.url}")
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or any(not each.isprintable() or each.isspace() for each in self.url):
            raise SettingValueError("url", "must be an http or https URL, such as http://10.0.0.7:17091")
