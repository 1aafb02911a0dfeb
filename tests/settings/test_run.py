import math
import re
from contextlib import suppress
from dataclasses import fields
from typing import Any, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.errors import SettingsError
from hls_swarm.settings.checks import SettingValueError, header_field, masked_url
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import format_duration, parse_duration

URL = "http://origin/stream.m3u8"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("30s", 30.0, id="seconds"),
        pytest.param("5m", 300.0, id="minutes"),
        pytest.param("1h30m", 5400.0, id="hours and minutes"),
        pytest.param("1h0m0s", 3600.0, id="as Go prints it"),
        pytest.param("1h2m3s4ms", 3723.004, id="all units"),
        pytest.param("1.5h", 5400.0, id="fraction"),
        pytest.param(".5s", 0.5, id="fraction without whole part"),
        pytest.param("100ms", 0.1, id="as the float literal"),
        pytest.param("0", 0.0, id="zero without unit"),
        pytest.param("0s", 0.0, id="zero with unit"),
        pytest.param("+2s", 2.0, id="plus"),
        pytest.param("-2s", -2.0, id="minus"),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("30", "30 has no unit: write 30s or 30ms", id="number"),
        pytest.param("-30", "-30 has no unit: write -30s or -30ms", id="negative number"),
        pytest.param("1.5", "1.5 has no unit: write 1.5s or 1.5ms", id="fraction"),
        pytest.param("", "'' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="empty"),
        pytest.param("-", "'-' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="sign only"),
        pytest.param("30 s", "'30 s' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="space"),
        pytest.param("2d", "'2d' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="days"),
        pytest.param("30m1h", "'30m1h' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="order"),
        pytest.param("1e3s", "'1e3s' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="exponent"),
        pytest.param(
            "\u0663s", "'\u0663s' is not a duration: write it like 500ms, 30s, 5m or 1h30m", id="other digits"
        ),
        pytest.param("9" * 400 + "h", "is longer than any run: write it like 500ms, 30s, 5m or 1h30m", id="infinite"),
    ],
)
def test_no_duration(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        parse_duration(text)


@given(st.integers(min_value=-(10**10), max_value=10**10))
def test_a_printed_duration_reads_as_itself(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, rel=1e-12)


@given(st.text(max_size=12))
def test_any_text_is_a_finite_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert math.isfinite(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0"), (0.2, "200ms"), (2.0, "2s"), (90.0, "1m30s"), (5400.0, "1h30m"), (-5.0, "-5s"), (math.inf, "inf")],
)
def test_printed_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_defaults() -> None:
    assert msgspec.to_builtins(Settings(url=URL)) == {
        "url": URL,
        "clients": 10,
        "ramp_rate": 5.0,
        "ramp_jitter": 0.2,
        "duration": 0.0,
        "seed": 1,
        "workers": 0,
        "agents": 0,
        "hosts": None,
        "cluster": None,
        "cluster_token_file": None,
        "cluster_address": None,
        "cluster_port": 17100,
        "agents_timeout": 120.0,
        "share": (),
        "respread": False,
        "ssh": "ssh",
        "ssh_program": "hls-swarm",
        "variant": "highest",
        "access_rate": None,
        "profile": "hlsjs",
        "latency": "auto",
        "strict": False,
        "arrivals": "even",
        "stage": (),
        "arrival_rate": None,
        "session_length": None,
        "replace_ended": False,
        "join": "live",
        "loop": False,
        "zap_url": (),
        "zap_after": None,
        "pause_every": None,
        "pause_for": "10s",
        "seek_every": None,
        "seek_by": "random",
        "user_agent": "",
        "header": (),
        "sensitive_header": (),
        "trust_host": (),
        "only_host": (),
        "browser_origin": None,
        "browser_credentials": False,
        "cmcd": None,
        "cmcd_version": 1,
        "cmcd_content_id": "",
        "cmcd_collector": None,
        "cmcd_responses": False,
        "timeout": None,
        "no_cache": False,
        "user_agent_file": None,
        "token_file": None,
        "connect_timeout": None,
        "first_byte_timeout": None,
        "no_progress_timeout": None,
        "http": "auto",
        "resolve": (),
        "source_address": (),
        "proxy": None,
        "ca_file": None,
        "client_certificate": None,
        "client_key": None,
        "insecure": False,
        "verify_bodies": 1.0,
        "dangerous": False,
        "engine": "native",
        "ffmpeg": None,
        "ffmpeg_timeout": 15.0,
        "ffmpeg_reconnect": False,
        "ffmpeg_reconnect_delay": 5.0,
        "ffmpeg_segment_retries": None,
        "ffmpeg_probe_failure": "fail",
        "ffmpeg_target_duration": 6.0,
        "ffmpeg_restart_on_stall": False,
        "ffmpeg_restarts": 5,
        "ffmpeg_log_lines": 5000,
        "print_cmd": False,
        "check": False,
        "tui": None,
        "json": None,
        "html": None,
        "junit": None,
        "markdown": None,
        "csv": None,
        "output": None,
        "no_output": False,
        "on_end": None,
        "name": "",
        "record_requests": False,
        "threshold": (),
        "expect": (),
        "no_expectations": False,
        "generator_limit": "10%",
        "metrics": None,
        "allow_host": (),
        "remote_write": None,
        "remote_write_header": (),
        "otlp": False,
        "prom_client_metrics": False,
        "log_format": "text",
        "log_level": "warning",
        "p1203": None,
        "origin_metrics": None,
        "nginx_metrics": None,
        "origin_metrics_host": (),
        "require_origin_metrics": False,
        "origin_metrics_node_port": 9100,
        "origin_metrics_nginx_port": 9113,
        "origin_metrics_interval": 2.0,
        "origin_metrics_window": 30.0,
        "origin_metrics_interface": (),
        "origin_metrics_header": (),
        "prometheus": None,
        "prometheus_label": (),
        "origin_signal": (),
    }


def test_settings_cross_a_pipe_unchanged() -> None:
    settings = Settings(
        url="https://user:pw@origin:8443/a.m3u8",
        clients=3,
        duration=1.5,
        variant="all",
        header=("A: b", "C: d"),
        timeout=2.0,
        resolve=("::1",),
        source_address=("10.0.0.0/24",),
        dangerous=True,
        tui=False,
        json="-",
        origin_metrics_host=("10.0.0.5", "[::1]", "origin.example.com"),
        origin_metrics_interface=("lo",),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(settings), type=Settings) == settings


@pytest.mark.parametrize(
    "given_values",
    [
        pytest.param({"url": "https://origin"}, id="URL without path"),
        pytest.param({"url": "HTTP://origin/"}, id="scheme in capitals"),
        pytest.param({"url": "http://[2001:db8::7]:8080/a.m3u8"}, id="IPv6"),
        pytest.param({"url": "http://origin:/a.m3u8"}, id="empty port is the scheme's"),
        pytest.param({"url": "http://origin/a.m3u8?x=%20&y=@z"}, id="query"),
        pytest.param({"clients": 10_000_000}, id="most viewers"),
        pytest.param({"ramp_jitter": 0.0, "duration": 0.0}, id="zero durations"),
        pytest.param({"seed": 2**63 - 1}, id="largest seed"),
        pytest.param({"header": ("X-Empty:", "X-Tab:\ta\tb")}, id="empty and tabbed header"),
        pytest.param({"origin_metrics_interval": 0.25}, id="shortest interval"),
        pytest.param({"origin_metrics_interval": 15.0}, id="window of exactly 2 intervals"),
        pytest.param({"origin_metrics_window": 300.0, "origin_metrics_interval": 150.0}, id="longest"),
        pytest.param({"origin_metrics_host": ("fe80::1%eth0",)}, id="IPv6 with zone"),
        pytest.param({"json": "-"}, id="JSON on standard output"),
    ],
)
def test_accepted(given_values: dict[str, Any]) -> None:
    settings = Settings(**{"url": URL, **given_values})
    assert {name: getattr(settings, name) for name in given_values} == given_values


REFUSED = [
    ("empty URL", {"url": ""}, "URL: is empty: write one such as http://origin/stream.m3u8"),
    ("no scheme", {"url": "origin/a"}, "URL: 'origin/a' must start with http:// or https://"),
    ("other scheme", {"url": "ftp://origin/a"}, "URL: 'ftp://origin/a' must start with http:// or https://"),
    ("one slash", {"url": "http:/origin/a"}, "URL: 'http:/origin/a' must start with http:// or https://"),
    ("no host", {"url": "http:///a"}, "URL: 'http:///a' has no host: write it like http://origin/stream.m3u8"),
    ("port only", {"url": "http://:80/"}, "URL: 'http://:80/' has no host: write it like http://origin/stream.m3u8"),
    ("high port", {"url": "http://o:65536/"}, "URL: 'http://o:65536/' has a bad port: it must be from 1 to 65535"),
    ("port 0", {"url": "http://o:0/"}, "URL: 'http://o:0/' has a bad port: it must be from 1 to 65535"),
    ("port word", {"url": "http://o:a/"}, "URL: 'http://o:a/' has a bad port: it must be from 1 to 65535"),
    (
        "bracket",
        {"url": "http://[::1/"},
        "URL: 'http://[::1/' has a host that can not be read: IPv6 is written [2001:db8::7]",
    ),
    (
        "space",
        {"url": "http://o/a b"},
        "URL: 'http://o/a b' has a space or control character in it: write it as %20 and the like",
    ),
    (
        "line break",
        {"url": "http://o/a\r\nX: y"},
        "URL: 'http://o/a\\r\\nX: y' has a space or control character in it: write it as %20 and the like",
    ),
    ("no viewers", {"clients": 0}, "--clients: must be at least 1, not 0"),
    ("too many viewers", {"clients": 10_000_001}, "--clients: must be at most 10000000, not 10000001"),
    ("no ramp", {"ramp_rate": 0.0}, "--ramp-rate: must be more than 0 viewers per second, not 0"),
    ("negative ramp", {"ramp_rate": -2.5}, "--ramp-rate: must be more than 0 viewers per second, not -2.5"),
    ("endless ramp", {"ramp_rate": math.inf}, "--ramp-rate: must be a finite number, not inf"),
    ("nan", {"duration": math.nan}, "--duration: must be a finite number, not nan"),
    ("negative jitter", {"ramp_jitter": -0.5}, "--ramp-jitter: must not be negative, which -500ms is"),
    ("negative duration", {"duration": -60.0}, "--duration: must not be negative, which -1m is"),
    ("negative seed", {"seed": -1}, "--seed: must be at least 0, not -1"),
    ("seed past 63 bits", {"seed": 2**63}, f"--seed: must be at most {2**63 - 1}, not {2**63}"),
    ("negative workers", {"workers": -1}, "--workers: must be at least 0, not -1"),
    ("many workers", {"workers": 1025}, "--workers: must be at most 1024, not 1025"),
    ("no such player", {"profile": "vlc"}, "--profile: 'vlc' is not one of hlsjs, media3, shaka, ffmpeg, steady"),
    ("stage", {"stage": ("2:5",)}, "--stage: 2 has no unit: write 2s or 2ms"),
    (
        "stages without viewers",
        {"stage": ("2m:0",)},
        "--stage: has no viewers in any of its parts: write one such as 2m:500",
    ),
    (
        "arrivals without end",
        {"arrival_rate": 2.0},
        "--arrival-rate: needs --session-length, or there is no end of viewers",
    ),
    (
        "arrivals and stages",
        {"arrival_rate": 2.0, "stage": ("1m:5",)},
        "--arrival-rate: and --stage both say how many viewers come: use one of them",
    ),
    ("zap to nowhere", {"zap_after": "1m"}, "--zap-after: has nowhere to go: name another stream with --zap-url"),
    ("zap URL", {"zap_url": ("3=ftp://c/b",)}, "--zap-url: 'ftp://c/b' must start with http:// or https://"),
    (
        "join",
        {"join": "10m"},
        "--join: '10m' is not one of live, start, random, or a distance behind the edge such as -10m",
    ),
    (
        "variant",
        {"variant": "best"},
        (
            "--variant: 'best' is not one of all, highest, lowest, first, random, auto, a height such as 720p, or a "
            "bitrate such as 3M"
        ),
    ),
    (
        "user agent",
        {"user_agent": "a\nb"},
        "--user-agent: has a line break or control character in it: take it out",
    ),
    ("user agent letters", {"user_agent": "ü"}, "--user-agent: has characters outside ASCII: take them out"),
    ("header without colon", {"header": ("abc",)}, "--header: has no colon: write it as 'Name: value'"),
    (
        "header without name",
        {"header": (": x",)},
        "--header: has no name before the colon: write it as 'Name: value'",
    ),
    (
        "header with line break",
        {"header": ("A: b\r\nC: d",)},
        "--header: has a line break or control character in it: give one header per flag",
    ),
    (
        "header name",
        {"header": ("A B: c",)},
        "--header: has a name with other characters than letters, digits and -_.!#$%&'*+^`|~",
    ),
    (
        "header letters",
        {"header": ("A: \u20ac",)},
        "--header: the value of A has characters outside ISO-8859-1: encode them",
    ),
    (
        "Host",
        {"header": ("host: a",)},
        "--header: host is the client's own to send: put the name in the URL and the address in --resolve",
    ),
    ("framing", {"header": ("Content-Length: 3",)}, "--header: Content-Length is the client's own to send"),
    (
        "no time",
        {"timeout": 0.0},
        "--timeout: must be more than 0 (leave it out for the player's own limits), not 0",
    ),
    (
        "resolve to a name",
        {"resolve": ("origin2",), "dangerous": True},
        "--resolve: 'origin2' is not an IP address: write one such as 192.0.2.7, or host:port:address",
    ),
    (
        "resolve alone",
        {"resolve": ("192.0.2.7",)},
        "--resolve: sends the load elsewhere than the URL says: add --dangerous if that is meant",
    ),
    ("unknown version", {"http": "3.1"}, "--http: '3.1' is not one of auto, 1.1, 2, 3"),
    ("HTTP/3 without TLS", {"http": "3"}, f"--http: 3 is spoken over TLS only: ask for https:// instead of {URL}"),
    (
        "HTTP/3 and a stream to zap to without TLS",
        {"http": "3", "url": "https://o/a", "zap_after": "10s", "zap_url": ("http://u:p@c/b",)},
        "--http: 3 is spoken over TLS only: ask for https:// instead of http://***@c/b",
    ),
    (
        "HTTP/3 through a proxy",
        {"http": "3", "url": "https://o/a", "proxy": "http://p:3128"},
        "--http: 3 can not go through a --proxy, which knows no UDP: leave it to auto",
    ),
    (
        "HTTP/3 of ffmpeg",
        {"http": "3", "url": "https://o/a", "engine": "ffmpeg"},
        "--http: 3 is nothing that ffmpeg speaks: add native viewers to --engine",
    ),
    (
        "prior knowledge through a proxy",
        {"http": "2", "proxy": "http://p:3128"},
        "--http: 2 without TLS can not go through a --proxy: leave it to auto",
    ),
    *(
        (f"verify {share}", {"verify_bodies": share}, f"--verify-bodies: must be from 0 to 100 percent, not {share:g}")
        for share in (-1.0, 100.5, float("nan"))
    ),
    (
        "insecure alone",
        {"insecure": True},
        "--insecure: lets anybody be the origin: add --dangerous if that is meant, or name a --ca-file",
    ),
    (
        "token without file",
        {"url": f"{URL}?t={{token}}"},
        "URL: has {token} in it, which stands for a line of --token-file: name one",
    ),
    (
        "token in a header without file",
        {"header": ("Authorization: Bearer {token}",)},
        "--header: has {token} in it, which stands for a line of --token-file: name one",
    ),
    (
        "key alone",
        {"client_key": "key.pem"},
        "--client-key: is the key of a --client-certificate: name that too",
    ),
    (
        "sensitive name of two words",
        {"sensitive_header": ("X Y",)},
        "--sensitive-header: '***' is not the name of a header, such as X-Playback-Token",
    ),
    (
        "sensitive header with its value",
        {"sensitive_header": ("X-Key: v",)},
        "--sensitive-header: 'X-Key: ***' is not the name of a header, such as X-Playback-Token",
    ),
    (
        "URL to trust",
        {"trust_host": ("http://u:p@cdn/",)},
        "--trust-host: 'http://***@cdn/' is a URL: name the host only, or host:port",
    ),
    (
        "port to trust that is none",
        {"trust_host": ("cdn:99999",)},
        "--trust-host: 'cdn:99999' is not a host: name it like cdn.example.com or 10.0.0.5:8080",
    ),
    (
        "page with a path",
        {"browser_origin": "https://player.example/watch"},
        "--browser-origin: 'https://player.example/watch' is more than an origin: write https://player.example",
    ),
    (
        "page of a player that is in none",
        {"browser_origin": "https://player.example", "profile": "media3=2,ffmpeg=1"},
        (
            "--browser-origin: needs a player that runs in a browser, which media3, ffmpeg does not: "
            "add one to --profile, such as hlsjs"
        ),
    ),
    (
        "page for ffmpeg",
        {"browser_origin": "https://player.example", "engine": "ffmpeg"},
        "--browser-origin: has no browser to be for with --engine ffmpeg: add native viewers",
    ),
    ("way of CMCD", {"cmcd": "body"}, "--cmcd: 'body' is not one of query, headers"),
    ("version of CMCD", {"cmcd": "query", "cmcd_version": 3}, "--cmcd-version: must be at most 2, not 3"),
    (
        "long content id",
        {"cmcd": "query", "cmcd_content_id": "x" * 65},
        "--cmcd-content-id: has 65 characters, more than 64",
    ),
    (
        "collector without CMCD",
        {"cmcd_collector": "http://c/"},
        "--cmcd-collector: needs --cmcd: say query or headers",
    ),
    (
        "answers told to nobody",
        {"cmcd": "query", "cmcd_responses": True},
        "--cmcd-responses: needs somebody who is told: name a --cmcd-collector",
    ),
    ("answers without CMCD", {"cmcd_responses": True}, "--cmcd-responses: needs --cmcd: say query or headers"),
    (
        "CMCD of ffmpeg",
        {"cmcd": "query", "profile": "ffmpeg"},
        "--cmcd: is nothing that ffmpeg sends: add another player to --profile",
    ),
    (
        "credentials without a page",
        {"browser_credentials": True},
        "--browser-credentials: needs a page: name one with --browser-origin",
    ),
    ("nobody", {"only_host": ("",)}, "--only-host: '' is not a host: name it like cdn.example.com or 10.0.0.5:8080"),
    ("host twice", {"only_host": ("a", "a")}, "--only-host: a is named twice: name it once"),
    (
        "ffmpeg held to hosts",
        {"only_host": ("a",), "engine": "native=1,ffmpeg=1"},
        "--only-host: can not hold ffmpeg viewers: they ask whom a playlist names",
    ),
    (
        "proxy over TLS",
        {"proxy": "https://user:secret@proxy:1"},
        "--proxy: must start with http://: the proxy itself is asked in plain HTTP",
    ),
    ("no time to connect", {"connect_timeout": 0.0}, "--connect-timeout: must be more than 0, not 0"),
    ("no CA file", {"ca_file": ""}, "--ca-file: needs the name of a file"),
    (
        "source address",
        {"source_address": ("eth0",)},
        (
            "--source-address: 'eth0' must be an address, a range 10.0.0.10-10.0.0.20 or a network 10.0.0.0/24: "
            "it is no such thing"
        ),
    ),
    ("two that print", {"json": "-", "junit": "-"}, "--junit: and --json both print: ask for one of them"),
    (
        "a report of nothing",
        {"html": "a.html", "no_output": True},
        "--html: is made of the run folder that --no-output forbids",
    ),
    ("JSON without name", {"json": ""}, "--json: needs the name of a file"),
    (
        "JSON takes a flag",
        {"json": "-tui"},
        "--json: '-tui' looks like a flag, not a file: write ./-tui if such a file is meant",
    ),
    (
        "metrics URL",
        {"origin_metrics": "10.0.0.5:9100"},
        "--origin-metrics: '10.0.0.5:9100' must start with http:// or https://",
    ),
    (
        "nginx URL",
        {"nginx_metrics": "http://"},
        "--nginx-metrics: 'http://' has no host: write it like http://origin/stream.m3u8",
    ),
    (
        "host is a URL",
        {"origin_metrics_host": ("http://a",)},
        "--origin-metrics-host: 'http://a' is a URL: name the host only, or use --origin-metrics",
    ),
    (
        "host with port",
        {"origin_metrics_host": ("a:9100",)},
        (
            "--origin-metrics-host: 'a:9100' is not a host: name it without a port, which is "
            "--origin-metrics-node-port and --origin-metrics-nginx-port"
        ),
    ),
    (
        "too many hosts",
        {"origin_metrics_host": tuple(f"h{n}" for n in range(65))},
        (
            "--origin-metrics-host: names 65 hosts, more than 64: name those that matter or have a Prometheus server "
            "scrape them and use --prometheus"
        ),
    ),
    (
        "required without any",
        {"require_origin_metrics": True},
        "--require-origin-metrics: needs an exporter: name one with --origin-metrics-host or another flag",
    ),
    (
        "allowed host is a URL",
        {"allow_host": ("http://a.b",)},
        "--allow-host: 'http://a.b' is not a host: name it without scheme and port",
    ),
    (
        "allowed host with port",
        {"allow_host": ("a.b:9100",)},
        "--allow-host: 'a.b:9100' is not a host: name it without scheme and port",
    ),
    ("allowed host twice", {"allow_host": ("::1", "::1")}, "--allow-host: ::1 is named twice: name it once"),
    (
        "host is a flag",
        {"origin_metrics_host": ("-tui",)},
        "--origin-metrics-host: '-tui' is not a host: name it like 10.0.0.5 or origin.example.com",
    ),
    (
        "host is empty",
        {"origin_metrics_host": ("",)},
        "--origin-metrics-host: '' is not a host: name it like 10.0.0.5 or origin.example.com",
    ),
    (
        "host twice",
        {"origin_metrics_host": ("a", "b", "a")},
        "--origin-metrics-host: a is named twice: name it once",
    ),
    ("node port", {"origin_metrics_node_port": 0}, "--origin-metrics-node-port: must be at least 1, not 0"),
    (
        "nginx port",
        {"origin_metrics_nginx_port": 65536},
        "--origin-metrics-nginx-port: must be at most 65535, not 65536",
    ),
    (
        "interval, host only",
        {"origin_metrics_host": ("a",), "origin_metrics_interval": 0.249},
        "--origin-metrics-interval: must be at least 250ms, not 249ms",
    ),
    (
        "short window",
        {"origin_metrics_window": 9.0},
        "--origin-metrics-window: must be from 10s to 5m, not 9s",
    ),
    (
        "long window",
        {"origin_metrics_window": 301.0},
        "--origin-metrics-window: must be from 10s to 5m, not 5m1s",
    ),
    (
        "one interval in the window",
        {"origin_metrics_interval": 20.0},
        (
            "--origin-metrics-window: 30s must hold at least 2 scrapes, which are 20s apart: "
            "lengthen it or shorten --origin-metrics-interval"
        ),
    ),
    (
        "device",
        {"origin_metrics_interface": ("eth0 eth1",)},
        "--origin-metrics-interface: 'eth0 eth1' is not the name of a network device",
    ),
    (
        "metrics header",
        {"origin_metrics_header": ("Bearer abc",)},
        "--origin-metrics-header: has no colon: write it as 'Name: value'",
    ),
    (
        "remote write header",
        {"remote_write_header": ("Bearer abc",), "remote_write": URL},
        "--remote-write-header: has no colon: write it as 'Name: value'",
    ),
    (
        "remote write header alone",
        {"remote_write_header": ("A: b",)},
        "--remote-write-header: needs --remote-write: there is nobody to send it to",
    ),
]


@pytest.mark.parametrize(("values", "text"), [pytest.param(v, t, id=i) for i, v, t in REFUSED])
def test_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**{"url": URL, **values})
    assert str(caught.value) == text
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, SettingValueError)
    assert caught.value.field in values or caught.value.field == "origin_metrics_window"


@given(st.fixed_dictionaries({"url": st.text(max_size=30), "header": st.tuples(st.text(max_size=20))}))
def test_any_text_makes_settings_or_a_settings_error(values: dict[str, Any]) -> None:
    with suppress(SettingsError):
        assert Settings(**values).url == values["url"]


TEXTS = sorted(name for name, hint in get_type_hints(Settings).items() if hint in {str, str | None})
TUPLES = sorted(name for name, hint in get_type_hints(Settings).items() if get_origin(hint) is tuple)
ODD = st.sampled_from(["", "-", "=", "x", "ffmpeg", "a=1,b", "http://[", "1e400", "nan", "{token}", "\0"]) | st.text(
    max_size=8
)


@given(
    st.dictionaries(st.sampled_from(TEXTS), ODD, max_size=4),
    st.dictionaries(st.sampled_from(TUPLES), st.lists(ODD, max_size=2).map(tuple), max_size=2),
)
def test_odd_values_together_are_refused_and_never_a_fault(texts: dict[str, Any], tuples: dict[str, Any]) -> None:
    with suppress(SettingsError):
        Settings(**{"url": URL, **texts, **tuples})


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"access_rate": "8M"}, id="a link of its own"),
        pytest.param({"only_host": ("a",)}, id="hosts"),
        pytest.param({"browser_origin": "https://player.example"}, id="a page"),
        pytest.param({"cmcd": "query"}, id="CMCD"),
    ],
)
def test_a_wrong_engine_is_named_whatever_depends_on_it(other: dict[str, Any]) -> None:
    with pytest.raises(SettingValueError, match=r"--engine: 'nonsense' is not one of native, ffmpeg"):
        Settings(url=URL, engine="nonsense", **other)


