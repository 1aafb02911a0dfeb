import json
import logging
import sys

import pytest

from hls_swarm.foreign import masked
from hls_swarm.results.logs import EVENTS, logging_to, logging_to_stderr, secrets_of
from hls_swarm.settings.run import Settings
from hls_swarm.settings.sections.watching import LogLevel

URL = "http://user:hunter2@origin.test/live.m3u8"
log = logging.getLogger("hls_swarm.test")


def test_text_lines_begin_as_every_line_of_the_program_does(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(Settings(url=URL), sys.stderr.write):
        log.info("not shown")
        log.warning("the disk is %s", "full")
    log.warning("not shown any more")
    assert capsys.readouterr().err == "hls-swarm: warning: the disk is full\n"


def test_json_lines_are_objects_and_levels_count(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(Settings(url=URL, log_format="json", log_level="debug"), sys.stderr.write):
        log.debug("small")
        try:
            raise ValueError("hunter2")
        except ValueError:
            log.exception("large")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["text"]) == ("debug", "hls_swarm.test", "small")
    assert first["time"].endswith("+00:00")
    assert second["exception"].endswith("ValueError: ***")


def test_the_folder_has_all_from_info_on_whatever_stderr_shows(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[bytes] = []
    settings = Settings(url=URL, log_level="error")
    with logging_to_stderr(settings, sys.stderr.write), logging_to(lines.append, settings):
        log.debug("no")
        log.info("asked for %s", URL)
    assert capsys.readouterr().err == ""
    assert [json.loads(line)["text"] for line in lines] == ["asked for http://***@origin.test/live.m3u8"]


@pytest.mark.parametrize(("level", "shown"), [("warning", 0), ("info", 1)])
def test_what_every_view_shows_is_not_said_again(
    level: LogLevel, shown: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to_stderr(Settings(url=URL, log_level=level), sys.stderr.write):
        logging.getLogger(EVENTS).warning("crossed")
    assert capsys.readouterr().err.count("crossed") == shown


def test_secrets_are_masked_the_longest_first() -> None:
    settings = Settings(url=URL, header=("Authorization: Bearer abcdef",), origin_metrics="http://a:pa55@h/metrics")
    secrets = secrets_of(settings)
    assert secrets == ("Bearer abcdef", "user:hunter2", "hunter2", "a:pa55", "pa55")
    assert masked("Bearer abcdef pa55 user:hunter2", secrets) == "*** *** ***"
