import msgspec
import pytest
from tests.support.made.snapshots import NOT_FOUND, URL, exchange, failed, snapshot, watching

from hls_swarm.judge.proof import due, hopeless, nothing_proven, unplayed, unproven, unreached
from hls_swarm.records import (
    AsideFetched,
    EndReason,
    Failure,
    FailureKind,
    ObjectKind,
    PassReason,
    PlaybackStarted,
    PlayerStarted,
    PlaylistFetched,
    Record,
    SegmentFetched,
    SegmentsPassed,
    ViewerStarted,
    ViewerStopped,
)

SEGMENT_URL = "http://origin.test/live/seg-1.ts"
VARIANT_URL = "http://origin.test/live/720p.m3u8"
PLAYER_GONE = Failure(FailureKind.PLAYER, "ffmpeg: Server returned 404 (exit code 1)")
CUT = Failure(FailureKind.CANCELLED, "the viewer ended")


def waits(viewer: int, at: float, seconds: float, *, answered: bool = False) -> list[Record]:
    """A viewer that asks for a segment, which does not come until it goes."""
    asked = exchange(at, 0, seconds, CUT, SEGMENT_URL)
    if not answered:
        asked = msgspec.structs.replace(asked, first_byte_at=None)
    return [
        ViewerStarted(viewer, at, at),
        ViewerStopped(viewer, at + seconds, EndReason.QUIT, False),
        SegmentFetched(viewer, ObjectKind.SEGMENT, asked, CUT, 2.0),
    ]


def has_no_variant(viewer: int, at: float) -> list[Record]:
    """A viewer whose variant's playlist is a 404."""
    kind = ObjectKind.MEDIA_PLAYLIST
    why = NOT_FOUND, VARIANT_URL, kind, "variant 1 of master.m3u8"
    return [
        ViewerStarted(viewer, at, at),
        PlaylistFetched(viewer, kind, exchange(at, 9, 0.002, NOT_FOUND, VARIANT_URL), NOT_FOUND),
        ViewerStopped(viewer, at + 0.1, EndReason.FAILED, False, *why),
    ]


def retries(viewer: int, at: float) -> list[Record]:
    """A viewer whose segment failed, and which waits to ask again."""
    failure = exchange(at, 9, 0.002, NOT_FOUND, SEGMENT_URL)
    return [ViewerStarted(viewer, at, at), SegmentFetched(viewer, ObjectKind.SEGMENT, failure, NOT_FOUND, 2.0)]


def plays_nothing(viewer: int, at: float) -> list[Record]:
    """A viewer that plays segments of no bytes."""
    empty = exchange(at, 0, 0.002, None, SEGMENT_URL)
    return [
        ViewerStarted(viewer, at, at),
        SegmentFetched(viewer, ObjectKind.SEGMENT, empty, None, 2.0),
        PlaybackStarted(viewer, at + 0.5, 0.5),
    ]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        pytest.param([], "no viewer was started in 10.0 s", id="nobody was to come"),
        pytest.param(
            [*waits(0, 1.0, 4.5), *waits(1, 2.0, 3.5)],
            f"no viewer played in 10.0 s, which was too short for a start: segment {SEGMENT_URL} had no answer after "
            "4.5 s",
            id="hung, in a run shorter than a player waits",
        ),
        pytest.param(
            [*waits(0, 1.0, 11.0), *waits(1, 2.0, 10.0)],
            f"no viewer played in 10.0 s: segment {SEGMENT_URL} had no answer after 11.0 s",
            id="hung for longer than a player may take to start",
        ),
        pytest.param(
            waits(0, 1.0, 4.5, answered=True),
            f"no viewer played in 10.0 s, which was too short for a start: segment {SEGMENT_URL} had not come whole "
            "after 4.5 s",
            id="a body that does not end",
        ),
        pytest.param(
            [ViewerStarted(0, 1.0, 1.0), SegmentsPassed(0, 1.1, 2, PassReason.GAP)],
            "no viewer played in 10.0 s: the playlist marks its segments as missing (EXT-X-GAP), 2 were passed over, "
            f"{URL}",
            id="nothing but gaps",
        ),
        pytest.param(
            [ViewerStarted(0, 9.5, 9.5)],
            "no viewer played in 10.0 s, which was too short for a start",
            id="came at the very end",
        ),
        pytest.param(
            has_no_variant(0, 1.0),
            f"the only viewer failed: HTTP 404 Not Found, media playlist {VARIANT_URL}, variant 1 of master.m3u8",
            id="the only one failed",
        ),
        pytest.param(
            [*has_no_variant(0, 1.0), *has_no_variant(1, 1.5), *failed(2, 2.0)],
            f"all 3 viewers that started failed: HTTP 404 Not Found, playlist {URL}",
            id="all failed",
        ),
        pytest.param(
            [*has_no_variant(0, 1.0), *waits(1, 1.0, 4.0)],
            f"no viewer played in 10.0 s: HTTP 404 Not Found, media playlist {VARIANT_URL}, variant 1 of master.m3u8",
            id="one failed and one waited",
        ),
        pytest.param(
            retries(0, 1.0),
            f"no viewer played in 10.0 s: HTTP 404 Not Found, segment {SEGMENT_URL}",
            id="still asking again",
        ),
        pytest.param(
            [*watching(0, 1.0), ViewerStopped(0, 5.0, EndReason.FAILED, True, NOT_FOUND, SEGMENT_URL)],
            f"the only viewer failed: HTTP 404 Not Found, {SEGMENT_URL}",
            id="played, and then all failed",
        ),
        pytest.param(
            [*retries(0, 1.0), ViewerStopped(0, 5.0, EndReason.FAILED, False, PLAYER_GONE)],
            f"the only viewer failed: ffmpeg: Server returned 404 (exit code 1), segment {SEGMENT_URL}",
            id="a player that says what, and not where",
        ),
        pytest.param(
            plays_nothing(0, 1.0),
            "no media came: 1 segments were asked for, and 0 bytes arrived",
            id="segments of no bytes",
        ),
        pytest.param(
            [*plays_nothing(0, 1.0), PlayerStarted(0, 1.0)], None, id="a player that has not said how many bytes came"
        ),
        pytest.param(watching(0, 1.0), None, id="one played"),
        pytest.param([*watching(0, 1.0), *failed(1, 1.0)], None, id="one of two played"),
        pytest.param([ViewerStarted(0, 1.0, 1.0), PlaybackStarted(0, 2.0, 1.0)], None, id="segments were not counted"),
    ],
)
def test_a_run_proves_nothing_without_play(records: list[Record], reason: str | None) -> None:
    assert nothing_proven(snapshot(*records)) == reason


