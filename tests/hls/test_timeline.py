import pytest
from tests.builders.playlists import Part, Playlist, Segment

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, Start
from hls_swarm.hls.timeline import (
    Alignment,
    AlignmentBasis,
    Movement,
    Reload,
    alignment,
    date_moved,
    expired_segments,
    join_position,
    live_target,
    movement,
    program_date_time,
    reload,
)

DATE = 1767225600.0


def media(source: Playlist) -> MediaPlaylist:
    playlist = parse_playlist(source.body, "http://h/p.m3u8")
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def window(first: int, count: int, *, every: float = 2.0, date: float | None = None, **more: object) -> Playlist:
    """`count` segments from number `first`; `date` is that of number 0."""
    segments = [Segment(n, every, date=None if date is None else date + n * every) for n in range(first, first + count)]
    return Playlist(first, segments, **more)  # type: ignore[arg-type]  # handed on as given


LOW_LATENCY = ("#EXT-X-PART-INF:PART-TARGET=0.5", "#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=1.5,HOLD-BACK=7")


@pytest.mark.parametrize(
    ("tags", "options", "expected"),
    [
        pytest.param((), {}, 6.0, id="three target durations"),
        pytest.param(("#EXT-X-SERVER-CONTROL:HOLD-BACK=7",), {}, 7.0, id="HOLD-BACK"),
        pytest.param(LOW_LATENCY, {}, 7.0, id="PART-HOLD-BACK is for low latency"),
        pytest.param(LOW_LATENCY, {"low_latency": True}, 1.5, id="PART-HOLD-BACK"),
        pytest.param(("#EXT-X-START:TIME-OFFSET=-9",), {}, 9.0, id="EXT-X-START from the end"),
        pytest.param(("#EXT-X-START:TIME-OFFSET=5",), {}, 15.0, id="EXT-X-START from the start"),
        pytest.param(("#EXT-X-START:TIME-OFFSET=-99",), {}, 20.0, id="EXT-X-START before the window"),
        pytest.param(("#EXT-X-START:TIME-OFFSET=99",), {}, 0.0, id="EXT-X-START past the window"),
        pytest.param(("#EXT-X-START:TIME-OFFSET=-9",), {"use_start": False}, 6.0, id="EXT-X-START not honoured"),
        pytest.param(
            ("#EXT-X-START:TIME-OFFSET=-9",), {"start": Start(-4.0, precise=False)}, 4.0, id="the multivariant's wins"
        ),
    ],
)
def test_live_target(tags: tuple[str, ...], options: dict[str, object], expected: float) -> None:
    assert live_target(media(window(50, 10, tags=tags)), **options) == expected  # type: ignore[arg-type]  # as given


def test_a_negative_start_counts_from_the_edge_as_players_have_it() -> None:
    playlist = media(window(50, 10, tags=("#EXT-X-START:TIME-OFFSET=-9",), open_parts=[Part(0), Part(1)]))
    assert (playlist.duration, playlist.edge) == (20.0, 21.0)
    assert live_target(playlist) == 9.0
    assert join_position(playlist) == 12.0


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        pytest.param(window(50, 10), {}, 14.0, id="three target durations from the edge"),
        pytest.param(window(50, 10), {"age": 1.5}, 15.5, id="the edge has moved on"),
        pytest.param(window(50, 10), {"age": 60.0}, 18.0, id="a stale playlist: the last segment"),
        pytest.param(window(50, 10), {"age": 5.9}, 18.0, id="not nearer to the edge than a target duration"),
        pytest.param(
            window(50, 6, every=5.0, target_duration=5, tags=["#EXT-X-SERVER-CONTROL:HOLD-BACK=8"]),
            {"age": 5.0},
            25.0,
            id="not nearer, with a short HOLD-BACK",
        ),
        pytest.param(window(50, 10), {"extra_latency": 3.0}, 11.0, id="latency added after stalls"),
        pytest.param(window(50, 2), {}, 0.0, id="a short window"),
        pytest.param(Playlist(0, []), {}, 0.0, id="an empty window"),
        pytest.param(window(50, 10, tags=["#EXT-X-START:TIME-OFFSET=0"]), {}, 0.0, id="the start of the window"),
        pytest.param(window(50, 10, tags=["#EXT-X-START:TIME-OFFSET=99"]), {}, 18.0, id="past the window"),
        pytest.param(
            window(50, 10, tags=LOW_LATENCY, open_parts=[Part(0), Part(1)]), {"low_latency": True}, 19.5, id="by parts"
        ),
        pytest.param(
            window(50, 10, tags=LOW_LATENCY, open_parts=[Part(0), Part(1)]),
            {"low_latency": True, "age": 1.6},
            20.5,
            id="by parts: stale after three part targets",
        ),
        pytest.param(window(0, 10, end=True), {}, 0.0, id="VOD begins at 0"),
        pytest.param(window(0, 10, end=True, tags=["#EXT-X-START:TIME-OFFSET=-5"]), {}, 15.0, id="VOD from the end"),
        pytest.param(window(0, 10, end=True, tags=["#EXT-X-START:TIME-OFFSET=7"]), {}, 7.0, id="VOD from the start"),
        pytest.param(window(0, 10, end=True, tags=["#EXT-X-START:TIME-OFFSET=70"]), {}, 18.0, id="VOD past the end"),
        pytest.param(
            window(0, 10, end=True, tags=["#EXT-X-START:TIME-OFFSET=7"]),
            {"use_start": False},
            0.0,
            id="VOD, not honoured",
        ),
    ],
)
def test_join_position(source: Playlist, options: dict[str, object], expected: float) -> None:
    assert join_position(media(source), **options) == pytest.approx(expected)  # type: ignore[arg-type]  # as given


