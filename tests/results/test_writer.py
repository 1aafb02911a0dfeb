import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hls_swarm.results.files import Claim, LineFile, replace_whole
from hls_swarm.results.writer import MOST_WAITING, FolderWriter


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def test_lines_and_wholes_are_on_disk_after_close(tmp_path: Path) -> None:
    writer = FolderWriter(tmp_path, ("rows", "events"))
    for number in range(3):
        writer.append("rows", f"row {number}".encode())
    writer.append("events", b"event")
    writer.replace("state", lambda: b"old")
    writer.replace("state", lambda: b"new")
    writer.close()
    assert (tmp_path / "rows").read_text() == "row 0\nrow 1\nrow 2\n"
    assert (tmp_path / "events").read_text() == "event\n"
    assert (tmp_path / "state").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events", "rows", "state"]
    assert writer.trouble is None


def test_lines_are_on_disk_before_close(tmp_path: Path) -> None:
    writer = FolderWriter(tmp_path, ("rows",))
    writer.append("rows", b"row")
    eventually(lambda: (tmp_path / "rows").read_text() == "row\n")
    writer.close()


def test_a_full_disk_is_told_at_once_and_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "rows").symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING, "hls_swarm"):
        writer = FolderWriter(tmp_path, ("rows", "events"), again_seconds=0.01)
        writer.append("rows", b"row")
        eventually(lambda: writer.trouble is not None)
        writer.append("rows", b"row")
        writer.close()
    assert writer.trouble == f"{tmp_path}: can not be written: no space left on device; 2 lines are lost"
    assert [record.message for record in caplog.records] == [
        f"{tmp_path}: can not be written: no space left on device; the run goes on, and writing is tried again"
    ]


def test_content_that_can_not_be_made_is_told_and_costs_no_other_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> bytes:
        raise TypeError("a set is no JSON")

    with caplog.at_level(logging.WARNING, "hls_swarm"):
        writer = FolderWriter(tmp_path, ("rows",))
        writer.replace("summary", broken)
        eventually(lambda: writer.trouble is not None)
        writer.replace("summary", broken)
        writer.replace("state", lambda: b"state")
        writer.append("rows", b"row")
        writer.close()
    assert ((tmp_path / "state").read_text(), (tmp_path / "rows").read_text()) == ("state", "row\n")
    assert writer.trouble is not None
    assert writer.trouble.startswith(f"{tmp_path}: summary could not be made: TypeError (")
    (told,) = caplog.records
    assert (told.message, str(told.exc_info and told.exc_info[1])) == (
        "summary can not be made",
        "a set is no JSON",
    )


def test_a_disk_that_recovers_gets_what_waited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    obstacle = tmp_path / "state"
    obstacle.mkdir()
    with caplog.at_level(logging.WARNING, "hls_swarm"):
        writer = FolderWriter(tmp_path, ("rows",), again_seconds=0.01)
        writer.replace("state", lambda: b"state")
        eventually(lambda: writer.trouble is not None)
        writer.append("rows", b"row")
        obstacle.rmdir()
        eventually(lambda: writer.trouble is None)
        writer.close()
    assert (tmp_path / "state").read_bytes() == b"state"
    assert (tmp_path / "rows").read_bytes() == b"row\n"
    assert caplog.records[-1].message == f"{tmp_path}: is written again"


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "rows").symlink_to("/dev/full")
    writer = FolderWriter(tmp_path, ("rows",), again_seconds=60)
    writer.append("rows", b"row")
    eventually(lambda: writer.trouble is not None)
    for _ in range(MOST_WAITING + 10):
        writer.append("rows", b"row")
    writer.close()
    assert writer.trouble is not None
    assert writer.trouble.endswith(f"; {MOST_WAITING + 11} lines are lost")


def test_a_write_that_fails_half_way_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    file = LineFile(path)
    file.append(b"whole\n")
    file.close()
    again = LineFile(path)
    again.append(b"next\n")
    again.close()
    assert path.read_bytes() == b"whole\nnext\n"


