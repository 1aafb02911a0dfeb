"""The answer of a search on the page: what is drawn where."""

from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup
from msgspec.structs import replace
from tests.capacity.test_answer import FOUND, found

from hls_swarm.capacity.answer import CapacityAnswer, TrialFigures
from hls_swarm.capacity.steps import Kind, Result
from hls_swarm.capacity.trial import ObjectiveFigure, Trial
from hls_swarm.views.html.capacity import capacity_html, objective_lines, resource_lines

AT_LEAST = "segment_relative_download:p95 < 0.5"


def tree(markup: Markup) -> ET.Element:
    return ET.fromstring(str(markup))  # noqa: S314 - our own


def answered(*trials: tuple[int, Result, float | None]) -> CapacityAnswer:
    """An answer of one objective, whose values these trials measured."""
    made = [
        TrialFigures(
            Trial(viewers, Kind.FULL, result, 0.0, 30.0, 30.0, objectives=(ObjectiveFigure(AT_LEAST, 0.5, value),)),
            origin={"origin.test": {"cpu_percent": float(viewers)}},
        )
        for viewers, result, value in trials
    ]
    return replace(found(), slo=(AT_LEAST,), trials=tuple(made), viewers=40, failed_at=44)


def test_an_objective_is_a_share_of_its_limit() -> None:
    answer = answered((40, Result.HELD, 0.1), (44, Result.FAILED, 1.25), (46, Result.VOID, None))
    (line,) = objective_lines(answer)
    assert line.name == AT_LEAST
    assert [(mark.viewers, mark.result) for mark in line.marks] == [(40, Result.HELD), (44, Result.FAILED)]
    assert [mark.share for mark in line.marks] == pytest.approx([0.2, 2.5])
    assert line.marks[0].title == "40 viewers, held: 0.1"


def test_an_objective_that_wants_more_breaks_above_one_too() -> None:
    wanted = "throughput_bytes_per_second:mean > 1000000"
    given = ObjectiveFigure(wanted, 1_000_000.0, 500_000.0)
    trial = TrialFigures(Trial(40, Kind.FULL, Result.FAILED, 0.0, 30.0, 30.0, objectives=(given,)))
    (line,) = objective_lines(replace(found(), slo=(wanted,), trials=(trial,)))
    assert line.marks[0].share == 2.0


def test_a_resource_is_a_share_of_the_whole_and_an_unknown_one_has_no_line() -> None:
    (line,) = resource_lines(answered((40, Result.HELD, 0.1)))
    assert (line.name, line.marks[0].share) == ("processors of origin.test", 0.4)


def test_each_trial_is_marked_by_what_came_of_it() -> None:
    answer = answered((40, Result.HELD, 0.1), (44, Result.FAILED, 1.25), (42, Result.VOID, 0.3))
    svg = tree(capacity_html(answer)).findall(".//svg")[0]
    assert [group.get("class") for group in svg.findall("g")] == ["held", "failed", "void"]
    assert svg.find("g[@class='failed']/path") is not None
    line = svg.find("polyline")
    assert line is not None
    assert len((line.get("points") or "").split()) == 2  # the void trial is no part of it
    # The band lies between the two bounds, and every mark within the picture.
    band = svg.find("rect")
    assert band is not None
    discs = [float(each.get("cx") or 0) for each in svg.findall("g/circle")]
    assert float(band.get("x") or 0) == discs[0]
    assert 0 < float(band.get("width") or 0) < 100
    assert all(0 < x < 640 for x in discs)


def test_a_value_far_above_the_limit_stands_at_the_edge_and_says_its_value() -> None:
    svg = tree(capacity_html(answered((40, Result.HELD, 0.1), (44, Result.FAILED, 500.0)))).findall(".//svg")[0]
    failed = svg.find("g[@class='failed']")
    assert failed is not None
    path, title = failed.find("path"), failed.find("title")
    assert path is not None
    assert title is not None
    assert (path.get("d") or "").split()[1].startswith("8")  # the top, less half of the cross
    assert (title.text or "").endswith("44 viewers, failed: 500")


def test_the_words_are_those_of_the_terminal() -> None:
    words = tree(capacity_html(found(FOUND))).find("pre")
    assert words is not None
    assert "".join(words.itertext()).startswith("CAPACITY  37 viewers hold every objective, 39 do not")


def test_without_a_trial_there_is_no_chart() -> None:
    assert tree(capacity_html(replace(found(), trials=()))).find(".//svg") is None


def test_names_that_came_from_elsewhere_can_not_write_on_the_page() -> None:
    answer = answered((40, Result.HELD, 0.1))
    odd = replace(answer.trials[0], origin={"<script>\x07": {"cpu_percent": 1.0}})
    page = str(capacity_html(replace(answer, trials=(odd,))))
    assert "<script>" not in page
    assert "\x07" not in page
