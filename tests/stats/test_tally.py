from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hls_swarm.records import (
    AsideFetched,
    Blame,
    DatesMoved,
    EdgeFault,
    EdgeFaultSeen,
    EndReason,
    Exchange,
    Failure,
    FailureKind,
    LatencyObserved,
    LowLatencyUnused,
    ObjectKind,
    PlaybackStarted,
    PlaylistFetched,
    PlaylistOlder,
    Record,
    SegmentFetched,
    SegmentsExpired,
    StallEnded,
    StallStarted,
    Unanswered,
    VariantChosen,
    ViewerStarted,
    ViewerStopped,
    Violation,
)
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.groups import Running
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import FatalCount, Tally, ViolationCount, Waiting

URL = "http://origin/seg-1.ts"


def exchange(**changes: Any) -> Exchange:
    fields: dict[str, Any] = {
        "url": URL,
        "final_url": URL,
        "due_at": 10.0,
        "started_at": 10.002,
        "sent_at": 10.003,
        "first_byte_at": 10.013,
        "ended_at": 10.102,
        "requests_sent": 1,
        "status": 200,
        "head_bytes": 250,
        "body_bytes": 1000,
    }
    return Exchange(**(fields | changes))


def segment(failure: Failure | None = None, **changes: Any) -> SegmentFetched:
    return SegmentFetched(0, ObjectKind.SEGMENT, exchange(failure=failure, **changes), failure, 2.0, 800_000)


def counted(*records: Record) -> Tally:
    counter = Counter()
    for record in records:
        counter.add(record)
    return counter.tally


def test_a_completed_exchange_counts_its_request_bytes_and_times() -> None:
    tally = counted(segment())
    objects = tally.objects[ObjectKind.SEGMENT]
    assert (objects.requests, objects.body_bytes, objects.completed, objects.failed) == (1, 1000, 1, 0)
    assert objects.ttfb.total == pytest.approx(0.010)
    assert objects.download.total == pytest.approx(0.100)
    assert tally.lateness.total == pytest.approx(0.002)
    assert tally.head_bytes == 250
    assert tally.errors == {}


def test_a_segment_counts_for_its_bitrate_and_its_download_time_by_its_duration() -> None:
    tally = counted(segment(), segment(Failure(FailureKind.TRUNCATED, "cut")))
    assert tally.bitrates == {800_000: 1}
    assert tally.relative_download.count == 1
    assert tally.relative_download.total == pytest.approx(0.05)
    init = SegmentFetched(0, ObjectKind.INIT, exchange(), None)
    assert counted(init).relative_download.count == 0


def test_a_failed_exchange_counts_what_was_sent_and_received_but_not_its_times() -> None:
    failure = Failure(FailureKind.HTTP_STATUS, "HTTP 404 Not Found", 404)
    tally = counted(segment(failure, status=404, body_bytes=153), segment(failure, status=404, body_bytes=153))
    objects = tally.objects[ObjectKind.SEGMENT]
    assert (objects.requests, objects.body_bytes, objects.failed, objects.completed) == (2, 306, 2, 0)
    assert objects.download.count == 0
    (error,) = tally.errors.values()
    assert (error.object, error.kind, error.status, error.blame) == ("segment", "http_status", 404, Blame.ORIGIN)
    assert (error.count, error.example_url, error.last_at) == (2, URL, 10.102)


def test_a_request_that_was_never_sent_is_not_a_request() -> None:
    failure = Failure(FailureKind.CONNECT, "connection refused by 127.0.0.1:1")
    tally = counted(segment(failure, requests_sent=0, sent_at=None, first_byte_at=None, body_bytes=0, head_bytes=0))
    assert tally.objects[ObjectKind.SEGMENT].requests == 0
    assert tally.objects[ObjectKind.SEGMENT].failed == 1


def test_what_the_run_cut_is_nobodys_error() -> None:
    tally = counted(segment(Failure(FailureKind.CANCELLED, "cancelled"), body_bytes=400))
    objects = tally.objects[ObjectKind.SEGMENT]
    assert (objects.requests, objects.body_bytes, objects.cancelled, objects.failed) == (1, 400, 1, 0)
    assert tally.errors == {}


def test_blame_for_a_lack_of_descriptors_is_the_generators() -> None:
    tally = counted(segment(Failure(FailureKind.DESCRIPTORS, "no file descriptor left"), requests_sent=0))
    assert [error.blame for error in tally.errors.values()] == [Blame.GENERATOR]


