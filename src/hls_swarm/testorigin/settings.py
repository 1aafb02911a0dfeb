"""What the embedded origin can be told, and the addresses that it tells."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from hls_swarm.errors import SettingsError

USUAL_PORT = 17080
LIVE_PREFIX = "/live"
MULTIVARIANT_PATH = f"{LIVE_PREFIX}/master.m3u8"
LOW_LATENCY_PREFIX = "/ll"
LOW_LATENCY_PATH = f"{LOW_LATENCY_PREFIX}/master.m3u8"
METRICS_PATH = "/metrics"
NODE_METRICS_PATH = "/metrics/node"
NGINX_METRICS_PATH = "/metrics/nginx"
CONTROL_PREFIX = "/control"
HIGHEST_PORT = 65_535


class LogTo(StrEnum):
    """Places for the access log that are no path."""

    FOLDER = "folder"
    STDOUT = "-"
    NOWHERE = "none"


AccessLogPlace = Path | LogTo


def access_log_place(text: str) -> AccessLogPlace:
    """Where a flag says the access log goes: `-` is standard output, `none` nowhere, anything else a file."""
    return Path(text) if text not in {LogTo.STDOUT, LogTo.NOWHERE} else LogTo(text)


@dataclass(frozen=True, kw_only=True)
class OriginSettings:
    """How the origin serves and what.

    Attributes:
        listen: numeric address or name of one interface.
        port: exactly this one, 0 for any free one; None is the usual one, or a free one if that is taken.
        access_log: a file to append to, or a place that is no file; by default a file in a folder of its own that is
            removed at the end.
        segment_seconds: 2, 4 or 8: a whole number of the clip's parts.
        window: segments in a media playlist.
        max_connections: more clients wait in the kernel's backlog until others have gone; by default as many as this
            process may have descriptors for, less those that the stream needs.
        first_segment: number of the first segment; its timestamps begin there, too.
        dvr_window: segments in the media playlists of `/dvr`.
        allowed_hosts: further names under which the control pages may be asked for.
        faults: what goes wrong from the beginning, as `faults.parse_fault` reads it.
        limits: what it has so much of and no more, as `limits.parse_limit` reads it.
        cors: which scripts may read answers, as `cors.parse_cors` reads it; empty: those of every page.
        steering: what the steering manifest says, as `steering.parse_steer` reads it.
        head_seconds: how long a request head may take, from its first byte.
        idle_seconds: how long a connection may stay without a request.
        stalled_seconds: how long a client may take nothing of an answer.
        grace_seconds: how long answers under way may take when the origin stops.
        part_seconds: there is a low-latency stream, too, with parts about so long; None: there is none.
        tls: the port takes TLS as well, with a certificate that it makes for itself unless it is given one.
        certificate, key: files in PEM; with a certificate there is TLS.
    """

    listen: str = "127.0.0.1"
    port: int | None = None
    access_log: AccessLogPlace = LogTo.FOLDER
    segment_seconds: int = 2
    window: int = 6
    max_connections: int | None = None
    first_segment: int = 0
    dvr_window: int = 150
    allowed_hosts: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    cors: str = ""
    steering: str = "CDN-A,CDN-B"
    head_seconds: float = 10.0
    idle_seconds: float = 75.0
    stalled_seconds: float = 60.0
    grace_seconds: float = 2.0
    part_seconds: float | None = None
    tls: bool = False
    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse what can not work.

        Raises:
            SettingsError: naming the setting.
        """
        if self.port is not None and not 0 <= self.port <= HIGHEST_PORT:
            raise SettingsError(f"port is {self.port}; it must be between 0 (any free one) and {HIGHEST_PORT}")
        if self.segment_seconds not in {2, 4, 8}:
            raise SettingsError(f"segment duration is {self.segment_seconds} s; the clip can be cut into 2, 4 or 8 s")
        if not 3 <= self.window <= 1000:
            raise SettingsError(f"window is {self.window}; a live playlist needs 3 to 1000 segments")
        if not 3 <= self.dvr_window <= 10_000:
            raise SettingsError(f"DVR window is {self.dvr_window}; it needs 3 to 10000 segments")
        if self.max_connections is not None and self.max_connections < 1:
            raise SettingsError(f"at most {self.max_connections} connections are no origin")
        if self.first_segment < 0:
            raise SettingsError(f"first segment is {self.first_segment}; media sequence numbers begin at 0")
        if min(self.head_seconds, self.idle_seconds, self.stalled_seconds) <= 0 or self.grace_seconds < 0:
            raise SettingsError("time limits of the origin must be more than 0 s")
        if self.key and not self.certificate:
            raise SettingsError("a key needs its certificate")
        if self.part_seconds is not None and not 0.2 <= self.part_seconds <= 1.0:
            raise SettingsError(f"parts of {self.part_seconds:g} s: the clip can be cut into parts of 200 ms to 1 s")


class OriginAddress(msgspec.Struct, frozen=True):
    """Where a running origin is to be found.

    Attributes:
        access_log: the log's file; None if it goes elsewhere.
        folder: the origin's own temporary folder, if it has one.
        pid: its process.
        has_low_latency: whether it has a low-latency stream.
        has_tls: whether it takes TLS on the same port.
        certificate: file of the certificate that it made for itself, for clients to trust.
    """

    host: str
    port: int
    pid: int
    access_log: str | None = None
    folder: str | None = None
    has_low_latency: bool = False
    has_tls: bool = False
    certificate: str | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        """Temporary folders of its own."""
        made = () if self.certificate is None else (str(Path(self.certificate).parent),)
        return made if self.folder is None else (self.folder, *made)

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def tls_url(self) -> str | None:
        """The same over TLS, if there is that."""
        return self.base_url.replace("http", "https", 1) if self.has_tls else None

    @property
    def stream_url(self) -> str:
        """The live stream's multivariant playlist."""
        return self.base_url + MULTIVARIANT_PATH

    @property
    def low_latency_url(self) -> str | None:
        """The low-latency stream's multivariant playlist, if there is one."""
        return self.base_url + LOW_LATENCY_PATH if self.has_low_latency else None

    @property
    def node_metrics_url(self) -> str:
        """What the machine says of itself, under node_exporter's names."""
        return self.base_url + NODE_METRICS_PATH

    @property
    def nginx_metrics_url(self) -> str:
        """What the server says of itself, under the names of nginx exporters."""
        return self.base_url + NGINX_METRICS_PATH


def encode_settings(settings: OriginSettings) -> bytes:
    """Settings as one line of JSON, for another process."""
    place = settings.access_log
    text = str(place.absolute()) if isinstance(place, Path) else place.value
    fields = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return msgspec.json.encode(fields | {"access_log": text})


def decode_settings(line: bytes | str) -> OriginSettings:
    """Settings from `encode_settings`; what is left out has its default.

    Raises:
        SettingsError: not a JSON object, an unknown name, or a value that does not fit.
    """
    try:
        wire = msgspec.structs.asdict(msgspec.json.decode(line, type=_Wire))
    except msgspec.MsgspecError as error:
        raise SettingsError(f"settings of the origin: {error}") from error
    text = wire.pop("access_log")
    place = LogTo.FOLDER if text == LogTo.FOLDER else access_log_place(text)
    return OriginSettings(**wire, access_log=place)


# The settings with the log's place as text, since msgspec knows no paths.
_Wire = msgspec.defstruct(
    "_Wire",
    [
        (field.name, str if field.name == "access_log" else field.type, field.default)
        for field in dataclasses.fields(OriginSettings)
    ],
    forbid_unknown_fields=True,
)
