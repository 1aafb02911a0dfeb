"""The access log, line by line."""

from http import HTTPStatus
from pathlib import Path

import pytest

from hls_swarm.testorigin.serving.answers import Request
from hls_swarm.testorigin.settings import LogTo
from hls_swarm.testorigin.telling.access_log import AccessLog, quoted

AT = 1_769_868_309.7


def test_a_line_is_combined_format_and_request_time(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log", wall=lambda: AT)
    headers = {b"user-agent": "swarm/1", b"referer": "http://page/"}
    log.add("127.0.0.1", Request(0.0, "GET", "/seg-1.ts", "1.1", headers), HTTPStatus.OK, 750_120, 0.0042)
    log.add("::1", Request(0.0, "HEAD", "/", "1.0"), HTTPStatus.NOT_FOUND, 0, 61.0)
    log.add("::1", Request(0.0), HTTPStatus.BAD_REQUEST, 16, 0.0)
    assert (tmp_path / "access.log").read_text() == ""
    log.close()
    assert (tmp_path / "access.log").read_text().splitlines() == [
        '127.0.0.1 - - [31/Jan/2026:14:05:09 +0000] "GET /seg-1.ts HTTP/1.1" 200 750120 "http://page/" "swarm/1" 0.004',
        '::1 - - [31/Jan/2026:14:05:09 +0000] "HEAD / HTTP/1.0" 404 0 "-" "-" 61.000',
        '::1 - - [31/Jan/2026:14:05:09 +0000] "" 400 16 "-" "-" 0.000',
    ]


def test_it_appends(tmp_path: Path) -> None:
    place = tmp_path / "access.log"
    place.write_text("before\n")
    log = AccessLog(place, wall=lambda: AT)
    log.add("::1", Request(0.0), HTTPStatus.BAD_REQUEST, 16, 0.0)
    log.flush()
    assert place.read_text().startswith("before\n::1 ")
    log.close()


def test_many_lines_do_not_wait_for_a_flush(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log", wall=lambda: AT)
    for _ in range(1200):
        log.add("::1", Request(0.0), HTTPStatus.BAD_REQUEST, 16, 0.0)
    assert len((tmp_path / "access.log").read_text().splitlines()) == 1000
    log.close()
    assert len((tmp_path / "access.log").read_text().splitlines()) == 1200


def test_nowhere_keeps_nothing() -> None:
    log = AccessLog(LogTo.NOWHERE, wall=lambda: AT)
    log.add("::1", Request(0.0), HTTPStatus.BAD_REQUEST, 16, 0.0)
    log.close()


def test_lines_that_can_not_be_written_are_counted_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Path("/dev/full"), wall=lambda: AT)
    for _ in range(2):
        log.add("::1", Request(0.0), HTTPStatus.BAD_REQUEST, 16, 0.0)
        log.flush()
    log.close()
    assert log.lost_lines == 2
    assert capsys.readouterr().err == "hls-swarm origin: access log: No space left on device; lines are lost\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("/a?b=c", "/a?b=c", id="plain"),
        pytest.param('a"b\\c', "a\\x22b\\x5Cc", id="quote and backslash"),
        pytest.param("a\nb\x7f", "a\\x0Ab\\x7F", id="control characters"),
        pytest.param("\xe9", "\\xE9", id="not ASCII"),
    ],
)
def test_a_clients_text_can_not_break_a_line(text: str, written: str) -> None:
    assert quoted(text) == written
