"""Play at low latency, counted: what the server held is in no other figure."""

from hls_swarm.records import (
    EdgeFault,
    EdgeFaultSeen,
    EdgeOffer,
    Exchange,
    LowLatencyPlayed,
    ObjectKind,
    PartLoaded,
    PlaylistFetched,
    SegmentFetched,
)
from hls_swarm.snapshot.viewers.lowlatency import low_latency_figures, offered, wanting
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.tally import Tally

OFFER = EdgeOffer(0.36, 0.9, 12.0, True, True, False, True)


def exchange(wait: float) -> Exchange:
    return Exchange(
        "http://o/p", "http://o/p", 0.0, 0.0, wait + 0.01, 0.0, wait, requests_sent=1, status=200, body_bytes=900
    )


def counted() -> Tally:
    counter = Counter()
    counter.add(LowLatencyPlayed(1, 0.0, OFFER))
    counter.add(PlaylistFetched(1, ObjectKind.MEDIA_PLAYLIST, exchange(0.002), None))
    counter.add(PlaylistFetched(1, ObjectKind.MEDIA_PLAYLIST, exchange(0.33), None, blocking=True))
    counter.add(SegmentFetched(1, ObjectKind.PART, exchange(0.32), None, hinted=True))
    counter.add(SegmentFetched(1, ObjectKind.PART, exchange(0.003), None, 0.33))
    counter.add(PartLoaded(1, 1.0, 0.02, hinted=True))
    counter.add(PartLoaded(1, 1.0, None))
    counter.add(EdgeFaultSeen(1, 2.0, EdgeFault.HINT_LOST, "http://o/lost?token=a"))
    return counter.tally


def test_what_was_held_is_a_figure_of_its_own() -> None:
    tally = counted()
    playlists, parts = tally.objects[ObjectKind.MEDIA_PLAYLIST], tally.objects[ObjectKind.PART]
    assert (playlists.requests, playlists.body_bytes, playlists.completed) == (2, 1800, 2)
    assert (parts.requests, parts.body_bytes) == (2, 1800)
    for objects in (playlists, parts):
        assert [h.count for h in (objects.ttfb, objects.download, objects.throughput)] == [1, 1, 1]
    assert tally.blocked.count == 2
    assert (tally.blocking_reloads, tally.hinted_requests, tally.hints_met, tally.parts) == (1, 1, 1, 2)
    assert tally.part_age.count == 1


def test_the_figures_of_two_workers_are_those_of_both() -> None:
    tally = counted()
    tally.merge(counted())
    figures = low_latency_figures(tally)
    assert figures is not None
    assert (figures.viewers, figures.parts, figures.hints_met, figures.hints_lost) == (2, 4, 2, 2)
    assert [fault.words for fault in figures.faults] == ["2 hinted parts that did not come"]
    assert figures.json_object()["blocked_seconds"]["count"] == 4


def test_a_run_in_which_no_server_was_asked_to_wait_has_no_such_figures() -> None:
    assert low_latency_figures(Tally()) is None


def test_what_a_stream_offers_and_lacks_in_words() -> None:
    assert offered(OFFER) == (
        "parts of 360 ms, played 900 ms from the edge, blocking reloads, preload hints, delta updates beyond 12.0 s, "
        "of date ranges too"
    )
    assert wanting(OFFER) == (
        "PART-HOLD-BACK is 2.5 part targets: the draft demands two and recommends three (8216bis 4.4.3.8)",
        "no EXT-X-RENDITION-REPORT: a switch begins with an old playlist (8216bis B.1)",
    )
