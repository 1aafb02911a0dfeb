import pytest

from hls_swarm.hls.uri import MAX_DOMAIN_NAMES, Resolver, resolve, resolver

RFC3986_BASE = "http://a/b/c/d;p?q"
# RFC 3986 5.4.1 and 5.4.2.
RFC3986 = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/./x": "http://a/b/c/g#s/./x",
    "g#s/../x": "http://a/b/c/g#s/../x",
}


@pytest.mark.parametrize(("reference", "expected"), RFC3986.items(), ids=[r or "empty" for r in RFC3986])
def test_rfc_3986_examples(reference: str, expected: str) -> None:
    assert resolve(RFC3986_BASE, reference) == expected


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        pytest.param("http://h/a//b/p.m3u8", "s.ts", "http://h/a//b/s.ts", id="empty segments of the base stay"),
        pytest.param("http://h/p.m3u8", "a//s.ts", "http://h/a//s.ts", id="empty segments of the reference stay"),
        pytest.param("http://h", "s.ts", "http://h/s.ts", id="a base without a path"),
        pytest.param(
            "http://h:81/x?y=/z", "s.ts", "http://h:81/s.ts", id="a slash in the base's query is no directory"
        ),
        pytest.param("https://h/a/p", "//g/./s", "https://g/s", id="another host"),
        pytest.param("http://h/a/p", "my file.ts", "http://h/a/my%20file.ts", id="a space"),
        pytest.param("http://h/a/p", "é%20.ts", "http://h/a/%C3%A9%20.ts", id="beyond ASCII, escapes kept"),
        pytest.param("http://h/a", "https://é.example/é", "https://xn--9ca.example/%C3%A9", id="a host beyond ASCII"),
        pytest.param("http://h/a", "//ü@É.example:81/s", "http://%C3%BC@xn--9ca.example:81/s", id="a user and a port"),
        pytest.param(
            "http://h/a", "//e\uff0fg/s", "http://e%EF%BC%8Fg/s", id="a host that would be taken apart otherwise"
        ),
        pytest.param("http://h/a", "//é..e/s", "http://%C3%A9..e/s", id="a host that is no domain name"),
        pytest.param("http://h/a", f"//é{'x' * 300}/s", f"http://%C3%A9{'x' * 300}/s", id="a host that is too long"),
    ],
)
def test_references_in_playlists(base: str, reference: str, expected: str) -> None:
    assert resolve(base, reference) == expected


def test_only_so_many_hosts_beyond_ascii_are_converted() -> None:
    resolver = Resolver("http://h/a")
    hosts = [f"//é{n}.example/s" for n in range(MAX_DOMAIN_NAMES + 1)]
    resolved = [resolver.resolve(host) for host in hosts * 2]
    assert [uri.startswith("http://xn--") for uri in resolved] == [*[True] * MAX_DOMAIN_NAMES, False] * 2
    assert resolved[-1] == f"http://%C3%A9{MAX_DOMAIN_NAMES}.example/s"


def test_a_base_with_a_host_beyond_ascii_keeps_it_as_a_domain_name() -> None:
    base = "http://bücher.example/live/a/b.m3u8"
    expected = ["http://xn--bcher-kva.example/live/a/c.ts", "http://xn--bcher-kva.example/live/a//%C3%A9.ts"]
    assert [resolve(base, reference) for reference in ("c.ts", ".//é.ts")] == expected


def test_a_long_text_is_encoded_and_not_remembered() -> None:
    assert resolve("http://h/a", "é" * 1000) == "http://h/" + "%C3%A9" * 1000


def test_a_playlist_is_resolved_against_alike_whatever_its_reloads_ask_to_wait_for() -> None:
    base = "http://h/a/p.m3u8?token=1"
    one, other = resolver(f"{base}&_HLS_msn=7"), resolver(f"{base}&_HLS_msn=8#f")
    assert one is other
    for reference in ("s.m4s", "?x", "/s", "../s", "//g/s", "s?y#z"):
        assert one.resolve(reference) == Resolver(f"{base}&_HLS_msn=7").resolve(reference)
    for reference in ("", "#f"):
        assert resolver(base, reference).resolve(reference) == f"{base}{reference}"