@pytest.mark.parametrize("records", [1, 127, 128, 129, 1000])
def test_the_tally_has_every_record_however_many_wait_to_be_counted(records: int) -> None:
    counter = Counter()
    counter.add(ViewerStarted(0, at=10.0, due_at=10.0, profile="hlsjs"))
    for _ in range(records):
        counter.add(segment())
        counter.add(LatencyObserved(0, at=11.0, live_seconds=6.0, edge_seconds=5.0, buffer_seconds=4.0))
    tally = counter.tally
    objects = tally.objects[ObjectKind.SEGMENT]
    assert (objects.requests, objects.ttfb.count, objects.download.count) == (records, records, records)
    assert (tally.lateness.count, tally.relative_download.count) == (records, records)
    for group in (tally, tally.profiles["hlsjs"]):
        assert (group.edge_latency.count, group.live_latency.count) == (records, records)
        assert (group.edge_latency.greatest, group.live_latency.greatest) == (5.0, 6.0)
        assert group.media_seconds == 2.0 * records


def test_latencies_before_and_after_a_choice_go_to_the_variant_played_then() -> None:
    observed = LatencyObserved(0, at=11.0, live_seconds=None, edge_seconds=5.0, buffer_seconds=4.0)
    tally = counted(
        ViewerStarted(0, at=10.0, due_at=10.0, profile="hlsjs"),
        observed,
        VariantChosen(0, 11.0, "720p", 3_000_000),
        observed,
        VariantChosen(0, 12.0, "360p", 800_000, failover=True),
        observed,
    )
    assert tally.edge_latency.count == tally.profiles["hlsjs"].edge_latency.count == 3
    assert {label: group.edge_latency.count for label, group in tally.variants.items()} == {"720p": 1, "360p": 1}
    assert tally.live_latency.count == 0


def test_a_record_that_can_not_be_counted_costs_no_other_one() -> None:
    counter = Counter()
    counter.add(ViewerStarted(1, at=10.0, due_at=10.0))
    counter.add(LatencyObserved(99, at=11.0, live_seconds=None, edge_seconds=5.0, buffer_seconds=4.0))
    counter.add(ViewerStarted(2, at=12.0, due_at=12.0))
    with pytest.raises(KeyError):
        _ = counter.tally
    assert counter.tally.started == 2


def test_an_unchanged_playlist_is_counted() -> None:
    fetched = PlaylistFetched(0, ObjectKind.MEDIA_PLAYLIST, exchange(), None, changed=False)
    assert counted(fetched, msgspec.structs.replace(fetched, changed=True)).unchanged_playlists == 1


def playlist(*violations: Violation, url: str = "http://origin/a.m3u8") -> PlaylistFetched:
    return PlaylistFetched(0, ObjectKind.MEDIA_PLAYLIST, exchange(url=url), None, violations=violations)


def test_a_violation_is_counted_with_the_first_playlist_that_has_it() -> None:
    twice = Violation("EXT-X-ENDLIST appears twice", "8216bis 4.4.3.4", 7, ("hls.js",))
    tally = counted(playlist(twice, url="http://origin/b.m3u8"), playlist(twice), playlist())
    assert tally.violations == {
        "8216bis 4.4.3.4 EXT-X-ENDLIST appears twice": ViolationCount(
            "EXT-X-ENDLIST appears twice", "8216bis 4.4.3.4", ("hls.js",), "http://origin/a.m3u8", 7, 2
        )
    }
    merged = Tally()
    for one in (tally, counted(playlist(replace(twice, line=3)))):
        merged.merge(one)
    (found,) = merged.violations.values()
    assert (found.count, found.line) == (3, 3)
    assert tally.violations["8216bis 4.4.3.4 EXT-X-ENDLIST appears twice"].count == 2


def test_no_more_than_forty_kinds_of_violation_are_kept() -> None:
    many = tuple(Violation(f"no AUDIO group {n}", "8216bis 4.4.6.2", 0) for n in range(45))
    tally = counted(playlist(*many), playlist(*many))
    assert (len(tally.violations), tally.unnamed_violations) == (40, 10)
    total = Tally()
    total.merge(tally)
    total.merge(counted(playlist(Violation("another", "8216bis 4.1", 1))))
    assert (len(total.violations), total.unnamed_violations) == (40, 11)


