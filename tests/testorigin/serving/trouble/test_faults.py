"""What goes wrong on purpose: how it is written, and what it does to which answers."""

from http import HTTPStatus

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.testorigin.serving.trouble.faults import (
    NOTHING,
    Fault,
    FaultKind,
    Faults,
    Target,
    Treatment,
    parse_fault,
)

SEGMENT, PLAYLIST = "/live/720p/seg-5.ts", "/live/720p/playlist.m3u8"


def treated(text: str, path: str = SEGMENT, target: Target = Target.SEGMENT, at: float = 0.0) -> Treatment:
    faults = Faults()
    faults.set(parse_fault(text), 0.0)
    return faults.treatment(path, target, at)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status=503", Fault(FaultKind.STATUS, 503, Target.ALL)),
        ("delay=1m30s,on=playlist", Fault(FaultKind.DELAY, 90.0, Target.PLAYLIST)),
        ("slow=50k", Fault(FaultKind.SLOW, 50_000.0, Target.SEGMENT)),
        ("cut=0.5,rate=0.1", Fault(FaultKind.CUT, 0.5, Target.SEGMENT, rate=0.1)),
        ("reset,for=3s,after=1s", Fault(FaultKind.RESET, 0.0, Target.ALL, seconds=3.0, after=1.0)),
        ("missing,path=seg-7.", Fault(FaultKind.MISSING, 0.0, Target.SEGMENT, "seg-7.")),
        ("pause=10s", Fault(FaultKind.PAUSE, 10.0, Target.ALL)),
        ("frozen", Fault(FaultKind.FROZEN, 0.0, Target.PLAYLIST)),
    ],
)
def test_read(text: str, fault: Fault) -> None:
    read = parse_fault(text)
    assert read.text == text
    assert {name: getattr(read, name) for name in Fault.__dataclass_fields__ if name != "text"} == {
        name: getattr(fault, name) for name in Fault.__dataclass_fields__ if name != "text"
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bogus", "is not one of status"),
        ("status", "needs a value"),
        ("status=999", "999"),
        ("status=100", "interim response"),
        ("status=199", "199"),
        ("reset=1", "needs no value"),
        ("delay=5", "has no unit"),
        ("status=503,rate=0", "rate must be"),
        ("status=503,often=1", "there is no often"),
        ("cut=1", "share of the body"),
        ("slow=fast", "is not a rate"),
        ("status=503,on=tv", "tv"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_fault(text)


@pytest.mark.parametrize(
    ("text", "treatment"),
    [
        ("status=503", Treatment(status=HTTPStatus.SERVICE_UNAVAILABLE)),
        ("delay=2s", Treatment(delay_seconds=2.0)),
        ("slow=50k", Treatment(bytes_per_second=50_000.0)),
        ("cut=0.5", Treatment(body_share=0.5)),
        ("reset", Treatment(reset=True)),
        ("missing", Treatment(status=HTTPStatus.NOT_FOUND)),
        ("missing,path=seg-6.", NOTHING),
        ("status=503,on=playlist", NOTHING),
        ("status=503,after=1s", NOTHING),
        ("pause=10s", NOTHING),
    ],
)
def test_treatment_of_a_segment(text: str, treatment: Treatment) -> None:
    assert treated(text) == treatment


def test_lasts_as_long_as_it_says() -> None:
    assert [treated("reset,for=3s,after=1s", at=at).reset for at in (0.9, 1.0, 3.9, 4.0)] == [False, True, True, False]


def test_a_rate_is_a_share_of_the_requests() -> None:
    faults = Faults(seed=4)
    faults.set(parse_fault("status=503,rate=0.3"), 0.0)
    hit = sum(faults.treatment(SEGMENT, Target.SEGMENT, 0.0).status is not None for _ in range(5000))
    assert hit == pytest.approx(1500, abs=120)


def test_missing_segments_are_always_the_same_ones() -> None:
    faults = Faults()
    faults.set(parse_fault("missing,rate=0.25"), 0.0)
    paths = [f"/live/720p/seg-{n}.ts" for n in range(800)]
    gone = [path for path in paths if faults.treatment(path, Target.SEGMENT, 0.0) != NOTHING]
    assert gone == [path for path in paths if faults.treatment(path, Target.SEGMENT, 9.0) != NOTHING]
    assert len(gone) == pytest.approx(200, abs=50)


def test_frozen_playlists_stay_and_go_on_where_they_would_be() -> None:
    faults = Faults()
    faults.set(parse_fault("frozen,for=5s"), 10.0)
    bodies = [
        faults.playlist(PLAYLIST, body, at) for body, at in ((b"1", 9.0), (b"2", 10.0), (b"3", 12.0), (b"9", 15.0))
    ]
    assert bodies == [b"1", b"2", b"2", b"9"]


def test_restarted_playlists_count_from_0() -> None:
    faults = Faults()
    faults.set(parse_fault("restart"), 0.0)
    bodies = [faults.playlist(PLAYLIST, b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:%d\n" % n, 0.0) for n in (70, 71, 75)]
    assert [body.split(b":")[1].strip() for body in bodies] == [b"0", b"1", b"5"]


def test_clearing_ends_all() -> None:
    faults = Faults()
    faults.set(parse_fault("reset"), 0.0)
    assert faults.texts(0.0) == ["reset"]
    faults.clear()
    assert (faults.texts(0.0), faults.treatment(SEGMENT, Target.SEGMENT, 0.0)) == ([], NOTHING)
