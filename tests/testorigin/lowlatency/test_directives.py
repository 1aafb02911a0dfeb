"""Which requests wait, which are answered, which are refused (8216bis 6.2.5.2)."""

import pytest

from hls_swarm.testorigin.lowlatency.directives import Directives, Edge, Skip, Verdict, parse_directives, verdict

EDGE = Edge(complete=271, parts=2, per_segment=6)  # parts 0 and 1 of segment 272 are there


@pytest.mark.parametrize(
    ("query", "directives"),
    [
        ("", Directives()),
        ("token=a", Directives()),
        ("_HLS_msn=273", Directives(273)),
        ("_HLS_msn=0&_HLS_part=0", Directives(0, 0)),
        ("a=1&_HLS_msn=273&_HLS_part=2&_HLS_skip=YES", Directives(273, 2, Skip.SEGMENTS)),
        ("_HLS_skip=v2", Directives(skip=Skip.DATERANGES)),
        ("_HLS_skip=v9", Directives()),
    ],
)
def test_directives_are_read_from_the_query(query: str, directives: Directives) -> None:
    assert parse_directives(query) == directives


@pytest.mark.parametrize("query", ["_HLS_part=1", "_HLS_msn=", "_HLS_msn=-1", "_HLS_msn=1.5", "_HLS_msn=1&_HLS_part=x"])
def test_directives_that_mean_nothing_are_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"_HLS_msn|no media sequence number"):
        parse_directives(query)


@pytest.mark.parametrize(
    ("sequence", "part", "expected"),
    [
        pytest.param(None, None, Verdict.ANSWER, id="nothing is waited for"),
        pytest.param(271, None, Verdict.ANSWER, id="a complete segment"),
        pytest.param(272, None, Verdict.HOLD, id="the segment being made"),
        pytest.param(272, 1, Verdict.ANSWER, id="the newest part"),
        pytest.param(272, 2, Verdict.HOLD, id="the next part"),
        pytest.param(271, 6, Verdict.ANSWER, id="behind the last part of a segment is the first of the next"),
        pytest.param(272, 6, Verdict.HOLD, id="the same, not there yet"),
        pytest.param(273, None, Verdict.HOLD, id="two ahead"),
        pytest.param(274, None, Verdict.REFUSE, id="three ahead"),
        pytest.param(272, 10, Verdict.HOLD, id="parts of a third: nine ahead"),
        pytest.param(272, 11, Verdict.REFUSE, id="ten ahead"),
        pytest.param(273, 4, Verdict.HOLD, id="nine ahead, in the segment after"),
        pytest.param(273, 5, Verdict.REFUSE, id="ten ahead, in the segment after"),
    ],
)
def test_a_request_waits_for_what_comes_soon(sequence: int | None, part: int | None, expected: Verdict) -> None:
    assert verdict(Directives(sequence, part), EDGE, part_target=0.36) is expected


@pytest.mark.parametrize(("part", "expected"), [(4, Verdict.HOLD), (5, Verdict.REFUSE)])
def test_long_parts_may_be_three_ahead(part: int, expected: Verdict) -> None:
    assert verdict(Directives(272, part), EDGE, part_target=1.0) is expected
