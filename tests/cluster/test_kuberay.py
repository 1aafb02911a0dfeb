"""The manifests for KubeRay: fields that there are, files that kustomize finds, a run that the command line takes."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from tests.support.places import ROOT
from tests.support.programs import require, skip_part

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


def built(folder: Path) -> list[Any]:
    """What `kubectl apply -k` would send for a folder."""
    done = subprocess.run([require("kubectl"), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml().safe_load_all(done.stdout))


@pytest.mark.system
@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_kustomize_builds_what_the_files_say_in_one_namespace(path: Path) -> None:
    documents = built(path.parent)
    files = {name: loaded(path.parent / name) for name in loaded(path)["resources"]}
    assert {each["kind"] for each in documents} == {each["kind"] for each in files.values()}
    for document in documents:
        (written,) = (each for each in files.values() if each["kind"] == document["kind"])
        if document["kind"] == "Namespace":
            assert document["metadata"]["name"] == "hls-swarm"
            continue
        assert document["metadata"].pop("namespace") == "hls-swarm"
        assert document == written


@pytest.mark.system
def test_the_overlay_of_the_manual_gives_more_agents_another_image_and_another_run(tmp_path: Path) -> None:
    version = subprocess.run([require("kubectl"), "version", "--client"], capture_output=True, text=True, check=False)
    kustomize = re.search(r"Kustomize Version: v(\d+)", version.stdout)
    if kustomize is None or int(kustomize[1]) < 4:
        pytest.skip(
            "OLD KUBECTL: the kustomize in it knows no patches with a target (Kubernetes 1.21 has one that does)"
        )
    shutil.copytree(DEPLOY, tmp_path / "kuberay")
    manual = (ROOT / "docs/how-to/cluster.md").read_text()
    (overlay,) = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", manual, re.DOTALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/kustomization.yaml").write_text(overlay)
    (job,) = built(tmp_path / "mine")
    metadata = job["metadata"]
    assert metadata.pop("namespace") == "hls-swarm"
    jsonschema.validate(job, SCHEMA)
    spec = spec_of(job)
    (workers,) = spec["workerGroupSpecs"]
    assert (workers["replicas"], workers["minReplicas"], workers["maxReplicas"]) == (10, 10, 10)
    assert "--agents 10 " in job["spec"]["entrypoint"]
    images = {
        container["image"]
        for group in (spec["headGroupSpec"], workers)
        for container in group["template"]["spec"]["containers"]
    }
    assert images == {"registry.example.com/hls-swarm:cluster"}
    (agent,) = workers["template"]["spec"]["containers"]
    assert agent["resources"]["limits"] == {"cpu": "8", "memory": "16Gi"}


def test_only_pods_of_the_cluster_may_reach_it() -> None:
    policy = loaded(DEPLOY / "networkpolicy.yaml")
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    labels = policy["spec"]["podSelector"]["matchLabels"]
    assert policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == labels
