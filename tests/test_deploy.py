"""What is shipped beside the package: the image, the laboratory, the release."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.places import ROOT
from tests.support.programs import require

from hls_swarm.cli import main
from hls_swarm.cli.actions import Actions
from hls_swarm.logexporter.log_format import LOG_FORMAT

COMPOSE = ROOT / "deploy/compose"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def command_of(service: str) -> list[str]:
    """What the laboratory runs of ours, from its lines: there is no YAML library among the dependencies."""
    text = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")
    block = re.search(rf"^  {service}:\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    assert block is not None
    if flow := re.search(r"command: \[(.*)\]", block[1]):
        return [word.strip().strip('"') for word in flow[1].split(",")]
    listed = re.search(r"command:\n((?:      - .*\n)+)", block[1])
    assert listed is not None
    return [line.strip().removeprefix("- ") for line in listed[1].splitlines()]


@pytest.mark.parametrize(
    ("service", "started"), [("packager", "origin"), ("log-exporter", "log_exporter"), ("swarm", "run")]
)
def test_commands_of_the_laboratory_are_commands(service: str, started: str, tmp_path: Path) -> None:
    seen: list[tuple[str, Any]] = []

    def recorder(name: str) -> Any:
        def record(settings: Any, *_: Any) -> int:
            seen.append((name, settings))
            return 0

        return record

    actions = Actions(**{name: recorder(name) for name in ("run", "demo", "origin", "log_exporter")})
    argv = [word.replace("/data/runs", str(tmp_path)) for word in command_of(service)]
    assert main(argv, {}, actions) == 0
    ((name, _),) = seen
    assert name == started


def test_the_image_ends_gracefully_and_is_nobody_in_particular() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "STOPSIGNAL SIGINT" in last
    assert "USER 10001" in last
    assert 'ENTRYPOINT ["hls-swarm"]' in last
    assert not re.search(r"^(ADD|USER root)", last, re.MULTILINE)


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [shlex.split(line)[1:-1] for line in re.findall(r"^COPY (?!--from).*", DOCKERFILE, re.MULTILINE)]
    sources = {source for line in copied for source in line}
    assert sources == allowed
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_nginx_of_the_laboratory_writes_the_log_that_is_read() -> None:
    def words(text: str) -> str:
        return " ".join(text.split())

    assert words(LOG_FORMAT) in words((COMPOSE / "nginx.conf").read_text(encoding="utf-8"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(workflow: Path) -> None:
    uses = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))
    assert uses
    assert [each for each in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.system
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    text = (COMPOSE / "nginx.conf").read_text(encoding="utf-8")
    for there, here in (
        ("packager:17080", "127.0.0.1:17080"),
        ("/var/log/hls-swarm", str(tmp_path)),
        ("/tmp/cache", str(tmp_path / "cache")),  # noqa: S108 - nginx's, in its container
    ):
        assert there in text
        text = text.replace(there, here)
    (tmp_path / "nginx.conf").write_text(text)
    line = [require("nginx"), "-t", "-q", "-c", str(tmp_path / "nginx.conf"), "-g"]
    line.append(f"pid {tmp_path / 'pid'}; error_log {tmp_path / 'error.log'};")
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.system
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    for file in (COMPOSE / "prometheus.yml", ROOT / "deploy/prometheus/hls-swarm.rules.yml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    line = [require("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
