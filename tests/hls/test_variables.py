from collections.abc import Mapping

import pytest

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import InitSection, MediaPlaylist, MultivariantPlaylist
from hls_swarm.hls.reading import LENIENT, STRICT, Reading

URL = "http://h/a/main.m3u8?token=s%2Fx+y&empty=&token=second"


def media(
    *tags: str, segment: str = "s.ts", imports: Mapping[str, str] | None = None, reading: Reading = LENIENT
) -> MediaPlaylist:
    text = "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:6", *tags, "#EXTINF:6,", segment, ""])
    playlist = parse_playlist(text.encode(), URL, imports or {}, reading)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


@pytest.mark.parametrize(
    ("tags", "line", "uri"),
    [
        pytest.param(['#EXT-X-DEFINE:NAME="dir",VALUE="x"'], "{$dir}/{$dir}.ts", "http://h/a/x/x.ts", id="NAME"),
        pytest.param(['#EXT-X-DEFINE:NAME="e",VALUE=""'], "s{$e}.ts", "http://h/a/s.ts", id="an empty VALUE"),
        pytest.param(
            ['#EXT-X-DEFINE:QUERYPARAM="token"'], "s.ts?t={$token}", "http://h/a/s.ts?t=s/x%20y", id="QUERYPARAM"
        ),
        pytest.param(['#EXT-X-DEFINE:IMPORT="cdn"'], "{$cdn}/s.ts", "https://cdn/s.ts", id="IMPORT"),
        pytest.param(
            ['#EXT-X-DEFINE:NAME="a",VALUE="{$b"', '#EXT-X-DEFINE:NAME="b",VALUE="x"'],
            "{$a}}",
            "http://h/a/{$b}",
            id="what was put in is not looked at again",
        ),
        pytest.param(
            ['#EXT-X-DEFINE:NAME="a",VALUE="x"', '#EXT-X-DEFINE:NAME="b",VALUE="{$a}y"'],
            "{$b}.ts",
            "http://h/a/xy.ts",
            id="a VALUE that refers to another",
        ),
        pytest.param([], "{$}.ts", "http://h/a/{$}.ts", id="no reference: no name"),
        pytest.param([], "{$a b}", "http://h/a/{$a%20b}", id="no reference: not a name"),
    ],
)
def test_references_in_uri_lines(tags: list[str], line: str, uri: str) -> None:
    assert media(*tags, segment=line, imports={"cdn": "https://cdn"}).segments[0].uri == uri


def test_references_in_attributes() -> None:
    playlist = media(
        '#EXT-X-DEFINE:NAME="n",VALUE="7"',
        '#EXT-X-MAP:URI="init{$n}.mp4",BYTERANGE="{$n}@{$n}"',
        '#EXT-X-KEY:METHOD=AES-128,URI="{$n}",IV=0x{$n}{$n}' + "0" * 30,
    )
    [segment] = playlist.segments
    assert segment.init == InitSection("http://h/a/init7.mp4", (7, 7))
    assert segment.key is not None
    assert segment.key.uri == "http://h/a/7"
    assert segment.key.iv == b"\x77" + b"\0" * 15


def test_titles_and_bare_values_are_left_alone() -> None:
    text = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-DEFINE:NAME="n",VALUE="7"\n#EXTINF:6,{$n}\ns.ts\n'
    playlist = parse_playlist(text.encode(), URL)
    assert isinstance(playlist, MediaPlaylist)
    assert playlist.segments[0].title == "{$n}"


def test_a_multivariant_playlist_hands_its_variables_on() -> None:
    text = '#EXTM3U\n#EXT-X-DEFINE:NAME="dir",VALUE="x"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{$dir}/v.m3u8\n'
    playlist = parse_playlist(text.encode(), URL)
    assert isinstance(playlist, MultivariantPlaylist)
    assert playlist.variants[0].uri == "http://h/a/x/v.m3u8"
    assert media('#EXT-X-DEFINE:IMPORT="dir"', segment="{$dir}", imports=playlist.variables).variables == {"dir": "x"}


@pytest.mark.parametrize(
    ("query", "violations"),
    [
        pytest.param("v=a%20b", [], id="a space"),
        pytest.param("v=a%22b", ["a query parameter has characters that no quoted string has"], id="a quote"),
        pytest.param("v=a%0Ab", ["a query parameter has characters that no quoted string has"], id="a line feed"),
    ],
)
def test_what_a_query_parameter_may_hold(query: str, violations: list[str]) -> None:
    text = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-DEFINE:QUERYPARAM="v"\n#EXTINF:6,\ns.ts\n'
    assert [
        found.reason for found in parse_playlist(text.encode(), f"http://h/a.m3u8?{query}").violations
    ] == violations


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        pytest.param(['#EXT-X-DEFINE:VALUE="x"'], "needs one of", id="no form"),
        pytest.param(['#EXT-X-DEFINE:NAME="a",VALUE="x",IMPORT="a"'], "needs one of", id="two forms"),
        pytest.param(['#EXT-X-DEFINE:NAME="a"'], "VALUE is missing", id="no VALUE"),
        pytest.param(['#EXT-X-DEFINE:NAME="a b",VALUE="x"'], "letters, digits", id="a bad name"),
        pytest.param(['#EXT-X-DEFINE:NAME="a",VALUE="x"'] * 2, "defined twice", id="twice"),
        pytest.param(['#EXT-X-DEFINE:IMPORT="gone"'], "can not be imported", id="nothing to import"),
        pytest.param(['#EXT-X-DEFINE:QUERYPARAM="gone"'], "no value for the query", id="no such parameter"),
        pytest.param(['#EXT-X-DEFINE:QUERYPARAM="empty"'], "no value for the query", id="a parameter without value"),
        pytest.param(['#EXT-X-MAP:URI="{$late}"', '#EXT-X-DEFINE:NAME="late",VALUE=""'], "late is not", id="too late"),
        pytest.param(
            ['#EXT-X-DEFINE:NAME="v0",VALUE="xxxxxxxxxx"']
            + [f'#EXT-X-DEFINE:NAME="v{n}",VALUE="' + f"{{$v{n - 1}}}" * 10 + '"' for n in range(1, 9)],
            "too much text",
            id="an explosion",
        ),
    ],
)
def test_what_the_draft_has_a_client_refuse(tags: list[str], reason: str) -> None:
    with pytest.raises(PlaylistError) as raised:
        media(*tags, reading=STRICT)
    assert reason in raised.value.reason