def test_headers_are_names_and_values() -> None:
    settings = Settings(url=URL, header=("A:b", "C :  d: e "), origin_metrics_header=("Authorization: Bearer x",))
    assert settings.headers == (("A", "b"), ("C", "d: e"))
    assert settings.origin_metrics_headers == (("Authorization", "Bearer x"),)


def test_header_value_keeps_inner_space() -> None:
    assert header_field("User-Note: a  b\t") == ("User-Note", "a  b")


SECRET = Settings(
    url="https://alice:hunter2@origin:8443/a.m3u8?x=1",
    origin_metrics="http://bob:hunter2@origin:9100/metrics",
    nginx_metrics="http://hunter2@origin:9113/metrics",
    header=("Authorization: Bearer hunter2",),
    origin_metrics_header=("X-Token: hunter2",),
    remote_write="https://carol:hunter2@prometheus/api/v1/write",
    remote_write_header=("Authorization: Bearer hunter2",),
)


def test_a_copy_without_secrets_says_where_they_were() -> None:
    shown = SECRET.without_secrets()
    assert shown.url == "https://***@origin:8443/a.m3u8?x=1"
    assert shown.origin_metrics == "http://***@origin:9100/metrics"
    assert shown.nginx_metrics == "http://***@origin:9113/metrics"
    assert shown.header == ("Authorization: ***",)
    assert shown.origin_metrics_header == ("X-Token: ***",)
    assert shown.remote_write == "https://***@prometheus/api/v1/write"
    assert shown.remote_write_header == ("Authorization: ***",)
    assert shown.without_secrets() == shown


