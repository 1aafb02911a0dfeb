from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders.playlists import Part, Playlist, Segment

from hls_swarm.hls.delta import RefetchReason, merge_delta
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist

DATE = 1767225600.0
KEY, OTHER_KEY = '#EXT-X-KEY:METHOD=AES-128,URI="k"', '#EXT-X-KEY:METHOD=AES-128,URI="k2"'
DRM = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="d",KEYFORMAT="drm"'


def media(source: Playlist) -> MediaPlaylist:
    playlist = parse_playlist(source.body, "http://h/p.m3u8")
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def merged(held: Playlist, full: Playlist, skipped: int, header: Sequence[str] = ()) -> MediaPlaylist | RefetchReason:
    return merge_delta(media(held), media(full.delta(skipped, header)))


RICH = [
    Segment(0, tags=['#EXT-X-MAP:URI="i.mp4"', KEY, "#EXT-X-BITRATE:500"], date=DATE),
    Segment(1, 1.5),
    Segment(2, discontinuity=True, byte_range="10@0", uri="x", date=DATE + 50),
    Segment(3, byte_range="5", uri="x"),
    Segment(4, byte_range="6", uri="x", gap=True),
    Segment(5),
    Segment(6, tags=['#EXT-X-MAP:URI="j.mp4"', OTHER_KEY, "#EXT-X-BITRATE:600"]),
    Segment(7, discontinuity=True),
    Segment(8, tags=["#EXT-X-KEY:METHOD=NONE"]),
    Segment(9, date=DATE + 99),
]


@pytest.mark.parametrize("skipped", range(1, 10))
@pytest.mark.parametrize("grown", [0, 1, 3], ids=["nothing new", "one new", "three new"])
def test_a_delta_and_the_held_copy_are_the_full_playlist(skipped: int, grown: int) -> None:
    full = Playlist(0, RICH, discontinuity_sequence=2, open_parts=[Part(0), Part(1)])
    held = replace(full, segments=RICH[: max(10 - grown, skipped)], open_parts=())
    assert merged(held, full, skipped) == media(full)


@given(data=st.data())
def test_any_window_merges_to_the_full_playlist(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.builds(
                lambda duration, discontinuity, tags: (duration, discontinuity, tags),
                st.integers(1, 40).map(lambda n: n / 8),
                st.booleans(),
                st.lists(st.sampled_from([KEY, OTHER_KEY, '#EXT-X-MAP:URI="m"', "#EXT-X-BITRATE:9"]), max_size=2),
            ),
            min_size=4,
            max_size=14,
        )
    )
    segments = [
        Segment(n, duration, discontinuity=cut, tags=tags, date=DATE + 100 * n)
        for n, (duration, cut, tags) in enumerate(rows)
    ]
    # All that the first listed segment of the full playlist inherits must be said in it, as a server does.
    slid = data.draw(st.integers(0, len(rows) - 3))
    skipped = data.draw(st.integers(1, len(rows) - slid - 1))
    known = data.draw(st.integers(slid + skipped, len(rows)))
    state: list[str] = []
    for segment in segments[: slid + 1]:
        state += segment.tags
    passed = sum(segment.discontinuity for segment in segments[:slid])
    full = Playlist(
        slid,
        [replace(segments[slid], tags=state), *segments[slid + 1 :]],
        target_duration=5,
        discontinuity_sequence=passed,
    )
    held = Playlist(0, segments[:known], target_duration=5)
    assert merged(held, full, skipped) == media(full)


def test_parts_of_listed_segments_are_kept_and_others_dropped() -> None:
    segments = [Segment(n, parts=[Part(0), Part(1)]) for n in range(4)]
    playlist = merged(Playlist(0, segments), Playlist(0, segments), 2)
    assert isinstance(playlist, MediaPlaylist)
    assert [[(p.sequence, p.start) for p in s.parts] for s in playlist.segments] == [
        [],
        [],
        [(2, 4.0), (2, 4.5)],
        [(3, 6.0), (3, 6.5)],
    ]