def test_what_a_viewer_sees_only_over_time_is_a_violation_too() -> None:
    tally = counted(
        PlaylistOlder(0, 1.0, "http://origin/a.m3u8"),
        DatesMoved(0, 2.0, "http://origin/a.m3u8", 36.0),
        DatesMoved(0, 3.0, "http://origin/a.m3u8", -36.0),
        LowLatencyUnused(0, 4.0),
    )
    assert (tally.older_playlists, tally.date_jumps, tally.low_latency_unused) == (1, 2, 1)
    assert [(found.rule, found.count) for found in tally.violations.values()] == [
        ("8216bis 6.2.2", 1),
        ("8216bis 6.2.1", 2),
    ]


def test_playing_stalled_and_watched_time_add_up_at_any_instant() -> None:
    counter = Counter()
    counter.add(ViewerStarted(0, at=100.0, due_at=100.0))
    counter.add(PlaybackStarted(0, at=101.0, startup_seconds=1.0))
    counter.add(ViewerStarted(1, at=102.0, due_at=102.0))
    tally = counter.tally
    assert (tally.playing.seconds(103.0), tally.watching.seconds(103.0)) == (2.0, 4.0)
    counter.add(StallStarted(0, at=105.0))
    tally = counter.tally
    assert (tally.playing.seconds(108.0), tally.stalled.seconds(108.0), tally.stalled.active) == (4.0, 3.0, 1)
    counter.add(StallEnded(0, at=109.0, stall_seconds=4.0))
    tally = counter.tally
    assert (tally.playing.seconds(110.0), tally.stalled.seconds(110.0), tally.stalled.active) == (5.0, 4.0, 0)
    counter.add(ViewerStopped(0, at=112.0, reason=EndReason.QUIT, played=True))
    counter.add(ViewerStopped(1, at=112.0, reason=EndReason.QUIT, played=False))
    tally = counter.tally
    assert (tally.playing.seconds(200.0), tally.stalled.seconds(200.0), tally.watching.seconds(200.0)) == (7, 4, 22)
    tally = counter.tally
    assert (tally.active, tally.quit, tally.played, tally.stalls, tally.startup.total) == (0, 2, 1, 1, 1.0)


def test_a_stall_that_the_end_cuts_counts_with_its_length() -> None:
    tally = counted(
        ViewerStarted(0, at=0.0, due_at=0.0),
        PlaybackStarted(0, at=1.0, startup_seconds=1.0),
        StallStarted(0, at=3.0),
        ViewerStopped(0, at=5.5, reason=EndReason.QUIT, played=True),
    )
    assert (tally.stall.count, tally.stall.total, tally.stalled.seconds(99.0)) == (1, 2.5, 2.5)


@pytest.mark.parametrize(("late_by", "late_starts"), [(0.0, 0), (0.099, 0), (0.101, 1)])
def test_a_start_is_late_past_a_tenth_of_a_second(late_by: float, late_starts: int) -> None:
    assert counted(ViewerStarted(0, at=50.0 + late_by, due_at=50.0)).late_starts == late_starts


def test_viewers_that_read_slowly_on_purpose_are_counted() -> None:
    tally = counted(ViewerStarted(0, 0.0, 0.0, is_paced=True), ViewerStarted(1, 0.0, 0.0))
    assert (tally.started, tally.paced) == (2, 1)
    tally.merge(counted(ViewerStarted(2, 0.0, 0.0, is_paced=True)))
    assert (tally.started, tally.paced) == (3, 2)


def test_no_example_makes_a_tally_grow() -> None:
    """An origin may put ten megabytes into a URL, and others into what it says of itself."""
    long = "http://origin/" + "a" * 1_000_000
    failure = Failure(FailureKind.HTTP_STATUS, f"status 404, {long}", 404)
    cut_off = Failure(FailureKind.CANCELLED, "the run ended")
    tally = counted(
        segment(failure, url=long),
        segment(cut_off, url=long),
        ViewerStarted(0, 10.0, 10.0),
        ViewerStopped(0, 12.0, EndReason.FAILED, False, failure, long, ObjectKind.SEGMENT, long),
    )
    assert len(msgspec.json.encode(tally)) < 20_000
    (error,) = tally.errors.values()
    assert error.example_url == long[:1000] + "... (1,000,014 characters)"


