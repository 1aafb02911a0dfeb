"""What the embedded origin counts of CMCD."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.testorigin.telling.cmcd import MOST_SESSIONS, CmcdSeen, members

QUERY = "/live/1.ts?t=1&CMCD=bl%3D12000%2Cbs%2Cnor%3D%22..%252F2.ts%22%2Csid%3D%22a-1%22"


def test_requests_are_counted_by_session_wherever_it_stands() -> None:
    seen = CmcdSeen()
    seen.add(QUERY, {})
    seen.add("/live/2.ts", {b"cmcd-session": 'sf=h,sid="b"', b"cmcd-request": "mtp=4500", b"user-agent": "x"})
    seen.add("/live/2.ts?CMCD=sid%3D%22a-1%22", {b"cmcd-session": 'sid="b"'})
    seen.add("/live/3.ts?CMCD=su", {})
    seen.add("/live/3.ts?CMCD_IS=none", {b"user-agent": "x"})
    assert (seen.requests, seen.by_query, seen.by_headers, seen.starved, seen.sessions) == (4, 2, 2, 1, 2)
    first, second = map(json.loads, seen.lines())
    assert first == {"session": "a-1", "requests": 1, "starved": 1, "last": 'bl=12000,bs,nor="..%2F2.ts",sid="a-1"'}
    assert (second["session"], second["requests"], second["last"]) == ("b", 2, 'sid="b"')
    assert seen.words == "4 requests of 2 sessions told of themselves (2 in queries and 2 in headers), 1 after a stall"


def test_nobody_told_anything() -> None:
    seen = CmcdSeen()
    seen.add("/live/1.ts?CMCD=", {})
    assert (seen.words, list(seen.lines())) == ("", [])


def test_sessions_without_end_are_not_kept_without_end() -> None:
    seen = CmcdSeen()
    for number in range(MOST_SESSIONS + 50):
        seen.add("/", {b"cmcd-session": f'sid="{number}"'})
    assert seen.sessions == MOST_SESSIONS + 1
    assert json.loads(list(seen.lines())[-1])["requests"] == 50


def test_values_may_have_commas_in_quotes_and_in_lists() -> None:
    assert members('bl=(1 2),cid="a,\\"b\\"",su,v=2') == {"bl": "(1 2)", "cid": '"a,\\"b\\""', "su": "", "v": "2"}


@given(st.text(max_size=40))
def test_any_text_is_taken(text: str) -> None:
    seen = CmcdSeen()
    seen.add(f"/?CMCD={text}", {})
    seen.add("/", {b"cmcd-status": text})
    assert seen.requests <= 2