def test_a_delta_may_leave_out_nothing_but_date_ranges() -> None:
    control = "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12,CAN-SKIP-DATERANGES=YES"
    old, gone, new = (
        f'#EXT-X-DATERANGE:ID="{name}",START-DATE="2026-01-01T00:00:00Z"' for name in ("old", "gone", "new")
    )
    segments = [Segment(0, date=DATE), Segment(1)]
    held = media(Playlist(0, segments, tags=[control, old, gone]))
    skip = '#EXT-X-SKIP:SKIPPED-SEGMENTS=0,RECENTLY-REMOVED-DATERANGES="gone"'
    playlist = merge_delta(held, media(Playlist(0, segments, tags=[control, skip, new])))
    assert playlist == media(Playlist(0, segments, tags=[control, old, new]))


def test_a_server_may_answer_with_the_full_playlist() -> None:
    full = media(Playlist(0, RICH))
    assert merge_delta(full, full) is full


@pytest.mark.parametrize(
    ("held", "full", "skipped", "reason"),
    [
        pytest.param(
            Playlist(0, RICH[:4]), Playlist(0, RICH), 5, RefetchReason.SEGMENTS_MISSING, id="more left out than held"
        ),
        pytest.param(
            Playlist(5, [Segment(5)]),
            Playlist(4, [Segment(4), Segment(5)]),
            1,
            RefetchReason.SEGMENTS_MISSING,
            id="older",
        ),
        pytest.param(
            Playlist(0, RICH).delta(2), Playlist(0, RICH), 5, RefetchReason.HELD_IS_DELTA, id="held is a delta"
        ),
        pytest.param(
            Playlist(0, RICH),
            Playlist(0, RICH, discontinuity_sequence=3),
            5,
            RefetchReason.DISCONTINUITY_MISMATCH,
            id="other discontinuities",
        ),
        pytest.param(
            Playlist(0, [Segment(0), Segment(1)]),
            Playlist(0, [Segment(0), Segment(1), Segment(2, byte_range="5")]),
            2,
            RefetchReason.BYTE_RANGE_MISSING,
            id="a byte range that follows nothing",
        ),
        pytest.param(
            Playlist(0, [Segment(0, tags=[KEY, DRM]), Segment(1)]),
            Playlist(0, [Segment(0, tags=[KEY, DRM]), Segment(1), Segment(2, tags=[OTHER_KEY])]),
            2,
            RefetchReason.KEYS_AMBIGUOUS,
            id="one key of two",
        ),
    ],
)
def test_reasons_to_load_the_full_playlist(held: Playlist, full: Playlist, skipped: int, reason: RefetchReason) -> None:
    assert merged(held, full, skipped) is reason


def daterange(name: str) -> str:
    return f'#EXT-X-DATERANGE:ID="{name}",START-DATE="2026-01-01T00:00:00Z"'


@pytest.mark.parametrize(
    ("control", "ids"),
    [
        pytest.param("CAN-SKIP-UNTIL=12,CAN-SKIP-DATERANGES=YES", ["b", "c"], id="skipped and removed"),
        pytest.param("CAN-SKIP-UNTIL=12", ["c"], id="a server that skips none lists all"),
    ],
)
def test_date_ranges(control: str, ids: list[str]) -> None:
    segments = [Segment(n, date=DATE + 2 * n) for n in range(4)]
    header = (f"#EXT-X-SERVER-CONTROL:{control}",)
    held = media(Playlist(0, segments, tags=header, tail=[daterange("a"), daterange("b")]))
    text = Playlist(0, segments, tags=header, tail=[daterange("c")]).delta(2).text
    text = text.replace("SEGMENTS=2", 'SEGMENTS=2,RECENTLY-REMOVED-DATERANGES="a\tz"')
    delta = parse_playlist(text.encode(), "http://h/p.m3u8")
    assert isinstance(delta, MediaPlaylist)
    playlist = merge_delta(held, delta)
    assert isinstance(playlist, MediaPlaylist)
    assert [daterange.id for daterange in playlist.dateranges] == ids
