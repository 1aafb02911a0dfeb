"""Frozen, validated settings: what the command line, the environment and the settings file all end in.

Rules:

- Each field's docstring is its help text, and the order of the fields is the order of the help.
- A field's name with dashes is its flag and its key in the settings file; in capitals after `HLS_SWARM_`, its
  variable. Whoever reports a mistake knows where the value came from, so a mistake names the field.
- Every value is checked when the object is made, before anything starts. What needs the file system or the network to
  be checked is not checked here: this module is pure.
- Durations are float seconds, marked `Seconds`; only what a person writes and reads has units.
- Headers, the `user:password@` of a URL and the command of `on_end` are secrets: no message, `repr` or copy for a
  report carries them.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from hls_swarm.settings.agent import MOST_FIRST_PORT, USUAL_PORT
from hls_swarm.settings.checks import (
    CONTROL,
    MASK,
    MOST_ORIGIN_HOSTS,
    SPACE_OR_CONTROL,
    SettingValueError,
    check_choice,
    check_field_name,
    check_file_name,
    check_finite,
    check_headers,
    check_host,
    check_host_and_port,
    check_host_names,
    check_more_than_zero,
    check_no_repeats,
    check_not_negative,
    check_origin,
    check_port,
    check_spelling,
    check_url,
    check_whole,
    header_field,
    listen_address,
    masked_header,
    masked_url,
)
from hls_swarm.settings.network import parse_override, parse_source_addresses
from hls_swarm.settings.own_signals import OwnSignal, read_own_signal
from hls_swarm.settings.spellings import (
    BROWSER_PROFILES,
    parse_access_rates,
    parse_distribution,
    parse_engines,
    parse_join,
    parse_mix,
    parse_part,
    parse_seek,
    parse_share,
    parse_stage,
    parse_variant,
    parse_weighted_url,
)
from hls_swarm.settings.spellings import format_duration as format_duration
from hls_swarm.settings.spellings import parse_duration as parse_duration

SECONDS = "seconds"
Seconds = Annotated[float, SECONDS]
"""A duration in seconds; a person writes it as `parse_duration` reads it."""

LINES = "lines"
Lines = Annotated[tuple[str, ...], LINES]
TABLES = "tables"
Tables = Annotated[tuple[str, ...], TABLES]
"""Texts that have spaces of their own: several of them in one environment variable are one a line."""

Arrivals = Literal["even", "poisson"]
Latency = Literal["auto", "low", "normal"]
LogFormat = Literal["text", "json"]
Cmcd = Literal["query", "headers"]
HttpVersion = Literal["auto", "1.1", "2"]
ProbeFailure = Literal["fail", "first"]
LogLevel = Literal["debug", "info", "warning", "error"]

REPORTS = ("html", "junit", "markdown", "csv")
"""Settings that name a file for a report."""

_MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """Everything one load test needs to know. Durations are seconds."""

    url: str
    """Multivariant or media playlist to load, http or https."""

    clients: int = 10
    """Number of viewers."""

    ramp_rate: float = 5.0
    """Viewers started per second."""

    ramp_jitter: Seconds = 0.2
    """Each start is moved by a random time up to this, drawn from the seed."""

    arrivals: Arrivals = "even"
    """Spacing of the starts: even with a jitter, or poisson, which --ramp-rate is the mean rate of."""

    stage: tuple[str, ...] = ()
    """A part of a plan, as DURATION:VIEWERS, such as 2m:500; repeatable, one after the other; takes the place of
    --clients."""

    arrival_rate: float | None = None
    """Viewers that come per second, as a Poisson process, in place of --clients; needs --session-length."""

    session_length: str | None = None
    """How long a viewer stays: 5m, uniform:1m:10m, exp:5m (its mean) or lognormal:5m:0.8 (median and sigma). Without
    --arrival-rate the next viewer takes its place."""

    replace_ended: bool = False
    """Let another viewer take the place of one that a fatal error or the end of its stream ended, two seconds later, so
    that the load stays the same."""

    duration: Seconds = 0.0
    """How long to run, ramp included; 0 runs until stopped."""

    seed: int = 1
    """Seed of everything random: the same seed gives the same schedule."""

    workers: int = 0
    """Worker processes; 0 is one per core."""

    agents: int = 0
    """Agents on other machines that run the viewers, started there with hls-swarm agent; waits until so many came."""

    hosts: str | None = None
    """Machines to start agents on over ssh, as HOST,HOST,...; they end with the run."""

    cluster: str | None = None
    """Ray cluster that exists, as HOST:PORT, or auto if this machine is part of one; its other machines run the
    viewers, --agents of them if that is given."""

    cluster_token_file: str | None = None
    """File with the token that controller and agents must both have; --token-file is viewers' tokens."""

    cluster_address: str | None = None
    """Address of this machine that agents reach it by; by default the one that the first of them came to."""

    cluster_port: int = USUAL_PORT
    """Port that agents come to, the first of 30 in a row that this machine listens on."""

    agents_timeout: Seconds = 120.0
    """How long to wait for the agents; then it is said who is missing."""

    share: tuple[str, ...] = ()
    """Parts of the viewers that an agent gets in place of one for each of its cores, as NAME=PARTS; repeatable."""

    respread: bool = False
    """Let the viewers of an agent that is lost come again on the others, once its own load has ended; without it the
    run is invalid then."""

    ssh: str = "ssh -o BatchMode=yes"
    """Command that --hosts uses; the host and the command there follow it."""

    ssh_program: str = "hls-swarm"
    """How hls-swarm is called on the machines of --hosts."""

    variant: str = "highest"
    """Which variant a viewer plays: highest, lowest, first, random, a height such as 720p, or a bitrate such as 3M;
    "all" downloads every variant at once, "auto" adapts to the link as its player does."""

    profile: str = "hlsjs"
    """The player that a viewer behaves like: hlsjs, media3, shaka, ffmpeg or steady; or a mix such as
    hlsjs=70,media3=30."""

    latency: Latency = "auto"
    """How a live stream is played: auto (as its player does: by parts where a low-latency stream offers them), low (by
    parts, and it is told where there are none), or normal (whole segments, no request that the server holds)."""

    access_rate: str | None = None
    """Rate of each viewer's own link, which its requests share: 8M, uniform:2M:20M, exp:8M (its mean), lognormal:8M:0.6
    (median and sigma), trace:FILE (lines of seconds and Mbit/s), or a mix such as 20M=60,lognormal:4M:0.5=40; bits per
    second."""

    strict: bool = False
    """Refuse playlists that the draft (8216bis) has a client refuse, instead of playing what players play."""

    join: str = "live"
    """Where a viewer begins: live (where its player would), start, random, or so far behind the live edge: -10m."""

    loop: bool = False
    """Begin VOD again when it has ended."""

    zap_url: tuple[str, ...] = ()
    """One more stream that viewers may play, as [WEIGHT=]URL; the URL itself has weight 1; repeatable."""

    zap_after: str | None = None
    """After how long a viewer goes to another of the streams: a distribution as --session-length."""

    pause_every: str | None = None
    """Time between a viewer's pauses: a distribution as --session-length."""

    pause_for: str = "10s"
    """Length of a pause: a distribution as --session-length."""

    seek_every: str | None = None
    """Time between a viewer's seeks: a distribution as --session-length."""

    seek_by: str = "random"
    """Where a seek goes: random, or so far from here: -30s or 2m."""

    user_agent: str = ""
    """User-Agent of the viewers; by default hls-swarm and its version."""

    user_agent_file: str | None = None
    """File of User-Agent values, one a line, that viewers take in turn."""

    token_file: str | None = None
    """File of tokens, one a line, that viewers take in turn: each puts its own where the URL, --header or
    --user-agent has {token}. {viewer} there is the viewer's number."""

    header: Lines = ()
    """One more request header, as 'Name: value'; repeatable."""

    sensitive_header: tuple[str, ...] = ()
    """Name of a --header that is secret, besides Authorization, Cookie and those whose name says so, such as X-Api-Key;
    repeatable. What is secret goes to the origins of the given URLs only."""

    trust_host: tuple[str, ...] = ()
    """Host, or host:port, that gets secret headers and the URL's user and password too; repeatable."""

    only_host: tuple[str, ...] = ()
    """Ask no host but this, as host or host:port, and those of the given URLs, whatever playlists and redirects name;
    repeatable."""

    browser_origin: str | None = None
    """Origin of the page that viewers run in, such as https://player.example: they ask as its script would in Chromium,
    with Origin, Referer and Sec-Fetch fields and CORS preflights, and take no answer that it may not read."""

    browser_credentials: bool = False
    """With --browser-origin: ask with cookies (withCredentials), which origins must allow by name."""

    cmcd: Cmcd | None = None
    """Tell how the viewer fares with each request, as its player does (CMCD, CTA-5004): in the query or in headers.
    Players send none unless they are told to."""

    cmcd_version: int = 1
    """Version of CMCD in requests: 1 or 2."""

    cmcd_content_id: str = ""
    """Id of the content that CMCD names (cid)."""

    cmcd_collector: str | None = None
    """URL that viewers post CMCD events to (version 2): changes of state and bitrate, errors, and how it stands every
    30s; needs --cmcd. Its requests are counted apart."""

    timeout: Seconds | None = None
    """Time limit of a whole playlist or segment request; by default the player's own limits."""

    no_cache: bool = False
    """Ask caches on the way for fresh answers (Cache-Control and Pragma: no-cache)."""

    connect_timeout: Seconds | None = None
    """Time limit of DNS, TCP and TLS together; by default 10s."""

    first_byte_timeout: Seconds | None = None
    """Time limit from a request to the first byte of its answer; by default the player's own limits."""

    no_progress_timeout: Seconds | None = None
    """Longest pause between two arrivals of body bytes; by default no limit but the whole one."""

    http: HttpVersion = "auto"
    """Version of HTTP that viewers speak: auto is what their players would do with what the server offers (hls.js and
    Shaka HTTP/2 over TLS, Media3 and ffmpeg HTTP/1.1), 1.1, or 2, without TLS with prior knowledge."""

    resolve: tuple[str, ...] = ()
    """Connect to this address instead of what DNS says for the URL's host, or host:port:address[,address] for any
    other host, * for any port; repeatable; needs --dangerous."""

    source_address: tuple[str, ...] = ()
    """Local address to connect from, a range 10.0.0.10-10.0.0.20 or a network 10.0.0.0/24; repeatable. Viewers take
    them in turn, which allows more than 28,000 connections to one address."""

    proxy: str | None = None
    """Proxy for all viewers, as http://[user:password@]host:port."""

    ca_file: str | None = None
    """PEM file of the authorities that may certify the origin, instead of the system's."""

    client_certificate: str | None = None
    """PEM file of the certificate that viewers show to the origin."""

    client_key: str | None = None
    """PEM file of its private key, if it is not in the certificate's file."""

    insecure: bool = False
    """Accept any certificate of the origin; needs --dangerous."""

    verify_bodies: float = 1.0
    """Percentage of the segments over TLS 1.3 that are decrypted and authenticated whole; the others are counted, and
    only what must be is decrypted."""

    dangerous: bool = False
    """Allow settings that can send load to somewhere other than the URL says."""

    engine: str = "native"
    """What runs the viewers: native, ffmpeg (one process each), or a mix such as native=950,ffmpeg=50."""

    ffmpeg: str | None = None
    """The ffmpeg to run; by default the one in PATH, else that of the package imageio-ffmpeg."""

    ffmpeg_timeout: Seconds = 15.0
    """Longest wait of an ffmpeg viewer for the network to do anything; 0 waits for ever."""

    ffmpeg_reconnect: bool = False
    """Let an ffmpeg viewer try again by itself while the first playlist can not be reached."""

    ffmpeg_reconnect_delay: Seconds = 5.0
    """With --ffmpeg-reconnect: give up when the wait between two tries would be longer, in whole seconds."""

    ffmpeg_segment_retries: int | None = None
    """How often ffmpeg asks again for a segment that fails; by default what it does by itself."""

    ffmpeg_probe_failure: ProbeFailure = "fail"
    """If ffmpeg can not say which variants there are: fail ends the run, first plays the first one."""

    ffmpeg_target_duration: Seconds = 6.0
    """Target duration that ffmpeg viewers assume: a third of what they buffer of a stream with an end, half of the
    stall that --ffmpeg-restart-on-stall bears."""

    ffmpeg_restart_on_stall: bool = False
    """Restart the process of a viewer that stalls longer than two target durations."""

    ffmpeg_restarts: int = 5
    """Restarts in a row, with growing waits between, before an ffmpeg viewer gives up; 30s of health forgive them."""

    ffmpeg_log_lines: int = 5000
    """Most lines of one process's log that are read in a second; further ones are dropped, and counted."""

    print_cmd: bool = False
    """Print the command line of the first ffmpeg viewer, ready to be pasted into a shell, and exit."""

    check: bool = False
    """Run one viewer for 10s, then say whether stream and exporters are fit for a run."""

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

    threshold: Lines = ()
    """What must hold, such as 'segment_download_seconds:p95 < 1s' or 'errors:rate < 0.1% over run'; repeatable."""

    expect: tuple[str, ...] = ()
    """Change what is expected of every run: viewers, errors, rebuffering, media or playlists, such as 'errors=2%' or
    'rebuffering=off'; repeatable."""

    no_expectations: bool = False
    """Expect nothing: thresholds alone judge the run, and without any it is not judged."""

    generator_limit: str = "10%"
    """Share of the run that this machine may have been the bottleneck in before the whole run is invalid."""

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

    origin_metrics: str | None = None
    """URL of the origin's node_exporter page."""

    nginx_metrics: str | None = None
    """URL of the origin's nginx exporter page."""

    origin_metrics_host: tuple[str, ...] = ()
    """Host of the origin's exporters: builds both URLs; repeatable."""

    origin_metrics_node_port: int = 9100
    """Port of node_exporter, used with --origin-metrics-host."""

    origin_metrics_nginx_port: int = 9113
    """Port of the nginx exporter, used with --origin-metrics-host; with the usual one, 9114 (the log exporter's) is
    looked at too."""

    require_origin_metrics: bool = False
    """Let no run begin before every exporter that is named has answered; one that never does is an error."""

    origin_metrics_interval: Seconds = 2.0
    """Time between two scrapes of the origin's exporters, at least 250ms."""

    origin_metrics_window: Seconds = 30.0
    """Rolling window for P50, P95 and max of the origin's rates: 10s to 5m, at least 2 intervals."""

    origin_metrics_interface: tuple[str, ...] = ()
    """Network device that counts, by default the physical or primary ones; repeatable."""

    origin_metrics_header: Lines = ()
    """Header for the exporters or Prometheus, as 'Name: value', such as a bearer token; repeatable."""

    prometheus: str | None = None
    """URL of a Prometheus server that scrapes the origin already; it is asked instead of the exporters."""

    prometheus_label: Lines = ()
    """Label that the origin's series have there, such as instance=~"10.0.0.5:.*" or job="origin"; repeatable."""

    origin_signal: Tables = ()
    """Signal of your own as a JSON object, in the settings file a table [[origin-signal]]; repeatable."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        check_url("url", self.url)
        self._check_load()
        self._check_agents()
        self._check_viewers()
        for field in ("json", *REPORTS):
            if (name := getattr(self, field)) is not None:
                check_file_name(field, name)
        if len(self.printed) > 1:
            raise SettingValueError(self.printed[1], f"and --{self.printed[0]} both print: ask for one of them")
        if self.p1203 is not None:
            check_file_name("p1203", self.p1203)
        self._check_output()
        self._check_origin_metrics()

    def __repr__(self) -> str:
        """All fields, secrets masked."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in vars(self.without_secrets()).items())})"

    @property
    def printed(self) -> tuple[str, ...]:
        """What goes to standard output instead of into a file."""
        return tuple(name for name in ("json", *REPORTS) if getattr(self, name) == "-")

    @property
    def urls(self) -> tuple[str, ...]:
        """What viewers are told to play."""
        return (self.url, *(parse_weighted_url(text)[0] for text in self.zap_url))

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The viewers' extra header fields as name and value."""
        return tuple(header_field(line) for line in self.header)

    @property
    def origin_metrics_headers(self) -> tuple[tuple[str, str], ...]:
        """The scraper's extra header fields as name and value."""
        return tuple(header_field(line) for line in self.origin_metrics_header)

    @property
    def remote_write_headers(self) -> tuple[tuple[str, str], ...]:
        """The extra header fields of remote write as name and value."""
        return tuple(header_field(line) for line in self.remote_write_header)

    @property
    def own_signals(self) -> tuple[OwnSignal, ...]:
        """The signals that the user adds to the built-in ones."""
        try:
            return tuple(read_own_signal(text) for text in self.origin_signal)
        except ValueError as error:
            raise SettingValueError("origin_signal", str(error)) from None

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

    def _check_load(self) -> None:
        check_whole("clients", self.clients, 1, 10_000_000)
        check_more_than_zero("ramp_rate", self.ramp_rate, " viewers per second")
        check_choice("arrivals", self.arrivals, get_args(Arrivals))
        check_choice("latency", self.latency, get_args(Latency))
        for text in self.stage:
            check_spelling("stage", parse_stage, text)
        if self.stage and not any(parse_stage(text).viewers for text in self.stage):
            raise SettingValueError("stage", "has no viewers in any of its parts: write one such as 2m:500")
        if self.arrival_rate is not None:
            check_more_than_zero("arrival_rate", self.arrival_rate, " viewers per second")
            if self.stage:
                raise SettingValueError("arrival_rate", "and --stage both say how many viewers come: use one of them")
            if self.session_length is None:
                raise SettingValueError("arrival_rate", "needs --session-length, or there is no end of viewers")
        check_not_negative("ramp_jitter", self.ramp_jitter)
        check_not_negative("duration", self.duration)
        check_whole("seed", self.seed, 0, _MAX_SEED)
        check_whole("workers", self.workers, 0, 1024)

    def _check_agents(self) -> None:
        check_whole("agents", self.agents, 0, 10_000)
        check_whole("cluster_port", self.cluster_port, 1024, MOST_FIRST_PORT)
        check_more_than_zero("agents_timeout", self.agents_timeout, "")
        for text in self.share:
            check_spelling("share", parse_part, text)
        check_no_repeats("share", tuple(parse_part(text)[0] for text in self.share))
        if self.hosts is not None:
            if self.agents or self.cluster is not None:
                raise SettingValueError("hosts", "starts the agents itself: leave out --agents and --cluster")
            for host in self.ssh_hosts:
                if not host or host.startswith("-") or SPACE_OR_CONTROL.search(host):
                    raise SettingValueError("hosts", f"{host!r} is no host: write HOST,HOST,...")
            check_no_repeats("hosts", self.ssh_hosts)
        for field in ("ssh", "ssh_program"):
            if not getattr(self, field).strip() or CONTROL.search(getattr(self, field)):
                raise SettingValueError(field, "needs a command")
        if self.cluster_token_file is not None:
            check_file_name("cluster_token_file", self.cluster_token_file)
        if not self.is_spread:
            for field in ("share", "respread"):
                if getattr(self, field):
                    raise SettingValueError(field, "is for agents on several machines: add --agents or --hosts")
        elif self.cluster is None and self.cluster_token_file is None:
            raise SettingValueError(
                "agents" if self.agents else "hosts",
                "needs --cluster-token-file FILE: without a token, whoever reaches this machine could run code on it",
            )
        if self.is_spread and self.check:
            raise SettingValueError("check", "runs one viewer here: leave out --agents, --hosts and --cluster")

    @property
    def is_spread(self) -> bool:
        """Whether the viewers run on other machines."""
        return bool(self.agents) or self.hosts is not None or self.cluster is not None

    @property
    def ssh_hosts(self) -> tuple[str, ...]:
        """The machines to start agents on."""
        return () if self.hosts is None else tuple(host.strip() for host in self.hosts.split(","))

    @property
    def agents_wanted(self) -> int:
        """Agents that must come."""
        return len(self.ssh_hosts) or self.agents

    def _check_viewers(self) -> None:
        check_spelling("variant", parse_variant, self.variant)
        check_spelling("profile", parse_mix, self.profile)
        self._check_sessions()
        if self.access_rate is not None:
            check_spelling("access_rate", parse_access_rates, self.access_rate)
            if any(name == "ffmpeg" for name, _ in parse_engines(self.engine)):
                raise SettingValueError("access_rate", "can not hold ffmpeg viewers: they read as fast as they can")
        if CONTROL.search(self.user_agent):
            raise SettingValueError("user_agent", "has a line break or control character in it: take it out")
        if not self.user_agent.isascii():
            raise SettingValueError("user_agent", "has characters outside ASCII: take them out")
        check_headers("header", self.header)
        for name in self.sensitive_header:
            check_field_name("sensitive_header", name)
        for field in ("trust_host", "only_host"):
            for host in getattr(self, field):
                check_host_and_port(field, host)
            check_no_repeats(field, getattr(self, field))
        if self.only_host and any(name == "ffmpeg" for name, _ in parse_engines(self.engine)):
            raise SettingValueError("only_host", "can not hold ffmpeg viewers: they ask whom a playlist names")
        self._check_browser()
        self._check_cmcd()
        if self.timeout is not None:
            check_more_than_zero("timeout", self.timeout, " (leave it out for the player's own limits)")
        for field in ("connect_timeout", "first_byte_timeout", "no_progress_timeout"):
            if (limit := getattr(self, field)) is not None:
                check_more_than_zero(field, limit, "")
        for field, text in (("url", self.url), ("user_agent", self.user_agent), ("header", "\n".join(self.header))):
            if "{token}" in text and self.token_file is None:
                raise SettingValueError(field, "has {token} in it, which stands for a line of --token-file: name one")
        self._check_connections()
        self._check_ffmpeg()

    def _check_browser(self) -> None:
        if self.browser_origin is None:
            if self.browser_credentials:
                raise SettingValueError("browser_credentials", "needs a page: name one with --browser-origin")
            return
        check_origin("browser_origin", self.browser_origin)
        names = [name for name, _ in parse_mix(self.profile)]
        if not BROWSER_PROFILES.intersection(names):
            raise SettingValueError(
                "browser_origin",
                f"needs a player that runs in a browser, which {', '.join(names)} does not: "
                f"add one to --profile, such as {min(BROWSER_PROFILES)}",
            )
        if all(name == "ffmpeg" for name, _ in parse_engines(self.engine)):
            raise SettingValueError(
                "browser_origin", "has no browser to be for with --engine ffmpeg: add native viewers"
            )

    def _check_cmcd(self) -> None:
        check_whole("cmcd_version", self.cmcd_version, 1, 2)
        most = 64 if self.cmcd_version == 1 else 128
        if len(self.cmcd_content_id) > most:
            raise SettingValueError("cmcd_content_id", f"has {len(self.cmcd_content_id)} characters, more than {most}")
        if CONTROL.search(self.cmcd_content_id) or not self.cmcd_content_id.isascii():
            raise SettingValueError("cmcd_content_id", "has characters outside printable ASCII: take them out")
        if self.cmcd_collector is not None:
            check_url("cmcd_collector", self.cmcd_collector)
        if self.cmcd is None:
            for field in ("cmcd_content_id", "cmcd_collector"):
                if getattr(self, field):
                    raise SettingValueError(field, "needs --cmcd: say query or headers")
            return
        check_choice("cmcd", self.cmcd, get_args(Cmcd))
        if all(name == "ffmpeg" for name, _ in parse_mix(self.profile)):
            raise SettingValueError("cmcd", "is nothing that ffmpeg sends: add another player to --profile")
        if all(name == "ffmpeg" for name, _ in parse_engines(self.engine)):
            raise SettingValueError("cmcd", "is nothing that ffmpeg sends: add native viewers to --engine")

    def _check_ffmpeg(self) -> None:
        check_spelling("engine", parse_engines, self.engine)
        if self.ffmpeg is not None:
            check_file_name("ffmpeg", self.ffmpeg)
        check_not_negative("ffmpeg_timeout", self.ffmpeg_timeout)
        check_more_than_zero("ffmpeg_reconnect_delay", self.ffmpeg_reconnect_delay, "")
        if self.ffmpeg_segment_retries is not None:
            check_whole("ffmpeg_segment_retries", self.ffmpeg_segment_retries, 0, 1_000_000)
        check_choice("ffmpeg_probe_failure", self.ffmpeg_probe_failure, get_args(ProbeFailure))
        check_more_than_zero("ffmpeg_target_duration", self.ffmpeg_target_duration, "")
        check_whole("ffmpeg_restarts", self.ffmpeg_restarts, 0, 1_000_000)
        check_whole("ffmpeg_log_lines", self.ffmpeg_log_lines, 100, 10_000_000)
        if self.print_cmd and all(name != "ffmpeg" for name, _ in parse_engines(self.engine)):
            raise SettingValueError("print_cmd", "needs ffmpeg viewers: add --engine ffmpeg")

    def _check_sessions(self) -> None:
        for field in ("session_length", "zap_after", "pause_every", "pause_for", "seek_every"):
            if (text := getattr(self, field)) is not None:
                check_spelling(field, parse_distribution, text)
        check_spelling("join", parse_join, self.join)
        check_spelling("seek_by", parse_seek, self.seek_by)
        for text in self.zap_url:
            check_spelling("zap_url", parse_weighted_url, text)
            check_url("zap_url", parse_weighted_url(text)[0])
        if self.zap_after is not None and not self.zap_url:
            raise SettingValueError("zap_after", "has nowhere to go: name another stream with --zap-url")

    def _check_connections(self) -> None:
        for field in ("user_agent_file", "token_file", "ca_file", "client_certificate", "client_key"):
            if (name := getattr(self, field)) is not None:
                check_file_name(field, name)
        if self.client_key is not None and self.client_certificate is None:
            raise SettingValueError("client_key", "is the key of a --client-certificate: name that too")
        if self.proxy is not None:
            check_url("proxy", self.proxy)
            if not self.proxy.lower().startswith("http://"):
                raise SettingValueError("proxy", "must start with http://: the proxy itself is asked in plain HTTP")
        check_choice("http", self.http, get_args(HttpVersion))
        if self.http == "2" and self.proxy is not None and not self.url.lower().startswith("https://"):
            raise SettingValueError("http", "2 without TLS can not go through a --proxy: leave it to auto")
        if not 0 <= self.verify_bodies <= 100:
            raise SettingValueError("verify_bodies", f"must be from 0 to 100 percent, not {self.verify_bodies:g}")
        check_spelling("source_address", parse_source_addresses, self.source_address)
        host = urlsplit(self.url).hostname or ""
        for text in self.resolve:
            check_spelling("resolve", partial(parse_override, host=host), text)
        if self.resolve and not self.dangerous:
            raise SettingValueError(
                "resolve", "sends the load elsewhere than the URL says: add --dangerous if that is meant"
            )
        if self.insecure and not self.dangerous:
            raise SettingValueError(
                "insecure", "lets anybody be the origin: add --dangerous if that is meant, or name a --ca-file"
            )

    def _check_output(self) -> None:
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
        for number, line in enumerate(self.threshold):
            if line in self.threshold[:number]:
                raise SettingValueError("threshold", f"{line!r} is given twice: give it once")
        check_spelling("generator_limit", parse_share, self.generator_limit)
        if self.no_expectations and self.expect:
            raise SettingValueError("expect", "is of no use with --no-expectations: give one of them")
        if self.metrics and self.metrics != "off":
            listen_address(self.metrics)
        check_host_names("allow_host", self.allow_host)
        check_choice("log_format", self.log_format, get_args(LogFormat))
        check_choice("log_level", self.log_level, get_args(LogLevel))

    def _check_origin_metrics(self) -> None:
        if self.origin_metrics is not None:
            check_url("origin_metrics", self.origin_metrics)
        if self.nginx_metrics is not None:
            check_url("nginx_metrics", self.nginx_metrics)
        if self.prometheus is not None:
            check_url("prometheus", self.prometheus)
        named = self.origin_metrics or self.nginx_metrics or self.prometheus or self.origin_metrics_host
        if self.require_origin_metrics and not named:
            raise SettingValueError(
                "require_origin_metrics", "needs an exporter: name one with --origin-metrics-host or another flag"
            )
        check_no_repeats("origin_signal", tuple(one.name for one in self.own_signals))
        if len(self.origin_metrics_host) > MOST_ORIGIN_HOSTS:
            raise SettingValueError(
                "origin_metrics_host",
                f"names {len(self.origin_metrics_host)} hosts, more than {MOST_ORIGIN_HOSTS}: name those that matter "
                "or have a Prometheus server scrape them and use --prometheus",
            )
        for host in self.origin_metrics_host:
            check_host(host)
        check_no_repeats("origin_metrics_host", self.origin_metrics_host)
        check_port("origin_metrics_node_port", self.origin_metrics_node_port)
        check_port("origin_metrics_nginx_port", self.origin_metrics_nginx_port)
        interval, window = self.origin_metrics_interval, self.origin_metrics_window
        check_finite("origin_metrics_interval", interval)
        if interval < 0.25:
            raise SettingValueError(
                "origin_metrics_interval", f"must be at least 250ms, not {format_duration(interval)}"
            )
        if not 10.0 <= window <= 300.0:
            raise SettingValueError("origin_metrics_window", f"must be from 10s to 5m, not {format_duration(window)}")
        if window < 2 * interval:
            raise SettingValueError(
                "origin_metrics_window",
                f"{format_duration(window)} must hold at least 2 scrapes, which are {format_duration(interval)} apart: "
                "lengthen it or shorten --origin-metrics-interval",
            )
        for name in self.origin_metrics_interface:
            if not name or "/" in name or SPACE_OR_CONTROL.search(name):
                raise SettingValueError("origin_metrics_interface", f"{name!r} is not the name of a network device")
        check_no_repeats("origin_metrics_interface", self.origin_metrics_interface)
        check_headers("origin_metrics_header", self.origin_metrics_header)
        check_headers("remote_write_header", self.remote_write_header)
        if self.remote_write is not None:
            check_url("remote_write", self.remote_write)
        elif self.remote_write_header:
            raise SettingValueError("remote_write_header", "needs --remote-write: there is nobody to send it to")
