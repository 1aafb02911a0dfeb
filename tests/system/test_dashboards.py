"""A real Prometheus scrapes a real run, and answers every query of the dashboard and of the alert rules."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support import places
from tests.support.programs import free_port, require, running, wait_for

from hls_swarm.views.prometheus.alerts import ALERTS
from hls_swarm.views.prometheus.panels import ROWS

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

RULES = places.ROOT / "deploy/prometheus/hls-swarm.rules.yml"
VARIABLES = {"$__rate_interval": "10s", "$job": "swarm", "$instance": ".*", "$target": ".*"}
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


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(
        [require("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_every_query_is_answered_with_a_run(tmp_path: Path) -> None:
    metrics, server = free_port(), free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: ['{RULES}']\n"
        f"scrape_configs: [{{job_name: swarm, static_configs: [{{targets: ['127.0.0.1:{metrics}']}}]}}]\n"
    )
    prometheus = [
        require("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{server}", "--log.level=warn",
    ]  # fmt: skip
    run = [
        sys.executable, "-m", "hls_swarm", "demo", "--clients", "8", "--ramp-rate", "4", "--duration", "18s",
        "--metrics", f"127.0.0.1:{metrics}", "--tui=false", "--no-output",
    ]  # fmt: skip
    with running(prometheus, tmp_path / "prometheus.out"):
        wait_for(f"http://127.0.0.1:{server}/-/ready", 30)
        with running(run, tmp_path / "run.out") as process:
            process.wait(90)
        until = str(time.time())
        empty = []
        for row in ROWS:
            for panel in row.panels:
                for query in panel.queries:
                    found = answer(
                        server, "query_range", query=filled(query.expression), step="1",
                        start=str(float(until) - 30), end=until,
                    )["result"]  # fmt: skip
                    expected = panel.always or any(name in query.expression for name in OFFERED)
                    if expected and not found:
                        empty.append((panel.title, query.expression))
        assert empty == []
        groups = answer(server, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [rule["name"] for rule in rules] == [alert.name for alert in ALERTS]
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
