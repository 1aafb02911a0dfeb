import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import places

from hls_swarm import __version__
from hls_swarm.cli import main
from hls_swarm.cli.actions import Actions
from hls_swarm.cli.commands import commands
from hls_swarm.cli.flags import meanings
from hls_swarm.cli.flags.go import normalise_go_flags
from hls_swarm.cli.options import OriginOptions
from hls_swarm.errors import PreflightError, RunError
from hls_swarm.logexporter.settings import LogExporterOptions
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.run import Settings

URL = "http://origin/stream.m3u8"
OWN_SIGNAL = '{"name": "errors", "family": "app_errors_total", "kind": "rate", "unit": "per_second"}'
NO_URL = (
    "no URL: name the playlist to load, such as http://origin/stream.m3u8; "
    "`hls-swarm demo` needs none, --help says more"
)
NAMES = {"clients": True, "ramp-rate": True, "header": True, "json": True, "tui": False, "no-cache": False}


@dataclass
class Started:
    """What the command line started, in place of a load test."""

    run: list[Settings] = field(default_factory=list)
    demo: list[Settings] = field(default_factory=list)
    origin: list[OriginOptions] = field(default_factory=list)
    log_exporter: list[LogExporterOptions] = field(default_factory=list)
    answer: int = 0

    def actions(self) -> Actions:
        def recorder(seen: list[Any]) -> Callable[..., int]:
            def record(settings: Any, *_: object) -> int:
                seen.append(settings)
                return self.answer

            return record

        return Actions(
            run=recorder(self.run),
            demo=recorder(self.demo),
            origin=recorder(self.origin),
            log_exporter=recorder(self.log_exporter),
        )


def settings_of(argv: Sequence[str], environ: dict[str, str] | None = None) -> Settings:
    started = Started()
    assert main(argv, environ or {}, started.actions()) == 0
    assert started == Started(run=started.run)
    (settings,) = started.run
    return settings


@cache
def settings_of_rewritten(argv: tuple[str, ...]) -> Settings:
    """Of a line that is in GNU spelling already, as most spellings of one flag are then the same."""
    return settings_of(argv)


def complaint(
    capsys: pytest.CaptureFixture[str], argv: Sequence[str], environ: dict[str, str] | None = None
) -> tuple[int, str]:
    started = Started()
    code = main(argv, environ or {}, started.actions())
    assert started == Started()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hls-swarm: ")
    assert err.count("\n") == 1
    return code, err.removeprefix("hls-swarm: ").rstrip("\n")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("-clients 100 u", "--clients=100 u", id="Go, value apart"),
        pytest.param("-clients=100 u", "--clients=100 u", id="Go, value joined"),
        pytest.param("--clients 100 u", "--clients=100 u", id="GNU, value apart"),
        pytest.param("--clients=100 u", "--clients=100 u", id="GNU, value joined"),
        pytest.param("-clients= u", "--clients= u", id="empty value joined"),
        pytest.param("-clients '' u", "--clients= u", id="empty value apart"),
        pytest.param("-header=a=b", "--header=a=b", id="equals sign in the value"),
        pytest.param("-tui u", "--tui u", id="switch takes nothing"),
        pytest.param("-tui=false u", "--tui=false u", id="switch off"),
        pytest.param("--tui=false u", "--tui=false u", id="switch off, GNU"),
        pytest.param("-tui false", "--tui false", id="switch and argument"),
        pytest.param("u -tui", "u --tui", id="flag after the argument"),
        pytest.param("-ramp-rate -5", "--ramp-rate=-5", id="negative number as value"),
        pytest.param("--header -x:y u", "--header=-x:y u", id="dash in front of the value"),
        pytest.param("-header -tui u", "--header=-tui u", id="a value is a value, as in Go"),
        pytest.param("-header -- u", "--header=-- u", id="two dashes as value, as in Go"),
        pytest.param("-json - u", "--json=- u", id="one dash as value"),
        pytest.param("-clients", "--clients", id="value missing"),
        pytest.param("-client 5", "--client 5", id="unknown takes nothing"),
        pytest.param("-client=5", "--client=5", id="unknown with value"),
        pytest.param("-h", "-h", id="short help"),
        pytest.param("-help", "--help", id="long help"),
        pytest.param("-x", "-x", id="unknown short"),
        pytest.param("-5 -", "-5 -", id="no names"),
        pytest.param("-- -clients 5", "-- -clients 5", id="after two dashes"),
        pytest.param("-tui -- -tui", "--tui -- -tui", id="before and after two dashes"),
        pytest.param("run -tui u", "run --tui u", id="after a command"),
    ],
)
def test_go_flags(argv: str, expected: str) -> None:
    assert normalise_go_flags(shlex.split(argv), NAMES) == shlex.split(expected)


@given(st.lists(st.sampled_from(["-clients", "--tui", "-tui=false", "5", "--", "-", "-h", "u", "-x=y", "--header"])))
def test_rewriting_twice_changes_nothing_more(argv: list[str]) -> None:
    once = normalise_go_flags(argv, NAMES)
    if "--clients" not in once and "--header" not in once:  # a value that is missing may not be taken from nowhere
        assert normalise_go_flags(once, NAMES) == once


