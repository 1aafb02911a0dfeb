"""What says how the origin fares: its exporters, or a Prometheus server that has them."""

from dataclasses import dataclass

from hls_swarm.settings.checks import (
    MOST_ORIGIN_HOSTS,
    SPACE_OR_CONTROL,
    SettingValueError,
    check_finite,
    check_headers,
    check_host,
    check_no_repeats,
    check_port,
    check_url,
    header_field,
)
from hls_swarm.settings.kinds import Lines, Seconds, Tables
from hls_swarm.settings.own_signals import OwnSignal, read_own_signal
from hls_swarm.settings.spellings import format_duration


@dataclass(frozen=True, kw_only=True, repr=False)
class OriginFigures:
    """The origin's own figures."""

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

    @property
    def asks_the_origin(self) -> bool:
        """Whether anybody is named who says how the origin fares."""
        return bool(self.origin_metrics or self.nginx_metrics or self.prometheus or self.origin_metrics_host)

    @property
    def origin_metrics_headers(self) -> tuple[tuple[str, str], ...]:
        """The scraper's extra header fields as name and value."""
        return tuple(header_field(line) for line in self.origin_metrics_header)

    @property
    def own_signals(self) -> tuple[OwnSignal, ...]:
        """The signals that the user adds to the built-in ones."""
        try:
            return tuple(read_own_signal(text) for text in self.origin_signal)
        except ValueError as error:
            raise SettingValueError("origin_signal", str(error)) from None

    def _check_origin_metrics(self) -> None:
        if self.origin_metrics is not None:
            check_url("origin_metrics", self.origin_metrics)
        if self.nginx_metrics is not None:
            check_url("nginx_metrics", self.nginx_metrics)
        if self.prometheus is not None:
            check_url("prometheus", self.prometheus)
        if self.require_origin_metrics and not self.asks_the_origin:
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
