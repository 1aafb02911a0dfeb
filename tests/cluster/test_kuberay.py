"""The manifests for KubeRay: fields that there are, files that kustomize finds, a run that the command line takes."""

import json
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from tests.support.places import ROOT
from tests.support.programs import skip_part

from hls_swarm.cli import main
from hls_swarm.cli.actions import Actions
from hls_swarm.cluster.ray.nodes import environment

DEPLOY = ROOT / "deploy/kuberay"
SCHEMA = json.loads((ROOT / "tests/data/kuberay.schema.json").read_text())
KUSTOMIZATIONS = [DEPLOY / "kustomization.yaml", DEPLOY / "job/kustomization.yaml"]


def yaml() -> ModuleType:
    """It comes with the engine."""
    try:
        import yaml as found
    except ImportError:
        skip_part("pyyaml is not installed: pip install -r requirements/cluster.lock")
    module: ModuleType = found
    return module


def loaded(path: Path) -> Any:
    return yaml().safe_load(path.read_text())


def spec_of(manifest: Any) -> Any:
    return manifest["spec"].get("rayClusterSpec", manifest["spec"])


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_kustomize_finds_every_file_and_no_other_is_there(path: Path) -> None:
    found = loaded(path)
    assert found["kind"] == "Kustomization"
    there = {each.name for each in path.parent.glob("*.yaml")} - {path.name}
    assert set(found["resources"]) == there


@pytest.mark.parametrize("path", [DEPLOY / "raycluster.yaml", DEPLOY / "job/rayjob.yaml"], ids=lambda path: path.stem)
def test_a_cluster_has_fields_that_there_are_a_token_and_our_settings(path: Path) -> None:
    manifest = loaded(path)
    jsonschema.validate(manifest, SCHEMA)
    spec = spec_of(manifest)
    assert spec["authOptions"] == {"mode": "token"}
    ours = {name: value for name, value in environment({}, None).items() if name.startswith("RAY_health")}
    (workers,) = spec["workerGroupSpecs"]
    for group in (spec["headGroupSpec"], workers):
        (container,) = group["template"]["spec"]["containers"]
        variables = {each["name"]: each["value"] for each in container["env"]}
        assert ours.items() <= variables.items()
        assert variables["RAY_worker_niceness"] == "0"
        assert group["rayStartParams"]["num-cpus"] == "0"
        assert group["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "hls-swarm"
    (agent,) = workers["template"]["spec"]["containers"]
    assert agent["resources"]["requests"] == agent["resources"]["limits"]


def test_the_run_of_the_job_is_a_run_with_as_many_agents_as_there_are() -> None:
    job = loaded(DEPLOY / "job/rayjob.yaml")
    words = shlex.split(job["spec"]["entrypoint"])
    seen: list[Any] = []

    def run(settings: Any) -> int:
        seen.append(settings)
        return 0

    taken = dict.fromkeys(("demo", "origin", "log_exporter"), lambda *_: 0)
    assert main(words[1:], {}, Actions(run=run, **taken)) == 0
    (settings,) = seen
    assert (words[0], settings.cluster) == ("hls-swarm", "auto")
    assert settings.agents == spec_of(job)["workerGroupSpecs"][0]["replicas"]


def test_only_pods_of_the_cluster_may_reach_it() -> None:
    policy = loaded(DEPLOY / "networkpolicy.yaml")
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    labels = policy["spec"]["podSelector"]["matchLabels"]
    assert policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == labels
