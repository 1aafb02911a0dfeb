"""Damaged run folders: what can be read is reported, what can not is told, and no run hides another."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.made.folder_fuzz import made, said, trouble

from hls_swarm.errors import RunError
from hls_swarm.judge.report import Status
from hls_swarm.results.reader import find_run, list_runs, read_run

SEEDS = range(80)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good") / "run"
    made(folder, "10.0.0.5")
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "runs" / "run"))


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.slow
def test_no_damage_of_the_first_seeds_is_the_end_of_a_report(good: Path, tmp_path: Path) -> None:
    """The long form is bench/fuzz/run_folder.py."""
    found = [told for seed in SEEDS if (told := trouble(good, tmp_path, seed, every=seed % 20 == 0)) is not None]
    assert found == []


def test_a_folder_as_it_was_written_has_no_damage(good: Path) -> None:
    assert read_run(good).damage == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [("events.jsonl", "events.jsonl is damaged: a line is passed over"),
     ("timeline.jsonl", "timeline.jsonl is damaged: a line is passed over")],
)  # fmt: skip
def test_one_byte_that_is_no_utf8_costs_its_line(folder: Path, name: str, words: str) -> None:
    before = read_run(folder)
    rewritten(folder / name, lambda content: content[:30] + b"\x89" + content[31:])
    after = read_run(folder)
    assert after.damage == (words,)
    assert len(after.rows) + len(after.events) == len(before.rows) + len(before.events) - 1
    assert after.summary == before.summary
    code, out, err = said(["report", str(folder)])
    assert code == 0
    assert f"damaged: {words}".encode() in out
    assert err == f"hls-swarm: warning: {folder}: {words}\n"


def test_a_last_line_that_is_cut_is_no_damage(folder: Path) -> None:
    before = read_run(folder)
    rewritten(folder / "timeline.jsonl", lambda content: content[:-20])
    after = read_run(folder)
    assert (after.damage, len(after.rows)) == ((), len(before.rows) - 1)


def test_a_line_that_is_too_long_is_passed_over(folder: Path) -> None:
    before = read_run(folder)
    huge = b'{"elapsed_seconds":1.0,"x":"' + b"a" * (5 << 20) + b'"}\n'
    rewritten(folder / "timeline.jsonl", lambda content: huge + content + huge)
    after = read_run(folder)
    assert after.damage == ("timeline.jsonl has 2 lines of over 1 MiB, which are passed over",)
    assert after.rows == before.rows


def test_lines_in_another_order_are_put_right(folder: Path) -> None:
    before = read_run(folder)
    rewritten(folder / "timeline.jsonl", lambda content: b"\n".join(content.split(b"\n")[:-1][::-1]) + b"\n")
    assert read_run(folder).rows == before.rows


def test_one_bad_part_of_the_summary_costs_only_itself(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_bytes())
    before = read_run(folder)
    state["summary"]["latency_seconds"]["segment"]["ttfb"]["p95"] = "fast"
    state["summary"]["errors"][0]["count"] = float("1e300")
    state["judged"]["histograms"]["segment_download_seconds"]["count"] += 1
    (folder / "state.json").write_text(json.dumps(state))
    after = read_run(folder)
    assert after.damage == (
        "state.json is damaged: latency_seconds.segment.ttfb, errors[0]",
        "state.json is damaged: histogram segment_download_seconds",
    )
    assert (
        after.summary["latency_seconds"]["segment"]["download"]
        == before.summary["latency_seconds"]["segment"]["download"]
    )
    assert after.summary["viewers"] == before.summary["viewers"]
    assert before.histograms.keys() - after.histograms.keys() == {"segment_download_seconds"}


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"{", b"[]", b'{"schema":"hls-swarm/state/9"}', b"\xff"])
def test_the_summary_stands_in_for_a_state_that_can_not_be_read(folder: Path, content: bytes) -> None:
    before = read_run(folder)
    (folder / "state.json").write_bytes(content)
    after = read_run(folder)
    assert (after.status, after.summary) == (Status.FINISHED, before.summary)
    assert len(after.damage) >= 1
    assert after.damage[0].startswith("state.json is")


def test_the_timeline_stands_in_where_there_is_no_summary_at_all(folder: Path) -> None:
    for name in ("state.json", "summary.json"):
        (folder / name).write_bytes(b"{")
    rewritten(folder / "run.json", lambda content: re.sub(rb'"boot_id": "[^"]*"', b'"boot_id": "another"', content))
    report = read_run(folder)
    assert (report.status, report.summary["verdict"]) == (Status.BROKEN_OFF, "error")
    assert report.summary["elapsed_seconds"] == report.rows[-1]["elapsed_seconds"]
    assert len(report.damage) == 2
    (folder / "timeline.jsonl").unlink()
    with pytest.raises(RunError, match=r"there is nothing to report: state\.json is damaged"):
        read_run(folder)


def test_of_another_version_is_said_so(folder: Path) -> None:
    facts = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(json.dumps({**facts, "schema": "hls-swarm/run/9"}))
    with pytest.raises(RunError, match=r"run\.json is 'hls-swarm/run/9', this version reads hls-swarm/run/1"):
        read_run(folder)


def test_one_bad_folder_hides_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = folder.parent
    for name, content in (
        ("bytes", b'{"url":"\x91"}'), ("empty", b""), ("version", b'{"schema":"hls-swarm/run/9"}'), ("types", b"[1]"),
    ):  # fmt: skip
        bad = Path(shutil.copytree(folder, parent / f"z-{name}"))
        (bad / "run.json").write_bytes(content)
    entries = {entry.folder.name: entry for entry in list_runs(parent)}
    assert entries.keys() == {"run", "z-bytes", "z-empty", "z-version", "z-types"}
    assert not entries["run"].damage
    assert entries["z-bytes"].reason.endswith("run.json is damaged: byte 8 is not UTF-8")
    assert entries["z-version"].verdict == "error"
    assert "this version reads" in entries["z-version"].reason
    monkeypatch.chdir(parent.parent)
    assert find_run("").name == "run"
    code, out, _ = said(["runs"])
    assert code == 0
    assert all(name.encode() in out for name in entries)
    listed = json.loads(said(["runs", "--json"])[1])
    assert {Path(each["folder"]).name: "damage" in each for each in listed} == {name: name != "run" for name in entries}


def test_names_that_are_none(tmp_path: Path) -> None:
    for text in ("a" * 5000, "x/" * 2000, str(tmp_path)):
        code, _, err = said(["report", text])
        assert code == 1
        assert len(err.splitlines()) == 1
        assert err.startswith("hls-swarm: ")