def test_a_whole_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state"
    replace_whole(path, b"old")
    path.with_name(".state.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first = FolderWriter(tmp_path, ("rows",), claim_name="run.json")
    with pytest.raises(FileExistsError):
        FolderWriter(tmp_path, ("rows",), claim_name="run.json")
    first.replace("run.json", lambda: b"first")
    first.append("rows", b"row")
    first.close()
    with pytest.raises(FileExistsError):
        FolderWriter(tmp_path, ("rows",), claim_name="run.json")
    assert (tmp_path / "run.json").read_bytes() == b"first"
    assert (tmp_path / "rows").read_bytes() == b"row\n"


def test_a_folder_that_was_removed_is_written_again_and_what_it_had_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = FolderWriter(folder, ("rows", "events"), claim_name="run.json")
    writer.replace("run.json", lambda: b"facts")
    writer.append("events", b"event")
    for number in range(3):
        writer.append("rows", f"{number}".encode())
    eventually(lambda: (folder / "rows").read_text() == "0\n1\n2\n" and bool((folder / "events").read_text()))
    eventually(lambda: (folder / "run.json").read_bytes() == b"facts")
    shutil.rmtree(folder)
    writer.append("rows", b"3")
    eventually(lambda: (folder / "rows").exists() and (folder / "rows").read_bytes() == b"3\n")
    writer.close()
    assert (folder / "run.json").read_bytes() == b"facts"
    assert (folder / "events").read_bytes() == b""
    assert writer.trouble == (
        f"{folder}: was removed or replaced while the run went on, and written again; 4 lines are lost"
    )
    assert f"{folder}: was removed or replaced: 4 lines are lost" in caplog.text


def test_a_removed_file_that_can_not_be_made_at_first_is_written_once_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = FolderWriter(folder, ("events", "rows"), again_seconds=0.01)
    writer.append("events", b"event")
    writer.append("rows", b"1")
    eventually(lambda: bool((folder / "events").read_bytes()) and bool((folder / "rows").read_bytes()))
    shutil.rmtree(folder)
    obstacle = folder / "rows"
    obstacle.mkdir(parents=True)
    writer.append("rows", b"2")
    eventually(lambda: writer.trouble is not None and "can not be written" in writer.trouble)
    told = writer.trouble
    obstacle.rmdir()
    eventually(lambda: obstacle.is_file() and obstacle.read_bytes() == b"2\n")
    writer.close()
    assert told is not None
    assert told.startswith(f"{folder}: can not be written: is a directory")
    assert writer.trouble == (
        f"{folder}: was removed or replaced while the run went on, and written again; 2 lines are lost"
    )


def test_a_folder_that_another_run_has_made_its_own_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = FolderWriter(folder, ("rows",), again_seconds=0.01, claim_name="run.json")
    writer.append("rows", b"ours")
    eventually(lambda: (folder / "rows").read_bytes() == b"ours\n")
    shutil.rmtree(folder)
    folder.mkdir()
    other = FolderWriter(folder, ("rows",), claim_name="run.json")
    other.append("rows", b"theirs")
    writer.append("rows", b"ours")
    eventually(lambda: writer.trouble is not None)
    writer.close()
    other.close()
    assert (folder / "rows").read_bytes() == b"theirs\n"
    assert writer.trouble == f"{folder}: can not be written: another run writes there now; 1 lines are lost"
    assert other.trouble is None


def test_a_claim_is_told_from_a_later_file_of_the_same_name(tmp_path: Path) -> None:
    """Whose number in the file system is that of the first one, as soon as nobody holds that."""
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        first = Claim(folder / "run.json")
        shutil.rmtree(folder)
        folder.mkdir()
        second = Claim(folder / "run.json")
        with pytest.raises(FileExistsError, match="another run writes there now"):
            first.renew()
        second.replace(b"{}")
        second.renew()
        (folder / "run.json").unlink()
        first.renew()
        for claim in (first, second):
            claim.close()


def test_a_run_that_never_began_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = FolderWriter(folder, ("rows",), claim_name="run.json")
    writer.replace("run.json", lambda: b"facts")
    writer.append("rows", b"row")
    writer.discard()
    assert not folder.exists()
    folder.mkdir()
    (folder / "somebody's").write_text("")
    FolderWriter(folder, ("rows",), claim_name="run.json").discard()
    assert [path.name for path in folder.iterdir()] == ["somebody's"]
