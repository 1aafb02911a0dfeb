"""Command lines of ffmpeg viewers: what each setting becomes, what fits which version, what is refused."""

import shlex
import subprocess
from typing import Any

import msgspec
import pytest

from hls_swarm import __version__
from hls_swarm.engine.ffmpeg.binary import FfmpegBinary
from hls_swarm.engine.ffmpeg.command import FfmpegPlan, check_settings, environment, pasteable, player_command
from hls_swarm.http import Identity
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.run import Settings

URL = "http://origin.test:8080/live/a.m3u8"
OLD = FfmpegBinary("/usr/bin/ffmpeg", "5.1.9", frozenset({"readrate", "reconnect_on_network_error"}))
NEW = FfmpegBinary(
    "/opt/ffmpeg",
    "9.0.2",
    frozenset({"readrate", "readrate_initial_burst", "reconnect_on_network_error", "seg_max_retry"}),
    stamps=True,
    verifies=True,
)


def settings_with(**more: Any) -> Settings:
    """Settings of a run of ffmpeg viewers."""
    return Settings(**{"url": URL, "engine": "ffmpeg", **more})


def command(binary: FfmpegBinary = OLD, *, plan: FfmpegPlan | None = None, **more: Any) -> tuple[str, ...]:
    """The command of viewer 7."""
    settings = settings_with(**more)
    return player_command(plan or FfmpegPlan(binary), settings, Identity(), settings.url, 7)


def after(parts: tuple[str, ...], option: str) -> str | None:
    """What follows an option; None if it is not there."""
    return parts[parts.index(option) + 1] if option in parts else None


def test_the_whole_command_line() -> None:
    assert command() == (
        "/usr/bin/ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+trace",
        "-progress", "pipe:1", "-stats_period", "1", "-user_agent", f"hls-swarm/{__version__} ffmpeg (viewer 7)",
        "-rw_timeout", "15000000", "-i", URL, "-map", "0:v:0?", "-map", "0:a:0?", "-c", "copy", "-f", "null", "-",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "option", "value"),
    [
        pytest.param({"user_agent": "probe"}, "-user_agent", "probe (viewer 7)", id="user agent with number"),
        pytest.param({"ffmpeg_timeout": 2.5}, "-rw_timeout", "2500000", id="timeout"),
        pytest.param({"ffmpeg_timeout": 0.0}, "-rw_timeout", None, id="no timeout"),
        pytest.param({"header": ("X-A: b", "C: d")}, "-headers", "X-A: b\r\nC: d\r\n", id="headers"),
        pytest.param({"no_cache": True}, "-headers", "Cache-Control: no-cache\r\nPragma: no-cache\r\n", id="no cache"),
        pytest.param({"ffmpeg_reconnect": True}, "-reconnect", "1", id="reconnect"),
        pytest.param({"ffmpeg_reconnect": True}, "-reconnect_delay_max", "5", id="delay"),
        pytest.param({"ffmpeg_reconnect_delay": 9.0}, "-reconnect_delay_max", None, id="delay without reconnect"),
        pytest.param({"ffmpeg_segment_retries": 4}, "-seg_max_retry", "4", id="segment retries"),
        pytest.param({"proxy": "http://p:3128"}, "-http_proxy", "http://p:3128", id="proxy"),
        pytest.param(
            {"resolve": ("192.0.2.7",), "dangerous": True}, "-i", "http://192.0.2.7:8080/live/a.m3u8", id="address"
        ),
        pytest.param(
            {"resolve": ("192.0.2.7",), "dangerous": True}, "-headers", "Host: origin.test:8080\r\n", id="host"
        ),
        pytest.param(
            {"resolve": ("2001:db8::1",), "dangerous": True}, "-i", "http://[2001:db8::1]:8080/live/a.m3u8", id="IPv6"
        ),
        pytest.param(
            {"resolve": ("origin.test:8080:192.0.2.7",), "dangerous": True},
            "-i",
            "http://192.0.2.7:8080/live/a.m3u8",
            id="override",
        ),
    ],
)
def test_what_each_setting_becomes(more: dict[str, Any], option: str, value: str | None) -> None:
    assert after(command(NEW, **more), option) == value


