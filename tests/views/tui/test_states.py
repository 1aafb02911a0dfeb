"""What is on the screen in each state of a run, and at each size."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from tests.views.tui import states
from tests.views.tui.driving import SIZES, Driven, before, drive, screen

from hls_swarm.snapshot.finding import Comparison, Evidence, Interval, Severity
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.snapshot import PlayerFigures, Snapshot
from hls_swarm.snapshot.viewers.hosts import VersionFigures
from hls_swarm.snapshot.viewers.quality import group_figures, quality
from hls_swarm.stats.tally import Tally
from hls_swarm.views.tui.panels.origin import at_limits
from hls_swarm.views.tui.themes import BAD, WARN

pytestmark = pytest.mark.slow

STATES: list[tuple[str, Callable[[], Snapshot], list[str]]] = [
    (
        "ramping",
        states.ramping,
        ["● HEALTHY", "ramping  0:35 of 5:00, 4:25 left", "41.2% started", "viewers  412 of 1,000", "12 starting"],
    ),
    (
        "steady",
        states.steady,
        ["● HEALTHY  all 1,000 viewers play without a stall", "steady   2:05 of 5:00", "41.7% done"],
    ),
    ("stalls", states.stalls, ["▲ DEGRADED  70 of 1,000 viewers stalled", "70 now", "212 in all", "rebuffering 1.29%"]),
    (
        "errors",
        states.errors,
        ["✖ FAILING  60 of 1,000 viewers failed", "3,412  segment HTTP 404", "media playlist connect", "0:41 ago"],
    ),
    (
        "stale origin",
        states.stale_origin,
        [
            "▲ node_exporter: no answer within 2 s (last answer 14.0 s",
            "14.0 s old:  35.2%",
            "requests 1007/s",
        ],
    ),
    (
        "generator-bound",
        states.generator_bound,
        ["◆ GENERATOR-BOUND  this machine was late: event-loop lag P99 312 ms", "98.7%"],
    ),
    (
        "finished",
        states.finished,
        [
            "● HEALTHY  1,000 of 1,000 viewers played",
            "finished 5:00 of 5:00, 0:00 left",
            "viewers  1,000 started  1,000 played  0 failed",
        ],
    ),
    ("going down", states.going_down, ["viewers  160, 150 wanted  160 playing"]),
    ("no origin", states.no_origin, ["origin metrics not configured: --origin-metrics-host HOST", "shows them here"]),
    (
        "two origins",
        states.two_origins,
        ["Origin: 2 targets", "10.177.0.10  10.177.0.11"],
    ),
    ("nothing yet", states.nothing_yet, ["○ STARTING  nobody plays yet", "ramping  0:00", "rebuffering -"]),
]


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        pytest.param([VersionFigures("2", 900, 30)], "30 connections opened  HTTP/2", id="one"),
        pytest.param(
            [VersionFigures("1.1", 0, 1), VersionFigures("2", 90, 30), VersionFigures("3", 810, 30, 4)],
            "HTTP/2 10%, HTTP/3 90%",
            id="two",
        ),
    ],
)
@pytest.mark.parametrize("size", ["middle", "large"])
def test_the_traffic_says_over_which_http_it_goes(versions: list[VersionFigures], words: str, size: str) -> None:
    made = replace(states.steady(), connections_opened=30, http_versions=tuple(versions))
    assert words in screen(made, size=SIZES[size])


@pytest.mark.parametrize("dropped", [0, 12])
def test_datagrams_that_found_no_room_stand_beside_what_was_late(dropped: int) -> None:
    made = states.steady()
    made = replace(made, generator=replace(made.generator, datagrams_received=9000, datagrams_dropped=dropped))
    assert ("datagrams dropped 12" in screen(made, size=SIZES["large"])) is bool(dropped)


@pytest.mark.parametrize(("state", "words"), [pytest.param(*row[1:], id=row[0]) for row in STATES])
def test_each_state_says_what_it_is(state: Callable[[], Snapshot], words: list[str]) -> None:
    text = screen(state(), size=SIZES["middle"])
    assert [word for word in words if word not in text] == []


ESSENTIALS = [
    "3.22 Gbit/s",
    "498/s",
    "502/s",
    "110 ms  275 ms  440 ms  990 ms",
    "6.00 s  7.40 s  7.90 s  9.20 s",
    "35.2%  busiest core 71.4%",
    "used 6.20 GB  total 16.7 GB  used 37.1%",
    "in 19.2 Mbit/s  out 3.22 Gbit/s  link use 32.2%",
    "connections 2,003  dropped 0/s  requests 1007/s",
    "request time P50 4.10 ms  P95 18.3 ms  P99 41.2 ms",
    "14.2%",
    "P50 400 us  P99 1.60 ms",
]


def test_a_small_screen_shows_the_essentials_without_scrolling() -> None:
    text = screen(*before(states.steady()), states.steady(), size=SIZES["small"])
    assert [word for word in ESSENTIALS if word not in text] == []


@pytest.mark.parametrize("state", [states.steady, states.stalls, states.errors], ids=["steady", "stalls", "errors"])
def test_no_figure_is_cut_at_any_width(state: Callable[[], Snapshot]) -> None:
    async def check(driven: Driven) -> None:
        for width in (80, 100, 109, 110, 119, 120, 140, 179, 180, 200, 240):
            await driven.pilot.resize_terminal(width, 60)
            await driven.settle()
            for line in driven.text().splitlines():
                assert len(line) <= width
                before_cut = line.partition("…")[0] if "…" in line else ""
                # what may be cut is a URL, the text of a log line, and the last error of a viewer
                may_be_cut = any(sign in before_cut for sign in ("http", "WARNING", "stalled", "playing"))
                assert not before_cut or may_be_cut, f"{width} columns: {line}"

    drive(check, *before(state(), 20), state(), size=(80, 60))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10, 3), (20, 5), (30, 8), (60, 12), (79, 23), (400, 100)])
def test_every_size_is_survived(size: tuple[int, int]) -> None:
    async def check(driven: Driven) -> None:
        for width, height in (size, (80, 24), size, (200, 60)):
            await driven.pilot.resize_terminal(width, height)
            await driven.settle()
            lines = driven.text().splitlines()
            assert len(lines) <= height
            assert all(len(line) <= width for line in lines)
        assert "HEALTHY" in driven.text()

    drive(check, states.steady(), size=size)


def test_a_size_whose_timer_was_dropped_is_taken_with_the_next_picture() -> None:
    async def check(driven: Driven) -> None:
        driven.app._resize_timer = driven.app.set_timer(
            3600.0, lambda: None
        )  # that of an earlier size, which never ran
        await driven.pilot.resize_terminal(200, 60)
        await driven.settle()
        assert "Worst viewers" not in driven.text()
        await driven.show(states.stalls())
        assert "Worst viewers" in driven.text()

    drive(check, states.stalls(), size=(120, 40))


def test_a_failing_run_shows_on_a_small_screen_what_fails_and_what_was_found() -> None:
    """Errors, the finding, and the figure that moved, in the last seconds and over the run, without scrolling."""
    found = states.finding("refused", "requests are refused: 3,412 answers 404 in 10 s")
    failing = replace(states.errors(), findings=(found,), lately=states.lately(0.21))
    text = screen(*before(failing), failing, size=SIZES["small"])
    for words in (
        "FAILING",
        "requests are refused: 3,412 answers 404",
        "3,412  segment HTTP 404",
        "segment TTFB         210 ms   525 ms  ▲  3.40 ms  8.50 ms",
    ):
        assert words in text
    assert "Traffic" not in text or text.index("Latency") < text.index("Traffic")


def test_in_a_run_that_is_well_the_traffic_comes_first() -> None:
    text = screen(states.steady(), size=SIZES["middle"])
    assert text.index("Traffic") < text.index("Experience") < text.index("Latency")


def test_a_run_that_recovers_is_in_its_usual_order_again() -> None:
    recovered = states.snapshot(150.0, experience=states.experience(212, 391.0))
    text = screen(states.stalls(), recovered, size=SIZES["middle"])
    assert text.index("Traffic") < text.index("Experience")


def test_viewers_and_origin_share_one_time_axis() -> None:
    run = [
        states.snapshot(float(second), origin=states.one_origin(0.0, cpu_percent=float(second))) for second in range(30)
    ]
    lines = screen(*run, size=SIZES["middle"]).splitlines()
    rows = {line[1:20].strip(): line for line in lines if set(line[20:]) & set("▁▂▃▄▅▆▇█")}
    axis = next(line for line in lines if line.rstrip().endswith("0:29") and "0:00" in line)
    first = axis.index("0:00")
    assert [len(rows[name][:first].rstrip()) < first for name in ("throughput", "CPU")] == [True, True]
    assert rows["CPU"].rstrip().endswith("29.0%")
    assert [rows[name][first:].lstrip()[0] in "▁▂▃▄▅▆▇█" for name in ("throughput", "CPU")] == [True, True]


def test_a_panel_that_comes_into_view_is_shown_whole() -> None:
    async def check(driven: Driven) -> None:
        assert "nginx requests" not in driven.text()
        await driven.pilot.resize_terminal(*SIZES["middle"])
        await driven.settle()
        await driven.show(states.snapshot(130.0))
        assert [name in driven.text() for name in ("viewers stalled", "failed requests", "nginx requests")] == [
            True
        ] * 3

    drive(check, *before(states.steady()), states.steady(), size=SIZES["small"])


def test_a_value_at_its_limit_has_a_colour() -> None:
    evidence = Evidence("origin_cpu_percent", 97.0, Unit.PERCENT, Comparison.AT_LEAST, 90.0, 0.0, 10.0)
    found = msgspec.structs.replace(
        states.finding("origin-cpu", "the processors are busy", severity=Severity.CRITICAL),
        where="10.177.0.10",
        evidence=(evidence,),
    )
    metrics = states.steady().origin
    assert metrics is not None
    (target,) = metrics.targets
    assert target.target == "10.177.0.10"
    assert at_limits((found,), target) == {"cpu_percent": BAD}
    assert at_limits((found,), msgspec.structs.replace(target, target="another")) == {}
    over = msgspec.structs.replace(found, intervals=(Interval(1.0, 2.0),))
    assert at_limits((over,), target) == {}


def test_a_value_that_has_just_come_to_its_limit_has_one_too() -> None:
    metrics = states.steady().origin
    assert metrics is not None
    (target,) = metrics.targets
    busy = msgspec.structs.replace(target.readings["cpu_percent"], value=97.0)
    readings = {**target.readings, "cpu_percent": busy}
    assert at_limits((), msgspec.structs.replace(target, readings=readings)) == {"cpu_percent": WARN}
    stale = {**readings, "cpu_percent": msgspec.structs.replace(busy, stale=True)}
    assert at_limits((), msgspec.structs.replace(target, readings=stale)) == {}


def test_a_small_screen_scrolls_to_the_rest() -> None:
    async def check(driven: Driven) -> None:
        assert "Generator" not in driven.text()
        await driven.press("end")
        assert "Generator" in driven.text()

    drive(check, states.steady(), size=(80, 14))


def test_a_larger_screen_has_the_worst_viewers_beside_the_rest() -> None:
    assert "Worst viewers" not in screen(states.stalls(), size=SIZES["middle"])
    assert "Worst viewers" in screen(states.stalls(), size=SIZES["large"])


def test_without_worst_viewers_there_is_a_dash() -> None:
    lines = screen(states.steady(), size=SIZES["small"], keys=["w"]).splitlines()
    title = next(number for number, line in enumerate(lines) if "Worst viewers" in line)
    assert lines[title + 1].strip() == "-"


def test_the_origin_alone_says_why_a_signal_is_not_known() -> None:
    text = screen(states.stale_origin(), size=(140, 60), keys=["4"])
    assert "not known" in text
    assert "the page does not carry it: enable its collector" in text
    assert "14.0 s old" in text


def test_more_targets_than_fit_are_shown_below() -> None:
    at = states.STARTED_AT + 125
    many = [states.target(f"origin-number-{n}.example.test", states.READINGS, at=at) for n in range(6)]
    text = screen(states.snapshot(125.0, origin=states.origin(*many, at=at)), size=(100, 120), keys=["4"])
    assert [f"origin-number-{n}.example.test" in text for n in range(6)] == [True] * 6
    assert all(len(line) <= 100 and "…" not in line for line in text.splitlines())


def test_the_errors_alone_are_whole() -> None:
    text = screen(states.errors(), size=(100, 30), keys=["3"])
    assert "http://origin.test:8080/live/high/segment-000000000417-with-a-name-that-is-long.ts" in text
    assert "60  HTTP 404 Not Found" in text


def test_the_experience_alone_has_profiles_variants_and_what_is_rare() -> None:
    figures = group_figures("hls.js", Tally(started=40, stalls=3), 1060.0)
    rare = replace(quality(Tally(failovers=2, stale_playlists=5), 1060.0), profiles=(figures,), variants=())
    made = states.snapshot(60.0, experience=replace(states.experience(), quality=rare))
    text = screen(made, size=(100, 40), keys=["2"])
    assert "failovers 2" in text
    assert "stale 5" in text
    assert [line.split()[:3] for line in text.splitlines() if "hls.js" in line] == [["hls.js", "40", "3"]]


def test_processes_that_play_for_viewers_are_the_generators_business() -> None:
    made = states.snapshot(60.0, players=PlayerFigures(processes=12, restarts=2, log_lines_dropped=0))
    assert "12 processes started  2 of them again  0 log lines not read" in screen(made, size=(140, 60))


def test_viewers_lost_with_their_worker_are_counted() -> None:
    made = states.snapshot(60.0, viewers=states.watching(500, 500, lost=500), generator=states.generator(lost=True))
    text = screen(made)
    assert "500 lost" in text
    assert "worker 1 died" in text
