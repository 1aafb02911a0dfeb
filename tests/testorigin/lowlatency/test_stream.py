"""The low-latency stream at given instants, against the specification's rules: no clock, no sockets."""

from http import HTTPStatus

import pytest
from tests.support.low_latency_rules import broken_by_delta, broken_by_one, read, steps

from hls_swarm.testorigin.lowlatency.stream import LowLatencyStream, Refusal
from hls_swarm.testorigin.media.cmaf import load_cmaf
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.resources import Resource
from hls_swarm.testorigin.serving.held import Held
from hls_swarm.testorigin.serving.trouble.faults import Faults, parse_fault

CMAF = load_cmaf()
WALL = 1_769_868_309.0
VIDEO = "/ll/video-540p"


def stream(
    part_seconds: float = 0.333, segment_seconds: int = 2, faults: Faults | None = None, first: int = 0
) -> LowLatencyStream:
    timeline = LiveTimeline(100.0, WALL, segment_seconds=segment_seconds, window=6, first=first)
    made = LowLatencyStream(CMAF, timeline, part_seconds, faults or Faults())
    made.advance(100.0)
    return made


def text(made: LowLatencyStream, now: float, query: str = "", track: str = "video-540p") -> str:
    found = made.ask(f"/ll/{track}/playlist.m3u8", query, now)
    assert isinstance(found, Resource), found
    assert isinstance(found.content, bytes)
    return found.content.decode()


def bytes_of(found: object) -> bytes:
    assert isinstance(found, Resource)
    assert isinstance(found.content, bytes)
    return found.content


def play(made: LowLatencyStream, until: float, track: str = "video-540p") -> list[tuple[float, str]]:
    """The playlist at each instant at which something is published."""
    now, seen = 100.0, [(100.0, text(made, 100.0, track=track))]
    while (now := made.next_at(now)) < until:
        made.advance(now)
        new = text(made, now, track=track)
        if read(new).last > read(seen[-1][1]).last or len(read(new).open_parts) > len(read(seen[-1][1]).open_parts):
            seen.append((now, new))
    return seen


@pytest.mark.parametrize("track", ["video-540p", "video-360p", "audio"])
@pytest.mark.parametrize(("part", "segment"), [(0.2, 2), (0.333, 2), (0.5, 4)])
def test_forty_seconds_break_no_rule(part: float, segment: int, track: str) -> None:
    seen = play(stream(part, segment), 140.0, track)
    assert steps([each for _, each in seen]) == []
    assert len(seen) == pytest.approx(40 / part, rel=0.02)


def test_a_part_is_there_when_its_media_has_passed() -> None:
    for now, listed in play(stream(), 110.0):
        found = read(listed)
        last = found.open_parts or found.segments[-1]["parts"]
        begun = found.open if found.open_parts else found.segments[-1]
        end = begun["date"] + sum(part[0] for part in last)
        assert end == pytest.approx(WALL + now - 100.0, abs=1.1e-3)


@pytest.mark.parametrize("skip", ["YES", "v2"])
def test_a_delta_and_what_was_held_are_the_full_playlist(skip: str) -> None:
    made = stream()
    for now in (102.5, 109.0, 121.3):
        held = read(text(made, now))
        made.advance(now + 3.0)
        full, delta = read(text(made, now + 3.0)), read(text(made, now + 3.0, f"_HLS_skip={skip}"))
        assert delta.skipped > 0
        assert len(delta.text) < len(full.text)
        assert broken_by_one(delta) == []
        if skip == "v2":
            assert broken_by_delta(held, delta, full) == []
        else:
            assert delta.dateranges == full.dateranges


def test_reports_say_how_far_the_other_playlists_are() -> None:
    made = stream()
    made.advance(103.0)
    for track in ("video-540p", "video-360p", "audio"):
        for uri, (sequence, part) in read(text(made, 103.0, track=track)).reports.items():
            other = read(text(made, 103.0, track=uri.split("/")[1]))
            assert (sequence, part) == (other.last + 1, len(other.open_parts) - 1)


def test_a_request_for_the_next_part_waits_until_it_is_there() -> None:
    made = stream()
    woken: list[bool] = []
    listed = read(text(made, 100.1))
    for path, query in (
        (f"{VIDEO}/playlist.m3u8", f"_HLS_msn={listed.last + 1}&_HLS_part=0"),
        (f"{VIDEO}/{listed.hint}", ""),
    ):
        held = made.ask(path, query, 100.1)
        assert isinstance(held, Held)
        held.keep(woken.append)
    made.advance(100.3)
    assert woken == []
    made.advance(100.361)
    assert woken == [False, False]
    assert isinstance(made.ask(f"{VIDEO}/{listed.hint}", "", 100.4), Resource)


def test_a_request_that_waits_in_vain_is_woken_after_three_target_durations() -> None:
    made = stream()
    woken: list[bool] = []
    made.pause(20.0)
    held = made.ask(f"{VIDEO}/playlist.m3u8", "_HLS_msn=13", 100.0)
    assert isinstance(held, Held)
    held.keep(woken.append)
    made.advance(105.9)
    assert woken == []
    made.advance(106.0)
    assert woken == [True]