def test_fatal_failures_are_kept_by_their_words() -> None:
    failure = Failure(FailureKind.HTTP_STATUS, "HTTP 404 Not Found", 404)
    records: list[Record] = []
    for viewer in range(3):
        records.append(ViewerStarted(viewer, at=0.0, due_at=0.0))
        where = f"{URL}?{viewer}", ObjectKind.MEDIA_PLAYLIST, f"variant {viewer} of master.m3u8"
        records.append(ViewerStopped(viewer, 1.0 + viewer, EndReason.FAILED, False, failure, *where))
    tally = counted(*records)
    newest = FatalCount(3, f"{URL}?2", ObjectKind.MEDIA_PLAYLIST, "variant 2 of master.m3u8", 3.0)
    assert (tally.failed, tally.reasons) == (3, {"HTTP 404 Not Found": newest})
    assert tally.errors == {}  # the exchanges that failed with it are


@pytest.mark.parametrize("kind", [FailureKind.STALE_PLAYLIST, FailureKind.NOTHING_TO_PLAY])
def test_a_fatal_failure_that_no_exchange_had_is_an_error_too(kind: FailureKind) -> None:
    failure = Failure(kind, "nothing came")
    end = ViewerStopped(0, 9.0, EndReason.FAILED, False, failure, URL, ObjectKind.MEDIA_PLAYLIST)
    (error,) = counted(ViewerStarted(0, 0.0, 0.0), end).errors.values()
    assert (error.object, error.kind, error.count) == (ObjectKind.MEDIA_PLAYLIST, kind, 1)
    assert (error.example_url, error.last_at) == (URL, 9.0)


@pytest.mark.parametrize(
    ("reason", "seconds", "overdue"),
    [
        pytest.param(EndReason.QUIT, 7.9, 0, id="cut off by the end of the run before it was due"),
        pytest.param(EndReason.QUIT, 8.0, 1, id="cut off by the end of the run when it was due"),
        pytest.param(EndReason.LEFT, 7.9, 0, id="left before it was due"),
        pytest.param(EndReason.LEFT, 8.0, 1, id="left when it was due"),
        pytest.param(EndReason.ENDED, 1.0, 1, id="came to the end"),
        pytest.param(EndReason.FAILED, 9.0, 0, id="failed, which is counted as such"),
    ],
)
def test_who_never_played_is_overdue_after_its_players_time_to_start(
    reason: EndReason, seconds: float, overdue: int
) -> None:
    failure = Failure(FailureKind.TRUNCATED, "cut") if reason is EndReason.FAILED else None
    start = ViewerStarted(0, 100.0, 100.0, "media3", start_seconds=8.0)
    assert counted(start, ViewerStopped(0, 100.0 + seconds, reason, False, failure)).overdue == overdue
    played = counted(start, PlaybackStarted(0, 101.0, 1.0), ViewerStopped(0, 100.0 + seconds, reason, True, failure))
    assert played.overdue == 0


def test_the_request_that_had_gone_on_the_longest_when_it_was_cut_off_is_kept() -> None:
    cut = Failure(FailureKind.CANCELLED, "the viewer ended")
    cuts = [segment(cut, started_at=0.0, ended_at=seconds, first_byte_at=None) for seconds in (2.0, 5.5, 3.0)]
    waiting = counted(*cuts).objects[ObjectKind.SEGMENT].waiting
    assert waiting == Waiting(URL, 5.5, answered=False)


def viewer_history(viewer: int, gaps: list[float], live: float | None, failed: bool) -> list[Record]:
    """A viewer that starts, plays, stalls and goes on as often as there are gaps, and stops."""
    at = float(viewer)
    records: list[Record] = [ViewerStarted(viewer, at, at), segment(started_at=at, ended_at=at + 0.1, due_at=at)]
    if gaps:
        records.append(PlaybackStarted(viewer, at + gaps[0], gaps[0]))
        records.append(LatencyObserved(viewer, at + gaps[0], live, 6.0, 4.0))
    for gap in gaps:
        at += gap
        records += [StallStarted(viewer, at + 1.0), StallEnded(viewer, at + 2.0, 1.0)]
        at += 2.0
    if failed:
        failure = Failure(FailureKind.TRUNCATED, "the body ended early")
        records += [segment(failure), ViewerStopped(viewer, at + 3.0, EndReason.FAILED, bool(gaps), failure, URL)]
    else:
        records += [SegmentsExpired(viewer, at, 2)]
    return records


