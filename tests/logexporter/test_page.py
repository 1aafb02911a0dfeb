"""The log exporter's page by Prometheus' own rules."""

import re
import subprocess

import pytest
from tests.support.programs import require

from hls_swarm.logexporter.counts import LogCounts
from hls_swarm.logexporter.log_format import LogLine
from hls_swarm.logexporter.page import metrics_page
from hls_swarm.logexporter.stub_status import StubStatus


def page() -> str:
    counts = LogCounts()
    counts.add(LogLine("200", 1200, 0.002, 0.001, "HIT"))
    return metrics_page(
        counts,
        unread_bytes=0,
        rotations=0,
        readable=True,
        received=9,
        dropped=0,
        buffer_bytes=212992,
        cpu_seconds=1.0,
        stub_status=StubStatus(3, 100, 98, 400, 0, 1, 2),
        asks_stub_status=True,
    ).decode()


def test_what_is_called_a_counter_has_a_counter_s_name() -> None:
    counters = re.findall(r"^# TYPE (\S+) counter$", page(), re.MULTILINE)
    assert "nginx_http_response_count_total" in counters
    assert [name for name in counters if not name.endswith("_total")] == []


def test_the_names_of_other_exporters_stay() -> None:
    lines = page().splitlines()
    for line in (
        "nginx_connections_accepted 100",
        "nginx_connections_handled 98",
        "nginx_http_response_size_bytes 1200",
    ):
        assert line in lines
        assert f"# TYPE {line.split()[0]} untyped" in lines


@pytest.mark.system
def test_promtool_finds_nothing() -> None:
    promtool = require("promtool")
    done = subprocess.run([promtool, "check", "metrics"], input=page(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