def test_a_segment_is_its_parts_one_after_the_other() -> None:
    made = stream()
    whole = made.ask(f"{VIDEO}/seg-11.m4s", "", 100.0)
    parts = [made.ask(f"{VIDEO}/seg-11-{index}.m4s", "", 100.0) for index in range(6)]
    assert isinstance(whole, Resource)
    assert whole.content == b"".join(bytes_of(part) for part in parts)


@pytest.mark.parametrize(
    "path",
    [
        "seg-12.m4s",
        "seg-12-1.m4s",
        "seg-13-0.m4s",
        "seg-11-6.m4s",
        "seg-011-1.m4s",
        "seg-.m4s",
        "x",
        "seg-11-1-lost.m4s",
    ],
)
def test_what_is_not_there_and_was_not_hinted_at_is_not_found(path: str) -> None:
    assert stream().ask(f"{VIDEO}/{path}", "", 100.0) is None


@pytest.mark.parametrize("query", ["_HLS_part=1", "_HLS_msn=14", "_HLS_msn=x"])
def test_a_request_that_means_nothing_is_refused(query: str) -> None:
    found = stream().ask(f"{VIDEO}/playlist.m3u8", query, 100.0)
    assert isinstance(found, Refusal)
    assert found.status is HTTPStatus.BAD_REQUEST


def test_a_late_part_is_published_later_and_those_after_it_on_time() -> None:
    faults = Faults()
    faults.set(parse_fault("late=500ms,path=video-540p/seg-12-2"), 0.0)
    at = [now for now, _ in play(stream(faults=faults), 102.01)]
    assert [round(now - 100.0, 2) for now in at[:4]] == [0.0, 0.36, 0.68, 1.5]
    assert read(play(stream(faults=faults), 102.01)[3][1]).open_parts[-1][1] == "seg-12-3.m4s"


def test_a_hint_that_is_lost_is_never_there() -> None:
    faults = Faults()
    faults.set(parse_fault("lost-hint,path=video-540p/seg-12-1.m4s"), 0.0)
    made = stream(faults=faults)
    made.advance(100.5)
    hint = read(text(made, 100.5)).hint
    assert hint == "seg-12-1-lost.m4s"
    assert isinstance(made.ask(f"{VIDEO}/{hint}", "", 100.5), Held)
    made.advance(100.7)
    assert made.ask(f"{VIDEO}/{hint}", "", 100.7) is None
    assert (
        "hinted at seg-12-1-lost.m4s, published seg-12-1.m4s"
        in steps([each for _, each in play(stream(faults=faults), 101.0)])[0]
    )


def test_memory_is_bounded_by_the_window() -> None:
    made = stream()
    made.advance(400.0)
    assert made.ask(f"{VIDEO}/seg-100.m4s", "", 400.0) is None
    assert isinstance(made.ask(f"{VIDEO}/seg-140.m4s", "", 400.0), Resource)


def test_a_new_init_section_is_hinted_at_before_its_segment_and_stays_in_force() -> None:
    faults = Faults()
    faults.set(parse_fault("new-map,path=video-540p/seg-14.m4s"), 0.0)
    made = stream(faults=faults)
    seen = play(made, 140.0)
    assert steps([each for _, each in seen]) == []
    hinted = [read(each) for _, each in seen if "TYPE=MAP" in each]
    assert [(each.last, each.open_parts, each.map_hint) for each in hinted] == [(13, [], "init-14.mp4")]
    last = read(seen[-1][1])
    assert last.sequence == 19
    assert [segment.get("map") for segment in last.segments] == ["init-14.mp4"] + [None] * 11
    first, renewed = (bytes_of(made.ask(f"{VIDEO}/{name}", "", 140.0)) for name in ("init.mp4", "init-14.mp4"))
    assert first == renewed
    assert made.ask(f"{VIDEO}/init-15.mp4", "", 140.0) is None
    assert "init-14" not in text(made, 140.0, track="audio")


def test_a_new_init_section_is_not_there_before_it_is_hinted_at() -> None:
    faults = Faults()
    faults.set(parse_fault("new-map"), 0.0)
    made = stream(faults=faults)
    made.advance(101.9)
    assert "TYPE=MAP" not in text(made, 101.9)
    assert made.ask(f"{VIDEO}/init-13.mp4", "", 101.9) is None
    made.advance(102.0)
    assert read(text(made, 102.0)).map_hint == "init-13.mp4"
    assert isinstance(made.ask(f"{VIDEO}/init-13.mp4", "", 102.0), Resource)


@pytest.mark.parametrize("skip", ["YES", "v2"])
def test_a_delta_has_the_init_sections_that_begin_in_what_it_lists(skip: str) -> None:
    faults = Faults()
    faults.set(parse_fault("new-map,rate=0.5"), 0.0)
    made = stream(faults=faults)
    for now in (110.0, 117.3, 121.3, 126.1, 133.0):
        made.advance(now)
        full, delta = read(text(made, now)), read(text(made, now, f"_HLS_skip={skip}"))
        listed = full.segments[delta.skipped :]
        assert [segment.get("map") for segment in delta.segments] == [segment.get("map") for segment in listed]
        assert any("map" in segment for segment in delta.segments)