histories = st.lists(
    st.tuples(st.lists(st.floats(0.01, 5.0), max_size=3), st.none() | st.floats(0.1, 20.0), st.booleans()), max_size=8
)


def comparable(tally: Tally) -> Any:
    """Everything of a tally, floats rounded: sums in another order differ in their last bits."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): rounded(item) for key, item in sorted(value.items(), key=str)}
        return round(value, 6) if isinstance(value, float) else value

    return rounded(msgspec.to_builtins(tally, str_keys=True))


@given(histories, st.integers(1, 4))
def test_merged_tallies_equal_one_tally_of_everything(
    drawn: list[tuple[list[float], float | None, bool]], workers: int
) -> None:
    counters, whole = [Counter() for _ in range(workers)], Counter()
    for viewer, (gaps, live, failed) in enumerate(drawn):
        for record in viewer_history(viewer, gaps, live, failed):
            counters[viewer % workers].add(record)
            whole.add(record)
    merged = Tally()
    for counter in counters:
        merged.merge(counter.tally)
    assert comparable(merged) == comparable(whole.tally)
    backwards = Tally()
    for counter in reversed(counters):
        backwards.merge(counter.tally)
    assert comparable(backwards) == comparable(merged)


def test_every_field_is_merged() -> None:
    whole = Tally()
    for number, field in enumerate(msgspec.structs.fields(Tally), 1):
        match getattr(whole, field.name):
            case int() | float():
                setattr(whole, field.name, number)
            case Histogram() as histogram:
                histogram.add(number)
            case Running() as running:
                running.begin(number)
    merged = Tally()
    merged.merge(whole)
    assert merged == whole


def test_merging_leaves_the_merged_tally_as_it_was() -> None:
    one = counted(segment(Failure(FailureKind.TRUNCATED, "the body ended early")))
    before = msgspec.msgpack.encode(one)
    total = Tally()
    total.merge(one)
    total.merge(one)
    assert msgspec.msgpack.encode(one) == before
    assert total.objects[ObjectKind.SEGMENT].requests == 2


def test_a_tally_crosses_a_pipe_unchanged() -> None:
    tally = counted(*viewer_history(3, [0.5, 1.0], 7.5, failed=True))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(tally), type=Tally) == tally


def test_the_same_counts_by_another_clock_say_the_same_times() -> None:
    records: list[Record] = [
        ViewerStarted(0, 10.0, 10.0),
        PlaybackStarted(0, 11.0, 1.0),
        segment(Failure(FailureKind.TRUNCATED, "cut")),
        EdgeFaultSeen(0, 12.0, EdgeFault.LATE, "http://origin/ll.m3u8"),
        ViewerStopped(0, 13.0, EndReason.FAILED, True, Failure(FailureKind.TRUNCATED, "cut")),
    ]
    here, there = counted(*records), counted(*records)
    there.shift(500.0)
    for mine, theirs in ((here.watching, there.watching), (here.playing, there.playing)):
        assert theirs.seconds(520.0) == pytest.approx(mine.seconds(20.0)) != 0
    ours, others = instants_of(here), instants_of(there)
    assert len(ours) == 3
    assert others == pytest.approx([at + 500.0 for at in ours])


def test_a_report_that_a_collector_did_not_take_is_no_failure_of_the_origin() -> None:
    failure = Failure(FailureKind.HTTP_STATUS, "HTTP 503 Service Unavailable", 503)
    lost = Failure(FailureKind.CONNECTION_LOST, "closed before an answer")
    report = exchange(url="http://collector/", failure=failure, unanswered=Unanswered(1, 1, lost), requests_sent=2)
    tally = counted(AsideFetched(0, ObjectKind.CMCD_REPORT, report, failure), segment())
    assert {error.blame for error in tally.errors.values()} == {Blame.COLLECTOR}
    assert tally.objects[ObjectKind.CMCD_REPORT].requests == 2
    assert not tally.hosts
    assert (tally.unsettled_requests, tally.repeated_requests) == (0, 0)


def instants_of(tally: Tally) -> list[float]:
    """Every `last_at` that is in it, wherever that is."""
    found = []

    def look(value: object) -> None:
        for name, inner in value.items() if isinstance(value, dict) else ():
            if name == "last_at":
                found.append(inner)
            look(inner)
        for inner in value if isinstance(value, list) else ():
            look(inner)

    look(msgspec.to_builtins(tally, str_keys=True))
    return found
