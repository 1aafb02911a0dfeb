"""Every way to end a run: it ends in order, with its files and its verdict, or goes on and says so. See
docs/reliability.md."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.environment import clean_environ
from tests.support.origins import serving, vod
from tests.support.programs import require
from tests.support.runs import LiveRun, embedded_origin, gone, live_run
from tests.support.soundness import are_of_others, assert_sound

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]

LONG = vod(segments=60)


def check_whole(run: LiveRun, verdict: str | None = None) -> None:
    """The files of a run that ended in order: with that verdict, or with the one of its exit code if that is sound."""
    code = run.ended()
    if verdict is None:
        verdict = "pass" if assert_sound(code, run.said()) else {3: "invalid", 99: "fail"}[code]
    assert run.summary()["verdict"] == verdict
    assert json.loads((run.folder / "summary.json").read_bytes()) == run.summary()
    assert json.loads((run.folder / "state.json").read_bytes())["finished"] is True
    assert run.rows()[-1]["phase"] == "finished"
    assert "Traceback" not in run.said() + run.said("out")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("to", ["controller", "group"])
def test_a_signal_ends_the_run_with_its_summary(tmp_path: Path, number: signal.Signals, to: str) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "4", "--workers", "2") as run:
        run.wait_until_played(4)
        started, begun = run.processes(), time.monotonic()
        (run.signal if to == "controller" else run.signal_group)(number)
        run.ended()
        assert time.monotonic() - begun < 20  # 2 on a machine that has nothing else to do
        assert gone(started, 0.1)
        check_whole(run)
    assert run.said("out").lstrip().startswith(run.summary()["verdict"].upper())


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "2", "--workers", "1") as run:
        run.wait_until_played()
        started = run.processes()
        os.kill(run.workers()[0], signal.SIGSTOP)  # which the controller now waits for
        run.signal_group(signal.SIGINT)
        begun = time.monotonic()
        while run.process.poll() is None:  # if this machine is busy, two of them may come as one
            assert time.monotonic() - begun < 10.0
            time.sleep(0.3)
            run.signal_group(signal.SIGINT)
        assert run.ended() == 1, run.said()
        assert gone(started, 10.0)
    assert "Traceback" not in run.said()
    assert json.loads((run.folder / "state.json").read_bytes())["finished"] is False


def test_timeout_ends_the_run_with_its_summary(tmp_path: Path) -> None:
    """timeout(1) signals its child, and then the group that both are in."""
    arguments = ("--clients", "2", "--workers", "2")
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", *arguments, prefix=("timeout", "300")) as run:
        run.wait_until_played(2)
        run.signal(signal.SIGALRM)  # what its timer does when the time is up
        assert run.ended() == 124, run.said()
    assert run.summary()["verdict"] in {"pass", "invalid"}, run.said()
    assert json.loads((run.folder / "state.json").read_bytes())["finished"] is True


def test_a_hang_up_that_nohup_ignores(tmp_path: Path) -> None:
    ignoring = ("bash", "-c", 'trap "" HUP; exec "$@"', "-")
    arguments = ("--clients", "1", "--duration", "6s")
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", *arguments, prefix=ignoring) as run:
        run.wait_until_played()
        run.signal(signal.SIGHUP)
        run.ended()
        check_whole(run)
    assert run.summary()["elapsed_seconds"] >= 6


def test_a_reader_that_goes_away_and_a_disk_that_is_full_cost_only_what_they_show(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with serving(LONG) as base, open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        for name, stdout in (("gone", write_end), ("full", full)):
            place = tmp_path / name
            place.mkdir()
            with live_run(place, f"{base}/vod.m3u8", "--clients", "1", "--duration", "3s", stdout=stdout) as run:
                code = run.ended()
                assert code == 1 or not assert_sound(code, run.said())
                check_whole(run, "pass" if code == 1 else "invalid")
            told = "hls-swarm: standard output can not be written: no space left on device" in run.said()
            assert told == (name == "full")
    os.close(write_end)


def test_a_run_without_standard_streams(tmp_path: Path) -> None:
    with serving(LONG) as base:
        command = (
            f"{shlex.quote(sys.executable)} -m hls_swarm --clients 1 --duration 5s --json {tmp_path}/s.json "
            f"{base}/vod.m3u8 <&- >&- 2>&-"
        )
        done = subprocess.run(["bash", "-c", command], timeout=40, check=False, env=clean_environ())
    summary = json.loads((tmp_path / "s.json").read_bytes())
    if summary["verdict"] == "pass":
        assert done.returncode == 1  # its summary could not be shown
    else:
        assert (done.returncode, summary["verdict"]) == (3, "invalid")
        assert are_of_others(summary["reasons"])


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_all_of_it_gets_the_signal_ffmpeg_too(tmp_path: Path, number: signal.Signals) -> None:
    """As a supervisor does that signals every process of a service: nothing is left, and SIGTERM keeps the verdict."""
    require("ffmpeg")
    arguments = ("--clients", "2", "--workers", "1", "--engine", "ffmpeg")
    with embedded_origin(tmp_path) as url, live_run(tmp_path, url, *arguments) as run:
        run.wait_until_played(2)
        started = run.processes()
        assert len(started) >= 3, "a worker and two players"
        for pid in (run.process.pid, *started):
            os.kill(pid, number)
        code = run.ended()
        assert gone(started, 2.0)
        if number == signal.SIGTERM:
            assert code in {0, 3}, run.said()  # 3: on a machine that is busy with other things
            check_whole(run, run.summary()["verdict"])


def test_a_worker_that_stood_still_goes_on(tmp_path: Path) -> None:
    """For longer than its lease: it reads the polls that wait for it before it judges that."""
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "4", "--workers", "2") as run:
        run.wait_until_played(4)
        worker = run.workers()[0]
        os.kill(worker, signal.SIGSTOP)
        time.sleep(12)
        os.kill(worker, signal.SIGCONT)
        time.sleep(3)
        run.signal(signal.SIGINT)
        assert run.ended() == 3, run.said()
        check_whole(run, "invalid")
    summary = run.summary()
    assert "lost" not in summary["viewers"]
    assert any(reason.startswith("a worker stood still for ") for reason in summary["reasons"])


def test_a_controller_that_stood_still_goes_on_and_says_so(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "2", "--workers", "1") as run:
        run.wait_until_played(2)
        run.signal(signal.SIGSTOP)
        time.sleep(4)
        run.signal(signal.SIGCONT)
        time.sleep(2.5)
        run.signal(signal.SIGINT)
        check_whole(run)
    assert run.summary()["generator"]["controller_lateness_seconds"]["max"] > 2.5
    assert "the controller was late by up to" in run.said("out")


def test_a_controller_that_stood_still_for_too_long_has_no_load_left(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "2", "--workers", "1") as run:
        run.wait_until_played(2)
        workers = run.workers()
        run.signal(signal.SIGSTOP)
        assert gone(workers, 16)
        run.signal(signal.SIGCONT)
        assert run.ended() == 3, run.said()
        check_whole(run, "invalid")
    reasons = run.summary()["reasons"]
    assert any("the controller asked for nothing as long as the lease says" in reason for reason in reasons), reasons


def test_a_worker_that_dies_says_of_what(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "2", "--workers", "2") as run:
        run.wait_until_played(2)
        os.kill(run.workers()[1], signal.SIGABRT)
        run.wait_until_said("worker 1 died")
        run.signal(signal.SIGINT)
        assert run.ended() == 3, run.said()
        check_whole(run, "invalid")
    assert run.summary()["reasons"][0].startswith("workers died: 1; the viewers there are lost (")
    assert "worker 1 killed by SIGABRT" in run.summary()["reasons"][0]
    events = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    assert [event["text"] for event in events if event["kind"] == "worker_lost"] == ["worker 1 died: killed by SIGABRT"]
    assert "worker 1 died: killed by SIGABRT" in run.said()


def test_a_disk_that_is_full_is_told_and_costs_only_what_has_no_room(tmp_path: Path) -> None:
    """Here as a limit on the length of a file, which a shell can set."""
    limited = ("bash", "-c", 'ulimit -f 6; exec "$@"', "-")
    arguments = ("--clients", "1", "--duration", "6s", "--html", str(tmp_path / "report.html"))
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", *arguments, prefix=limited) as run:
        code = run.ended(60)
        assert code == 1 or not assert_sound(code, run.said())
    assert f"{run.folder}: can not be written: file too large; the run goes on" in run.said()
    assert "lines are lost" in run.said("out")
    assert "--html: it could not be written" in run.said()
    assert "Traceback" not in run.said() + run.said("out")
    assert not list(tmp_path.rglob(".*.new"))
    rows = (run.folder / "timeline.jsonl").read_bytes()
    assert rows.endswith(b"\n"), "only whole lines"
    assert all(json.loads(row) for row in rows.splitlines())


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    folder = ("--output", str(tmp_path / "shared"), "--clients", "1", "--duration", "4s")
    with (
        serving(LONG) as base,
        live_run(places[0], f"{base}/vod.m3u8", *folder) as one,
        live_run(places[1], f"{base}/vod.m3u8", *folder) as two,
    ):
        one.ended(), two.ended()
    (ran,) = (run for run in (one, two) if run.said("out"))  # a summary
    assert_sound(ran.ended(), ran.said())
    refused = one if ran is two else two
    assert refused.ended() in {1, 2}
    assert "another run writes into" in refused.said() or "is not empty" in refused.said()
    rows = (tmp_path / "shared/timeline.jsonl").read_text().splitlines()
    elapsed = [json.loads(row)["elapsed_seconds"] for row in rows]
    assert elapsed == sorted(set(elapsed))
    assert len(rows) < 8


def test_a_run_folder_that_is_removed_is_told_and_written_again(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "1", "--workers", "1") as run:
        run.wait_until_played()
        shutil.rmtree(run.folder)
        run.wait_until_said("was removed or replaced")
        run.signal(signal.SIGINT)
        check_whole(run)
    assert "was removed or replaced" in run.said()
    assert "was removed or replaced while the run went on" in run.said("out")
    command = [sys.executable, "-m", "hls_swarm", "report", str(run.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False, env=clean_environ())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(run.summary()["verdict"].upper())
