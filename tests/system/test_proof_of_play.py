"""Nothing is green that did not play: whole runs against origins that answer, and give nothing to watch."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.environment import clean_environ
from tests.support.origins import PLAYLIST_TYPE, Answer, serving, vod
from tests.support.runs import gone, live_run
from tests.support.soundness import skip_if_others_voided_it

pytestmark = pytest.mark.program

MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\nvod.m3u8\n"
PAGE = (200, "text/html", b"<!DOCTYPE html><html><body>This channel has moved</body></html>")
HELD = ["--threshold", "errors:rate < 100% over run", "--threshold", "stalls:count < 1 over run"]
"""What holds over nothing."""


def command(*arguments: str) -> list[str]:
    flags = ["--clients", "3", "--ramp-rate", "20", "--no-output", "--metrics", "off", "--json", "-"]
    return [sys.executable, "-m", "hls_swarm", *flags, *arguments]


def run(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, summary, and what is said on standard error."""
    done = subprocess.run(
        command("--workers", "1", *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environ(),
    )
    return done.returncode, json.loads(done.stdout), done.stderr


@contextmanager
def deaf() -> Iterator[str]:
    """An origin that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def segments(answer: Answer) -> Mapping[str, Answer]:
    """A stream all of whose segments are answered like this."""
    answers = {"/master.m3u8": (200, PLAYLIST_TYPE, MASTER), **vod(segments=4)}
    return {path: answer if path.endswith(".ts") else usual for path, usual in answers.items()}


@pytest.mark.parametrize(
    ("answers", "kinds", "words"),
    [
        pytest.param(
            segments((200, "video/mp2t", b"")),
            {"empty_media", "nothing_to_play"},
            "an empty body, where media was expected, media playlist {base}/vod.m3u8, variant 1 of master.m3u8",
            id="empty segments",
        ),
        pytest.param(
            segments(PAGE),
            {"not_media", "nothing_to_play"},
            "an HTML page, where media was expected, media playlist {base}/vod.m3u8, variant 1 of master.m3u8",
            id="pages in the place of segments",
        ),
        pytest.param(
            segments((200, "video/mp2t", (b"\x47" + b"\x00" * 187) * 2)),
            {"short_media", "nothing_to_play"},
            "a segment of 2 s with 376 bytes, where 3000000 bit/s are declared, media playlist",
            id="headers and nothing else",
        ),
        pytest.param(
            {"/master.m3u8": (200, PLAYLIST_TYPE, MASTER)},
            {"http_status"},
            "status 404, media playlist {base}/vod.m3u8, variant 1 of master.m3u8",
            id="a variant that is not there",
        ),
    ],
)
def test_what_answers_with_nothing_to_watch_is_an_error_whatever_holds(
    answers: Mapping[str, Answer], kinds: set[str], words: str
) -> None:
    with serving(answers) as base:
        code, summary, stderr = run("--duration", "6s", *HELD, f"{base}/master.m3u8")
    assert (code, summary["verdict"]) == (1, "error"), stderr
    assert words.format(base=base) in stderr
    assert {error["kind"] for error in summary["errors"]} == kinds
    assert {error["blame"] for error in summary["errors"]} == {"origin"}
    assert (summary["viewers"]["played"], summary["viewers"]["unplayed"]) == (0, 3)
    assert "playing_seconds" not in summary["experience"] or summary["experience"]["playing_seconds"] == 0.0


def test_an_origin_that_says_nothing_is_an_error_in_a_run_shorter_than_any_limit() -> None:
    with deaf() as base:
        code, summary, stderr = run("--duration", "3s", *HELD, f"{base}/master.m3u8")
    skip_if_others_voided_it(code, stderr)  # who is late itself can not tell an origin that is
    assert (code, summary["verdict"]) == (1, "error"), stderr
    assert f"too short for a start: playlist {base}/master.m3u8 had no answer after " in stderr


def test_a_check_says_one_thing() -> None:
    with serving(segments(PAGE)) as base:
        done = subprocess.run(
            [sys.executable, "-m", "hls_swarm", "--check", f"{base}/master.m3u8"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=clean_environ(),
        )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("ERROR"), done.stdout
    assert "PASS" not in done.stdout
    assert f"FAIL  stream {base}/master.m3u8: the only viewer failed: " in done.stdout


def test_a_worker_that_stands_still_to_the_end_makes_the_run_invalid(tmp_path: Path) -> None:
    with (
        serving(vod(segments=60)) as base,
        live_run(tmp_path, f"{base}/vod.m3u8", "--clients", "4", "--workers", "2", "--duration", "60s", *HELD) as going,
    ):
        going.wait_until_played(4)
        stopped = going.workers()[0]
        os.kill(stopped, signal.SIGSTOP)
        going.signal(signal.SIGINT)
        assert going.ended() == 3, going.said()
        summary = going.summary()
        assert gone([stopped], 2.0)
    assert summary["verdict"] == "invalid"
    assert any("workers that did not report to the end: 1" in reason for reason in summary["reasons"])
    assert summary["viewers"]["lost"] == 2