@given(st.lists(st.text(max_size=8), max_size=6))
def test_what_follows_two_dashes_is_untouched(argv: list[str]) -> None:
    assert normalise_go_flags(["--", *argv], NAMES) == ["--", *argv]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hls-swarm -clients 100 http://origin/stream.m3u8", Settings(url=URL, clients=100)),
        (
            (
                "hls-swarm -clients 100 -origin-metrics http://10.177.0.10:9100/metrics"
                " -nginx-metrics http://10.177.0.10:9113/metrics http://origin/stream.m3u8"
            ),
            Settings(
                url=URL,
                clients=100,
                origin_metrics="http://10.177.0.10:9100/metrics",
                nginx_metrics="http://10.177.0.10:9113/metrics",
            ),
        ),
        (
            "hls-swarm -clients 100 -origin-metrics-host 10.177.0.10 -tui http://origin/stream.m3u8",
            Settings(url=URL, clients=100, origin_metrics_host=("10.177.0.10",), tui=True),
        ),
        (
            (
                "hls-swarm -clients 100 -origin-metrics-host 10.177.0.10 -origin-metrics-node-port 19100"
                " -origin-metrics-nginx-port 19113 -tui http://origin/stream.m3u8"
            ),
            Settings(
                url=URL,
                clients=100,
                origin_metrics_host=("10.177.0.10",),
                origin_metrics_node_port=19100,
                origin_metrics_nginx_port=19113,
                tui=True,
            ),
        ),
    ],
    ids=["clients", "both URLs", "host", "host and ports"],
)
def test_lines_that_users_bring(line: str, expected: Settings) -> None:
    argv = shlex.split(line)[1:]
    assert settings_of(argv) == expected
    assert settings_of(["run", *argv]) == expected


_OF_FFMPEG = ("ffmpeg-reconnect", "ffmpeg-restart-on-stall", "print-cmd", "check")


