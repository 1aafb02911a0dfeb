"""A real Prometheus scrapes a real run, and answers every query of the dashboard and of the alert rules."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support import places
from tests.support.programs import free_port, require, running, wait_for

from hls_swarm.views.prometheus.alerts import ALERTS
from hls_swarm.views.prometheus.panels import Row, rows

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

RULES = places.ROOT / "deploy/prometheus/hls-swarm.rules.yml"
VARIABLES = {"$__rate_interval": "10s", "$instance": ".*", "$target": ".*"}
OFFERED = ("origin_cpu_percent", "origin_memory_used_percent", "origin_network_out_bytes", "origin_nginx_connections")
"""Some of what the embedded origin's pages have."""


def answer(server: int, path: str, **parameters: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{server}/api/v1/{path}?{urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            said: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{parameters}: {error.read().decode()}")
    data: dict[str, Any] = said["data"]
    return data


def filled(expression: str, job: str) -> str:
    for name, value in {**VARIABLES, "$job": job}.items():
        expression = expression.replace(name, value)
    return expression


def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(
        [require("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def prometheus(folder: Path, server: int, scraped: int, *more: str) -> list[str]:
    """A server's command line, with its configuration written."""
    folder.mkdir()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: ['{RULES}']\n"
        f"scrape_configs: [{{job_name: swarm, static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]}}]\n"
    )
    return [
        require("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{server}", "--log.level=warn", *more,
    ]  # fmt: skip


def unanswered(server: int, rows: Sequence[Row], until: float, job: str = "swarm") -> list[tuple[str, str]]:
    """Title and query of what has no series of those that every run has."""
    out = []
    for panel in (panel for row in rows for panel in row.panels):
        for query in panel.queries:
            expression = filled(query.expression, job)
            found = answer(
                server, "query_range", query=expression, step="1", start=str(until - 30), end=str(until)
            )["result"]  # fmt: skip
            expected = panel.always or any(name in query.expression for name in OFFERED)
            if expected and not found:
                out.append((panel.title, expression))
    return out


def test_every_query_is_answered_with_a_run(tmp_path: Path) -> None:
    metrics, server, native = free_port(), free_port(), free_port()
    run = [
        sys.executable, "-m", "hls_swarm", "demo", "--clients", "8", "--ramp-rate", "4", "--duration", "18s",
        "--metrics", f"127.0.0.1:{metrics}", "--tui=false", "--no-output",
        "--remote-write", f"http://127.0.0.1:{native}/api/v1/write",
    ]  # fmt: skip
    feature = ("--enable-feature=native-histograms", "--web.enable-remote-write-receiver")
    with (
        running(prometheus(tmp_path / "classic", server, metrics), tmp_path / "classic.out"),
        running(prometheus(tmp_path / "native", native, metrics, *feature), tmp_path / "native.out"),
    ):
        wait_for(f"http://127.0.0.1:{server}/-/ready")
        wait_for(f"http://127.0.0.1:{native}/-/ready")
        with running(run, tmp_path / "run.out") as process:
            process.wait(90)
        until = time.time()
        assert unanswered(server, rows(), until) == []
        assert unanswered(native, rows(native=True), until) == []
        # Written every 5 s: a rate needs two of them.
        assert unanswered(native, rows(native=True), until, "hls-swarm") == []
        groups = answer(server, "rules")["groups"]
        # What was written at the end is what both kinds of histogram say, to a bucket's width.
        exact = quantile_of(
            native, "histogram_quantile(0.95, hls_swarm_ttfb_seconds{job='hls-swarm', object='segment'})"
        )
        classic = quantile_of(
            native, "histogram_quantile(0.95, hls_swarm_ttfb_seconds_bucket{job='hls-swarm', object='segment'})"
        )
        assert 0 < exact < 1.5 * classic < 3 * exact
    told = [rule for group in groups for rule in group["rules"]]
    assert [rule["name"] for rule in told] == [alert.name for alert in ALERTS]
    assert [(rule["name"], rule.get("lastError")) for rule in told if rule["health"] != "ok"] == []


def quantile_of(server: int, expression: str) -> float:
    (found,) = answer(server, "query", query=expression)["result"]
    return float(found["value"][1])
