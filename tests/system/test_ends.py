"""Every way to end a run: it ends in order, with its files and its verdict, or goes on and says so. See
docs/reliability.md."""

import json
import os
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

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]

LONG = vod(segments=60)


def check_whole(run: LiveRun, verdict: str = "pass") -> None:
    """The files of a run that ended in order."""
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
        assert run.ended() == 0, run.said()
        assert time.monotonic() - begun < 20  # 2 on a machine that has nothing else to do
        assert gone(started, 0.1)
        check_whole(run)
    assert "PASS" in run.said("out")


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "2", "--workers", "1") as run:
        run.wait_until_played()
        started = run.processes()
        os.kill(run.workers()[0], signal.SIGSTOP)  # which the controller now waits for
        run.signal_group(signal.SIGINT)
        time.sleep(0.3)
        begun = time.monotonic()
        run.signal_group(signal.SIGINT)
        assert run.ended() == 1, run.said()
        assert time.monotonic() - begun < 10.0  # at once; but others may keep this machine busy
        assert gone(started, 10.0)
    assert "Traceback" not in run.said()
    assert json.loads((run.folder / "state.json").read_bytes())["finished"] is False


def test_timeout_ends_the_run_with_its_summary(tmp_path: Path) -> None:
    """timeout(1) signals its child, and then the group that both are in."""
    with serving(LONG) as base:
        command = [
            "timeout", "8", sys.executable, "-m", "hls_swarm", "--clients", "2", "--ramp-rate", "50", "--workers", "2",
            "--json", str(tmp_path / "summary.json"), f"{base}/vod.m3u8",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False, env=clean_environ())
    assert done.returncode == 124, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert summary["verdict"] == ("pass" if summary["viewers"]["played"] else "error"), summary


def test_a_hang_up_that_nohup_ignores(tmp_path: Path) -> None:
    with serving(LONG) as base:
        command = [
            "bash", "-c", 'trap "" HUP; exec "$@"', "-", sys.executable, "-m", "hls_swarm", "--clients", "1",
            "--duration", "4s", "--no-output=false", "--output", str(tmp_path / "run"), f"{base}/vod.m3u8",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean_environ()) as run:
            timeline = tmp_path / "run/timeline.jsonl"
            deadline = time.monotonic() + 30
            while not timeline.exists() or not timeline.read_bytes():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            run.send_signal(signal.SIGHUP)
            assert run.wait(30) == 0
    assert json.loads((tmp_path / "run/summary.json").read_bytes())["elapsed_seconds"] >= 4


def test_a_reader_that_goes_away_and_a_disk_that_is_full_cost_only_what_they_show(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with serving(LONG) as base, open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        for name, stdout in (("gone", write_end), ("full", full)):
            place = tmp_path / name
            place.mkdir()
            with live_run(place, f"{base}/vod.m3u8", "--clients", "1", "--duration", "3s", stdout=stdout) as run:
                assert run.ended() == 1, run.said()
                check_whole(run)
            told = "hls-swarm: standard output can not be written: no space left on device" in run.said()
            assert told == (name == "full")
    os.close(write_end)


def test_a_run_without_standard_streams(tmp_path: Path) -> None:
    with serving(LONG) as base:
        command = (
            f"{sys.executable} -m hls_swarm --clients 1 --duration 2s --json {tmp_path}/s.json {base}/vod.m3u8 "
            "<&- >&- 2>&-"
        )
        done = subprocess.run(["bash", "-c", command], timeout=40, check=False, env=clean_environ())
    assert done.returncode == 1  # its summary could not be shown
    assert json.loads((tmp_path / "s.json").read_bytes())["verdict"] == "pass"


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
        assert run.ended() == 0, run.said()
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
    (reason,) = run.summary()["reasons"]
    assert "the controller asked for nothing as long as the lease says" in reason


def test_a_worker_that_dies_says_of_what(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "2", "--workers", "2") as run:
        run.wait_until_played(2)
        os.kill(run.workers()[1], signal.SIGABRT)
        time.sleep(2)
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
        assert run.ended(60) == 1, run.said()
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
        codes = sorted([one.ended(), two.ended()])
    assert codes[0] == 0
    assert codes[1] in {1, 2}
    refused = one if one.process.returncode else two
    assert "another run writes into" in refused.said() or "is not empty" in refused.said()
    rows = (tmp_path / "shared/timeline.jsonl").read_text().splitlines()
    elapsed = [json.loads(row)["elapsed_seconds"] for row in rows]
    assert elapsed == sorted(set(elapsed))
    assert len(rows) < 8


def test_a_run_folder_that_is_removed_is_told_and_written_again(tmp_path: Path) -> None:
    with serving(LONG) as base, live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "1", "--workers", "1") as run:
        run.wait_until_played()
        shutil.rmtree(run.folder)
        time.sleep(3)
        run.signal(signal.SIGINT)
        assert run.ended() == 0, run.said()
        check_whole(run)
    assert "was removed or replaced" in run.said()
    assert "was removed or replaced while the run went on" in run.said("out")
    command = [sys.executable, "-m", "hls_swarm", "report", str(run.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False, env=clean_environ())
    assert (done.returncode, done.stdout[:4]) == (0, "PASS"), done.stderr