def _spellings() -> Iterator[Any]:
    samples = {
        "clients": ("7", 7),
        "ramp-rate": ("2.5", 2.5),
        "ramp-jitter": ("50ms", 0.05),
        "duration": ("1h30m", 5400.0),
        "seed": ("9", 9),
        "workers": ("3", 3),
        "variant": ("lowest", "lowest"),
        "latency": ("low", "low"),
        "profile": ("hlsjs=70,media3=30", "hlsjs=70,media3=30"),
        "access-rate": ("lognormal:8M:0.6", "lognormal:8M:0.6"),
        "arrivals": ("poisson", "poisson"),
        "stage": ("2m:500", ("2m:500",)),
        "arrival-rate": ("2.5", 2.5),
        "session-length": ("exp:5m", "exp:5m"),
        "join": ("-10m", "-10m"),
        "zap-url": ("3=http://c/b.m3u8", ("3=http://c/b.m3u8",)),
        "zap-after": ("1m", "1m"),
        "pause-every": ("5m", "5m"),
        "pause-for": ("uniform:1s:5s", "uniform:1s:5s"),
        "seek-every": ("exp:2m", "exp:2m"),
        "seek-by": ("-30s", "-30s"),
        "user-agent": ("-my agent-", "-my agent-"),
        "header": ("-A: b=c", ("-A: b=c",)),
        "timeout": ("500ms", 0.5),
        "user-agent-file": ("agents", "agents"),
        "token-file": ("tokens", "tokens"),
        "sensitive-header": ("X-Mine", ("X-Mine",)),
        "trust-host": ("cdn:8443", ("cdn:8443",)),
        "only-host": ("cdn", ("cdn",)),
        "browser-origin": ("https://player.example", "https://player.example"),
        "cmcd": ("headers", "headers"),
        "cmcd-version": ("2", 2),
        "cmcd-content-id": ("film 7", "film 7"),
        "cmcd-collector": ("http://c/events", "http://c/events"),
        "connect-timeout": ("1s", 1.0),
        "first-byte-timeout": ("1s", 1.0),
        "no-progress-timeout": ("1s", 1.0),
        "http": ("2", "2"),
        "resolve": ("::1", ("::1",)),
        "source-address": ("10.0.0.10-10.0.0.20", ("10.0.0.10-10.0.0.20",)),
        "proxy": ("http://p:3128", "http://p:3128"),
        "ca-file": ("ca.pem", "ca.pem"),
        "client-certificate": ("client.pem", "client.pem"),
        "client-key": ("key.pem", "key.pem"),
        "verify-bodies": ("2.5", 2.5),
        "engine": ("native=950,ffmpeg=50", "native=950,ffmpeg=50"),
        "ffmpeg": ("/opt/ffmpeg", "/opt/ffmpeg"),
        "ffmpeg-timeout": ("3s", 3.0),
        "ffmpeg-reconnect-delay": ("2s", 2.0),
        "ffmpeg-segment-retries": ("4", 4),
        "ffmpeg-probe-failure": ("first", "first"),
        "ffmpeg-target-duration": ("2s", 2.0),
        "ffmpeg-restarts": ("0", 0),
        "ffmpeg-log-lines": ("1000", 1000),
        "json": ("-", "-"),
        "html": ("report.html", "report.html"),
        "junit": ("junit.xml", "junit.xml"),
        "markdown": ("report.md", "report.md"),
        "csv": ("timeline.csv", "timeline.csv"),
        "output": ("out", "out"),
        "on-end": ("-x 'a b'", "-x 'a b'"),
        "name": ("nightly", "nightly"),
        "threshold": ("errors:rate < 1%", ("errors:rate < 1%",)),
        "expect": ("errors=2%", ("errors=2%",)),
        "generator-limit": ("20%", "20%"),
        "metrics": ("127.0.0.1:0", "127.0.0.1:0"),
        "remote-write": ("http://p:9090/api/v1/write", "http://p:9090/api/v1/write"),
        "remote-write-header": ("X-Scope-OrgID: a", ("X-Scope-OrgID: a",)),
        "log-format": ("json", "json"),
        "log-level": ("info", "info"),
        "p1203": ("p1203.json", "p1203.json"),
        "origin-metrics": ("http://a:1/m", "http://a:1/m"),
        "nginx-metrics": ("http://b:2/m", "http://b:2/m"),
        "origin-metrics-host": ("::1", ("::1",)),
        "agents": ("3", 3),
        "hosts": ("a,root@b", "a,root@b"),
        "cluster": ("10.0.0.1:6379", "10.0.0.1:6379"),
        "cluster-token-file": ("token", "token"),
        "cluster-address": ("10.0.0.1", "10.0.0.1"),
        "cluster-port": ("17200", 17200),
        "agents-timeout": ("5m", 300.0),
        "share": ("b=3", ("b=3",)),
        "ssh": ("ssh -p 2222", "ssh -p 2222"),
        "ssh-program": ("/opt/hls-swarm", "/opt/hls-swarm"),
        "allow-host": ("metrics.example.com", ("metrics.example.com",)),
        "origin-metrics-node-port": ("1", 1),
        "origin-metrics-nginx-port": ("65535", 65535),
        "origin-metrics-interval": ("250ms", 0.25),
        "origin-metrics-window": ("5m", 300.0),
        "origin-metrics-interface": ("lo", ("lo",)),
        "origin-metrics-header": ("A: b", ("A: b",)),
        "prometheus": ("http://p:9090", "http://p:9090"),
        "origin-signal": (OWN_SIGNAL, (OWN_SIGNAL,)),
        "prometheus-label": ('job=~"a b"', ('job=~"a b"',)),
    }
    for name, (text, value) in samples.items():
        for form in ([f"--{name}", text], [f"--{name}={text}"], [f"-{name}", text], [f"-{name}={text}"]):
            yield pytest.param(name, form, value, id=" ".join(form))
    for name in (
        "loop",
        "replace-ended",
        "no-cache",
        "dangerous",
        "insecure",
        "tui",
        "no-output",
        "no-expectations",
        "prom-client-metrics",
        "require-origin-metrics",
        "strict",
        "browser-credentials",
        "cmcd-responses",
        "record-requests",
        "respread",
        "otlp",
        *_OF_FFMPEG,
    ):
        for off in ("=false", "=0", "=F", "=FALSE"):
            for dashes in ("-", "--"):
                yield pytest.param(name, [f"{dashes}{name}{off}"], False, id=f"{dashes}{name}{off}")
        for on in ("", "=true", "=1", "=T"):
            for dashes in ("-", "--"):
                yield pytest.param(name, [f"{dashes}{name}{on}"], True, id=f"{dashes}{name}{on}")


_TOKEN = ["--cluster-token-file=t"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form", "value"), list(_spellings()))
def test_every_flag_in_every_spelling(name: str, form: list[str], value: object) -> None:
    needed = {
        "arrival-rate": ["--session-length=5m"],
        "zap-after": ["--zap-url=http://c/b.m3u8"],
        "resolve": ["-dangerous"],
        "insecure": ["-dangerous"],
        "print-cmd": ["--engine=ffmpeg"],
        "require-origin-metrics": ["--origin-metrics-host=a"],
        "client-key": ["--client-certificate=c.pem"],
        "remote-write-header": ["--remote-write=http://p:9090/api/v1/write"],
        "browser-credentials": ["--browser-origin=https://player.example"],
        "cmcd-content-id": ["--cmcd=query"],
        "cmcd-collector": ["--cmcd=query"],
        "cmcd-responses": ["--cmcd=query", "--cmcd-collector=http://c/"],
        "agents": _TOKEN,
        "hosts": _TOKEN,
        "share": ["--agents=2", *_TOKEN],
        "respread": ["--agents=2", *_TOKEN],
    }
    argv = normalise_go_flags([*needed.get(name, []), *form, URL], commands()["run"].takes_value())
    settings = settings_of_rewritten(tuple(argv))
    assert settings.url == URL
    assert getattr(settings, name.replace("-", "_")) == value


def test_all_flags_are_in_the_table_above() -> None:
    tested = {parameter.values[0] for parameter in _spellings()}
    assert tested == {flag.name for flag in commands()["run"].flags} - {"url"}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param("--no-tui u", {"tui": False}, id="switch with three states"),
        pytest.param("--clients 1 -clients 2 u", {"clients": 2}, id="the last use counts"),
        pytest.param("-tui -tui=false u", {"tui": False}, id="the last use of a switch counts"),
        pytest.param("--header 'A: b' -header 'C: d' u", {"header": ("A: b", "C: d")}, id="repeatable"),
        pytest.param("--clients +7 u", {"clients": 7}, id="plus"),
        pytest.param("--ramp-rate 1e2 u", {"ramp_rate": 100.0}, id="exponent"),
        pytest.param("--duration 0 u", {"duration": 0.0}, id="no duration"),
        pytest.param("u -clients 3 --seed=4 -tui", {"clients": 3, "seed": 4, "tui": True}, id="URL first"),
        pytest.param("--tui -- u", {"tui": True}, id="two dashes before the URL"),
    ],
)
def test_ways_to_say_it(argv: str, expected: dict[str, object]) -> None:
    settings = settings_of([URL if argument == "u" else argument for argument in shlex.split(argv)])
    assert {name: getattr(settings, name) for name in expected} == expected


