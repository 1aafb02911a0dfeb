from pathlib import Path

import pytest

from hls_swarm.engine.native.identities import Identities, Lists, read_lists
from hls_swarm.engine.native.options import check_clients, client_options
from hls_swarm.errors import SettingsError
from hls_swarm.http import Http2, Http3, Identity, Limits, TlsOptions
from hls_swarm.settings.run import Settings

URL = "http://origin/stream.m3u8"
LISTS = Lists(user_agents=("A/1", "B/2"), tokens=("t0", "t1", "t2"))


def test_without_lists_nothing_tells_viewers_apart() -> None:
    identities = Identities.of(Settings(url=URL, http="1.1", user_agent="mine", header=("A: b",)), Lists())
    assert identities.identity(7) == Identity()
    assert identities.url(7) == URL


def test_each_viewer_has_its_line_of_each_list() -> None:
    settings = Settings(
        url=f"{URL}?token={{token}}&viewer={{viewer}}",
        header=("Authorization: Bearer {token}", "A: b"),
        token_file="tokens",
        user_agent_file="agents",
        source_address=("127.0.0.2-127.0.0.3",),
        http="1.1",
    )
    identities = Identities.of(settings, LISTS)
    assert [identities.url(viewer) for viewer in (0, 4)] == [f"{URL}?token=t0&viewer=0", f"{URL}?token=t1&viewer=4"]
    assert identities.identity(5) == Identity(
        user_agent="B/2", headers=(("Authorization", "Bearer t2"),), source_address="127.0.0.3", secret="t2"
    )


def test_a_user_agent_with_a_place_for_the_viewer() -> None:
    identities = Identities.of(Settings(url=URL, http="1.1", user_agent="Player/{viewer}"), Lists())
    assert identities.identity(3) == Identity(user_agent="Player/3")