@pytest.mark.parametrize(
    ("binary", "paced", "expected"),
    [
        pytest.param(OLD, False, (), id="live 5"),
        pytest.param(NEW, False, (), id="live 9"),
        pytest.param(OLD, True, ("-readrate", "1"), id="with an end 5"),
        pytest.param(NEW, True, ("-readrate", "1", "-readrate_initial_burst", "18"), id="with an end 9"),
    ],
)
def test_a_stream_with_an_end_is_paced(binary: FfmpegBinary, paced: bool, expected: tuple[str, ...]) -> None:
    parts = command(plan=FfmpegPlan(binary, paced=paced))
    assert tuple(part for part in parts[10:14] if part in expected) == expected
    assert ("-readrate" in parts) is paced


def test_a_binary_that_reports_by_packet_reports_often_of_a_live_stream() -> None:
    old = msgspec.structs.replace(OLD, reports_by_packet=True)
    assert after(command(old), "-stats_period") == "0.001"
    assert after(command(plan=FfmpegPlan(old, paced=True)), "-stats_period") == "1"
    assert after(command(NEW), "-stats_period") == "1"


def test_only_a_binary_that_can_stamps_its_lines() -> None:
    assert after(command(OLD), "-loglevel") == "repeat+level+trace"
    assert after(command(NEW), "-loglevel") == "repeat+level+datetime+trace"


def test_an_identity_replaces_what_is_common() -> None:
    settings = settings_with(header=("X-Viewer: {viewer}", "X-Same: 1"))
    identity = Identity(user_agent="tv 7", headers=(("X-Viewer", "7"),))
    parts = player_command(FfmpegPlan(NEW), settings, identity, URL, 7)
    assert after(parts, "-headers") == "X-Same: 1\r\nX-Viewer: 7\r\n"
    assert after(parts, "-user_agent") == "tv 7"


@pytest.mark.parametrize(
    ("binary", "more", "words"),
    [
        pytest.param(
            OLD, {"ffmpeg_segment_retries": 1}, "--ffmpeg-segment-retries: ffmpeg 5.1.9 has no", id="no retries"
        ),
        pytest.param(OLD, {"timeout": 3.0}, "--timeout: .* use --ffmpeg-timeout", id="timeout"),
        pytest.param(OLD, {"first_byte_timeout": 3.0}, "--first-byte-timeout", id="first byte"),
        pytest.param(OLD, {"variant": "720p"}, "all, highest, lowest or first", id="height"),
        pytest.param(OLD, {"source_address": ("127.0.0.2",)}, "--source-address", id="source"),
        pytest.param(NEW, {"insecure": True, "dangerous": True}, "name a --ca-file", id="insecure"),
        pytest.param(OLD, {"client_certificate": "a.pem"}, "--client-certificate", id="certificate"),
        pytest.param(
            OLD, {"url": "https://h/a.m3u8", "resolve": ("::1",), "dangerous": True}, "TLS", id="resolve over TLS"
        ),
        pytest.param(
            OLD, {"resolve": ("cdn.test:80:::1",), "dangerous": True}, "one address", id="resolve another host"
        ),
        pytest.param(OLD, {"resolve": ("::1", "127.0.0.1"), "dangerous": True}, "one address", id="resolve two"),
        pytest.param(OLD, {"join": "start"}, "--join", id="join"),
    ],
)
def test_what_ffmpeg_can_not_be_told_is_refused(binary: FfmpegBinary, more: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingValueError, match=words):
        check_settings(settings_with(**more), binary, only=True)


def test_a_limit_for_native_viewers_is_welcome_in_a_mix() -> None:
    check_settings(settings_with(engine="native,ffmpeg", timeout=3.0), OLD, only=False)
    check_settings(settings_with(insecure=True, dangerous=True), OLD, only=True)


def test_the_printed_command_is_read_back_by_a_shell() -> None:
    parts = command(NEW, header=('X-A: it\'s \\ "$HOME" `x`', "X-B: 2"), user_agent="a b")
    line = pasteable(parts, environment(settings_with(ca_file="/a b/ca.pem")))
    script = f"env() {{ :; }}; f() {{ printf '%s\\0' \"$@\"; }}; {line.replace(shlex.quote(parts[0]), 'f', 1)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == [part.encode() for part in parts[1:]]
    assert line.startswith("SSL_CERT_FILE='/a b/ca.pem' /opt/ffmpeg ")
