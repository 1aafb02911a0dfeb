"""Play at low latency in every view: words of the summary and of a check, the endpoint, the dashboard, the report."""

import msgspec
import pytest
from tests.support.made.moments import Run
from tests.support.made.snapshots import snapshot, watching
from tests.views.prometheus.test_collector import samples, value

from hls_swarm.judge.summary import summary
from hls_swarm.judge.timeline import FIXED_COLUMNS
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.records import (
    EdgeFault,
    EdgeFaultSeen,
    EdgeOffer,
    Exchange,
    LowLatencyPlayed,
    ObjectKind,
    PartLoaded,
    PlaylistFetched,
    Record,
    SegmentFetched,
    ViewerStarted,
)
from hls_swarm.snapshot.viewers.lowlatency import FAULT_ADVICE, EdgeFaultFigures
from hls_swarm.views.html.charts import Charts
from hls_swarm.views.html.content import low_latency_table, tiles
from hls_swarm.views.terminal.check import findings, judged
from hls_swarm.views.terminal.output import plain_text
from hls_swarm.views.terminal.text import figures, status_line
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.panels.experience import ExperiencePanel
from hls_swarm.views.tui.panels.history import HistoryPanel
from hls_swarm.views.tui.panels.traffic import Traffic
from hls_swarm.views.tui.picture import History, Picture

LOST = "http://o/seg-9-1.m4s"
PASSED = Outcome(Verdict.PASS)


def exchange(at: float, wait: float) -> Exchange:
    url = "http://o/p.m3u8"
    return Exchange(url, url, at, at, at + wait + 0.01, at, at + wait, requests_sent=1, status=200, body_bytes=1000)


def at_the_edge() -> list[Record]:
    """One viewer: two reloads that were held, a hinted part and a listed one, and one that was lost."""
    return [
        *watching(0, 1.0),
        LowLatencyPlayed(0, 1.1, EdgeOffer(0.36, 1.08, 12.0, True, True, True, False)),
        PlaylistFetched(0, ObjectKind.MEDIA_PLAYLIST, exchange(2.0, 0.32), None, blocking=True),
        PlaylistFetched(0, ObjectKind.MEDIA_PLAYLIST, exchange(3.0, 0.32), None, blocking=True),
        SegmentFetched(0, ObjectKind.PART, exchange(2.0, 0.32), None, hinted=True),
        SegmentFetched(0, ObjectKind.PART, exchange(3.0, 0.002), None, 0.36),
        PartLoaded(0, 2.4, 0.02, hinted=True),
        PartLoaded(0, 3.1, 0.02),
        EdgeFaultSeen(0, 3.5, EdgeFault.HINT_LOST, LOST),
    ]


def test_the_summary_says_what_was_held_and_what_came() -> None:
    text = "\n".join(plain_text(part, 200) for part in figures(snapshot(*at_the_edge())))
    assert "1 viewer by parts, 2 parts, age P50" in text
    assert "1 of 1 hinted parts came" in text
    assert "2 playlist requests held, P50" in text
    assert "1 hinted part that did not come" in text
    assert "2 parts" in text


def test_the_json_summary_has_them_and_a_run_without_has_not() -> None:
    out = summary(snapshot(*at_the_edge()), PASSED, started_at=0.0, version="0")["low_latency"]
    assert (out["viewers"], out["blocking_reloads"], out["parts"], out["hints_met"], out["hints_lost"]) == (
        1,
        2,
        2,
        1,
        1,
    )
    assert out["blocked_seconds"]["count"] == 3
    assert out["faults"] == [{"kind": "hint_lost", "count": 1, "example_url": LOST}]
    assert out["offer"]["part_hold_back"] == 1.08
    assert "low_latency" not in summary(snapshot(*watching(0, 1.0)), PASSED, started_at=0.0, version="0")


def test_a_check_says_what_is_offered_what_goes_wrong_and_what_is_missing() -> None:
    lines = [finding.line for finding in findings(snapshot(*at_the_edge()), PASSED)]
    offered = next(line for line in lines if "parts of 360 ms, played 1.08 s from the edge" in line)
    assert offered.startswith("ok    low latency: ")
    lost = next(line for line in lines if line.startswith("FAIL"))
    assert lost.startswith("FAIL  low latency: 1 hinted part that did not come: the part that EXT-X-PRELOAD-HINT names")
    assert lost.endswith(f"; the newest: {LOST}")
    assert ", 1 segment, 2 parts" in lines[0]
    assert any(line.startswith("note  low latency: no EXT-X-PROGRAM-DATE-TIME") for line in lines)
    assert not any("RENDITION-REPORT" in line for line in lines)