PRECEDENCE = [
    ("clients", "1", "2", "3", 1, 2, 3, 10),
    ("ramp-rate", "1.5", "2.5", "3.5", 1.5, 2.5, 3.5, 5.0),
    ("duration", "1s", "2m", '"3h"', 1.0, 120.0, 10800.0, 0.0),
    ("timeout", "1s", "500ms", '"3s"', 1.0, 0.5, 3.0, None),
    ("tui", "false", "true", "false", False, True, False, None),
    ("no-cache", "true", "0", "true", True, False, True, False),
    ("variant", "all", "lowest", '"first"', "all", "lowest", "first", "highest"),
    ("user-agent", "a", "b", '"c"', "a", "b", "c", ""),
    ("json", "-", "-", '"-"', "-", "-", "-", None),
    ("header", "A: a", "B: b b\nC: c", '["D: d", "E: e"]', ("A: a",), ("B: b b", "C: c"), ("D: d", "E: e"), ()),
    ("origin-metrics-host", "a", "b  c\nd", '["e", "f"]', ("a",), ("b", "c", "d"), ("e", "f"), ()),
    ("origin-metrics-interface", "a", "b", '"c"', ("a",), ("b",), ("c",), ()),
]


@pytest.mark.parametrize(
    ("name", "flag", "variable", "key", "by_flag", "by_variable", "by_key", "default"),
    [pytest.param(*row, id=row[0]) for row in PRECEDENCE],
)
def test_precedence(
    tmp_path: Path,
    name: str,
    flag: str,
    variable: str,
    key: str,
    by_flag: object,
    by_variable: object,
    by_key: object,
    default: object,
) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text(f"{name} = {key}\n")
    environ = {f"HLS_SWARM_{name.upper().replace('-', '_')}": variable}
    config = ["--config", str(file)]

    def value(argv: list[str], environ: dict[str, str]) -> object:
        return getattr(settings_of([*argv, URL], environ), name.replace("-", "_"))

    assert value([f"--{name}={flag}", *config], environ) == by_flag
    assert value(config, environ) == by_variable
    assert value(config, {}) == by_key
    assert value([], {}) == default


