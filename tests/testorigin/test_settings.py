"""The origin's settings: what is refused, and the way to another process and back."""

from pathlib import Path
from typing import Any

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.testorigin.settings import (
    LogTo,
    OriginAddress,
    OriginSettings,
    access_log_place,
    decode_settings,
    encode_settings,
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"port": 70_000}, "port is 70000", id="port"),
        pytest.param({"segment_seconds": 3}, "2, 4 or 8 s", id="segment duration"),
        pytest.param({"window": 2}, "3 to 1000 segments", id="window"),
        pytest.param({"max_connections": 0}, "at most 0", id="no connections"),
        pytest.param({"first_segment": -1}, "begin at 0", id="first segment"),
        pytest.param({"idle_seconds": 0.0}, "more than 0 s", id="time limit"),
        pytest.param({"key": "a.pem"}, "needs its certificate", id="a key alone"),
    ],
)
def test_what_can_not_work_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        OriginSettings(**fields)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(OriginSettings(), id="defaults"),
        pytest.param(OriginSettings(listen="::1", port=0, access_log=Path("/tmp/a.log"), window=9), id="a file"),  # noqa: S108 - never written
        pytest.param(OriginSettings(access_log=LogTo.NOWHERE, idle_seconds=1.5, segment_seconds=8), id="no log"),
        pytest.param(OriginSettings(access_log=LogTo.STDOUT, first_segment=10), id="standard output"),
    ],
)
def test_settings_reach_another_process_unchanged(settings: OriginSettings) -> None:
    assert decode_settings(encode_settings(settings)) == settings


def test_what_is_left_out_has_its_default() -> None:
    assert decode_settings('{"port": 0}') == OriginSettings(port=0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("{", "truncated", id="no JSON"),
        pytest.param('{"prot": 1}', "prot", id="unknown name"),
        pytest.param('{"port": "x"}', "port", id="wrong type"),
        pytest.param('{"window": 1}', "window is 1", id="wrong value"),
    ],
)
def test_bad_lines_are_refused(line: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        decode_settings(line)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("-", LogTo.STDOUT, id="standard output"),
        pytest.param("none", LogTo.NOWHERE, id="nowhere"),
        pytest.param("logs/a.log", Path("logs/a.log"), id="a file"),
        pytest.param("folder", Path("folder"), id="a file of that name"),
    ],
)
def test_access_log_places(text: str, place: Path | LogTo) -> None:
    assert access_log_place(text) == place


def test_addresses() -> None:
    address = OriginAddress(host="::1", port=17080, pid=1)
    assert address.stream_url == "http://[::1]:17080/live/master.m3u8"
    assert address.node_metrics_url == "http://[::1]:17080/metrics/node"
    assert OriginAddress(host="127.0.0.1", port=1, pid=1).nginx_metrics_url == "http://127.0.0.1:1/metrics/nginx"