def test_dates_of_positions() -> None:
    playlist = media(window(5, 3, date=DATE))
    assert [program_date_time(playlist, p) for p in (0.0, 2.5, 6.0, 7.0, -1.0)] == [
        DATE + s for s in (10.0, 12.5, 16.0, 17.0, 9.0)
    ]
    assert program_date_time(media(window(5, 3)), 1.0) is None
    assert program_date_time(media(Playlist(0, [])), 1.0) is None


def cut(first: int, count: int, at: int, sequence: int, number: int) -> Playlist:
    """A window of one variant whose discontinuity `sequence` begins at segment `at`; `number` shifts its numbers."""
    segments = [Segment(n, discontinuity=n == at) for n in range(first, first + count)]
    return Playlist(first + number, segments, discontinuity_sequence=sequence - 1)


@pytest.mark.parametrize(
    ("source", "target", "elapsed", "expected"),
    [
        pytest.param(
            window(50, 10, type="VOD"), window(3, 8, type="VOD"), 0.0, Alignment(0.0, AlignmentBasis.START), id="VOD"
        ),
        pytest.param(
            window(0, 9, end=True), window(0, 5, end=True), 0.0, Alignment(0.0, AlignmentBasis.START), id="ended"
        ),
        pytest.param(
            window(0, 9, type="EVENT"),
            window(0, 5, type="EVENT"),
            0.0,
            Alignment(0.0, AlignmentBasis.START),
            id="EVENT",
        ),
        pytest.param(
            window(50, 10, date=DATE), window(52, 10, date=DATE), 0.0, Alignment(-4.0, AlignmentBasis.DATE), id="dates"
        ),
        pytest.param(
            window(50, 4, date=DATE),
            window(70, 4, date=DATE),
            0.0,
            Alignment(-40.0, AlignmentBasis.DATE),
            id="dates apart",
        ),
        pytest.param(
            cut(10, 6, 13, 7, 0), cut(12, 6, 13, 7, 900), 0.0, Alignment(-4.0, AlignmentBasis.DISCONTINUITY), id="cuts"
        ),
        pytest.param(
            cut(10, 6, 13, 7, 0), cut(12, 6, 13, 8, 0), 0.0, Alignment(0.0, AlignmentBasis.EDGE), id="other cuts"
        ),
        pytest.param(window(50, 10), window(900, 8), 0.0, Alignment(-4.0, AlignmentBasis.EDGE), id="edges"),
        pytest.param(
            window(50, 10), window(900, 8), 2.0, Alignment(-6.0, AlignmentBasis.EDGE), id="edges, time passed"
        ),
        pytest.param(Playlist(0, []), window(0, 3), 0.0, None, id="nothing listed"),
    ],
)
def test_alignment(source: Playlist, target: Playlist, elapsed: float, expected: Alignment | None) -> None:
    assert alignment(media(source), media(target), elapsed=elapsed) == expected