def test_the_url_comes_from_any_source(tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text('url = "http://file/x"')
    environ = {"HLS_SWARM_URL": "http://variable/x"}
    assert settings_of(["-config", str(file), "http://flag/x"], environ).url == "http://flag/x"
    assert settings_of(["-config", str(file)], environ).url == "http://variable/x"
    assert settings_of(["-config", str(file)]).url == "http://file/x"
    assert settings_of([], {"HLS_SWARM_CONFIG": str(file)}).url == "http://file/x"


def test_an_empty_variable_counts_as_not_set() -> None:
    environ = {"HLS_SWARM_CLIENTS": "", "HLS_SWARM_HEADER": "", "HLS_SWARM_URL": URL}
    assert settings_of([], environ) == Settings(url=URL)


def test_keys_with_underscores(tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text("ramp_rate = 3\norigin_metrics_window = '1m'\nramp-jitter = 0\n[origin]\nport = 1\n")
    expected = Settings(url=URL, ramp_rate=3.0, origin_metrics_window=60.0, ramp_jitter=0.0)
    assert settings_of(["--config", str(file), URL]) == expected


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        pytest.param("", NO_URL, id="no URL"),
        pytest.param("-clients 5", NO_URL, id="flags only"),
        pytest.param("run", NO_URL, id="run only"),
        pytest.param("ftp://o/a", "URL: 'ftp://o/a' must start with http:// or https://", id="scheme"),
        pytest.param(
            "https:///a", "URL: 'https:///a' has no host: write it like https://origin/stream.m3u8", id="host"
        ),
        pytest.param("http://o:0/", "URL: 'http://o:0/' has a bad port: it must be from 1 to 65535", id="port"),
        pytest.param("--client 5 u", "--client: there is no such flag: did you mean --clients?", id="unknown"),
        pytest.param("-client 5 u", "--client: there is no such flag: did you mean --clients?", id="unknown in Go"),
        pytest.param("-client=5 u", "--client: there is no such flag: did you mean --clients?", id="unknown joined"),
        pytest.param("-zzz u", "--zzz: there is no such flag: --help lists all flags", id="far from all"),
        *(
            pytest.param(f"{wrote} 5 u", f"{said}: there is no such flag: did you mean {meant}?", id=wrote)
            for wrote, said, meant in (
                ("--viewers", "--viewers", "--clients"),
                ("-vus", "--vus", "--clients"),
                ("--users=5", "--users", "--clients"),
                ("--user", "--user", "--clients"),
                ("-c", "-c", "--clients"),
                ("--rate", "--rate", "--ramp-rate"),
                ("--rps", "--rps", "--ramp-rate"),
                ("--time", "--time", "--duration"),
                ("--run_time", "--run_time", "--duration"),
                ("--quality", "--quality", "--variant"),
                ("-k", "-k", "--insecure"),
                ("--verbose", "--verbose", "--log-level"),
            )
        ),
        pytest.param("-x u", "-x: there is no such flag: --help lists all flags", id="unknown short"),
        pytest.param(
            "demo --resolv 1 u", "--resolv: there is no such flag: did you mean --threshold?", id="not of demo"
        ),
        pytest.param("rnu u", "'rnu' is not a command: did you mean run?", id="unknown command"),
        pytest.param(
            "localhost",
            "'localhost' is not a command: there are run, demo, capacity, agent, origin, log-exporter, attach, report, "
            "compare, runs, help, version, completion, and a URL starts with http:// or https://",
            id="bare host",
        ),
        pytest.param("u v", "run: takes one URL besides flags: put a value that has spaces in quotes", id="two URLs"),
        pytest.param(
            "--header A: Bearer hunter2 u",
            "run: takes one URL besides flags: put a value that has spaces in quotes",
            id="header without quotes",
        ),
        pytest.param(
            "demo u", "demo: takes nothing besides flags: put a value that has spaces in quotes", id="demo URL"
        ),
        pytest.param("u --clients", "--clients: needs a value", id="no value"),
        pytest.param("--clients ten u", "--clients: 'ten' is not a whole number", id="not a number"),
        pytest.param("--clients 1.5 u", "--clients: '1.5' is not a whole number", id="not whole"),
        pytest.param("--clients '' u", "--clients: '' is not a whole number", id="empty number"),
        pytest.param("--clients 0 u", "--clients: must be at least 1, not 0", id="no viewers"),
        pytest.param("--clients -5 u", "--clients: must be at least 1, not -5", id="negative viewers"),
        pytest.param("--ramp-rate 0 u", "--ramp-rate: must be more than 0 viewers per second, not 0", id="no ramp"),
        pytest.param("--ramp-rate inf u", "--ramp-rate: 'inf' is not a number", id="inf"),
        pytest.param("--duration 30 u", "--duration: 30 has no unit: write 30s or 30ms", id="no unit"),
        pytest.param("--duration -5s u", "--duration: must not be negative, which -5s is", id="negative duration"),
        pytest.param("--ramp-jitter -1ms u", "--ramp-jitter: must not be negative, which -1ms is", id="jitter"),
        pytest.param("--tui=maybe u", "--tui: 'maybe' is neither true nor false", id="switch"),
        pytest.param(
            "--variant higest u",
            "--variant: 'higest' is not one of all, highest, lowest, first, random, auto, a height such as 720p, or "
            "a bitrate such as 3M: did you mean highest?",
            id="variant",
        ),
        pytest.param("--workers -1 u", "--workers: must be at least 0, not -1", id="workers"),
        pytest.param(
            "--resolve 192.0.2.7 u",
            "--resolve: sends the load elsewhere than the URL says: add --dangerous if that is meant",
            id="resolve",
        ),
        pytest.param("--header abc u", "--header: has no colon: write it as 'Name: value'", id="header"),
        pytest.param(
            "-origin-metrics-host h -origin-metrics-interval 249ms u",
            "--origin-metrics-interval: must be at least 250ms, not 249ms",
            id="interval with host only",
        ),
        pytest.param(
            "-origin-metrics-window 9s u", "--origin-metrics-window: must be from 10s to 5m, not 9s", id="window"
        ),
        pytest.param(
            "-origin-metrics h:9100 u",
            "--origin-metrics: 'h:9100' must start with http:// or https://",
            id="metrics URL",
        ),
        pytest.param(
            "-origin-metrics-node-port 65536 u",
            "--origin-metrics-node-port: must be at most 65535, not 65536",
            id="node",
        ),
        pytest.param("origin --port -1", "--port: must be at least 0, not -1", id="origin port"),
        pytest.param("origin --listen ''", "--listen: needs an address such as 127.0.0.1", id="origin address"),
        pytest.param("--config '' u", "--config: needs the name of a file", id="config without name"),
        pytest.param("--config /nope/x.toml u", "--config: /nope/x.toml: no such file or directory", id="no config"),
        pytest.param("--config / u", "--config: /: is a directory", id="config is a folder"),
        pytest.param(
            "--json /nope/x.json u",
            "--json: the folder /nope does not exist: make it, or name another file",
            id="JSON without folder",
        ),
        pytest.param("--json / u", "--json: / is a folder: name a file", id="JSON is a folder"),
        pytest.param(
            "origin --access-log /nope/a.log",
            "--access-log: the folder /nope does not exist: make it, or name another file",
            id="log without folder",
        ),
    ],
)
def test_mistakes_on_the_command_line(capsys: pytest.CaptureFixture[str], argv: str, text: str) -> None:
    replaced = [{"u": URL, "v": "http://other/"}.get(argument, argument) for argument in shlex.split(argv)]
    assert complaint(capsys, replaced) == (2, text)


