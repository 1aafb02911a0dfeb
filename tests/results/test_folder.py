import json
import os
import stat
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.made.moments import STARTED_AT, URL, Run
from tests.support.made.run_folders import long_run, recording
from tests.support.made.snapshots import watching

from hls_swarm.errors import RunError
from hls_swarm.judge.report import Status
from hls_swarm.judge.verdict import Verdict, judge
from hls_swarm.results import layout
from hls_swarm.results.reader import find_run, list_runs, read_run
from hls_swarm.results.recorder import command_text, make_folder, open_recorder
from hls_swarm.settings.run import Settings

SECRETS = Settings(
    url="http://user:hunter2@origin.test/live.m3u8",
    header=("Authorization: Bearer s3cr3t-token",),
    origin_metrics="http://scrape:pa55word@origin.test:9100/metrics",
    origin_metrics_header=("X-Key: k3y-of-exporter",),
    remote_write="http://writer:wr1ter-word@prometheus.test/write",
    remote_write_header=("Authorization: Bearer wr1te-token",),
)


def test_a_finished_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    outcome = long_run(tmp_path / "run", seconds=30)
    report = read_run(tmp_path / "run")
    assert (report.status, outcome.verdict) == (Status.FINISHED, Verdict.PASS)
    assert report.summary == json.loads((tmp_path / "run" / layout.SUMMARY).read_bytes())
    assert len(report.rows) == 31
    assert report.rows[-1]["phase"] == "finished"
    assert report.window == "steady"
    assert report.window_seconds == pytest.approx(24.5)
    steady = report.histograms["segment_download_seconds"]
    assert steady.count == sum(row.get("segment_download_seconds_count", 0) for row in report.rows[6:])
    assert "origin_cpu_percent@10.0.0.6" in report.histograms
    assert [event.kind.value for event in report.events][:2] == ["phase", "origin"]
    assert "cache purged" in [event.text for event in report.events]
    assert report.events[-1].text == "pass"
    assert report.facts["schema"] == "hls-swarm/run/1"


def test_the_totals_of_the_timeline_are_the_summarys(tmp_path: Path) -> None:
    long_run(tmp_path, seconds=30)
    report = read_run(tmp_path)
    last = report.rows[-1]
    for kind, count in report.summary["requests"].items():
        assert last[f"{kind}_requests_total"] == count
        assert last[f"{kind}_body_bytes_total"] == report.summary["body_bytes"][kind]
    assert last["stalls_total"] == report.summary["experience"]["stalls"]


def test_a_run_whose_process_is_gone_broke_off_and_says_when(tmp_path: Path) -> None:
    long_run(tmp_path, seconds=12, finish=False)
    facts = json.loads((tmp_path / layout.RUN).read_bytes())
    (tmp_path / layout.RUN).write_text(json.dumps({**facts, "pid": 2**22 + 1}))
    with (tmp_path / layout.TIMELINE).open("ab") as timeline:
        timeline.write(b'{"elapsed_seconds": 13.0, "cut off in the mid')
    report = read_run(tmp_path)
    assert report.status is Status.BROKEN_OFF
    assert (report.summary["verdict"], report.summary["exit_code"]) == ("error", 1)
    assert report.summary["reasons"][0].startswith("the run broke off after 12 s")
    assert len(report.rows) == 12
    assert report.rows[-1]["segment_requests_total"] == report.summary["requests"]["segment"]


def test_a_run_that_goes_on_is_read_as_it_stands(tmp_path: Path) -> None:
    run = Run()
    with recording(tmp_path, run) as recorder:
        entry = run.second(1.0, *watching(0, 0.1))
        recorder.add(entry)
        recorder.close()
        report = read_run(tmp_path)
        assert report.status is Status.RUNNING
        assert report.summary["requests"]["segment"] == 1


def test_no_secret_is_in_any_file(tmp_path: Path) -> None:
    arguments = ["--header", SECRETS.header[0], "--origin-metrics", str(SECRETS.origin_metrics), SECRETS.url]
    run = Run()
    with recording(
        tmp_path,
        run,
        url=SECRETS.url,
        header=SECRETS.header,
        origin_metrics=SECRETS.origin_metrics,
        origin_metrics_header=SECRETS.origin_metrics_header,
    ) as recorder:
        recorder.add(run.second(1.0, *watching(0, 0.1)))
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    recorder = open_recorder(
        Settings(
            url=SECRETS.url, header=SECRETS.header, origin_metrics=SECRETS.origin_metrics, output=str(tmp_path / "b")
        ),
        run.ledger,
        STARTED_AT,
        arguments,
    )
    recorder.close()
    written += (tmp_path / "b" / layout.RUN).read_bytes()
    assert b"origin.test" in written
    for secret in (b"hunter2", b"s3cr3t", b"pa55word", b"k3y-of", b"wr1te"):
        assert secret not in written


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-header", "X: ab", "http://o/a"], "-header 'X: ***' http://o/a"),
        (["--header=X: ab", "--clients=5"], "'--header=X: ***' --clients=5"),
        (["-origin-metrics-header", "-H: ab", "-tui"], "-origin-metrics-header '-H: ***' -tui"),
        (["-header", "-header", "-header", "X: ab"], "-header '***' -header 'X: ***'"),
        (["--origin-metrics=http://u:pw@h/m"], "'--origin-metrics=http://***@h/m'"),
        (["-proxy", "http://u:pw@h:1", "http://me@h/a"], "-proxy 'http://***@h:1' 'http://***@h/a'"),
    ],
)
def test_a_command_line_is_shown_without_secrets(arguments: list[str], expected: str) -> None:
    assert command_text(arguments) == expected


