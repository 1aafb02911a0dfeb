import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console, RenderableType
from tests.support.made.run_folders import long_run
from tests.support.made.snapshots import URL, exchange, snapshot, watching

from hls_swarm.judge.metrics.kinds import CounterMetric
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.summary import summary, to_json
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.records import (
    DatesMoved,
    LicenceUnasked,
    LowLatencyUnused,
    ObjectKind,
    PlaylistFetched,
    SettingUnmet,
    Violation,
)
from hls_swarm.results.reader import read_run
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.stats.tally import MAX_VIOLATIONS
from hls_swarm.views.files.markdown import report_markdown
from hls_swarm.views.html.page import report_html
from hls_swarm.views.terminal import text
from hls_swarm.views.terminal.check import findings
from hls_swarm.views.terminal.report import report_text

TWICE = Violation("EXT-X-ENDLIST appears twice", "8216bis 4.4.3.4", 7, ("hls.js",))
WHOLE = Violation("EXT-X-TARGETDURATION is missing", "8216bis 4.4.3.1", 0, ("hls.js", "Shaka"))


def loaded(*violations: Violation) -> PlaylistFetched:
    return PlaylistFetched(0, ObjectKind.MEDIA_PLAYLIST, exchange(1.0, 300, 0.001), None, violations=violations)


def made(*violations: Violation) -> Snapshot:
    return snapshot(*watching(0, 1.0), loaded(*violations), loaded(TWICE))


def printed(shot: Snapshot) -> str:
    return terminal(text.summary(shot, Outcome(Verdict.PASS), ()))


def terminal(shown: RenderableType) -> str:
    out = StringIO()
    Console(file=out, width=200, color_system=None, highlight=False).print(shown)
    return out.getvalue()


def test_each_kind_is_named_once_with_an_example_the_most_frequent_first() -> None:
    found = made(TWICE, WHOLE).violations
    assert [(v.words, v.count, v.where) for v in found] == [
        ("EXT-X-ENDLIST appears twice (8216bis 4.4.3.4); hls.js refuses it", 2, f"{URL} line 7"),
        ("EXT-X-TARGETDURATION is missing (8216bis 4.4.3.1); hls.js and Shaka refuse it", 1, URL),
    ]
    assert snapshot(*watching(0, 1.0)).violations == ()


def test_further_kinds_are_one() -> None:
    many = [Violation(f"no AUDIO group {n}", "8216bis 4.4.6.2", 0) for n in range(MAX_VIOLATIONS + 3)]
    *_, last = snapshot(*watching(0, 1.0), loaded(*many)).violations
    assert (last.words, last.count, last.where) == ("of other kinds than these 40", 3, "")


def test_the_json_summary_has_them() -> None:
    shot = made(TWICE, WHOLE)
    out = json.loads(to_json(summary(shot, Outcome(Verdict.PASS), started_at=0.0, version="0")))
    assert out["violations"] == [
        {
            "reason": "EXT-X-ENDLIST appears twice",
            "rule": "8216bis 4.4.3.4",
            "refused_by": ["hls.js"],
            "count": 2,
            "example_url": URL,
            "line": 7,
        },
        {
            "reason": "EXT-X-TARGETDURATION is missing",
            "rule": "8216bis 4.4.3.1",
            "refused_by": ["hls.js", "Shaka"],
            "count": 1,
            "example_url": URL,
        },
    ]
    assert out["remarks"] == []


def test_the_text_summary_has_them() -> None:
    shown = printed(made(WHOLE))
    assert "Violations (played all the same)" in shown
    assert "EXT-X-TARGETDURATION is missing (8216bis 4.4.3.1); hls.js and Shaka refuse it" in shown
    assert f"{URL} line 7" in shown
    assert "Violations" not in printed(snapshot(*watching(0, 1.0)))


def test_a_check_notes_them_and_is_fit_all_the_same() -> None:
    found = findings(made(), Outcome(Verdict.PASS))
    assert all(finding.fit for finding in found)
    where = f"EXT-X-ENDLIST appears twice (8216bis 4.4.3.4); hls.js refuses it: {URL} line 7"
    assert f"note  violation: {where}" in [finding.line for finding in found]


def test_low_latency_that_was_not_used_is_said_everywhere() -> None:
    shot = snapshot(*watching(0, 1.0), LowLatencyUnused(0, 2.0))
    assert "Note: the stream offers low latency (LL-HLS)" in printed(shot)
    lines = [finding.line for finding in findings(shot, Outcome(Verdict.PASS))]
    assert any(line.startswith("note  stream: the stream offers low latency") for line in lines)
    (remark,) = summary(shot, Outcome(Verdict.PASS), started_at=0.0, version="0")["remarks"]
    assert "whole segments, no blocking reloads" in remark


def test_that_no_licence_was_asked_for_is_said_once() -> None:
    shot = snapshot(*watching(0, 1.0), LicenceUnasked(0, 2.0), LicenceUnasked(1, 2.0))
    (remark,) = shot.remarks
    assert remark.startswith("the stream's keys are a DRM system's (KEYFORMAT): viewers load its segments and ask for")


def test_what_the_stream_has_nothing_for_is_said_once_for_all_viewers() -> None:
    unmet = [SettingUnmet(viewer, 2.0, "variant", f"of 1 variants, as viewer {viewer} saw it") for viewer in (3, 4)]
    shot = snapshot(*watching(0, 1.0), *unmet)
    assert shot.remarks == ("--variant: of 1 variants, as viewer 3 saw it",)
    assert "Note: --variant: of 1 variants, as viewer 3 saw it" in printed(shot)


def test_dates_that_move_are_a_violation() -> None:
    (found,) = snapshot(*watching(0, 1.0), DatesMoved(0, 2.0, URL, 36.0)).violations
    assert found.words == "a reload dated segments otherwise: live latencies mean little (8216bis 6.2.1)"


def test_violations_can_be_a_threshold() -> None:
    threshold = parse_threshold("violations:count < 1")
    assert isinstance(METRICS[threshold.metric], CounterMetric)


def test_a_report_in_every_form_has_them(tmp_path: Path) -> None:
    long_run(tmp_path / "run", seconds=12)
    made_up = read_run(tmp_path / "run")
    found = {"reason": "r1", "rule": "s1", "refused_by": ["hls.js"], "count": 5, "example_url": "http://u/", "line": 7}
    report = replace(made_up, summary={**made_up.summary, "violations": [found], "remarks": ["played so"]})
    for shown in (report_html(report), report_markdown(report), terminal(report_text(report))):
        assert "Violations of the draft (played all the same)" in shown
        assert all(words in shown for words in ("r1", "s1", "hls.js", "http://u/ line 7", "played so"))