def test_every_flag_that_is_meant_is_one() -> None:
    known = {flag.name for command in commands().values() for flag in command.all_flags}
    assert [flag for flag in meanings.WORDS if flag not in known] == []


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        pytest.param({"CLIENTS": "ten"}, "HLS_SWARM_CLIENTS: 'ten' is not a whole number", id="not a number"),
        pytest.param({"CLIENTS": "0"}, "HLS_SWARM_CLIENTS: must be at least 1, not 0", id="found by the settings"),
        pytest.param({"DURATION": "30"}, "HLS_SWARM_DURATION: 30 has no unit: write 30s or 30ms", id="duration"),
        pytest.param({"TUI": "maybe"}, "HLS_SWARM_TUI: 'maybe' is neither true nor false", id="switch"),
        pytest.param({"HEADER": "A: b\nC"}, "HLS_SWARM_HEADER: has no colon: write it as 'Name: value'", id="header"),
        pytest.param(
            {"URL": "x://u:hunter2@h"}, "HLS_SWARM_URL: 'x://***@h' must start with http:// or https://", id="URL"
        ),
        pytest.param(
            {"CONFIG": "/nope/x.toml"}, "HLS_SWARM_CONFIG: /nope/x.toml: no such file or directory", id="settings file"
        ),
        pytest.param(
            {"JSON": "/nope/x"},
            "HLS_SWARM_JSON: the folder /nope does not exist: make it, or name another file",
            id="found by the file system",
        ),
    ],
)
def test_mistakes_in_the_environment(capsys: pytest.CaptureFixture[str], environ: dict[str, str], text: str) -> None:
    named = {"HLS_SWARM_URL": URL} | {f"HLS_SWARM_{name}": value for name, value in environ.items()}
    assert complaint(capsys, [], named) == (2, text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("client = 5", "client: there is no such setting: did you mean clients?", id="near key"),
        pytest.param("ramp_rat = 5", "ramp_rat: there is no such setting: did you mean ramp-rate?", id="underscore"),
        pytest.param("zzz = 5", "zzz: there is no such setting", id="far key"),
        pytest.param("config = 'a'", "config: there is no such setting", id="no file names a file"),
        pytest.param("[load]\nclients = 5", "load: there is no such setting", id="unknown table"),
        pytest.param(
            "ramp-rate = 1\nramp_rate = 2",
            "ramp_rate: is given twice, once with dashes and once with underscores",
            id="twice",
        ),
        pytest.param("clients = '5'", 'clients: must be a whole number without quotes, not "5"', id="quoted number"),
        pytest.param("clients = true", "clients: must be a whole number without quotes, not true", id="no number"),
        pytest.param("clients = 1.5", "clients: must be a whole number without quotes, not 1.5", id="not whole"),
        pytest.param("clients = 0", "clients: must be at least 1, not 0", id="found by the settings"),
        pytest.param("ramp-rate = '5'", 'ramp-rate: must be a number without quotes, not "5"', id="quoted fraction"),
        pytest.param("ramp-rate = nan", "ramp-rate: must be a finite number, not nan", id="nan"),
        pytest.param("duration = 30", "duration: 30 has no unit: write 30s or 30ms", id="duration"),
        pytest.param(
            "duration = true", 'duration: must be a duration in quotes, such as "30s", not true', id="no duration"
        ),
        pytest.param("tui = 'true'", 'tui: must be true or false without quotes, not "true"', id="quoted switch"),
        pytest.param("tui = 1", "tui: must be true or false without quotes, not 1", id="number for a switch"),
        pytest.param("user-agent = 5", "user-agent: must be a text in quotes", id="no text"),
        pytest.param("header = ['A: b', 5]", 'header: must be an array of texts, such as ["a", "b"]', id="array"),
        pytest.param(
            "arrivals = 'poison'",
            "arrivals: 'poison' is not one of even, poisson: did you mean poisson?",
            id="choice",
        ),
        pytest.param("arrivals = 1", "arrivals: must be one of even, poisson, in quotes", id="no choice"),
        pytest.param("origin = 5", "origin: must be a table: write [origin] on a line of its own", id="no table"),
        pytest.param(
            "[origin]\nprot = 5", "[origin]: prot: there is no such setting: did you mean port?", id="key in a table"
        ),
        pytest.param(
            "clients 5", "is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 9)", id="TOML"
        ),
        pytest.param(
            "clients = 1" + "0" * 5000,
            "is not TOML of this program: it has a number of too many digits",
            id="number without end",
        ),
        pytest.param(
            "clients = 5\n[" + "a. " * 300_000 + "a]",
            "is not TOML of this program: it has a key of more than 32 parts between dots",
            id="key without end",
        ),
        pytest.param(
            ".".join(["'a.b'"] * 33) + " = 5",
            "is not TOML of this program: it has a key of more than 32 parts between dots",
            id="key of quoted parts",
        ),
    ],
)
def test_mistakes_in_the_settings_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, text: str
) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text(content)
    assert complaint(capsys, ["--config", str(file), URL]) == (2, f"{file}: {text}")


