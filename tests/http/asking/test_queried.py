"""A parameter that is added to what is asked for, as players add it."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.asking.target import parse_target, queried
from hls_swarm.http.fetcher import Query


def asked(url: str, value: str, *, anew: bool) -> str:
    return queried(parse_target(url), Query("CMCD", value, anew)).decode().split(" ")[1]


@pytest.mark.parametrize(
    ("url", "anew", "expected"),
    [
        ("http://h/a.ts", True, "/a.ts?CMCD=br%3D1%2Ccid%3D%22a+b%22"),
        ("http://h/a.ts", False, "/a.ts?CMCD=br%3D1%2Ccid%3D%22a%20b%22"),
        ("http://h/a.ts?t=x%20y&u=~*&CMCD=old&v", True, "/a.ts?t=x+y&u=%7E*&CMCD=br%3D1%2Ccid%3D%22a+b%22&v="),
        ("http://h/a.ts?t=x%20y", False, "/a.ts?t=x%20y&CMCD=br%3D1%2Ccid%3D%22a%20b%22"),
    ],
)
def test_hls_js_writes_the_query_anew_and_others_append(url: str, anew: bool, expected: str) -> None:
    assert asked(url, 'br=1,cid="a b"', anew=anew) == expected


@given(value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60), anew=st.booleans())
def test_any_value_comes_back_from_the_query(value: str, anew: bool) -> None:
    target = asked("http://h/a.ts?t=1", value, anew=anew)
    assert parse_qsl(target.partition("?")[2], keep_blank_values=True) == [("t", "1"), ("CMCD", value)]