@pytest.mark.parametrize(
    ("held", "new", "expected"),
    [
        pytest.param(window(5, 4), window(5, 4), Reload(False, 0.0, True, 0, 0, False, False, ()), id="unchanged"),
        pytest.param(window(5, 4), window(6, 4), Reload(True, 2.0, True, 1, 1, False, False, ()), id="one on"),
        pytest.param(window(5, 4), window(5, 5), Reload(True, 0.0, True, 1, 0, False, False, ()), id="grown"),
        pytest.param(window(5, 4), window(9, 4), Reload(True, 8.0, True, 4, 4, False, False, ()), id="just adjoining"),
        pytest.param(window(5, 4), window(11, 4), Reload(True, 12.0, False, 4, 4, False, False, ()), id="a hole"),
        pytest.param(
            window(5, 4, date=DATE),
            Playlist(11, [Segment(11, date=DATE + 23.0)]),
            Reload(True, 13.0, False, 1, 4, False, False, ()),
            id="a hole with dates",
        ),
        pytest.param(window(5, 4), window(1, 4), Reload(True, None, False, 0, 0, True, False, ()), id="reset"),
        pytest.param(window(5, 4), window(3, 4), Reload(True, -4.0, True, 0, 0, False, True, ()), id="an older copy"),
        pytest.param(
            window(5, 4),
            Playlist(6, [Segment(6), Segment(7, uri="other.ts"), Segment(8)]),
            Reload(True, 2.0, True, 0, 1, False, False, (7,)),
            id="mutated",
        ),
        pytest.param(
            window(5, 4), window(5, 4, end=True), Reload(True, 0.0, True, 0, 0, False, False, ()), id="only ENDLIST"
        ),
        pytest.param(Playlist(0, []), window(0, 3), Reload(True, 0.0, True, 3, 0, False, False, ()), id="from nothing"),
    ],
)
def test_reload(held: Playlist, new: Playlist, expected: Reload) -> None:
    assert reload(media(held), media(new)) == expected


def test_another_query_is_no_other_segment() -> None:
    """hls.js strips the query before it compares: tokens are in it."""
    held = Playlist(5, [Segment(n, uri=f"s{n}.ts?tok=a") for n in range(5, 8)])
    new = Playlist(6, [Segment(6, uri="s6.ts?tok=b"), Segment(7, uri="other.ts?tok=a")])
    assert reload(media(held), media(new)).mutated == (7,)


@pytest.mark.parametrize(
    ("new", "elapsed", "expected"),
    [
        pytest.param(window(5, 4), 2.0, Movement.NONE, id="the same, parsed anew"),
        pytest.param(window(5, 4, tail=["## generated 12:00"]), 2.0, Movement.NONE, id="other bytes"),
        pytest.param(window(6, 3), 2.0, Movement.NONE, id="only shorter at the front"),
        pytest.param(window(6, 4), 2.0, Movement.ON, id="one on"),
        pytest.param(window(5, 4, open_parts=[Part(0)]), 2.0, Movement.ON, id="a part more"),
        pytest.param(window(5, 4, end=True), 2.0, Movement.ON, id="ended"),
        pytest.param(window(3, 4), 2.0, Movement.OLDER, id="an older copy"),
        pytest.param(window(1, 4), 2.0, Movement.RESET, id="wholly behind"),
        pytest.param(window(30, 4), 2.0, Movement.ON, id="a hole that an older copy explains"),
        pytest.param(window(60, 4), 2.0, Movement.RESET, id="a leap"),
        pytest.param(window(60, 4), 90.0, Movement.ON, id="a hole that the time explains"),
        pytest.param(window(1_700_000_000, 4), 86_400.0, Movement.RESET, id="a leap of billions"),
    ],
)
def test_movement(new: Playlist, elapsed: float, expected: Movement) -> None:
    assert movement(media(window(5, 4)), media(new), elapsed=elapsed) is expected


def test_a_part_less_is_an_older_copy() -> None:
    held = media(window(5, 4, open_parts=[Part(0), Part(1)]))
    assert movement(held, media(window(5, 4, open_parts=[Part(0)])), elapsed=1.0) is Movement.OLDER
    assert movement(held, held, elapsed=1.0) is Movement.NONE


@pytest.mark.parametrize(
    ("new", "seconds"),
    [
        pytest.param(window(6, 4, date=DATE), 0.0, id="the same dates"),
        pytest.param(window(6, 4, date=DATE + 36), 36.0, id="later"),
        pytest.param(window(6, 4, date=DATE - 36), -36.0, id="earlier"),
        pytest.param(window(9, 4, date=DATE + 36), 0.0, id="nothing in common"),
        pytest.param(window(6, 4), 0.0, id="no dates"),
    ],
)
def test_date_moved(new: Playlist, seconds: float) -> None:
    assert date_moved(media(window(5, 4, date=DATE)), media(new)) == seconds


def test_expired_segments() -> None:
    playlist = media(window(10, 4))
    assert [expired_segments(playlist, n) for n in (5, 8, 9, 12)] == [4, 1, 0, 0]
    assert expired_segments(media(window(10, 8).delta(5)), 9) == 0
