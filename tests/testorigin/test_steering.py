"""The origin as a steering server."""

import json

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MultivariantPlaylist
from hls_swarm.testorigin.resources import Caching, Resource
from hls_swarm.testorigin.steering import Steered, parse_steer

MASTER = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1000
360p/playlist.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2000
720p/playlist.m3u8
"""


class Title:
    def find(self, path: str) -> Resource | None:
        known = {"/dvr/master.m3u8": MASTER, "/dvr/360p/seg-1.ts": b"media"}
        return Resource("x", known[path], Caching.LONG) if path in known else None


def content(pages: Steered, path: str) -> bytes:
    found = pages.find(path)
    assert found is not None
    assert isinstance(found.content, bytes)
    return found.content


def test_each_variant_is_on_each_pathway() -> None:
    pages = Steered(Title(), parse_steer("CDN-A,CDN-B"))
    playlist = parse_playlist(content(pages, "/steered/master.m3u8"), "http://o/steered/master.m3u8")
    assert isinstance(playlist, MultivariantPlaylist)
    assert playlist.content_steering is not None
    assert (playlist.content_steering.server_uri, playlist.content_steering.pathway_id) == (
        "http://o/steering",
        "CDN-A",
    )
    assert [(each.uri, each.pathway_id, each.stable_variant_id) for each in playlist.variants] == [
        (f"http://o/steered/{folder}/{name}/playlist.m3u8", pathway, name)
        for folder, pathway in (("a", "CDN-A"), ("b", "CDN-B"))
        for name in ("360p", "720p")
    ]
    assert content(pages, "/steered/b/360p/seg-1.ts") == b"media"
    assert [pages.find(path) for path in ("/steered/c/360p/seg-1.ts", "/steered/a/master.m3u8", "/other")] == [None] * 3


def test_what_the_manifest_says() -> None:
    pages = Steered(Title(), parse_steer("CDN-B,CDN-A,ttl=10s,clone=C:CDN-A:c.example,clone=D:C"))
    assert json.loads(content(pages, "/steering")) == {
        "VERSION": 1,
        "TTL": 10,
        "RELOAD-URI": "/steering",
        "PATHWAY-PRIORITY": ["CDN-B", "CDN-A"],
        "PATHWAY-CLONES": [
            {"ID": "C", "BASE-ID": "CDN-A", "URI-REPLACEMENT": {"HOST": "c.example"}},
            {"ID": "D", "BASE-ID": "C", "URI-REPLACEMENT": {"PARAMS": {"pathway": "D"}}},
        ],
    }


def test_where_to_ask_next_can_be_left_out() -> None:
    pages = Steered(Title(), parse_steer("CDN-B,ttl=10s,no-reload-uri"))
    assert json.loads(content(pages, "/steering")) == {"VERSION": 1, "TTL": 10, "PATHWAY-PRIORITY": ["CDN-B"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ttl=10s", "name a pathway first"),
        ("A,ttl=10", "10 has no unit"),
        ("A,after=1s", "there is no after: write ttl, version, no-reload-uri or clone"),
        ("A b", "'A b' is no pathway"),
        ("A,version=x", "version=x is no version: write a number, such as version=2$"),
        ("A,version=", "version= is no version"),
        ("A,version=" + "1" * 5000, "is no version"),
        ("A,clone=B", "'B' is no clone: write NEW:BASE or NEW:BASE:HOST"),
    ],
)
def test_what_can_not_be_said(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_steer(text)