def test_dots_in_a_text_make_no_key(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text(f"url = 'http://o/{'a.' * 500}m3u8'\nclients = 0\n")
    told = (2, f"{file}: clients: must be at least 1, not 0")
    assert complaint(capsys, ["--config", str(file)]) == told


def test_a_settings_file_without_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    told = (2, "--config: /dev/zero: has more than 1,048,576 bytes")
    assert complaint(capsys, ["--config", "/dev/zero", URL]) == told


def test_a_settings_file_that_is_no_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_bytes(b"a = \xff")
    assert complaint(capsys, ["--config", str(file), URL]) == (2, f"{file}: is not TOML: byte 5 is not UTF-8")


@pytest.mark.parametrize("argument", ["a\nb: c", "--us\ner", "\x1b[31m/", "http://o/\u2028"])
def test_what_a_person_typed_can_not_break_the_line(capsys: pytest.CaptureFixture[str], argument: str) -> None:
    code, text = complaint(capsys, [argument])
    assert code == 2
    assert text.isprintable()


@given(st.lists(st.text(max_size=10), max_size=5))
def test_any_arguments_are_settings_or_a_mistake(argv: list[str]) -> None:
    assert main(argv, {}, Started().actions()) in {0, 2}


def test_demo_has_its_own_defaults() -> None:
    started = Started()
    assert main(["demo"], {"HLS_SWARM_URL": "http://elsewhere/"}, started.actions()) == 0
    links: dict[str, Any] = {"variant": "auto", "access_rate": "20M=5,4M=4,1.2M=1"}
    assert started.demo == [Settings(url="http://127.0.0.1/", clients=50, ramp_rate=10.0, duration=20.0, **links)]
    assert started.run == []


def test_demo_takes_the_flags_of_a_load_test(tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text('url = "http://elsewhere/"\nseed = 4\n')
    started = Started()
    argv = ["demo", "-clients", "3", "-duration=2s", "-tui=false", "-config", str(file)]
    assert main(argv, {"HLS_SWARM_VARIANT": "all"}, started.actions()) == 0
    expected = Settings(
        url="http://127.0.0.1/",
        clients=3,
        ramp_rate=10.0,
        duration=2.0,
        seed=4,
        variant="all",
        access_rate="20M=5,4M=4,1.2M=1",
        tui=False,
    )
    assert started.demo == [expected]


def test_origin_has_sources_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text('clients = 5\n[origin]\nport = 1\nlisten = "::1"\naccess_log = "-"\n')
    started = Started()
    environ = {"HLS_SWARM_ORIGIN_PORT": "2", "HLS_SWARM_PORT": "tcp://10.0.0.1:80"}
    for argv in (["origin"], ["origin", "-config", str(file)], ["origin", "-config", str(file), "-port", "0"]):
        assert main(argv, environ, started.actions()) == 0
    assert started.origin == [
        OriginOptions(port=2),
        OriginOptions(port=2, listen="::1", access_log="-"),
        OriginOptions(port=0, listen="::1", access_log="-"),
    ]


@pytest.mark.parametrize("answer", [0, 1, 3, 99])
def test_the_exit_code_is_what_the_command_says(answer: int) -> None:
    assert main([URL], {}, Started(answer=answer).actions()) == answer


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        pytest.param(RunError("no answer"), 1, "hls-swarm: no answer\n", id="run"),
        pytest.param(PreflightError("two\nlines"), 1, "hls-swarm: two lines\n", id="preflight"),
        pytest.param(KeyboardInterrupt(), 130, "hls-swarm: interrupted\n", id="Ctrl-C"),
    ],
)
def test_errors_are_exit_codes(capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str) -> None:
    assert main([URL], {}, _raising(error)) == code
    assert capsys.readouterr() == ("", line)


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        main([URL], {}, _raising(ZeroDivisionError()))
    with pytest.raises(BrokenPipeError):
        main([URL], {}, _raising(BrokenPipeError()))


def _raising(error: BaseException) -> Actions:
    def start(*_: object) -> int:
        raise error

    return Actions(run=start, demo=start, origin=start, log_exporter=start)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"], {}) == 0
    assert main(["-version"], {}) == 0
    assert capsys.readouterr() == (f"hls-swarm {__version__}\n" * 2, "")


