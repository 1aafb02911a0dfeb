"""Which Content-Types say what an answer is not, and how they are counted."""

import pytest
from tests.stats.test_tally import exchange, segment

from hls_swarm.records import ObjectKind, PlaylistFetched, Record
from hls_swarm.stats.content_types import is_wrong, name_of
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.tally import MAX_MISTYPED, ObjectTally

MEDIA, PLAYLIST = ObjectKind.SEGMENT, ObjectKind.MEDIA_PLAYLIST


@pytest.mark.parametrize(
    ("kind", "content_type", "wrong"),
    [
        (PLAYLIST, "application/vnd.apple.mpegurl", False),
        (PLAYLIST, "Application/X-mpegURL; charset=UTF-8", False),
        (PLAYLIST, "audio/mpegurl", False),
        (PLAYLIST, "text/html; charset=utf-8", True),
        (PLAYLIST, "application/octet-stream", True),
        (ObjectKind.MULTIVARIANT_PLAYLIST, "video/mp2t", True),
        (PLAYLIST, "", False),
        (MEDIA, "video/mp2t", False),
        (MEDIA, "binary/octet-stream", False),
        (MEDIA, "audio/aac", False),
        (MEDIA, "text/vtt", False),
        (MEDIA, "text/plain", True),
        (MEDIA, "application/vnd.apple.mpegurl", True),
        (MEDIA, "image/png", True),
        (ObjectKind.INIT, "text/html", True),
        (ObjectKind.INIT, "video/mp4", False),
        (ObjectKind.KEY, "text/html", False),
    ],
)
def test_what_is_wrong(kind: ObjectKind, content_type: str, wrong: bool) -> None:
    assert is_wrong(kind, content_type) is wrong


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("Text/HTML; charset=utf-8", "text/html"),
        ("text/<b>", "another type"),
        ("text/" + "x" * 100, "another type"),
        ("text/plain\x1b[2J", "another type"),
    ],
)
def test_a_type_is_named_if_it_is_one(content_type: str, name: str) -> None:
    assert name_of(content_type) == name


def test_complete_answers_are_counted_by_their_type() -> None:
    counter = Counter()
    playlist = PlaylistFetched(0, PLAYLIST, exchange(content_type="text/html"), None, True)
    right = segment(content_type="video/mp2t")
    records: list[Record] = [playlist, right, right, segment(content_type="text/plain; x=1"), segment()]
    for record in records:
        counter.add(record)
    objects = counter.tally.objects
    assert (objects[PLAYLIST].mistyped, objects[MEDIA].mistyped) == ({"text/html": 1}, {"text/plain": 1})


def test_types_beyond_the_most_are_counted_together() -> None:
    tally, other = ObjectTally(), ObjectTally()
    for number in range(MAX_MISTYPED):
        tally.add_mistyped(f"text/{number}")
    other.add_mistyped("text/0", 2)
    other.add_mistyped("text/new", 3)
    tally.merge(other)
    assert (tally.mistyped["text/0"], tally.mistyped["another type"], len(tally.mistyped)) == (3, 3, MAX_MISTYPED + 1)