@pytest.mark.parametrize(
    ("played", "others", "reason"),
    [
        pytest.param(3, [], None, id="all played"),
        pytest.param(3, waits(9, 1.0, 9.9), None, id="the other one was not due yet"),
        pytest.param(
            3,
            waits(9, 1.0, 10.0),
            f"1 of 4 viewers that were due to play never did: segment {SEGMENT_URL} had no answer after 10.0 s",
            id="the other one was due",
        ),
        pytest.param(
            3,
            [*waits(8, 1.0, 10.0), *has_no_variant(9, 1.0)],
            "2 of 5 viewers that were due to play never did: HTTP 404 Not Found, media playlist "
            f"{VARIANT_URL}, variant 1 of master.m3u8",
            id="one was due and one failed",
        ),
        pytest.param(99, has_no_variant(500, 1.0), None, id="one in a hundred"),
    ],
)
def test_a_pass_needs_that_those_who_were_due_played(played: int, others: list[Record], reason: str | None) -> None:
    audience = [record for viewer in range(played) for record in watching(viewer, 1.0)]
    assert unproven(snapshot(*audience, *others)) == reason


def test_due_are_those_that_played_failed_to_start_or_had_their_time() -> None:
    viewers = snapshot(*watching(0, 1.0), *failed(1, 1.0), *waits(2, 1.0, 10.0), *waits(3, 1.0, 5.0)).viewers
    assert (due(viewers), unplayed(viewers)) == (3, 2)


def test_a_run_without_hope_names_what_failed() -> None:
    made = snapshot(*has_no_variant(0, 1.0), *has_no_variant(1, 1.0))
    assert hopeless(made) == (
        f"the first 2 viewers failed: HTTP 404 Not Found, media playlist {VARIANT_URL}, variant 1 of master.m3u8"
    )


def test_what_keeps_everybody_out_is_known_before_anybody_gives_up() -> None:
    refused = Failure(FailureKind.CONNECT, "connection refused by origin:80")
    tries = exchange(1.0, 0, 0.001, refused, URL)
    kind = ObjectKind.MULTIVARIANT_PLAYLIST
    knocking: list[Record] = [ViewerStarted(0, 1.0, 1.0), PlaylistFetched(0, kind, tries, refused)]
    assert unreached(snapshot(*knocking)) == (
        f"nothing came from the origin yet: connection refused by origin:80, playlist {URL}; "
        "nothing listens there: is the port right, does the server run?"
    )
    assert unreached(snapshot(*knocking, *watching(1, 1.0), *retries(2, 1.0))) is None
    assert unreached(snapshot(*knocking, *failed(1, 1.0))) is None  # the run says why soon
    assert unreached(snapshot(ViewerStarted(0, 1.0, 1.0))) is None


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        pytest.param(Failure(FailureKind.PORTS, "no local port left"), None, id="it was not asked"),
        pytest.param(Failure(FailureKind.CONNECT, "refused"), "nothing came from the origin yet: refused", id="it was"),
    ],
)
def test_what_this_machine_did_not_get_to_ask_is_not_said_to_be_missing(failure: Failure, words: str | None) -> None:
    fetched = PlaylistFetched(0, ObjectKind.MULTIVARIANT_PLAYLIST, exchange(0.1, 0, 0.002, failure), failure)
    said = unreached(snapshot(ViewerStarted(0, 0.1, 0.1), fetched))
    assert (said is None) if words is None else (said or "").startswith(words)


def test_a_collector_that_answers_says_nothing_of_an_origin_that_does_not() -> None:
    told = AsideFetched(0, ObjectKind.CMCD_REPORT, exchange(0.0, 9, 0.002, None, "http://collector/"), None)
    refused = exchange(0.0, 0, 0.002, NOT_FOUND, URL)
    asked = PlaylistFetched(0, ObjectKind.MULTIVARIANT_PLAYLIST, refused, NOT_FOUND)
    assert unreached(snapshot(ViewerStarted(0, 0.0, 0.0), told, asked)) is not None
    failing = AsideFetched(0, ObjectKind.CMCD_REPORT, refused, NOT_FOUND)
    assert unreached(snapshot(ViewerStarted(0, 0.0, 0.0), failing)) is None
    said = nothing_proven(snapshot(ViewerStarted(0, 0.0, 0.0), failing))
    assert said is None or "CMCD" not in said