def test_lines_of_files(tmp_path: Path) -> None:
    (tmp_path / "agents").write_bytes(b"Mozilla/5.0 (X11)\r\n\r\n  VLC/3.0 \n")
    (tmp_path / "tokens").write_bytes(b"one\ntwo")
    settings = Settings(url=URL, user_agent_file=f"{tmp_path}/agents", token_file=f"{tmp_path}/tokens")
    assert read_lists(settings) == Lists(("Mozilla/5.0 (X11)", "VLC/3.0"), ("one", "two"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "has no line with anything in it", id="empty"),
        pytest.param(b"\n \n", "has no line with anything in it", id="blank"),
        pytest.param(b"one\na b\n", "line 2 has a space or characters outside printable ASCII", id="space"),
        pytest.param("ü".encode(), "line 1 has a space or characters outside printable ASCII", id="letters"),
    ],
)
def test_tokens_that_can_not_be_sent(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(SettingsError, match=words) as caught:
        read_lists(Settings(url=URL, token_file=f"{tmp_path}/tokens"))
    assert str(caught.value).startswith("--token-file: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--user-agent-file: .*agents can not be read: No such file"):
        read_lists(Settings(url=URL, user_agent_file=f"{tmp_path}/agents"))


def test_what_all_viewers_have_in_common() -> None:
    settings = Settings(
        url="http://[::1]/a",
        user_agent="mine",
        no_cache=True,
        header=("A: b",),
        connect_timeout=1.0,
        first_byte_timeout=2.0,
        no_progress_timeout=3.0,
        resolve=("192.0.2.7", "192.0.2.8", "cdn:443:::1"),
        proxy="http://proxy:3128",
        ca_file="ca",
        client_certificate="cert",
        client_key="key",
        insecure=True,
        dangerous=True,
    )
    options = client_options(settings)
    assert options.user_agent == "mine"
    assert options.headers == (("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("A", "b"))
    assert options.resolve == ("[::1]:*:192.0.2.7,192.0.2.8", "cdn:443:::1")
    assert options.limits == Limits(1.0, 2.0, 3.0)
    assert options.tls == TlsOptions("ca", True, "cert", "key")
    assert options.proxy == "http://proxy:3128"
    assert client_options(Settings(url=URL)).user_agent.startswith("hls-swarm/")


def test_origins_are_all_urls_that_the_user_wrote() -> None:
    settings = Settings(
        url="http://u:p@a.example/{viewer}.m3u8",
        zap_url=("3=http://b.example/x", "http://c{viewer}.example/"),
        trust_host=("cdn.example", "[::1]:80", "::1"),
        only_host=("cdn.example:443",),
        sensitive_header=("X-Mine",),
    )
    options = client_options(settings)
    assert options.origins == ("http://u:p@a.example/{viewer}.m3u8", "http://b.example/x")
    assert options.trusted_hosts == ("cdn.example", "[::1]:80", "::1")
    assert (options.only_hosts, options.sensitive_headers) == (("cdn.example:443",), ("X-Mine",))
    identities = Identities.of(settings, read_lists(settings))
    assert identities.identity(7).origins == ("http://c7.example/",)


@pytest.mark.parametrize("value", ["gzip", "gzip, deflate", "identity;q=0.5, gzip", "GZIP", "", "x-gzip"])
def test_codings_that_can_be_read_may_be_asked_for(value: str) -> None:
    check_clients(Settings(url=URL, header=(f"Accept-Encoding: {value}",)))


@pytest.mark.parametrize("field", ["header", "origin_metrics_header"])
@pytest.mark.parametrize(
    ("value", "unreadable"), [("gzip, deflate, br, zstd", "br, zstd"), ("*", r"\*"), ("BR;q=0.1", "br")]
)
def test_coding_that_can_not_be_read_is_refused_before_the_start(field: str, value: str, unreadable: str) -> None:
    settings = Settings(url=URL, **{field: (f"accept-encoding: {value}",)})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=f"Accept-Encoding asks for {unreadable}, which can not be read here"):
        check_clients(settings)


@pytest.mark.parametrize(
    ("http", "profile", "http2"),
    [
        ("auto", "hlsjs", Http2.OFFERED),
        ("auto", "shaka", Http2.OFFERED),
        ("auto", "media3", Http2.NEVER),
        ("auto", "ffmpeg", Http2.NEVER),
        ("auto", "steady", Http2.NEVER),
        ("1.1", "hlsjs", Http2.NEVER),
        ("2", "ffmpeg", Http2.REQUIRED),
    ],
)
def test_the_version_is_that_of_the_player_unless_said_otherwise(http: str, profile: str, http2: Http2) -> None:
    settings = Settings(url=URL, http=http, profile=profile)  # type: ignore[arg-type]
    assert Identities.of(settings, Lists()).identity(0).http2 is http2


@pytest.mark.parametrize(
    ("latency", "profile", "http2"),
    [
        ("low", "steady", Http2.OFFERED),
        ("normal", "steady", Http2.NEVER),
        ("auto", "steady", Http2.NEVER),
        ("low", "media3", Http2.NEVER),
        ("low", "hlsjs", Http2.OFFERED),
    ],
)
def test_who_follows_the_specification_to_low_latency_takes_http2(latency: str, profile: str, http2: Http2) -> None:
    settings = Settings(url=URL, latency=latency, profile=profile)  # type: ignore[arg-type]
    assert Identities.of(settings, Lists()).identity(0).http2 is http2


@pytest.mark.parametrize(
    ("http", "profile", "http3"),
    [
        ("auto", "hlsjs", Http3.ADVERTISED),
        ("auto", "shaka", Http3.ADVERTISED),
        ("auto", "media3", Http3.NEVER),
        ("auto", "ffmpeg", Http3.NEVER),
        ("auto", "steady", Http3.NEVER),
        ("1.1", "hlsjs", Http3.NEVER),
        ("2", "hlsjs", Http3.NEVER),
        ("3", "media3", Http3.REQUIRED),
    ],
)
def test_http3_is_for_browsers_and_for_whoever_asks_for_it(http: str, profile: str, http3: Http3) -> None:
    settings = Settings(url="https://origin/stream.m3u8", http=http, profile=profile)  # type: ignore[arg-type]
    identity = Identities.of(settings, Lists()).identity(0)
    assert identity.http3 is http3
    if http3 is Http3.REQUIRED:
        assert identity.http2 is Http2.NEVER


def test_a_mix_of_players_is_a_mix_of_versions() -> None:
    identities = Identities.of(Settings(url=URL, profile="hlsjs=50,media3=50"), Lists())
    offered = sum(identities.identity(viewer).http2 is Http2.OFFERED for viewer in range(400))
    assert 150 < offered < 250