def test_no_secret_in_what_is_printed_or_encoded_for_a_report() -> None:
    assert "hunter2" not in repr(SECRET)
    assert "hunter2" not in f"{SECRET}"
    assert b"hunter2" not in msgspec.json.encode(SECRET.without_secrets())
    assert all(f"{field.name}=" in repr(SECRET) for field in fields(Settings))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param(URL, URL, id="none"),
        pytest.param("http://u:p@h/x", "http://***@h/x", id="both"),
        pytest.param("http://u@h/x", "http://***@h/x", id="user only"),
        pytest.param("http://u:p@q@h/x", "http://***@h/x", id="at sign in the password"),
        pytest.param("http://h/@u/x", "http://h/@u/x", id="at sign in the path"),
        pytest.param("http://u:p/q@h/x", "http://***@h/x", id="slash in the password"),
        pytest.param("u:p@h/x", "***@h/x", id="no scheme"),
        pytest.param("http://[u:p@h/x", "http://***@h/x", id="no host to be read"),
    ],
)
def test_masked_url(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"url": "ftp://u:hunter2@h/"}, id="scheme"),
        pytest.param({"url": "u:hunter2@h/"}, id="no scheme"),
        pytest.param({"url": "http://u:hunter2@h:0/"}, id="port"),
        pytest.param({"url": "http://u:hunter2/3@h/"}, id="slash in the password"),
        pytest.param({"url": "http://u:hunter2@/"}, id="no host"),
        pytest.param({"url": "http://u:hunter2 @h/"}, id="space"),
        pytest.param({"url": "http://[u:hunter2@h/"}, id="bracket"),
        pytest.param({"origin_metrics_host": ("u:hunter2@h",)}, id="host"),
        pytest.param({"header": ("Authorization Bearer hunter2",)}, id="no colon"),
        pytest.param({"header": ("Authorization Bearer hunter2: x",)}, id="header name"),
        pytest.param({"header": ("A: hunter2\n",)}, id="line break"),
    ],
)
def test_no_secret_in_a_refusal(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**{"url": URL, **values})
    assert "hunter2" not in str(caught.value)