def test_a_check_says_whether_playlists_and_media_are_compressed() -> None:
    def said(records: list[Record]) -> list[str]:
        return [found.line for found in findings(snapshot(ViewerStarted(0, 0.0, 0.0), *records), PASSED)[1:]]

    plain, coded = (
        exchange(2.0, 0.1),
        msgspec.structs.replace(exchange(2.0, 0.1), content_encoding="gzip", body_bytes=200),
    )
    whole, none = PlaylistFetched(0, ObjectKind.MULTIVARIANT_PLAYLIST, coded, None), ObjectKind.MEDIA_PLAYLIST
    assert said([whole]) == ["ok    playlists: compressed, 200 B each as they come"]
    assert said([whole, PlaylistFetched(0, none, plain, None)]) == [
        "ok    playlists: 1 of 2 compressed, 600 B each as they come"
    ]
    assert said([PlaylistFetched(0, none, plain, None)]) == [
        "ok    playlists: not compressed, 1.00 kB each as they come"
    ]
    assert said([SegmentFetched(0, ObjectKind.SEGMENT, coded, None, 2.0)]) == [
        "note  segments: 1 of 1 compressed, which costs the server much and saves nothing"
    ]
    assert said([]) == []


def test_a_check_that_finds_something_unfit_fails() -> None:
    assert judged(findings(snapshot(*at_the_edge()), PASSED), PASSED) == Outcome(
        Verdict.FAIL, ("not fit for a run: low latency",)
    )
    fit = findings(snapshot(*at_the_edge()[:-1]), PASSED)
    assert judged(fit, PASSED) is PASSED
    broken = Outcome(Verdict.ERROR, ("it broke off",))
    assert judged(findings(snapshot(*at_the_edge()), broken), broken) is broken


@pytest.mark.parametrize("kind", EdgeFault)
def test_every_fault_has_words_for_one_and_for_many_and_what_to_do(kind: EdgeFault) -> None:
    one, many = EdgeFaultFigures(kind, 1, LOST).words, EdgeFaultFigures(kind, 1200, LOST).words
    assert one.startswith("1 ")
    assert many.startswith("1,200 ")
    assert one.removeprefix("1 ") != many.removeprefix("1,200 ")
    assert FAULT_ADVICE[kind]


def test_the_endpoint_has_them() -> None:
    run = Run()
    entry = run.second(5.0, *at_the_edge())
    found = samples(run)
    assert value(found, "blocking_reloads_total") == 2
    assert value(found, "blocked_seconds_count") == 3
    assert value(found, "part_age_seconds_count") == 2
    assert value(found, "hints_met_total") == 1
    assert value(found, "part_requests_total") == 2
    assert value(found, "edge_faults_total", kind="hint_lost") == 1
    row = entry.row
    assert row["blocked_seconds_count"] == 3
    assert row["edge_hint_lost_total"] == 1
    assert set(FIXED_COLUMNS) <= set(row)


def test_the_report_has_a_table_of_them() -> None:
    table = low_latency_table(summary(snapshot(*at_the_edge()), PASSED, started_at=0.0, version="0"))
    assert ("Hinted parts", "1 of 1 came") in table.rows
    assert ("hinted parts that did not come", "1") in table.rows
    assert not low_latency_table(summary(snapshot(*watching(0, 1.0)), PASSED, started_at=0.0, version="0")).rows


def test_the_dashboard_has_a_line_of_them() -> None:
    picture = History().add(snapshot(*at_the_edge()))
    text = "\n".join("".join(part[0] for part in row) for row in ExperiencePanel().draw(picture, 160, Detail.NORMAL))
    assert "2 reloads held" in text
    assert "1 of 1 hints met" in text
    assert "hints lost 1" in text


def drawn(panel: Panel, picture: Picture, detail: Detail) -> str:
    return "\n".join("".join(part[0] for part in row) for row in panel.draw(picture, 80, detail))


def test_where_only_parts_come_the_dashboard_and_the_status_line_tell_of_parts() -> None:
    records = [record for record in at_the_edge() if not is_of_a_segment(record)]
    history = History()
    history.add(snapshot(*records))
    picture = history.add(snapshot(*records))
    assert "parts " in drawn(Traffic(), picture, Detail.COMPACT)
    assert "segments " not in drawn(Traffic(), picture, Detail.COMPACT)
    assert "part P95, 10 s" in drawn(HistoryPanel(), picture, Detail.NORMAL)
    assert "held P50" in drawn(ExperiencePanel(), picture, Detail.COMPACT)
    assert "  parts " in status_line(picture.snapshot)
    whole = history.add(snapshot(*at_the_edge()))
    assert "segments " in drawn(Traffic(), whole, Detail.COMPACT)
    assert "  segments " in status_line(whole.snapshot)


def is_of_a_segment(record: Record) -> bool:
    return isinstance(record, SegmentFetched) and record.kind is ObjectKind.SEGMENT


def test_the_first_figures_of_the_report_are_of_parts_where_only_those_come() -> None:
    records = [record for record in at_the_edge() if not is_of_a_segment(record)]
    for seen, title in ((records, "Part P95"), (at_the_edge(), "Segment P95")):
        made = summary(snapshot(*seen), PASSED, started_at=0.0, version="0")
        assert [tile.name for tile in tiles(made, Charts(1.0, [], []))][3] == title