def hls_swarm(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("HLS_SWARM_")}
    return subprocess.run(
        [sys.executable, "-m", "hls_swarm", *argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**environ, **variables},
    )


def test_the_process_says_one_line_and_exits_with_2() -> None:
    done = hls_swarm("-client", "5", URL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hls-swarm: --client: there is no such flag: did you mean --clients?\n"


def test_the_process_reads_its_environment() -> None:
    done = hls_swarm(HLS_SWARM_URL=URL, HLS_SWARM_CLIENTS="0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hls-swarm: HLS_SWARM_CLIENTS: must be at least 1, not 0\n"


def test_the_process_prints_its_version() -> None:
    done = hls_swarm("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hls-swarm {__version__}\n", "")


def test_a_reader_that_went_away_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hls_swarm", "--help"],
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")


def test_help_loads_nothing_of_the_engine() -> None:
    code = (
        "import sys; from hls_swarm.cli import main; main(['--help'], {}); "
        "sys.exit(', '.join({'uvloop', 'asyncio', 'psutil', 'hls_swarm.run'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_loads_nothing_of_what_its_workers_and_other_runs_do(tmp_path: Path) -> None:
    code = (
        "import sys; from hls_swarm.cli import main; "
        "main(['http://127.0.0.1:1/live.m3u8', '--clients=1', '--workers=1', '--duration=1s'], {}); "
        "assert 'hls_swarm.run.controller' in sys.modules; "
        "sys.exit(', '.join({'hls_swarm.http.client', 'hls_swarm.origin.scraper', 'hls_swarm.engine.ffmpeg.fleet', "
        "'hls_swarm.results.reader', 'hls_swarm.testorigin'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_reference_page_is_what_the_code_says() -> None:
    assert _reference().main(["--check"]) == 0


def test_the_reference_page_has_every_flag_and_variable() -> None:
    page = _reference().flags_page()
    for command in commands().values():
        for flag in command.flags:
            assert f"| `{flag.spelling}" in page
            assert f"| `{flag.variable(command.prefix)}` |" in page


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_reference", places.ROOT / "tools" / "gen_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _asked(argv: Sequence[str], environ: dict[str, str] | None = None) -> tuple[Settings, CapacitySettings]:
    seen: list[tuple[Settings, CapacitySettings]] = []

    def take(settings: Settings, options: CapacitySettings) -> int:
        seen.append((settings, options))
        return 3

    assert main(argv, environ or {}, replace(Started().actions(), capacity=take)) == 3
    return seen[0]


def test_a_search_takes_its_own_flags_and_those_of_a_run() -> None:
    settings, options = _asked(
        [
            *("capacity", "--from", "20", "-most=500", "--within", "3%", "--slo", "errors:rate < 1%", "-soak", "0"),
            *("--no-overload", "--at-least", "100", "--variant", "lowest", "--origin-metrics-host", "10.0.0.5", URL),
        ]
    )
    assert options == CapacitySettings(
        from_=20, most=500, within="3%", slo=("errors:rate < 1%",), soak=0.0, no_overload=True, at_least=100
    )
    assert (settings.url, settings.variant, settings.origin_metrics_host) == (URL, "lowest", ("10.0.0.5",))


def test_a_search_has_viewers_that_come_and_go_and_scrapes_each_second() -> None:
    settings, options = _asked(["capacity", URL])
    assert (settings.session_length, settings.origin_metrics_interval) == ("exp:5m", 1.0)
    assert options == CapacitySettings()


def test_a_search_reads_its_table_and_for_the_rest_the_top_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "swarm.toml"
    file.write_text(
        'url = "http://origin/a.m3u8"\nclients = 5\nvariant = "lowest"\nseed = 3\n'
        '[capacity]\nmost = 70\nfrom = 7\nseed = 4\nslo = ["errors:rate < 1%"]\n'
    )
    settings, options = _asked(["capacity", "--config", str(file)], {"HLS_SWARM_FROM": "8"})
    assert (settings.url, settings.variant, settings.seed) == ("http://origin/a.m3u8", "lowest", 4)
    assert (options.from_, options.most, options.slo) == (8, 70, ("errors:rate < 1%",))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        pytest.param(["--clients", "5"], "--clients", id="a flag that a search has not"),
        pytest.param(["--slo", "error:rate < 1%"], "--slo: there is no metric error", id="no metric"),
        pytest.param(["--slo", "errors:rate < 1% over run"], "--slo: ", id="over the run"),
        pytest.param(["--from", "9", "--most", "8"], "--from: begins with 9 viewers", id="more than the most"),
    ],
)
def test_what_a_search_can_not_mean_is_refused(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", *argv, URL], {}) == 2
    assert words in capsys.readouterr().err


def test_the_demo_takes_limits_of_its_origin() -> None:
    seen: list[object] = []

    def take(settings: Settings, limits: tuple[str, ...]) -> int:
        seen.append((settings.clients, limits))
        return 0

    assert (
        main(["demo", "--limit", "requests=40", "--limit", "cpu=5ms"], {}, replace(Started().actions(), demo=take)) == 0
    )
    assert seen == [(50, ("requests=40", "cpu=5ms"))]
