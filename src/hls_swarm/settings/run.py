"""Frozen, validated settings: what the command line, the environment and the settings file all end in.

Rules:

- Each topic has a module in `sections`. A field's docstring is its help text; the topics below, and in each the order
  of its fields, are the order of the help.
- A field's name with dashes is its flag and its key in the settings file; in capitals after `HLS_SWARM_`, its
  variable. Whoever reports a mistake knows where the value came from, so a mistake names the field.
- Every value is checked when the object is made, before anything starts: by its own topic first, then here what
  several topics have to do with. What needs the file system or the network to be checked is not checked here: these
  modules are pure.
- Durations are float seconds, marked `Seconds`; only what a person writes and reads has units.
- Headers, the `user:password@` of a URL and the command of `on_end` are secrets: no message, `repr` or copy for a
  report carries them.
"""

from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlsplit

from hls_swarm.settings.checks import MASK, SettingValueError, check_spelling, masked_header, masked_url
from hls_swarm.settings.network import parse_override
from hls_swarm.settings.sections.connections import Connections
from hls_swarm.settings.sections.ffmpeg import Ffmpeg
from hls_swarm.settings.sections.judging import Judging
from hls_swarm.settings.sections.load import Load
from hls_swarm.settings.sections.machines import Machines
from hls_swarm.settings.sections.origin_metrics import OriginFigures
from hls_swarm.settings.sections.outputs import Outputs
from hls_swarm.settings.sections.requests import Requests
from hls_swarm.settings.sections.viewing import Viewing
from hls_swarm.settings.sections.watching import Watching
from hls_swarm.settings.spellings import BROWSER_PROFILES, parse_mix, parse_weighted_url


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(
    # A dataclass has the fields of its last base first: read from the bottom, these are the topics in order.
    OriginFigures,
    Watching,
    Judging,
    Outputs,
    Ffmpeg,
    Connections,
    Requests,
    Viewing,
    Machines,
    Load,
):
    """Everything one load test needs to know. Durations are seconds."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        self._check_load()
        self._check_machines()
        self._check_viewing()
        self._check_requests()
        self._check_connections()
        self._check_ffmpeg()
        self._check_outputs()
        self._check_judging()
        self._check_watching()
        self._check_origin_metrics()
        self._check_engines()
        self._check_browser()
        self._check_urls()
        if self.is_spread and self.check:
            raise SettingValueError("check", "runs one viewer here: leave out --agents, --hosts and --cluster")

    def __repr__(self) -> str:
        """All fields, secrets masked."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in vars(self.without_secrets()).items())})"

    @property
    def urls(self) -> tuple[str, ...]:
        """What viewers are told to play."""
        return (self.url, *(parse_weighted_url(text)[0] for text in self.zap_url))

    def without_secrets(self) -> "Settings":
        """The same settings for files, logs and reports: header values and `user:password@` of URLs masked."""
        return replace(
            self,
            url=masked_url(self.url),
            zap_url=tuple(masked_url(text) for text in self.zap_url),
            origin_metrics=None if self.origin_metrics is None else masked_url(self.origin_metrics),
            nginx_metrics=None if self.nginx_metrics is None else masked_url(self.nginx_metrics),
            proxy=None if self.proxy is None else masked_url(self.proxy),
            cmcd_collector=None if self.cmcd_collector is None else masked_url(self.cmcd_collector),
            header=tuple(masked_header(line) for line in self.header),
            origin_metrics_header=tuple(masked_header(line) for line in self.origin_metrics_header),
            prometheus=None if self.prometheus is None else masked_url(self.prometheus),
            remote_write=None if self.remote_write is None else masked_url(self.remote_write),
            remote_write_header=tuple(masked_header(line) for line in self.remote_write_header),
            on_end=None if self.on_end is None else MASK,
        )

    def _check_engines(self) -> None:
        """What viewers that are ffmpeg processes can not do."""
        if self.has_ffmpeg_viewers:
            if self.access_rate is not None:
                raise SettingValueError("access_rate", "can not hold ffmpeg viewers: they read as fast as they can")
            if self.only_host:
                raise SettingValueError("only_host", "can not hold ffmpeg viewers: they ask whom a playlist names")
        if self.cmcd is not None:
            if all(name == "ffmpeg" for name, _ in parse_mix(self.profile)):
                raise SettingValueError("cmcd", "is nothing that ffmpeg sends: add another player to --profile")
            if not self.has_native_viewers:
                raise SettingValueError("cmcd", "is nothing that ffmpeg sends: add native viewers to --engine")

    def _check_browser(self) -> None:
        if self.browser_origin is None:
            return
        names = [name for name, _ in parse_mix(self.profile)]
        if not BROWSER_PROFILES.intersection(names):
            raise SettingValueError(
                "browser_origin",
                f"needs a player that runs in a browser, which {', '.join(names)} does not: "
                f"add one to --profile, such as {min(BROWSER_PROFILES)}",
            )
        if not self.has_native_viewers:
            raise SettingValueError(
                "browser_origin", "has no browser to be for with --engine ffmpeg: add native viewers"
            )

    def _check_http3(self) -> None:
        for url in self.urls:
            if not url.lower().startswith("https://"):
                raise SettingValueError(
                    "http", f"3 is spoken over TLS only: ask for https:// instead of {masked_url(url)}"
                )
        if self.proxy is not None:
            raise SettingValueError("http", "3 can not go through a --proxy, which knows no UDP: leave it to auto")
        if not self.has_native_viewers:
            raise SettingValueError("http", "3 is nothing that ffmpeg speaks: add native viewers to --engine")

    def _check_urls(self) -> None:
        """What depends on the URL that is asked for."""
        for field, text in (("url", self.url), ("user_agent", self.user_agent), ("header", "\n".join(self.header))):
            if "{token}" in text and self.token_file is None:
                raise SettingValueError(field, "has {token} in it, which stands for a line of --token-file: name one")
        if self.http == "2" and self.proxy is not None and not self.url.lower().startswith("https://"):
            raise SettingValueError("http", "2 without TLS can not go through a --proxy: leave it to auto")
        if self.http == "3":
            self._check_http3()
        host = urlsplit(self.url).hostname or ""
        for text in self.resolve:
            check_spelling("resolve", partial(parse_override, host=host), text)
