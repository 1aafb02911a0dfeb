"""Who may ask a server for its own people's programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.serving.visitors import Visitors


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        pytest.param("127.0.0.1", "127.0.0.1:17091", id="its address"),
        pytest.param("127.0.0.1", "127.0.0.1", id="without a port"),
        pytest.param("127.0.0.1", "127.8.9.1:80", id="another address of loopback"),
        pytest.param("127.0.0.1", "LocalHost:17091", id="a name of loopback"),
        pytest.param("127.0.0.1", "demo.localhost.", id="a name below it"),
        pytest.param("::1", "[::1]:17091", id="IPv6"),
        pytest.param("10.0.0.5", "10.0.0.5:9400", id="an address of the machine"),
        pytest.param("10.0.0.5", "localhost:9400", id="loopback, through a tunnel"),
        pytest.param("0.0.0.0", "192.168.7.7:9400", id="any address, on all"),
        pytest.param("::", "[2001:db8::7]:9400", id="any address of IPv6, on all"),
        pytest.param("0.0.0.0", "loadgen-1:9400", id="the machine's name"),
        pytest.param("127.0.0.1", "metrics.example.com", id="a name it was told"),
        pytest.param("0.0.0.0", "generator:17091", id="a name within a container network"),
    ],
)
def test_its_own_names(listen: str, host: str) -> None:
    visitors = Visitors(listen, ("loadgen-1", "metrics.example.com"))
    assert visitors.refusal([host]) == ""


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        pytest.param("127.0.0.1", "evil.example:17091", id="a stranger's name"),
        pytest.param("127.0.0.1", "127.0.0.1.evil.example", id="that looks like an address"),
        pytest.param("127.0.0.1", "localhost.evil.example", id="that looks like loopback"),
        pytest.param("127.0.0.1", "evil.notlocalhost", id="that ends like it"),
        pytest.param("0.0.0.0", "evil.example", id="on all addresses too"),
        pytest.param("10.0.0.5", "10.0.0.6", id="an address it does not listen on"),
        pytest.param("127.0.0.1", "", id="an empty one"),
    ],
)
def test_foreign_names(listen: str, host: str) -> None:
    assert "is no name of this server" in Visitors(listen).refusal([host])
    assert "--allow-host evil.example" in Visitors(listen).refusal(["localhost", "evil.example"])


def test_a_program_need_not_name_it() -> None:
    assert Visitors("127.0.0.1").refusal([]) == ""


@pytest.mark.parametrize(
    ("origin", "site", "refused"),
    [
        pytest.param(None, None, False, id="a program"),
        pytest.param(None, "none", False, id="typed by a person"),
        pytest.param("http://127.0.0.1:17080", "same-origin", False, id="a page of its own"),
        pytest.param(None, "cross-site", True, id="an image on a stranger's page"),
        pytest.param(None, "same-site", True, id="another port of this machine"),
        pytest.param("http://evil.example", None, True, id="a script of a stranger, in an old browser"),
        pytest.param("http://127.0.0.1:8000", None, True, id="a script of another port"),
        pytest.param("null", None, True, id="a page without an origin"),
        pytest.param("http://[", None, True, id="nonsense"),
    ],
)
def test_pages_of_other_sites(origin: str | None, site: str | None, refused: bool) -> None:
    assert bool(Visitors("127.0.0.1").refusal(["127.0.0.1:17080"], origin, site)) is refused


@given(st.text(max_size=40), st.text(max_size=40) | st.none(), st.text(max_size=20) | st.none())
def test_whatever_is_sent_is_judged(host: str, origin: str | None, site: str | None) -> None:
    assert isinstance(Visitors("0.0.0.0").refusal([host], origin, site), str)
