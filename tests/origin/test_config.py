from base64 import b64encode
from typing import Any

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.origin.config import OriginSettings, origin_settings
from hls_swarm.snapshot.origin.metrics import Role

BASIC = f"Basic {b64encode(b'user:pa:ss').decode()}"


def pages(settings: OriginSettings | None) -> dict[str, dict[str, str]]:
    assert settings is not None
    return {target.name: {source.role.value: source.url for source in target.sources} for target in settings.targets}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(
            {"node_url": "http://10.0.0.1:9100/metrics"},
            {"10.0.0.1": {"node": "http://10.0.0.1:9100/metrics"}},
            id="node",
        ),
        pytest.param(
            {"nginx_url": "https://o.example/m?a=b"}, {"o.example": {"nginx": "https://o.example/m?a=b"}}, id="nginx"
        ),
        pytest.param(
            {"node_url": "http://a:9100/metrics", "nginx_url": "http://b:9113/metrics"},
            {"a": {"node": "http://a:9100/metrics", "nginx": "http://b:9113/metrics"}},
            id="both URLs are one target",
        ),
        pytest.param(
            {"hosts": ("10.0.0.1",)},
            {"10.0.0.1": {"node": "http://10.0.0.1:9100/metrics", "nginx": "http://10.0.0.1:9113/metrics"}},
            id="host",
        ),
        pytest.param(
            {"hosts": ("o",), "node_port": 19100, "nginx_port": 19113},
            {"o": {"node": "http://o:19100/metrics", "nginx": "http://o:19113/metrics"}},
            id="ports",
        ),
        pytest.param(
            {"hosts": ("fd00::1",)},
            {"fd00::1": {"node": "http://[fd00::1]:9100/metrics", "nginx": "http://[fd00::1]:9113/metrics"}},
            id="IPv6",
        ),
        pytest.param(
            {"hosts": ("[fd00::1]",), "nginx_url": "http://[fd00::1]:81/m"},
            {"fd00::1": {"node": "http://[fd00::1]:9100/metrics", "nginx": "http://[fd00::1]:81/m"}},
            id="bracketed IPv6",
        ),
        pytest.param(
            {"hosts": ("o",), "nginx_url": "http://elsewhere/m"},
            {"o": {"node": "http://o:9100/metrics", "nginx": "http://elsewhere/m"}},
            id="a URL wins over the host",
        ),
        pytest.param(
            {"hosts": ("a", "b"), "node_url": "http://b:1/m"},
            {
                "a": {"node": "http://a:9100/metrics", "nginx": "http://a:9113/metrics"},
                "b": {"node": "http://b:1/m", "nginx": "http://b:9113/metrics"},
            },
            id="a URL belongs to the host it names",
        ),
    ],
)
def test_pages(flags: dict[str, Any], expected: dict[str, dict[str, str]]) -> None:
    assert pages(origin_settings(**flags)) == expected


def test_nothing_named_is_nothing_scraped() -> None:
    assert origin_settings() is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param({"node_url": "10.0.0.1:9100"}, "--origin-metrics must be a URL", id="no scheme"),
        pytest.param({"nginx_url": "ftp://o/m"}, "--nginx-metrics must be a URL", id="scheme"),
        pytest.param({"nginx_url": "http:///m"}, "--nginx-metrics must be a URL", id="no host"),
        pytest.param({"node_url": "http://o:99999/m"}, "--origin-metrics is not a URL", id="URL's port"),
        pytest.param({"node_url": "http://[::1/m"}, "--origin-metrics is not a URL", id="bracket"),
        pytest.param({"node_url": "http://o/a b"}, "--origin-metrics has a blank", id="blank"),
        pytest.param({"hosts": ("http://o/",)}, "for a URL use --origin-metrics", id="URL as host"),
        pytest.param({"hosts": ("o:9100",)}, "ports have flags of their own", id="host with a port"),
        pytest.param({"hosts": ("",)}, "--origin-metrics-host must be a host name", id="empty host"),
        pytest.param(
            {"hosts": tuple(f"h{n}" for n in range(65))}, "--origin-metrics-host names 65 hosts: at most 64", id="hosts"
        ),
        pytest.param({"hosts": ("a", "A")}, "--origin-metrics-host names a twice", id="host twice"),
        pytest.param({"hosts": ("a", "b"), "node_url": "http://c/"}, "which is none of the 2 hosts", id="whose URL"),
        pytest.param({"hosts": ("o",), "node_port": 0}, "--origin-metrics-node-port must be", id="node port"),
        pytest.param({"hosts": ("o",), "nginx_port": 65536}, "--origin-metrics-nginx-port must be", id="nginx port"),
        pytest.param({"interval": 0.1}, "--origin-metrics-interval must be at least 250ms", id="interval"),
        pytest.param({"interval": float("nan")}, "--origin-metrics-interval must be at least 250ms", id="no interval"),
        pytest.param({"hosts": ("o",), "window": 5.0}, "--origin-metrics-window must be from 10s", id="window short"),
        pytest.param({"window": 301.0}, "--origin-metrics-window must be from 10s to 300s, not 301s", id="window long"),
        pytest.param(
            {"interval": 20.0}, "--origin-metrics-window of 30s holds less than 2 intervals", id="window small"
        ),
        pytest.param({"interfaces": ("eth 0",)}, "--origin-metrics-interface must be", id="interface"),
        pytest.param({"headers": ("token",)}, "--origin-metrics-header must be 'Name: value'", id="header"),
        pytest.param({"headers": ("A b: c",)}, "--origin-metrics-header must be 'Name: value'", id="header name"),
        pytest.param({"headers": ("A: b\r\nC: d",)}, "--origin-metrics-header must be 'Name: value'", id="smuggled"),
    ],
)
def test_a_bad_value_is_refused_and_its_flag_named(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        origin_settings(**flags)
    assert message in str(caught.value)


def test_user_and_password_become_a_header_and_show_nowhere() -> None:
    settings = origin_settings(
        node_url="http://user:pa%3Ass@o:9100/metrics?token=hidden",
        hosts=("o",),
        headers=("X-Key: secret", "Authorization: Bearer t0k3n"),
    )
    assert settings is not None
    node, nginx = settings.targets[0].sources
    assert (node.role, nginx.role) == (Role.NODE, Role.NGINX)
    assert node.url == "http://o:9100/metrics?token=hidden"
    assert node.shown_url == "http://o:9100/metrics"
    assert node.headers == (("X-Key", "secret"), ("Authorization", BASIC))
    assert nginx.headers == (("X-Key", "secret"), ("Authorization", "Bearer t0k3n"))
    assert not any(secret in repr(settings) for secret in ("pa:ss", "pa%3A", BASIC, "secret", "t0k3n", "hidden"))


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param({"node_url": "http://user:pa55@o:99999/"}, id="bad port"),
        pytest.param({"node_url": "ftp://user:pa55@o/"}, id="bad scheme"),
        pytest.param({"node_url": "http://user:pa55@/"}, id="no host"),
        pytest.param({"headers": ("pa55",)}, id="header"),
        pytest.param({"hosts": ("user:pa55@o",)}, id="host"),
    ],
)
def test_no_message_repeats_a_secret(flags: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        origin_settings(**flags)
    assert "pa55" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_interfaces_and_times_are_taken_over() -> None:
    settings = origin_settings(hosts=("o",), interval=0.25, window=10.0, interfaces=("lo", "eth0"))
    assert settings is not None
    assert (settings.interval, settings.window, settings.interfaces) == (0.25, 10.0, frozenset({"lo", "eth0"}))