def test_two_runs_of_one_second_have_a_folder_each(tmp_path: Path) -> None:
    first, second = (make_folder(tmp_path, STARTED_AT, "nightly / main") for _ in range(2))
    stamp = datetime.fromtimestamp(STARTED_AT).astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    assert (first.name, second.name) == (f"{stamp}-nightly-main", f"{stamp}-nightly-main-2")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self").exists(), reason="needs a folder nobody can write")
def test_a_folder_that_can_not_be_written_stops_a_run_only_if_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"--output: .* can not be written: not a directory"):
        open_recorder(Settings(url=URL, output=str(tmp_path / "file/x")), Run().ledger, STARTED_AT, [])
    (tmp_path / layout.DEFAULT_PARENT).write_text("in the way")
    monkeypatch.chdir(tmp_path)
    recorder = open_recorder(Settings(url=URL), Run().ledger, STARTED_AT, [])
    assert recorder.folder is None
    assert "no run folder: runs can not be written" in caplog.text
    assert stat.S_ISREG((tmp_path / layout.DEFAULT_PARENT).stat().st_mode)


def test_runs_are_listed_with_their_verdicts_the_newest_first(tmp_path: Path) -> None:
    long_run(tmp_path / "a", seconds=12)
    long_run(tmp_path / "b", seconds=12, thresholds=("segment_download_seconds:p95 < 1ms",))
    (tmp_path / "no run").mkdir()
    run = Run()
    with recording(tmp_path / "c", run) as recorder:
        recorder.add(run.second(1.0))
    entries = {entry.folder.name: entry for entry in list_runs(tmp_path)}
    assert list(entries) == ["c", "b", "a"]
    assert (entries["a"].verdict, entries["a"].status) == (Verdict.PASS, Status.FINISHED)
    assert (entries["b"].verdict, entries["b"].viewers) == (Verdict.FAIL, 40)
    assert "segment_download_seconds p95 is" in entries["b"].reason
    assert (entries["c"].verdict, entries["c"].status) == (None, Status.RUNNING)
    assert list_runs(tmp_path / "nowhere") == ()


def test_a_run_is_found_by_path_name_end_or_being_the_newest(tmp_path: Path) -> None:
    long_run(tmp_path / "2026-01-31T14-05-09-nightly", seconds=3)
    long_run(tmp_path / "2026-01-31T14-05-10-main", seconds=3)
    assert find_run(str(tmp_path / "2026-01-31T14-05-10-main")).name == "2026-01-31T14-05-10-main"
    assert find_run("nightly", tmp_path).name == "2026-01-31T14-05-09-nightly"
    assert find_run("", tmp_path).name == "2026-01-31T14-05-10-main"
    for text, words in (("weekly", "there is no such run"), (str(tmp_path), "is no run folder")):
        with pytest.raises(RunError, match=words):
            find_run(text, tmp_path)
    with pytest.raises(RunError, match="there is no run in"):
        find_run("", tmp_path / "nowhere")


def test_a_version_that_is_not_known_is_refused(tmp_path: Path) -> None:
    long_run(tmp_path, seconds=3)
    facts = json.loads((tmp_path / layout.RUN).read_bytes())
    (tmp_path / layout.RUN).write_text(json.dumps({**facts, "schema": "hls-swarm/run/9"}))
    with pytest.raises(RunError, match="this version reads hls-swarm/run/1"):
        read_run(tmp_path)


def test_the_state_alone_tells_what_the_verdict_would_be(tmp_path: Path) -> None:
    run = Run("errors:rate < 1%")
    with recording(tmp_path, run) as recorder:
        entry = run.second(1.0, *watching(0, 0.1))
        recorder.add(entry)
        assert judge(entry.moment.snapshot, thresholds=entry.thresholds).verdict is Verdict.PASS
    state = json.loads((tmp_path / layout.STATE).read_bytes())
    assert (state["finished"], state["summary"]["verdict"]) == (False, "pass")
    assert state["summary"]["thresholds"][0]["held"] is True
